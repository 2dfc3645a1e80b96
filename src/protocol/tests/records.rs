//! The envelope of a record, in every order and dialect.

use super::*;

#[test]
fn a_records_envelope_is_read() {
    let (record, notes) = record(
        r#"{"type":"RECORD","record":{"namespace":"n","stream":"s","emitted_at":1700000000123,"data":{"a": [1] }}}"#,
    );
    assert_eq!((&*record.stream, record.namespace.as_deref()), ("s", Some("n")));
    assert_eq!((record.emitted_at_ms, record.changes), (Some(1_700_000_000_123), None));
    assert_eq!(notes.read, [(Some("s".to_owned()), r#"{"a": [1] }"#.to_owned())]);
}

#[test]
fn members_come_in_any_order() {
    let members =
        [r#""stream":"s""#, r#""namespace":"n""#, r#""data":{"a":1}"#, r#""emitted_at":5"#, r#""x":{"data":{}}"#];
    for turn in 0..members.len() {
        let mut turned = members;
        turned.rotate_left(turn);
        for (before, after) in [(r#""type":"RECORD","#, ""), ("", r#","type":"RECORD""#)] {
            let line = format!("{{{before}\"record\":{{{}}}{after}}}", turned.join(","));
            let (record, notes) = record(&line);
            assert_eq!((&*record.stream, record.namespace.as_deref(), record.emitted_at_ms), ("s", Some("n"), Some(5)));
            let known =
                turned.iter().position(|m| m.contains("stream")) < turned.iter().position(|m| m.starts_with("\"data"));
            assert_eq!(notes.read, [(known.then(|| "s".to_owned()), r#"{"a":1}"#.to_owned())], "{line}");
        }
    }
}

#[test]
fn absent_namespaces_are_spelt_in_three_ways() {
    for namespace in ["", r#""namespace":null,"#, r#""namespace":"","#] {
        let line = format!(r#"{{"type":"RECORD","record":{{{namespace}"stream":"s","data":{{}}}}}}"#);
        assert_eq!(record(&line).0.namespace, None, "{line}");
    }
}

#[test]
fn names_are_unescaped() {
    let line = r#"{"type":"RECORD","record":{"namespace":"\u00e4 \"b\"","stream":"\ud834\udd1e\/\t","data":{}}}"#;
    let (record, notes) = record(line);
    assert_eq!((&*record.stream, record.namespace.as_deref()), ("𝄞/\t", Some("ä \"b\"")));
    assert_eq!(notes.read, [(Some("𝄞/\t".to_owned()), "{}".to_owned())]);
}

#[test]
fn times_are_milliseconds_however_they_are_spelt() {
    let cases = [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("1700000000000.0", Some(1_700_000_000_000)),
        ("1700000000000.999", Some(1_700_000_000_000)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("1.7e12", None),
        ("null", None),
        ("\"5\"", None),
        ("{}", None),
    ];
    for (text, want) in cases {
        let line = format!(r#"{{"type":"RECORD","record":{{"emitted_at":{text},"stream":"s","data":{{}}}}}}"#);
        assert_eq!(record(&line).0.emitted_at_ms, want, "{text}");
    }
    assert_eq!(record(r#"{"type":"RECORD","record":{"stream":"s","data":{}}}"#).0.emitted_at_ms, None);
}

#[test]
fn changes_of_the_source_are_passed_on() {
    let entry = r#"{"field":"a","change":"NULLED","reason":"SOURCE_RETRIEVAL_ERROR"}"#;
    let dirty = r#"[{"field":"a\u0000\ud834" , "x":1}]"#;
    let cases = [
        (format!(r#"{{"changes":[{entry}]}}"#), Some(entry.to_owned())),
        (format!(r#"{{"changes":[ {entry} , {entry} ]}}"#), Some(format!("{entry} , {entry}"))),
        (format!(r#"{{"x":1,"changes":[{entry}],"y":{{}}}}"#), Some(entry.to_owned())),
        (format!(r#"{{"changes":null,"changes":[{entry}]}}"#), Some(entry.to_owned())),
        (format!(r#"{{"changes":{dirty}}}"#), Some("{\"field\":\"a\u{fffd}\",\"x\":1}".to_owned())),
        (format!(r#"{{"changes":[{entry}],"changes":null}}"#), None),
        (r#"{"changes":[1e999999]}"#.to_owned(), None),
        (r#"{"changes":[]}"#.to_owned(), None),
        // More than jsonb can hold, on the safe side: each colon counts as an element.
        (format!(r#"{{"changes":["{}"]}}"#, ":".repeat(17 << 20)), None),
        (r#"{"changes":[ ]}"#.to_owned(), None),
        (r#"{"changes":{}}"#.to_owned(), None),
        (r#"{"changes":"[1]"}"#.to_owned(), None),
        ("{}".to_owned(), None),
        ("null".to_owned(), None),
        ("[]".to_owned(), None),
    ];
    for (meta, want) in cases {
        let line = format!(r#"{{"type":"RECORD","record":{{"meta":{meta},"stream":"s","data":{{}}}}}}"#);
        assert_eq!(record(&line).0.changes.as_deref(), want.as_deref(), "{meta}");
    }
}

#[test]
fn the_last_of_two_members_counts() {
    let line = r#"{"type":"LOG","record":{"stream":"old","data":{"old":1}},
        "record":{"stream":"x","stream":"s","namespace":"n","namespace":null,"emitted_at":1,"emitted_at":2,
        "data":null,"data":{"a":1},"data":{"a":2}},"type":"RECORD"}"#;
    let (record, notes) = record(line);
    assert_eq!((&*record.stream, record.namespace, record.emitted_at_ms), ("s", None, Some(2)));
    assert_eq!(notes.read.last(), Some(&(Some("s".to_owned()), r#"{"a":2}"#.to_owned())));
}

#[test]
fn space_between_tokens_changes_nothing() {
    let line =
        " { \"type\" : \"RECORD\" ,\t\"record\" : { \"stream\" : \"s\" , \"data\" :\r\n { } , \"emitted_at\" : 3 } } ";
    let (record, notes) = record(line);
    assert_eq!((&*record.stream, record.emitted_at_ms), ("s", Some(3)));
    assert_eq!(notes.read, [(Some("s".to_owned()), "{ }".to_owned())]);
}
