//! `smallint`, `integer` and `bigint`: whole JSON numbers in any spelling, and digit strings.

use arrow::array::{Int16Array, Int16Builder, Int32Array, Int32Builder, Int64Array, Int64Builder};

use super::fixed::fixed_kind;
use super::{Reason, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError};

fixed_kind!(SmallInt, "int2", 21, Int16Builder, Int16Array, integer);
fixed_kind!(Int, "int4", 23, Int32Builder, Int32Array, integer);
fixed_kind!(Integer, "int8", 20, Int64Builder, Int64Array, integer);

fn integer<T: TryFrom<i64>>(token: Token, line: &str) -> Result<T, Reason> {
    let value = match token.kind {
        Kind::Number => numeric::integer_from_number(token.text(line)),
        Kind::String => with_text(token, line, numeric::integer_from_text),
        _ => Err(NumberError::Unparsable),
    };
    value?.try_into().map_err(|_| Reason::FieldSizeLimitation)
}
