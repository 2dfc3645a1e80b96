//! A database and a connector on it, with looks at both from outside.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::workload::{self, Stream};

/// Whatever is waited for comes within this, on a busy machine too.
pub const SOON: Duration = Duration::from_secs(60);
/// An end that was asked for comes within this: `limits::TERMINATE_GRACE` and some room for a busy machine.
pub const GRACE: Duration = Duration::from_secs(15);
/// What has no reason to wait has happened within this.
pub const AT_ONCE: Duration = Duration::from_secs(6);

pub struct Bed {
    pub database: TestDatabase,
    pub sql: Sql,
    /// Settings of the connector beside those of the database.
    pub settings: Value,
}

impl Bed {
    pub fn new() -> Result<Self, String> {
        let database = TestServer::shared().database()?;
        let sql = database.superuser()?;
        Ok(Self { database, sql, settings: json!({"commit_interval_seconds": 1}) })
    }

    /// Nothing is committed before the input ends.
    pub fn that_waits(mut self) -> Self {
        self.settings = json!({"commit_interval_seconds": 900});
        self
    }

    pub fn config(&self) -> Value {
        workload::merged(&self.database.config(), &self.settings)
    }

    pub fn write(&self, catalog: &Value) -> Connector {
        Connector::write(&self.config(), catalog)
    }

    /// A sync of the append stream `rows`.
    pub fn append(&self) -> Connector {
        self.write(&workload::append_catalog("rows"))
    }

    /// The rows of `airbyte.rows`.
    pub fn rows(&self) -> u64 {
        self.value("SELECT count(*) FROM airbyte.rows").parse().expect("a count")
    }

    pub fn value(&self, query: &str) -> String {
        self.sql.value(query).expect("a query that works")
    }

    /// Waits until a query answers `t`.
    pub fn wait_for(&self, query: &str) -> Result<(), String> {
        wait_for(query, || self.sql.value(query).is_ok_and(|answer| answer == "t"))
    }

    /// Waits until the table of a stream is there, so that the connector is about to read its input.
    pub fn wait_for_table(&self) -> Result<(), String> {
        self.wait_for("SELECT to_regclass('airbyte.rows') IS NOT NULL")
    }

    /// Waits until the connector waits for a lock.
    pub fn wait_for_lock(&self) -> Result<(), String> {
        let writer = &self.database.writer;
        self.wait_for(&format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = '{writer}' AND wait_event_type = 'Lock'"
        ))
    }

    /// Waits until the server has no session of the connector any more, and so no lock and no open transaction.
    pub fn nothing_is_left(&self) -> Result<(), String> {
        let writer = &self.database.writer;
        self.wait_for(&format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = '{writer}'"))
    }

    /// Another session that holds the table until it is dropped.
    pub fn lock(&self, table: &str, mode: &str) -> Result<Sql, String> {
        let session = self.database.superuser()?;
        session.run(&format!("BEGIN; LOCK TABLE {table} IN {mode} MODE"))?;
        Ok(session)
    }
}

pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {} seconds", SOON.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A refresh of the stream `rows` to this generation.
pub fn refresh(generation: i64) -> Value {
    workload::catalog(&[Stream {
        name: "rows",
        properties: json!({"id": {"type": "integer"}, "text": {"type": "string"}}),
        mode: "overwrite",
        key: &[],
        generation,
        minimum: generation,
    }])
}

/// The most memory that a running process ever had, in bytes; or none when it has ended.
pub fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Nothing on stderr is a panic's, and stdout holds the one error that ended it, of this type, with these words.
pub fn failed(outcome: &Outcome, failure_type: &str, words: &[&str]) -> Result<(), String> {
    no_panic_text(outcome)?;
    let errors: Vec<Value> =
        outcome.messages_of("TRACE").into_iter().filter(|m| m["trace"]["type"] == "ERROR").collect();
    let [error] = &errors[..] else { return Err(format!("not one error: {outcome:#?}")) };
    let error = &error["trace"]["error"];
    let message = error["message"].as_str().unwrap_or_default();
    if outcome.code() == 1 && error["failure_type"] == failure_type && words.iter().all(|word| message.contains(word)) {
        return Ok(());
    }
    Err(format!("exit code {}: expected {failure_type} with {words:?}: {error}", outcome.code()))
}

pub fn no_panic_text(outcome: &Outcome) -> Result<(), String> {
    if outcome.stderr.contains("panicked") || outcome.stdout.iter().any(|line| line.contains("panicked")) {
        return Err(format!("a panic is told: {outcome:#?}"));
    }
    Ok(())
}
