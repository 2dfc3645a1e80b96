//! The only owner of stdout: one protocol message a line, flushed at once.

use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::printable::printable;
use crate::secret::Redactor;

/// Level of a LOG message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// The sync goes on, but somebody should know.
    Warn,
    /// Progress and decisions.
    Info,
}

/// Writes messages; clones share one stdout.
#[derive(Clone)]
pub struct Output {
    sink: Arc<Mutex<Box<dyn Write + Send>>>,
    redactor: Arc<Redactor>,
    descriptor: Option<Arc<OwnedFd>>,
}

impl Output {
    /// Messages to stdout.
    pub fn stdout() -> Self {
        let stdout = std::io::stdout();
        let descriptor = stdout.as_fd().try_clone_to_owned().ok().map(Arc::new);
        Self { descriptor, ..Self::new(Box::new(stdout)) }
    }

    /// Messages to `sink`.
    pub fn new(sink: Box<dyn Write + Send>) -> Self {
        Self { sink: Arc::new(Mutex::new(sink)), redactor: Arc::default(), descriptor: None }
    }

    /// Where the messages go, for whoever watches whether they are read: not to be written to.
    pub fn descriptor(&self) -> Option<OwnedFd> {
        self.descriptor.as_ref().and_then(|descriptor| descriptor.try_clone().ok())
    }

    /// The same output, which replaces each of `secrets` by `***` in all text of ours or of a server. STATE is neither.
    #[must_use]
    pub fn redacting<'a>(self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self { redactor: Arc::new(Redactor::new(secrets)), ..self }
    }

    /// Writes one message that is JSON text already.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] when stdout was closed.
    pub fn line(&self, message: &str) -> Result<()> {
        self.text(&format!("{message}\n"))
    }

    /// Writes the answer of a command for people, which is no message.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] when stdout was closed.
    pub fn text(&self, text: &str) -> Result<()> {
        let mut sink = self.sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sink.write_all(text.as_bytes()).and_then(|()| sink.flush()).map_err(|e| nobody_reads().with_source(e))
    }

    /// Writes one message.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] when stdout was closed.
    pub fn message(&self, message: &Value) -> Result<()> {
        self.line(&message.to_string())
    }

    /// Writes a LOG message. It is not what a closed stdout is noticed by.
    pub fn log(&self, level: Level, text: &str) {
        let level = match level {
            Level::Warn => "WARN",
            Level::Info => "INFO",
        };
        drop(self.message(&json!({"type": "LOG", "log": {"level": level, "message": self.clean(text)}})));
    }

    /// A LOG message of level INFO.
    pub fn info(&self, text: &str) {
        self.log(Level::Info, text);
    }

    /// A LOG message of level WARN.
    pub fn warn(&self, text: &str) {
        self.log(Level::Warn, text);
    }

    /// Says a line to a person: on stderr where that is a terminal, else nowhere.
    pub fn tell(&self, text: &str) {
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() {
            drop(writeln!(stderr, "{}", self.clean(text)));
        }
    }

    /// Writes the TRACE ERROR of a failed operation; on stderr where stdout does not take it.
    pub fn error(&self, error: &Error) {
        if self.message(&self.trace(error)).is_err() {
            self.error_on_stderr(error);
        }
    }

    /// As [`Output::error`], and nothing is written to stdout after it. It does not wait for long for somebody else's message.
    pub fn last_error(&self, error: &Error) {
        let message = format!("{}\n", self.trace(error));
        let mut tries = 0..limits::LAST_ERROR_TRIES;
        let mut sink = loop {
            match self.sink.try_lock() {
                Ok(sink) => break sink,
                Err(TryLockError::Poisoned(sink)) => break sink.into_inner(),
                Err(TryLockError::WouldBlock) if tries.next().is_some() => std::thread::sleep(limits::LAST_ERROR_PAUSE),
                Err(TryLockError::WouldBlock) => return self.error_on_stderr(error),
            }
        };
        if sink.write_all(message.as_bytes()).and_then(|()| sink.flush()).is_err() {
            self.error_on_stderr(error);
        }
        std::mem::forget(sink);
    }

    fn error_on_stderr(&self, error: &Error) {
        drop(writeln!(std::io::stderr(), "error: {}", self.clean(error.message())));
    }

    fn trace(&self, error: &Error) -> Value {
        let mut body = json!({
            "message": self.clean(error.message()),
            "internal_message": self.clean(&error.chain()),
            "failure_type": error.kind().failure_type().as_str(),
        });
        if let Some(stream) = error.stream() {
            body["stream_descriptor"] = match &stream.namespace {
                Some(namespace) => json!({"name": stream.name, "namespace": namespace}),
                None => json!({"name": stream.name}),
            };
        }
        json!({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": now_ms() as f64, "error": body}})
    }

    /// `text` without secrets and without what a terminal would not show, cut at [`limits::ERROR_TEXT_BYTES`].
    pub fn clean(&self, text: &str) -> String {
        let clean = self.redactor.redact(text);
        let mut clean: String = clean.chars().map(|c| if c == '\n' || c == '\t' { c } else { printable(c) }).collect();
        if clean.len() > limits::ERROR_TEXT_BYTES {
            let end = clean.floor_char_boundary(limits::ERROR_TEXT_BYTES);
            clean.truncate(end);
            clean.push('…');
        }
        clean
    }
}

/// The error of a stdout that was closed.
pub fn nobody_reads() -> Error {
    Error::new(ErrorKind::Output, "stdout was closed: nobody reads the connector's messages")
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
