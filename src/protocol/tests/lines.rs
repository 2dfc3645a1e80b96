//! Which message a line is, and lines that are none.

use super::*;

/// No reason may hold a piece of the line.
const MARK: &str = "p4yl0ad";

#[test]
fn messages_that_are_none_of_ours_are_ignored() {
    let lines = [
        r#"{"type":"LOG","log":{"level":"INFO","message":"x"}}"#,
        r#"{"type":"SPEC","spec":{}}"#,
        r#"{"type":"CONNECTION_STATUS","connectionStatus":{"status":"FAILED"}}"#,
        r#"{"type":"CATALOG","catalog":{"streams":[]}}"#,
        r#"{"type":"CONTROL","control":null}"#,
        r#"{"type":"DESTINATION_CATALOG"}"#,
        r#"{"type":"TRACE"}"#,
        r#"{"type":"TRACE","trace":null}"#,
        r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1.5,"error":{"message":"x"}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","estimate":{"name":"s","type":"STREAM"},"stream_status":null}}"#,
        r#"{"type":"TRACE","trace":{"stream_status":{"status":"COMPLETE"}}}"#,
        r#"{"type":"TRACE","trace":{"stream_status":{"status":3,"stream_descriptor":{"name":"s"}}}}"#,
        r#"{"type":"TRACE","trace":{"stream_status":{"status":"COMPLETE","stream_descriptor":{"name":null}}}}"#,
    ];
    for line in lines {
        assert!(matches!(parse(line), Ok(Message::Ignored)), "{line}");
    }
}

#[test]
fn stream_statuses_name_their_stream() {
    let cases = [
        ("COMPLETE", Status::Complete),
        ("INCOMPLETE", Status::Incomplete),
        ("STARTED", Status::Other),
        ("RUNNING", Status::Other),
        ("PAUSED", Status::Other),
    ];
    for (text, want) in cases {
        for (namespace, want_namespace) in [
            (r#","namespace":"n\u0073""#, Some("ns")),
            ("", None),
            (r#","namespace":null"#, None),
            (r#","namespace":"""#, None),
        ] {
            let line = format!(
                r#"{{"trace":{{"stream_status":{{"status":"{text}","reasons":null,"stream_descriptor":
                {{"name":"\u0073 \"1\"","x":[1]{namespace}}}}},"emitted_at":1.7e12,"type":"STREAM_STATUS"}},"type":"TRACE"}}"#
            );
            match parse(&line) {
                Ok(Message::Status(stream, status)) => {
                    assert_eq!((stream, status), (name(want_namespace, "s \"1\""), want), "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_last_of_two_status_members_counts() {
    let line = r#"{"type":"LOG","trace":{"stream_status":null,"stream_status":{"status":"STARTED","status":"COMPLETE",
        "stream_descriptor":{"name":"old"},"stream_descriptor":{"name":"x","name":"s","namespace":"n","namespace":null}}},
        "type":"TRACE"}"#;
    assert!(matches!(parse(line), Ok(Message::Status(stream, Status::Complete)) if stream == name(None, "s")));
}

#[test]
fn members_may_be_spelt_with_escapes() {
    let line = r#"{"\u0074ype":"RECOR\u0044","re\u0063ord":{"\u0073tream":"s","n\u0061mespace":"n","emitted\u005fat":5,
        "d\u0061ta":{},"m\u0065ta":{"ch\u0061nges":[1]}}}"#;
    let (record, notes) = record(line);
    assert_eq!((&*record.stream, record.namespace.as_deref(), record.emitted_at_ms), ("s", Some("n"), Some(5)));
    assert_eq!(record.changes.as_deref(), Some("1"));
    assert_eq!(notes.read, [(Some("s".to_owned()), "{}".to_owned())]);
}

#[test]
fn broken_lines_give_a_position_and_no_payload() {
    let json = "it is not valid JSON (byte ";
    let cases = [
        (String::new(), 1),
        ("   ".to_owned(), 4),
        (MARK.to_owned(), 1),
        ("[]".to_owned(), 1),
        ("\"RECORD\"".to_owned(), 1),
        ("null".to_owned(), 1),
        (format!(r#"{{"type":"RECORD","record":{{"stream":"{MARK}","data":{{"a":{MARK}}}}}}}"#), 59),
        (format!(r#"{{"type":"RECORD","record":{{"stream":"{MARK}"#), 45),
        (format!(r#"{{"type":"STATE","state":{{}}}}{MARK}"#), 28),
        (format!(r#"{{"type":"LOG","log":'{MARK}'}}"#), 21),
        (format!(r#"{{"type":"LOG",{MARK}}}"#), 15),
        (r#"{"type":"RECORD","record":{"data":{}]}"#.to_owned(), 37),
        (r#"{"type":"RECORD","record":{"meta":{"changes":}}}"#.to_owned(), 46),
    ];
    for (line, byte) in cases {
        assert_eq!(reason(&line), format!("{json}{byte})"), "{line}");
    }
}

#[test]
fn every_cut_line_is_refused() {
    let line = r#"{"type":"RECORD","record":{"stream":"s","emitted_at":1,"meta":{"changes":[{"field":"a"}]},"data":{"a":[1]}}}"#;
    assert!(parse(line).is_ok());
    for end in 0..line.len() {
        assert!(reason(&line[..end]).starts_with("it is not valid JSON (byte "), "{end}");
    }
}

#[test]
fn lines_of_no_known_kind_say_what_is_missing() {
    let cases = [
        ("{}", "it has no `type`"),
        (r#"{"Type":"LOG"}"#, "it has no `type`"),
        (r#"{"type":null}"#, "it has no `type`"),
        (r#"{"type":3}"#, "it has no `type`"),
        (r#"{"type":["RECORD"]}"#, "it has no `type`"),
        (r#"{"type":"p4yl0ad"}"#, "its `type` is not one of the Airbyte protocol"),
        (r#"{"type":"record"}"#, "its `type` is not one of the Airbyte protocol"),
        (r#"{"type":""}"#, "its `type` is not one of the Airbyte protocol"),
        (r#"{"type":"RECORD"}"#, "a RECORD message has no `record` object"),
        (r#"{"type":"RECORD","record":null}"#, "a RECORD message has no `record` object"),
        (r#"{"type":"RECORD","record":"p4yl0ad"}"#, "a RECORD message has no `record` object"),
        (r#"{"type":"RECORD","record":[{}]}"#, "a RECORD message has no `record` object"),
        (
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"record":null}"#,
            "a RECORD message has no `record` object",
        ),
        (r#"{"type":"RECORD","record":{"data":{"p4yl0ad":1}}}"#, "the record has no `stream`"),
        (r#"{"type":"RECORD","record":{"stream":null,"data":{}}}"#, "the record has no `stream`"),
        (r#"{"type":"RECORD","record":{"stream":{"name":"p4yl0ad"},"data":{}}}"#, "the record has no `stream`"),
        (r#"{"type":"RECORD","record":{"stream":"s"}}"#, "the record of stream s has no `data` object"),
        (r#"{"type":"RECORD","record":{"stream":"s","data":null}}"#, "the record of stream s has no `data` object"),
        (
            r#"{"type":"RECORD","record":{"stream":"s","data":"p4yl0ad"}}"#,
            "the record of stream s has no `data` object",
        ),
        (
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"data":[]}}"#,
            "the record of stream s has no `data` object",
        ),
        (r#"{"type":"STATE"}"#, "a STATE message has no `state` object"),
        (r#"{"type":"STATE","state":null}"#, "a STATE message has no `state` object"),
        (r#"{"type":"STATE","state":[]}"#, "a STATE message has no `state` object"),
        (r#"{"type":"STATE","state":{"type":"STREAM"}}"#, "a STATE of type STREAM has no `stream.stream_descriptor`"),
        (
            r#"{"type":"STATE","state":{"type":"STREAM","stream":null}}"#,
            "a STATE of type STREAM has no `stream.stream_descriptor`",
        ),
        (
            r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"namespace":"p4yl0ad"}}}}"#,
            "a STATE of type STREAM has no `stream.stream_descriptor`",
        ),
        (
            r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":3}}}}"#,
            "a STATE of type STREAM has no `stream.stream_descriptor`",
        ),
        (r#"{"type":"STATE","state":{"type":"p4yl0ad"}}"#, "the type of a STATE is not STREAM, GLOBAL or LEGACY"),
        (r#"{"type":"STATE","state":{"type":7}}"#, "the type of a STATE is not STREAM, GLOBAL or LEGACY"),
    ];
    for (line, want) in cases {
        assert_eq!(reason(line), want, "{line}");
        assert!(!want.contains(MARK));
    }
}

#[test]
fn depth_overflows_no_stack() {
    const LEVELS: usize = 100_000;
    let deep = format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    let lines = [
        format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{{"a":{deep}}},"meta":{{"changes":{deep}}}}}}}"#),
        format!(
            r#"{{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"s"}},"stream_state":{deep}}}}}}}"#
        ),
        format!(
            r#"{{"type":"TRACE","trace":{{"x":{deep},"stream_status":{{"status":"COMPLETE","stream_descriptor":{{"name":"s"}}}}}}}}"#
        ),
        format!(r#"{{"type":"LOG","log":{deep}}}"#),
    ];
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| match parse(line).expect("a message") {
            Message::Record(record) => {
                assert!(record.changes.is_none(), "too deep for jsonb");
                "record"
            }
            Message::State(state) => {
                assert!(state.acknowledgement(1).contains(&deep));
                "state"
            }
            Message::Status(..) => "status",
            Message::Batch(_) => "batch",
            Message::Ignored => "ignored",
        })
        .collect();
    assert_eq!(kinds, ["record", "state", "status", "ignored"]);
}
