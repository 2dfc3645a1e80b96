//! A few syncs that between them use every sync mode and every type: what comes out must not depend on how the server is
//! reached or how it is set up.

use std::fmt::Write;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::connector::{Connector, Outcome};
use super::dump;
use super::postgres::TestDatabase;

/// One sync: its name, members of the configuration, catalog, input, and what the writer itself does before.
struct Sync {
    name: &'static str,
    settings: Value,
    catalog: Value,
    input: String,
    before: &'static str,
}

/// A stream of a catalog.
pub struct Stream<'a> {
    pub name: &'a str,
    pub properties: Value,
    pub mode: &'a str,
    pub key: &'a [&'a str],
    pub generation: i64,
    pub minimum: i64,
}

/// Runs all syncs with `config` and answers every table of `database` as text.
///
/// # Errors
/// The first sync that failed, with what it said.
pub fn run(database: &TestDatabase, config: &Value) -> Result<String, String> {
    for sync in syncs() {
        if !sync.before.is_empty() {
            database.writer()?.run(sync.before).map_err(|e| format!("before {}: {e}", sync.name))?;
        }
        let outcome = Connector::write(&merged(config, &sync.settings), &sync.catalog).run(sync.input.as_bytes());
        let expected = sync.input.lines().filter(|line| line.contains("\"STATE\"")).count();
        succeeded(&outcome, expected).map_err(|e| format!("{}: {e}", sync.name))?;
    }
    let sql = database.superuser()?;
    let views =
        "SELECT id, amount FROM airbyte.events_of_today ORDER BY id; SELECT * FROM airbyte.\"Odd\"\"Name\" ORDER BY 1";
    Ok(format!("{}\n{}", dump::tables(&sql)?, dump::answers(&sql, views)?))
}

/// What [`run`] answers for a plain server reached directly.
///
/// # Errors
/// As [`run`].
pub fn baseline() -> Result<String, String> {
    static TABLES: OnceLock<Result<String, String>> = OnceLock::new();
    let run = || {
        let database = super::postgres::TestServer::shared().database()?;
        run(&database, &database.config())
    };
    TABLES.get_or_init(run).clone()
}

/// That two answers of [`run`] are the same.
///
/// # Errors
/// The lines that differ.
pub fn same(actual: &str, expected: &str) -> Result<(), String> {
    let lines = actual.lines().zip(expected.lines()).filter(|(actual, expected)| actual != expected);
    let lines: Vec<String> = lines.map(|(actual, expected)| format!("- {expected}\n+ {actual}")).collect();
    if actual == expected { Ok(()) } else { Err(format!("not as on a plain server:\n{}", lines.join("\n"))) }
}

/// That a sync ended well, with so many states.
///
/// # Errors
/// What it said instead.
pub fn succeeded(outcome: &Outcome, states: usize) -> Result<(), String> {
    let seen = outcome.messages_of("STATE").len();
    if outcome.code() == 0 && seen == states { Ok(()) } else { Err(format!("{states} states expected: {outcome:#?}")) }
}

/// `config` with more members.
pub fn merged(config: &Value, more: &Value) -> Value {
    let mut config = config.clone();
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    config
}

/// A catalog of one append stream of `id` and `text`.
pub fn append_catalog(name: &str) -> Value {
    catalog(&[Stream {
        name,
        properties: json!({"id": {"type": "integer"}, "text": {"type": "string"}}),
        mode: "append",
        key: &[],
        generation: 1,
        minimum: 0,
    }])
}

/// Records `ids` of [`append_catalog`] with so many bytes of text each, and a state behind them.
pub fn append_input(name: &str, ids: std::ops::Range<u64>, bytes: usize) -> String {
    let text = "x".repeat(bytes);
    let state = state(name, i64::try_from(ids.end).expect("a small number"));
    let mut input = String::new();
    for id in ids {
        input.push_str(&record(name, &json!({"id": id, "text": text})));
    }
    input + &state
}

/// A COMPLETE of the stream.
pub fn complete(name: &str) -> String {
    let status = json!({"stream_descriptor": {"name": name}, "status": "COMPLETE"});
    let trace = json!({"type": "STREAM_STATUS", "emitted_at": 1_700_000_000_000.0, "stream_status": status});
    format!("{}\n", json!({"type": "TRACE", "trace": trace}))
}

/// A STATE of the stream.
pub fn state(name: &str, at: i64) -> String {
    let stream = json!({"stream_descriptor": {"name": name}, "stream_state": {"at": at}});
    format!("{}\n", json!({"type": "STATE", "state": {"type": "STREAM", "stream": stream}}))
}

/// A RECORD of the stream.
pub fn record(stream: &str, data: &Value) -> String {
    let record = json!({"stream": stream, "emitted_at": 1_700_000_000_000_u64, "data": data});
    format!("{}\n", json!({"type": "RECORD", "record": record}))
}

/// A catalog of these streams.
pub fn catalog(streams: &[Stream<'_>]) -> Value {
    let one = |s: &Stream<'_>| {
        json!({
            "stream": {
                "name": s.name,
                "json_schema": {"type": "object", "properties": s.properties},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "incremental",
            "destination_sync_mode": s.mode,
            "primary_key": s.key.iter().map(|field| json!([field])).collect::<Vec<_>>(),
            "cursor_field": [],
            "generation_id": s.generation,
            "minimum_generation_id": s.minimum,
            "sync_id": 7,
        })
    };
    json!({"streams": streams.iter().map(one).collect::<Vec<_>>()})
}

fn syncs() -> Vec<Sync> {
    let types = json!({
        "id": {"type": "integer"},
        "amount": {"type": "number"},
        "flag": {"type": "boolean"},
        "note": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "local": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
        "time": {"type": "string", "format": "time"},
        "clock": {"type": "string", "format": "time", "airbyte_type": "time_without_timezone"},
        "tags": {"type": "array"},
        "more": {"type": "object"},
    });
    let rows = |stream: &str, ids: std::ops::Range<i64>, word: &str| {
        ids.map(|id| {
            let mut data = json!({
                "id": id, "amount": format!("{id}.000000000000000000000000000001").parse::<f64>().unwrap_or(0.5) + 0.1,
                "flag": id % 2 == 0, "note": format!("{word} {id} \\ ' \" é 漢 \u{1f600} I\u{130}i\u{131}"),
                "day": "0044-03-15", "at": "2024-02-29T23:59:59.123456+05:45", "local": "1999-12-31T01:02:03",
                "time": "12:34:56.789-08:00", "clock": "01:02:03", "tags": [1, "two", null, {"three": 3.0}],
                "more": {"text": "\\u0041 \\ é", "word": word},
            });
            if id % 3 == 0 {
                data["note"] = Value::Null;
                data["at"] = json!("not a time");
                data["amount"] = json!("12345678901234567890.123456789");
            }
            record(stream, &data)
        })
        .collect::<String>()
    };
    let events = |mode, properties: &Value, generation, minimum| Stream {
        name: "events",
        properties: properties.clone(),
        mode,
        key: &[],
        generation,
        minimum,
    };
    let users = |generation, minimum| Stream {
        name: "users",
        properties: json!({"id": {"type": "string"}, "name": {"type": "string"},
            "_ab_cdc_deleted_at": {"type": "string", "format": "date-time"}}),
        mode: "append_dedup",
        key: &["id"],
        generation,
        minimum,
    };
    let user = |id: &str, name: &str| record("users", &json!({"id": id, "name": name}));
    let gone = |id: &str| record("users", &json!({"id": id, "_ab_cdc_deleted_at": "2024-01-01T00:00:00Z"}));
    let odd = Stream { name: "Odd\"Name", ..events("append", &json!({"Größe; --": {"type": "string"}}), 1, 0) };
    let mut changed = types.clone();
    changed["flag"] = json!({"type": "string"});
    changed["note"] = json!({"type": "integer"});
    changed["extra"] = json!({"type": "string"});
    let mut many = String::new();
    let wide: Vec<String> = (0..6).map(|number| format!("wide_{number}")).collect();
    for name in &wide {
        let _ = write!(many, "{}{}", append_input(name, 0..900, 4_000), complete(name));
    }
    let sync = |name, catalog, input: String| Sync { name, settings: json!({}), catalog, input, before: "" };
    vec![
        sync(
            "first",
            catalog(&[events("append", &types, 1, 0), users(1, 0), odd]),
            rows("events", 1..8, "first")
                + &user("A", "one")
                + &user("a", "two")
                + &user("é", "three")
                + &user("e\u{301}", "four")
                + &user("gone", "soon")
                + &record("Odd\"Name", &json!({"Größe; --": "'; DROP TABLE x; --"}))
                + &state("events", 1)
                + &state("users", 1)
                + &state("Odd\"Name", 1),
        ),
        Sync {
            before: "SET search_path = pg_catalog;
                CREATE VIEW airbyte.events_of_today AS SELECT id, amount, upper(note) AS note FROM airbyte.events;
                CREATE VIEW airbyte.\"Odd\"\"Name\" AS SELECT name || chr(92) AS name FROM airbyte.users WHERE id <> 'x'",
            ..sync(
                "upserts and deletions",
                catalog(&[users(1, 0)]),
                user("A", "one again") + &user("new", "five") + &gone("gone") + &state("users", 2) + &complete("users"),
            )
        },
        sync(
            "schema change",
            catalog(&[events("append", &changed, 1, 0)]),
            record("events", &json!({"id": 100, "flag": "yes", "note": 5, "extra": "new"})) + &state("events", 2),
        ),
        sync(
            "overwrite",
            catalog(&[events("overwrite", &changed, 2, 2)]),
            record("events", &json!({"id": 200, "amount": 1.5, "flag": "no", "extra": "only"}))
                + &state("events", 3)
                + &complete("events"),
        ),
        sync(
            "refresh",
            catalog(&[users(2, 2)]),
            user("A", "refreshed") + &state("users", 3) + &user("b", "also") + &state("users", 4) + &complete("users"),
        ),
        Sync {
            settings: json!({"disable_type_dedupe": true, "raw_data_schema": "raw_tables"}),
            ..sync("raw", catalog(&[events("append", &types, 1, 0)]), rows("events", 1..4, "raw") + &state("events", 1))
        },
        Sync {
            settings: json!({"max_connections": 8}),
            ..sync(
                "many streams",
                catalog(
                    &wide
                        .iter()
                        .map(|name| Stream {
                            name,
                            ..events("append", &json!({"id": {"type": "integer"}, "text": {"type": "string"}}), 1, 0)
                        })
                        .collect::<Vec<_>>(),
                ),
                many,
            )
        },
    ]
}
