//! Tests of the catalog, of messages in and of messages out.

mod batches;
mod catalog;
mod lines;
mod output;
mod records;
mod state;

use super::*;
use crate::json::{Scanner, SyntaxError};

/// Notes what it was asked to read.
#[derive(Default)]
struct Notes {
    /// Stream as known at that moment, and the object's text.
    read: Vec<(Option<String>, String)>,
}

impl DataReader for Notes {
    fn read_data(&mut self, stream: Option<&str>, scanner: &mut Scanner<'_>) -> std::result::Result<(), SyntaxError> {
        let data = scanner.value()?;
        self.read.push((stream.map(str::to_owned), data.text(scanner.line()).to_owned()));
        Ok(())
    }
}

fn parse(line: &str) -> std::result::Result<Message<'_>, String> {
    parse_line(line, &mut Notes::default())
}

fn reason(line: &str) -> String {
    parse(line).map(|m| format!("{m:?}")).expect_err(line)
}

/// A record and what its reader was given.
fn record(line: &str) -> (Record<'_>, Notes) {
    let mut notes = Notes::default();
    match parse_line(line, &mut notes) {
        Ok(Message::Record(record)) => (record, notes),
        other => panic!("{line}: {other:?}"),
    }
}

fn state(line: &str) -> State {
    match parse(line) {
        Ok(Message::State(state)) => state,
        other => panic!("{line}: {other:?}"),
    }
}

fn name(namespace: Option<&str>, name: &str) -> StreamName {
    StreamName { namespace: namespace.map(str::to_owned), name: name.to_owned() }
}

#[test]
fn an_empty_namespace_is_none() {
    assert_eq!(StreamName::new(Some(""), "a"), name(None, "a"));
    assert_eq!(StreamName::new(Some("n"), "a"), name(Some("n"), "a"));
    assert_eq!(StreamName::new(None, "a").to_string(), "a");
    assert_eq!(StreamName::new(Some("n"), "a").to_string(), "n.a");
}
