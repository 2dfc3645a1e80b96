//! The declared fields of a record, and nothing else.

use super::*;

#[test]
fn declared_fields_are_found_and_others_passed_over() {
    let mut router = single(texts(&["a", "b", "c"]));
    let cases = [
        (r#"{"a":"1","b":"2","c":"3"}"#, "1|2|3"),
        // In the order of the record before, in another, and again.
        (r#"{"a":"4","b":"5","c":"6"}"#, "4|5|6"),
        (r#"{"c":"3","a":"1","b":"2"}"#, "1|2|3"),
        (r#"{"b":"2"}"#, "-|2|-"),
        (r#"{"c":"3","b":"2","a":"1"}"#, "1|2|3"),
        (r#"{}"#, "-|-|-"),
        (r#"{"x":"0","a":"1","y":{"b":"no"},"b":"2","z":["c"]}"#, "1|2|-"),
        (r#"{"x":"0","a":"1","y":{"b":"no"},"c":"3","z":["c"]}"#, "1|-|3"),
        (r#"{"A":"1","b ":"2","":"3"}"#, "-|-|-"),
        (r#"{"a":null,"b":"null","c":""}"#, "-|null|"),
        (r#"{"_airbyte_raw_id":"no","_airbyte_meta":{},"a":"1"}"#, "1|-|-"),
    ];
    for (data, want) in cases {
        put(&mut router, data);
        assert_eq!(shown(&rows(&mut router)), [want], "{data}");
    }
}

#[test]
fn the_last_of_two_members_counts() {
    let mut router = single(texts(&["a", "b"]));
    let cases = [
        (r#"{"a":"1","a":"2"}"#, "2|-"),
        (r#"{"a":"1","b":"x","a":null}"#, "-|x"),
        (r#"{"a":"1","a":"2","b":"x","\u0061":"3"}"#, "3|x"),
    ];
    for (data, want) in cases {
        put(&mut router, data);
        assert_eq!(shown(&rows(&mut router)), [want], "{data}");
    }
}

#[test]
fn field_names_are_compared_as_characters() {
    let mut router = single(texts(&["ä b", "q\"t", "𝄞"]));
    let want = "1|2|3";
    for data in [
        r#"{"ä b":"1","q\"t":"2","𝄞":"3"}"#,
        r#"{"\u00e4 b":"1","q\u0022t":"2","\ud834\udd1e":"3"}"#,
        r#"{"ä\u0020b":"1","\u0071\"t":"2","\uD834\uDD1E":"3"}"#,
    ] {
        put(&mut router, data);
        assert_eq!(shown(&rows(&mut router)), [want], "{data}");
    }
}

#[test]
fn many_undeclared_members_do_not_hide_a_field() {
    let mut router = single(texts(&["a"]));
    let padding: String = (0..100).map(|i| format!(r#""x{i}":{i},"#)).collect();
    for _ in 0..3 {
        put(&mut router, &format!(r#"{{{padding}"a":"1"}}"#));
    }
    assert_eq!(shown(&rows(&mut router)), ["1", "1", "1"]);
}

#[test]
fn raw_mode_keeps_the_record_but_its_nulls() {
    let mut router = single(raw());
    let cases = [
        (
            r#"{"a":1.50,"b":"x","c":[1, null],"d":{"e":null},"f":true}"#,
            r#"{"a":1.50,"b":"x","c":[1, null],"d":{"e":null},"f":true}"#,
        ),
        (r#" { "a" : null , "b" : 2 , "c" : null } "#, r#"{"b":2}"#),
        (r#"{"a":null}"#, "{}"),
        ("{}", "{}"),
        (r#"{"k\"ey":"\u00e4\n","":""}"#, r#"{"k\"ey":"\u00e4\n","":""}"#),
        (r#"{"x\u0000":"\ud834"}"#, "{\"x\":\"\u{fffd}\"}"),
    ];
    for (data, want) in cases {
        put(&mut router, data);
        assert_eq!(shown(&rows(&mut router)), [want], "{data}");
    }
}

#[test]
fn raw_mode_finds_its_stream_late() {
    let mut router = router(&[(Some("n"), "s", raw()), (Some("m"), "s", texts(&["a"]))]);
    let line = r#"{"type":"RECORD","record":{"data":{"a":"1","b":null},"stream":"s","namespace":"n"}}"#;
    assert_eq!(feed(&mut router, line).expect(line).0, 0);
    let line = r#"{"type":"RECORD","record":{"data":{"a":"2","b":null},"stream":"s","namespace":"m"}}"#;
    assert_eq!(feed(&mut router, line).expect(line).0, 1);
    assert_eq!(taken(&mut router), [(0, vec![r#"{"a":"1"}"#.to_owned()]), (1, vec!["2".to_owned()])]);
}

#[test]
fn raw_mode_says_what_jsonb_cannot_hold() {
    let mut router = single(raw());
    put(&mut router, r#"{"a":"\u0000"}"#);
    put(&mut router, r#"{"a":1e999999}"#);
    let rows = rows(&mut router);
    assert_eq!(shown(&rows), [r#"{"a":""}"#, "{}"]);
    let entry = |field: &str, change: &str, reason: &str| {
        Some(format!(r#"[{{"field":"{field}","change":"{change}","reason":"DESTINATION_{reason}"}}]"#))
    };
    let expected = [entry("", "TRUNCATED", "SERIALIZATION_ERROR"), entry("a", "NULLED", "FIELD_SIZE_LIMITATION")];
    assert_eq!(changes(&rows), expected);
}

/// Raw columns are NOT NULL: a record that is too much as a whole must lose members and not itself.
#[test]
fn raw_mode_keeps_what_fits_when_the_members_together_do_not() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut router = single(raw());
    let deep = nested(crate::limits::JSON_DEPTH - 1);
    put(&mut router, &format!(r#"{{"a":{deep},"b":{},"c":1}}"#, nested(crate::limits::JSON_DEPTH)));
    // Each colon counts as an element, which is on the safe side.
    let large = format!("\"{}\"", ":".repeat(9 << 20));
    put(&mut router, &format!(r#"{{"a":{large},"b":{large},"c":1}}"#));
    let rows = rows(&mut router);
    assert_eq!(shown(&rows), [format!(r#"{{"a":{deep},"c":1}}"#), format!(r#"{{"a":{large},"c":1}}"#)]);
    let entry = r#"[{"field":"b","change":"NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"}]"#;
    assert_eq!(changes(&rows), vec![Some(entry.to_owned()); 2]);
}
