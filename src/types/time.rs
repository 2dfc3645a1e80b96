//! `time` and `time with time zone`: a time of day to the microsecond, 00:00:00 to 24:00:00.

use arrow::array::{
    Array, FixedSizeBinaryArray, FixedSizeBinaryBuilder, Time64MicrosecondArray, Time64MicrosecondBuilder,
};

use super::date::temporal;
use super::fixed::fixed_kind;
use super::{ColumnKind, Outcome, calendar};
use crate::json::Token;

fixed_kind!(Time, "time", 1083, Time64MicrosecondBuilder, Time64MicrosecondArray, |token, line| {
    temporal(token, line, calendar::parse_time)
});

/// Arrow has no time with an offset: the column holds Postgres's own twelve bytes, microseconds of the day and seconds
/// west of UTC.
pub struct TimeTz;

const TIMETZ_BYTES: i32 = 12;

impl ColumnKind for TimeTz {
    const SQL: &'static str = "pg_catalog.timetz";
    const TYPNAME: &'static str = "timetz";
    const OID: u32 = 1266;
    type Parameter = ();
    type Builder = FixedSizeBinaryBuilder;
    type Reader<'a> = &'a FixedSizeBinaryArray;

    fn builder() -> Self::Builder {
        FixedSizeBinaryBuilder::with_capacity(0, TIMETZ_BYTES)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        match temporal(token, line, calendar::parse_time_tz) {
            Ok((micros, zone)) => {
                let mut bytes = [0; TIMETZ_BYTES as usize];
                bytes[..8].copy_from_slice(&micros.to_be_bytes());
                bytes[8..].copy_from_slice(&zone.to_be_bytes());
                out.append_value(bytes).expect("the width is the builder's");
                Outcome::Stored
            }
            Err(reason) => Outcome::Nulled(reason),
        }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        array.as_any().downcast_ref()
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&TIMETZ_BYTES.to_be_bytes());
        out.extend_from_slice(array.value(row));
    }
}
