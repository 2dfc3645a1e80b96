//! `real` and `double precision`: the nearest value to a JSON number, and the strings `NaN`, `Infinity`, `-Infinity`.
//!
//! A number of more digits than the shortest decimals of such values have is not one of them: it becomes NULL, not its
//! neighbour.

use arrow::array::{Array, Float32Array, Float32Builder, Float64Array, Float64Builder};

use super::{ColumnKind, Outcome, Reason, put_fixed, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

macro_rules! float_kind {
    ($name:ident, $typname:literal, $oid:literal, $float:ty, $digits:literal, $builder:ty, $array:ty) => {
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
                let parse = |text: &str| match text {
                    "NaN" if token.kind == Kind::String => Ok(<$float>::NAN),
                    "Infinity" if token.kind == Kind::String => Ok(<$float>::INFINITY),
                    "-Infinity" if token.kind == Kind::String => Ok(<$float>::NEG_INFINITY),
                    _ => {
                        let digits = numeric::significant_digits(text)?;
                        let value: $float = text.parse().map_err(|_| NumberError::Unparsable)?;
                        if value.is_infinite() || (value == 0.0 && digits > 0) {
                            return Err(NumberError::OutOfRange);
                        }
                        if digits > $digits { Err(NumberError::Unparsable) } else { Ok(value) }
                    }
                };
                let value = match token.kind {
                    Kind::Number => parse(token.text(line)),
                    Kind::String => with_text(token, line, parse),
                    _ => Err(NumberError::Unparsable),
                };
                match value {
                    Ok(value) => out.append_value(value),
                    Err(NumberError::OutOfRange) => return Outcome::Nulled(Reason::FieldSizeLimitation),
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

float_kind!(Real, "float4", 700, f32, 9, Float32Builder, Float32Array);
float_kind!(Double, "float8", 701, f64, 17, Float64Builder, Float64Array);
