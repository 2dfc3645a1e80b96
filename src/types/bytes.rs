//! `bytea`: of JSON, the bytes that a string holds in base64.

use arrow::array::{Array, BinaryArray, BinaryBuilder};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{ColumnKind, Outcome, Reason, put_length, with_text};
use crate::json::{Kind, Token};
use crate::limits;

pub struct Bytes;

impl ColumnKind for Bytes {
    const SQL: &'static str = "pg_catalog.bytea";
    const TYPNAME: &'static str = "bytea";
    const OID: u32 = 17;
    type Parameter = ();
    type Builder = BinaryBuilder;
    type Reader<'a> = &'a BinaryArray;

    fn builder() -> Self::Builder {
        BinaryBuilder::with_capacity(0, 0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        if token.kind != Kind::String {
            return Outcome::Nulled(Reason::SerializationError);
        }
        match with_text(token, line, |text| BASE64_STANDARD.decode(text)) {
            Ok(bytes) if bytes.len() > limits::TEXT_BYTES => Outcome::Nulled(Reason::FieldSizeLimitation),
            Ok(bytes) => {
                out.append_value(bytes);
                Outcome::Stored
            }
            Err(_) => Outcome::Nulled(Reason::SerializationError),
        }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        array.as_any().downcast_ref()
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_length(array.value(row).len(), out);
    }

    fn tail<'a>(array: &Self::Reader<'a>, row: usize) -> &'a [u8] {
        array.value(row)
    }
}
