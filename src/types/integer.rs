//! `bigint`: whole JSON numbers in any spelling, and digit strings.

use arrow::array::{Int64Array, Int64Builder};

use super::{ColumnKind, Outcome, Reason, put_fixed, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

pub struct Integer;

impl ColumnKind for Integer {
    const SQL: &'static str = "pg_catalog.int8";
    const TYPNAME: &'static str = "int8";
    type Builder = Int64Builder;
    type Array = Int64Array;

    fn builder() -> Self::Builder {
        Int64Builder::with_capacity(0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode(token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        let value = match token.kind {
            Kind::Number => numeric::integer_from_number(token.text(line)),
            Kind::String => with_text(token, line, numeric::integer_from_text),
            _ => Err(NumberError::Unparsable),
        };
        match value {
            Ok(value) => out.append_value(value),
            Err(NumberError::OutOfRange) => return Outcome::Nulled(Reason::FieldSizeLimitation),
            Err(_) => return Outcome::Nulled(Reason::SerializationError),
        }
        Outcome::Stored
    }

    fn encode(array: &Self::Array, row: usize, out: &mut Vec<u8>) {
        put_fixed(array.value(row).to_be_bytes(), out);
    }
}
