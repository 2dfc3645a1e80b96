//! Which type changes keep every value, and how they are written.

use super::quote;
use crate::types::{ColumnType, DecimalSize};

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
const UUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";
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
            T::SmallInt | T::Int | T::Integer => WHOLE,
            T::Number => DECIMAL,
            T::Decimal(size) => &decimal(size),
            T::Time | T::TimeTz => ISO_TIME,
            T::Timestamp | T::TimestampTz => ISO_TIMESTAMP,
            T::Uuid => UUID,
            T::String | T::Object | T::Array | T::Json | T::Real | T::Double | T::Bytes | T::Interval | T::List(_) => {
                return None;
            }
        };
        through_text(text, matches(text, pattern))
    };
    let between = |least: i64, greatest: i64| format!("{c} BETWEEN {least} AND {greatest}");
    let limits = |size: DecimalSize| format!("{c} BETWEEN -{} AND {}", nines(size), nines(size));
    // What is no number equals itself and lies above all limits.
    let whole =
        |least: i64, greatest: i64| cast(Some(format!("{c} = pg_catalog.trunc({c}) AND {}", between(least, greatest))));
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
        ("int2", T::SmallInt | T::Int | T::Real | T::Double) | ("int4", T::Int | T::Double) => cast(None),
        ("int4" | "int8", T::SmallInt) => cast(Some(between(i16::MIN.into(), i16::MAX.into()))),
        ("int8", T::Int) => cast(Some(between(i32::MIN.into(), i32::MAX.into()))),
        ("int4" | "int8", T::Real) => cast(Some(between(-(1 << 24), 1 << 24))),
        ("int8", T::Double) => cast(Some(between(-(1 << 53), 1 << 53))),
        ("int2", T::Decimal(size)) if size.integer_digits() >= 5 => cast(None),
        ("int4", T::Decimal(size)) if size.integer_digits() >= 10 => cast(None),
        ("int8", T::Decimal(size)) if size.integer_digits() >= 19 => cast(None),
        ("int2" | "int4" | "int8", T::Decimal(size)) => cast(Some(limits(size))),
        ("numeric", T::Number) => cast(None),
        ("numeric", T::SmallInt) => whole(i16::MIN.into(), i16::MAX.into()),
        ("numeric", T::Int) => whole(i32::MIN.into(), i32::MAX.into()),
        ("numeric", T::Integer) => whole(i64::MIN, i64::MAX),
        ("numeric", T::Decimal(size)) => {
            cast(Some(format!("{c} = pg_catalog.round({c}, {}) AND {}", size.scale(), limits(size))))
        }
        ("float4", T::Double) => cast(None),
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
        (_, T::List(_)) if is_narrower_list(old, new) => cast(None),
        // The same type with a precision or length, which would round or refuse values.
        (old, new) if old == new.typname() && new.typmod() == -1 => cast(None),
        _ => None,
    }
}

/// The largest value of a `numeric` of that size.
fn nines(size: DecimalSize) -> String {
    let digits = |count: u16| "9".repeat(count.into());
    match (size.integer_digits(), size.scale()) {
        (0, scale) => format!("0.{}", digits(scale)),
        (integer, 0) => digits(integer),
        (integer, scale) => format!("{}.{}", digits(integer), digits(scale)),
    }
}

/// Numbers that a `numeric` of that size holds without being rounded.
fn decimal(size: DecimalSize) -> String {
    let integer = match size.integer_digits() {
        0 => "0".to_owned(),
        digits => format!("(0|[1-9][0-9]{{0,{}}})", digits - 1),
    };
    match size.scale() {
        0 => format!("^-?{integer}$"),
        scale => format!("^-?{integer}([.][0-9]{{1,{scale}}})?$"),
    }
}

/// Whether each element of an array of type `old` is one of the new array as it is.
fn is_narrower_list(old: &str, new: ColumnType) -> bool {
    let ColumnType::List(element) = new else { return false };
    let Some(old) = old.strip_prefix('_') else { return false };
    old != "numeric" && conversion("c", old, element.into()).is_some_and(|conversion| conversion.guard.is_none())
}

/// Whether a column of `old` with `typmod` holds the values of `new` as they are.
pub fn is_same(old: &str, typmod: i32, new: ColumnType) -> bool {
    (old == new.typname() && typmod == new.typmod()) || (old == "text" && new == ColumnType::String)
}
