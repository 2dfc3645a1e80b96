//! The Python of the tests, with pyarrow: whoever makes files with it knows nothing of our readers.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Files that a script made, as long as this value lives.
pub struct Files(TempDir);

impl Files {
    /// Runs `SCRIPT SUBJECT DIRECTORY` with a directory of its own.
    ///
    /// # Panics
    /// When there is no Python with pyarrow, or the script fails.
    pub fn made(script: &str, subject: &str) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let output = command().arg(script).arg(subject).arg(directory.path()).output().expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(directory)
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The URL of one.
    pub fn url(&self, name: &str) -> String {
        format!("file://{}", self.0.path().join(name).display())
    }

    /// The text of one.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect(name)
    }
}

/// The interpreter of the environment that `./test` makes, or the one that `ARROW_PYTHON` names.
///
/// # Panics
/// When neither is there.
pub fn command() -> Command {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let python = std::env::var_os("ARROW_PYTHON").map_or(made, PathBuf::from);
    assert!(
        python.exists(),
        "there is no Python with pyarrow at {}: run ./test once, which makes it",
        python.display()
    );
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
