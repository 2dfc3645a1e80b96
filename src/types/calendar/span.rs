//! Spans of time, and the ISO 8601 durations that say them.
//!
//! ```text
//! duration = [-] "P" [n "Y"] [n "M"] [n "W"] [n "D"] ["T" [n "H"] [n "M"] [n["." digits] "S"]]
//! n        = [+-] digits
//! ```
//! At least one part, and one after a `T`.

use std::fmt::Write;

use super::TemporalError::{self, OutOfRange, Unparsable};

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_MICRO: i128 = 1_000;

/// Postgres before 15 cannot show the time of an interval whose hours do not fit 32 bits.
const HOURS: i128 = i32::MAX as i128;

/// Months, days and a time, none of which is a sum of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// Months.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// Nanoseconds.
    pub nanos: i128,
}

impl Span {
    /// The span, if Postgres can store and show it.
    ///
    /// # Errors
    /// [`TemporalError::OutOfRange`] for months or days beyond 32 bits and a time of 2,147,483,648 hours or more.
    pub fn stored(self) -> Result<Self, TemporalError> {
        let narrow = i32::try_from(self.months).is_ok() && i32::try_from(self.days).is_ok();
        let short = self.nanos.abs() < (HOURS + 1) * 3_600 * NANOS_PER_SECOND;
        if narrow && short { Ok(self) } else { Err(OutOfRange) }
    }

    /// The time in microseconds, cut; only for what [`Self::stored`] lets through.
    pub fn micros(self) -> i64 {
        i64::try_from(self.nanos / NANOS_PER_MICRO).unwrap_or_default()
    }
}

/// Reads a duration.
///
/// # Errors
/// [`TemporalError::OutOfRange`] where a part does not fit.
pub fn parse_span(text: &str) -> Result<Span, TemporalError> {
    let (negative, rest) = match text.trim_ascii().as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [b'P' | b'p', rest @ ..] = rest else { return Err(Unparsable) };
    let mut reader = Reader { rest, negative };
    let mut months = 0;
    let mut days = 0;
    let mut nanos = 0_i128;
    let mut place = 0;
    let mut in_time = false;
    let mut empty = true;
    while !reader.rest.is_empty() {
        if let [b'T' | b't', rest @ ..] = reader.rest {
            if in_time || rest.is_empty() {
                return Err(Unparsable);
            }
            (reader.rest, in_time) = (rest, true);
            continue;
        }
        let (count, fraction, unit) = reader.part()?;
        let (next, whole) = match (in_time, unit) {
            (false, b'y') => (1, (12, &mut months, 1)),
            (false, b'm') => (2, (1, &mut months, 1)),
            (false, b'w') => (3, (7, &mut days, 1)),
            (false, b'd') => (4, (1, &mut days, 1)),
            (true, b'h') => (5, (3_600, &mut nanos, NANOS_PER_SECOND)),
            (true, b'm') => (6, (60, &mut nanos, NANOS_PER_SECOND)),
            (true, b's') => (7, (1, &mut nanos, NANOS_PER_SECOND)),
            _ => return Err(Unparsable),
        };
        if next <= place || (fraction.is_some() && next != 7) {
            return Err(Unparsable);
        }
        let (factor, sum, unit) = whole;
        *sum += count * factor * unit + fraction.unwrap_or(0);
        (place, empty) = (next, false);
    }
    if empty {
        return Err(Unparsable);
    }
    let narrow = |value: i128| i64::try_from(value).map_err(|_| OutOfRange);
    Ok(Span { months: narrow(months)?, days: narrow(days)?, nanos })
}

struct Reader<'a> {
    rest: &'a [u8],
    negative: bool,
}

impl<'a> Reader<'a> {
    /// A signed number, its fraction in nanoseconds if it has one, and its unit in lower case.
    fn part(&mut self) -> Result<(i128, Option<i128>, u8), TemporalError> {
        /// Longer numbers are outside every range.
        const DIGITS: usize = 20;
        let mut negative = self.negative;
        match self.rest {
            [b'-', rest @ ..] => (self.rest, negative) = (rest, !negative),
            [b'+', rest @ ..] => self.rest = rest,
            _ => {}
        }
        let sign = if negative { -1 } else { 1 };
        let digits = self.digits();
        if digits.is_empty() {
            return Err(Unparsable);
        }
        let mut fraction = None;
        if let [b'.' | b',', rest @ ..] = self.rest {
            self.rest = rest;
            let digits = self.digits();
            if digits.is_empty() {
                return Err(Unparsable);
            }
            let nine = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
            fraction = Some(sign * nine.fold(0, |value, digit| value * 10 + i128::from(digit - b'0')));
        }
        let [unit, rest @ ..] = self.rest else { return Err(Unparsable) };
        self.rest = rest;
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        if digits.len() - zeros > DIGITS {
            return Err(OutOfRange);
        }
        let value = digits.iter().fold(0, |value, digit| value * 10 + i128::from(digit - b'0'));
        Ok((sign * value, fraction, unit.to_ascii_lowercase()))
    }

    fn digits(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        digits
    }
}

/// Appends a span as a duration; each part has its own sign.
///
/// # Errors
/// Those of `out`.
pub fn write_span(span: Span, out: &mut impl Write) -> std::fmt::Result {
    out.write_char('P')?;
    for (value, unit) in [(span.months / 12, 'Y'), (span.months % 12, 'M'), (span.days, 'D')] {
        if value != 0 {
            write!(out, "{value}{unit}")?;
        }
    }
    let seconds = span.nanos / NANOS_PER_SECOND;
    let nanos = (span.nanos % NANOS_PER_SECOND).unsigned_abs();
    let nothing = span.months == 0 && span.days == 0;
    if span.nanos == 0 {
        return if nothing { out.write_str("T0S") } else { Ok(()) };
    }
    out.write_char('T')?;
    for (value, unit) in [(seconds / 3_600, 'H'), (seconds / 60 % 60, 'M')] {
        if value != 0 {
            write!(out, "{value}{unit}")?;
        }
    }
    let second = seconds % 60;
    if second != 0 || nanos != 0 {
        let sign = if span.nanos < 0 { "-" } else { "" };
        write!(out, "{sign}{}", second.unsigned_abs())?;
        super::write::write_fraction(u32::try_from(nanos).unwrap_or_default(), out)?;
        out.write_char('S')?;
    }
    Ok(())
}
