//! `timestamp` with and without time zone, 4713 BC to 294276 AD, to the microsecond.
//!
//! The Arrow column counts microseconds from Postgres's epoch (2000-01-01) in a plain 64-bit integer: counted from
//! Arrow's epoch of 1970 the last thirty years that Postgres can store do not fit.

use arrow::array::{Array, Int64Array, Int64Builder};

use super::calendar::{self, TemporalError};
use super::date::temporal;
use super::{ColumnKind, Outcome, put_fixed};
use crate::json::Token;

macro_rules! timestamp_kind {
    ($name:ident, $typname:literal, $oid:literal, $parse:path) => {
        pub struct $name;

        impl ColumnKind for $name {
            const SQL: &'static str = concat!("pg_catalog.", $typname);
            const TYPNAME: &'static str = $typname;
            const OID: u32 = $oid;
            type Parameter = ();
            type Builder = Int64Builder;
            type Reader<'a> = &'a Int64Array;

            fn builder() -> Self::Builder {
                Int64Builder::with_capacity(0)
            }

            fn append_null(out: &mut Self::Builder) {
                out.append_null();
            }

            fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
                decode(token, line, out, $parse)
            }

            fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
                array.as_any().downcast_ref()
            }

            fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
                put_fixed(array.value(row).to_be_bytes(), out);
            }
        }
    };
}

timestamp_kind!(Timestamp, "timestamp", 1114, calendar::parse_timestamp);
timestamp_kind!(TimestampTz, "timestamptz", 1184, calendar::parse_timestamp_tz);

fn decode(token: Token, line: &str, out: &mut Int64Builder, parse: fn(&str) -> Result<i64, TemporalError>) -> Outcome {
    match temporal(token, line, parse) {
        Ok(micros) => {
            out.append_value(micros);
            Outcome::Stored
        }
        Err(reason) => Outcome::Nulled(reason),
    }
}
