//! JSON schemas and the columns that they ask for.

use serde_json::{Value, json};

use super::*;
use ColumnType as T;

fn check(cases: impl IntoIterator<Item = (Value, ColumnType)>) {
    for (schema, want) in cases {
        assert_eq!(airbyte::column_type(&schema), want, "{schema}");
    }
}

/// A schema of one type in the ways in which sources spell it.
fn spellings(mut schema: Value) -> Vec<Value> {
    let name = schema["type"].clone();
    let mut all = vec![schema.clone()];
    for names in [json!([name]), json!(["null", name]), json!([name, "null"])] {
        schema["type"] = names;
        all.push(schema.clone());
    }
    schema["description"] = json!("text");
    schema["$ref"] = json!(null);
    all.push(schema);
    all
}

#[test]
fn simple_types() {
    let rows = [
        (json!({"type": "boolean"}), T::Boolean),
        (json!({"type": "integer"}), T::Integer),
        (json!({"type": "int"}), T::Integer),
        (json!({"type": "number", "airbyte_type": "integer"}), T::Integer),
        (json!({"type": "number"}), T::Number),
        (json!({"type": "number", "airbyte_type": "big_number"}), T::Number),
        (json!({"type": "string"}), T::String),
        (json!({"type": "string", "format": "uuid"}), T::String),
        (json!({"type": "string", "format": null}), T::String),
        (json!({"type": "string", "airbyte_type": "big_integer"}), T::String),
        (json!({"type": "string", "contentEncoding": "base64"}), T::String),
        (json!({"type": "array"}), T::Array),
        (json!({"type": "array", "items": {"type": "string"}}), T::Array),
        (json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}]}), T::Array),
        (json!({"type": "object"}), T::Object),
        (json!({"type": "object", "properties": {}}), T::Object),
        (json!({"type": "object", "properties": {"a": {"type": "string"}}}), T::Object),
    ];
    for (schema, want) in rows {
        check(spellings(schema).into_iter().map(|schema| (schema, want)));
    }
}

#[test]
fn temporal_types() {
    let rows = [
        (json!({"type": "string", "format": "date"}), T::Date),
        (json!({"type": "string", "format": "time"}), T::TimeTz),
        (json!({"type": "string", "format": "time", "airbyte_type": "time_with_timezone"}), T::TimeTz),
        (json!({"type": "string", "format": "time", "airbyte_type": "time_without_timezone"}), T::Time),
        (json!({"type": "string", "format": "date-time"}), T::TimestampTz),
        (json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"}), T::TimestampTz),
        (json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"}), T::Timestamp),
        // The hint of another format, and a hint without a format, say nothing.
        (json!({"type": "string", "format": "date-time", "airbyte_type": "time_without_timezone"}), T::TimestampTz),
        (json!({"type": "string", "airbyte_type": "timestamp_without_timezone"}), T::String),
        (json!({"type": "string", "format": "datetime"}), T::String),
        (json!({"type": "integer", "format": "date"}), T::Integer),
    ];
    for (schema, want) in rows {
        check(spellings(schema).into_iter().map(|schema| (schema, want)));
    }
}

#[test]
fn unions_and_unknown_schemas_are_json() {
    check([
        (json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}), T::Json),
        (json!({"anyOf": [{"type": "object"}, {"type": "object", "properties": {"a": {}}}]}), T::Json),
        (json!({"allOf": []}), T::Json),
        (json!({"type": ["string", "integer"]}), T::Json),
        (json!({"type": ["null", "string", "integer"]}), T::Json),
        (json!({"type": ["string", "array", "null"], "format": "date"}), T::Json),
        (json!({"type": "weird"}), T::Json),
        (json!({"type": "String"}), T::Json),
        (json!({"type": 7}), T::Json),
        (json!({"type": []}), T::Json),
        (json!({"type": ["null"]}), T::Json),
        (json!({"type": {"a": 1}}), T::Json),
        (json!(true), T::Json),
        (json!(null), T::Json),
        (json!("string"), T::Json),
        (json!(["string"]), T::Json),
    ]);
}

#[test]
fn unions_of_one_type_are_that_type() {
    check([
        (json!({"anyOf": [{"type": "string"}]}), T::String),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), T::String),
        (json!({"oneOf": [{"type": "null"}, {"type": "string", "format": "date"}]}), T::Date),
        (json!({"oneOf": [{"type": "number"}, {"type": "number"}]}), T::Number),
        (json!({"anyOf": [{"oneOf": [{"type": "boolean"}, {"type": "null"}]}, {"type": "null"}]}), T::Boolean),
        (json!({"allOf": [], "type": "string"}), T::String),
    ]);
}

#[test]
fn schemas_without_a_type_are_objects() {
    check([
        (json!({}), T::Object),
        (json!({"description": "text"}), T::Object),
        (json!({"format": "date"}), T::Object),
        (json!({"properties": {"a": {"type": "string"}}}), T::Object),
    ]);
}

#[test]
fn well_known_types() {
    let names = [
        ("Boolean", T::Boolean),
        ("Integer", T::Integer),
        ("Number", T::Number),
        ("String", T::String),
        ("BinaryData", T::String),
        ("Date", T::Date),
        ("TimeWithTimezone", T::TimeTz),
        ("TimeWithoutTimezone", T::Time),
        ("TimestampWithTimezone", T::TimestampTz),
        ("TimestampWithoutTimezone", T::Timestamp),
        ("Weird", T::Json),
        ("", T::Json),
    ];
    for (name, want) in names {
        let reference = format!("WellKnownTypes.json#/definitions/{name}");
        check([(json!({"$ref": reference}), want), (json!({"type": "object", "$ref": reference}), T::Object)]);
    }
}
