//! Dates, times and timestamps -> texts that this module reads as the same, with all their digits.

use std::fmt::{Result, Write};

use super::SECONDS_PER_DAY;

/// Appends the date that is so many days after 1970-01-01, e.g. `2024-01-15` or `0044-03-15 BC`.
///
/// # Errors
/// Those of `out`.
pub fn write_date(days: i64, out: &mut impl Write) -> Result {
    let era = write_day(days, out)?;
    out.write_str(era)
}

/// Appends a time of day, e.g. `12:34:56.789`.
///
/// # Errors
/// Those of `out`.
pub fn write_time(seconds: i64, nanos: u32, out: &mut impl Write) -> Result {
    write!(out, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
    write_fraction(nanos, out)
}

/// Appends the local date and time that is so many seconds after 1970-01-01, with its offset in seconds east of UTC if it
/// has one, e.g. `2024-01-15T12:34:56.789+01:00`.
///
/// # Errors
/// Those of `out`.
pub fn write_timestamp(seconds: i64, nanos: u32, east: Option<i32>, out: &mut impl Write) -> Result {
    let era = write_day(seconds.div_euclid(SECONDS_PER_DAY), out)?;
    out.write_char('T')?;
    write_time(seconds.rem_euclid(SECONDS_PER_DAY), nanos, out)?;
    match east {
        None => {}
        Some(0) => out.write_char('Z')?,
        Some(east) => {
            let sign = if east < 0 { '-' } else { '+' };
            let east = east.unsigned_abs();
            write!(out, "{sign}{:02}:{:02}", east / 3_600, east / 60 % 60)?;
            if east % 60 != 0 {
                write!(out, ":{:02}", east % 60)?;
            }
        }
    }
    out.write_str(era)
}

/// Answers what follows at the very end.
fn write_day(days: i64, out: &mut impl Write) -> std::result::Result<&'static str, std::fmt::Error> {
    let (year, month, day) = civil_from_days(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    write!(out, "{year:04}-{month:02}-{day:02}")?;
    Ok(era)
}

/// Appends a fraction of a second in groups of three digits; nothing for none.
pub(super) fn write_fraction(nanos: u32, out: &mut impl Write) -> Result {
    match nanos {
        0 => Ok(()),
        nanos if nanos % 1_000_000 == 0 => write!(out, ".{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => write!(out, ".{:06}", nanos / 1_000),
        nanos => write!(out, ".{nanos:09}"),
    }
}

/// Year, month and day that are so many days after 1970-01-01; year 0 is 1 BC. The reverse of `days_from_civil`.
pub(in crate::types) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}
