//! Where JSON is written to, one value after the other.

use crate::json::{self, Scanner};
use crate::limits;
use crate::numeric::Scaled;
use crate::types::Reason;

/// Appends the JSON of one row.
pub(super) type Writer<'a> = Box<dyn Fn(usize, &mut Sink) + 'a>;

/// Where JSON is written to.
#[derive(Default)]
pub(super) struct Sink {
    text: String,
    /// Where the value begins.
    start: usize,
    cleaned: bool,
    failure: Option<Reason>,
}

impl Sink {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.begin();
    }

    /// What follows is another value.
    pub(super) fn begin(&mut self) {
        self.start = self.text.len();
        self.cleaned = false;
        self.failure = None;
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Something was left out: a character that Postgres cannot hold, a member that comes again.
    pub(super) fn is_cleaned(&self) -> bool {
        self.cleaned
    }

    /// Why the value is none.
    pub(super) fn failure(&self) -> Option<Reason> {
        self.failure
    }

    /// Something of the value is left out.
    pub(super) fn clean(&mut self) {
        self.cleaned = true;
    }

    /// Takes back what follows behind so many bytes.
    pub(super) fn truncate(&mut self, bytes: usize) {
        self.text.truncate(bytes);
    }

    /// The value is none.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.failure = Some(reason);
    }

    /// Nothing more need be written: no field takes what is there already, and that is its failure.
    pub(super) fn is_done(&mut self) -> bool {
        let done = self.text.len() - self.start > limits::JSONB_BYTES;
        if done {
            self.fail(Reason::FieldSizeLimitation);
        }
        done
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn show(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        write(&mut self.text).expect("writing to memory does not fail");
    }

    /// A string of characters that need no escape.
    pub(super) fn plain_string(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        self.push("\"");
        self.show(write);
        self.push("\"");
    }

    pub(super) fn string(&mut self, text: &str) {
        let needs_care = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        if !text.as_bytes().iter().any(needs_care) {
            self.push("\"");
            self.push(text);
            self.push("\"");
        } else if text.contains('\0') {
            self.cleaned = true;
            json::write_quoted(&text.replace('\0', ""), &mut self.text);
        } else {
            json::write_quoted(text, &mut self.text);
        }
    }

    /// A text that is JSON itself. Alone, it is looked at by who reads the sink.
    pub(super) fn json(&mut self, text: &str) {
        if !self.text.is_empty() && Scanner::new(text).whole().is_err() {
            self.fail(Reason::SerializationError);
        }
        self.push(text);
    }

    pub(super) fn integer(&mut self, value: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(value));
    }

    pub(super) fn decimal(&mut self, value: Scaled, scale: i8) {
        value.write(scale, &mut self.text);
    }

    pub(super) fn float(&mut self, value: f64, shortest: impl FnOnce(&mut String) -> std::fmt::Result) {
        if value.is_nan() {
            self.push("\"NaN\"");
        } else if value.is_infinite() {
            self.push(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            self.show(shortest);
        }
    }
}
