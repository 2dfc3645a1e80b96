//! Text -> Postgres dates, times, timestamps and intervals, and the texts of such values.
//!
//! Owns: the accepted spellings, the calendar arithmetic and Postgres's ranges.
//! Invariant: a value is kept to the microsecond, cut and never rounded, or refused; nothing overflows.
//!
//! Grammar, with blanks around it dropped and `sep` one of `-`, `/`, `.`, blank (none beside a month's name):
//! ```text
//! date      = [+-] year sep (MM | M | MMM) sep (dd | d)
//! time      = (HH | H) ":" mm [":" ss [("." | ",") digits]]
//! zone      = "Z" | name | ["UTC" | "GMT" | "UT"] ("+" | "-") (HH | H) [[":"] mm [[":"] ss]]
//! date-time = date [era] [("T" | blanks) time [zone]] [era]
//! ```
//! Names and eras are read in any case. Years are those of the eras, so `-0043` and `0043 BC` are both 43 BC.

mod span;
#[cfg(test)]
mod tests;
mod write;

pub use span::{Span, parse_span, write_span};
pub(super) use write::civil_from_days;
pub use write::{write_date, write_time, write_timestamp};

/// 1970-01-01 to 2000-01-01.
pub const SECONDS_TO_POSTGRES_EPOCH: i64 = DAYS_TO_POSTGRES_EPOCH * SECONDS_PER_DAY;

pub(super) const SECONDS_PER_DAY: i64 = 86_400;
/// Microseconds of a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub(super) const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// 1970-01-01 to 2000-01-01.
const DAYS_TO_POSTGRES_EPOCH: i64 = 10_957;

/// 4714-11-24 BC, day 0 of the Julian count: the first day of both `date` and `timestamp`.
const FIRST_DAY: i64 = days_from_civil(-4713, 11, 24);
const LAST_DATE: i64 = days_from_civil(5_874_897, 12, 31);
/// The first and the last instant that `timestamp` and `timestamptz` hold, in microseconds since 2000.
pub const FIRST_TIMESTAMP: i64 = FIRST_DAY * MICROS_PER_DAY;
/// See [`FIRST_TIMESTAMP`].
pub const LAST_TIMESTAMP: i64 = days_from_civil(294_277, 1, 1) * MICROS_PER_DAY - 1;

/// Postgres refuses offsets of 16 hours and more.
const ZONE_LIMIT_SECONDS: i32 = 16 * 3_600;

/// Greater years are read as one of the 400 from here on: outside every range, and as much a leap year as they are.
const ENDLESS_YEAR: i64 = 400_000_000;

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// Hours east of UTC. The American names are fixed offsets, as they are for Postgres.
const ZONE_NAMES: [(&[u8], i32); 11] = [
    (b"utc", 0),
    (b"gmt", 0),
    (b"ut", 0),
    (b"est", -5),
    (b"edt", -4),
    (b"cst", -6),
    (b"cdt", -5),
    (b"mst", -7),
    (b"mdt", -6),
    (b"pst", -8),
    (b"pdt", -7),
];

/// Why a text is not a temporal value that Postgres can store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TemporalError {
    /// Understood, but outside what the Postgres type holds.
    OutOfRange,
    /// No accepted spelling, or a day or time that does not exist.
    Unparsable,
}

use TemporalError::{OutOfRange, Unparsable};

/// Days since 1970-01-01, if Postgres has such a date.
///
/// # Errors
/// [`TemporalError::OutOfRange`].
pub fn stored_date(days: i64) -> Result<i32, TemporalError> {
    if !(FIRST_DAY..=LAST_DATE).contains(&(days - DAYS_TO_POSTGRES_EPOCH)) {
        return Err(OutOfRange);
    }
    i32::try_from(days).map_err(|_| OutOfRange)
}

/// Days since 2000-01-01. A time and a zone after the date are checked and dropped.
///
/// # Errors
/// [`TemporalError::OutOfRange`] outside 4714-11-24 BC to 5874897-12-31.
pub fn parse_date(text: &str) -> Result<i32, TemporalError> {
    let days = DateTime::parse(text)?.days;
    if !(FIRST_DAY..=LAST_DATE).contains(&days) {
        return Err(OutOfRange);
    }
    i32::try_from(days).map_err(|_| OutOfRange)
}

/// Microseconds of the day, 0 to 86,400,000,000 (24:00:00 is a value of its own). A zone is checked and dropped.
///
/// # Errors
/// [`TemporalError::OutOfRange`] for a fraction after 23:59:60.
pub fn parse_time(text: &str) -> Result<i64, TemporalError> {
    parse_time_tz(text).map(|(micros, _)| micros)
}

/// Microseconds of the day as in [`parse_time`], and the zone in seconds *west* of UTC, the sign that Postgres
/// sends and receives. Without a zone it is UTC.
///
/// # Errors
/// As [`parse_time`].
pub fn parse_time_tz(text: &str) -> Result<(i64, i32), TemporalError> {
    let mut scanner = Scanner::new(text);
    let micros = scanner.time()?;
    scanner.skip_blanks();
    let east = scanner.zone()?;
    scanner.end()?;
    if micros > MICROS_PER_DAY {
        return Err(OutOfRange);
    }
    Ok((micros, -east.unwrap_or(0)))
}

/// Microseconds since 2000-01-01 00:00 of the date and time as written: a zone is checked and dropped, not applied.
/// A date alone is its midnight.
///
/// # Errors
/// [`TemporalError::OutOfRange`] outside 4714-11-24 BC to 294276-12-31.
pub fn parse_timestamp(text: &str) -> Result<i64, TemporalError> {
    let DateTime { days, micros, .. } = DateTime::parse(text)?;
    timestamp(days, micros)
}

/// Microseconds since 2000-01-01 00:00 UTC. Without a zone the text is taken as UTC.
///
/// # Errors
/// As [`parse_timestamp`], with the zone applied.
pub fn parse_timestamp_tz(text: &str) -> Result<i64, TemporalError> {
    let DateTime { days, micros, east } = DateTime::parse(text)?;
    timestamp(days, micros - i64::from(east.unwrap_or(0)) * MICROS_PER_SECOND)
}

fn timestamp(days: i64, micros: i64) -> Result<i64, TemporalError> {
    let value = days.checked_mul(MICROS_PER_DAY).and_then(|day| day.checked_add(micros)).ok_or(OutOfRange)?;
    stored_timestamp(value)
}

/// Microseconds since 2000-01-01, if Postgres has such a timestamp.
///
/// # Errors
/// [`TemporalError::OutOfRange`].
pub fn stored_timestamp(value: i64) -> Result<i64, TemporalError> {
    if !(FIRST_TIMESTAMP..=LAST_TIMESTAMP).contains(&value) {
        return Err(OutOfRange);
    }
    Ok(value)
}

/// A whole text, read.
struct DateTime {
    /// Since 2000-01-01.
    days: i64,
    /// Of the day; a day and a second at most.
    micros: i64,
    /// Zone in seconds east of UTC.
    east: Option<i32>,
}

impl DateTime {
    fn parse(text: &str) -> Result<Self, TemporalError> {
        let mut scanner = Scanner::new(text);
        let date = scanner.date()?;
        let mut era = None;
        let mut micros = 0;
        let mut east = None;
        if !scanner.rest.is_empty() {
            let mut parted = scanner.skip_blanks();
            era = scanner.era();
            parted |= scanner.skip_blanks();
            let marked = scanner.eat_any(b"Tt");
            if marked || (parted && !scanner.rest.is_empty()) {
                scanner.skip_blanks();
                micros = scanner.time()?;
                scanner.skip_blanks();
                east = scanner.zone()?;
                scanner.skip_blanks();
                if era.is_none() {
                    era = scanner.era();
                }
            }
            scanner.end()?;
        }
        Ok(Self { days: date.days(era)?, micros, east })
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Era {
    Ad,
    Bc,
}

/// The parts of a date as written.
struct WrittenDate {
    negative: bool,
    year: i64,
    year_digits: usize,
    month: u32,
    day: u32,
}

impl WrittenDate {
    /// Since 2000-01-01.
    fn days(&self, era: Option<Era>) -> Result<i64, TemporalError> {
        let before_christ = match (self.negative, era) {
            (true, Some(_)) => return Err(Unparsable),
            (negative, era) => negative || era == Some(Era::Bc),
        };
        let mut year = self.year;
        if !before_christ {
            match self.year_digits {
                // "1/2/24" is somebody's 1 February or 2 January, never the year 1
                1 if era.is_none() => return Err(Unparsable),
                2 => year += 2_000,
                _ => {}
            }
        }
        if year == 0 {
            return Err(Unparsable);
        }
        let year = if before_christ { 1 - year } else { year };
        if self.day == 0 || self.day > days_in_month(year, self.month) {
            return Err(Unparsable);
        }
        Ok(days_from_civil(year, i64::from(self.month), i64::from(self.day)))
    }
}

/// What is left of a text.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes().trim_ascii() }
    }

    fn end(&self) -> Result<(), TemporalError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unparsable) }
    }

    fn eat_any(&mut self, set: &[u8]) -> bool {
        match self.rest {
            [first, rest @ ..] if set.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a lower-case word written in any case.
    fn eat_word(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_blanks(&mut self) -> bool {
        let mut any = false;
        while let [b' ', rest @ ..] = self.rest {
            self.rest = rest;
            any = true;
        }
        any
    }

    /// Takes all digits that follow: their value, see [`ENDLESS_YEAR`], and their count.
    fn digits(&mut self) -> (i64, usize) {
        let (mut value, mut count) = (0_i64, 0);
        while let [byte @ b'0'..=b'9', rest @ ..] = self.rest {
            value = value * 10 + i64::from(byte - b'0');
            if value >= ENDLESS_YEAR {
                value = ENDLESS_YEAR + value % 400;
            }
            count += 1;
            self.rest = rest;
        }
        (value, count)
    }

    /// Takes one digit, and a second one where there is one.
    fn one_or_two_digits(&mut self) -> Result<u32, TemporalError> {
        if let Some(value) = self.two_digits() {
            return Ok(value);
        }
        match self.rest {
            [byte @ b'0'..=b'9', rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(byte - b'0'))
            }
            _ => Err(Unparsable),
        }
    }

    fn two_digits(&mut self) -> Option<u32> {
        let [tens, ones, rest @ ..] = self.rest else { return None };
        let value = pair(*tens, *ones)?;
        self.rest = rest;
        Some(value)
    }

    fn date(&mut self) -> Result<WrittenDate, TemporalError> {
        // the common spelling: YYYY-MM-DD
        if let [c, d, y, z, b'-', m, n, b'-', e, f, rest @ ..] = self.rest
            && let (Some(century), Some(year)) = (pair(*c, *d), pair(*y, *z))
            && let (Some(month @ 1..=12), Some(day)) = (pair(*m, *n), pair(*e, *f))
        {
            self.rest = rest;
            return Ok(WrittenDate {
                negative: false,
                year: i64::from(century * 100 + year),
                year_digits: 4,
                month,
                day,
            });
        }
        let negative = self.eat_any(b"-");
        let plus = !negative && self.eat_any(b"+");
        let (year, year_digits) = self.digits();
        if year_digits == 0 || (plus && year_digits < 5) {
            return Err(Unparsable);
        }
        let parted = self.eat_any(b"-/. ");
        let (month, named) = match self.month_name() {
            Some(month) => (month, true),
            None if parted => (self.one_or_two_digits()?, false),
            None => return Err(Unparsable),
        };
        if !self.eat_any(b"-/. ") && !named {
            return Err(Unparsable);
        }
        let day = self.one_or_two_digits()?;
        Ok(WrittenDate { negative, year, year_digits, month, day })
    }

    fn month_name(&mut self) -> Option<u32> {
        if !self.rest.first()?.is_ascii_alphabetic() {
            return None;
        }
        (1..).zip(MONTHS).find(|(_, name)| self.eat_word(*name)).map(|(month, _)| month)
    }

    fn era(&mut self) -> Option<Era> {
        if self.eat_word(b"bc") {
            Some(Era::Bc)
        } else if self.eat_word(b"ad") {
            Some(Era::Ad)
        } else {
            None
        }
    }

    /// Microseconds of the day. A second of 60 is the first of the next minute, so a day and a second at most.
    fn time(&mut self) -> Result<i64, TemporalError> {
        let (hour, minute, second);
        let mut micros = 0;
        // the common spelling: HH:mm:ss
        if let [h, i, b':', m, n, b':', s, t, rest @ ..] = self.rest
            && let (Some(h), Some(m), Some(s)) = (pair(*h, *i), pair(*m, *n), pair(*s, *t))
        {
            self.rest = rest;
            (hour, minute, second) = (h, m, s);
            micros = self.fraction()?;
        } else {
            hour = self.one_or_two_digits()?;
            if !self.eat_any(b":") {
                return Err(Unparsable);
            }
            minute = self.two_digits().ok_or(Unparsable)?;
            if self.eat_any(b":") {
                second = self.two_digits().ok_or(Unparsable)?;
                micros = self.fraction()?;
            } else {
                second = 0;
            }
        }
        let midnight = hour == 24 && minute == 0 && second == 0 && micros == 0;
        if (hour > 23 && !midnight) || minute > 59 || second > 60 {
            return Err(Unparsable);
        }
        Ok(i64::from(hour * 3_600 + minute * 60 + second) * MICROS_PER_SECOND + micros)
    }

    /// The fraction of a second in microseconds; digits after the sixth are cut.
    fn fraction(&mut self) -> Result<i64, TemporalError> {
        if !self.eat_any(b".,") {
            return Ok(0);
        }
        if !self.rest.first().is_some_and(u8::is_ascii_digit) {
            return Err(Unparsable);
        }
        let (mut micros, mut unit) = (0, MICROS_PER_SECOND / 10);
        while let [byte @ b'0'..=b'9', rest @ ..] = self.rest {
            micros += i64::from(byte - b'0') * unit;
            unit /= 10;
            self.rest = rest;
        }
        Ok(micros)
    }

    /// Seconds east of UTC; nothing where no zone begins.
    fn zone(&mut self) -> Result<Option<i32>, TemporalError> {
        match self.rest {
            [] => return Ok(None),
            [b'Z' | b'z', rest @ ..] => {
                self.rest = rest;
                return Ok(Some(0));
            }
            [b'+' | b'-', ..] => return self.offset().map(Some),
            _ => {}
        }
        let Some((_, hours)) = ZONE_NAMES.iter().find(|(name, _)| self.eat_word(name)) else {
            return Ok(None);
        };
        match self.rest {
            // "GMT+8" is eight hours east
            [b'+' | b'-', ..] if *hours == 0 => self.offset().map(Some),
            _ => Ok(Some(hours * 3_600)),
        }
    }

    /// Seconds of a signed offset.
    fn offset(&mut self) -> Result<i32, TemporalError> {
        let negative = self.eat_any(b"-");
        if !negative && !self.eat_any(b"+") {
            return Err(Unparsable);
        }
        let hours = self.one_or_two_digits()?;
        let (mut minutes, mut seconds) = (0, 0);
        if self.eat_any(b":") {
            minutes = self.two_digits().ok_or(Unparsable)?;
            if self.eat_any(b":") {
                seconds = self.two_digits().ok_or(Unparsable)?;
            }
        } else if let Some(value) = self.two_digits() {
            minutes = value;
            seconds = self.two_digits().unwrap_or(0);
        }
        let magnitude = i32::try_from(hours * 3_600 + minutes * 60 + seconds).map_err(|_| Unparsable)?;
        if minutes > 59 || seconds > 59 || magnitude >= ZONE_LIMIT_SECONDS {
            return Err(Unparsable);
        }
        Ok(if negative { -magnitude } else { magnitude })
    }
}

fn pair(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// 0 for a month that does not exist. Year 0 is 1 BC.
fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 2000-01-01 in the Gregorian calendar, extended to all time. Year 0 is 1 BC.
///
/// Counts 400-year cycles of 146,097 days in years that begin in March, so that a leap day ends its year.
pub(super) const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    // 719,468 days from 1 March of year 0 to 1970-01-01
    cycle * 146_097 + day_of_cycle - 719_468 - DAYS_TO_POSTGRES_EPOCH
}
