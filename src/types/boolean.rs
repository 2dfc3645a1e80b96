//! `boolean`: JSON `true` and `false`, nothing else.

use arrow::array::{Array, BooleanArray, BooleanBuilder};

use super::{ColumnKind, Outcome, Reason, put_fixed};
use crate::json::{Kind, Token};

pub struct Boolean;

impl ColumnKind for Boolean {
    const SQL: &'static str = "pg_catalog.bool";
    const TYPNAME: &'static str = "bool";
    const OID: u32 = 16;
    type Parameter = ();
    type Builder = BooleanBuilder;
    type Reader<'a> = &'a BooleanArray;

    fn builder() -> Self::Builder {
        BooleanBuilder::with_capacity(0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, _line: &str, out: &mut Self::Builder) -> Outcome {
        match token.kind {
            Kind::True => out.append_value(true),
            Kind::False => out.append_value(false),
            _ => return Outcome::Nulled(Reason::SerializationError),
        }
        Outcome::Stored
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        array.as_any().downcast_ref()
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_fixed([u8::from(array.value(row))], out);
    }
}
