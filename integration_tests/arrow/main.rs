//! BATCH messages: files made by pyarrow, loaded into a real server, and compared with what it says of the same values.
//!
//! One file a subject; each answers its tests from `trials()`. `cargo test --test arrow FILTER` runs some of them, on the server
//! that `PG_MAJOR` names.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod bombs;
mod broken;
mod declared;
mod example;
mod large;
mod meta;
mod modes;
mod roots;
mod rows;
mod spec;
#[path = "../support/mod.rs"]
mod support;
mod types;
mod values;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use serde_json::{Value, json};

use support::connector::{Connector, Outcome};
use support::postgres::{TestDatabase, TestServer};
use support::python::Files;

const SCRIPT: &str = "integration_tests/arrow/make.py";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let mut trials = Vec::new();
    trials.extend(bombs::trials());
    trials.extend(broken::trials());
    trials.extend(declared::trials());
    trials.extend(example::trials());
    trials.extend(large::trials());
    trials.extend(meta::trials());
    trials.extend(modes::trials());
    trials.extend(roots::trials());
    trials.extend(rows::trials());
    trials.extend(spec::trials());
    trials.extend(types::trials());
    trials.extend(values::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    TestServer::stop_shared();
    conclusion.exit_code()
}

/// A stream `t` that declares nothing and only adds rows; members of `more` go over it.
fn stream(more: Value) -> Value {
    let mut stream = json!({
        "stream": {"name": "t", "json_schema": {}},
        "sync_mode": "full_refresh",
        "destination_sync_mode": "append",
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 7,
    });
    for (name, value) in more.as_object().expect("an object") {
        stream[name] = value.clone();
    }
    stream
}

fn catalog(more: Value) -> Value {
    json!({"streams": [stream(more)]})
}

/// A BATCH of stream `t`.
fn batch(format: &str, urls: &[String]) -> String {
    message(
        json!({"stream": "t", "emitted_at": 1_700_000_000_000_i64, "encoding": {"format": format}, "manifest": urls}),
    )
}

fn message(batch: Value) -> String {
    json!({"type": "BATCH", "batch": batch}).to_string() + "\n"
}

fn record(data: Value) -> String {
    json!({"type": "RECORD", "record": {"stream": "t", "emitted_at": 1_600_000_000_000_i64, "data": data}}).to_string()
        + "\n"
}

fn state(number: u32) -> String {
    let stream = json!({"stream_descriptor": {"name": "t"}, "stream_state": {"number": number}});
    json!({"type": "STATE", "state": {"type": "STREAM", "stream": stream}}).to_string() + "\n"
}

const COMPLETE: &str = "{\"type\":\"TRACE\",\"trace\":{\"type\":\"STREAM_STATUS\",\"emitted_at\":1.0,\"stream_status\":{\"stream_descriptor\":{\"name\":\"t\"},\"status\":\"COMPLETE\"}}}\n";

/// The format that the ending of a file's name stands for.
fn format_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("parquet") => "parquet",
        Some("arrow") => "arrow_file",
        Some("arrows") => "arrow_stream",
        other => panic!("{name}: {other:?}"),
    }
}

/// A BATCH of some files of one format.
fn batch_of(files: &Files, names: &[&str]) -> String {
    batch(format_of(names[0]), &names.iter().map(|name| files.url(name)).collect::<Vec<_>>())
}

/// A connector that may read the files.
fn connector(database: &TestDatabase, catalog: &Value, files: &Files) -> Connector {
    let root = files.path().display().to_string();
    Connector::write(&database.config(), catalog).env("DESTINATION_BATCH_ROOTS", &root)
}

fn write(database: &TestDatabase, catalog: &Value, files: &Files, input: &str) -> Outcome {
    connector(database, catalog, files).run(input.as_bytes())
}

/// Writes, which must go well.
fn good(database: &TestDatabase, catalog: &Value, files: &Files, input: &str) -> Outcome {
    let outcome = write(database, catalog, files, input);
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    outcome
}

/// The counts of the acknowledged states.
fn acknowledged(outcome: &Outcome) -> Vec<f64> {
    let count = |state: &Value| state["state"]["destinationStats"]["recordCount"].as_f64().expect("a count");
    outcome.messages_of("STATE").iter().map(count).collect()
}

/// What a failed write says: the failure type and the message, which names the stream.
fn failure(outcome: &Outcome) -> (String, String) {
    assert_eq!(outcome.code(), 1, "{outcome:#?}");
    let traces = outcome.messages_of("TRACE");
    let [trace] = &traces[..] else { panic!("not one TRACE: {outcome:#?}") };
    let error = &trace["trace"]["error"];
    assert_eq!(error["stream_descriptor"]["name"], "t", "{error}");
    let text = |name: &str| error[name].as_str().expect(name).to_owned();
    (text("failure_type"), text("message"))
}

/// Rows of a query as texts, NULL as `-`.
fn rows(database: &TestDatabase, query: &str) -> Result<Vec<String>, String> {
    let rows = database.superuser()?.rows(query)?;
    let text = |row: Vec<Option<String>>| {
        row.into_iter().map(|value| value.unwrap_or_else(|| "-".into())).collect::<Vec<_>>().join("|")
    };
    Ok(rows.into_iter().map(text).collect())
}
