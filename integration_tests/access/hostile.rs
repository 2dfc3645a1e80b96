//! Servers that lie, stall and break the protocol: each gets one honest sentence in its time, and never the password.

mod addresses;
mod login;
mod session;

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};

/// Everything that every configuration here must not show, in output or in clear text on the wire.
const PASSWORD: &str = "S3cret \"p@ss\" wörd%/+\\";

/// How long a check may take whatever the network does, with room for a busy machine.
const BOUND: Duration = Duration::from_secs(40);

pub fn trials() -> Vec<Trial> {
    addresses::trials().into_iter().chain(login::trials()).chain(session::trials()).collect()
}

/// A configuration for the server at this port, in this mode of encryption, that waits three seconds for a connection.
fn config(port: u16, mode: &Value) -> Value {
    json!({
        "host": "127.0.0.1",
        "port": port,
        "database": "app",
        "schema": "public",
        "username": "writer",
        "password": PASSWORD,
        "ssl": true,
        "ssl_mode": mode,
        "jdbc_url_params": "connectTimeout=3",
    })
}

/// The message of a check that fails as it must: one answer, in time, nothing else on stdout or stderr.
fn failure(config: &Value) -> Result<String, String> {
    let begun = Instant::now();
    let outcome = Connector::check(config).run(b"");
    if begun.elapsed() > BOUND {
        return Err(format!("it took {:?}: {outcome:?}", begun.elapsed()));
    }
    judge(&outcome, config)
}

/// As [`failure`], for a run that has ended.
fn judge(outcome: &Outcome, config: &Value) -> Result<String, String> {
    let Err(text) = outcome.checked() else { return Err(format!("it succeeds: {outcome:?}")) };
    let quiet = outcome.messages().iter().all(|message| ["LOG", "CONNECTION_STATUS"].contains(&&*text_of(message)));
    let printable = !outcome.stdout.iter().any(|line| line.contains("\\u001b") || line.contains('\u{1b}'));
    if !(quiet && printable && outcome.code() == 0 && outcome.stderr.is_empty()) {
        return Err(format!("{outcome:?}"));
    }
    Ok(text.replace(&format!(":{}", config["port"]), ":5432"))
}

fn text_of(message: &Value) -> String {
    message["type"].as_str().unwrap_or_default().to_owned()
}

/// The `failure_type` of a write that fails with one TRACE ERROR.
fn failure_type(config: &Value) -> Result<String, String> {
    let stream = json!({
        "name": "numbers",
        "json_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "supported_sync_modes": ["full_refresh"],
    });
    let configured = json!({"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"});
    let outcome = Connector::write(config, &json!({"streams": [configured]})).run(b"");
    let traces = outcome.messages_of("TRACE");
    let errors: Vec<_> = traces.iter().filter(|trace| trace["trace"]["type"] == "ERROR").collect();
    match errors.as_slice() {
        [error] if outcome.code() == 1 && outcome.stderr.is_empty() => {
            Ok(error["trace"]["error"]["failure_type"].as_str().unwrap_or_default().to_owned())
        }
        _ => Err(format!("not one TRACE ERROR: {outcome:?}")),
    }
}
