//! Texts made from JSON tokens: unescaped strings, compact JSON, JSON that `jsonb` accepts.

use std::fmt::Write;

use super::scanner::hex4;

/// What had to be taken out of a text because Postgres cannot store it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cleaned {
    /// A NUL character was removed or a lone surrogate replaced by U+FFFD.
    pub changed: bool,
}

/// Appends the characters that the inside of a JSON string stands for; NUL is dropped, a lone surrogate becomes U+FFFD.
pub fn append_unescaped(raw: &str, out: &mut impl Write) -> Cleaned {
    let mut cleaned = Cleaned::default();
    walk_string(raw, |piece| match piece {
        Piece::Plain(text) => push(out, text),
        Piece::Char(c) => push_char(out, c),
        Piece::Nul => cleaned.changed = true,
        Piece::Surrogate => {
            push_char(out, '\u{fffd}');
            cleaned.changed = true;
        }
    });
    cleaned
}

/// Appends a JSON text without white space between tokens and with minimal escapes, cleaned like
/// [`append_unescaped`]; numbers keep their spelling.
pub fn append_compact(json: &str, out: &mut impl Write) -> Cleaned {
    let mut cleaned = Cleaned::default();
    walk_json(json, |piece| match piece {
        JsonPiece::Other(text) => text.split_ascii_whitespace().for_each(|piece| push(out, piece)),
        JsonPiece::String(raw) => {
            push_char(out, '"');
            walk_string(raw, |piece| match piece {
                Piece::Plain(text) => push(out, text),
                Piece::Char(c) => push_escaped(c, out),
                Piece::Nul => cleaned.changed = true,
                Piece::Surrogate => {
                    push_char(out, '\u{fffd}');
                    cleaned.changed = true;
                }
            });
            push_char(out, '"');
        }
    });
    cleaned
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_quoted(text: &str, out: &mut impl Write) {
    push_char(out, '"');
    for c in text.chars() {
        push_escaped(c, out);
    }
    push_char(out, '"');
}

fn push_escaped(c: char, out: &mut impl Write) {
    match c {
        '"' => push(out, "\\\""),
        '\\' => push(out, "\\\\"),
        '\n' => push(out, "\\n"),
        '\r' => push(out, "\\r"),
        '\t' => push(out, "\\t"),
        '\u{8}' => push(out, "\\b"),
        '\u{c}' => push(out, "\\f"),
        c if c < ' ' => push(out, &format!("\\u{:04x}", u32::from(c))),
        c => push_char(out, c),
    }
}

fn push(out: &mut impl Write, text: &str) {
    out.write_str(text).expect("writing to memory does not fail");
}

fn push_char(out: &mut impl Write, c: char) {
    out.write_char(c).expect("writing to memory does not fail");
}

enum Piece<'a> {
    Plain(&'a str),
    Char(char),
    Nul,
    Surrogate,
}

fn walk_string<'a>(raw: &'a str, mut emit: impl FnMut(Piece<'a>)) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, tail) = rest.split_at(at);
        if !plain.is_empty() {
            emit(Piece::Plain(plain));
        }
        let (piece, used) = unescape_one(tail);
        emit(piece);
        rest = tail.get(used..).unwrap_or_default();
    }
    if !rest.is_empty() {
        emit(Piece::Plain(rest));
    }
}

/// The character of the escape sequence at the start of `tail`, and its length in bytes.
fn unescape_one(tail: &str) -> (Piece<'_>, usize) {
    let unit = |at: usize| {
        let bytes = tail.as_bytes();
        (bytes.get(at..at + 2) == Some(br"\u")).then(|| bytes.get(at + 2..at + 6).and_then(hex4)).flatten()
    };
    let c = match tail.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            return match (unit(0), unit(6)) {
                (Some(0), _) => (Piece::Nul, 6),
                (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                    let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    (char::from_u32(code).map_or(Piece::Surrogate, Piece::Char), 12)
                }
                (Some(unit), _) => (char::from_u32(unit).map_or(Piece::Surrogate, Piece::Char), 6),
                (None, _) => (Piece::Surrogate, 2),
            };
        }
        Some(&other) => char::from(other),
        None => return (Piece::Surrogate, 1),
    };
    (Piece::Char(c), 2)
}

enum JsonPiece<'a> {
    Other(&'a str),
    String(&'a str),
}

fn walk_json<'a>(json: &'a str, mut emit: impl FnMut(JsonPiece<'a>)) {
    let mut rest = json;
    while let Some(open) = memchr::memchr(b'"', rest.as_bytes()) {
        let (other, string) = rest.split_at(open);
        if !other.is_empty() {
            emit(JsonPiece::Other(other));
        }
        let inside = string.get(1..).unwrap_or_default();
        let close = closing_quote(inside);
        emit(JsonPiece::String(inside.get(..close).unwrap_or(inside)));
        rest = inside.get(close + 1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        emit(JsonPiece::Other(rest));
    }
}

fn closing_quote(inside: &str) -> usize {
    let bytes = inside.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|tail| memchr::memchr2(b'"', b'\\', tail)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    inside.len()
}

/// Bytes of a number, a key or a literal in `jsonb` beyond its own text: the entry word, alignment and the numeric's
/// header.
const JSONB_OVERHEAD: usize = 16;
/// No JSON text below this size can grow to the limit of `jsonb`: the shortest element is two bytes of text.
const JSONB_SAFE: usize = 16 << 20;

/// An upper bound of the bytes that `jsonb` needs for a JSON text; exact counting starts where it can matter.
pub fn jsonb_size(json: &str) -> usize {
    if json.len() <= JSONB_SAFE { json.len() } else { counted_size(json) }
}

/// As [`jsonb_size`], for one member of an object in a text of `whole` bytes.
pub fn member_size(key: &str, value: &str, whole: usize) -> usize {
    /// Two quotes, a colon and a comma.
    const PUNCTUATION: usize = 4;
    if whole <= JSONB_SAFE {
        return key.len() + value.len() + PUNCTUATION;
    }
    counted_size(key) + counted_size(value) + PUNCTUATION + 2 * JSONB_OVERHEAD
}

fn counted_size(json: &str) -> usize {
    let elements = memchr::memchr3_iter(b',', b':', b'[', json.as_bytes()).count();
    json.len() + elements * JSONB_OVERHEAD
}
