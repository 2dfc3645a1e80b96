//! Which type changes are made in place, and what is asked before.

use super::*;
use ColumnType as T;

/// Types of columns that may be there already; the last ones only a user makes.
const OLD: [&str; 21] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "varchar",
    "text",
    "bpchar",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "jsonb",
    "json",
    "uuid",
    "bytea",
    "interval",
    "_text",
];

/// One letter for each old type: `-` no way, `u` in place, `g` in place where a guard holds.
const MATRIX: [(ColumnType, &str); 21] = [
    //              b i2 i4 i8 f4 f8 n  vc tx bp d  t  tz ts tz jb js uu by in ar
    (T::Boolean, "u - - - - - - g g g - - - - - g - - - - -"),
    (T::Integer, "- u u u g g g g g g - - - - - g - - - - -"),
    (T::Number, "- u u u g g u g g g - - - - - g - - - - -"),
    (T::String, "u u u u u u u u u u u u u u u u u u u u u"),
    (T::Date, "- - - - - - - g g g u - - g g g - - - - -"),
    (T::TimeTz, "- - - - - - - g g g - u u - - g - - - - -"),
    (T::Time, "- - - - - - - g g g - u g - - g - - - - -"),
    (T::TimestampTz, "- - - - - - - g g g u - - u u g - - - - -"),
    (T::Timestamp, "- - - - - - - g g g u - - u u g - - - - -"),
    (T::Object, "u u u u u u u u u u u u u u u u u u u u u"),
    (T::Array, "u u u u u u u u u u u u u u u u u u u u u"),
    (T::Json, "u u u u u u u u u u u u u u u u u u u u u"),
    (T::SmallInt, "- u g g - - g g g g - - - - - g - - - - -"),
    (T::Int, "- u u g - - g g g g - - - - - g - - - - -"),
    (T::Real, "- u g g u - - - - - - - - - - - - - - - -"),
    (T::Double, "- u u g u u - - - - - - - - - - - - - - -"),
    (T::Decimal(DecimalSize::EXAMPLE), "- u u g - - g g g g - - - - - g - - - - -"),
    (T::Bytes, "- - - - - - - - - - - - - - - - - - u - -"),
    (T::Uuid, "- - - - - - - g g g - - - - - g - u - - -"),
    (T::Interval, "- - - - - - - - - - - - - - - - - - - u -"),
    (T::List(Scalar::Integer), "- - - - - - - - - - - - - - - - - - - - -"),
];

#[test]
fn the_matrix_of_conversions() {
    for (new, row) in MATRIX {
        let cells: Vec<&str> = row.split(' ').collect();
        assert_eq!(cells.len(), OLD.len(), "{new:?}");
        for (old, cell) in OLD.into_iter().zip(cells) {
            let found = match conversion("c", old, new) {
                None => "-",
                Some(Conversion { guard: None, .. }) => "u",
                Some(Conversion { guard: Some(_), .. }) => "g",
            };
            assert_eq!(found, cell, "{old} to {new:?}");
        }
    }
    assert_eq!(MATRIX.map(|(new, _)| new).as_slice(), {
        let mut all = ColumnType::ALL.to_vec();
        all.sort_by_key(|t| MATRIX.iter().position(|(new, _)| new == t));
        all
    });
}

#[test]
fn expressions_use_the_quoted_column_and_end_in_the_type() {
    for old in OLD {
        for &new in ColumnType::ALL {
            let Some(Conversion { using, guard }) = conversion("a\"b", old, new) else { continue };
            let column = "\"a\"\"b\"";
            assert_eq!(using.matches(column).count(), 1, "{old} to {new:?}: {using}");
            assert!(guard.is_none_or(|guard| guard.contains(column)), "{old} to {new:?}");
            let typed = using.ends_with(&format!("::{}", new.sql()))
                || using.starts_with("pg_catalog.to_jsonb(")
                || using.starts_with("pg_catalog.timezone('UTC', ")
                || using.ends_with("OPERATOR(pg_catalog.#>>) '{}')");
            assert!(typed, "{old} to {new:?}: {using}");
        }
    }
}

#[test]
fn expressions_are_exact_where_it_matters() {
    let cases = [
        ("timestamp", T::TimestampTz, "pg_catalog.timezone('UTC', \"c\")", None),
        ("timestamptz", T::Timestamp, "pg_catalog.timezone('UTC', \"c\")", None),
        (
            "timestamptz",
            T::Date,
            "\"c\"::pg_catalog.date",
            Some("\"c\"::pg_catalog.date::pg_catalog.timestamptz = \"c\""),
        ),
        ("timetz", T::Time, "\"c\"::pg_catalog.time", Some("pg_catalog.date_part('timezone', \"c\") = 0")),
        (
            "numeric",
            T::Integer,
            "\"c\"::pg_catalog.int8",
            Some("\"c\" = pg_catalog.trunc(\"c\") AND \"c\" BETWEEN -9223372036854775808 AND 9223372036854775807"),
        ),
        ("int8", T::Int, "\"c\"::pg_catalog.int4", Some("\"c\" BETWEEN -2147483648 AND 2147483647")),
        ("int8", T::Double, "\"c\"::pg_catalog.float8", Some("\"c\" BETWEEN -9007199254740992 AND 9007199254740992")),
        ("float4", T::Double, "\"c\"::pg_catalog.float8", None),
        ("_int2", T::List(Scalar::Integer), "\"c\"::pg_catalog.int8[]", None),
        ("float4", T::Integer, "\"c\"::pg_catalog.int8", Some("\"c\" = pg_catalog.trunc(\"c\"::pg_catalog.float8)")),
        (
            "varchar",
            T::Boolean,
            "\"c\"::pg_catalog.text::pg_catalog.bool",
            Some("\"c\"::pg_catalog.text ~ '^(true|false)$'"),
        ),
        (
            "jsonb",
            T::Integer,
            "(\"c\" OPERATOR(pg_catalog.#>>) '{}')::pg_catalog.int8",
            Some("(\"c\" OPERATOR(pg_catalog.#>>) '{}') ~ '^(0|-?[1-9][0-9]*)$'"),
        ),
        ("jsonb", T::String, "(\"c\" OPERATOR(pg_catalog.#>>) '{}')", None),
        ("json", T::Object, "\"c\"::pg_catalog.jsonb", None),
        ("int8", T::Json, "pg_catalog.to_jsonb(\"c\")", None),
        ("uuid", T::String, "\"c\"::pg_catalog.text::pg_catalog.varchar", None),
    ];
    for (old, new, using, guard) in cases {
        let want = Conversion { using: using.into(), guard: guard.map(str::to_owned) };
        assert_eq!(conversion("c", old, new), Some(want), "{old} to {new:?}");
    }
}

#[test]
fn decimals_take_in_what_needs_no_rounding() {
    let guard = |old, precision, scale| {
        let size = DecimalSize::new(precision, scale).expect("a size");
        conversion("c", old, T::Decimal(size)).expect("a way").guard
    };
    let cases = [
        ("int2", 5, 0, None),
        ("int2", 4, 0, Some("\"c\" BETWEEN -9999 AND 9999")),
        ("int2", 2, 2, Some("\"c\" BETWEEN -0.99 AND 0.99")),
        ("int4", 10, 0, None),
        ("int4", 10, 1, Some("\"c\" BETWEEN -999999999.9 AND 999999999.9")),
        ("int8", 19, 0, None),
        ("int8", 18, 0, Some("\"c\" BETWEEN -999999999999999999 AND 999999999999999999")),
        ("numeric", 3, 1, Some("\"c\" = pg_catalog.round(\"c\", 1) AND \"c\" BETWEEN -99.9 AND 99.9")),
        ("text", 3, 1, Some("\"c\"::pg_catalog.text ~ '^-?(0|[1-9][0-9]{0,1})([.][0-9]{1,1})?$'")),
        ("text", 3, 0, Some("\"c\"::pg_catalog.text ~ '^-?(0|[1-9][0-9]{0,2})$'")),
        ("text", 3, 3, Some("\"c\"::pg_catalog.text ~ '^-?0([.][0-9]{1,3})?$'")),
    ];
    for (old, precision, scale, want) in cases {
        assert_eq!(guard(old, precision, scale).as_deref(), want, "{old} to {precision}, {scale}");
    }
}

#[test]
fn lists_become_lists_of_what_holds_every_element() {
    let cases = [
        ("_int2", Scalar::Int, true),
        ("_int4", Scalar::Integer, true),
        ("_int8", Scalar::Int, false),
        ("_int8", Scalar::Number, true),
        ("_float4", Scalar::Double, true),
        ("_varchar", Scalar::String, true),
        ("_int8", Scalar::String, true),
        ("_text", Scalar::Date, false),
        ("_numeric", Scalar::Number, true),
        ("_numeric", Scalar::Decimal(DecimalSize::EXAMPLE), false),
        ("int8", Scalar::Integer, false),
    ];
    for (old, element, possible) in cases {
        assert_eq!(conversion("c", old, T::List(element)).is_some(), possible, "{old} to {element:?}");
    }
}

#[test]
fn guards_hold_no_quote_that_ends_them() {
    let decimal = T::Decimal(DecimalSize::EXAMPLE);
    for new in [
        T::Boolean,
        T::SmallInt,
        T::Int,
        T::Integer,
        T::Number,
        decimal,
        T::Date,
        T::Time,
        T::TimeTz,
        T::Timestamp,
        T::TimestampTz,
        T::Uuid,
    ] {
        let guard = conversion("c", "text", new).and_then(|c| c.guard).expect("a guard");
        assert_eq!(quoting::skeleton(&guard).matches('\'').count(), 2, "{guard}");
        assert!(guard.contains("'^") && guard.ends_with("$'"), "{guard} matches whole texts");
    }
}

#[test]
fn only_the_type_without_limits_is_the_same() {
    for &new in ColumnType::ALL {
        assert!(is_same(&new.typname(), new.typmod(), new), "{new:?}");
        assert!(!is_same(&new.typname(), 20, new), "{new:?} with a length");
        assert_eq!(is_same(&new.typname(), -1, new), !matches!(new, T::Decimal(_)), "{new:?} without one");
        for old in OLD.into_iter().filter(|old| *old != new.typname()) {
            assert_eq!(is_same(old, -1, new), old == "text" && new == T::String, "{old} and {new:?}");
        }
    }
    // A length or precision goes by a plain cast.
    assert_eq!(conversion("c", "numeric", T::Number).map(|c| c.using).as_deref(), Some("\"c\"::pg_catalog.numeric"));
    assert_eq!(conversion("c", "time", T::Time).map(|c| c.using).as_deref(), Some("\"c\"::pg_catalog.time"));
}
