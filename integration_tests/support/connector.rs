//! The connector's binary, run as the orchestrator runs it: files for configuration and catalog, lines on stdin.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::secrets::Secrets;

/// How long a connector may take before a test gives it up; generous, as it may share the machine with much else.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// One run to be: what it is asked, and with which files.
///
/// However it ends, every byte that it wrote is searched for its secrets, and one that is found fails the test.
pub struct Connector {
    command: Command,
    secrets: Secrets,
    files: TempDir,
}

/// A connector that runs now. It is killed when this value is dropped.
pub struct Running {
    child: Child,
    stdin: Option<Sender<Vec<u8>>>,
    lines: Receiver<Vec<u8>>,
    seen: Vec<String>,
    /// How many of them are STATE messages.
    states: usize,
    stderr: Option<JoinHandle<String>>,
    secrets: Secrets,
    files: TempDir,
}

/// What a finished run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// The lines of stdout.
    pub stdout: Vec<String>,
    /// Everything on stderr.
    pub stderr: String,
}

impl Connector {
    /// `destination-postgres COMMAND`, or the executable that `DESTINATION_POSTGRES_BIN` names.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(command: &str) -> Self {
        let binary = std::env::var_os("DESTINATION_POSTGRES_BIN")
            .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_destination-postgres")));
        Self::of(&binary, command)
    }

    /// `BINARY COMMAND`: what stands in for the connector where the tests themselves are tested.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn of(binary: &OsStr, command: &str) -> Self {
        let mut process = Command::new(binary);
        process.arg(command);
        Self { command: process, secrets: Secrets::default(), files: TempDir::new().expect("a temporary directory") }
    }

    /// `check --config` with this configuration.
    pub fn check(config: &Value) -> Self {
        Self::new("check").file("config", config.to_string().as_bytes())
    }

    /// `write --config --catalog` with this configuration and catalog.
    pub fn write(config: &Value, catalog: &Value) -> Self {
        Self::new("write").file("config", config.to_string().as_bytes()).file("catalog", catalog.to_string().as_bytes())
    }

    /// Adds `--NAME FILE` with a file of these contents.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn file(mut self, name: &str, contents: &[u8]) -> Self {
        if name == "config" {
            self.secrets.add_config(contents);
        }
        let path = self.files.path().join(format!("{name}.json"));
        fs::write(&path, contents).expect("a temporary file");
        self.command.arg(format!("--{name}")).arg(path);
        self
    }

    /// Adds a plain argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Lets it know only the host names of these lines of a hosts file, in a mount namespace of its own. To be called
    /// before [`Connector::env`].
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn hosts(mut self, lines: &str) -> Self {
        let file = |name: &str, text: &str| {
            let path = self.files.path().join(name);
            fs::write(&path, format!("{text}\n")).expect("a temporary file");
            path
        };
        let mut inside = Command::new("unshare");
        // Who is not root may be it in a namespace of his own.
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
            inside.args(["--user", "--map-root-user"]);
        }
        let script = "mount --bind \"$0\" /etc/hosts && mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
        inside.args(["--mount", "sh", "-c", script]);
        inside.arg(file("hosts", lines)).arg(file("nsswitch", "hosts: files"));
        inside.arg(self.command.get_program()).args(self.command.get_args());
        self.command = inside;
        self
    }

    /// Lets these words run it: `env`, `unshare`, `sh -c`, … with their arguments.
    #[must_use]
    pub fn by(mut self, words: &[&str]) -> Self {
        let [program, arguments @ ..] = words else { panic!("no program") };
        let mut outer = Command::new(program);
        outer.args(arguments).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        self.command = outer;
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.secrets.add_variable(name, value);
        self.command.env(name, value);
        self
    }

    /// Runs to the end with this input.
    ///
    /// # Panics
    /// When the binary cannot be started or does not end in time.
    pub fn run(self, input: &[u8]) -> Outcome {
        let running = self.start();
        running.feed(input);
        running.finish(TIMEOUT).expect("the connector ends in time")
    }

    /// Starts it, with stdin held open.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn start(self) -> Running {
        let (mut running, stdout) = self.start_unread();
        running.read(stdout);
        running
    }

    /// As [`Connector::start`], with a stdout that nobody reads; [`Running::read`] changes that, dropping it closes it.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn start_unread(mut self) -> (Running, ChildStdout) {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {:?}: {e}", self.command.get_program()));

        // A connector that does not read must block its feeder, not the test.
        let (feed, fed) = channel::<Vec<u8>>();
        let mut stdin = child.stdin.take().expect("stdin is piped");
        std::thread::spawn(move || {
            for bytes in fed {
                // It may have ended with an error before it read everything: that is for the test to judge.
                if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        });

        let mut stderr = child.stderr.take().expect("stderr is piped");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let stdout = child.stdout.take().expect("stdout is piped");
        let running = Running {
            child,
            stdin: Some(feed),
            lines: channel().1,
            seen: Vec::new(),
            states: 0,
            stderr: Some(stderr),
            secrets: self.secrets,
            files: self.files,
        };
        (running, stdout)
    }
}

impl Running {
    /// From now on it knows the host names of these lines; it was started with others by [`Connector::hosts`].
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn hosts(&self, lines: &str) {
        fs::write(self.files.path().join("hosts"), format!("{lines}\n")).expect("the file of host names");
    }

    /// Reads this as its stdout from now on.
    pub fn read(&mut self, stdout: ChildStdout) {
        let (line_out, lines) = channel();
        let mut stdout = BufReader::new(stdout);
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if line_out.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        self.lines = lines;
    }

    /// Sends bytes to stdin, without waiting for them to be read.
    pub fn feed(&self, bytes: &[u8]) {
        if let Some(stdin) = &self.stdin {
            let _ = stdin.send(bytes.to_vec());
        }
    }

    /// Closes stdin behind everything fed so far.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until `count` STATE messages came out since the start.
    ///
    /// # Errors
    /// A sentence with what came instead, when stdout ended or the time was over.
    pub fn wait_for_states(&mut self, count: usize, timeout: Duration) -> Result<(), String> {
        let enough = |running: &Self| running.states >= count;
        self.take_in_until(timeout, enough).map_err(|why| format!("no {count} STATE messages: {why}"))
    }

    /// Waits until the lines so far satisfy `enough`.
    ///
    /// # Errors
    /// A sentence with what came instead, when stdout ended or the time was over.
    pub fn wait_until(&mut self, timeout: Duration, enough: impl Fn(&[String]) -> bool) -> Result<(), String> {
        self.take_in_until(timeout, |running| enough(&running.seen))
    }

    fn take_in_until(&mut self, timeout: Duration, enough: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + timeout;
        while !enough(self) {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.see(&line),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("not within {} s; stdout: {:#?}", timeout.as_secs(), self.seen));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(format!("stdout ended: {:#?}", self.seen)),
            }
        }
        Ok(())
    }

    /// Takes in what comes on stdout within this time; false once it has ended.
    pub fn look(&mut self, pause: Duration) -> bool {
        match self.lines.recv_timeout(pause) {
            Ok(line) => self.see(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    /// The lines of stdout that were taken in so far.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Reads stdout no more: it is closed behind the next line.
    pub fn stop_reading(&mut self) {
        self.lines = channel().1;
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Sends a signal by name (`TERM`, `STOP`, `CONT`). By the shell, since the standard library knows only SIGKILL.
    ///
    /// # Panics
    /// When there is no shell.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().expect("a shell");
    }

    /// Closes stdin and waits for the end.
    ///
    /// # Errors
    /// A sentence with what it wrote so far, when it did not end in time (it is killed then).
    pub fn finish(mut self, timeout: Duration) -> Result<Outcome, String> {
        self.close_stdin();
        self.wait(timeout)
    }

    /// Waits for the end with stdin as it is.
    ///
    /// # Errors
    /// A sentence with what it wrote so far, when it did not end in time (it is killed then).
    pub fn wait(mut self, timeout: Duration) -> Result<Outcome, String> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.see(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    return Err(format!("still running after {} s; stdout: {:#?}", timeout.as_secs(), self.seen));
                }
            }
        }
        // Between the end of stdout and the exit there is nothing left to do that takes long.
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) => return Err(format!("stdout ended, the process did not; stdout: {:#?}", self.seen)),
                Err(error) => return Err(error.to_string()),
            }
        };
        let stderr = self.search();
        Ok(Outcome { status, stdout: std::mem::take(&mut self.seen), stderr })
    }

    /// Takes in the rest of its output, fails where a secret is in it, and answers stderr. Only after its end.
    fn search(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.see(&line);
        }
        let Some(stderr) = self.stderr.take() else { return String::new() };
        let stderr = stderr.join().unwrap_or_default();
        let leaks = self.secrets.leaks(&self.seen, &stderr);
        // One panic is enough to fail, a second one would abort all tests.
        assert!(std::thread::panicking() || leaks.is_empty(), "secrets in the output: {leaks:#?}");
        stderr
    }

    fn see(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        self.states += usize::from(is_type(&line, "STATE"));
        self.seen.push(line);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.search();
    }
}

impl Outcome {
    /// What `check` answered: success, or the message of its failure.
    ///
    /// # Panics
    /// When there is not one `CONNECTION_STATUS` that says one of the two.
    pub fn checked(&self) -> Result<(), String> {
        let answers = self.messages_of("CONNECTION_STATUS");
        let [answer] = answers.as_slice() else { panic!("not one answer: {self:#?}") };
        let answer = &answer["connectionStatus"];
        match (answer["status"].as_str(), answer["message"].as_str()) {
            (Some("SUCCEEDED"), None) => Ok(()),
            (Some("FAILED"), Some(message)) => Err(message.to_owned()),
            _ => panic!("neither success nor failure: {self:#?}"),
        }
    }

    /// The exit code, or the negated number of the signal that ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| -self.status.signal().unwrap_or_default())
    }

    /// The messages on stdout.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn messages(&self) -> Vec<Value> {
        let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|e| panic!("stdout: {e}: {line}"));
        self.stdout.iter().map(parse).collect()
    }

    /// The messages of one type.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn messages_of(&self, message_type: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["type"] == message_type).collect()
    }
}

fn is_type(line: &str, message_type: &str) -> bool {
    // the search is cheap, and most lines are of another type
    line.contains(message_type)
        && serde_json::from_str::<Value>(line).is_ok_and(|message| message["type"] == message_type)
}
