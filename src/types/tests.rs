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
    ColumnReader::new(column_type, &array).expect("the builder's own array").encode(0, &mut out);
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
    ];
    assert_eq!(ColumnType::ALL, names.map(|(column_type, _)| column_type));
    for (column_type, typname) in names {
        assert_eq!(column_type.typname(), typname);
        assert_eq!(column_type.sql(), format!("pg_catalog.{typname}"));
    }
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

/// The table of the README names the column types of all rows of the type table, and no others.
#[test]
fn the_readme_lists_every_column_type() {
    let readme = include_str!("../../README.md");
    let table = readme.split("<!-- types").nth(1).expect("the table of types").split("\n\n").next().expect("a table");
    let listed: std::collections::BTreeSet<&str> = table
        .lines()
        .skip(3)
        .filter_map(|row| row.split('|').nth(2)?.trim().strip_prefix('`')?.strip_suffix('`'))
        .collect();
    let names: std::collections::BTreeSet<&str> = ColumnType::ALL
        .iter()
        .map(|column_type| match column_type.typname() {
            "bool" => "boolean",
            "int8" => "bigint",
            "varchar" => "character varying",
            "timetz" => "time with time zone",
            "time" => "time without time zone",
            "timestamptz" => "timestamp with time zone",
            "timestamp" => "timestamp without time zone",
            same => same,
        })
        .collect();
    assert_eq!(listed, names);
}
