//! JSON Schema of a catalog property -> [`ColumnType`], as the reference maps it.

use serde_json::{Map, Value};

use super::ColumnType;

/// The column type that a property's schema asks for. Never fails: what is not understood is stored as `jsonb`.
pub fn column_type(schema: &Value) -> ColumnType {
    alternative(schema).unwrap_or(ColumnType::Json)
}

/// One alternative of a union; none for `null`, which every column can hold.
fn alternative(schema: &Value) -> Option<ColumnType> {
    let Value::Object(members) = schema else { return Some(ColumnType::Json) };
    match members.get("type") {
        Some(Value::String(name)) => return named(name, members),
        Some(Value::Array(names)) => {
            return Some(union(names.iter().map(|name| match name {
                Value::String(name) => named(name, members),
                other => alternative(other),
            })));
        }
        Some(_) => return Some(ColumnType::Json),
        None => {}
    }
    if let Some(Value::String(reference)) = members.get("$ref") {
        return Some(well_known(reference));
    }
    match ["oneOf", "anyOf", "allOf"].iter().find_map(|key| members.get(*key)) {
        Some(Value::Array(options)) => Some(union(options.iter().map(alternative))),
        Some(other) => alternative(other),
        None => Some(ColumnType::Object),
    }
}

/// What holds every alternative. That is the alternative itself when there is only one beside `null`, as in the schemas of
/// optional fields.
fn union(alternatives: impl Iterator<Item = Option<ColumnType>>) -> ColumnType {
    let types: Vec<ColumnType> = alternatives.flatten().collect();
    match types.as_slice() {
        [only] => *only,
        // Two objects need not be alike.
        [ColumnType::Object | ColumnType::Array, ..] => ColumnType::Json,
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => ColumnType::Json,
    }
}

fn named(name: &str, members: &Map<String, Value>) -> Option<ColumnType> {
    let text = |key: &str| members.get(key).and_then(Value::as_str);
    Some(match name {
        "null" => return None,
        "boolean" => ColumnType::Boolean,
        "integer" | "int" => ColumnType::Integer,
        "number" if text("airbyte_type") == Some("integer") => ColumnType::Integer,
        "number" => ColumnType::Number,
        "string" => match (text("format"), text("airbyte_type")) {
            (Some("date"), _) => ColumnType::Date,
            (Some("time"), Some("time_without_timezone")) => ColumnType::Time,
            (Some("time"), _) => ColumnType::TimeTz,
            (Some("date-time"), Some("timestamp_without_timezone")) => ColumnType::Timestamp,
            (Some("date-time"), _) => ColumnType::TimestampTz,
            _ => ColumnType::String,
        },
        "array" => ColumnType::Array,
        "object" => ColumnType::Object,
        _ => ColumnType::Json,
    })
}

fn well_known(reference: &str) -> ColumnType {
    match reference.rsplit('/').next().unwrap_or_default() {
        "Boolean" => ColumnType::Boolean,
        "Date" => ColumnType::Date,
        "Integer" => ColumnType::Integer,
        "Number" => ColumnType::Number,
        "TimeWithTimezone" => ColumnType::TimeTz,
        "TimeWithoutTimezone" => ColumnType::Time,
        "TimestampWithTimezone" => ColumnType::TimestampTz,
        "TimestampWithoutTimezone" => ColumnType::Timestamp,
        "BinaryData" | "String" => ColumnType::String,
        _ => ColumnType::Json,
    }
}
