//! What a process asks of the network, as strace sees it: no packet leaves but by one of these calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::NamedTempFile;

/// The calls of one run and of all its threads, once it has ended.
pub struct NetworkCalls {
    file: NamedTempFile,
}

impl NetworkCalls {
    /// Nothing seen yet.
    ///
    /// # Panics
    /// When a process cannot be watched here, with what is missing.
    pub fn new() -> Self {
        let calls = Self { file: NamedTempFile::new().expect("a temporary file") };
        let [strace, words @ ..] = &*calls.watching() else { unreachable!("a command has words") };
        let tried = Command::new(strace).args(words).arg("true").output();
        let output = tried.expect("strace runs: please install it (Debian: apt-get install strace)");
        assert!(
            output.status.success(),
            "strace cannot watch a process here; in a container allow it to (--cap-add SYS_PTRACE): {}",
            String::from_utf8_lossy(&output.stderr)
        );
        calls
    }

    /// The words before those of the command to watch.
    ///
    /// # Panics
    /// When the temporary file has a name that is no UTF-8.
    pub fn watching(&self) -> Vec<&str> {
        let file = self.file.path().to_str().expect("a name in UTF-8");
        // A ring would be a way past the calls.
        vec!["strace", "-f", "-qq", "-e", "trace=%network,?io_uring_setup", "-e", "signal=none", "-o", file]
    }

    /// Whom it connected to or sent to, or tried to: `address:port`, or the path of a Unix socket.
    ///
    /// # Panics
    /// When it asked for a way to do so unseen.
    pub fn peers(&self) -> BTreeSet<String> {
        let text = read(self.file.path());
        assert!(!text.contains("io_uring_setup"), "{text}");
        let sends =
            |line: &&str| ["connect(", "sendto(", "sendmsg(", "sendmmsg("].iter().any(|call| line.contains(call));
        text.lines().filter(sends).flat_map(addresses).collect()
    }
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).expect("the calls are on record")).into_owned()
}

/// The addresses in one line: `{sa_family=AF_INET, sin_port=htons(5432), sin_addr=inet_addr("127.0.0.1")}`. The kernel itself,
/// which can be asked by AF_NETLINK, is nobody to send packets to.
fn addresses(line: &str) -> Vec<String> {
    let after = |text: &str, start: &str, end: &str| {
        let rest = text.split_once(start)?.1;
        Some(rest.split_once(end)?.0.to_owned())
    };
    let one = |text: &str| {
        if text.starts_with("AF_UNIX") {
            return after(text, "sun_path=", "}");
        }
        let port = after(text, "_port=htons(", ")")?;
        let address = after(text, "inet_addr(\"", "\"").or_else(|| after(text, "inet_pton(AF_INET6, \"", "\""))?;
        Some(format!("{address}:{port}"))
    };
    line.split("sa_family=").skip(1).filter_map(one).collect()
}
