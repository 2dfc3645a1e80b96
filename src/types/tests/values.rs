//! Values of the right and of the wrong kind, and what COPY gets.

use super::*;
use crate::limits;
use ColumnType as T;

#[test]
fn booleans_are_true_and_false_alone() {
    stored(T::Boolean, "true", &[1]);
    stored(T::Boolean, "false", &[0]);
    nulled(T::Boolean, WRONG, &["\"true\"", "\"\"", "0", "1", "{}", "[true]"]);
}

#[test]
fn integers_are_whole_numbers_of_64_bits() {
    let cases = [
        ("0", 0),
        ("-0", 0),
        ("42", 42),
        ("-7", -7),
        ("1.0", 1),
        ("1e3", 1_000),
        ("1200e-2", 12),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("\"42\"", 42),
        ("\"+42\"", 42),
        ("\"-007\"", -7),
        (r#""\u0034\u0032""#, 42),
    ];
    for (json, value) in cases {
        stored(T::Integer, json, &i64::to_be_bytes(value));
    }
    nulled(
        T::Integer,
        WRONG,
        &["1.5", "1e-1", "\"\"", "\"4.0\"", "\" 42\"", "\"42 \"", "\"1e3\"", "\"x\"", "\"\\u0663\""],
    );
    nulled(T::Integer, WRONG, &["true", "false", "{}", "[]", "[1]"]);
    nulled(
        T::Integer,
        TOO_LARGE,
        &["9223372036854775808", "-9223372036854775809", "1e19", "1e999999", "\"9223372036854775808\""],
    );
    // A fraction weighs more than the size.
    nulled(T::Integer, WRONG, &["99999999999999999999.5"]);
}

#[test]
fn numbers_keep_every_digit() {
    // Groups, weight, sign, scale, then groups of four digits, each of 16 bits.
    let cases: [(&str, &[u16]); 10] = [
        ("0", &[0, 0, 0, 0]),
        ("-0.0", &[0, 0, 0, 1]),
        ("1", &[1, 0, 0, 0, 1]),
        ("1.50", &[2, 0, 0, 2, 1, 5000]),
        ("-12345.678", &[3, 1, 0x4000, 3, 1, 2345, 6780]),
        ("1e5", &[1, 1, 0, 0, 10]),
        ("1E-4", &[1, 0xffff, 0, 4, 1]),
        ("\"1e5\"", &[1, 1, 0, 0, 10]),
        ("\"+.5\"", &[1, 0xffff, 0, 1, 5000]),
        ("12345678901234567890.5", &[6, 4, 0, 1, 1234, 5678, 9012, 3456, 7890, 5000]),
    ];
    for (json, words) in cases {
        let payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        stored(T::Number, json, &payload);
    }
    nulled(
        T::Number,
        WRONG,
        &["\"\"", "\"NaN\"", "\"Infinity\"", "\" 1\"", "\"1,5\"", "\"0x10\"", "true", "{}", "[1]"],
    );
    nulled(T::Number, TOO_LARGE, &["1e131072", "-1e131072", "1e-16384", "\"1e131072\"", "1e99999999999999999999"]);
    assert_eq!(store(T::Number, "1e131071").0, Outcome::Stored);
}

#[test]
fn any_value_has_a_text() {
    let cases = [
        ("\"\"", ""),
        ("\"text ä𝄞\"", "text ä𝄞"),
        (r#""a\"\\\n\u00e4""#, "a\"\\\nä"),
        ("\"null\"", "null"),
        ("true", "true"),
        ("false", "false"),
        ("1.50", "1.50"),
        ("-0", "-0"),
        ("1E+400", "1E+400"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("{ \"b\" : [ 1.0 , null ] }", r#"{"b":[1.0,null]}"#),
        ("[ ]", "[]"),
        (r#"["\u0041\/"]"#, r#"["A/"]"#),
    ];
    for (json, text) in cases {
        stored(T::String, json, text.as_bytes());
    }
}

#[test]
fn texts_lose_what_postgres_cannot_hold_and_say_so() {
    let cases = [
        (T::String, r#""a\u0000b""#, "ab"),
        (T::String, r#""\u0000""#, ""),
        (T::String, r#""\ud834""#, "\u{fffd}"),
        (T::String, r#"{"a\u0000": "\udc00" }"#, "{\"a\":\"\u{fffd}\"}"),
        (T::Json, r#""a\u0000b""#, "\u{1}\"ab\""),
        (T::Json, r#"{"k\u0000": [ "\ud834" ]}"#, "\u{1}{\"k\":[\"\u{fffd}\"]}"),
        (T::Object, r#"{"k\u0000": 1.50}"#, "\u{1}{\"k\":1.50}"),
        (T::Array, r#"["\u0000"]"#, "\u{1}[\"\"]"),
    ];
    for (column_type, json, payload) in cases {
        assert_eq!(store(column_type, json), (Outcome::Cleaned, Some(payload.as_bytes().to_vec())), "{json}");
    }
}

#[test]
fn json_columns_keep_the_text() {
    let any = [
        "true",
        "1.50",
        "1e400",
        "\"abc\"",
        r#""\u00e4 \"q\"""#,
        "[1, 2]",
        r#"{"b":1,"a":[{}]}"#,
        "123456789012345678901234567890",
    ];
    for json in any {
        let payload = [b"\x01", json.as_bytes()].concat();
        stored(T::Json, json, &payload);
        let object = json.starts_with('{');
        let array = json.starts_with('[');
        for (column_type, accepted) in [(T::Object, object), (T::Array, array)] {
            if accepted {
                stored(column_type, json, &payload);
            } else {
                nulled(column_type, WRONG, &[json]);
            }
        }
    }
    // A text that holds JSON is a text.
    nulled(T::Object, WRONG, &[r#""{\"a\":1}""#]);
    nulled(T::Array, WRONG, &[r#""[1]""#]);
}

#[test]
fn json_that_jsonb_cannot_hold_is_nulled() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for column_type in [T::Json, T::Array] {
        assert_eq!(store(column_type, &nested(limits::JSON_DEPTH)).0, Outcome::Stored);
        nulled(
            column_type,
            TOO_LARGE,
            &[&nested(limits::JSON_DEPTH + 1), &nested(100_000), "[1e131072]", "[[1e-20000]]"],
        );
    }
    nulled(T::Json, TOO_LARGE, &["1e131072"]);
    nulled(T::Object, TOO_LARGE, &[r#"{"a":1e131072}"#]);
    // As text there is no such limit.
    let deep = nested(100_000);
    stored(T::String, &deep, deep.as_bytes());
}
