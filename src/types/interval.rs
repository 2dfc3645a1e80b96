//! `interval`: months, days and microseconds, which no sum of one another replaces; of JSON, an ISO 8601 duration.

use arrow::array::{Array, FixedSizeBinaryArray, FixedSizeBinaryBuilder};

use super::calendar::{MICROS_PER_DAY, Span, parse_span};
use super::date::temporal;
use super::{ColumnKind, Outcome, put_fixed};
use crate::json::Token;

/// The column holds Postgres's own sixteen bytes: microseconds, days, months.
pub struct Interval;

pub(super) const INTERVAL_BYTES: i32 = 16;

impl ColumnKind for Interval {
    const SQL: &'static str = "pg_catalog.interval";
    const TYPNAME: &'static str = "interval";
    const OID: u32 = 1186;
    type Parameter = ();
    type Builder = FixedSizeBinaryBuilder;
    type Reader<'a> = &'a FixedSizeBinaryArray;

    fn builder() -> Self::Builder {
        FixedSizeBinaryBuilder::with_capacity(0, INTERVAL_BYTES)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        match temporal(token, line, |text| parse_span(text)?.stored()) {
            Ok(span) => {
                out.append_value(to_bytes(span)).expect("the width is the builder's");
                Outcome::Stored
            }
            Err(reason) => Outcome::Nulled(reason),
        }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        let array: &FixedSizeBinaryArray = array.as_any().downcast_ref()?;
        (array.value_length() == INTERVAL_BYTES).then_some(array)
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_fixed::<{ INTERVAL_BYTES as usize }>(array.value(row).try_into().unwrap_or_default(), out);
    }
}

/// A span that can be stored, as the column holds it; digits behind the microsecond are cut.
pub(super) fn to_bytes(span: Span) -> [u8; INTERVAL_BYTES as usize] {
    let mut bytes = [0; INTERVAL_BYTES as usize];
    bytes[..8].copy_from_slice(&span.micros().to_be_bytes());
    let whole = |value: i64| i32::try_from(value).unwrap_or_default().to_be_bytes();
    bytes[8..12].copy_from_slice(&whole(span.days));
    bytes[12..].copy_from_slice(&whole(span.months));
    bytes
}

/// Of the bytes that a column holds, what Postgres compares: a month is 30 days, a day 24 hours.
pub(crate) fn compared(bytes: &[u8]) -> i128 {
    let whole = |range: std::ops::Range<usize>| {
        let part = bytes.get(range).unwrap_or_default();
        let sign = if part.first().is_some_and(|byte| byte & 0x80 != 0) { -1_i128 } else { 0 };
        part.iter().fold(sign, |value, byte| value << 8 | i128::from(*byte))
    };
    let (micros, days, months) = (whole(0..8), whole(8..12), whole(12..16));
    (months * 30 + days) * i128::from(MICROS_PER_DAY) + micros
}
