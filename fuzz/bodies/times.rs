//! Dates and times against a second reader: the text is cut into words first, and days are counted from a table.

use destination_postgres::types::calendar::{
    TemporalError, parse_date, parse_time, parse_time_tz, parse_timestamp, parse_timestamp_tz,
};

use TemporalError::{OutOfRange, Unparsable};

const DAY: i128 = 86_400_000_000;

/// A text as a date, a time and a timestamp.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let time = Words::of(text).alone(Words::time_of_day);
    let time = time.ok_or(Unparsable).and_then(|time| if time.0 > DAY { Err(OutOfRange) } else { Ok(time) });
    let west = |east: Option<i32>| -east.unwrap_or(0);
    assert_eq!(parse_time(text).map(i128::from), time.map(|time| time.0), "time {text:?}");
    let wanted = time.map(|(micros, east)| (micros, west(east)));
    assert_eq!(parse_time_tz(text).map(|(micros, west)| (i128::from(micros), west)), wanted, "timetz {text:?}");

    let instant = Words::of(text).alone(Words::date_time).ok_or(Unparsable);
    let (first, last) = (days(-4713, 11, 24), days(5_874_897, 12, 31));
    let date = instant.and_then(|(days, ..)| within(days, first, last));
    assert_eq!(parse_date(text).map(i128::from), date, "date {text:?}");
    let within = |micros| within(micros, first * DAY, days(294_277, 1, 1) * DAY - 1);
    let local = instant.and_then(|(days, micros, _)| within(days * DAY + micros));
    assert_eq!(parse_timestamp(text).map(i128::from), local, "timestamp {text:?}");
    let utc = instant.and_then(|(days, micros, east)| within(days * DAY + micros - i128::from(east) * 1_000_000));
    assert_eq!(parse_timestamp_tz(text).map(i128::from), utc, "timestamptz {text:?}");
}

fn within(value: i128, first: i128, last: i128) -> Result<i128, TemporalError> {
    if (first..=last).contains(&value) { Ok(value) } else { Err(OutOfRange) }
}

/// Days before the first of each month in a year that is not a leap year.
const DAYS_BEFORE: [i128; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/// Since 2000-01-01; year 0 is 1 BC.
fn days(year: i128, month: usize, day: i128) -> i128 {
    let before_year = |year: i128| {
        let last = year - 1;
        year * 365 + last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400)
    };
    let leap_day = i128::from(is_leap(year) && month > 2);
    before_year(year) - before_year(2000) + DAYS_BEFORE[month - 1] + leap_day + day - 1
}

fn is_leap(year: i128) -> bool {
    year.rem_euclid(400) == 0 || (year.rem_euclid(4) == 0 && year.rem_euclid(100) != 0)
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Word {
    Digits(String),
    /// In lower case.
    Letters(String),
    Blanks(usize),
    Sign(char),
}

/// What is left of a text.
struct Words(std::collections::VecDeque<Word>);

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Vec::new();
        for c in text.trim_matches(|c: char| c.is_ascii_whitespace()).chars() {
            match (c, words.last_mut()) {
                ('0'..='9', Some(Word::Digits(digits))) => digits.push(c),
                ('0'..='9', _) => words.push(Word::Digits(c.to_string())),
                ('a'..='z' | 'A'..='Z', Some(Word::Letters(letters))) => letters.push(c.to_ascii_lowercase()),
                ('a'..='z' | 'A'..='Z', _) => words.push(Word::Letters(c.to_ascii_lowercase().to_string())),
                (' ', Some(Word::Blanks(count))) => *count += 1,
                (' ', _) => words.push(Word::Blanks(1)),
                _ => words.push(Word::Sign(c)),
            }
        }
        Self(words.into())
    }

    /// What `read` finds, when nothing is left behind it.
    fn alone<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        read(&mut self).filter(|_| self.0.is_empty())
    }

    fn sign(&mut self, among: &str) -> Option<char> {
        match self.0.front() {
            Some(&Word::Sign(c)) if among.contains(c) => {
                self.0.pop_front();
                Some(c)
            }
            _ => None,
        }
    }

    fn blanks(&mut self) -> bool {
        let any = matches!(self.0.front(), Some(Word::Blanks(_)));
        if any {
            self.0.pop_front();
        }
        any
    }

    /// A word of digits of one of these lengths.
    fn digits(&mut self, lengths: std::ops::RangeInclusive<usize>) -> Option<String> {
        match self.0.front() {
            Some(Word::Digits(digits)) if lengths.contains(&digits.len()) => {
                let digits = digits.clone();
                self.0.pop_front();
                Some(digits)
            }
            _ => None,
        }
    }

    /// Letters at the start of a word of letters.
    fn letters(&mut self, wanted: &str) -> bool {
        let Some(Word::Letters(letters)) = self.0.front_mut() else { return false };
        let Some(rest) = letters.strip_prefix(wanted) else { return false };
        *letters = rest.to_owned();
        if letters.is_empty() {
            self.0.pop_front();
        }
        true
    }

    fn separator(&mut self) -> bool {
        if self.0.front() == Some(&Word::Blanks(1)) { self.blanks() } else { self.sign("-/.").is_some() }
    }

    /// Days since 2000-01-01, microseconds of the day and seconds east of UTC.
    fn date_time(&mut self) -> Option<(i128, i128, i32)> {
        let sign = self.sign("+-");
        let year = self.digits(1..=usize::MAX)?;
        if sign == Some('+') && year.len() < 5 {
            return None;
        }
        let parted = self.separator();
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let named = months.iter().position(|name| self.letters(name));
        let month = match named {
            Some(at) => at + 1,
            None if parted => self.digits(1..=2)?.parse().ok()?,
            None => return None,
        };
        let parted = self.separator();
        if !parted && named.is_none() {
            return None;
        }
        let day: i128 = self.digits(1..=2)?.parse().ok()?;
        let (mut micros, mut east) = (0, None);
        let mut parted = self.blanks();
        let mut era = self.era();
        parted |= self.blanks();
        if self.letters("t") || (parted && !self.0.is_empty()) {
            self.blanks();
            (micros, east) = self.time_of_day()?;
            self.blanks();
            era = era.or_else(|| self.era());
        }
        let before_christ = match (sign, era) {
            (Some('-'), Some(_)) => return None,
            (sign, era) => sign == Some('-') || era == Some("bc"),
        };
        let year = written_year(&year, before_christ, era.is_some())?;
        let length =
            |month: usize| DAYS_BEFORE[month] - DAYS_BEFORE[month - 1] + i128::from(month == 2 && is_leap(year));
        if !(1..=12).contains(&month) || !(1..=length(month)).contains(&day) {
            return None;
        }
        Some((days(year, month, day), micros, east.unwrap_or(0)))
    }

    fn era(&mut self) -> Option<&'static str> {
        ["bc", "ad"].into_iter().find(|era| self.letters(era))
    }

    /// Microseconds of the day and seconds east of UTC.
    fn time_of_day(&mut self) -> Option<(i128, Option<i32>)> {
        let hour: i128 = self.digits(1..=2)?.parse().ok()?;
        self.sign(":")?;
        let minute: i128 = self.digits(2..=2)?.parse().ok()?;
        let (mut second, mut micros) = (0, 0);
        if self.sign(":").is_some() {
            second = self.digits(2..=2)?.parse().ok()?;
            if self.sign(".,").is_some() {
                let fraction = format!("{}000000", self.digits(1..=usize::MAX)?);
                micros = fraction[..6].parse().ok()?;
            }
        }
        let all = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
        let is_time = hour <= 23 && minute <= 59 && second <= 60;
        if !(is_time || (hour == 24 && all == DAY)) {
            return None;
        }
        self.blanks();
        Some((all, self.zone()?))
    }

    /// Nothing within something where there is no zone, nothing at all where there is a broken one.
    fn zone(&mut self) -> Option<Option<i32>> {
        let american = ["est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt"];
        if self.letters("z") {
            return Some(Some(0));
        }
        if let Some(at) = american.iter().position(|name| self.letters(name)) {
            // Eastern standard time is five hours west; each further zone is one more, and summer is one less.
            let (zone, summer) = (at as i32 / 2, at as i32 % 2);
            return Some(Some((summer - 5 - zone) * 3_600));
        }
        let greenwich = ["utc", "gmt", "ut"].into_iter().any(|name| self.letters(name));
        let Some(sign) = self.sign("+-") else { return Some(greenwich.then_some(0)) };
        let written = match self.digits(1..=6)? {
            hours if hours.len() <= 2 && self.sign(":").is_some() => {
                let minutes = self.digits(2..=2)?;
                let seconds = if self.sign(":").is_some() { self.digits(2..=2)? } else { "00".into() };
                format!("{hours:0>2}{minutes}{seconds}")
            }
            digits => match digits.len() {
                1 => format!("0{digits}0000"),
                2 => format!("{digits}0000"),
                4 => format!("{digits}00"),
                6 => digits,
                _ => return None,
            },
        };
        let part = |at: usize| written[at..at + 2].parse::<i32>().unwrap();
        let seconds = part(0) * 3_600 + part(2) * 60 + part(4);
        if part(0) > 15 || part(2) > 59 || part(4) > 59 {
            return None;
        }
        Some(Some(if sign == '-' { -seconds } else { seconds }))
    }
}

/// The year, 0 for 1 BC; none for the year 0 and for a single digit without an era.
fn written_year(digits: &str, before_christ: bool, era: bool) -> Option<i128> {
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() && (digits.len() != 2 || before_christ) {
        return None;
    }
    // Far out of range, only its place in the cycle of leap years matters.
    let cut = significant.len().saturating_sub(12);
    let year: i128 = format!("0{}", &significant[cut..]).parse().unwrap();
    let year = if cut > 0 { year + 400 * 10_i128.pow(12) } else { year };
    match digits.len() {
        _ if before_christ => Some(1 - year),
        1 if !era => None,
        2 => Some(year + 2_000),
        _ => Some(year),
    }
}
