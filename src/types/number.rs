//! `numeric` without precision: every digit of the literal is kept.
//!
//! The Arrow column holds the literal as text, because the scale differs from row to row and a decimal array has one
//! scale for all.

use arrow::array::{StringArray, StringBuilder};

use super::{ColumnKind, Outcome, Reason, put_sized, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

pub struct Number;

impl ColumnKind for Number {
    const SQL: &'static str = "pg_catalog.numeric";
    const TYPNAME: &'static str = "numeric";
    type Builder = StringBuilder;
    type Array = StringArray;

    fn builder() -> Self::Builder {
        StringBuilder::with_capacity(0, 0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode(token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        let mut append = |literal: &str| numeric::check_number(literal).map(|()| out.append_value(literal));
        let checked = match token.kind {
            Kind::Number => append(token.text(line)),
            Kind::String => with_text(token, line, append),
            _ => Err(NumberError::Unparsable),
        };
        match checked {
            Ok(()) => Outcome::Stored,
            Err(NumberError::OutOfRange) => Outcome::Nulled(Reason::FieldSizeLimitation),
            Err(_) => Outcome::Nulled(Reason::SerializationError),
        }
    }

    fn encode(array: &Self::Array, row: usize, out: &mut Vec<u8>) {
        put_sized(out, |out| {
            numeric::encode_number(array.value(row), out).expect("checked when it was decoded");
        });
    }
}
