//! Nested JSON in odd spellings, against the server's own `jsonb`.

use fastrand::Rng;

use crate::support::postgres::TestDatabase;
use crate::table::{Cell, Kind, NOT_OF_TYPE, Row, TOO_LARGE, check, server_casts, session};
use crate::text;

const ROWS: usize = 500;
/// Levels that are stored.
const DEPTH: usize = 2_000;
const FIELDS: [(&str, Kind); 4] = [("a", Kind::Array), ("o", Kind::Object), ("t", Kind::Union), ("u", Kind::String)];

/// Loads random documents into `jsonb` columns and, as text, into a string column.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let documents: Vec<Document> = (0..ROWS).map(|_| document(rng)).collect();
    let asked: Vec<String> = documents.iter().filter(|d| !d.too_large).map(|d| d.compact.clone()).collect();
    let mut answers = server_casts(&sql, "jsonb", &asked)?.into_iter();
    let mut rows = Vec::new();
    for document in documents {
        let Document { raw, compact, dirty, too_large } = document;
        let kind = raw.trim_ascii_start().bytes().next();
        let stored = if too_large {
            None
        } else {
            match answers.next() {
                Some(Ok(text)) => Some(text),
                other => return Err(format!("the server says {other:?} to {compact}")),
            }
        };
        let jsonb = |of_type: bool| match &stored {
            _ if raw.trim_ascii() == "null" => Cell { json: Some(raw.clone()), stored: None, change: None },
            _ if !of_type => Cell::nulled(&raw, NOT_OF_TYPE),
            None => Cell::nulled(&raw, TOO_LARGE),
            Some(text) if dirty => Cell::cleaned(&raw, text),
            Some(text) => Cell::stored(&raw, text),
        };
        let cells = [kind == Some(b'['), kind == Some(b'{'), true].map(jsonb);
        let string = match kind {
            Some(b'n') => cells[2].clone(),
            // Of a string, what it means; of anything else, its JSON without blanks.
            Some(b'"') => {
                let meant: String = serde_json::from_str(&compact).map_err(|e| e.to_string())?;
                if dirty { Cell::cleaned(&raw, meant) } else { Cell::stored(&raw, meant) }
            }
            _ if dirty => Cell::cleaned(&raw, &compact),
            _ => Cell::stored(&raw, &compact),
        };
        rows.push(Row::from(cells.into_iter().chain([string]).collect::<Vec<_>>()));
    }
    check(database, &sql, &FIELDS, &rows, |input| vec![input])
}

/// Nesting at the limit and far beyond it.
pub fn depth(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let mut rows = Vec::new();
    for levels in [1, DEPTH - 1, DEPTH, DEPTH + 1, 100_000] {
        // Objects and arrays in random turns.
        let (mut raw, mut close, mut stored) = (String::new(), String::new(), String::new());
        for level in 0..levels {
            let object = rng.bool() && level > 0;
            raw.push_str(if object { r#"{"k":"# } else { "[" });
            stored.push_str(if object { r#"{"k": "# } else { "[" });
            close.push(if object { '}' } else { ']' });
        }
        let close: String = close.chars().rev().collect();
        let raw = format!("{raw}1{close}");
        let jsonb = if levels <= DEPTH {
            Cell::stored(&raw, format!("{stored}1{close}"))
        } else {
            Cell::nulled(&raw, TOO_LARGE)
        };
        rows.push(Row::from(vec![jsonb.clone(), Cell::nulled(&raw, NOT_OF_TYPE), jsonb, Cell::stored(&raw, &raw)]));
    }
    check(database, &sql, &FIELDS, &rows, |input| vec![input])
}

/// A JSON text in three spellings at once.
#[derive(Default)]
struct Document {
    /// As the source writes it.
    raw: String,
    /// Cleaned and without blanks, with only the escapes that it needs; numbers as they were.
    compact: String,
    dirty: bool,
    /// A number in it is more than `numeric` holds.
    too_large: bool,
}

fn document(rng: &mut Rng) -> Document {
    let mut document = Document::default();
    let levels = if rng.u8(..20) == 0 { 40 } else { 5 };
    document.value(rng, levels);
    document
}

impl Document {
    fn value(&mut self, rng: &mut Rng, levels: usize) {
        match rng.u8(..if levels == 0 { 5 } else { 11 }) {
            0 => self.both(["null", "true", "false"][rng.usize(..3)]),
            1..=2 => self.number(rng),
            3..=4 => self.string(rng),
            5..=7 => self.container(rng, levels, '{', '}'),
            _ => self.container(rng, levels, '[', ']'),
        }
    }

    fn container(&mut self, rng: &mut Rng, levels: usize, open: char, close: char) {
        self.both(open.encode_utf8(&mut [0; 4]));
        for member in 0..rng.usize(..4) {
            if member > 0 {
                self.blank(rng);
                self.both(",");
            }
            self.blank(rng);
            if open == '{' {
                // Few names, so that some come twice; of those the last one counts.
                if rng.bool() {
                    self.both(["\"\"", "\"a\"", "\"b\"", "\"aa\"", "\"é\""][rng.usize(..5)]);
                } else {
                    self.string(rng);
                }
                self.blank(rng);
                self.both(":");
                self.blank(rng);
            }
            self.value(rng, levels - 1);
        }
        self.blank(rng);
        self.both(close.encode_utf8(&mut [0; 4]));
    }

    fn string(&mut self, rng: &mut Rng) {
        let string = text::random(rng);
        self.raw.push_str(&string.json);
        self.compact.push_str(&text::quoted(&string.text));
        self.dirty |= string.dirty;
    }

    fn number(&mut self, rng: &mut Rng) {
        const ODD: [&str; 14] = [
            "0",
            "-0",
            "-0.0",
            "1E2",
            "1e-5",
            "123456789012345678901234567890.123456789",
            "0.1000",
            "1e400",
            "-1.5e-400",
            "9007199254740993",
            "1e131071",
            "1e-16383",
            "100e-2",
            "0e7",
        ];
        const TOO_LARGE: [&str; 3] = ["1e131072", "-1e-16384", "1e9999999999999999999999"];
        if rng.u8(..150) == 0 {
            self.too_large = true;
            self.both(TOO_LARGE[rng.usize(..3)]);
        } else if rng.bool() {
            self.both(ODD[rng.usize(..ODD.len())]);
        } else {
            self.both(&rng.i64(..).to_string());
        }
    }

    fn blank(&mut self, rng: &mut Rng) {
        if rng.u8(..3) == 0 {
            self.raw.extend((0..rng.usize(..4)).map(|_| [' ', '\t', '\r', ' '][rng.usize(..4)]));
        }
    }

    fn both(&mut self, text: &str) {
        self.raw.push_str(text);
        self.compact.push_str(text);
    }
}
