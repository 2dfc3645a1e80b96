//! `date`: the day of a date or date-time text.

use arrow::array::{Array, Date32Array, Date32Builder};

use super::calendar::{self, TemporalError};
use super::{ColumnKind, Outcome, Reason, put_fixed, with_text};
use crate::json::{Kind, Token};

/// Days from Arrow's epoch (1970-01-01) to Postgres's (2000-01-01).
const EPOCH_DAYS: i32 = 10_957;

pub struct Date;

impl ColumnKind for Date {
    const SQL: &'static str = "pg_catalog.date";
    const TYPNAME: &'static str = "date";
    const OID: u32 = 1082;
    type Parameter = ();
    type Builder = Date32Builder;
    type Reader<'a> = &'a Date32Array;

    fn builder() -> Self::Builder {
        Date32Builder::with_capacity(0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        match temporal(token, line, calendar::parse_date) {
            Ok(days) => {
                out.append_value(days + EPOCH_DAYS);
                Outcome::Stored
            }
            Err(reason) => Outcome::Nulled(reason),
        }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        array.as_any().downcast_ref()
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_fixed((array.value(row) - EPOCH_DAYS).to_be_bytes(), out);
    }
}

/// Parses the text of a string token; anything but a string is not a temporal value.
pub(super) fn temporal<T>(
    token: Token,
    line: &str,
    parse: impl FnOnce(&str) -> Result<T, TemporalError>,
) -> Result<T, Reason> {
    if token.kind != Kind::String {
        return Err(Reason::SerializationError);
    }
    Ok(with_text(token, line, parse)?)
}
