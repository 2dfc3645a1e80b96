//! Dates, times and timestamps in the spellings that sources send, against the server's own casts under UTC.
//!
//! The server gets each value in its plainest spelling, with the fraction cut to microseconds: it would round. Where the
//! calendar has no such day or the clock no such time, nothing is asked: the value is none of the type. Where the server
//! refuses what the calendar has, the value is too large.

use fastrand::Rng;
use serde_json::json;

use crate::support::postgres::TestDatabase;
use crate::table::{Cell, Kind, NOT_OF_TYPE, Row, TOO_LARGE, check, server_casts, session};

const ROWS: usize = 600;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIELDS: [(&str, Kind); 5] =
    [("d", Kind::Date), ("t", Kind::Time), ("ts", Kind::Timestamp), ("tstz", Kind::TimestampTz), ("tz", Kind::TimeTz)];

/// Loads random spellings into a column of each temporal type.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    let mut rows: Vec<Row> = (0..ROWS).map(|_| Row::from(Vec::new())).collect();
    for (_, kind) in FIELDS {
        let written: Vec<Written> = (0..ROWS).map(|_| written(rng, kind)).collect();
        let asked: Vec<String> = written.iter().filter_map(|w| w.server.clone()).collect();
        let mut answers = server_casts(&sql, kind.sql(), &asked)?.into_iter();
        for (row, Written { text, server }) in rows.iter_mut().zip(written) {
            let json = json!(text).to_string();
            row.cells.push(match server.and_then(|_| answers.next()) {
                None => Cell::nulled(json, NOT_OF_TYPE),
                Some(Ok(text)) => Cell::stored(json, text),
                Some(Err(state)) if state.starts_with("22") => Cell::nulled(json, TOO_LARGE),
                Some(Err(state)) => return Err(format!("the server says {state} to {text:?}")),
            });
        }
    }
    check(database, &sql, &FIELDS, &rows, |input| vec![input])
}

/// A spelling, and what to ask the server for it; nothing where it is none of the type.
struct Written {
    text: String,
    server: Option<String>,
}

fn written(rng: &mut Rng, kind: Kind) -> Written {
    let wants_time = matches!(kind, Kind::Time | Kind::TimeTz);
    if rng.u8(..) < 12 {
        const STRANGE: [&str; 14] = [
            "",
            " ",
            "now",
            "today",
            "infinity",
            "-infinity",
            "epoch",
            "2024",
            "20240101",
            "12",
            "1/2/24",
            "tomorrow",
            "T",
            "2024-01-01T",
        ];
        return Written { text: STRANGE[rng.usize(..STRANGE.len())].into(), server: None };
    }
    if wants_time {
        let mut written = time(rng, false);
        // A date is no part of a time.
        if rng.u8(..) < 8 {
            written = Written { text: format!("2024-02-29T{}", written.text), server: None };
        }
        return blanks(rng, written);
    }
    let date = date(rng);
    let time = (rng.u8(..) >= 50).then(|| {
        let between = ["T", "t", " ", "  ", "T "][rng.usize(..5)];
        (between, time(rng, true))
    });
    let late_era = time.is_some() && rng.bool();
    let mut text = date.text;
    let mut server = date.server;
    if let (Some(era), false) = (date.era, late_era) {
        text.push_str(era);
    }
    if let Some((between, time)) = time {
        text = format!("{text}{between}{}", time.text);
        server = server.and_then(|date| Some(format!("{date} {}", time.server?)));
    }
    if let (Some(era), true) = (date.era, late_era) {
        text.push_str(era);
    }
    if date.before_christ {
        server = server.map(|text| text + " BC");
    }
    blanks(rng, Written { text, server })
}

fn blanks(rng: &mut Rng, written: Written) -> Written {
    match rng.u8(..20) {
        0 => Written { text: format!(" {}  ", written.text), ..written },
        _ => written,
    }
}

struct Date {
    text: String,
    era: Option<&'static str>,
    server: Option<String>,
    before_christ: bool,
}

fn date(rng: &mut Rng) -> Date {
    let before_christ = rng.u8(..) < 50;
    let year: u64 = match rng.u8(..) {
        0..=20 if before_christ => rng.u64(4_700..4_720),
        _ if before_christ => rng.u64(1..4_800),
        0..=30 => rng.u64(294_270..294_280),
        31..=60 => rng.u64(5_874_890..5_874_900),
        61..=80 => rng.u64(10_000..99_999_999),
        81..=90 => u64::from(rng.u32(..)) * 1_000,
        91..=120 => rng.u64(1..1_000),
        _ => rng.u64(1_900..2_100),
    };
    let edge = rng.u8(..) < 60;
    let month = if edge { [1, 2, 11, 12][rng.usize(..4)] } else { rng.u32(1..13) };
    let day = if edge { [1, 23, 24, 25, 28, 29, 30, 31][rng.usize(..8)] } else { rng.u32(1..29) };
    let (month, day) = match rng.u8(..) {
        0..=3 => (13, day),
        4..=7 => (0, day),
        8..=11 => (month, 0),
        12..=14 => (month, 32),
        _ => (month, day),
    };
    // Whether a year beyond all ranges is a leap year makes no difference to anybody.
    let day = if year > 99_999_999 && month == 2 { day.min(28) } else { day };
    let exists = day >= 1 && (1..=12).contains(&month) && day <= days_in_month(year, before_christ, month);

    let (sign, era) = match (before_christ, rng.bool()) {
        (true, true) => ("-", None),
        (true, false) => ("", Some([" BC", " bc", "BC"][rng.usize(..3)])),
        (false, true) if year >= 10_000 => ("+", None),
        (false, _) if rng.u8(..) < 10 => ("", Some(" AD")),
        _ => ("", None),
    };
    let month_text = match rng.u8(..8) {
        0 => month.to_string(),
        1 if (1..=12).contains(&month) => MONTHS[month as usize - 1].to_owned(),
        2 if (1..=12).contains(&month) => MONTHS[month as usize - 1].to_uppercase(),
        _ => format!("{month:02}"),
    };
    let day_text = if rng.u8(..8) == 0 { day.to_string() } else { format!("{day:02}") };
    let separator = ["-", "-", "-", "-", "/", "."][rng.usize(..6)];
    Date {
        text: format!("{sign}{year:04}{separator}{month_text}{separator}{day_text}"),
        era,
        server: exists.then(|| format!("{year:04}-{month:02}-{day:02}")),
        before_christ,
    }
}

fn days_in_month(year: u64, before_christ: bool, month: u32) -> u32 {
    // 1 BC, 5 BC and so on are leap years.
    let year = if before_christ { year - 1 } else { year };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A time of day, with or without a zone.
fn time(rng: &mut Rng, on_a_date: bool) -> Written {
    let (hour, minute, second) = match rng.u8(..) {
        0..=12 => (24, 0, 0),
        13..=16 => (24, 0, 1),
        17..=20 => (25, 0, 0),
        21..=24 => (rng.u8(..24), 60, 0),
        25..=28 => (rng.u8(..24), 0, 61),
        29..=40 => (rng.u8(..24), rng.u8(..60), 60),
        41..=50 => (23, 59, 60),
        51..=80 => (23, 59, 59),
        _ => (rng.u8(..24), rng.u8(..60), rng.u8(..60)),
    };
    let with_seconds = second > 0 || rng.u8(..8) > 0;
    let fraction = match rng.u8(..8) {
        _ if !with_seconds => String::new(),
        // Postgres lets the last minute's second of 60 roll over to the next day only without a fraction; we with one, too.
        _ if on_a_date && (hour, minute, second) == (23, 59, 60) => String::new(),
        0 => "9".repeat(rng.usize(1..25)),
        1 => format!("000000{}", rng.u32(..)),
        2 => format!("{}5", rng.u32(100_000..1_000_000)),
        3..=5 => (0..rng.usize(1..12)).map(|_| char::from(rng.u8(b'0'..=b'9'))).collect(),
        _ => String::new(),
    };
    let mut text = if rng.u8(..10) == 0 { hour.to_string() } else { format!("{hour:02}") };
    text.push_str(&format!(":{minute:02}"));
    let mut server = format!("{hour:02}:{minute:02}:{second:02}");
    if with_seconds {
        text.push_str(&format!(":{second:02}"));
    }
    let cut = &fraction[..fraction.len().min(6)];
    if !fraction.is_empty() {
        text.push_str(&format!("{}{fraction}", if rng.u8(..10) == 0 { "," } else { "." }));
        server.push_str(&format!(".{cut}"));
    }
    let midnight = (hour, minute, second) == (24, 0, 0) && cut.bytes().all(|digit| digit == b'0');
    let exists = (hour < 24 || midnight) && minute < 60 && second <= 60;
    let zone = zone(rng);
    Written { text: text + &zone.text, server: zone.server.filter(|_| exists).map(|zone| server + &zone) }
}

fn zone(rng: &mut Rng) -> Written {
    const NAMED: [(&str, &str); 8] = [
        ("Z", "+00"),
        ("z", "+00"),
        (" UTC", "+00"),
        (" GMT", "+00"),
        ("UTC", "+00"),
        (" EST", "-05"),
        (" pdt", "-07"),
        (" UTC+03:30", "+03:30"),
    ];
    match rng.u8(..) {
        0..=70 => return Written { text: String::new(), server: Some(String::new()) },
        71..=130 => {
            let (text, server) = NAMED[rng.usize(..NAMED.len())];
            return Written { text: text.into(), server: Some(server.into()) };
        }
        131..=136 => {
            return Written { text: [" Nowhere/Land", "+", "+1:", "+01:6"][rng.usize(..4)].into(), server: None };
        }
        _ => {}
    }
    let edge = rng.u8(..) < 40;
    let hours = if edge { rng.u32(15..18) } else { rng.u32(..15) };
    let (minutes, seconds) = match rng.u8(..) {
        0..=5 => (60, 0),
        _ if edge => (59, 59),
        6..=128 => (0, 0),
        _ => (rng.u32(..60), rng.u32(..60)),
    };
    let sign = if rng.bool() { "+" } else { "-" };
    let blank = if rng.u8(..8) == 0 { " " } else { "" };
    let (shown, seconds) = match rng.u8(..6) {
        0 => (format!("{hours:02}:{minutes:02}:{seconds:02}"), seconds),
        1 => (format!("{hours:02}{minutes:02}{seconds:02}"), seconds),
        2 => (format!("{hours:02}{minutes:02}"), 0),
        3 if minutes == 0 => (format!("{hours:02}"), 0),
        4 => (format!("{hours}:{minutes:02}"), 0),
        _ => (format!("{hours:02}:{minutes:02}"), 0),
    };
    let exists = hours < 16 && minutes < 60;
    Written {
        text: format!("{blank}{sign}{shown}"),
        server: exists.then(|| format!("{sign}{hours:02}:{minutes:02}:{seconds:02}")),
    }
}
