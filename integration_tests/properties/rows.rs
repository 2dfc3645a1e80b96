//! Many rows of every type, valid and not, with stdin in pieces of every size. What must be stored is known by the way each
//! value is made, without the server and without the connector's code.

use fastrand::Rng;
use serde_json::json;

use crate::support::postgres::TestDatabase;
use crate::table::{Cell, Kind, NOT_OF_TYPE, Row, TOO_LARGE, check, session};
use crate::text;

const ROWS: usize = 20_000;
const NAMES: [&str; 15] =
    ["c00", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09", "c10", "c11", "c12", "c13", "c14"];

/// Loads one table of fifteen columns, each type at least once.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let mut kinds: Vec<Kind> = Kind::ALL.to_vec();
    while kinds.len() < NAMES.len() {
        kinds.push(Kind::ALL[rng.usize(..Kind::ALL.len())]);
    }
    rng.shuffle(&mut kinds);
    let fields: Vec<(&str, Kind)> = NAMES.into_iter().zip(kinds).collect();
    let rows: Vec<Row> = (0..ROWS).map(|_| row(rng, &fields)).collect();
    let greatest = [120, 5_000, 70_000, 1 << 20][rng.usize(..4)];
    check(database, &sql, &fields, &rows, |input| pieces(rng, &input, greatest))
}

/// Cuts anywhere, also in the middle of characters and right at line ends.
fn pieces(rng: &mut Rng, mut input: &[u8], greatest: usize) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while !input.is_empty() {
        let mut length = rng.usize(1..=greatest.min(input.len()));
        if rng.u8(..4) == 0 {
            length = input.iter().position(|&byte| byte == b'\n').map_or(length, |at| at + rng.usize(..2)).max(1);
        }
        let (piece, rest) = input.split_at(length.min(input.len()));
        pieces.push(piece.to_vec());
        input = rest;
    }
    pieces
}

fn row(rng: &mut Rng, fields: &[(&str, Kind)]) -> Row {
    let cells: Vec<Cell> = fields.iter().map(|&(_, kind)| cell(rng, kind)).collect();
    let mut members: Vec<String> = Vec::new();
    for ((name, _), cell) in fields.iter().zip(&cells) {
        let Some(json) = &cell.json else { continue };
        members.push(format!(r#""{name}":{json}"#));
    }
    // Sources keep an order of members most of the time.
    if rng.u8(..4) == 0 {
        rng.shuffle(&mut members);
    }
    if rng.u8(..8) == 0 {
        members.insert(rng.usize(..=members.len()), r#""nobody":{"asked":["for",1]}"#.into());
    }
    if rng.u8(..16) == 0 {
        // The last of two members counts: this one comes first.
        let (name, _) = fields[rng.usize(..fields.len())];
        if members.iter().any(|member| member.starts_with(&format!("\"{name}\""))) {
            members.insert(0, format!(r#""{name}":"superseded""#));
        }
    }
    let data = members.iter().map(|member| format!(",{member}")).collect();
    let source_changes = if rng.u8(..20) == 0 {
        vec![json!({"field": "of the source", "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"})]
    } else {
        Vec::new()
    };
    Row { cells, data: Some(data), source_changes }
}

fn cell(rng: &mut Rng, kind: Kind) -> Cell {
    match rng.u8(..20) {
        0 => return Cell { json: None, stored: None, change: None },
        1 => return Cell { json: Some("null".into()), stored: None, change: None },
        2 => return bad(rng, kind),
        _ => {}
    }
    match kind {
        Kind::Boolean => {
            let (json, stored) = [("true", "true"), ("false", "false")][rng.usize(..2)];
            Cell::stored(json, stored)
        }
        Kind::Integer => {
            let value = if rng.bool() { rng.i64(..) } else { i64::from(rng.i8(..)) };
            let json = match rng.u8(..8) {
                0 => format!("\"{value}\""),
                1 => format!("{value}.0"),
                2 => format!("{value}.00e+0"),
                _ => value.to_string(),
            };
            Cell::stored(json, value.to_string())
        }
        Kind::Number => {
            let decimals: String = (0..rng.usize(..25)).map(|_| char::from(rng.u8(b'0'..=b'9'))).collect();
            let whole = rng.i64(..).unsigned_abs() >> rng.u32(..64);
            let point = if decimals.is_empty() { "" } else { "." };
            let zero = whole == 0 && decimals.bytes().all(|digit| digit == b'0');
            let sign = if rng.bool() && !zero { "-" } else { "" };
            let literal = format!("{sign}{whole}{point}{decimals}");
            let json = if rng.u8(..8) == 0 { format!("\"{literal}\"") } else { literal.clone() };
            Cell::stored(json, literal)
        }
        Kind::String => string(rng),
        Kind::Date => {
            let day = Moment::random(rng).date();
            Cell::stored(format!("\"{day}\""), day)
        }
        Kind::Time => {
            let moment = Moment::random(rng);
            let zone = ["", "Z", "+05:30"][rng.usize(..3)];
            Cell::stored(format!("\"{}{zone}\"", moment.time_with_more_digits(rng)), moment.time())
        }
        Kind::TimeTz => {
            let moment = Moment::random(rng);
            let (zone, shown) = [("", "+00"), ("Z", "+00"), ("-0345", "-03:45"), ("+02:00", "+02")][rng.usize(..4)];
            Cell::stored(
                format!("\"{}{zone}\"", moment.time_with_more_digits(rng)),
                format!("{}{shown}", moment.time()),
            )
        }
        Kind::Timestamp => {
            let moment = Moment::random(rng);
            let zone = ["", "Z", "-11:00"][rng.usize(..3)];
            let json = format!("\"{}T{}{zone}\"", moment.date(), moment.time_with_more_digits(rng));
            Cell::stored(json, format!("{} {}", moment.date(), moment.time()))
        }
        Kind::TimestampTz => {
            let moment = Moment::random(rng);
            let minutes = rng.i64(-15 * 60..=15 * 60);
            let local = moment.later(minutes * 60);
            let sign = if minutes < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
            let json = format!("\"{}T{}{zone}\"", local.date(), local.time_with_more_digits(rng));
            Cell::stored(json, format!("{} {}+00", moment.date(), moment.time()))
        }
        Kind::Object => {
            let (a, b) = (rng.i32(..), text::random(rng));
            let stored = format!(r#"{{"a": {a}, "bb": {}}}"#, text::quoted(&b.text));
            // jsonb puts short keys first.
            of(&b, format!(r#"{{"bb":{} , "a" :{a}}}"#, b.json), stored)
        }
        Kind::Array => {
            let (a, b) = (rng.i32(..), text::random(rng));
            of(&b, format!("[{a},[ ],{}]", b.json), format!("[{a}, [], {}]", text::quoted(&b.text)))
        }
        Kind::Union => match rng.u8(..4) {
            0 => {
                let string = text::random(rng);
                of(&string, string.json.clone(), text::quoted(&string.text))
            }
            1 => Cell::stored("true", "true"),
            2 => Cell::stored("[1.50,{}]", "[1.50, {}]"),
            _ => {
                let value = rng.i64(..).to_string();
                Cell::stored(&value, &value)
            }
        },
    }
}

fn string(rng: &mut Rng) -> Cell {
    match rng.u8(..12) {
        0 => Cell::stored("1.50e2", "1.50e2"),
        1 => Cell::stored("true", "true"),
        2 => {
            let string = text::random(rng);
            of(
                &string,
                format!("{{ \"k\": [ {} ] }}", string.json),
                format!("{{\"k\":[{}]}}", text::quoted(&string.text)),
            )
        }
        _ => {
            let string = text::random(rng);
            of(&string, string.json.clone(), string.text.clone())
        }
    }
}

fn of(string: &text::Random, json: String, stored: String) -> Cell {
    if string.dirty { Cell::cleaned(json, stored) } else { Cell::stored(json, stored) }
}

/// A value that the column cannot hold; where there is none, one that it can.
fn bad(rng: &mut Rng, kind: Kind) -> Cell {
    let choices: &[(&str, _)] = match kind {
        Kind::Boolean => &[("\"true\"", NOT_OF_TYPE), ("1", NOT_OF_TYPE), ("{}", NOT_OF_TYPE)],
        Kind::Integer => &[
            ("1.5", NOT_OF_TYPE),
            ("9223372036854775808", TOO_LARGE),
            ("\"-9223372036854775809\"", TOO_LARGE),
            ("1e30", TOO_LARGE),
            ("123456789012345678901234567890.5", NOT_OF_TYPE),
            ("\"1.0\"", NOT_OF_TYPE),
            ("false", NOT_OF_TYPE),
            ("[1]", NOT_OF_TYPE),
        ],
        Kind::Number => {
            &[("\"one\"", NOT_OF_TYPE), ("\"NaN\"", NOT_OF_TYPE), ("[]", NOT_OF_TYPE), ("1e140000", TOO_LARGE)]
        }
        Kind::Date => &[
            ("\"2023-02-29\"", NOT_OF_TYPE),
            ("\"0000-01-01\"", NOT_OF_TYPE),
            ("20230101", NOT_OF_TYPE),
            ("\"9999999-01-01\"", TOO_LARGE),
        ],
        Kind::Time | Kind::TimeTz => &[
            ("\"25:00:00\"", NOT_OF_TYPE),
            ("\"noon\"", NOT_OF_TYPE),
            ("12", NOT_OF_TYPE),
            ("\"23:59:60.5\"", TOO_LARGE),
        ],
        Kind::Timestamp | Kind::TimestampTz => &[
            ("\"2023-04-31T00:00:00Z\"", NOT_OF_TYPE),
            ("1700000000", NOT_OF_TYPE),
            ("\"\"", NOT_OF_TYPE),
            ("\"294277-01-01T00:00:00Z\"", TOO_LARGE),
            ("\"4715-01-01T00:00:00Z BC\"", TOO_LARGE),
        ],
        Kind::Object => {
            &[("\"{}\"", NOT_OF_TYPE), ("[]", NOT_OF_TYPE), ("1", NOT_OF_TYPE), ("{\"a\":1e200000}", TOO_LARGE)]
        }
        Kind::Array => &[("{}", NOT_OF_TYPE), ("\"[]\"", NOT_OF_TYPE), ("[1e-20000]", TOO_LARGE)],
        Kind::Union => &[("[1e-20000]", TOO_LARGE)],
        Kind::String => return string(rng),
    };
    let (json, change) = choices[rng.usize(..choices.len())];
    Cell::nulled(json, change)
}

/// A second of the years 1900 to 2100, in UTC, and its microseconds.
#[derive(Clone, Copy)]
struct Moment {
    /// Since the start of 1900.
    seconds: i64,
    micros: u32,
}

const DAY: i64 = 86_400;

impl Moment {
    fn random(rng: &mut Rng) -> Self {
        let micros = [0, 1, 999_999, 500_000, rng.u32(..1_000_000)][rng.usize(..5)];
        Self { seconds: DAY + rng.i64(0..200 * 365 * DAY), micros }
    }

    fn later(self, seconds: i64) -> Self {
        Self { seconds: self.seconds + seconds, ..self }
    }

    fn date(self) -> String {
        let mut day = self.seconds / DAY;
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut year = 1900;
        while day >= 365 + i64::from(leap(year)) {
            day -= 365 + i64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        format!("{year}-{:02}-{:02}", month + 1, day + 1)
    }

    fn clock(self) -> String {
        let second = self.seconds % DAY;
        format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
    }

    /// As Postgres prints it.
    fn time(self) -> String {
        if self.micros == 0 {
            return self.clock();
        }
        let fraction = format!("{:06}", self.micros);
        format!("{}.{}", self.clock(), fraction.trim_end_matches('0'))
    }

    /// With digits that are cut away.
    fn time_with_more_digits(self, rng: &mut Rng) -> String {
        match rng.u8(..3) {
            0 => format!("{}.{:06}999", self.clock(), self.micros),
            _ => self.time(),
        }
    }
}
