//! The JSON scanner and the texts made from its tokens, against serde_json and a reader that takes one character at a
//! time.

use destination_postgres::json::{Kind, Scanner, SyntaxError, Token, append_compact, append_unescaped, write_quoted};
use destination_postgres::numeric::check_number;
use serde_json::value::RawValue;

/// A text as JSON.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut quoted = String::new();
    write_quoted(text, &mut quoted);
    assert_eq!(quoted, serde_json::to_string(text).unwrap());

    let wanted = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
    let token = match (scan(text), wanted) {
        (Err(error), None) => return assert!(error.offset <= text.len()),
        (Ok(token), Some(wanted)) => {
            check_token(token, text, wanted);
            token
        }
        (Ok(_), None) => panic!("{text:?} is not JSON, but was scanned"),
        (Err(error), Some(_)) => panic!("{text:?} is JSON, but: {error}"),
    };
    if token.kind == Kind::Object {
        let members = walk(text).expect("an object that can be skipped can be walked");
        let again: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let again = format!("{{{}}}", again.join(","));
        assert_eq!(compact(&again), compact(text), "the members are not those of {text:?}");
    } else {
        assert!(walk(text).is_err());
    }
}

/// The one value of a text.
fn scan(text: &str) -> Result<Token, SyntaxError> {
    let mut scanner = Scanner::new(text);
    let token = scanner.value()?;
    scanner.finish()?;
    Ok(token)
}

/// The members of the object that a text is: keys without quotes, values as they stand there.
fn walk(text: &str) -> Result<Vec<(&str, String)>, SyntaxError> {
    let mut scanner = Scanner::new(text);
    let mut members = Vec::new();
    let begin = scanner.mark();
    scanner.enter_object()?;
    while let Some(key) = scanner.next_key(members.is_empty())? {
        let value = scanner.value()?;
        members.push((key.text(text), spelling(value, text)));
    }
    let object = scanner.object_since(begin);
    assert_eq!(object.text(text), text.trim_matches([' ', '\t', '\n', '\r']));
    scanner.finish()?;
    Ok(members)
}

/// A token as it stands in the text, quotes included.
fn spelling(token: Token, text: &str) -> String {
    let text = token.text(text);
    if token.kind == Kind::String { format!("\"{text}\"") } else { text.to_owned() }
}

fn check_token(token: Token, text: &str, wanted: &str) {
    assert_eq!(spelling(token, text), wanted);
    let kind = match wanted.as_bytes()[0] {
        b'{' => Kind::Object,
        b'[' => Kind::Array,
        b'"' => Kind::String,
        b't' => Kind::True,
        b'f' => Kind::False,
        b'n' => Kind::Null,
        _ => Kind::Number,
    };
    assert_eq!(token.kind, kind);
    let wanted_compact = compact(wanted);
    assert_eq!(token.is_escaped(), wanted.contains('\\'), "escapes in {wanted:?}");
    assert_eq!(token.is_dirty(), wanted_compact.dirty, "what Postgres refuses in {wanted:?}");
    assert_eq!(token.exceeds_jsonb(), wanted_compact.exceeds_jsonb, "limits in {wanted:?}");

    let mut made = String::new();
    let cleaned = append_compact(wanted, &mut made);
    assert_eq!((&made, cleaned.changed), (&wanted_compact.text, wanted_compact.dirty));
    let again = scan(&made).expect("compact JSON is JSON");
    assert!(!again.is_dirty(), "{made:?} is not clean");
    if kind == Kind::String {
        let raw = token.text(text);
        let mut made = String::new();
        let cleaned = append_unescaped(raw, &mut made);
        assert_eq!((made, cleaned.changed), unescaped(raw));
    }
}

/// JSON without blanks, cleaned, and what was found on the way.
#[derive(Debug, Eq, PartialEq)]
pub struct Compact {
    /// The text.
    pub text: String,
    /// It had a NUL or half a surrogate pair.
    pub dirty: bool,
    /// It is nested too deep or holds a number too large.
    pub exceeds_jsonb: bool,
}

/// The model of [`append_compact`], for valid JSON.
pub fn compact(json: &str) -> Compact {
    let mut made = Compact { text: String::new(), dirty: false, exceeds_jsonb: false };
    let (mut depth, mut rest) = (0, json);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => {
                let raw = string(rest);
                let (text, dirty) = unescaped(raw);
                made.text.push_str(&serde_json::to_string(&text).unwrap());
                made.dirty |= dirty;
                raw.len() + 2
            }
            '-' | '0'..='9' => {
                let end = rest.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(rest.len());
                made.exceeds_jsonb |= check_number(&rest[..end]).is_err();
                made.text.push_str(&rest[..end]);
                end
            }
            ' ' | '\t' | '\n' | '\r' => 1,
            _ => {
                depth += i32::from("[{".contains(c)) - i32::from("]}".contains(c));
                made.exceeds_jsonb |= depth > 2_000;
                made.text.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    made
}

/// The inside of the string at the start of `json`.
fn string(json: &str) -> &str {
    let mut escaped = false;
    let close = json.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    &json[1..close.expect("a closing quote").0]
}

/// The characters of the inside of a string in valid JSON, as Postgres can store them, and whether that changed them.
pub fn unescaped(raw: &str) -> (String, bool) {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let c = match (c, (c == '\\').then(|| chars.next().expect("an escape"))) {
            (plain, None) => plain,
            (_, Some('u')) => {
                let digits: String = chars.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).unwrap());
                continue;
            }
            (_, Some('b')) => '\u{8}',
            (_, Some('f')) => '\u{c}',
            (_, Some('n')) => '\n',
            (_, Some('r')) => '\r',
            (_, Some('t')) => '\t',
            (_, Some(itself)) => itself,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    let mut dirty = false;
    let mut text = String::new();
    for unit in char::decode_utf16(units) {
        dirty |= matches!(unit, Err(_) | Ok('\0'));
        text.extend(Some(unit.unwrap_or(char::REPLACEMENT_CHARACTER)).filter(|c| *c != '\0'));
    }
    (text, dirty)
}
