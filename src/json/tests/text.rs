//! Texts made from JSON: characters, compact JSON, quoted strings, sizes.

use proptest::prelude::*;

use super::*;
use crate::limits;

fn unescaped(raw: &str) -> (String, bool) {
    let mut out = String::new();
    let cleaned = append_unescaped(raw, &mut out);
    (out, cleaned.changed)
}

fn compact(json: &str) -> (String, bool) {
    let mut out = String::new();
    let cleaned = append_compact(json, &mut out);
    (out, cleaned.changed)
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_quoted(text, &mut out);
    out
}

#[test]
fn escapes_become_characters() {
    let cases = [
        ("", ""),
        ("plain ä𝄞", "plain ä𝄞"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u0041\u00e4\u20AC", "Aä€"),
        (r"a\u0001b", "a\u{1}b"),
        (r"\ud834\udd1e", "𝄞"),
        (r"\uD834\uDD1E!", "𝄞!"),
        (r"\ud800\udc00\udbff\udfff", "\u{10000}\u{10ffff}"),
        (r"\\u0000", r"\u0000"),
        (r"\\\\", r"\\"),
        (r"ä\nö\\", "ä\nö\\"),
    ];
    for (raw, want) in cases {
        assert_eq!(unescaped(raw), (want.to_owned(), false), "{raw}");
    }
}

#[test]
fn what_postgres_cannot_hold_is_taken_out_and_told() {
    let cases = [
        (r"a\u0000b", "ab"),
        (r"\u0000", ""),
        (r"\u0000\u0000x\u0000", "x"),
        (r"\ud834", "\u{fffd}"),
        (r"a\udd1eb", "a\u{fffd}b"),
        (r"\udd1e\ud834", "\u{fffd}\u{fffd}"),
        (r"\ud834\n", "\u{fffd}\n"),
        (r"\ud834\u0041", "\u{fffd}A"),
        (r"\ud834\ud834\udd1e", "\u{fffd}𝄞"),
        (r"\ud834\u0000", "\u{fffd}"),
        (r"\ud834𝄞", "\u{fffd}𝄞"),
    ];
    for (raw, want) in cases {
        assert_eq!(unescaped(raw), (want.to_owned(), true), "{raw}");
        assert_eq!(compact(&format!("\"{raw}\"")), (quoted(want), true), "{raw}");
    }
}

#[test]
fn compact_json_keeps_spelling_and_order() {
    let cases = [
        ("{}", "{}"),
        (" [ ] ", "[]"),
        ("{ \"b\" : 1.50 ,\n\t\"a\" : [ 1E+5 , -0 , true ] }", r#"{"b":1.50,"a":[1E+5,-0,true]}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        (r#"[" a  b "]"#, r#"[" a  b "]"#),
        (r#"["\u0041\/\u00e4"]"#, r#"["A/ä"]"#),
        (r#"["\u0022\u005c\u000a\u0009\u0008\u000c\u000d"]"#, r#"["\"\\\n\t\b\f\r"]"#),
        (r#"["\u001F\u0001"]"#, r#"["\u001f\u0001"]"#),
        (r#"["\ud834\udd1e"]"#, r#"["𝄞"]"#),
        (r#"{"a\"b":"c\\"}"#, r#"{"a\"b":"c\\"}"#),
        ("123456789012345678901234567890.10", "123456789012345678901234567890.10"),
        (r#""a \\" "#, r#""a \\""#),
    ];
    for (json, want) in cases {
        assert_eq!(compact(json), (want.to_owned(), false), "{json}");
    }
}

#[test]
fn nested_keys_and_values_are_cleaned() {
    let (text, changed) = compact(r#"{"k\u0000ey": ["\udc00", {"x": "a\u0000"}], "n": 1}"#);
    assert!(changed);
    assert_eq!(text, "{\"key\":[\"\u{fffd}\",{\"x\":\"a\"}],\"n\":1}");
    assert!(!token(&text).is_dirty());
}

#[test]
fn quoted_text_has_minimal_escapes() {
    assert_eq!(quoted(""), r#""""#);
    assert_eq!(quoted("a/ä𝄞\u{7f}\u{fffd}"), "\"a/ä𝄞\u{7f}\u{fffd}\"");
    assert_eq!(quoted("\"\\\n\r\t\u{8}\u{c}\0\u{1f}"), r#""\"\\\n\r\t\b\f\u0000\u001f""#);
}

#[test]
fn sizes_count_what_jsonb_adds_only_where_it_can_matter() {
    for json in ["1", "{}", r#"{"a":[1,2,3]}"#] {
        assert_eq!(jsonb_size(json), json.len());
    }
    // Two bytes of text an element, far more in jsonb: beyond its limit although the text is not.
    let many = format!("[{}1]", "1,".repeat(16 << 20));
    assert!(many.len() < limits::JSONB_BYTES && jsonb_size(&many) > limits::JSONB_BYTES);
    // One long text needs little more than its length.
    let long = format!("[\"{}\"]", "x".repeat(20 << 20));
    assert!((long.len()..long.len() + 100).contains(&jsonb_size(&long)));
    // Below the size at which counting starts even the densest array fits.
    let dense = format!("[{}1]", "1,".repeat((8 << 20) - 10));
    assert!(dense.len() <= 16 << 20 && dense.len() * 8 + 16 < limits::JSONB_BYTES);
    assert_eq!(jsonb_size(&dense), dense.len());
}

/// Any character, with those that need care far more often than chance gives them.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![any::<char>(), prop::sample::select(vec!['"', '\\', '/', '\n', '\u{1f}', 'u', '𝄞', 'ä', '{', ','])]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..40).prop_map(String::from_iter)
}

/// The inside of a JSON string, each character as itself or as `\u` escapes.
fn raw_string() -> impl Strategy<Value = (String, String)> {
    prop::collection::vec((character(), any::<bool>()), 0..40).prop_map(|chars| {
        let mut raw = String::new();
        for &(c, escaped) in &chars {
            if escaped || c < ' ' || c == '"' || c == '\\' {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    raw.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                raw.push(c);
            }
        }
        (raw, chars.into_iter().map(|(c, _)| c).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quoting_and_unescaping_are_inverse(text in text()) {
        let json = quoted(&text);
        let token = token(&json);
        let (back, changed) = unescaped(token.text(&json));
        prop_assert_eq!(changed, text.contains('\0'));
        prop_assert_eq!(back, text.replace('\0', ""));
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }

    #[test]
    fn any_spelling_of_a_string_gives_its_characters((raw, text) in raw_string()) {
        let json = format!("\"{raw}\"");
        let token = token(&json);
        prop_assert_eq!(token.text(&json), &raw);
        prop_assert_eq!(token.is_escaped(), raw.contains('\\'));
        prop_assert_eq!(token.is_dirty(), text.contains('\0'));
        let (back, changed) = unescaped(&raw);
        prop_assert_eq!(changed, token.is_dirty());
        prop_assert_eq!(back, text.replace('\0', ""));
        prop_assert_eq!(compact(&json).0, quoted(&text.replace('\0', "")));
    }

    /// The scanner and serde_json agree on what JSON is, on text that is nearly JSON.
    #[test]
    fn an_independent_parser_agrees(pieces in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u0041\"", "\"\\q\"", "1", "-0", "01", "1.5e3", "1.", "true",
        "null", "nul", " ", "\n", "\u{c}", "\"", "\\",
    ]), 0..12)) {
        let text = pieces.concat();
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(scan(&text).is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn compacting_changes_no_value(members in prop::collection::vec((text(), text(), any::<i64>()), 0..6)) {
        let value = serde_json::Value::Array(
            members.into_iter().map(|(k, v, n)| serde_json::json!({k.replace('\0', ""): [v.replace('\0', ""), n, {}]})).collect(),
        );
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let (compacted, changed) = compact(&pretty);
        prop_assert!(!changed);
        prop_assert_eq!(compacted, value.to_string());
    }
}
