//! Fits a configuration file to the form that `spec` prints.
//!
//! Owns: types, bounds and words, all read from the specification, so that the form the user sees and the rules we
//! apply are one text. Lenient where no doubt is possible: null and an object without members count as absent, a whole
//! number and a boolean may come as a string, unknown members are dropped.
//! Invariant: no message holds a value of the file, only paths and kinds.

use serde_json::{Map, Value};

use super::refuse;
use crate::error::{Error, ErrorKind, Result};

/// What `given` says of the `properties` of the form, in the form's types.
pub(super) fn fit(properties: &Value, given: Map<String, Value>) -> Result<Map<String, Value>> {
    fit_object("", properties, given)
}

fn fit_object(path: &str, properties: &Value, mut given: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut kept = Map::new();
    for (name, schema) in properties.as_object().ok_or_else(unreadable_form)? {
        let Some(value) = given.remove(name).filter(|value| !is_absent(value)) else { continue };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        kept.insert(name.clone(), fit_value(&path, schema, value)?);
    }
    Ok(kept)
}

fn fit_value(path: &str, schema: &Value, value: Value) -> Result<Value> {
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::String(text)) => word(path, schema, text),
        (Some("boolean"), Value::Bool(yes)) => Ok(yes.into()),
        (Some("boolean"), Value::String(text)) if text == "true" || text == "false" => Ok((text == "true").into()),
        (Some("integer"), value) => integer(path, schema, &value),
        (Some("array"), Value::Array(items)) => {
            let fitted = items.into_iter().enumerate();
            fitted.map(|(at, item)| fit_value(&format!("{path}[{at}]"), &schema["items"], item)).collect()
        }
        (Some("object"), Value::Object(given)) if schema["oneOf"].is_null() => {
            Ok(Value::Object(fit_object(path, &schema["properties"], given)?))
        }
        (Some("object"), Value::Object(given)) => one_of(path, &schema["oneOf"], given),
        (Some(kind), value) => Err(refuse(path, &format!("must be {}, found {}", a_type(kind), a_kind(&value)))),
        (None, _) => Err(unreadable_form()),
    }
}

fn word(path: &str, schema: &Value, text: String) -> Result<Value> {
    let Some(words) = schema["enum"].as_array() else { return Ok(text.into()) };
    if words.iter().any(|word| *word == text.as_str()) {
        Ok(text.into())
    } else {
        Err(refuse(path, &format!("must be one of {}", list(words))))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a float within the bounds is small")]
fn integer(path: &str, schema: &Value, value: &Value) -> Result<Value> {
    let (Some(low), Some(high)) = (schema["minimum"].as_u64(), schema["maximum"].as_u64()) else {
        return Err(unreadable_form());
    };
    let found = match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) if (low..=high).contains(&whole) => return Ok(whole.into()),
            (None, Some(float)) if float.fract() != 0.0 => "a fraction",
            // The bounds are small, so a float within them is exact: `5432.0` is a whole number.
            (None, Some(float)) if float >= low as f64 && float <= high as f64 => return Ok((float as u64).into()),
            _ => "a number outside that range",
        },
        Value::String(text) => match text.trim().parse::<u64>() {
            Ok(whole) if (low..=high).contains(&whole) => return Ok(whole.into()),
            Ok(_) => "a number outside that range",
            Err(_) => "a string",
        },
        other => a_kind(other),
    };
    Err(refuse(path, &format!("must be a whole number from {low} to {high}, found {found}")))
}

/// The option whose constant member agrees, with that option's members.
fn one_of(path: &str, options: &Value, given: Map<String, Value>) -> Result<Value> {
    let options = options.as_array().ok_or_else(unreadable_form)?;
    let first = options.first().and_then(|option| option["properties"].as_object()).ok_or_else(unreadable_form)?;
    let selector = first.iter().find(|(_, member)| member.get("const").is_some()).ok_or_else(unreadable_form)?.0;
    let words: Vec<Value> = options.iter().map(|option| option["properties"][selector]["const"].clone()).collect();
    let selector_path = format!("{path}.{selector}");
    let Some(said) = given.get(selector).filter(|value| !is_absent(value)) else {
        return Err(refuse(&selector_path, &format!("is missing; it must be one of {}", list(&words))));
    };
    match words.iter().position(|word| word == said) {
        Some(at) => Ok(Value::Object(fit_object(path, &options[at]["properties"], given)?)),
        None => Err(refuse(&selector_path, &format!("must be one of {}", list(&words)))),
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(|object| object.values().all(Value::is_null))
}

fn list(words: &[Value]) -> String {
    words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn a_type(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "boolean" => "true or false",
        "array" => "an array",
        _ => "an object",
    }
}

/// What kind of JSON value this is, for a message.
pub(super) fn a_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn unreadable_form() -> Error {
    Error::new(ErrorKind::Internal, "the built-in specification cannot be read; please report this")
}
