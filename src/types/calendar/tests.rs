mod server_values;

use super::*;
use server_values::{DATES, TIMES, TIMESTAMPS};

const DAY: i64 = MICROS_PER_DAY;
const HOUR: i64 = DAY / 24;
const SECOND: i64 = MICROS_PER_SECOND;

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split('|').collect())
}

/// The value as a text, `out` for one out of range.
fn shown<T: ToString>(result: Result<T, TemporalError>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(OutOfRange) => "out".to_owned(),
        Err(Unparsable) => "unparsable".to_owned(),
    }
}

#[test]
fn dates_are_those_of_the_server() {
    for row in rows(DATES) {
        assert_eq!(shown(parse_date(row[0])), row[1], "{}", row[0]);
    }
}

#[test]
fn timestamps_are_those_of_the_server() {
    for row in rows(TIMESTAMPS) {
        assert_eq!(shown(parse_timestamp(row[0])), row[1], "{}", row[0]);
        assert_eq!(shown(parse_timestamp_tz(row[0])), row[2], "{}", row[0]);
    }
}

#[test]
fn times_are_those_of_the_server() {
    for row in rows(TIMES) {
        assert_eq!(shown(parse_time(row[0])), row[1], "{}", row[0]);
        assert_eq!(shown(parse_time_tz(row[0]).map(|(_, west)| west)), row[2], "{}", row[0]);
    }
}

#[test]
fn every_day_of_800_years_follows_the_one_before() {
    let mut expected = parse_date("0401-01-01 BC").unwrap();
    for year in -400..=400_i64 {
        for month in 1..=12 {
            for day in 1..=days_in_month(year, month) {
                let text = if year > 0 {
                    format!("{year:04}-{month:02}-{day:02}")
                } else {
                    format!("{:04}-{month:02}-{day:02} BC", 1 - year)
                };
                assert_eq!(parse_date(&text), Ok(expected), "{text}");
                expected += 1;
            }
        }
    }
}

#[test]
fn spellings_of_a_date() {
    let same = |texts: &[&str], of: &str| {
        let days = parse_date(of);
        assert!(days.is_ok(), "{of}");
        for text in texts {
            assert_eq!(parse_date(text), days, "{text}");
            assert_eq!(parse_timestamp(text).map(|at| at.div_euclid(DAY)), days.map(i64::from), "{text}");
        }
    };
    same(
        &[
            "2021-1-2",
            "2021/01/02",
            "2021.01.02",
            "2021 01 02",
            "2021-01/2",
            "2021 Jan 02",
            "2021-JAN-2",
            "2021jan02",
            "21-01-02",
            "21/1/2",
            " 2021-01-02 ",
            "2021-01-02 AD",
            "2021-01-02ad",
            "+02021-01-02",
            "002021-01-02",
            "2021-01-02T10:00:00Z",
            "2021-01-02t10:00",
            "2021-01-02  23:59:59.9999999+14:00",
            "2021-01-02 AD 10:00",
            "2021-01-02 T 10:00",
            "2021-01-02 23:59:59 AD",
        ],
        "2021-01-02",
    );
    same(
        &[
            "-0043-03-15",
            "-43-03-15",
            "-043-3-15",
            "43-03-15 BC",
            "0043-03-15 bc",
            "0043-03-15BC 10:00:00",
            "0043-03-15 10:00:00 BC",
            "0043-03-15T10:00:00.5Z BC",
            "0043 Mar 15 bc T10:00",
        ],
        "0043-03-15 BC",
    );
    same(&["1-01-01 BC", "-1-1-1", "-0001-01-01"], "0001-01-01 BC");
    same(&["1-01-01 AD", "001-01-01"], "0001-01-01");
    same(&["987-06-05"], "0987-06-05");
    same(&["+10000-01-01"], "10000-01-01");
    assert_eq!(parse_date("2021-01-02T24:00:00"), parse_date("2021-01-02"));
}

#[test]
fn spellings_of_a_moment() {
    let at = parse_timestamp_tz("2021-01-01T01:01:01Z").unwrap();
    for (text, hours_east) in [
        ("2021-01-01 01:01:01", 0),
        ("2021/1/1 1:01:01", 0),
        ("2021-01-01T01:01:01z", 0),
        ("2021-01-01T01:01:01 Z", 0),
        ("2021-01-01 01:01:01 UTC", 0),
        ("2021-01-01T01:01:01UTC", 0),
        ("2021-01-01T01:01:01 utc", 0),
        ("2021-01-01T01:01:01 UT", 0),
        ("2021-01-01 01:01:01 +0000", 0),
        ("2021-1-1 01:01:01 +01", 1),
        ("2021-1-1 01:01:01 +1", 1),
        ("2021-01-01T01:01:01-01:00", -1),
        ("2021-01-01T01:01:01-010000", -1),
        ("2021 Jan 1 01:01:01 GMT+08:00", 8),
        ("2021 Jan 01 01:01:01GMT+07", 7),
        ("2021-01-01 01:01:01 GMT-8", -8),
        ("2021-01-01T01:01:01 PST", -8),
        ("2021-01-01T01:01:01edt", -4),
        ("2021-01-01T01:01:01.0000009-15", -15),
    ] {
        assert_eq!(parse_timestamp(text), Ok(at), "{text}");
        assert_eq!(parse_timestamp_tz(text), Ok(at - hours_east * HOUR), "{text}");
    }
    let minute = parse_timestamp("2021-01-01 01:01");
    assert_eq!(minute, Ok(at - SECOND));
    assert_eq!(parse_timestamp_tz("2022-01-23T01:23:45.678-11:30 BC"), parse_timestamp("2022-01-23 12:53:45.678 BC"));
}

#[test]
fn fractions_are_cut_and_never_rounded() {
    for text in ["23:59:59.999999", "23:59:59.9999999", "23:59:59.999999999", "23:59:59,99999999999999999999999999"] {
        assert_eq!(parse_time(text), Ok(DAY - 1), "{text}");
        for date in ["2024-12-31", "9999-12-31", "0044-12-31 BC", "-0044-12-31"] {
            let last = parse_date(date).map(|day| (i64::from(day) + 1) * DAY - 1);
            assert_eq!(parse_timestamp(&format!("{date} {text}")), last, "{date} {text}");
            assert_eq!(parse_timestamp_tz(&format!("{date}T{text}Z")), last, "{date} {text}");
        }
    }
    for (fraction, micros) in [("1", 100_000), ("12", 120_000), ("012", 12_000), ("0000019", 1), ("0000009", 0)] {
        assert_eq!(parse_time(&format!("00:00:00.{fraction}")), Ok(micros), "{fraction}");
    }
    assert_eq!(parse_timestamp("294276-12-31T23:59:59.9999999"), Ok(LAST_TIMESTAMP));
}

#[test]
fn the_ends_of_the_day() {
    assert_eq!(parse_time("24:00:00.0000009"), Ok(DAY));
    assert_eq!(parse_time("23:59:60"), Ok(DAY));
    assert_eq!(parse_time("23:59:60.5"), Err(OutOfRange));
    assert_eq!(parse_time_tz("23:59:60.5Z"), Err(OutOfRange));
    let new_year = parse_timestamp("2017-01-01").unwrap();
    assert_eq!(parse_timestamp("2016-12-31T23:59:60.5Z"), Ok(new_year + SECOND / 2));
    assert_eq!(parse_timestamp("2016-12-31 24:00"), Ok(new_year));
    for text in ["24:00:01", "24:01", "24:00:00.1", "24:00:60", "25:00", "23:60", "23:59:61"] {
        assert_eq!(parse_time(text), Err(Unparsable), "{text}");
        assert_eq!(parse_timestamp(&format!("2016-12-31 {text}")), Err(Unparsable), "{text}");
    }
}

#[test]
fn the_ends_of_the_ranges() {
    for text in ["4714-11-23 BC", "-4714-11-23", "5874898-01-01", "9999999-12-31", "99999999999999999999996-02-29"] {
        assert_eq!(parse_date(text), Err(OutOfRange), "{text}");
        assert_eq!(parse_timestamp(text), Err(OutOfRange), "{text}");
    }
    for text in ["294277-01-01", "294276-12-31T24:00", "294276-12-31T23:59:60", "4714-11-23T23:59:59.999999 BC"] {
        assert_eq!(parse_timestamp(text), Err(OutOfRange), "{text}");
        assert_eq!(parse_timestamp_tz(text), Err(OutOfRange), "{text}");
    }
    assert_eq!(parse_timestamp_tz("4714-11-24T00:00+01 BC"), Err(OutOfRange));
    assert_eq!(parse_timestamp_tz("294276-12-31T23:59:59-01"), Err(OutOfRange));
    assert_eq!(parse_date(&format!("-{}-01-01", "9".repeat(500))), Err(OutOfRange));
}

#[test]
fn leap_years_far_out_of_range() {
    for text in ["400000004-02-29", "99999999999999999999996-02-29", "-400000001-02-29", "400000400-02-29"] {
        assert_eq!(parse_date(text), Err(OutOfRange), "{text}");
    }
    for text in ["400000001-02-29", "400000100-02-29", "99999999999999999999999-02-29", "-400000000-02-29"] {
        assert_eq!(parse_date(text), Err(Unparsable), "{text}");
    }
}

#[test]
fn what_is_no_date() {
    for text in [
        "",
        " ",
        "infinity",
        "-infinity",
        "now",
        "today",
        "epoch",
        "not-a-date",
        "20240101",
        "2024",
        "2024-01",
        "1.5",
        "1704067200",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-00-10",
        "2024-13-01",
        "2024-01-00",
        "2024-01-32",
        "0000-01-01",
        "-0000-01-01",
        "0-01-01 BC",
        "00-01-01 BC",
        "-0043-01-01 BC",
        "-0043-01-01 AD",
        "+2024-01-01",
        "+-12024-01-01",
        "1/2/24",
        "1/2/2024",
        "2024--01-01",
        "2024-01-01T",
        "2024-01-01Z",
        "2024-01-01 T",
        "2024-01-0112:00",
        "2024-01-01 12",
        "2024-01-01 12:0",
        "2024-01-01 12:00:0",
        "2024-01-01 12:00:00.",
        "2024-01-01 12:00.5",
        "2024-01-01 12:00:00 +16:00",
        "2024-01-01 12:00-15:60",
        "2024-01-01 12:00 +010",
        "2024-01-01 12:00 +01:0",
        "2024-01-01 12:00 +",
        "2024-01-01 12:00 Mars",
        "2024-01-01 12:00 PST+1",
        "2024-01-01 12:00 Z Z",
        "2024-01-01 BC 12:00 BC",
        "2024-01-01 BC BC",
        "2024 Foo 01",
        "2024-01-01\u{a0}12:00",
        "２０２４-01-01",
        "2024-01-01 12:00 é",
        "é",
    ] {
        assert_eq!(parse_date(text), Err(Unparsable), "{text:?}");
        assert_eq!(parse_timestamp(text), Err(Unparsable), "{text:?}");
        assert_eq!(parse_timestamp_tz(text), Err(Unparsable), "{text:?}");
    }
}

#[test]
fn what_is_no_time() {
    for text in [
        "",
        "12",
        "1200",
        "12:0",
        ":00",
        "12:00:",
        "12:00:00.x",
        "-1:00",
        "12:00 BC",
        "T12:00",
        "12:00 pm",
        "2024-01-01",
        "2024-01-01T12:00",
        "12:00+16",
        "12:00-16:00",
        "12:00Zx",
        "infinity",
        "é",
    ] {
        assert_eq!(parse_time(text), Err(Unparsable), "{text:?}");
        assert_eq!(parse_time_tz(text), Err(Unparsable), "{text:?}");
    }
    assert_eq!(parse_time_tz(" 9:05 "), Ok((9 * HOUR + 5 * 60 * SECOND, 0)));
    assert_eq!(parse_time_tz("03:30:00.000000+04:00"), Ok((3 * HOUR + HOUR / 2, -14_400)));
    assert_eq!(parse_time("03:30:00.000000+04:00"), Ok(3 * HOUR + HOUR / 2));
}

/// Dates and times of the right shape, most of them wrong.
const NEAR_MISSES: &str = concat!(
    "[-+]?[0-9]{1,25}-[01]?[0-9]-[0-3]?[0-9]",
    "[T ][0-9]{1,3}:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,30})?)?( ?[-+][0-9:]{0,9})?( BC)?"
);

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[-+0-9:./, TZbcadjnUGMP]{0,40}") {
        let _ = (parse_date(&text), parse_time_tz(&text), parse_timestamp(&text), parse_timestamp_tz(&text));
    }

    #[test]
    fn near_misses_do_not_panic(text in NEAR_MISSES) {
        let _ = (parse_date(&text), parse_time_tz(&text), parse_timestamp(&text), parse_timestamp_tz(&text));
    }
}

#[test]
fn written_texts_are_read_as_the_same() {
    let read_back = |days: i64| {
        let mut text = String::new();
        write_date(days, &mut text).expect("memory");
        assert_eq!(parse_date(&text).map(i64::from), Ok(days - DAYS_TO_POSTGRES_EPOCH), "{text}");
    };
    // Each day of eight centuries around the year 1, the ends, and days far apart.
    (-865_000..-573_000).for_each(read_back);
    (-2_440_588..2_145_042_906).step_by(99_991).for_each(read_back);
    [-2_440_588, 2_145_042_905, -719_162, -719_163, 0, 10_956].into_iter().for_each(read_back);
    let moments = [
        (0, 0, None, "1970-01-01T00:00:00"),
        (-1, 999_999_999, Some(0), "1969-12-31T23:59:59.999999999Z"),
        (1_705_322_096, 120_000_000, Some(19_800), "2024-01-15T12:34:56.120+05:30"),
        (1_705_322_096, 1_000, Some(-5_025), "2024-01-15T12:34:56.000001-01:23:45"),
        (-62_135_596_801, 0, Some(0), "0001-12-31T23:59:59Z BC"),
        (253_402_300_800, 0, None, "10000-01-01T00:00:00"),
        (9_224_318_015_999, 999_999_000, None, "294276-12-31T23:59:59.999999"),
    ];
    for (seconds, nanos, east, want) in moments {
        let mut text = String::new();
        write_timestamp(seconds, nanos, east, &mut text).expect("memory");
        assert_eq!(text, want);
        let micros = (seconds - SECONDS_TO_POSTGRES_EPOCH) * SECOND + i64::from(nanos / 1_000);
        assert_eq!(parse_timestamp(&text), Ok(micros), "{text}");
        let instant = micros - i64::from(east.unwrap_or(0)) * SECOND;
        assert_eq!(parse_timestamp_tz(&text), Ok(instant), "{text}");
    }
    for second in 0..86_400 {
        let mut text = String::new();
        write_time(second, 0, &mut text).expect("memory");
        assert_eq!(parse_time(&text), Ok(second * SECOND), "{text}");
    }
}

#[test]
fn written_spans_are_read_as_the_same() {
    let (few, parts) = ([0, 1, -1, 11, -13, 24], [0, 1, -1, 59_999_999_999, -3_600_000_000_001, 86_400_000_000_000]);
    for months in few.into_iter().chain([i32::MAX, i32::MIN]) {
        for days in few.into_iter().chain([i32::MAX, i32::MIN]) {
            for nanos in parts.into_iter().chain([i64::MAX.into(), i64::MIN.into()]) {
                let span = Span { months: months.into(), days: days.into(), nanos };
                let mut text = String::new();
                write_span(span, &mut text).expect("memory");
                assert_eq!(parse_span(&text), Ok(span), "{text}");
            }
        }
    }
}
