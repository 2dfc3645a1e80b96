//! Columns of the types that hold values themselves.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate};
use fastrand::Rng;
use serde_json::json;

use destination_postgres::types::arrow::column_type;
use destination_postgres::types::{ColumnType, Outcome, Reason};

use super::{Column, ROWS, Row};
use crate::support::sql::quote_literal;

const TOO_LARGE: Reason = Reason::FieldSizeLimitation;
const WRONG: Reason = Reason::SerializationError;

/// A column of each type, into the column that it gets by itself.
pub fn all(rng: &mut Rng) -> Vec<Column> {
    let mut all = vec![
        primitive::<Int8Type>(rng, |rng| edge(rng, i8::MIN.into(), i8::MAX.into()) as i8, |v| number(v.to_string())),
        primitive::<Int16Type>(
            rng,
            |rng| edge(rng, i16::MIN.into(), i16::MAX.into()) as i16,
            |v| number(v.to_string()),
        ),
        primitive::<Int32Type>(
            rng,
            |rng| edge(rng, i32::MIN.into(), i32::MAX.into()) as i32,
            |v| number(v.to_string()),
        ),
        primitive::<Int64Type>(
            rng,
            |rng| edge(rng, i64::MIN.into(), i64::MAX.into()) as i64,
            |v| number(v.to_string()),
        ),
        primitive::<UInt8Type>(rng, |rng| edge(rng, 0, u8::MAX.into()) as u8, |v| number(v.to_string())),
        primitive::<UInt16Type>(rng, |rng| edge(rng, 0, u16::MAX.into()) as u16, |v| number(v.to_string())),
        primitive::<UInt32Type>(rng, |rng| edge(rng, 0, u32::MAX.into()) as u32, |v| number(v.to_string())),
        primitive::<UInt64Type>(rng, |rng| edge(rng, 0, u64::MAX.into()) as u64, |v| number(v.to_string())),
        primitive::<Float32Type>(rng, |rng| float(rng) as f32, |v| float_row(v.into(), format!("{v:e}"))),
        primitive::<Float64Type>(rng, float, |v| float_row(v, format!("{v:e}"))),
        primitive::<Float16Type>(
            rng,
            |rng| <Float16Type as ArrowPrimitiveType>::Native::from_bits(rng.u16(..)),
            |v| float_row(v.to_f64(), format!("{:e}", v.to_f32())),
        ),
        booleans(rng),
        bytes(rng),
        uuids(rng),
        json_texts(rng),
    ];
    for text in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        all.push(texts(rng, &text));
    }
    for _ in 0..3 {
        all.extend(decimals(rng));
    }
    all.extend(dates(rng));
    all.extend(times(rng));
    all.extend(timestamps(rng));
    all.extend(intervals(rng));
    all
}

/// A field for `array`, and the column that it gets.
pub fn column(array: ArrayRef, extension: Option<&str>, rows: Vec<Row>) -> Column {
    let mut field = Field::new("f", array.data_type().clone(), true);
    if let Some(name) = extension {
        field = field.with_metadata(HashMap::from([("ARROW:extension:name".to_owned(), name.to_owned())]));
    }
    let to = column_type(&field).expect("a type");
    Column { array, field, to, rows }
}

/// One value of eight is none.
fn values<T>(rng: &mut Rng, mut make: impl FnMut(&mut Rng) -> T) -> Vec<Option<T>> {
    (0..ROWS).map(|_| if rng.u8(..8) == 0 { None } else { Some(make(rng)) }).collect()
}

fn rows<T>(values: &[Option<T>], row: impl Fn(&T) -> Row) -> Vec<Row> {
    values.iter().map(|value| value.as_ref().map_or_else(Row::null, &row)).collect()
}

fn primitive<T: ArrowPrimitiveType>(
    rng: &mut Rng,
    make: impl FnMut(&mut Rng) -> T::Native,
    row: impl Fn(T::Native) -> Row,
) -> Column {
    primitive_of::<T>(rng, &T::DATA_TYPE, make, row)
}

fn primitive_of<T: ArrowPrimitiveType>(
    rng: &mut Rng,
    data_type: &DataType,
    make: impl FnMut(&mut Rng) -> T::Native,
    row: impl Fn(T::Native) -> Row,
) -> Column {
    let values = values(rng, make);
    let array = values.iter().copied().collect::<PrimitiveArray<T>>().with_data_type(data_type.clone());
    column(Arc::new(array), None, rows(&values, |value| row(*value)))
}

/// Near an end, near zero, or anywhere.
fn edge(rng: &mut Rng, least: i128, greatest: i128) -> i128 {
    let value = match rng.u8(..4) {
        0 => least + rng.i128(0..3),
        1 => greatest - rng.i128(0..3),
        2 => rng.i128(-3..300),
        _ => rng.i128(least..=greatest),
    };
    value.clamp(least, greatest)
}

fn number(text: String) -> Row {
    Row::stored(format!("'{text}'"), text)
}

fn float(rng: &mut Rng) -> f64 {
    loop {
        let value = any_float(rng);
        if !is_between_two_texts(value) {
            return value;
        }
    }
}

/// Whether two shortest texts are as near to the value, as `…62` and `…63` are to …625: either makes it again, and not all
/// libraries take the same one.
fn is_between_two_texts(value: f64) -> bool {
    let (text, exact) = (format!("{value:e}"), format!("{value:.800e}"));
    let rest = text.find('e').and_then(|digits| exact.get(digits..)).and_then(|rest| rest.split('e').next());
    rest.is_some_and(|rest| rest.trim_end_matches('0') == "5")
}

fn any_float(rng: &mut Rng) -> f64 {
    match rng.u8(..6) {
        0 => [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, 1e22, 0.1][rng.usize(..9)],
        1 => rng.i32(-1_000..1_000).into(),
        2 => f64::from(rng.i32(..)) / 100.0,
        3 => f64::from(f32::from_bits(rng.u32(..))),
        _ => f64::from_bits(rng.u64(..)),
    }
}

fn float_row(value: f64, text: String) -> Row {
    let name = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        return Row::stored(format!("'{text}'"), decimal_point(text));
    };
    Row::stored(format!("'{name}'"), format!("\"{name}\""))
}

/// Whole numbers are shown as such by a float's JSON: `1.0`, as long as they have less than 17 digits.
fn decimal_point(text: String) -> String {
    let value: f64 = text.parse().expect("a number");
    let whole = value.fract() == 0.0 && value.abs() < 1e16;
    if whole { format!("{value:.1}") } else { text }
}

fn booleans(rng: &mut Rng) -> Column {
    let values = values(rng, Rng::bool);
    column(
        Arc::new(BooleanArray::from(values.clone())),
        None,
        rows(&values, |value| Row::stored(format!("'{value}'"), value.to_string())),
    )
}

/// A text with characters of every kind, and what is stored of it.
pub fn text(rng: &mut Rng) -> (String, String) {
    let text: String = (0..rng.usize(..30))
        .map(|_| match rng.u8(..20) {
            0 => '\0',
            1 => ['"', '\\', '\'', '\n', '\t', '\u{1}', '\u{7f}', '{', ','][rng.usize(..9)],
            2 => rng.char(..),
            3 => rng.char('à'..'ÿ'),
            _ => rng.alphanumeric(),
        })
        .collect();
    let stored = text.replace('\0', "");
    (text, stored)
}

pub fn text_row((text, stored): &(String, String)) -> Row {
    let outcome = if text == stored { Outcome::Stored } else { Outcome::Cleaned };
    Row { outcome, ..Row::stored(quote_literal(stored), json!(stored).to_string()) }
}

fn texts(rng: &mut Rng, data_type: &DataType) -> Column {
    let values = values(rng, text);
    let texts = values.iter().map(|value| value.as_ref().map(|(text, _)| text.as_str()));
    let array: ArrayRef = match data_type {
        DataType::LargeUtf8 => Arc::new(texts.collect::<LargeStringArray>()),
        DataType::Utf8View => Arc::new(texts.collect::<StringViewArray>()),
        _ => Arc::new(texts.collect::<StringArray>()),
    };
    column(array, None, rows(&values, text_row))
}

/// Texts that say that they are JSON; a few are none.
fn json_texts(rng: &mut Rng) -> Column {
    let values = values(rng, |rng| match rng.u8(..6) {
        0 => ("[1, 2.50, {\"a\": null}]".to_owned(), true),
        1 => (json!(text(rng).1).to_string(), true),
        2 => (rng.i64(..).to_string(), true),
        3 => ("{\"b\": [], \"a\": 1e3}".to_owned(), true),
        4 => ("no".to_owned(), false),
        _ => ("true".to_owned(), true),
    });
    let array: StringArray = values.iter().map(|value| value.as_ref().map(|(text, _)| text)).collect();
    let rows = rows(
        &values,
        |(text, is_json)| {
            if *is_json { Row::stored(quote_literal(text), text) } else { Row::nulled(WRONG) }
        },
    );
    column(Arc::new(array), Some("arrow.json"), rows)
}

fn bytes(rng: &mut Rng) -> Column {
    let values = values(rng, |rng| (0..rng.usize(..30)).map(|_| rng.u8(..)).collect::<Vec<u8>>());
    let bytes = || values.iter().map(|value| value.as_deref());
    let array: ArrayRef = match rng.u8(..3) {
        0 => Arc::new(bytes().collect::<BinaryArray>()),
        1 => Arc::new(bytes().collect::<LargeBinaryArray>()),
        _ => Arc::new(bytes().collect::<BinaryViewArray>()),
    };
    column(array, None, rows(&values, |bytes| bytes_row(bytes)))
}

fn bytes_row(bytes: &[u8]) -> Row {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Row::stored(format!("decode('{hex}', 'hex')"), format!("\"{}\"", BASE64_STANDARD.encode(bytes)))
}

fn uuids(rng: &mut Rng) -> Column {
    let values = values(rng, |rng| rng.u128(..).to_be_bytes());
    let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.iter().copied(), 16).expect("16 bytes");
    if rng.u8(..4) == 0 {
        return column(Arc::new(array), None, rows(&values, |bytes| bytes_row(bytes)));
    }
    let rows = rows(&values, |bytes| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        Row::stored(format!("'{parts}'"), format!("\"{parts}\""))
    });
    column(Arc::new(array), Some("arrow.uuid"), rows)
}

/// Digits of a value and its scale, as a number.
fn decimal_row(digits: &str, scale: i8) -> Row {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let text = match usize::try_from(scale) {
        Ok(0) => digits.to_owned(),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{whole}.{fraction}")
        }
        Err(_) if digits == "0" => "0".into(),
        Err(_) => format!("{digits}{}", "0".repeat(scale.unsigned_abs().into())),
    };
    number(format!("{sign}{text}"))
}

fn decimals(rng: &mut Rng) -> [Column; 4] {
    /// A value of at most so many digits.
    fn digits(rng: &mut Rng, precision: u8) -> String {
        let length = if rng.bool() { precision } else { rng.u8(1..=precision) };
        let digits: String = (0..length)
            .map(|_| if rng.u8(..4) == 0 { ['0', '9'][rng.usize(..2)] } else { char::from(rng.u8(b'0'..=b'9')) })
            .collect();
        let digits = digits.trim_start_matches('0');
        match digits {
            "" => "0".into(),
            digits if rng.bool() => format!("-{digits}"),
            digits => digits.into(),
        }
    }
    fn of<T: DecimalType>(
        rng: &mut Rng,
        greatest: u8,
        parse: impl Fn(&str) -> T::Native,
        data_type: impl Fn(u8, i8) -> DataType,
    ) -> Column {
        let precision = if rng.u8(..3) == 0 { greatest } else { rng.u8(1..=greatest) };
        let scale = match rng.u8(..4) {
            0 => -rng.i8(0..20),
            _ => rng.u8(..=precision) as i8,
        };
        let values = values(rng, |rng| digits(rng, precision));
        let native = values.iter().map(|value| value.as_deref().map(&parse));
        let array = native.collect::<PrimitiveArray<T>>().with_data_type(data_type(precision, scale));
        column(Arc::new(array), None, rows(&values, |digits| decimal_row(digits, scale)))
    }
    [
        of::<Decimal32Type>(rng, 9, |text| text.parse().expect("digits"), DataType::Decimal32),
        of::<Decimal64Type>(rng, 18, |text| text.parse().expect("digits"), DataType::Decimal64),
        of::<Decimal128Type>(rng, 38, |text| text.parse().expect("digits"), DataType::Decimal128),
        of::<Decimal256Type>(rng, 76, |text| i256::from_string(text).expect("digits"), DataType::Decimal256),
    ]
}

fn date_row(days: i64) -> Row {
    if !(-2_440_588..=2_145_042_905).contains(&days) {
        return Row::nulled(TOO_LARGE);
    }
    let sql = format!("date '1970-01-01' + ({days})");
    Row::stored(sql, format!("\"{}\"", day(days)))
}

/// A day as text, by another calendar than the connector's.
fn day(days: i64) -> String {
    let date = i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days).expect("near enough");
    date.format("%Y-%m-%d").to_string()
}

/// Days of the years 1 to 9999.
fn some_day(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => rng.i64(-400..400),
        1 => [-719_162, 2_932_896][rng.usize(..2)],
        _ => rng.i64(-719_162..=2_932_896),
    }
}

fn dates(rng: &mut Rng) -> [Column; 2] {
    [
        primitive::<Date32Type>(rng, |rng| some_day(rng) as i32, |days| date_row(days.into())),
        primitive::<Date64Type>(rng, |rng| some_day(rng) * 86_400_000, |millis| date_row(millis / 86_400_000)),
    ]
}

const UNITS: [(TimeUnit, i64); 4] = [
    (TimeUnit::Second, 1),
    (TimeUnit::Millisecond, 1_000),
    (TimeUnit::Microsecond, 1_000_000),
    (TimeUnit::Nanosecond, 1_000_000_000),
];

/// A fraction of a second in groups of three digits.
fn fraction(nanos: i64) -> String {
    let digits = format!("{nanos:09}");
    let length = digits.trim_end_matches('0').len().div_ceil(3) * 3;
    if length == 0 { String::new() } else { format!(".{}", &digits[..length]) }
}

fn times(rng: &mut Rng) -> Vec<Column> {
    let row = |parts: i64, per_second: i64| {
        let nanos = parts * (1_000_000_000 / per_second);
        let micros = nanos / 1_000;
        let second = nanos / 1_000_000_000;
        let text = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        Row::stored(
            format!("time '{text}.{:06}'", micros % 1_000_000),
            format!("\"{text}{}\"", fraction(nanos % 1_000_000_000)),
        )
    };
    let parts = |rng: &mut Rng, per_second: i64| {
        let whole = rng.i64(0..86_400) * per_second;
        whole + if rng.bool() { rng.i64(0..per_second) } else { 0 }
    };
    vec![
        primitive::<Time32SecondType>(rng, |rng| parts(rng, 1) as i32, |v| row(v.into(), 1)),
        primitive::<Time32MillisecondType>(rng, |rng| parts(rng, 1_000) as i32, |v| row(v.into(), 1_000)),
        primitive::<Time64MicrosecondType>(rng, |rng| parts(rng, 1_000_000), |v| row(v, 1_000_000)),
        primitive::<Time64NanosecondType>(rng, |rng| parts(rng, 1_000_000_000), |v| row(v, 1_000_000_000)),
    ]
}

fn timestamps(rng: &mut Rng) -> Vec<Column> {
    fn of<T: ArrowTimestampType>(rng: &mut Rng, unit: TimeUnit, per_second: i64, east: Option<i64>) -> Column {
        let zone = east.map(|east| {
            let (sign, minutes) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs() / 60);
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        });
        let make = |rng: &mut Rng| {
            // Nanoseconds reach from 1677 to 2262.
            let days = if unit == TimeUnit::Nanosecond { rng.i64(-100_000..100_000) } else { some_day(rng) };
            let second = days.clamp(-719_161, 2_932_895) * 86_400 + rng.i64(0..86_400);
            second * per_second + if rng.bool() { rng.i64(0..per_second) } else { 0 }
        };
        let row = |value: i64| {
            let (second, parts) = (value.div_euclid(per_second), value.rem_euclid(per_second));
            let nanos = parts * (1_000_000_000 / per_second);
            let utc = DateTime::from_timestamp(second, 0).expect("near enough").naive_utc();
            let zone_sql = if east.is_some() { "+00" } else { "" };
            let sql = format!("'{}.{:06}{zone_sql}'", utc.format("%Y-%m-%d %H:%M:%S"), nanos / 1_000);
            let local = utc + chrono::TimeDelta::seconds(east.unwrap_or(0));
            let shown = match (&zone, east) {
                (_, Some(0)) => "Z",
                (Some(zone), _) => zone,
                (None, _) => "",
            };
            Row::stored(sql, format!("\"{}{}{shown}\"", local.format("%Y-%m-%dT%H:%M:%S"), fraction(nanos)))
        };
        let data_type = DataType::Timestamp(unit, zone.as_deref().map(Into::into));
        primitive_of::<T>(rng, &data_type, make, row)
    }
    let mut all = Vec::new();
    for (unit, per_second) in UNITS {
        for east in [None, Some(0), Some(rng.i64(-64..64) * 900)] {
            all.push(match unit {
                TimeUnit::Second => of::<TimestampSecondType>(rng, unit, per_second, east),
                TimeUnit::Millisecond => of::<TimestampMillisecondType>(rng, unit, per_second, east),
                TimeUnit::Microsecond => of::<TimestampMicrosecondType>(rng, unit, per_second, east),
                TimeUnit::Nanosecond => of::<TimestampNanosecondType>(rng, unit, per_second, east),
            });
        }
    }
    all
}

/// An interval, its time in nanoseconds.
fn interval_row(months: i32, days: i32, nanos: i128) -> Row {
    let micros = nanos / 1_000;
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, rest) = (micros.abs() / 1_000_000, micros.abs() % 1_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let sql =
        format!("interval '{months} months {days} days {sign}{hours}:{minutes:02}:{:02}.{rest:06}'", seconds % 60);
    let part = |value: i128, unit: char| if value == 0 { String::new() } else { format!("{value}{unit}") };
    let (second, fraction) = (nanos / 1_000_000_000 % 60, fraction((nanos.abs() % 1_000_000_000) as i64));
    let mut time = part(nanos / 3_600_000_000_000, 'H') + &part(nanos / 60_000_000_000 % 60, 'M');
    if second != 0 || !fraction.is_empty() {
        let sign = if nanos < 0 { "-" } else { "" };
        time.push_str(&format!("{sign}{}{fraction}S", second.abs()));
    }
    let mut text = part((months / 12).into(), 'Y') + &part((months % 12).into(), 'M') + &part(days.into(), 'D');
    if !time.is_empty() || text.is_empty() {
        text.push('T');
        text.push_str(if time.is_empty() { "0S" } else { &time });
    }
    let row = Row::stored(sql, format!("\"P{text}\""));
    if nanos.abs() >= 2_147_483_648 * 3_600 * 1_000_000_000 {
        return Row { sql: None, outcome: Outcome::Nulled(TOO_LARGE), ..row };
    }
    row
}

fn intervals(rng: &mut Rng) -> Vec<Column> {
    let int = |rng: &mut Rng| edge(rng, i32::MIN.into(), i32::MAX.into()) as i32;
    let long = |rng: &mut Rng| edge(rng, i64::MIN.into(), i64::MAX.into()) as i64;
    let duration = |unit: i128| move |value: i64| interval_row(0, 0, i128::from(value) * unit);
    let bounded = |rng: &mut Rng| edge(rng, -7_000_000_000_000_000, 7_000_000_000_000_000) as i64;
    vec![
        primitive::<IntervalYearMonthType>(rng, int, |months| interval_row(months, 0, 0)),
        primitive::<IntervalDayTimeType>(
            rng,
            |rng| IntervalDayTime::new(int(rng), int(rng)),
            |value| interval_row(0, value.days, i128::from(value.milliseconds) * 1_000_000),
        ),
        primitive::<IntervalMonthDayNanoType>(
            rng,
            |rng| IntervalMonthDayNano::new(int(rng), int(rng), long(rng)),
            |value| interval_row(value.months, value.days, value.nanoseconds.into()),
        ),
        primitive::<DurationSecondType>(rng, |rng| bounded(rng) / 1_000, duration(1_000_000_000)),
        primitive::<DurationMillisecondType>(rng, bounded, duration(1_000_000)),
        primitive::<DurationMicrosecondType>(rng, bounded, duration(1_000)),
        primitive::<DurationNanosecondType>(rng, long, duration(1)),
    ]
}

/// Columns that somebody declared otherwise.
pub fn declared(rng: &mut Rng) -> Vec<Column> {
    let into = |to: ColumnType, mut column: Column, row: &dyn Fn(&Row) -> Row| {
        column.rows = column.rows.iter().map(row).collect();
        Column { to, ..column }
    };
    let limited = |least: i128, greatest: i128| {
        move |row: &Row| match row.json.parse::<i128>() {
            Ok(value) if !(least..=greatest).contains(&value) => Row::nulled(TOO_LARGE),
            _ => row.clone(),
        }
    };
    let signed = |rng: &mut Rng| {
        primitive::<Int64Type>(rng, |rng| edge(rng, i64::MIN.into(), i64::MAX.into()) as i64, |v| number(v.to_string()))
    };
    let small =
        |rng: &mut Rng| primitive::<Int64Type>(rng, |rng| edge(rng, -32_770, 32_770) as i64, |v| number(v.to_string()));
    let unsigned = primitive::<UInt64Type>(rng, |rng| edge(rng, 0, u64::MAX.into()) as u64, |v| number(v.to_string()));
    let floats = primitive::<Float64Type>(rng, float, |v| float_row(v, format!("{v:e}")));
    let finite = |row: &Row| if row.json.starts_with('"') { Row::nulled(WRONG) } else { row.clone() };
    let shown = |row: &Row| {
        let row = finite(row);
        // `numeric` shows the point that the number has in JSON.
        Row { sql: row.sql.as_ref().map(|_| format!("'{}'", row.json)), ..row }
    };
    vec![
        into(ColumnType::Integer, unsigned.clone(), &limited(0, i64::MAX.into())),
        into(ColumnType::Number, unsigned, &Row::clone),
        into(ColumnType::Int, signed(rng), &limited(i32::MIN.into(), i32::MAX.into())),
        into(ColumnType::SmallInt, small(rng), &limited(i16::MIN.into(), i16::MAX.into())),
        into(ColumnType::Number, signed(rng), &Row::clone),
        into(ColumnType::Number, floats, &shown),
        into(ColumnType::Number, decimals(rng)[rng.usize(..4)].clone(), &Row::clone),
        // What no date can be.
        into(ColumnType::Boolean, booleans(rng), &Row::clone),
        into(ColumnType::Date, booleans(rng), &|row| if row.sql.is_some() { Row::nulled(WRONG) } else { row.clone() }),
        primitive::<Date32Type>(
            rng,
            |rng| [-2_440_589, -2_440_590, 2_145_042_906, i32::MIN, i32::MAX][rng.usize(..5)],
            |_| Row::nulled(TOO_LARGE),
        ),
    ]
}
