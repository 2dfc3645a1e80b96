//! Strings of every character and every escape: what is stored is what was meant, byte for byte.

use fastrand::Rng;

use crate::support::postgres::TestDatabase;
use crate::table::{Cell, Kind, Row, check, session};

const ROWS: usize = 1_500;

/// Loads random strings into a text column and into a `jsonb` one that takes anything.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let rows: Vec<Row> = (0..ROWS)
        .map(|_| {
            let string = random(rng);
            let text = if string.dirty {
                Cell::cleaned(&string.json, &string.text)
            } else {
                Cell::stored(&string.json, &string.text)
            };
            // jsonb prints a string with few escapes, as a JSON writer does.
            let union = Cell { stored: Some(quoted(&string.text)), ..text.clone() };
            let mut row = Row::from(vec![text, union]);
            // The field's own name may be written in escapes, too.
            let [name, other] = [["s", r"\u0073"], ["u", r"\u0075"]].map(|names| names[rng.usize(..2)]);
            row.data = Some(format!(r#", "{name}" :{json},"{other}":{json}"#, json = string.json));
            row
        })
        .collect();
    check(database, &sql, &[("s", Kind::String), ("u", Kind::Union)], &rows, |input| vec![input])
}

/// A string as JSON, and as it must be stored.
pub struct Random {
    /// With its quotes.
    pub json: String,
    /// Cleaned.
    pub text: String,
    /// Something had to be cleaned away.
    pub dirty: bool,
}

/// A string of any characters in any spelling.
pub fn random(rng: &mut Rng) -> Random {
    let mut string = Random { json: "\"".into(), text: String::new(), dirty: false };
    let length = match rng.u8(..) {
        0..=20 => 0,
        21..=25 => rng.usize(..3_000),
        _ => rng.usize(..40),
    };
    let dirty = rng.u8(..4) == 0;
    for _ in 0..length {
        push(rng, dirty, &mut string);
    }
    string.json.push('"');
    string
}

fn push(rng: &mut Rng, dirty: bool, string: &mut Random) {
    match rng.u8(..24) {
        0 if dirty => {
            string.json.push_str(r"\u0000");
            string.dirty = true;
        }
        1 if dirty => {
            // A surrogate without its other half: what follows must not be one.
            let (unit, tail) = match rng.u8(..6) {
                0 => (rng.u32(0xDC00..0xE000), ""),
                1 => (rng.u32(0xD800..0xDC00), "x"),
                2 => (rng.u32(0xD800..0xDC00), r"\n"),
                3 => (rng.u32(0xD800..0xDC00), r"\u0041"),
                4 => (rng.u32(0xD800..0xDC00), r"\ud83d\ude00"),
                _ => (rng.u32(0xD800..0xDC00), r"\\udc00"),
            };
            string.json.push_str(&hex(rng, unit));
            string.json.push_str(tail);
            string.text.push('\u{fffd}');
            string.text.push_str(match tail {
                r"\n" => "\n",
                r"\u0041" => "A",
                r"\ud83d\ude00" => "😀",
                r"\\udc00" => r"\udc00",
                plain => plain,
            });
            string.dirty = true;
        }
        2..=4 => {
            let escapes = [
                (r#"\""#, '"'),
                (r"\\", '\\'),
                (r"\/", '/'),
                (r"\b", '\u{8}'),
                (r"\f", '\u{c}'),
                (r"\n", '\n'),
                (r"\r", '\r'),
                (r"\t", '\t'),
            ];
            let (json, c) = escapes[rng.usize(..escapes.len())];
            string.json.push_str(json);
            string.text.push(c);
        }
        5..=8 => {
            let c = character(rng);
            for unit in c.encode_utf16(&mut [0; 2]) {
                string.json.push_str(&hex(rng, u32::from(*unit)));
            }
            string.text.push(c);
        }
        _ => {
            let c = character(rng);
            if c < ' ' || c == '"' || c == '\\' {
                string.json.push_str(&hex(rng, u32::from(c)));
            } else {
                string.json.push(c);
            }
            string.text.push(c);
        }
    }
}

/// Any character but NUL.
fn character(rng: &mut Rng) -> char {
    match rng.u8(..8) {
        0 => rng.char('\u{1}'..='\u{1f}'),
        1 => rng.char('\u{7f}'..='\u{a0}'),
        2 => ['\u{2028}', '\u{feff}', '\u{ffff}', '\u{fffd}', '\u{10ffff}', '\u{d7ff}', '\u{e000}'][rng.usize(..7)],
        3 => rng.char('\u{1}'..),
        4 => rng.char('\u{10000}'..),
        _ => rng.char(' '..'\u{7f}'),
    }
}

fn hex(rng: &mut Rng, unit: u32) -> String {
    if rng.bool() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") }
}

/// A JSON string with only the escapes that it needs.
pub fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
