//! `real` and `double precision`: the nearest value to a JSON number, and the strings `NaN`, `Infinity`, `-Infinity`.
//!
//! A number of more digits than the shortest decimals of such values have is not one of them: it becomes NULL, not its
//! neighbour.

use arrow::array::{Float32Array, Float32Builder, Float64Array, Float64Builder};

use super::fixed::fixed_kind;
use super::{Reason, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

fixed_kind!(Real, "float4", 700, Float32Builder, Float32Array, real);
fixed_kind!(Double, "float8", 701, Float64Builder, Float64Array, double);

macro_rules! float {
    ($name:ident, $float:ty, $digits:literal) => {
        fn $name(token: Token, line: &str) -> Result<$float, Reason> {
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
            Ok(value?)
        }
    };
}

float!(real, f32, 9);
float!(double, f64, 17);
