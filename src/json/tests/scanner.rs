//! The grammar: what is JSON, what is not, and where that shows.

use super::*;
use crate::limits;

/// Texts and their kind; each is one value of RFC 8259.
const VALUES: [(&str, Kind); 44] = [
    ("null", Kind::Null),
    ("true", Kind::True),
    ("false", Kind::False),
    ("0", Kind::Number),
    ("-0", Kind::Number),
    ("7", Kind::Number),
    ("-120", Kind::Number),
    ("0.5", Kind::Number),
    ("-0.0500", Kind::Number),
    ("10.25", Kind::Number),
    ("1e5", Kind::Number),
    ("1E5", Kind::Number),
    ("1e+5", Kind::Number),
    ("1e-5", Kind::Number),
    ("0e0", Kind::Number),
    ("0E-00", Kind::Number),
    ("-1.5e007", Kind::Number),
    ("123456789012345678901234567890.1234567890", Kind::Number),
    (r#""""#, Kind::String),
    (r#""a""#, Kind::String),
    (r#""ä€𝄞""#, Kind::String),
    ("\"\u{7f}\u{80}\u{2028}\u{feff}\"", Kind::String),
    (r#""\"\\\/\b\f\n\r\t""#, Kind::String),
    (r#""\u0041\u00e4\u20AC\uFFFF""#, Kind::String),
    (r#""\ud834\udd1e""#, Kind::String),
    (r#""1234567\"9""#, Kind::String),
    (r#""{[,:]}""#, Kind::String),
    ("{}", Kind::Object),
    ("[]", Kind::Array),
    ("{ }", Kind::Object),
    ("[\t]", Kind::Array),
    (r#"{"":""}"#, Kind::Object),
    (r#"{"a":1,"a":2}"#, Kind::Object),
    (r#"{"a" : 1 , "b" : [ ] }"#, Kind::Object),
    (r#"{"a":{"b":{"c":null}}}"#, Kind::Object),
    (r#"{"a":[],"b":{}}"#, Kind::Object),
    ("[1,2,3]", Kind::Array),
    ("[[],[[]],{}]", Kind::Array),
    ("[true,false,null]", Kind::Array),
    ("[ \"a\" , -1 ]", Kind::Array),
    ("[{\"a\":[{}]}]", Kind::Array),
    ("[0,0.1,1e1]", Kind::Array),
    ("[\n1\r,\t2 ]", Kind::Array),
    (r#"["\\","\""]"#, Kind::Array),
];

/// Texts that are no JSON, and the byte at which that shows.
const REFUSED: [(&str, usize); 83] = [
    ("", 0),
    (" ", 1),
    ("nul", 0),
    ("nULL", 0),
    ("nullx", 4),
    ("True", 0),
    ("tru", 0),
    ("falsy", 0),
    ("undefined", 0),
    ("NaN", 0),
    ("Infinity", 0),
    ("-Infinity", 1),
    ("-", 1),
    ("--1", 1),
    ("+1", 0),
    (".5", 0),
    ("-.5", 1),
    ("5.", 2),
    ("5.e1", 2),
    ("1e", 2),
    ("1e+", 3),
    ("1.5E-", 5),
    ("00", 1),
    ("01", 1),
    ("-01", 2),
    ("0x10", 1),
    ("1_000", 1),
    ("1 2", 2),
    ("1,", 1),
    ("１", 0),
    ("'a'", 0),
    ("a", 0),
    ("\"", 1),
    ("\"a", 2),
    ("\"12345678", 9),
    ("\"1234567\\", 8),
    (r#""\"#, 1),
    (r#""\""#, 3),
    (r#""\x41""#, 1),
    (r#""\a""#, 1),
    (r#""\U0041""#, 1),
    (r#""\'""#, 1),
    (r#""\0""#, 1),
    (r#""\u""#, 1),
    (r#""\u1""#, 1),
    (r#""\u12""#, 1),
    (r#""\u123""#, 1),
    (r#""\u123g""#, 1),
    (r#""\u+123""#, 1),
    (r#""\u 123""#, 1),
    (r#""\ud834\u""#, 7),
    (r#""\ud834\udd1""#, 7),
    (r#""\ud834\x""#, 7),
    ("\"a\nb\"", 2),
    ("\"a\tb\"", 2),
    ("\"a\0b\"", 2),
    ("\"1234567890\u{1f}\"", 11),
    ("\"a\"b", 3),
    ("[", 1),
    ("[1", 2),
    ("[1,", 3),
    ("[1,]", 3),
    ("[,1]", 1),
    ("[1 2]", 3),
    ("[1}", 2),
    ("[1]]", 3),
    ("]", 0),
    ("[\u{b}1]", 1),
    ("[\u{a0}1]", 1),
    ("{", 1),
    ("{1:2}", 1),
    ("{a:1}", 1),
    (r#"{"a"}"#, 4),
    (r#"{"a":}"#, 5),
    (r#"{"a":1"#, 6),
    (r#"{"a":1,"#, 7),
    (r#"{"a":1,}"#, 7),
    (r#"{,"a":1}"#, 1),
    (r#"{"a":1 "b":2}"#, 7),
    (r#"{"a":1]"#, 6),
    (r#"{"a",1}"#, 4),
    (r#"{"a":1}}"#, 7),
    ("{} // text", 3),
];

#[test]
fn values_are_scanned_whole() {
    for (json, kind) in VALUES {
        let token = token(json);
        assert_eq!(token.kind, kind, "{json}");
        let inside = if kind == Kind::String { &json[1..json.len() - 1] } else { json };
        assert_eq!(token.text(json), inside, "{json}");
    }
}

#[test]
fn white_space_around_values_is_none_of_theirs() {
    for (json, kind) in VALUES {
        let line = format!(" \t\r\n{json}\n\r\t ");
        let token = token(&line);
        assert_eq!((token.kind, token.text(&line).trim_matches('"')), (kind, json.trim_matches('"')), "{json}");
    }
}

#[test]
fn what_is_no_json_is_refused_where_it_shows() {
    for (text, offset) in REFUSED {
        assert_eq!(scan(text).map(|t| t.kind), Err(SyntaxError { offset }), "{text:?}");
        // Inside containers the same text is as wrong, but where nothing is needed.
        assert!(text.trim().is_empty() || scan(&format!("[{text}]")).is_err(), "[{text}]");
        assert!(scan(&format!(r#"{{"a":{text}}}"#)).is_err(), "member {text}");
    }
}

#[test]
fn every_cut_of_a_container_or_string_is_refused() {
    let whole = r#"{"a\"b":[1.5e3,"x\u00e4\\",{"c":null,"d":[true,false,{}]},[]],"𝄞":-0}"#;
    assert!(scan(whole).is_ok());
    for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
        let offset = scan(&whole[..end]).expect_err(&whole[..end]).offset;
        assert!(offset <= end, "{end}");
    }
}

#[test]
fn control_characters_are_found_at_every_position_of_a_word() {
    for length in 0..20 {
        for control in ['\0', '\u{1}', '\n', '\u{1f}'] {
            let text = format!("\"{}{control}ä {}\"", "x".repeat(length), "y".repeat(12));
            assert_eq!(scan(&text).expect_err(&text).offset, length + 1);
        }
        for ending in ["\"", "\\\"\"", "\u{20}\"", "\u{ff}\u{80}\""] {
            let text = format!("\"{}{ending}", "x".repeat(length));
            assert_eq!(token(&text).text(&text), &text[1..text.len() - 1]);
        }
    }
}

#[test]
fn strings_tell_escapes_and_what_postgres_refuses() {
    // Inside of a string, escaped, dirty.
    let cases = [
        ("plain", false, false),
        ("𝄞", false, false),
        (r"\n", true, false),
        (r"\u0041", true, false),
        (r"\u0001", true, false),
        (r"\ud834\udd1e", true, false),
        (r"\uD834\uDD1E", true, false),
        (r"\\u0000", true, false),
        (r"\\ud834", true, false),
        (r"\u0000", true, true),
        (r"\ud834", true, true),
        (r"\udd1e", true, true),
        (r"\udd1e\ud834", true, true),
        (r"\ud834x\udd1e", true, true),
        (r"\ud834\n", true, true),
        (r"\ud834\u0041", true, true),
        (r"\ud834\ud834\udd1e", true, true),
        (r"\udbff\udfff", true, false),
        (r"\udc00", true, true),
        (r"\ud7ff\ue000", true, false),
    ];
    for (inside, escaped, dirty) in cases {
        for json in [format!("\"{inside}\""), format!("[1,\"{inside}\"]"), format!("{{\"{inside}\":{{\"k\":2}}}}")] {
            let token = token(&json);
            assert_eq!((token.is_escaped(), token.is_dirty()), (escaped, dirty), "{json}");
            assert!(!token.exceeds_jsonb(), "{json}");
        }
    }
}

#[test]
fn flags_are_those_of_one_value() {
    let line = r#"{"dirty":"\u0000","big":[1e999999],"clean":"x"}"#;
    let mut scanner = Scanner::new(line);
    scanner.enter_object().expect("an object");
    let mut seen = Vec::new();
    let mut first = true;
    while let Some(key) = scanner.next_key(first).expect("a key") {
        first = false;
        let value = scanner.value().expect("a value");
        seen.push((key.text(line), value.is_escaped(), value.is_dirty(), value.exceeds_jsonb()));
    }
    assert_eq!(seen, [("dirty", true, true, false), ("big", false, false, true), ("clean", false, false, false)]);
}

#[test]
fn numbers_beyond_numeric_exceed_jsonb() {
    let digits = |count: usize| "9".repeat(count);
    let cases = [
        (digits(131_072), false),
        (digits(131_073), true),
        ("1e131071".into(), false),
        ("1e131072".into(), true),
        ("-1e131072".into(), true),
        ("0e999999999999999999999999".into(), false),
        ("1e-16383".into(), false),
        ("1e-16384".into(), true),
        (format!("0.{}1", "0".repeat(16_382)), false),
        (format!("0.{}1", "0".repeat(16_383)), true),
        (format!("0.1{}", "0".repeat(20_000)), false),
    ];
    for (number, exceeds) in cases {
        for json in [number.clone(), format!("[[{number}]]"), format!(r#"{{"a":{number},"b":1}}"#)] {
            let start = json.chars().take(20).collect::<String>();
            assert_eq!(token(&json).exceeds_jsonb(), exceeds, "{start}… of {} bytes", json.len());
        }
    }
}

#[test]
fn the_deepest_nesting_that_is_stored() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for (levels, exceeds) in [(limits::JSON_DEPTH, false), (limits::JSON_DEPTH + 1, true)] {
            let json = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            assert_eq!(token(&json).exceeds_jsonb(), exceeds, "{levels} times {open}");
        }
    }
    // Depth is not the number of containers.
    assert!(!token(&format!("[{}[]]", "[],".repeat(3 * limits::JSON_DEPTH))).exceeds_jsonb());
}

#[test]
fn a_hundred_thousand_levels_overflow_no_stack() {
    const LEVELS: usize = 100_000;
    let scan_on_small_stack = |json: String| {
        let thread = std::thread::Builder::new().stack_size(128 << 10);
        let outcome = thread.spawn(move || scan(&json).map(|t| (t.exceeds_jsonb(), t.text(&json).len() == json.len())));
        outcome.expect("a thread").join().expect("no overflow")
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let whole = format!("{}0{}", open.repeat(LEVELS), close.repeat(LEVELS));
        assert_eq!(scan_on_small_stack(whole.clone()), Ok((true, true)));
        let cut = whole.len() - 1;
        assert_eq!(scan_on_small_stack(whole[..cut].to_owned()), Err(SyntaxError { offset: cut }));
        let unclosed = open.repeat(LEVELS);
        assert_eq!(scan_on_small_stack(unclosed.clone()), Err(SyntaxError { offset: unclosed.len() }));
    }
}

#[test]
fn containers_can_be_walked_and_walked_again() {
    let line = r#" { "n" : 1 , "o": {"a" : "x" , "b":[]} } "#;
    let mut scanner = Scanner::new(line);
    scanner.enter_object().expect("an object");
    assert_eq!(scanner.next_key(true).expect("JSON").expect("a key").text(line), "n");
    let first = scanner.value().expect("JSON");
    assert_eq!((first.kind, first.text(line)), (Kind::Number, "1"));
    assert_eq!(scanner.next_key(false).expect("JSON").expect("a key").text(line), "o");
    let second = scanner.value().expect("JSON");
    assert_eq!(second.text(line), r#"{"a" : "x" , "b":[]}"#);
    assert!(scanner.next_key(false).expect("JSON").is_none());
    scanner.finish().expect("the end");

    let mut inner = Scanner::at(line, second);
    assert!(inner.is_object_next());
    let mark = inner.mark();
    inner.enter_object().expect("an object");
    assert_eq!(inner.next_key(true).expect("JSON").expect("a key").text(line), "a");
    assert!(!inner.is_object_next());
    assert_eq!(inner.value().expect("JSON").kind, Kind::String);
    assert_eq!(inner.next_key(false).expect("JSON").expect("a key").text(line), "b");
    assert_eq!(inner.value().expect("JSON").kind, Kind::Array);
    assert!(inner.next_key(false).expect("JSON").is_none());
    assert_eq!(inner.object_since(mark).text(line), second.text(line));
    assert!(inner.finish().is_err());
}

#[test]
fn walking_refuses_what_scanning_refuses() {
    fn walk(line: &str) -> Result<usize, SyntaxError> {
        let mut scanner = Scanner::new(line);
        let mut count = 0;
        scanner.enter_object()?;
        while scanner.next_key(count == 0)?.is_some() {
            scanner.value()?;
            count += 1;
        }
        scanner.finish().map(|()| count)
    }
    for (json, kind) in VALUES {
        assert_eq!(walk(json).is_ok(), kind == Kind::Object, "{json}");
    }
    for (text, _) in REFUSED {
        assert!(walk(text).is_err(), "{text}");
    }
    assert_eq!(walk(r#"{"a":1,"b":{"c":2},"a":3}"#), Ok(3));
}

#[test]
fn a_missing_token_has_no_text() {
    assert_eq!(Token::MISSING.text("some line"), "");
    assert_eq!(Token::MISSING.kind, Kind::Missing);
    assert_eq!(SyntaxError { offset: 7 }.to_string(), "invalid JSON at byte 7");
}

#[test]
fn a_key_that_is_written_as_expected_is_stepped_over() {
    let line = r#"{"a":1,"b" :2, "c":3,"d\u0065":4}"#;
    let mut scanner = Scanner::new(line);
    scanner.enter_object().expect("an object");
    assert!(!scanner.skip_key(false, br#""a":"#), "there is no comma");
    assert!(!scanner.skip_key(true, br#""":"#));
    assert!(scanner.skip_key(true, br#""a":"#));
    assert_eq!(scanner.value().expect("JSON").text(line), "1");
    assert!(!scanner.skip_key(true, br#""b":"#), "there is a comma");
    assert!(!scanner.skip_key(false, br#""b":"#), "there is white space");
    assert_eq!(scanner.next_key(false).expect("JSON").expect("a key").text(line), "b");
    assert_eq!(scanner.value().expect("JSON").text(line), "2");
    assert!(!scanner.skip_key(false, br#""c":"#), "there is white space");
    assert_eq!(scanner.next_key(false).expect("JSON").expect("a key").text(line), "c");
    assert_eq!(scanner.value().expect("JSON").text(line), "3");
    assert!(!scanner.skip_key(false, br#""de":"#), "there is an escape");
    assert_eq!(scanner.next_key(false).expect("JSON").expect("a key").text(line), r"d\u0065");
    assert_eq!(scanner.value().expect("JSON").text(line), "4");
    assert!(!scanner.skip_key(false, b""), "an object ends here");
    assert!(scanner.next_key(false).expect("JSON").is_none());
}
