//! The type mapping: one row of the table below is one type, and one file says all about it.
//!
//! A row knows its Postgres names, how a JSON value becomes an Arrow value, and how an Arrow value becomes a field of
//! binary COPY. DDL, introspection, decoder and encoder ask the row; nothing else in the tree names a type.
//! To add a type: write its file, add its line to [`column_types!`], map it from the catalog in [`airbyte`].
//!
//! Invariant: a value never fails a sync. What a column cannot hold becomes NULL with a [`Reason`].

pub mod airbyte;
pub mod calendar;

mod boolean;
mod date;
mod integer;
mod json;
mod number;
mod string;
mod time;
mod timestamp;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{Array, ArrayBuilder, ArrayRef};

use crate::json::{Kind, Token};

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
    /// Collects the values of a column.
    type Builder: ArrayBuilder;
    /// The finished column.
    type Array: Array + 'static;

    /// An empty builder that has not allocated yet.
    fn builder() -> Self::Builder;

    /// Appends NULL.
    fn append_null(out: &mut Self::Builder);

    /// Appends the value of `token`, which is neither missing nor `null`. Appends nothing when it answers
    /// [`Outcome::Nulled`].
    fn decode(token: Token, line: &str, out: &mut Self::Builder) -> Outcome;

    /// Appends one field of binary COPY (length prefix and payload); the value at `row` is not NULL.
    fn encode(array: &Self::Array, row: usize, out: &mut Vec<u8>);
}

macro_rules! column_types {
    ($($(#[$doc:meta])* $name:ident => $kind:ty,)*) => {
        /// A column's type.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum ColumnType { $($(#[$doc])* $name,)* }

        impl ColumnType {
            /// Every type, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name in DDL, e.g. `pg_catalog.int8`.
            pub fn sql(self) -> &'static str {
                match self { $(Self::$name => <$kind>::SQL,)* }
            }

            /// `pg_type.typname`, e.g. `int8`.
            pub fn typname(self) -> &'static str {
                match self { $(Self::$name => <$kind>::TYPNAME,)* }
            }
        }

        /// Collects the values of one column.
        pub enum ColumnBuilder { $($(#[$doc])* $name(<$kind as ColumnKind>::Builder),)* }

        impl ColumnBuilder {
            /// An empty builder for a column of `column_type`.
            pub fn new(column_type: ColumnType) -> Self {
                match column_type { $(ColumnType::$name => Self::$name(<$kind>::builder()),)* }
            }

            /// Appends one value; exactly one row is added whatever the outcome.
            #[inline]
            pub fn append(&mut self, token: Token, line: &str) -> Outcome {
                match self {
                    $(Self::$name(builder) => {
                        if matches!(token.kind, Kind::Missing | Kind::Null) {
                            <$kind>::append_null(builder);
                            return Outcome::Stored;
                        }
                        let outcome = <$kind>::decode(token, line, builder);
                        if matches!(outcome, Outcome::Nulled(_)) {
                            <$kind>::append_null(builder);
                        }
                        outcome
                    })*
                }
            }

            /// The column so far; the builder starts anew.
            pub fn finish(&mut self) -> ArrayRef {
                match self {
                    $(Self::$name(builder) => {
                        Arc::new(std::mem::replace(builder, <$kind>::builder()).finish()) as ArrayRef
                    })*
                }
            }
        }

        /// Reads one finished column for COPY.
        pub enum ColumnReader<'a> { $($(#[$doc])* $name(&'a <$kind as ColumnKind>::Array),)* }

        impl<'a> ColumnReader<'a> {
            /// A reader over `array`, or none when it is not the array of `column_type`.
            pub fn new(column_type: ColumnType, array: &'a dyn Array) -> Option<Self> {
                Some(match column_type {
                    $(ColumnType::$name => Self::$name(array.as_any().downcast_ref()?),)*
                })
            }

            /// Appends the field of `row` (a length of -1 for NULL).
            #[inline]
            pub fn encode(&self, row: usize, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(array) => {
                        if array.is_null(row) {
                            out.extend_from_slice(&(-1_i32).to_be_bytes());
                        } else {
                            <$kind>::encode(array, row, out);
                        }
                    })*
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
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "N is at most 12")]
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(&payload);
}

/// Appends a payload written by `write` after its length; the length is patched in afterwards.
fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - at - 4).expect("limits::TEXT_BYTES keeps a field below 2 GiB");
    if let Some(prefix) = out.get_mut(at..at + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}
