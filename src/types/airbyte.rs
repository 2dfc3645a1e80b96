//! JSON Schema of a catalog property -> [`ColumnType`], as the reference maps it.

use serde_json::Value;

use super::ColumnType;

/// The column type that a property's schema asks for. Never fails: what is not understood is stored as `jsonb`.
pub fn column_type(schema: &Value) -> ColumnType {
    let Value::Object(members) = schema else { return ColumnType::Json };
    let text = |key: &str| members.get(key).and_then(Value::as_str);
    if let Some(reference) = text("$ref") {
        return well_known(reference);
    }
    if ["oneOf", "anyOf", "allOf"].iter().any(|key| members.contains_key(*key)) {
        return ColumnType::Json;
    }
    let name = match members.get("type") {
        None => return ColumnType::Object,
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => {
            let mut real = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            match (real.next(), real.next()) {
                (Some(name), None) => name,
                _ => return ColumnType::Json,
            }
        }
        Some(_) => return ColumnType::Json,
    };
    match name {
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
    }
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
