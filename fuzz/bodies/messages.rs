//! The way from stdin to messages, against serde_json: chunks of whole lines, then each line.

use std::io::{Error, ErrorKind, Read};

use destination_postgres::json::{Scanner, SyntaxError};
use destination_postgres::protocol::{DataReader, Message, Record, State, StateScope, Status, StreamName, parse_line};
use destination_postgres::write::input;
use serde_json::value::RawValue;

use super::batch::check_batch;
use super::json::{compact, unescaped};
use super::members::Members;

/// The first byte says how stdin is cut into reads, the rest is what comes in.
pub fn run(input: &[u8]) {
    let Some((&cut, input)) = input.split_first() else { return };
    for line in lines(input, cut) {
        if let Ok(line) = std::str::from_utf8(&line) {
            // As the pipeline does it.
            let line = line.trim_ascii();
            if !line.is_empty() {
                check_line(line);
            }
        }
    }
}

/// Lines as they come out of the reader.
fn lines(input: &[u8], cut: u8) -> Vec<Vec<u8>> {
    let size = (input.len() / 8).max(1 + usize::from(cut / 2));
    let mut receiver = input::spawn(Pieces { rest: input.to_vec(), size, interrupt: cut % 2 == 1 });
    let mut out = Vec::new();
    let mut open = false;
    while let Some(chunk) = receiver.blocking_recv() {
        let chunk = chunk.expect("lines are short and reading does not fail");
        assert!(!open, "only the last chunk may end within a line");
        open = chunk.last().is_some_and(|byte| *byte != b'\n');
        out.extend_from_slice(&chunk);
    }
    assert_eq!(out, input, "what comes out is what went in");
    out.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// stdin that gives some bytes at a time and may be interrupted in between.
struct Pieces {
    rest: Vec<u8>,
    size: usize,
    interrupt: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.interrupt && self.rest.len() % 2 == 1 {
            self.interrupt = false;
            return Err(Error::from(ErrorKind::Interrupted));
        }
        let count = self.size.min(self.rest.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

/// Keeps what it is given to read: the stream as far as known, and the object.
#[derive(Default)]
struct Seen(Vec<(Option<String>, String)>);

impl DataReader for Seen {
    fn read_data(&mut self, stream: Option<&str>, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        let object = scanner.value()?;
        self.0.push((stream.map(str::to_owned), object.text(scanner.line()).to_owned()));
        Ok(())
    }
}

fn check_line(line: &str) {
    let mut seen = Seen::default();
    let parsed = parse_line(line, &mut seen);
    let is_object = line.starts_with('{') && serde_json::from_str::<&RawValue>(line).is_ok();
    if let Err(sentence) = &parsed {
        let position = sentence.strip_prefix("it is not valid JSON (byte ").and_then(|rest| rest.strip_suffix(')'));
        assert_eq!(position.is_none(), is_object, "{line:?}: {sentence}");
        if let Some(position) = position {
            assert!((1..=line.len() + 1).contains(&position.parse().expect("a number")), "{line:?}: {sentence}");
        }
    } else {
        assert!(is_object, "{line:?} was taken for {parsed:?}");
    }
    // Of names that come twice the last counts, but that is for the library's own tests.
    let Some(members) = Members::read(line).filter(Members::are_plain) else { return };
    let kind = members.get("type").and_then(text);
    match (kind.as_deref(), parsed) {
        (None, Err(sentence)) => assert_eq!(sentence, "it has no `type`"),
        (Some("RECORD"), parsed) => check_record(members.get("record"), parsed, &seen, line),
        (Some("STATE"), parsed) => check_state(members.get("state"), parsed),
        (Some("BATCH"), parsed) => check_batch(members.get("batch"), parsed),
        (Some("TRACE"), Ok(message)) => check_trace(members.get("trace").unwrap_or("null"), &message),
        (Some("LOG" | "SPEC" | "CONNECTION_STATUS" | "CATALOG" | "CONTROL" | "DESTINATION_CATALOG"), Ok(message)) => {
            assert!(matches!(message, Message::Ignored));
        }
        (Some(_), Err(sentence)) => assert_eq!(sentence, "its `type` is not one of the Airbyte protocol"),
        (kind, parsed) => panic!("{kind:?} became {parsed:?}"),
    }
}

/// The characters of a JSON string.
fn text(json: &str) -> Option<String> {
    Some(unescaped(json.strip_prefix('"')?.strip_suffix('"')?).0)
}

fn check_record(record: Option<&str>, parsed: Result<Message<'_>, String>, seen: &Seen, line: &str) {
    let Some(record) = record.filter(|record| record.starts_with('{')) else {
        assert_eq!(parsed.unwrap_err(), "a RECORD message has no `record` object");
        return;
    };
    let Some(members) = Members::read(record).filter(Members::are_plain) else { return };
    let data = members.get("data").filter(|data| data.starts_with('{'));
    let Some(stream) = members.get("stream").and_then(text) else {
        assert_eq!(parsed.unwrap_err(), "the record has no `stream`");
        return;
    };
    let Some(data) = data else {
        assert_eq!(parsed.unwrap_err(), format!("the record of stream {stream} has no `data` object"));
        return;
    };
    let Ok(Message::Record(found)) = parsed else { panic!("{line:?} became {parsed:?}") };
    let [(known, read)] = seen.0.as_slice() else { panic!("{line:?}: the data were read {} times", seen.0.len()) };
    assert_eq!(read, data);
    assert!(known.as_ref().is_none_or(|known| *known == stream));
    assert_eq!(found.stream, stream);
    let namespace = members.get("namespace").and_then(text).filter(|namespace| !namespace.is_empty());
    assert_eq!(found.namespace.as_deref(), namespace.as_deref());
    check_time(members.get("emitted_at").unwrap_or("null"), &found);
    let Some(meta) = Members::read(members.get("meta").unwrap_or("{}")) else { return };
    if meta.are_plain() {
        check_changes(meta.get("changes").unwrap_or("null"), &found);
    }
}

fn check_time(written: &str, found: &Record<'_>) {
    let whole = written.split('.').next().unwrap();
    let wanted = if written.contains(['e', 'E']) { None } else { whole.parse().ok() };
    assert_eq!(found.emitted_at_ms, wanted, "emitted_at {written}");
}

fn check_changes(written: &str, found: &Record<'_>) {
    let model = compact(written);
    let wanted = (written.starts_with('[') && !model.exceeds_jsonb && model.text != "[]").then_some(model.text);
    let found = found.changes.as_deref().map(|elements| compact(&format!("[{elements}]")));
    assert!(found.as_ref().is_none_or(|found| !found.dirty), "changes that Postgres refuses");
    assert_eq!(found.map(|found| found.text), wanted, "changes {written:?}");
}

fn check_state(state: Option<&str>, parsed: Result<Message<'_>, String>) {
    let Some(state) = state.filter(|state| state.starts_with('{')) else {
        assert_eq!(parsed.unwrap_err(), "a STATE message has no `state` object");
        return;
    };
    let Some(members) = Members::read(state).filter(Members::are_plain) else { return };
    let stream = || descriptor(&Members::read(members.get("stream")?)?);
    let scope = match members.get("type").unwrap_or("null") {
        "\"STREAM\"" => stream().map(StateScope::Stream),
        "\"GLOBAL\"" | "\"LEGACY\"" | "null" => Some(StateScope::Global),
        _ => None,
    };
    match (scope, parsed) {
        (Some(scope), Ok(Message::State(found))) => {
            assert_eq!(found.scope, scope);
            check_acknowledgement(&members, &found);
        }
        (None, Err(sentence)) => assert!(sentence.contains("STATE"), "{sentence}"),
        (scope, parsed) => panic!("a state of {scope:?} became {parsed:?}"),
    }
}

/// The stream of a `stream_descriptor` member.
fn descriptor(parent: &Members<'_>) -> Option<StreamName> {
    let members = Members::read(parent.get("stream_descriptor")?)?;
    let name: String = serde_json::from_str(members.get("name")?).ok()?;
    let namespace: Option<String> = serde_json::from_str(members.get("namespace").unwrap_or("null")).ok()?;
    Some(StreamName::new(namespace.as_deref(), &name))
}

/// The echo is the state as it came, byte for byte, with our count in place of whatever count was there.
fn check_acknowledgement(state: &Members<'_>, found: &State) {
    let echo = found.acknowledgement(7);
    assert!(!echo.contains('\n'), "a message is one line");
    let echo = Members::read(&echo).expect("a message");
    assert_eq!((echo.0.len(), echo.get("type")), (2, Some("\"STATE\"")));
    let mut echo = Members::read(echo.get("state").expect("a state")).expect("an object").0;
    let counts = echo.pop().expect("counts");
    assert_eq!(counts, ("destinationStats".to_owned(), r#"{"recordCount":7.0}"#));
    let sent: Vec<_> = state.0.iter().filter(|(name, _)| name != "destinationStats").cloned().collect();
    assert_eq!(echo, sent);
}

fn check_trace(trace: &str, message: &Message<'_>) {
    let status = Members::read(trace).and_then(|trace| Members::read(trace.get("stream_status")?));
    let Some(status) = status else { return assert!(matches!(message, Message::Ignored)) };
    let word = status.get("status").and_then(|word| serde_json::from_str::<String>(word).ok());
    match (descriptor(&status), word) {
        (Some(name), Some(word)) => {
            let Message::Status(found, status) = message else { panic!("{trace:?} became {message:?}") };
            assert_eq!(*found, name);
            assert_eq!(*status == Status::Complete, word == "COMPLETE");
            assert_eq!(*status == Status::Incomplete, word == "INCOMPLETE");
        }
        _ => assert!(matches!(message, Message::Ignored)),
    }
}
