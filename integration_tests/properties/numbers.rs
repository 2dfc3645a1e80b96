//! Decimals and integers of every shape, against the server's own `numeric`.

use fastrand::Rng;
use serde_json::json;

use crate::support::postgres::TestDatabase;
use crate::table::{Cell, Kind, NOT_OF_TYPE, Row, TOO_LARGE, check, server_casts, session};

const ROWS: usize = 700;
/// The greatest power of ten in `numeric`, and the decimals that it holds.
const HIGHEST_POWER: i128 = 131_071;
const MAX_SCALE: i128 = 16_383;

/// Loads random literals into a `number` and an `integer` column.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let written: Vec<[Written; 2]> = (0..ROWS).map(|_| [written(rng, false), written(rng, true)]).collect();
    let mut columns = Vec::new();
    for (column, kind) in [Kind::Number, Kind::Integer].into_iter().enumerate() {
        let literals: Vec<String> = written.iter().map(|w| w[column].literal.clone()).collect();
        let texts = server_casts(&sql, "numeric", &literals)?;
        let cells: Vec<Cell> =
            written.iter().zip(texts).map(|(w, text)| cell(kind, &w[column], text)).collect::<Result<_, _>>()?;
        columns.push(cells);
    }
    let integers = columns.pop().unwrap_or_default();
    let numbers = columns.pop().unwrap_or_default();
    let rows: Vec<Row> = numbers.into_iter().zip(integers).map(|(n, i)| Row::from(vec![n, i])).collect();
    check(database, &sql, &[("a", Kind::Number), ("b", Kind::Integer)], &rows, |input| vec![input])
}

/// A number as it stands in a record.
struct Written {
    literal: String,
    in_quotes: bool,
}

fn written(rng: &mut Rng, whole: bool) -> Written {
    if rng.u8(..) < 60 {
        return Written { literal: text(rng, whole), in_quotes: true };
    }
    let literal = if whole && rng.bool() { rng_integer(rng) } else { literal(rng) };
    Written { literal, in_quotes: false }
}

/// A JSON number.
fn literal(rng: &mut Rng) -> String {
    let mut literal = String::from(if rng.u8(..) < 100 { "-" } else { "" });
    if rng.u8(..) < 60 {
        literal.push('0');
    } else {
        literal.push(char::from(rng.u8(b'1'..=b'9')));
        let length = length(rng, HIGHEST_POWER as usize);
        push_digits(rng, length, &mut literal);
    }
    if rng.bool() {
        literal.push('.');
        let length = length(rng, MAX_SCALE as usize) + 1;
        push_digits(rng, length, &mut literal);
        if rng.u8(..) < 60 {
            let zeros = rng.usize(1..9);
            literal.extend(std::iter::repeat_n('0', zeros));
        }
    }
    if rng.u8(..) < 110 {
        literal.push(if rng.bool() { 'e' } else { 'E' });
        literal.push_str(["", "+", "-"][rng.usize(..3)]);
        literal.push_str(["", "", "0", "000"][rng.usize(..4)]);
        literal.push_str(&exponent(rng));
    }
    literal
}

/// Digits in runs, so that whole groups of four are zero or nine.
fn push_digits(rng: &mut Rng, mut count: usize, out: &mut String) {
    while count > 0 {
        let run = rng.usize(1..=count.min(9));
        match rng.u8(..4) {
            0 => out.extend(std::iter::repeat_n('0', run)),
            1 => out.extend(std::iter::repeat_n('9', run)),
            _ => out.extend((0..run).map(|_| char::from(rng.u8(b'0'..=b'9')))),
        }
        count -= run;
    }
}

fn length(rng: &mut Rng, limit: usize) -> usize {
    match rng.u8(..) {
        0..=1 => limit - 3 + rng.usize(..6),
        2..=8 => rng.usize(..300),
        9..=60 => rng.usize(..40),
        _ => rng.usize(..12),
    }
}

fn exponent(rng: &mut Rng) -> String {
    match rng.u8(..) {
        0..=15 => (16_383 - 5 + rng.u32(..10)).to_string(),
        16..=30 => (131_071 - 5 + rng.u32(..10)).to_string(),
        31..=36 => "99999999999999999999999999".into(),
        37..=42 => i32::MAX.to_string(),
        43..=48 => i64::MIN.to_string().trim_start_matches('-').into(),
        _ => rng.u32(..40).to_string(),
    }
}

/// An integer near a limit of 64 bits or anywhere else, in one of its spellings.
fn rng_integer(rng: &mut Rng) -> String {
    let value = match rng.u8(..4) {
        0 => i128::from(i64::MAX) - 2 + i128::from(rng.u8(..5)),
        1 => i128::from(i64::MIN) - 2 + i128::from(rng.u8(..5)),
        2 => i128::from(rng.i64(..)),
        _ => i128::from(rng.i16(..)),
    };
    match rng.u8(..6) {
        0 => format!("{value}.{}", "0".repeat(rng.usize(1..25))),
        1 => format!("{value}e{}", rng.u8(..5)),
        2 => format!("{value}{z}e-{n}", z = "0".repeat(3), n = rng.u8(..5)),
        _ => value.to_string(),
    }
}

/// What sources put into strings: Java's grammar of decimals and integers, and what only looks like it.
fn text(rng: &mut Rng, whole: bool) -> String {
    const STRANGE: [&str; 28] = [
        "",
        " ",
        "-",
        "+",
        ".",
        "-.",
        "e5",
        ".e5",
        "1.",
        ".5",
        "+.5",
        "-1.e3",
        "+007",
        "00",
        "1e",
        "1e+",
        "1 ",
        " 1",
        "1_000",
        "0x1F",
        "NaN",
        "Infinity",
        "-Infinity",
        "1,5",
        "--1",
        "1e5.0",
        "١٢",
        "1\u{a0}",
    ];
    match rng.u8(..4) {
        0 => STRANGE[rng.usize(..STRANGE.len())].into(),
        1 if whole => rng_integer(rng),
        2 => format!("+{}", literal(rng).trim_start_matches('-')),
        _ => literal(rng),
    }
}

/// What must be stored, by the server's own reading of the literal as `numeric`.
fn cell(kind: Kind, written: &Written, server: Result<String, String>) -> Result<Cell, String> {
    let literal = &written.literal;
    let json = if written.in_quotes { json!(literal).to_string() } else { literal.clone() };
    let Some(decimal) = Decimal::parse(literal) else { return Ok(Cell::nulled(json, NOT_OF_TYPE)) };
    if kind == Kind::Number {
        return Ok(match server {
            Ok(text) => Cell::stored(json, text),
            // The server also refuses zeros at the end beyond its limit, and zero with a huge exponent.
            Err(_) if decimal.fits() => Cell::stored(json, decimal.plain()),
            Err(_) => Cell::nulled(json, TOO_LARGE),
        });
    }
    if written.in_quotes && !literal.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Cell::nulled(json, NOT_OF_TYPE));
    }
    let value = decimal.whole();
    if let (Ok(text), Some(value)) = (&server, value) {
        // Our own arithmetic and the server's must agree before either is believed.
        let whole = text.split('.').next().unwrap_or_default();
        if value.is_some_and(|value| value.to_string() != whole && !(value == 0 && whole == "-0")) {
            return Err(format!("the test and the server disagree: {literal} is {value:?} or {text}"));
        }
    }
    Ok(match value {
        None => Cell::nulled(json, NOT_OF_TYPE),
        Some(value) => match value.and_then(|value| i64::try_from(value).ok()) {
            Some(value) => Cell::stored(json, value.to_string()),
            None => Cell::nulled(json, TOO_LARGE),
        },
    })
}

/// A literal's digits and how many of them are decimals (less than none: zeros follow).
struct Decimal {
    negative: bool,
    digits: String,
    scale: i128,
}

impl Decimal {
    fn parse(literal: &str) -> Option<Self> {
        let (negative, rest) = match literal.as_bytes().first()? {
            b'-' => (true, &literal[1..]),
            b'+' => (false, &literal[1..]),
            _ => (false, literal),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, "0"),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || power.is_empty() || !all_digits(&digits) || !all_digits(power) {
            return None;
        }
        let power: i128 = power.parse().ok()?;
        let power = if exponent.starts_with('-') { -power } else { power };
        Some(Self { negative, digits, scale: fraction.len() as i128 - power })
    }

    /// The powers of ten of the first and the last digit that are not zero.
    fn extent(&self) -> Option<(i128, i128)> {
        let power = |at: usize| self.digits.len() as i128 - 1 - at as i128 - self.scale;
        let nonzero = |c: char| c != '0';
        Some((power(self.digits.find(nonzero)?), power(self.digits.rfind(nonzero)?)))
    }

    fn fits(&self) -> bool {
        self.extent().is_none_or(|(first, last)| first <= HIGHEST_POWER && last >= -MAX_SCALE)
    }

    /// As the server would print it, cut to the decimals that it holds.
    fn plain(&self) -> String {
        let shown = self.scale.clamp(0, MAX_SCALE);
        let top = self.extent().map_or(0, |(first, _)| first.max(0));
        let digit = |power: i128| {
            let at = self.digits.len() as i128 - 1 - self.scale - power;
            usize::try_from(at).ok().and_then(|at| self.digits.as_bytes().get(at)).map_or('0', |&b| char::from(b))
        };
        let mut text = String::from(if self.negative && self.extent().is_some() { "-" } else { "" });
        text.extend((0..=top).rev().map(digit));
        if shown > 0 {
            text.push('.');
            text.extend((1..=shown).map(|power| digit(-power)));
        }
        text
    }

    /// None for a fraction, and inside none for more than an integer of 128 bits would be asked to hold.
    fn whole(&self) -> Option<Option<i128>> {
        let Some((first, last)) = self.extent() else { return Some(Some(0)) };
        if last < 0 {
            return None;
        }
        if first > 30 {
            return Some(None);
        }
        Some(self.plain().split('.').next().and_then(|whole| whole.parse().ok()))
    }
}
