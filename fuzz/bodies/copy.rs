//! Binary COPY, read as the server reads it.

use destination_postgres::types::{ColumnType, Scalar};
use serde_json::value::RawValue;

use super::json::compact;
use super::numbers::Numeric;

/// The rows of a binary COPY, read as the server does.
pub fn read_copy(bytes: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let mut rest = bytes.strip_prefix(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0").expect("the header");
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at_checked(count).expect("as many bytes as announced");
        rest = tail;
        head.to_vec()
    };
    let mut rows = Vec::new();
    loop {
        let count = i16::from_be_bytes(take(2).try_into().unwrap());
        if count == -1 {
            assert!(rest.is_empty(), "bytes behind the end");
            return rows;
        }
        let count = usize::try_from(count).expect("a count of fields");
        let fields = (0..count).map(|_| match i32::from_be_bytes(take(4).try_into().unwrap()) {
            -1 => None,
            length => Some(take(usize::try_from(length).expect("a length"))),
        });
        rows.push(fields.collect());
    }
}

/// Refuses what the server would refuse.
pub fn check_payload(column_type: ColumnType, payload: &[u8]) {
    /// Microseconds of a day; days and microseconds from 2000 to the ends of Postgres's calendar.
    const DAY: i64 = 86_400_000_000;
    const DAYS: std::ops::Range<i32> = -2_451_545..2_145_031_949;
    const MICROS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
    match column_type {
        ColumnType::Boolean => assert!(payload == [0] || payload == [1]),
        ColumnType::SmallInt => drop(fixed::<2>(payload)),
        ColumnType::Int | ColumnType::Real => drop(fixed::<4>(payload)),
        ColumnType::Integer | ColumnType::Double => drop(fixed::<8>(payload)),
        ColumnType::Uuid | ColumnType::Interval => drop(fixed::<16>(payload)),
        ColumnType::Bytes => {}
        ColumnType::Number => drop(Numeric::read(payload)),
        ColumnType::Decimal(size) => {
            let number = Numeric::read(payload);
            assert!(number.fits(size.precision(), size.scale()), "too large for a numeric of {size:?}");
        }
        ColumnType::String => assert!(std::str::from_utf8(payload).is_ok_and(|text| !text.contains('\0'))),
        ColumnType::Date => assert!(DAYS.contains(&i32::from_be_bytes(fixed(payload)))),
        ColumnType::Time => assert!((0..=DAY).contains(&i64::from_be_bytes(fixed(payload)))),
        ColumnType::TimeTz => {
            let [micros @ .., a, b, c, d] = fixed::<12>(payload);
            assert!((0..=DAY).contains(&i64::from_be_bytes(micros)));
            assert!(i32::from_be_bytes([a, b, c, d]).abs() < 16 * 3_600);
        }
        ColumnType::Timestamp | ColumnType::TimestampTz => {
            assert!(MICROS.contains(&i64::from_be_bytes(fixed(payload))));
        }
        ColumnType::Object => assert!(plain_json(payload).starts_with(b"\x01{")),
        ColumnType::Array => assert!(plain_json(payload).starts_with(b"\x01[")),
        ColumnType::Json => drop(plain_json(payload)),
        ColumnType::List(element) => check_list(element, payload),
    }
}

fn fixed<const N: usize>(payload: &[u8]) -> [u8; N] {
    payload.try_into().expect("a payload of the type's size")
}

/// Dimensions, whether there are NULLs, the elements' type, length and first index, the elements.
fn check_list(element: Scalar, payload: &[u8]) {
    let mut rest = payload;
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at_checked(count).expect("as many bytes as announced");
        rest = tail;
        head
    };
    let mut number = || i32::from_be_bytes(fixed(take(4)));
    let (dimensions, has_nulls, _oid) = (number(), number(), number());
    assert!(matches!(dimensions, 0 | 1) && matches!(has_nulls, 0 | 1));
    let mut nulls = 0;
    if dimensions == 1 {
        let (length, first) = (number(), number());
        assert!(length > 0 && first == 1);
        for _ in 0..length {
            match i32::from_be_bytes(fixed(take(4))) {
                -1 => nulls += 1,
                length => check_payload(element.into(), take(usize::try_from(length).expect("a length"))),
            }
        }
    }
    assert_eq!(has_nulls == 1, nulls > 0);
    assert!(rest.is_empty(), "bytes behind the last element");
}

/// A `jsonb` payload without blanks; it must be one that the server takes.
pub fn plain_json(payload: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(payload).expect("UTF-8").strip_prefix('\u{1}').expect("version 1");
    assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "{text:?} is not JSON");
    let made = compact(text);
    assert!(!made.dirty && !made.exceeds_jsonb, "{text:?} cannot be stored");
    [b"\x01", made.text.as_bytes()].concat()
}
