//! `varchar`: any JSON value has a text.

use arrow::array::{Array, StringArray, StringBuilder};

use super::{ColumnKind, Outcome, Reason, put_length};
use crate::json::{self, Kind, Token};
use crate::limits;

pub struct Text;

impl ColumnKind for Text {
    const SQL: &'static str = "pg_catalog.varchar";
    const TYPNAME: &'static str = "varchar";
    const OID: u32 = 1043;
    type Parameter = ();
    type Builder = StringBuilder;
    type Reader<'a> = &'a StringArray;

    fn builder() -> Self::Builder {
        StringBuilder::with_capacity(0, 0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        let raw = token.text(line);
        if raw.len() > limits::TEXT_BYTES {
            return Outcome::Nulled(Reason::FieldSizeLimitation);
        }
        let cleaned = match token.kind {
            Kind::String if token.is_escaped() => json::append_unescaped(raw, out),
            Kind::Object | Kind::Array => json::append_compact(raw, out),
            _ => {
                // Plain strings, and the spelling of numbers and booleans.
                out.append_value(raw);
                return Outcome::Stored;
            }
        };
        out.append_value("");
        if cleaned.changed { Outcome::Cleaned } else { Outcome::Stored }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        array.as_any().downcast_ref()
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_length(array.value(row).len(), out);
    }

    fn tail<'a>(array: &Self::Reader<'a>, row: usize) -> &'a [u8] {
        array.value(row).as_bytes()
    }
}
