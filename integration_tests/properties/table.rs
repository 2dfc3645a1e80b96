//! A table of cells: what goes in as JSON, and what must be stored for it. One sync carries it, one query compares it.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome, TIMEOUT};
use crate::support::postgres::TestDatabase;
use crate::support::sql::{Sql, quote_identifier, quote_literal};

/// What a nulled value that is too large is said to be.
pub const TOO_LARGE: Change = Change { change: "NULLED", reason: "DESTINATION_FIELD_SIZE_LIMITATION" };
/// What a nulled value of the wrong type is said to be.
pub const NOT_OF_TYPE: Change = Change { change: "NULLED", reason: "DESTINATION_SERIALIZATION_ERROR" };
/// What a text that Postgres cannot hold as it is is said to be.
pub const CLEANED: Change = Change { change: "TRUNCATED", reason: "DESTINATION_SERIALIZATION_ERROR" };

/// Mismatches told before the rest is only counted.
const TOLD: usize = 5;
/// Characters of a value that are told.
const TOLD_CHARS: usize = 300;

/// An entry of `_airbyte_meta.changes`, without its field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Change {
    change: &'static str,
    reason: &'static str,
}

impl Change {
    /// The entry for a field.
    pub fn entry(self, field: &str) -> Value {
        json!({"field": field, "change": self.change, "reason": self.reason})
    }
}

/// A field's declared type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Boolean,
    Integer,
    Number,
    String,
    Date,
    TimeTz,
    Time,
    TimestampTz,
    Timestamp,
    Object,
    Array,
    Union,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Date,
        Self::TimeTz,
        Self::Time,
        Self::TimestampTz,
        Self::Timestamp,
        Self::Object,
        Self::Array,
        Self::Union,
    ];

    /// Its JSON schema.
    pub fn schema(self) -> Value {
        let string = |format: &str, airbyte_type: &str| json!({"type": ["null", "string"], "format": format, "airbyte_type": airbyte_type});
        match self {
            Self::Boolean => json!({"type": ["null", "boolean"]}),
            Self::Integer => json!({"type": ["null", "integer"]}),
            Self::Number => json!({"type": ["null", "number"]}),
            Self::String => json!({"type": ["null", "string"]}),
            Self::Date => json!({"type": ["null", "string"], "format": "date"}),
            Self::TimeTz => string("time", "time_with_timezone"),
            Self::Time => string("time", "time_without_timezone"),
            Self::TimestampTz => string("date-time", "timestamp_with_timezone"),
            Self::Timestamp => string("date-time", "timestamp_without_timezone"),
            Self::Object => json!({"type": ["null", "object"]}),
            Self::Array => json!({"type": ["null", "array"]}),
            Self::Union => json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
        }
    }

    /// The Postgres type of its column.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "bigint",
            Self::Number => "numeric",
            Self::String => "varchar",
            Self::Date => "date",
            Self::TimeTz => "timetz",
            Self::Time => "time",
            Self::TimestampTz => "timestamptz",
            Self::Timestamp => "timestamp",
            Self::Object | Self::Array | Self::Union => "jsonb",
        }
    }
}

/// One value on its way.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The JSON text in the record; none leaves the member out.
    pub json: Option<String>,
    /// The column's text, none for NULL.
    pub stored: Option<String>,
    /// The change entry.
    pub change: Option<Change>,
}

impl Cell {
    /// Stored as this text.
    pub fn stored(json: impl Into<String>, stored: impl Into<String>) -> Self {
        Self { json: Some(json.into()), stored: Some(stored.into()), change: None }
    }

    /// Stored as this text, without what Postgres cannot hold.
    pub fn cleaned(json: impl Into<String>, stored: impl Into<String>) -> Self {
        Self { json: Some(json.into()), stored: Some(stored.into()), change: Some(CLEANED) }
    }

    /// Not stored.
    pub fn nulled(json: impl Into<String>, change: Change) -> Self {
        Self { json: Some(json.into()), stored: None, change: Some(change) }
    }
}

/// One record.
#[derive(Clone, Debug)]
pub struct Row {
    /// One cell a field.
    pub cells: Vec<Cell>,
    /// The record's `data`; none has the cells' JSON in their order.
    pub data: Option<String>,
    /// Entries of the source's own.
    pub source_changes: Vec<Value>,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, data: None, source_changes: Vec::new() }
    }
}

/// A session whose texts are those that the tests expect, whatever the server's defaults.
pub fn session(database: &TestDatabase) -> Result<Sql, String> {
    let sql = database.superuser()?;
    sql.run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1")?;
    Ok(sql)
}

/// What the server makes of each text in a type: its own text of it, or the SQLSTATE of its refusal.
pub fn server_casts(sql: &Sql, sql_type: &str, texts: &[String]) -> Result<Vec<Result<String, String>>, String> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    sql.run(&format!(
        "CREATE OR REPLACE FUNCTION pg_temp.cast_or_state(value text) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN RETURN '=' || value::{sql_type}::text; EXCEPTION WHEN OTHERS THEN RETURN '!' || SQLSTATE; END $$"
    ))?;
    let list = texts.iter().map(|text| quote_literal(text)).collect::<Vec<_>>().join(",");
    let query = format!(
        "SELECT pg_temp.cast_or_state(t) FROM unnest(ARRAY[{list}]::text[]) WITH ORDINALITY AS x(t, i) ORDER BY i"
    );
    let answers = sql.rows(&query)?.into_iter().flatten().map(|answer| {
        let answer = answer.unwrap_or_default();
        match answer.strip_prefix('=') {
            Some(text) => Ok(text.to_owned()),
            None => Err(answer.trim_start_matches('!').to_owned()),
        }
    });
    Ok(answers.collect())
}

/// A catalog of one stream.
pub fn catalog(stream: &str, fields: &[(String, Kind)], settings: &Value) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, kind)| (name.clone(), kind.schema())).collect();
    let mut configured = json!({
        "stream": {
            "name": stream,
            "json_schema": {"type": "object", "properties": properties},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 1,
    });
    if let (Some(to), Some(from)) = (configured.as_object_mut(), settings.as_object()) {
        to.extend(from.clone());
    }
    json!({"streams": [configured]})
}

/// A STATE of a stream.
pub fn state_line(stream: &str, id: usize) -> String {
    let state = json!({
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"at": id}},
        "id": id,
    });
    format!("{}\n", json!({"type": "STATE", "state": state}))
}

/// Loads rows of random input in one sync and compares every value and every change entry. `cut` takes the input apart
/// as stdin will bring it.
pub fn check(
    database: &TestDatabase,
    sql: &Sql,
    fields: &[(&str, Kind)],
    rows: &[Row],
    cut: impl FnOnce(Vec<u8>) -> Vec<Vec<u8>>,
) -> Result<(), String> {
    const STREAM: &str = "random";
    assert!(fields.is_sorted_by_key(|(name, _)| *name), "the catalog and the change entries are in the order of names");
    sql.run(&format!("DROP TABLE IF EXISTS airbyte.{STREAM}"))
        .or_else(|error| if error.starts_with("3F000") { Ok(()) } else { Err(error) })?;
    let mut declared = vec![("row".to_owned(), Kind::Integer)];
    declared.extend(fields.iter().map(|&(name, kind)| (name.to_owned(), kind)));
    let outcome = load(database, STREAM, &declared, fields, rows, cut);
    if outcome.code() != 0 {
        return Err(format!("exit code {}: {:#?} {}", outcome.code(), outcome.stdout, outcome.stderr));
    }
    let counts: Vec<Value> =
        outcome.messages_of("STATE").iter().map(|m| m["state"]["destinationStats"]["recordCount"].clone()).collect();
    if counts.iter().filter_map(Value::as_f64).sum::<f64>() != rows.len() as f64 {
        return Err(format!("{} rows were sent, but the states acknowledge {counts:?}", rows.len()));
    }
    compare(sql, STREAM, fields, rows)
}

fn load(
    database: &TestDatabase,
    stream: &str,
    declared: &[(String, Kind)],
    fields: &[(&str, Kind)],
    rows: &[Row],
    cut: impl FnOnce(Vec<u8>) -> Vec<Vec<u8>>,
) -> Outcome {
    let mut input = String::new();
    for (number, row) in rows.iter().enumerate() {
        let _ = write!(input, r#"{{"type":"RECORD","record":{{"stream":"{stream}","emitted_at":1700000000000,"#);
        if !row.source_changes.is_empty() {
            let _ = write!(input, r#""meta":{{"changes":{}}},"#, json!(row.source_changes));
        }
        let _ = write!(input, r#""data":{{"row":{number}{}}}}}}}"#, data(fields, row));
        input.push('\n');
    }
    input.push_str(&state_line(stream, 1));
    let pieces = cut(input.into_bytes());
    let mut config = database.config();
    if pieces.len() > 1 {
        // Several windows, should it take that long.
        config["commit_interval_seconds"] = json!(1);
    }
    let running = Connector::write(&config, &catalog(stream, declared, &json!({}))).start();
    for piece in pieces {
        running.feed(&piece);
    }
    running.finish(TIMEOUT).expect("the connector ends in time")
}

/// The members of `data` after the row's number, each behind a comma.
fn data(fields: &[(&str, Kind)], row: &Row) -> String {
    if let Some(data) = &row.data {
        return data.clone();
    }
    let members = fields.iter().zip(&row.cells);
    let members = members.filter_map(|((name, _), cell)| Some(format!(",{}:{}", json!(name), cell.json.as_ref()?)));
    members.collect()
}

fn compare(sql: &Sql, stream: &str, fields: &[(&str, Kind)], rows: &[Row]) -> Result<(), String> {
    let columns: String = fields.iter().map(|(name, _)| format!(", {}::text", quote_identifier(name))).collect();
    let query = format!("SELECT \"row\", _airbyte_meta->'changes'{columns} FROM airbyte.{}", quote_identifier(stream));
    let mut stored: HashMap<usize, Vec<Option<String>>> = HashMap::new();
    for mut row in sql.rows(&query)? {
        let number = row.remove(0).and_then(|n| n.parse().ok()).ok_or("a row without its number")?;
        if stored.insert(number, row).is_some() {
            return Err(format!("row {number} is there twice"));
        }
    }
    let mut told = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let Some(mut values) = stored.remove(&number) else {
            told.push(format!("row {number} is missing: {}", shortened(&data(fields, row))));
            continue;
        };
        let changes = values.remove(0).unwrap_or_default();
        let changes: Value = serde_json::from_str(&changes).map_err(|e| format!("{e}: {changes}"))?;
        let mut wanted_changes = row.source_changes.clone();
        for (((name, kind), cell), value) in fields.iter().zip(&row.cells).zip(values) {
            wanted_changes.extend(cell.change.map(|change| change.entry(name)));
            if value != cell.stored {
                told.push(format!(
                    "row {number}, {name} ({kind:?}): sent {}\n    stored   {}\n    expected {}",
                    cell.json.as_deref().map_or("nothing".into(), shortened),
                    value.as_deref().map_or("NULL".into(), shortened),
                    cell.stored.as_deref().map_or("NULL".into(), shortened),
                ));
            }
        }
        if changes != json!(wanted_changes) {
            told.push(format!(
                "row {number}: sent {}\n    changes  {changes}\n    expected {}",
                shortened(&data(fields, row)),
                json!(wanted_changes)
            ));
        }
    }
    if !stored.is_empty() {
        told.push(format!("{} rows that nobody sent", stored.len()));
    }
    if told.is_empty() {
        return Ok(());
    }
    let count = told.len();
    told.truncate(TOLD);
    Err(format!("{count} differences:\n{}", told.join("\n")))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TOLD_CHARS) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}
