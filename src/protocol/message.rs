//! One line of stdin -> [`Message`], in one pass and in any order of members.

use std::borrow::Cow;

use super::batch::{self, Batch};
use super::{State, StreamName, state};
use crate::json::{self, Kind, Scanner, SyntaxError, Token};
use crate::limits;

/// Reads the `data` object of a record while the line is being scanned.
pub trait DataReader {
    /// Scans the object that follows. `stream` is the stream's name when the line has said it already; the namespace
    /// may come later.
    ///
    /// # Errors
    /// When the text is not JSON.
    fn read_data(&mut self, stream: Option<&str>, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError>;
}

/// What a line says.
#[derive(Debug)]
pub enum Message<'a> {
    /// A record; its data went to the [`DataReader`].
    Record(Record<'a>),
    /// Rows of a stream in Arrow record batches.
    Batch(Batch<'a>),
    /// A checkpoint to acknowledge.
    State(State),
    /// A stream's status.
    Status(StreamName, Status),
    /// A message that is none of a destination's business.
    Ignored,
}

/// The envelope of a record.
#[derive(Debug)]
pub struct Record<'a> {
    /// Stream name.
    pub stream: Cow<'a, str>,
    /// Namespace; empty is none.
    pub namespace: Option<Cow<'a, str>>,
    /// `emitted_at` in milliseconds since 1970, or none when the line does not say.
    pub emitted_at_ms: Option<i64>,
    /// The elements of `meta.changes` as JSON text without the brackets, when there are any.
    pub changes: Option<Cow<'a, str>>,
}

/// `stream_status.status`, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// The source has sent everything.
    Complete,
    /// The source failed or was stopped.
    Incomplete,
    /// Started or running.
    Other,
}

/// Parses one line.
///
/// # Errors
/// A sentence that says what is wrong and where, never what the line holds.
pub fn parse_line<'a>(line: &'a str, reader: &mut impl DataReader) -> Result<Message<'a>, String> {
    parse(line, reader)
}

fn parse<'a>(line: &'a str, reader: &mut impl DataReader) -> Result<Message<'a>, String> {
    let mut scanner = Scanner::new(line);
    let syntax = |e: SyntaxError| format!("it is not valid JSON (byte {})", e.offset + 1);
    let mut kind = Token::MISSING;
    let mut record = None;
    let mut state = Token::MISSING;
    let mut trace = Token::MISSING;
    let mut rows = Token::MISSING;
    scanner.enter_object().map_err(syntax)?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first).map_err(syntax)? {
        first = false;
        match &*string(key, line) {
            "type" => kind = scanner.value().map_err(syntax)?,
            "record" if scanner.is_object_next() => {
                record = Some(parse_record(line, &mut scanner, reader).map_err(syntax)?);
            }
            "record" => {
                scanner.value().map_err(syntax)?;
                record = None;
            }
            "batch" => rows = scanner.value().map_err(syntax)?,
            "state" => state = scanner.value().map_err(syntax)?,
            "trace" => trace = scanner.value().map_err(syntax)?,
            _ => {
                scanner.value().map_err(syntax)?;
            }
        }
    }
    scanner.finish().map_err(syntax)?;
    match (kind.kind, &*string(kind, line)) {
        (Kind::String, "RECORD") => {
            let record = record.ok_or("a RECORD message has no `record` object")?;
            record.finish(line).map(Message::Record)
        }
        (Kind::String, "BATCH") if rows.kind == Kind::Object => batch::parse(rows.text(line)).map(Message::Batch),
        (Kind::String, "BATCH") => Err("a BATCH message has no `batch` object".into()),
        (Kind::String, "STATE") if state.kind == Kind::Object => state::parse(state.text(line)).map(Message::State),
        (Kind::String, "STATE") => Err("a STATE message has no `state` object".into()),
        (Kind::String, "TRACE") => Ok(parse_trace(trace.text(line))),
        (Kind::String, "LOG" | "SPEC" | "CONNECTION_STATUS" | "CATALOG" | "CONTROL" | "DESTINATION_CATALOG") => {
            Ok(Message::Ignored)
        }
        (Kind::String, _) => Err("its `type` is not one of the Airbyte protocol".into()),
        _ => Err("it has no `type`".into()),
    }
}

struct RawRecord {
    stream: Token,
    namespace: Token,
    emitted_at: Token,
    changes: Token,
    has_data: bool,
}

fn parse_record(line: &str, scanner: &mut Scanner<'_>, reader: &mut impl DataReader) -> Result<RawRecord, SyntaxError> {
    let mut record = RawRecord {
        stream: Token::MISSING,
        namespace: Token::MISSING,
        emitted_at: Token::MISSING,
        changes: Token::MISSING,
        has_data: false,
    };
    scanner.enter_object()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        match &*string(key, line) {
            "stream" => record.stream = scanner.value()?,
            "namespace" => record.namespace = scanner.value()?,
            "emitted_at" => record.emitted_at = scanner.value()?,
            "data" if scanner.is_object_next() => {
                let known = (record.stream.kind == Kind::String).then(|| string(record.stream, line));
                reader.read_data(known.as_deref(), scanner)?;
                record.has_data = true;
            }
            "data" => {
                scanner.value()?;
                record.has_data = false;
            }
            "meta" if scanner.is_object_next() => record.changes = parse_meta(line, scanner)?,
            _ => {
                scanner.value()?;
            }
        }
    }
    Ok(record)
}

fn parse_meta(line: &str, scanner: &mut Scanner<'_>) -> Result<Token, SyntaxError> {
    let mut changes = Token::MISSING;
    scanner.enter_object()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        let value = scanner.value()?;
        if string(key, line) == "changes" {
            changes = value;
        }
    }
    Ok(changes)
}

impl RawRecord {
    fn finish(self, line: &str) -> Result<Record<'_>, String> {
        if self.stream.kind != Kind::String {
            return Err("the record has no `stream`".into());
        }
        if !self.has_data {
            return Err(format!("the record of stream {} has no `data` object", string(self.stream, line)));
        }
        let fits = !self.changes.exceeds_jsonb() && json::jsonb_size(self.changes.text(line)) <= limits::JSONB_BYTES;
        let changes = (self.changes.kind == Kind::Array && fits)
            .then(|| elements(self.changes, line))
            .filter(|elements| !elements.is_empty());
        Ok(Record {
            stream: string(self.stream, line),
            namespace: (self.namespace.kind == Kind::String)
                .then(|| string(self.namespace, line))
                .filter(|namespace| !namespace.is_empty()),
            emitted_at_ms: (self.emitted_at.kind == Kind::Number).then(|| millis(self.emitted_at.text(line))).flatten(),
            changes,
        })
    }
}

/// The text between the brackets of an array.
fn elements(array: Token, line: &str) -> Cow<'_, str> {
    fn inside(array: &str) -> &str {
        array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default().trim()
    }
    if array.is_dirty() {
        let mut clean = String::new();
        json::append_compact(array.text(line), &mut clean);
        return Cow::Owned(inside(&clean).to_owned());
    }
    Cow::Borrowed(inside(array.text(line)))
}

pub(super) fn millis(number: &str) -> Option<i64> {
    number.parse().ok().or_else(|| {
        // A fraction of a millisecond is dropped; what no clock can show is taken for absent.
        let whole = number.split(['.', 'e', 'E']).next().unwrap_or_default();
        (!number.contains(['e', 'E'])).then(|| whole.parse().ok()).flatten()
    })
}

pub(super) fn string(token: Token, line: &str) -> Cow<'_, str> {
    let raw = token.text(line);
    if token.is_escaped() {
        let mut text = String::with_capacity(raw.len());
        json::append_unescaped(raw, &mut text);
        Cow::Owned(text)
    } else {
        Cow::Borrowed(raw)
    }
}

/// A TRACE matters only when it carries a stream status; anything odd in it is ignored, as other messages are.
fn parse_trace(trace: &str) -> Message<'static> {
    fn status(trace: &str) -> Option<(StreamName, String)> {
        let trace = state::Members::read(trace)?;
        let status = state::Members::read(trace.get("stream_status")?)?;
        let name = state::stream_name(status.get("stream_descriptor")?)?;
        Some((name, serde_json::from_str(status.get("status")?).ok()?))
    }
    let Some((name, status)) = status(trace) else { return Message::Ignored };
    Message::Status(
        name,
        match status.as_str() {
            "COMPLETE" => Status::Complete,
            "INCOMPLETE" => Status::Incomplete,
            _ => Status::Other,
        },
    )
}
