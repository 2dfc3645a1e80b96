//! Dates, times and timestamps on their way from JSON to COPY. The spellings are `calendar`'s business.

use super::*;
use ColumnType as T;

const TEMPORAL: [ColumnType; 5] = [T::Date, T::Time, T::TimeTz, T::Timestamp, T::TimestampTz];
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

#[test]
fn only_texts_are_temporal() {
    for column_type in TEMPORAL {
        nulled(column_type, WRONG, &["0", "20240115", "1705312800", "true", "{}", "[\"2024-01-15\"]"]);
        nulled(column_type, WRONG, &["\"\"", "\"now\"", "\"infinity\"", "\"2024-13-01\"", "\"25:00:00\"", "\"x\""]);
    }
}

#[test]
fn dates_count_days_from_2000() {
    let cases = [
        ("\"2000-01-01\"", 0),
        ("\"1999-12-31\"", -1),
        ("\"2024-01-15\"", 8_780),
        ("\"2024-01-15T23:59:59.999999999-12:00\"", 8_780),
        ("\"1970-01-01\"", -10_957),
        ("\"4714-11-24 BC\"", -2_451_545),
        ("\"5874897-12-31\"", 2_145_031_948),
        (r#""2000\u002d01-02""#, 1),
    ];
    for (json, days) in cases {
        stored(T::Date, json, &i32::to_be_bytes(days));
    }
    nulled(T::Date, WRONG, &["\"2023-02-29\"", "\"0000-01-01\"", "\"12:00:00\""]);
    nulled(T::Date, TOO_LARGE, &["\"4714-11-23 BC\"", "\"5874898-01-01\""]);
}

#[test]
fn times_count_microseconds_of_the_day() {
    let cases = [
        ("\"00:00:00\"", 0, 0),
        ("\"12:34\"", 12 * HOUR + 34 * 60 * SECOND, 0),
        ("\"23:59:59.9999999\"", 24 * HOUR - 1, 0),
        ("\"24:00:00\"", 24 * HOUR, 0),
        ("\"01:00:00Z\"", HOUR, 0),
        ("\"01:00:00+02:00\"", HOUR, -7_200),
        ("\"01:00:00.5-05:30\"", HOUR + SECOND / 2, 19_800),
        (r#""01\u003a00:00""#, HOUR, 0),
    ];
    for (json, micros, west) in cases {
        stored(T::Time, json, &i64::to_be_bytes(micros));
        stored(T::TimeTz, json, &[i64::to_be_bytes(micros).as_slice(), &i32::to_be_bytes(west)].concat());
    }
    for column_type in [T::Time, T::TimeTz] {
        nulled(column_type, WRONG, &["\"12:60:00\"", "\"2024-01-15\"", "\"12:00:00+99:00\""]);
        nulled(column_type, TOO_LARGE, &["\"23:59:60.5\""]);
    }
}

#[test]
fn timestamps_count_microseconds_from_2000() {
    // As local time, and as an instant.
    let cases = [
        ("\"2000-01-01T00:00:00\"", 0, 0),
        ("\"2000-01-01\"", 0, 0),
        ("\"1999-12-31 23:59:59.999999Z\"", -1, -1),
        ("\"2000-01-01T02:00:00+02:00\"", 2 * HOUR, 0),
        ("\"1999-12-31T20:00:00.25-04:00\"", -4 * HOUR + SECOND / 4, SECOND / 4),
        ("\"2000-01-02T00:00:00.0000019\"", 24 * HOUR + 1, 24 * HOUR + 1),
        (r#""2000-01-01T00:00:01\u005A""#, SECOND, SECOND),
        ("\"294276-12-31T23:59:59.999999\"", 9_223_371_331_199_999_999, 9_223_371_331_199_999_999),
        ("\"4714-11-24T00:00:00 BC\"", -211_813_488_000_000_000, -211_813_488_000_000_000),
    ];
    for (json, local, instant) in cases {
        stored(T::Timestamp, json, &i64::to_be_bytes(local));
        stored(T::TimestampTz, json, &i64::to_be_bytes(instant));
    }
    for column_type in [T::Timestamp, T::TimestampTz] {
        nulled(column_type, WRONG, &["\"2024-02-30T00:00:00\"", "\"2024-01-15T25:00:00\"", "\"12:00:00\""]);
        nulled(column_type, TOO_LARGE, &["\"294277-01-01T00:00:00\"", "\"4714-11-23T23:59:59 BC\""]);
    }
    // The zone moves it over the edge.
    assert_eq!(store(T::Timestamp, "\"294276-12-31T23:59:59-01:00\"").0, Outcome::Stored);
    nulled(T::TimestampTz, TOO_LARGE, &["\"294276-12-31T23:59:59-01:00\""]);
}

#[test]
fn intervals_are_durations_of_iso_8601() {
    let cases = [
        ("\"PT0S\"", 0, 0, 0),
        ("\"P1Y2M3DT4H5M6.789012S\"", 14, 3, 4 * HOUR + 306 * SECOND + 789_012),
        ("\"-P1Y2M3DT4H\"", -14, -3, -4 * HOUR),
        ("\"P-1Y2M-3DT-0.5S\"", -10, -3, -SECOND / 2),
        ("\"-P-1D\"", 0, 1, 0),
        ("\"P3W\"", 0, 21, 0),
        ("\"P1W1D\"", 0, 8, 0),
        ("\" pt1.5s \"", 0, 0, SECOND + SECOND / 2),
        ("\"PT0.0000019S\"", 0, 0, 1),
        ("\"PT-0.0000019S\"", 0, 0, -1),
        ("\"PT1,25S\"", 0, 0, SECOND + SECOND / 4),
        ("\"PT100H200M\"", 0, 0, 100 * HOUR + 12_000 * SECOND),
        ("\"P2147483647M\"", i32::MAX, 0, 0),
        ("\"P-2147483648M2147483647D\"", i32::MIN, i32::MAX, 0),
        ("\"PT2147483647H59M59.999999S\"", 0, 0, 2_147_483_648 * HOUR - 1),
    ];
    for (json, months, days, micros) in cases {
        let payload = [&i64::to_be_bytes(micros)[..], &i32::to_be_bytes(days), &i32::to_be_bytes(months)].concat();
        stored(T::Interval, json, &payload);
    }
    nulled(
        T::Interval,
        TOO_LARGE,
        &["\"P2147483648M\"", "\"P178956970Y8M\"", "\"P2147483648D\"", "\"PT2147483648H\"", "\"PT-2147483648H\""],
    );
    nulled(T::Interval, TOO_LARGE, &["\"P99999999999999999999999999999D\"", "\"PT18446744073709551615H\""]);
    let wrong = [
        "", "P", "PT", "P1", "1D", "P1DT", "P1S", "PT1D", "P1D1Y", "P1.5Y", "P1.5D", "PT1.5H", "PT.5S", "PT1.S",
        "1 day", "P1DT1H1H", "P--1D", "PT1HT1M",
    ];
    for text in wrong {
        nulled(T::Interval, WRONG, &[&format!("\"{text}\"")]);
    }
    nulled(T::Interval, WRONG, &["0", "true", "{}"]);
}
