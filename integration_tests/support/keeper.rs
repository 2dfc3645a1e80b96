//! A script that keeps a server running for as long as its stdin is open.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The script. It ends with this value, and no later than this process: it holds the other end of a pipe, and takes its
/// server down when the pipe closes, be it by a drop, a panic or a kill.
pub struct Keeper {
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    child: Child,
}

impl Keeper {
    /// Starts it and answers its first line, which is empty when it has ended.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> (Self, String) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C must reach the tests only; the server then goes with them.
            .process_group(0)
            .spawn()
            .expect("the script runs");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut keeper = Self { stdin, stdout, child };
        let line = keeper.line();
        (keeper, line)
    }

    /// Tells it a word and answers the line that it says then.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn tell(&mut self, word: &str) -> String {
        let stdin = self.stdin.as_mut().expect("stdin is open until the end");
        writeln!(stdin, "{word}").expect("the script listens");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the script answers");
        line.trim().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
