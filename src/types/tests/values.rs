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

#[test]
fn narrow_integers_have_the_limits_of_their_width() {
    for (json, value) in [("0", 0), ("-32768", i16::MIN), ("32767", i16::MAX), ("1e2", 100), ("\"-7\"", -7)] {
        stored(T::SmallInt, json, &value.to_be_bytes());
    }
    nulled(T::SmallInt, TOO_LARGE, &["32768", "-32769", "1e19", "\"40000\""]);
    nulled(T::SmallInt, WRONG, &["0.5", "\"\"", "true", "99999.5"]);
    for (json, value) in [("0", 0), ("-2147483648", i32::MIN), ("2147483647", i32::MAX), ("1.0", 1)] {
        stored(T::Int, json, &value.to_be_bytes());
    }
    nulled(T::Int, TOO_LARGE, &["2147483648", "-2147483649", "9223372036854775807"]);
    nulled(T::Int, WRONG, &["0.5", "[]", "\"x\""]);
}

#[test]
fn floats_are_the_nearest_to_what_has_their_digits() {
    let doubles = [
        ("0", 0.0),
        ("-0.0", -0.0),
        ("0.1", 0.1),
        ("1e22", 1e22),
        ("0.10000000000000001", 0.1),
        ("100000000000000000000000000000000", 1e32),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", 5e-324),
        ("\"0.5\"", 0.5),
        ("\"NaN\"", f64::NAN),
        ("\"Infinity\"", f64::INFINITY),
        (r#""\u002dInfinity""#, f64::NEG_INFINITY),
    ];
    for (json, value) in doubles {
        stored(T::Double, json, &value.to_be_bytes());
    }
    nulled(T::Double, TOO_LARGE, &["1.8e308", "-1e999999999999999999999", "1e-400", "\"1e400\""]);
    nulled(
        T::Double,
        WRONG,
        &["0.123456789012345678", "123456789012345678", "\"\"", "\"nan\"", "\"inf\"", "true", "{}"],
    );
    for (json, value) in
        [("0.1", 0.1_f32), ("16777217", 16_777_216.0), ("3.4028235e38", f32::MAX), ("\"NaN\"", f32::NAN)]
    {
        stored(T::Real, json, &value.to_be_bytes());
    }
    nulled(T::Real, TOO_LARGE, &["3.5e38", "1e-50"]);
    nulled(T::Real, WRONG, &["0.1234567891", "[1]"]);
}

#[test]
fn decimals_have_a_place_for_every_digit_or_are_null() {
    let size = |precision, scale| T::Decimal(DecimalSize::new(precision, scale).expect("a size"));
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    stored(size(5, 2), "123.45", &words(&[2, 0, 0, 2, 123, 4500]));
    stored(size(5, 2), "1e2", &words(&[1, 0, 0, 0, 100]));
    stored(size(5, 2), "\"-0.100\"", &words(&[1, 0xffff, 0x4000, 3, 1000]));
    stored(size(5, 2), "0.000", &words(&[0, 0, 0, 3]));
    nulled(size(5, 2), TOO_LARGE, &["1000", "-1e5", "1e131072"]);
    nulled(size(5, 2), WRONG, &["0.001", "1000.001", "\"NaN\"", "true", "\"\""]);
    assert_eq!(store(size(2, 2), "0.99").0, Outcome::Stored);
    nulled(size(2, 2), TOO_LARGE, &["1", "1.1"]);
}

#[test]
fn bytes_come_in_base64() {
    let cases: [(&str, &[u8]); 4] =
        [("\"\"", b""), ("\"AP8=\"", b"\0\xff"), ("\"YWI=\"", b"ab"), (r#""AP8\u003d""#, b"\0\xff")];
    for (json, bytes) in cases {
        stored(T::Bytes, json, bytes);
    }
    nulled(T::Bytes, WRONG, &["\"AP8\"", "\"\\\\x00\"", "\"AP8=\\n\"", "\"A-_=\"", "1", "[]"]);
}

#[test]
fn uuids_have_several_spellings() {
    let bytes = 0x0189_f7e5_0c4c_7c7a_a2d5_f0e1_d2c3_b4a5_u128.to_be_bytes();
    for text in [
        "0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5",
        "0189F7E5-0C4C-7C7A-A2D5-F0E1D2C3B4A5",
        "0189f7e50c4c7c7aa2d5f0e1d2c3b4a5",
        "{0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5}",
        "urn:uuid:0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5",
    ] {
        stored(T::Uuid, &format!("\"{text}\""), &bytes);
    }
    nulled(T::Uuid, WRONG, &["\"\"", "\"0189f7e5\"", "\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4ag\"", "1"]);
}

#[test]
fn lists_are_whole_or_null() {
    let list = T::List(Scalar::SmallInt);
    // Dimensions, NULLs, type; length and first index; the elements.
    let header = |length: i32, nulls: i32| [1, nulls, 21, length, 1].map(i32::to_be_bytes).concat();
    stored(list, "[]", &[0, 0, 21].map(i32::to_be_bytes).concat());
    stored(list, "[ 1 ,\"2\"]", &[header(2, 0), vec![0, 0, 0, 2, 0, 1], vec![0, 0, 0, 2, 0, 2]].concat());
    stored(list, "[null, -1]", &[header(2, 1), vec![0xff; 4], vec![0, 0, 0, 2, 0xff, 0xff]].concat());
    nulled(list, WRONG, &["1", "\"[1]\"", "{}", "[\"x\"]", "[1, true]", "[[1]]", "[0.5, 40000]"]);
    nulled(list, TOO_LARGE, &["[40000]", "[1, 40000, true]"]);
    assert_eq!(store(T::List(Scalar::String), r#"["a\u0000"]"#).0, Outcome::Cleaned);
    // What a list that became NULL leaves behind belongs to no other.
    let mut builder = ColumnBuilder::new(list);
    for json in ["[1]", "[2, true]", "[3]"] {
        builder.append(Scanner::new(json).value().expect("JSON"), json);
    }
    let array = builder.finish();
    let reader = ColumnReader::new(list, &array).expect("the builder's own array");
    for (row, json) in [(0, "[1]"), (2, "[3]")] {
        let mut out = Vec::new();
        let tail = reader.encode(row, &mut out);
        out.extend_from_slice(tail);
        assert_eq!(out.get(4..), store(list, json).1.as_deref());
    }
}
