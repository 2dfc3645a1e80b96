//! `smallint`, `integer` and `bigint`: whole JSON numbers in any spelling, and digit strings.

use arrow::array::{Array, Int16Array, Int16Builder, Int32Array, Int32Builder, Int64Array, Int64Builder};

use super::{ColumnKind, Outcome, Reason, put_fixed, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

macro_rules! integer_kind {
    ($name:ident, $typname:literal, $oid:literal, $builder:ty, $array:ty) => {
        pub struct $name;

        impl ColumnKind for $name {
            const SQL: &'static str = concat!("pg_catalog.", $typname);
            const TYPNAME: &'static str = $typname;
            const OID: u32 = $oid;
            type Parameter = ();
            type Builder = $builder;
            type Reader<'a> = &'a $array;

            fn builder() -> Self::Builder {
                Self::Builder::with_capacity(0)
            }

            fn append_null(out: &mut Self::Builder) {
                out.append_null();
            }

            fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
                match integer(token, line).map(TryInto::try_into) {
                    Ok(Ok(value)) => out.append_value(value),
                    Ok(Err(_)) | Err(NumberError::OutOfRange) => return Outcome::Nulled(Reason::FieldSizeLimitation),
                    Err(_) => return Outcome::Nulled(Reason::SerializationError),
                }
                Outcome::Stored
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

integer_kind!(SmallInt, "int2", 21, Int16Builder, Int16Array);
integer_kind!(Int, "int4", 23, Int32Builder, Int32Array);
integer_kind!(Integer, "int8", 20, Int64Builder, Int64Array);

fn integer(token: Token, line: &str) -> Result<i64, NumberError> {
    match token.kind {
        Kind::Number => numeric::integer_from_number(token.text(line)),
        Kind::String => with_text(token, line, numeric::integer_from_text),
        _ => Err(NumberError::Unparsable),
    }
}
