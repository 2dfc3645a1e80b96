//! Which type changes keep every value, and how they are written.

use super::quote;
use crate::types::ColumnType;

/// A change of a column's type in place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conversion {
    /// The USING expression.
    pub using: String,
    /// What must hold of every stored value, else the conversion would change it.
    pub guard: Option<String>,
}

/// ISO 8601 texts; without them `now`, `infinity` or `01/02/03` would become some date.
const ISO_DATE: &str = r"^[0-9]{4,7}-[0-9]{2}-[0-9]{2}( BC)?$";
const ISO_TIMESTAMP: &str = r"^[0-9]{4,6}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?( BC)?$";
const ISO_TIME: &str = r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?$";
const FLOAT: &str = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,5})?$";
/// Numbers as JSON spells them: `007` and `+1` are more than their value.
const DECIMAL: &str = r"^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,5})?$";
const WHOLE: &str = r"^(0|-?[1-9][0-9]*)$";

/// How `column` of type `old` (a `typname`) becomes `new`, or none when there is no way that keeps the values.
///
/// `None` for equal types is not an answer to expect: ask [`is_same`] first.
pub fn conversion(column: &str, old: &str, new: ColumnType) -> Option<Conversion> {
    use ColumnType as T;
    let c = quote(column);
    let cast = |guard: Option<String>| Some(Conversion { using: format!("{c}::{}", new.sql()), guard });
    let through_text =
        |text: &str, guard: String| Some(Conversion { using: format!("{text}::{}", new.sql()), guard: Some(guard) });
    let matches = |text: &str, pattern: &str| format!("{text} ~ '{pattern}'");
    // A text that reads as a value of the new type.
    let from_text = |text: &str| {
        let pattern = match new {
            T::Boolean => "^(true|false)$",
            T::Date => ISO_DATE,
            T::Integer => WHOLE,
            T::Number => DECIMAL,
            T::Time | T::TimeTz => ISO_TIME,
            T::Timestamp | T::TimestampTz => ISO_TIMESTAMP,
            T::String | T::Object | T::Array | T::Json => return None,
        };
        through_text(text, matches(text, pattern))
    };
    #[allow(clippy::match_same_arms, reason = "a table, read from top to bottom")]
    match (old, new) {
        ("json", T::Json | T::Object | T::Array) => cast(None),
        (_, T::Json | T::Object | T::Array) => {
            Some(Conversion { using: format!("pg_catalog.to_jsonb({c})"), guard: None })
        }
        ("jsonb", T::String) => {
            Some(Conversion { using: format!("({c} OPERATOR(pg_catalog.#>>) '{{}}')"), guard: None })
        }
        ("jsonb", _) => from_text(&format!("({c} OPERATOR(pg_catalog.#>>) '{{}}')")),
        ("varchar" | "text" | "bpchar", T::String) => cast(None),
        ("varchar" | "text" | "bpchar", _) => from_text(&format!("{c}::pg_catalog.text")),
        (_, T::String) => Some(Conversion { using: format!("{c}::pg_catalog.text::{}", new.sql()), guard: None }),
        ("int2" | "int4" | "int8", T::Integer | T::Number) => cast(None),
        ("numeric", T::Number) => cast(None),
        ("numeric", T::Integer) => cast(Some(format!("{c} = pg_catalog.trunc({c})"))),
        ("float4" | "float8", T::Number) => {
            let text = format!("{c}::pg_catalog.text");
            through_text(&text, matches(&text, FLOAT))
        }
        ("float4" | "float8", T::Integer) => cast(Some(format!("{c} = pg_catalog.trunc({c}::pg_catalog.float8)"))),
        ("date", T::Timestamp | T::TimestampTz) | ("time", T::TimeTz) => cast(None),
        ("timestamp", T::TimestampTz) | ("timestamptz", T::Timestamp) => {
            Some(Conversion { using: format!("pg_catalog.timezone('UTC', {c})"), guard: None })
        }
        ("timestamp" | "timestamptz", T::Date) => cast(Some(format!("{c}::pg_catalog.date::pg_catalog.{old} = {c}"))),
        ("timetz", T::Time) => cast(Some(format!("pg_catalog.date_part('timezone', {c}) = 0"))),
        // The same type with a precision or length, which would round or refuse values.
        (old, new) if old == new.typname() => cast(None),
        _ => None,
    }
}

/// Whether a column of `old` with `typmod` holds the values of `new` as they are.
pub fn is_same(old: &str, typmod: i32, new: ColumnType) -> bool {
    (old == new.typname() && typmod == -1) || (old == "text" && new == ColumnType::String)
}
