//! The only owner of stdout: one protocol message a line, flushed at once.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
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
}

impl Output {
    /// Messages to stdout.
    pub fn stdout() -> Self {
        Self::new(Box::new(std::io::stdout()))
    }

    /// Messages to `sink`.
    pub fn new(sink: Box<dyn Write + Send>) -> Self {
        Self { sink: Arc::new(Mutex::new(sink)), redactor: Arc::default() }
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
        sink.write_all(text.as_bytes()).and_then(|()| sink.flush()).map_err(|e| {
            Error::new(ErrorKind::Output, "stdout was closed: nobody reads the connector's messages").with_source(e)
        })
    }

    /// Writes one message.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] when stdout was closed.
    pub fn message(&self, message: &Value) -> Result<()> {
        self.line(&message.to_string())
    }

    /// Writes a LOG message. A closed stdout is noticed at the next STATE.
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

    /// Writes the TRACE ERROR of a failed operation.
    pub fn error(&self, error: &Error) {
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
        drop(self.message(&json!({
            "type": "TRACE",
            "trace": {"type": "ERROR", "emitted_at": now_ms() as f64, "error": body},
        })));
    }

    /// `text` without secrets and without what a terminal would not show, cut at [`crate::limits::ERROR_TEXT_BYTES`].
    pub fn clean(&self, text: &str) -> String {
        let clean = self.redactor.redact(text);
        let mut clean: String = clean.chars().map(|c| if c == '\n' || c == '\t' { c } else { printable(c) }).collect();
        if clean.len() > crate::limits::ERROR_TEXT_BYTES {
            let end = clean.floor_char_boundary(crate::limits::ERROR_TEXT_BYTES);
            clean.truncate(end);
            clean.push('…');
        }
        clean
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
