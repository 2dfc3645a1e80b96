//! `numeric`, with and without a precision: every digit of a value is kept.
//!
//! What comes as JSON is a column of literals as text, because the scale differs from row to row and a decimal array has
//! one scale for all. What comes as Arrow keeps its integers or decimals, and they are written from there.

use std::borrow::Cow;

use arrow::array::{
    Array, AsArray, Decimal128Array, Decimal256Array, Float32Array, Float64Array, Int64Array, StringArray,
    StringBuilder,
};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type};
use serde::Serialize;

use super::{ColumnKind, Outcome, put_sized, with_text};
use crate::json::{Kind, Token};
use crate::numeric::{self, NumberError, Scaled};

pub struct Number;

impl ColumnKind for Number {
    const SQL: &'static str = "pg_catalog.numeric";
    const TYPNAME: &'static str = "numeric";
    const OID: u32 = 1700;
    type Parameter = ();
    type Builder = StringBuilder;
    type Reader<'a> = Numbers<'a>;

    fn builder() -> Self::Builder {
        StringBuilder::with_capacity(0, 0)
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        decode(token, line, out, numeric::check_number)
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        Numbers::new(array)
    }

    fn encode(numbers: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        put_sized(out, |out| numbers.encode(row, out));
    }
}

/// Precision and scale of a `numeric` column.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DecimalSize {
    precision: u16,
    scale: u16,
}

impl DecimalSize {
    /// What `numeric` can be limited to.
    const MAX_PRECISION: u16 = 1_000;
    /// One of them.
    pub const EXAMPLE: Self = Self { precision: 20, scale: 4 };

    /// `precision` digits, `scale` of them behind the point; none where no `numeric` is like that on every server.
    pub fn new(precision: u16, scale: u16) -> Option<Self> {
        let fits = (1..=Self::MAX_PRECISION).contains(&precision) && scale <= precision;
        fits.then_some(Self { precision, scale })
    }

    /// Digits in all.
    pub fn precision(self) -> u16 {
        self.precision
    }

    /// Digits behind the point.
    pub fn scale(self) -> u16 {
        self.scale
    }

    /// Digits before the point.
    pub fn integer_digits(self) -> u16 {
        self.precision - self.scale
    }
}

/// `numeric` with a precision. The server would round what has more decimals, so that becomes NULL.
pub struct Decimal;

impl ColumnKind for Decimal {
    const SQL: &'static str = Number::SQL;
    const TYPNAME: &'static str = Number::TYPNAME;
    const OID: u32 = Number::OID;
    type Parameter = DecimalSize;
    type Builder = StringBuilder;
    type Reader<'a> = Numbers<'a>;

    fn sql(size: DecimalSize) -> Cow<'static, str> {
        format!("{}({},{})", Self::SQL, size.precision, size.scale).into()
    }

    fn typmod(size: DecimalSize) -> i32 {
        /// Of a length that a type does not have.
        const HEADER: i32 = 4;
        (i32::from(size.precision) << 16) + i32::from(size.scale) + HEADER
    }

    fn builder() -> Self::Builder {
        Number::builder()
    }

    fn append_null(out: &mut Self::Builder) {
        out.append_null();
    }

    fn decode(size: DecimalSize, token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
        decode(token, line, out, |literal| numeric::check_decimal(literal, size.integer_digits(), size.scale))
    }

    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
        Numbers::new(array)
    }

    fn encode(numbers: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
        Number::encode(numbers, row, out);
    }
}

fn decode(
    token: Token,
    line: &str,
    out: &mut StringBuilder,
    check: impl Fn(&str) -> Result<(), NumberError>,
) -> Outcome {
    let mut append = |literal: &str| check(literal).map(|()| out.append_value(literal));
    let checked = match token.kind {
        Kind::Number => append(token.text(line)),
        Kind::String => with_text(token, line, append),
        _ => Err(NumberError::Unparsable),
    };
    match checked {
        Ok(()) => Outcome::Stored,
        Err(error) => Outcome::Nulled(error.into()),
    }
}

/// Appends a finite float, without an allocation for the text in between.
fn encode_float(value: &impl Serialize, out: &mut Vec<u8>) {
    const FINITE: &str = "the cast leaves out what is no number";
    let mut text = [0; 32];
    let mut rest = &mut text[..];
    serde_json::to_writer(&mut rest, value).expect(FINITE);
    let length = 32 - rest.len();
    let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok());
    numeric::encode_number(text.expect(FINITE), out).expect(FINITE);
}

/// A column of `numeric` in one of its forms.
pub enum Numbers<'a> {
    /// Literals, checked when they were decoded.
    Text(&'a StringArray),
    /// Whole numbers.
    Whole(&'a Int64Array),
    /// Decimals of up to 38 digits, and their scale.
    Decimal128(&'a Decimal128Array, i8),
    /// Decimals of up to 76 digits, and their scale.
    Decimal256(&'a Decimal256Array, i8),
    /// Finite floats: each is the shortest decimal that only it is nearest to.
    Real(&'a Float32Array),
    /// As [`Self::Real`].
    Double(&'a Float64Array),
}

impl<'a> Numbers<'a> {
    /// A reader over `array`, or none when it is none of the forms.
    pub fn new(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Float32 => Self::Real(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>()),
            DataType::Int64 => Self::Whole(array.as_primitive::<Int64Type>()),
            DataType::Decimal128(_, scale) => Self::Decimal128(array.as_primitive::<Decimal128Type>(), *scale),
            DataType::Decimal256(_, scale) => Self::Decimal256(array.as_primitive::<Decimal256Type>(), *scale),
            _ => return None,
        })
    }

    /// Appends the value of `row`, which is not NULL, as the payload of a binary `numeric`.
    pub fn encode(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(literals) => {
                numeric::encode_number(literals.value(row), out).expect("checked when it was decoded");
            }
            Self::Whole(values) => Scaled::from(values.value(row)).encode(0, out),
            Self::Decimal128(values, scale) => Scaled::from(values.value(row)).encode(*scale, out),
            Self::Decimal256(values, scale) => {
                Scaled::from_parts(values.value(row).to_parts()).encode(*scale, out);
            }
            Self::Real(values) => encode_float(&values.value(row), out),
            Self::Double(values) => encode_float(&values.value(row), out),
        }
    }
}
