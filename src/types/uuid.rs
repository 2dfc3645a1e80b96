//! `uuid`: of JSON, a string in one of the spellings of RFC 9562.

use arrow::array::{Array, FixedSizeBinaryArray, FixedSizeBinaryBuilder};
use uuid::Uuid;

use super::{ColumnKind, Outcome, Reason, put_fixed, with_text};
use crate::json::{Kind, Token};

pub struct UuidKind;

pub(super) const UUID_BYTES: i32 = 16;

impl ColumnKind for UuidKind {
    const SQL: &'static str = "pg_catalog.uuid";
    const TYPNAME: &'static str = "uuid";
    const OID: u32 = 2950;
    type Parameter = ();
    type Builder = FixedSizeBinaryBuilder;
    type Reader<'a> = &'a FixedSizeBinaryArray;

    fn builder() -> Self::Builder {
        FixedSizeBinaryBuilder::with_capacity(0, UUID_BYTES)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        if token.kind != Kind::String {
            return Outcome::Nulled(Reason::SerializationError);
        }
        match with_text(token, line, Uuid::try_parse) {
            Ok(uuid) => {
                out.append_value(uuid.as_bytes()).expect("the width is the builder's");
                Outcome::Stored
            }
            Err(_) => Outcome::Nulled(Reason::SerializationError),
        }
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        let array: &FixedSizeBinaryArray = array.as_any().downcast_ref()?;
        (array.value_length() == UUID_BYTES).then_some(array)
    }

    fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_fixed::<{ UUID_BYTES as usize }>(array.value(row).try_into().unwrap_or_default(), out);
    }
}
