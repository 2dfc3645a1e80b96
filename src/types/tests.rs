//! Tests of the mapping from the catalog, and of values on their way to COPY.

mod airbyte_types;
mod temporal;
mod values;

use super::*;
use crate::json::Scanner;

const WRONG: Outcome = Outcome::Nulled(Reason::SerializationError);
const TOO_LARGE: Outcome = Outcome::Nulled(Reason::FieldSizeLimitation);

/// What becomes of one JSON value in a column, and its field in COPY: nothing for NULL, else the payload.
fn store(column_type: ColumnType, json: &str) -> (Outcome, Option<Vec<u8>>) {
    let token = Scanner::new(json).value().unwrap_or_else(|e| panic!("{json}: {e}"));
    let mut builder = ColumnBuilder::new(column_type);
    let outcome = builder.append(token, json);
    let array = builder.finish();
    assert_eq!(array.len(), 1, "{column_type:?} {json}: one value, one row");
    let mut out = Vec::new();
    let tail = ColumnReader::new(column_type, &array).expect("the builder's own array").encode(0, &mut out);
    out.extend_from_slice(tail);
    let (length, payload) = out.split_first_chunk().expect("a length");
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        assert!(payload.is_empty());
        return (outcome, None);
    }
    assert_eq!(usize::try_from(length), Ok(payload.len()), "{column_type:?} {json}");
    (outcome, Some(payload.to_vec()))
}

fn stored(column_type: ColumnType, json: &str, payload: &[u8]) {
    assert_eq!(store(column_type, json), (Outcome::Stored, Some(payload.to_vec())), "{column_type:?} {json}");
}

fn nulled(column_type: ColumnType, outcome: Outcome, values: &[&str]) {
    for json in values {
        assert_eq!(store(column_type, json), (outcome, None), "{column_type:?} {json}");
    }
}

#[test]
fn each_type_has_the_names_of_its_postgres_type() {
    use ColumnType as T;
    let names = [
        (T::Boolean, "bool"),
        (T::Integer, "int8"),
        (T::Number, "numeric"),
        (T::String, "varchar"),
        (T::Date, "date"),
        (T::TimeTz, "timetz"),
        (T::Time, "time"),
        (T::TimestampTz, "timestamptz"),
        (T::Timestamp, "timestamp"),
        (T::Object, "jsonb"),
        (T::Array, "jsonb"),
        (T::Json, "jsonb"),
        (T::SmallInt, "int2"),
        (T::Int, "int4"),
        (T::Real, "float4"),
        (T::Double, "float8"),
        (T::Decimal(DecimalSize::EXAMPLE), "numeric"),
        (T::Bytes, "bytea"),
        (T::Uuid, "uuid"),
        (T::Interval, "interval"),
        (T::List(Scalar::Integer), "_int8"),
    ];
    assert_eq!(ColumnType::ALL, names.map(|(column_type, _)| column_type));
    for (column_type, typname) in names {
        assert_eq!(column_type.typname(), typname);
        let sql = match column_type {
            T::Decimal(_) => "pg_catalog.numeric(20,4)".to_owned(),
            T::List(_) => "pg_catalog.int8[]".to_owned(),
            _ => format!("pg_catalog.{typname}"),
        };
        assert_eq!(column_type.sql(), sql);
        let typmod = if matches!(column_type, T::Decimal(_)) { (20 << 16 | 4) + 4 } else { -1 };
        assert_eq!(column_type.typmod(), typmod);
    }
}

#[test]
fn lists_are_of_every_type_but_lists() {
    for &column_type in ColumnType::ALL {
        let Some(element) = Scalar::of(column_type) else {
            assert!(matches!(column_type, ColumnType::List(_)));
            continue;
        };
        assert_eq!(ColumnType::from(element), column_type);
        let list = ColumnType::List(element);
        assert_eq!(list.sql(), format!("{}[]", column_type.sql()));
        assert_eq!(list.typname(), format!("_{}", column_type.typname()));
        assert_eq!(list.typmod(), column_type.typmod());
    }
}

#[test]
fn decimals_have_the_sizes_of_every_server() {
    let size = |precision, scale| DecimalSize::new(precision, scale).map(|size| ColumnType::Decimal(size).sql());
    assert_eq!(size(1, 0).as_deref(), Some("pg_catalog.numeric(1,0)"));
    assert_eq!(size(1_000, 1_000).as_deref(), Some("pg_catalog.numeric(1000,1000)"));
    assert_eq!([size(0, 0), size(1_001, 0), size(5, 6)], [None, None, None]);
}

#[test]
fn null_and_missing_are_null_without_a_change() {
    for &column_type in ColumnType::ALL {
        nulled(column_type, Outcome::Stored, &["null"]);
        let mut builder = ColumnBuilder::new(column_type);
        assert_eq!(builder.append(Token::MISSING, "null"), Outcome::Stored);
        let array = builder.finish();
        assert_eq!((array.len(), array.null_count()), (1, 1), "{column_type:?}");
    }
}

#[test]
fn every_value_adds_one_row_and_builders_start_anew() {
    let values = ["null", "true", "1", "1.5", "\"x\"", "\"\\u0000\"", "\"2024-01-01\"", "{}", "[]", "1e999999"];
    for &column_type in ColumnType::ALL {
        let mut builder = ColumnBuilder::new(column_type);
        for round in 0..2 {
            let mut nulls = 0;
            for json in values {
                let token = Scanner::new(json).value().expect("JSON");
                nulls += usize::from(matches!(builder.append(token, json), Outcome::Nulled(_)) || json == "null");
            }
            let array = builder.finish();
            assert_eq!((array.len(), array.null_count()), (values.len(), nulls), "{column_type:?} {round}");
        }
        assert_eq!(builder.finish().len(), 0);
    }
}

#[test]
fn readers_refuse_the_array_of_another_type() {
    let mut booleans = ColumnBuilder::new(ColumnType::Boolean);
    let array = booleans.finish();
    for &column_type in ColumnType::ALL {
        let reads = ColumnReader::new(column_type, &array).is_some();
        assert_eq!(reads, column_type == ColumnType::Boolean, "{column_type:?}");
    }
}

#[test]
fn reasons_are_the_protocols() {
    assert_eq!(Reason::FieldSizeLimitation.as_str(), "DESTINATION_FIELD_SIZE_LIMITATION");
    assert_eq!(Reason::SerializationError.as_str(), "DESTINATION_SERIALIZATION_ERROR");
}

/// The tables of the README name the column types of all rows of the type table, and no others.
#[test]
fn the_readme_lists_every_column_type() {
    let readme = include_str!("../../README.md");
    let listed = |marker: &str| -> std::collections::BTreeSet<&str> {
        let table = readme.split(marker).nth(1).expect("the table of types").split("\n\n").next().expect("a table");
        let columns = table.lines().skip(3).filter_map(|row| row.split('|').nth(2));
        columns.filter_map(|column| column.trim().strip_prefix('`')?.strip_suffix('`')).collect()
    };
    let name = |column_type: ColumnType| match column_type {
        ColumnType::Decimal(_) => "numeric(p,s)",
        ColumnType::List(_) => "<element>[]",
        _ => match &*column_type.typname() {
            "bool" => "boolean",
            "bytea" => "bytea",
            "date" => "date",
            "float4" => "real",
            "float8" => "double precision",
            "int2" => "smallint",
            "int4" => "integer",
            "int8" => "bigint",
            "interval" => "interval",
            "jsonb" => "jsonb",
            "numeric" => "numeric",
            "time" => "time without time zone",
            "timestamp" => "timestamp without time zone",
            "timestamptz" => "timestamp with time zone",
            "timetz" => "time with time zone",
            "uuid" => "uuid",
            "varchar" => "character varying",
            other => panic!("{other} needs its name in the README"),
        },
    };
    let (json, arrow) = (listed("<!-- types"), listed("<!-- arrow types"));
    assert_eq!(json.union(&arrow).copied().collect::<Vec<_>>(), {
        let all: std::collections::BTreeSet<&str> =
            ColumnType::ALL.iter().map(|column_type| name(*column_type)).collect();
        all.into_iter().collect::<Vec<_>>()
    });
}
