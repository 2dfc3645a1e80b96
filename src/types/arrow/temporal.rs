//! Dates, times, timestamps, durations and intervals.
//!
//! Postgres counts microseconds: what is finer is cut, as the digits of a JSON text are.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use chrono::{DateTime, Offset, TimeZone};

use super::sink::Writer;
use super::{Cast, Extension, convert, keep};
use crate::types::calendar::{
    self, MICROS_PER_DAY, MICROS_PER_SECOND, SECONDS_PER_DAY, SECONDS_TO_POSTGRES_EPOCH, Span, TemporalError,
};
use crate::types::{ColumnType, Outcome, Reason, interval};

const MILLIS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;
/// 2100-01-01T00:00:00Z: where the tables of the time zones end.
const END_OF_TABLES: i64 = 4_102_444_800;

/// The conversions that need no text.
pub(super) fn direct(array: &ArrayRef, extension: Option<Extension>, to: ColumnType) -> Option<Cast> {
    use ColumnType as T;
    use DataType as D;
    match (to, array.data_type()) {
        (T::Date, D::Date32) => {
            Some(keep::<Date32Type>(array, |days| calendar::stored_date(days.into()).map(drop).map_err(Reason::from)))
        }
        (T::Date, D::Date64) => Some(convert::<Date64Type, Date32Type>(array, |millis| {
            calendar::stored_date(millis.div_euclid(MILLIS_PER_DAY)).map_err(Reason::from)
        })),
        (T::Time, _) => times(array),
        (T::TimeTz, _) => times(array).map(with_zone),
        (T::TimestampTz, D::Timestamp(unit, _)) | (T::Timestamp, D::Timestamp(unit, None)) => {
            Some(timestamps(array, *unit, &Zone::UTC))
        }
        (T::Timestamp, D::Timestamp(unit, Some(name))) => {
            Some(timestamps(array, *unit, &Zone::new(name).unwrap_or(Zone::Unknown)))
        }
        (T::Interval, _) => spans(array, extension),
        _ => None,
    }
}

/// Whose clock a timestamp shows.
enum Zone {
    /// So many seconds east of UTC.
    Fixed(i32),
    /// By rules.
    Named(Tz),
    /// Nobody knows.
    Unknown,
}

impl Zone {
    const UTC: Self = Self::Fixed(0);

    fn new(name: &str) -> Option<Self> {
        if matches!(name, "UTC" | "utc" | "Z" | "GMT" | "Etc/UTC" | "") {
            return Some(Self::UTC);
        }
        let zone = Tz::from_str(name).ok()?;
        Some(if name.starts_with(['+', '-']) { Self::Fixed(offset(zone, 0)) } else { Self::Named(zone) })
    }

    /// Seconds east of UTC, so many seconds after 1970.
    fn east(&self, seconds: i64) -> Option<i32> {
        match self {
            Self::Fixed(east) => Some(*east),
            Self::Named(zone) => Some(offset(*zone, seconds)),
            Self::Unknown => None,
        }
    }
}

fn offset(zone: Tz, seconds: i64) -> i32 {
    // The last rules go on for ever.
    let seconds = if seconds < END_OF_TABLES { seconds } else { alike(seconds) };
    let at = DateTime::from_timestamp(seconds.max(DateTime::<chrono::Utc>::MIN_UTC.timestamp()), 0);
    zone.offset_from_utc_datetime(&at.unwrap_or_default().naive_utc()).fix().local_minus_utc()
}

/// The same time of a year in the tables that has the same days of the week.
fn alike(seconds: i64) -> i64 {
    /// In so many years every kind of year comes, where none is left out at the turn of a century.
    const CYCLE: i64 = 28;
    let bounds = |year| (calendar::days_from_civil(year, 1, 1), calendar::days_from_civil(year + 1, 1, 1));
    let (year, _, _) = calendar::civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let (start, end) = bounds(year);
    let shift = (2_100 - CYCLE..2_100).find_map(|year| {
        let (first, last) = bounds(year);
        (last - first == end - start && (start - first) % 7 == 0).then_some(start - first)
    });
    seconds - shift.unwrap_or(0) * SECONDS_PER_DAY
}

fn timestamps(array: &ArrayRef, unit: TimeUnit, zone: &Zone) -> Cast {
    // From 2000 on before the multiplication: from 1970 on the last years of Postgres do not fit.
    let stored = |value: i64, per_second: i64| {
        let (seconds, parts) = (value.div_euclid(per_second), value.rem_euclid(per_second));
        let east = zone.east(seconds).ok_or(TemporalError::Unparsable)?;
        seconds
            .checked_sub(SECONDS_TO_POSTGRES_EPOCH - i64::from(east))
            .and_then(|seconds| seconds.checked_mul(MICROS_PER_SECOND))
            .and_then(|micros| micros.checked_add(i64::from(nanos(parts, per_second)) / 1_000))
            .ok_or(TemporalError::OutOfRange)
            .and_then(calendar::stored_timestamp)
    };
    let stored = |value, per_second| stored(value, per_second).map_err(Reason::from);
    match unit {
        TimeUnit::Second => convert::<TimestampSecondType, Int64Type>(array, |value| stored(value, 1)),
        TimeUnit::Millisecond => convert::<TimestampMillisecondType, Int64Type>(array, |value| stored(value, 1_000)),
        TimeUnit::Microsecond => {
            convert::<TimestampMicrosecondType, Int64Type>(array, |value| stored(value, MICROS_PER_SECOND))
        }
        TimeUnit::Nanosecond => {
            convert::<TimestampNanosecondType, Int64Type>(array, |value| stored(value, NANOS_PER_SECOND))
        }
    }
}

fn times(array: &ArrayRef) -> Option<Cast> {
    fn stored(micros: i64) -> Result<i64, Reason> {
        if (0..=MICROS_PER_DAY).contains(&micros) { Ok(micros) } else { Err(Reason::SerializationError) }
    }
    Some(match array.data_type() {
        DataType::Time32(TimeUnit::Second) => convert::<Time32SecondType, Time64MicrosecondType>(array, |value| {
            stored(i64::from(value) * MICROS_PER_SECOND)
        }),
        DataType::Time32(_) => {
            convert::<Time32MillisecondType, Time64MicrosecondType>(array, |value| stored(i64::from(value) * 1_000))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            keep::<Time64MicrosecondType>(array, |value| stored(value).map(drop))
        }
        DataType::Time64(_) => {
            convert::<Time64NanosecondType, Time64MicrosecondType>(array, |value| stored(value.div_euclid(1_000)))
        }
        _ => return None,
    })
}

/// Times, as they are in UTC.
fn with_zone(times: Cast) -> Cast {
    let mut out = FixedSizeBinaryBuilder::with_capacity(times.array.len(), 12);
    for time in times.array.as_primitive::<Time64MicrosecondType>() {
        match time {
            Some(micros) => {
                let mut bytes = [0; 12];
                bytes[..8].copy_from_slice(&micros.to_be_bytes());
                out.append_value(bytes).expect("the width is the builder's");
            }
            None => out.append_null(),
        }
    }
    Cast { array: Arc::new(out.finish()), outcomes: times.outcomes }
}

/// The spans of a column of durations or intervals.
fn span_of(array: &dyn Array, extension: Option<Extension>) -> Option<Box<dyn Fn(usize) -> Span + '_>> {
    fn duration<T: ArrowPrimitiveType<Native = i64>>(array: &dyn Array, unit: i64) -> Box<dyn Fn(usize) -> Span + '_> {
        let values = array.as_primitive::<T>();
        Box::new(move |row| Span { months: 0, days: 0, nanos: i128::from(values.value(row)) * i128::from(unit) })
    }
    Some(match array.data_type() {
        DataType::Duration(TimeUnit::Second) => duration::<DurationSecondType>(array, NANOS_PER_SECOND),
        DataType::Duration(TimeUnit::Millisecond) => duration::<DurationMillisecondType>(array, 1_000_000),
        DataType::Duration(TimeUnit::Microsecond) => duration::<DurationMicrosecondType>(array, 1_000),
        DataType::Duration(TimeUnit::Nanosecond) => duration::<DurationNanosecondType>(array, 1),
        DataType::Interval(IntervalUnit::YearMonth) => {
            let values = array.as_primitive::<IntervalYearMonthType>();
            Box::new(move |row| Span { months: values.value(row).into(), days: 0, nanos: 0 })
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let values = array.as_primitive::<IntervalDayTimeType>();
            Box::new(move |row| {
                let value = values.value(row);
                Span { months: 0, days: value.days.into(), nanos: i128::from(value.milliseconds) * NANOS_PER_MILLI }
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(move |row| {
                let value = values.value(row);
                Span { months: value.months.into(), days: value.days.into(), nanos: value.nanoseconds.into() }
            })
        }
        DataType::FixedSizeBinary(12) => {
            let Some(Extension::ParquetInterval { signed }) = extension else { return None };
            let values = array.as_fixed_size_binary();
            Box::new(move |row| {
                let part = |start: usize| {
                    let bytes = values.value(row).get(start..start + 4).and_then(|bytes| bytes.try_into().ok());
                    let bytes = bytes.unwrap_or_default();
                    if signed { i64::from(i32::from_le_bytes(bytes)) } else { u32::from_le_bytes(bytes).into() }
                };
                Span { months: part(0), days: part(4), nanos: i128::from(part(8)) * NANOS_PER_MILLI }
            })
        }
        _ => return None,
    })
}

fn spans(array: &ArrayRef, extension: Option<Extension>) -> Option<Cast> {
    let span = span_of(array, extension)?;
    let mut out = FixedSizeBinaryBuilder::with_capacity(array.len(), interval::INTERVAL_BYTES);
    let mut outcomes = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        match span(row).stored() {
            Ok(span) => out.append_value(interval::to_bytes(span)).expect("the width is the builder's"),
            Err(error) => {
                out.append_null();
                outcomes.push((row, Outcome::Nulled(error.into())));
            }
        }
    }
    Some(Cast { array: Arc::new(out.finish()), outcomes })
}

/// A writer of ISO 8601 strings; none for other types.
pub(super) fn writer(array: &dyn Array, extension: Option<Extension>) -> Option<Writer<'_>> {
    fn units<T: ArrowPrimitiveType>(array: &dyn Array) -> impl Fn(usize) -> i64 + '_
    where
        T::Native: Into<i64>,
    {
        let values = array.as_primitive::<T>();
        move |row| values.value(row).into()
    }
    Some(match array.data_type() {
        DataType::Date32 => {
            let days = units::<Date32Type>(array);
            Box::new(move |row, sink| sink.plain_string(|out| calendar::write_date(days(row), out)))
        }
        DataType::Date64 => {
            let millis = units::<Date64Type>(array);
            Box::new(move |row, sink| {
                sink.plain_string(|out| calendar::write_date(millis(row).div_euclid(MILLIS_PER_DAY), out));
            })
        }
        DataType::Time32(TimeUnit::Second) => time(units::<Time32SecondType>(array), 1),
        DataType::Time32(_) => time(units::<Time32MillisecondType>(array), 1_000),
        DataType::Time64(TimeUnit::Microsecond) => time(units::<Time64MicrosecondType>(array), MICROS_PER_SECOND),
        DataType::Time64(_) => time(units::<Time64NanosecondType>(array), NANOS_PER_SECOND),
        DataType::Timestamp(unit, zone) => {
            // The text of an unknown zone is that of UTC.
            let zone = zone.as_deref().map(|name| Zone::new(name).unwrap_or(Zone::UTC));
            match unit {
                TimeUnit::Second => timestamp(units::<TimestampSecondType>(array), 1, zone),
                TimeUnit::Millisecond => timestamp(units::<TimestampMillisecondType>(array), 1_000, zone),
                TimeUnit::Microsecond => timestamp(units::<TimestampMicrosecondType>(array), MICROS_PER_SECOND, zone),
                TimeUnit::Nanosecond => timestamp(units::<TimestampNanosecondType>(array), NANOS_PER_SECOND, zone),
            }
        }
        _ => {
            let span = span_of(array, extension)?;
            Box::new(move |row, sink| sink.plain_string(|out| calendar::write_span(span(row), out)))
        }
    })
}

/// Nanoseconds of what is left of a second, of which there are `per_second` parts.
fn nanos(parts: i64, per_second: i64) -> u32 {
    u32::try_from(parts.rem_euclid(per_second) * (NANOS_PER_SECOND / per_second)).unwrap_or_default()
}

fn time<'a>(value: impl Fn(usize) -> i64 + 'a, per_second: i64) -> Writer<'a> {
    Box::new(move |row, sink| {
        let parts = value(row);
        let seconds = parts.div_euclid(per_second);
        if !(0..=SECONDS_PER_DAY * per_second).contains(&parts) {
            sink.fail(Reason::SerializationError);
        }
        sink.plain_string(|out| calendar::write_time(seconds, nanos(parts, per_second), out));
    })
}

fn timestamp<'a>(value: impl Fn(usize) -> i64 + 'a, per_second: i64, zone: Option<Zone>) -> Writer<'a> {
    Box::new(move |row, sink| {
        let parts = value(row);
        let seconds = parts.div_euclid(per_second);
        let east = zone.as_ref().and_then(|zone| zone.east(seconds));
        let Some(local) = seconds.checked_add(east.unwrap_or(0).into()) else {
            return sink.fail(Reason::FieldSizeLimitation);
        };
        sink.plain_string(|out| calendar::write_timestamp(local, nanos(parts, per_second), east, out));
    })
}
