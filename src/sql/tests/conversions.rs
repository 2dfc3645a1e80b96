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
const MATRIX: [(ColumnType, &str); 12] = [
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
        ("numeric", T::Integer, "\"c\"::pg_catalog.int8", Some("\"c\" = pg_catalog.trunc(\"c\")")),
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
fn guards_hold_no_quote_that_ends_them() {
    for new in [T::Boolean, T::Integer, T::Number, T::Date, T::Time, T::TimeTz, T::Timestamp, T::TimestampTz] {
        let guard = conversion("c", "text", new).and_then(|c| c.guard).expect("a guard");
        assert_eq!(quoting::skeleton(&guard).matches('\'').count(), 2, "{guard}");
        assert!(guard.contains("'^") && guard.ends_with("$'"), "{guard} matches whole texts");
    }
}

#[test]
fn only_the_type_without_limits_is_the_same() {
    for &new in ColumnType::ALL {
        assert!(is_same(new.typname(), -1, new), "{new:?}");
        assert!(!is_same(new.typname(), 20, new), "{new:?} with a length");
        for old in OLD.into_iter().filter(|old| *old != new.typname()) {
            assert_eq!(is_same(old, -1, new), old == "text" && new == T::String, "{old} and {new:?}");
        }
    }
    // A length or precision goes by a plain cast.
    assert_eq!(conversion("c", "numeric", T::Number).map(|c| c.using).as_deref(), Some("\"c\"::pg_catalog.numeric"));
    assert_eq!(conversion("c", "time", T::Time).map(|c| c.using).as_deref(), Some("\"c\"::pg_catalog.time"));
}
