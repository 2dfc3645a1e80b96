//! The type mapping: one row of the table below is one type, and one file says all about it.
//!
//! A row knows its Postgres names, how a JSON value becomes an Arrow value, and how an Arrow value becomes a field of
//! binary COPY. DDL, introspection, decoder and encoder ask the row; nothing else in the tree names a type.
//! To add a type: write its file, add its line to [`column_types!`], map it from the catalog in [`airbyte`] and from
//! Arrow's types in [`arrow`].
//!
//! Invariant: a value never fails a sync. What a column cannot hold becomes NULL with a [`Reason`].

pub mod airbyte;
pub mod arrow;
pub mod calendar;

mod boolean;
mod bytes;
mod date;
mod fixed;
mod float;
mod integer;
mod interval;
mod json;
mod list;
mod number;
mod string;
mod time;
mod timestamp;
mod uuid;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use ::arrow::array::{Array, ArrayBuilder, ArrayRef};
use ::arrow::buffer::NullBuffer;

use crate::json::{Kind, Token};
use crate::numeric::NumberError;
use calendar::TemporalError;
pub(crate) use interval::compared as compared_interval;
pub use number::DecimalSize;
pub(crate) use number::Numbers;

/// Why a value was changed, in the protocol's spelling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The value is larger than the column can hold.
    FieldSizeLimitation,
    /// The value is not one of the column's type.
    SerializationError,
}

impl Reason {
    /// `reason` of an entry of `_airbyte_meta.changes`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FieldSizeLimitation => "DESTINATION_FIELD_SIZE_LIMITATION",
            Self::SerializationError => "DESTINATION_SERIALIZATION_ERROR",
        }
    }
}

impl From<NumberError> for Reason {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::OutOfRange => Self::FieldSizeLimitation,
            NumberError::NotInteger | NumberError::Unparsable => Self::SerializationError,
        }
    }
}

impl From<TemporalError> for Reason {
    fn from(error: TemporalError) -> Self {
        match error {
            TemporalError::OutOfRange => Self::FieldSizeLimitation,
            TemporalError::Unparsable => Self::SerializationError,
        }
    }
}

/// What became of a value on its way into its column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Stored as sent.
    Stored,
    /// Stored without the characters that Postgres cannot hold (change `TRUNCATED`).
    Cleaned,
    /// The column holds NULL instead (change `NULLED`).
    Nulled(Reason),
}

/// One type: everything the connector knows about it.
pub trait ColumnKind {
    /// Name in DDL, qualified so that no search path can change its meaning.
    const SQL: &'static str;
    /// `typname` in `pg_type`.
    const TYPNAME: &'static str;
    /// `oid` in `pg_type`, which an array says of its elements.
    const OID: u32;
    /// What tells columns of this kind apart; `()` where they are all alike.
    type Parameter: Copy;
    /// Collects the values of a column.
    type Builder: ArrayBuilder;
    /// Reads a finished column.
    type Reader<'a>;

    /// [`Self::SQL`] with its parameter.
    fn sql(_parameter: Self::Parameter) -> Cow<'static, str> {
        Cow::Borrowed(Self::SQL)
    }

    /// `atttypmod` of a column.
    fn typmod(_parameter: Self::Parameter) -> i32 {
        -1
    }

    /// An empty builder that has not allocated yet.
    fn builder() -> Self::Builder;

    /// Appends NULL.
    fn append_null(out: &mut Self::Builder);

    /// Appends the value of `token`, which is neither missing nor `null`. Appends nothing when it answers
    /// [`Outcome::Nulled`].
    fn decode(parameter: Self::Parameter, token: Token, line: &str, out: &mut Self::Builder) -> Outcome;

    /// A reader over a column, or none when no column of this kind looks like `array`.
    fn reader(array: &dyn Array) -> Option<Self::Reader<'_>>;

    /// Appends one field of binary COPY (length prefix and payload) up to its tail; the value at `row` is not NULL.
    fn encode(values: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>);

    /// What ends the field as it is in memory: a text of any size, which nobody has to copy in one piece.
    fn tail<'a>(_values: &Self::Reader<'a>, _row: usize) -> &'a [u8] {
        &[]
    }
}

/// The parameter of a kind, `()` where it has none.
macro_rules! parameter {
    () => {
        ()
    };
    ($parameter:expr) => {
        $parameter
    };
}

macro_rules! column_types {
    ($($(#[$doc:meta])* $name:ident $(($p:ident: $parameter:ty = $example:expr))? => $kind:ty,)*) => {
        /// A column's type.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum ColumnType {
            $($(#[$doc])* $name $(($parameter))?,)*
            /// Any number of values of one type; Postgres's array of one dimension.
            List(Scalar),
        }

        /// The type of a list's elements: any but a list.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Scalar { $($(#[$doc])* $name $(($parameter))?,)* }

        impl From<Scalar> for ColumnType {
            fn from(scalar: Scalar) -> Self {
                match scalar { $(Scalar::$name $(($p))? => Self::$name $(($p))?,)* }
            }
        }

        impl Scalar {
            /// The same type for an element; none for a list.
            pub fn of(column_type: ColumnType) -> Option<Self> {
                match column_type {
                    $(ColumnType::$name $(($p))? => Some(Self::$name $(($p))?),)*
                    ColumnType::List(_) => None,
                }
            }

            /// `pg_type.oid`.
            fn oid(self) -> u32 {
                match self { $(Self::$name $(($p))? => { $(let _ = $p;)? <$kind>::OID })* }
            }
        }

        impl ColumnType {
            /// Every type, in the order of the table; of those with a parameter, an example.
            pub const ALL: &'static [Self] = &[$(Self::$name $(($example))?,)* Self::List(Scalar::Integer)];

            /// Name in DDL, e.g. `pg_catalog.int8`.
            pub fn sql(self) -> Cow<'static, str> {
                match self {
                    $(Self::$name $(($p))? => <$kind>::sql(parameter!($($p)?)),)*
                    Self::List(element) => format!("{}[]", Self::from(element).sql()).into(),
                }
            }

            /// `pg_type.typname`, e.g. `int8`.
            pub fn typname(self) -> Cow<'static, str> {
                match self {
                    $(Self::$name $(($p))? => { $(let _ = $p;)? Cow::Borrowed(<$kind>::TYPNAME) })*
                    Self::List(element) => format!("_{}", Self::from(element).typname()).into(),
                }
            }

            /// `pg_attribute.atttypmod`: -1 for a type without precision.
            pub fn typmod(self) -> i32 {
                match self {
                    $(Self::$name $(($p))? => <$kind>::typmod(parameter!($($p)?)),)*
                    Self::List(element) => Self::from(element).typmod(),
                }
            }
        }

        /// Collects the values of one column.
        pub struct ColumnBuilder(Builder);

        enum Builder {
            $($name(<$kind as ColumnKind>::Builder $(, $parameter)?),)*
            List(list::ListBuilder),
        }

        impl ColumnBuilder {
            /// An empty builder for a column of `column_type`.
            pub fn new(column_type: ColumnType) -> Self {
                Self(match column_type {
                    $(ColumnType::$name $(($p))? => Builder::$name(<$kind>::builder() $(, $p)?),)*
                    ColumnType::List(element) => Builder::List(list::ListBuilder::new(element)),
                })
            }

            /// Appends one value; exactly one row is added whatever the outcome.
            #[inline]
            pub fn append(&mut self, token: Token, line: &str) -> Outcome {
                match &mut self.0 {
                    $(Builder::$name(builder $(, $p)?) => {
                        if matches!(token.kind, Kind::Missing | Kind::Null) {
                            <$kind>::append_null(builder);
                            return Outcome::Stored;
                        }
                        let outcome = <$kind>::decode(parameter!($(*$p)?), token, line, builder);
                        if matches!(outcome, Outcome::Nulled(_)) {
                            <$kind>::append_null(builder);
                        }
                        outcome
                    })*
                    Builder::List(builder) => builder.append(token, line),
                }
            }

            /// The column so far; the builder starts anew.
            pub fn finish(&mut self) -> ArrayRef {
                match &mut self.0 {
                    $(Builder::$name(builder, ..) => {
                        Arc::new(std::mem::replace(builder, <$kind>::builder()).finish()) as ArrayRef
                    })*
                    Builder::List(builder) => builder.finish(),
                }
            }
        }

        /// Reads one finished column for COPY.
        pub struct ColumnReader<'a> {
            nulls: Option<&'a NullBuffer>,
            values: Reader<'a>,
        }

        enum Reader<'a> {
            $($name(<$kind as ColumnKind>::Reader<'a>),)*
            List(list::ListReader<'a>),
        }

        impl<'a> ColumnReader<'a> {
            /// A reader over `array`, or none when it is not the array of `column_type`.
            pub fn new(column_type: ColumnType, array: &'a dyn Array) -> Option<Self> {
                let values = match column_type {
                    $(ColumnType::$name $(($p))? => { $(let _ = $p;)? Reader::$name(<$kind>::reader(array)?) })*
                    ColumnType::List(element) => Reader::List(list::ListReader::new(element, array)?),
                };
                Some(Self { nulls: array.nulls(), values })
            }

            /// Appends the field of `row` (a length of -1 for NULL) up to its tail, which it answers.
            #[inline]
            #[must_use = "the tail is the rest of the field"]
            pub fn encode(&self, row: usize, out: &mut Vec<u8>) -> &'a [u8] {
                if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                    return &[];
                }
                match &self.values {
                    $(Reader::$name(values) => {
                        <$kind>::encode(values, row, out);
                        <$kind>::tail(values, row)
                    })*
                    Reader::List(values) => {
                        values.encode(row, out);
                        &[]
                    }
                }
            }
        }
    };
}

column_types! {
    /// `true` or `false`.
    Boolean => boolean::Boolean,
    /// A whole number of 64 bits.
    Integer => integer::Integer,
    /// A decimal number of any precision.
    Number => number::Number,
    /// Text without a length limit.
    String => string::Text,
    /// A day.
    Date => date::Date,
    /// A time of day with an offset.
    TimeTz => time::TimeTz,
    /// A time of day.
    Time => time::Time,
    /// An instant.
    TimestampTz => timestamp::TimestampTz,
    /// A local date and time.
    Timestamp => timestamp::Timestamp,
    /// A JSON object.
    Object => json::Object,
    /// A JSON array.
    Array => json::JsonArray,
    /// Any JSON value: unions and schemas we do not know.
    Json => json::Any,
    /// A whole number of 16 bits.
    SmallInt => integer::SmallInt,
    /// A whole number of 32 bits.
    Int => integer::Int,
    /// A binary fraction of 32 bits.
    Real => float::Real,
    /// A binary fraction of 64 bits.
    Double => float::Double,
    /// A decimal number of limited precision.
    Decimal(size: DecimalSize = DecimalSize::EXAMPLE) => number::Decimal,
    /// Bytes.
    Bytes => bytes::Bytes,
    /// A UUID.
    Uuid => uuid::UuidKind,
    /// Months, days and microseconds.
    Interval => interval::Interval,
}

impl ColumnBuilder {
    /// A column of NULLs.
    pub fn nulls(column_type: ColumnType, rows: usize) -> ArrayRef {
        let mut builder = Self::new(column_type);
        for _ in 0..rows {
            builder.append(Token::MISSING, "");
        }
        builder.finish()
    }
}

/// Runs `f` on the characters of a string token.
fn with_text<R>(token: Token, line: &str, f: impl FnOnce(&str) -> R) -> R {
    let raw = token.text(line);
    if token.is_escaped() {
        let mut text = String::with_capacity(raw.len());
        crate::json::append_unescaped(raw, &mut text);
        f(&text)
    } else {
        f(raw)
    }
}

/// Appends a length prefix and a payload of fixed size.
#[inline]
fn put_fixed<const N: usize>(payload: [u8; N], out: &mut Vec<u8>) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "N is at most 16")]
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(&payload);
}

/// Appends the length of a payload.
fn put_length(bytes: usize, out: &mut Vec<u8>) {
    let length = i32::try_from(bytes).expect("limits::TEXT_BYTES keeps a field below 2 GiB");
    out.extend_from_slice(&length.to_be_bytes());
}

/// Appends a payload written by `write` after its length; the length is patched in afterwards.
fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put_length(0, out);
    write(out);
    let length = i32::try_from(out.len() - at - 4).expect("limits::TEXT_BYTES keeps a field below 2 GiB");
    if let Some(prefix) = out.get_mut(at..at + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}
