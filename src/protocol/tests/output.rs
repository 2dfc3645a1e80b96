//! Messages out: one a line, without secrets.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::limits;

/// Keeps what is written, and counts the flushes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().expect("not poisoned").1 += 1;
        Ok(())
    }
}

impl Sink {
    fn output(&self) -> Output {
        Output::new(Box::new(self.clone()))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").0.clone()).expect("UTF-8")
    }

    fn messages(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// A pipe that nobody reads.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn clean(secrets: &[&str], text: &str) -> String {
    Sink::default().output().redacting(secrets.iter().copied()).clean(text)
}

#[test]
fn each_message_is_one_flushed_line() {
    let sink = Sink::default();
    let output = sink.output();
    output.line(r#"{"a":1}"#).expect("an open sink");
    output.clone().message(&json!({"b": "x\ny"})).expect("an open sink");
    assert_eq!(sink.text(), "{\"a\":1}\n{\"b\":\"x\\ny\"}\n");
    assert_eq!(sink.0.lock().expect("not poisoned").1, 2);
}

#[test]
fn log_messages_have_a_level() {
    let sink = Sink::default();
    sink.output().info("so far");
    sink.output().warn("so \"bad\"");
    assert_eq!(
        sink.messages(),
        [
            json!({"type": "LOG", "log": {"level": "INFO", "message": "so far"}}),
            json!({"type": "LOG", "log": {"level": "WARN", "message": "so \"bad\""}}),
        ]
    );
}

#[test]
fn secrets_never_appear() {
    assert_eq!(clean(&["hunter2"], "hunter2, xhunter2x and Hunter2"), "***, x***x and Hunter2");
    assert_eq!(clean(&["a\"b\\c"], r#"with a"b\c inside"#), "with *** inside");
    assert_eq!(clean(&["line one\nline two"], "key line one\nline two!"), "key ***!");
    assert_eq!(clean(&["tab\u{7}bell"], "a tab\u{7}bell"), "a ***", "before control characters go");
    assert_eq!(clean(&["ab"], "ab abc"), "ab abc", "too short to be told from text");
    assert_eq!(clean(&["abc", ""], "abc"), "***");
}

#[test]
fn a_secret_inside_of_another_leaves_nothing_of_it() {
    for secrets in [["pass", "passphrase"], ["passphrase", "pass"]] {
        assert_eq!(clean(&secrets, "my passphrase, your pass"), "my ***, your ***");
    }
}

#[test]
fn secrets_are_redacted_in_logs_and_errors() {
    let sink = Sink::default();
    let output = sink.output().redacting(["hunter2"]);
    output.warn("login with hunter2 failed");
    let cause = std::io::Error::other("server said hunter2");
    output.error(&Error::new(ErrorKind::Permission, "password hunter2 is wrong").with_source(cause));
    assert!(!sink.text().contains("hunter2") && sink.text().matches("***").count() == 4, "{}", sink.text());
}

#[test]
fn control_characters_become_blanks() {
    assert_eq!(clean(&[], "a\0b\rc\u{1b}[31md\u{7f}e\u{9b}f\ng\th"), "a b c [31md e f\ng\th");
    assert_eq!(clean(&[], "ä€𝄞"), "ä€𝄞");
    assert_eq!(clean(&[], "a\u{202e}b\u{2066}c\u{200b}d"), "a b c d");
}

#[test]
fn long_texts_are_cut_between_characters() {
    let exact = "x".repeat(limits::ERROR_TEXT_BYTES);
    assert_eq!(clean(&[], &exact), exact);
    assert_eq!(clean(&[], &format!("{exact}y")), format!("{exact}…"));
    // The character that crosses the limit goes whole.
    let crossing = format!("{}𝄞𝄞", "x".repeat(limits::ERROR_TEXT_BYTES - 2));
    assert_eq!(clean(&[], &crossing), format!("{}…", "x".repeat(limits::ERROR_TEXT_BYTES - 2)));
    // A secret at the limit is not cut in two first.
    let secret = format!("{}hunter2", "x".repeat(limits::ERROR_TEXT_BYTES - 3));
    assert_eq!(clean(&["hunter2"], &secret), format!("{}***", "x".repeat(limits::ERROR_TEXT_BYTES - 3)));
}

#[test]
fn errors_have_the_protocols_shape() {
    let sink = Sink::default();
    let error = Error::new(ErrorKind::Locked, "table t is locked")
        .with_sqlstate("55P03")
        .with_source(std::io::Error::other("canceling statement"))
        .with_stream(&StreamName::new(Some("n"), "s"));
    sink.output().error(&error);
    let [message] = sink.messages().try_into().expect("one message");
    let emitted_at = message["trace"]["emitted_at"].clone();
    assert!(emitted_at.as_f64().is_some_and(|ms| ms > 1.7e12) && emitted_at.is_f64(), "{emitted_at}");
    assert_eq!(
        message,
        json!({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": emitted_at, "error": {
            "message": "table t is locked",
            "internal_message": "Locked: table t is locked [SQLSTATE 55P03]: canceling statement",
            "failure_type": "transient_error",
            "stream_descriptor": {"name": "s", "namespace": "n"},
        }}})
    );
}

#[test]
fn errors_without_stream_or_namespace_leave_them_out() {
    let sink = Sink::default();
    sink.output().error(&Error::new(ErrorKind::Config, "no"));
    sink.output().error(
        &Error::new(ErrorKind::Internal, "no")
            .with_stream(&StreamName::new(None, "s"))
            .with_stream(&StreamName::new(Some("outer"), "t")),
    );
    let errors: Vec<Value> = sink.messages().into_iter().map(|m| m["trace"]["error"].clone()).collect();
    assert_eq!(
        errors,
        [
            json!({"message": "no", "internal_message": "Config: no", "failure_type": "config_error"}),
            json!({"message": "no", "internal_message": "Internal: no", "failure_type": "system_error",
                   "stream_descriptor": {"name": "s"}}),
        ]
    );
}

#[test]
fn a_closed_stdout_is_an_error_of_its_own() {
    let output = Output::new(Box::new(Closed));
    let error = output.line("{}").expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::Output);
    assert_eq!(error.kind().failure_type().as_str(), "transient_error");
    // A log line that cannot be written is no reason to panic.
    output.info("x");
    output.error(&error);
}
