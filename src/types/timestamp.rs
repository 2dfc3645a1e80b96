//! `timestamp` with and without time zone, 4713 BC to 294276 AD, to the microsecond.
//!
//! The Arrow column counts microseconds from Postgres's epoch (2000-01-01) in a plain 64-bit integer: counted from
//! Arrow's epoch of 1970 the last thirty years that Postgres can store do not fit.

use arrow::array::{Int64Array, Int64Builder};

use super::calendar::{parse_timestamp, parse_timestamp_tz};
use super::date::temporal;
use super::fixed::fixed_kind;

fixed_kind!(Timestamp, "timestamp", 1114, Int64Builder, Int64Array, |token, line| {
    temporal(token, line, parse_timestamp)
});
fixed_kind!(TimestampTz, "timestamptz", 1184, Int64Builder, Int64Array, |token, line| {
    temporal(token, line, parse_timestamp_tz)
});
