//! Dates, times, timestamps, durations and intervals.

use arrow::array::*;
use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

use super::*;
use ColumnType as T;

#[test]
fn dates() {
    let values = || Date32Array::from(vec![Some(0), Some(19_737), Some(-719_163), Some(2_932_897), None]);
    let j = Json;
    let texts = [j("\"1970-01-01\""), j("\"2024-01-15\""), j("\"0001-12-31 BC\""), j("\"10000-01-01\""), Null];
    for to in [T::Date, T::String, T::Json, T::Timestamp, T::TimestampTz] {
        check(values(), to, &texts);
    }
    check(values(), T::Time, &[Wrong, Wrong, Wrong, Wrong, Null]);
    // The first and the last day of Postgres, and their neighbours.
    let edges = Date32Array::from(vec![-2_440_588, -2_440_589, 2_145_042_905, 2_145_042_906, i32::MIN, i32::MAX]);
    let first = j("\"4714-11-24 BC\"");
    let last = j("\"5874897-12-31\"");
    check(edges, T::Date, &[first, TooLarge, last, TooLarge, TooLarge, TooLarge]);
    let millis = Date64Array::from(vec![Some(86_400_000), Some(-1), Some(86_399_999), Some(i64::MAX), None]);
    check(millis, T::Date, &[j("\"1970-01-02\""), j("\"1969-12-31\""), j("\"1970-01-01\""), TooLarge, Null]);
    check_json(Date64Array::from(vec![i64::MIN]), &["\"292275056-05-16 BC\""]);
}

#[test]
fn times_of_every_unit() {
    let j = Json;
    let noon = j("\"12:34:56\"");
    check(
        Time32SecondArray::from(vec![Some(45_296), Some(86_400), Some(-1), Some(86_401), None]),
        T::Time,
        &[noon, j("\"24:00:00\""), Wrong, Wrong, Null],
    );
    check(Time32MillisecondArray::from(vec![45_296_789, -1]), T::Time, &[j("\"12:34:56.789\""), Wrong]);
    let micros =
        || Time64MicrosecondArray::from(vec![Some(45_296_000_001), Some(86_400_000_000), Some(86_400_000_001), None]);
    check(micros(), T::Time, &[j("\"12:34:56.000001\""), j("\"24:00:00\""), Wrong, Null]);
    check(micros(), T::TimeTz, &[j("\"12:34:56.000001Z\""), j("\"24:00:00Z\""), Wrong, Null]);
    let nanos = || Time64NanosecondArray::from(vec![0, 1_999, 86_399_999_999_999, -1]);
    check(nanos(), T::Time, &[j("\"00:00:00\""), j("\"00:00:00.000001\""), j("\"23:59:59.999999\""), Wrong]);
    for beyond in [86_400_000_000_001, i64::MAX] {
        check(Time64NanosecondArray::from(vec![beyond]), T::String, &[Wrong]);
    }
    // As text there are more digits.
    let texts = [j("\"00:00:00\""), j("\"00:00:00.000001999\""), j("\"23:59:59.999999999\""), Wrong];
    check(nanos(), T::String, &texts);
    check(nanos(), T::Json, &texts);
    check(nanos(), T::Date, &[Wrong; 4]);
}

#[test]
fn timestamps_of_every_unit() {
    let j = Json;
    let seconds = || {
        TimestampSecondArray::from(vec![Some(0), Some(-1), Some(1_705_322_096), Some(i64::MAX), Some(i64::MIN), None])
    };
    let texts = [
        j("\"1970-01-01T00:00:00\""),
        j("\"1969-12-31T23:59:59\""),
        j("\"2024-01-15T12:34:56\""),
        TooLarge,
        TooLarge,
        Null,
    ];
    check(seconds(), T::Timestamp, &texts);
    check(seconds(), T::TimestampTz, &texts);
    check(
        TimestampMillisecondArray::from(vec![-1, 1]),
        T::Timestamp,
        &[j("\"1969-12-31T23:59:59.999\""), j("\"1970-01-01T00:00:00.001\"")],
    );
    // The first and the last microsecond of Postgres, and their neighbours.
    let edges = || {
        TimestampMicrosecondArray::from(vec![
            -210_866_803_200_000_000,
            -210_866_803_200_000_001,
            9_223_372_036_854_775_807,
            -9_223_372_036_854_775_808,
        ])
    };
    check(
        edges(),
        T::Timestamp,
        &[j("\"4714-11-24T00:00:00 BC\""), TooLarge, j("\"294247-01-10T04:00:54.775807\""), TooLarge],
    );
    let millis = TimestampMillisecondArray::from(vec![9_224_318_015_999_999, 9_224_318_016_000_000]);
    check(millis, T::Timestamp, &[j("\"294276-12-31T23:59:59.999\""), TooLarge]);
    // Nanoseconds are cut, also before 1970.
    let nanos = || TimestampNanosecondArray::from(vec![1_999, -1, i64::MAX, i64::MIN]);
    let cut = [
        j("\"1970-01-01T00:00:00.000001\""),
        j("\"1969-12-31T23:59:59.999999\""),
        j("\"2262-04-11T23:47:16.854775\""),
        j("\"1677-09-21T00:12:43.145224\""),
    ];
    check(nanos(), T::Timestamp, &cut);
    check(nanos().with_timezone("UTC"), T::TimestampTz, &cut);
    check_json(
        nanos(),
        &[
            "\"1970-01-01T00:00:00.000001999\"",
            "\"1969-12-31T23:59:59.999999999\"",
            "\"2262-04-11T23:47:16.854775807\"",
            "\"1677-09-21T00:12:43.145224192\"",
        ],
    );
    check(nanos(), T::Integer, &[Wrong; 4]);
    check_json(
        TimestampSecondArray::from(vec![i64::MAX, i64::MIN]),
        &["\"292277026596-12-04T15:30:07\"", "\"292277022658-01-27T08:29:52 BC\""],
    );
}

#[test]
fn zones_are_clocks() {
    let j = Json;
    let at = |zone: &str| TimestampSecondArray::from(vec![Some(1_705_322_096), Some(-1), None]).with_timezone(zone);
    let instants = [j("\"2024-01-15T12:34:56Z\""), j("\"1969-12-31T23:59:59Z\""), Null];
    for zone in ["UTC", "Z", "+00:00", "+05:30", "-1230", "+01"] {
        check(at(zone), T::TimestampTz, &instants);
    }
    check(at("UTC"), T::Timestamp, &instants);
    check(at("+05:30"), T::Timestamp, &[j("\"2024-01-15T18:04:56\""), j("\"1970-01-01T05:29:59\""), Null]);
    check(at("-01:00"), T::Timestamp, &[j("\"2024-01-15T11:34:56\""), j("\"1969-12-31T22:59:59\""), Null]);
    check_json(at("UTC"), &["\"2024-01-15T12:34:56Z\"", "\"1969-12-31T23:59:59Z\"", "null"]);
    check_json(at("+05:30"), &["\"2024-01-15T18:04:56+05:30\"", "\"1970-01-01T05:29:59+05:30\"", "null"]);
    check(at("+05:30"), T::Date, &[j("\"2024-01-15\""), j("\"1970-01-01\""), Null]);
    // Near the end of all numbers a clock that is ahead has no text.
    let last = TimestampSecondArray::from(vec![i64::MAX]).with_timezone("+05:30");
    check(last, T::String, &[TooLarge]);
    // The instant is known, the clock is not.
    check(at("Nowhere/Land"), T::TimestampTz, &instants);
    check(at("Nowhere/Land"), T::Timestamp, &[Wrong, Wrong, Null]);
    check_json(at("Nowhere/Land"), &["\"2024-01-15T12:34:56Z\"", "\"1969-12-31T23:59:59Z\"", "null"]);
}

#[test]
fn zones_with_names_have_their_rules_for_ever() {
    let j = Json;
    let at = |zone: &str, seconds: &[i64]| TimestampSecondArray::from(seconds.to_vec()).with_timezone(zone);
    // The last second of winter and of summer, and the first of each; now and in centuries that the tables do not reach.
    check_json(
        at("Europe/Berlin", &[1_711_846_799, 1_711_846_800, 1_729_990_799, 1_729_990_800]),
        &[
            "\"2024-03-31T01:59:59+01:00\"",
            "\"2024-03-31T03:00:00+02:00\"",
            "\"2024-10-27T02:59:59+02:00\"",
            "\"2024-10-27T02:00:00+01:00\"",
        ],
    );
    check_json(
        at("Europe/Berlin", &[4_109_878_799, 4_109_878_800, 9_224_301_599_999]),
        &["\"2100-03-28T01:59:59+01:00\"", "\"2100-03-28T03:00:00+02:00\"", "\"294276-06-25T01:59:59+02:00\""],
    );
    check(
        at("America/New_York", &[-2_717_650_801, 16_725_225_600]),
        T::Timestamp,
        &[j("\"1883-11-18T12:03:57\""), j("\"2499-12-31T19:00:00\"")],
    );
}

#[test]
fn intervals_keep_their_parts() {
    let j = Json;
    let months =
        || IntervalYearMonthArray::from(vec![Some(0), Some(14), Some(-14), Some(i32::MAX), Some(i32::MIN), None]);
    let texts =
        [j("\"PT0S\""), j("\"P1Y2M\""), j("\"P-1Y-2M\""), j("\"P178956970Y7M\""), j("\"P-178956970Y-8M\""), Null];
    for to in [T::Interval, T::String, T::Json] {
        check(months(), to, &texts);
    }
    check(months(), T::Integer, &[Wrong, Wrong, Wrong, Wrong, Wrong, Null]);
    let day_time = IntervalDayTimeArray::from(vec![
        IntervalDayTime::new(1, -1),
        IntervalDayTime::new(i32::MIN, i32::MAX),
        IntervalDayTime::new(0, 90_061_001),
    ]);
    check(
        day_time,
        T::Interval,
        &[j("\"P1DT-0.001S\""), j("\"P-2147483648DT596H31M23.647S\""), j("\"PT25H1M1.001S\"")],
    );
    let nanos = || {
        IntervalMonthDayNanoArray::from(vec![
            IntervalMonthDayNano::new(1, 2, 3_000_000_999),
            IntervalMonthDayNano::new(-1, 0, -1_999),
            IntervalMonthDayNano::new(i32::MAX, i32::MAX, i64::MAX),
            IntervalMonthDayNano::new(0, 0, -999),
        ])
    };
    check(
        nanos(),
        T::Interval,
        &[
            j("\"P1M2DT3S\""),
            j("\"P-1MT-0.000001S\""),
            j("\"P178956970Y7M2147483647DT2562047H47M16.854775S\""),
            j("\"PT0S\""),
        ],
    );
    check_json(
        nanos(),
        &[
            "\"P1M2DT3.000000999S\"",
            "\"P-1MT-0.000001999S\"",
            "\"P178956970Y7M2147483647DT2562047H47M16.854775807S\"",
            "\"PT-0.000000999S\"",
        ],
    );
}

#[test]
fn durations_are_times() {
    let j = Json;
    let limit = 2_147_483_648 * 3_600;
    let seconds = DurationSecondArray::from(vec![
        Some(86_400),
        Some(-61),
        Some(limit - 1),
        Some(limit),
        Some(-limit),
        Some(i64::MAX),
        None,
    ]);
    check(
        seconds,
        T::Interval,
        &[j("\"PT24H\""), j("\"PT-1M-1S\""), j("\"PT2147483647H59M59S\""), TooLarge, TooLarge, TooLarge, Null],
    );
    check(DurationMillisecondArray::from(vec![1]), T::Interval, &[j("\"PT0.001S\"")]);
    check(DurationMicrosecondArray::from(vec![-1, i64::MAX]), T::Interval, &[j("\"PT-0.000001S\""), TooLarge]);
    check(
        DurationNanosecondArray::from(vec![1_999, i64::MIN]),
        T::Interval,
        &[j("\"PT0.000001S\""), j("\"PT-2562047H-47M-16.854775S\"")],
    );
    check_json(DurationSecondArray::from(vec![i64::MIN]), &["\"PT-2562047788015215H-30M-8S\""]);
}

#[test]
fn intervals_of_parquet_are_without_sign_but_for_those_of_arrow() {
    let j = Json;
    let twelve = |months: u32, days: u32, millis: u32| [months, days, millis].map(u32::to_le_bytes).concat();
    let values =
        [twelve(14, 3, 86_400_001), twelve(0, 0, u32::MAX), twelve(i32::MAX as u32 + 1, 0, 0), twelve(0, u32::MAX, 0)];
    let array: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(values.iter()).expect("values"));
    let field = extended(&array, PARQUET_INTERVAL);
    assert_eq!(column_type(&field), Ok(T::Interval));
    let texts = ["\"P1Y2M3DT24H0.001S\"", "\"PT1193H2M47.295S\"", "\"P178956970Y8M\"", "\"P4294967295D\""];
    check_field(&array, &field, T::Interval, &[j(texts[0]), j(texts[1]), TooLarge, TooLarge]);
    check_field(&array, &field, T::String, &texts.map(j));
    check_field(&array, &field, T::Json, &texts.map(j));
    let signed = extended(&array, PARQUET_SIGNED_INTERVAL);
    assert_eq!(column_type(&signed), Ok(T::Interval));
    let texts = ["\"P1Y2M3DT24H0.001S\"", "\"PT-0.001S\"", "\"P-178956970Y-8M\"", "\"P-1D\""];
    check_field(&array, &signed, T::Interval, &texts.map(j));
    // Twelve bytes that say nothing of themselves are bytes.
    assert_eq!(column_type(&Field::new("f", array.data_type().clone(), true)), Ok(T::Bytes));
}
