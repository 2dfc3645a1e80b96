//! A sync with known ids behind a proxy, and the count of what is in its tables afterwards.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::bastion::Bastion;
use crate::support::cable::Cable;
use crate::support::connector::{Connector, Outcome, Running};
use crate::support::fault_proxy::FaultProxy;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Address, TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::ssh_keys;

/// Whatever is waited for comes within this, on a busy machine too.
pub const SOON: Duration = Duration::from_secs(120);

pub type Checked = Result<(), String>;

/// A database, its proxy, and a session of the superuser that looks on.
pub struct Scenario {
    /// It goes before its server does.
    pooler: Option<PgBouncer>,
    pub proxy: FaultProxy,
    pub sql: Sql,
    pub database: TestDatabase,
    /// Settings of the connector beside those of the database.
    pub settings: Value,
}

/// A way from the connector to the server; the proxy is always on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    Direct,
    /// A PgBouncer in transaction mode, and the proxy in front of it.
    ToPooler,
    /// The same with a pool of one connection.
    ToPoolOfOne,
    /// As `ToPooler` with the proxy behind it.
    BehindPooler,
    /// An OpenSSH bastion, and the proxy behind it.
    BehindBastion,
}

/// How a stream of the catalog is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    Append,
    Dedup,
    /// A refresh of this generation.
    Refresh(i64),
}

impl Scenario {
    /// On the server that all tests share.
    pub fn shared() -> Result<Self, String> {
        Self::on(&TestServer::shared())
    }

    /// On the server that all tests share, by this way.
    pub fn by(route: Route) -> Result<Self, String> {
        let mut scenario = Self::shared()?;
        match route {
            Route::Direct => {}
            Route::ToPooler | Route::ToPoolOfOne => {
                let size = if route == Route::ToPooler { 4 } else { 1 };
                let bouncer = PgBouncer::start(&scenario.database, "transaction", size, &[]);
                scenario.proxy = FaultProxy::before(bouncer.port());
                scenario.settings = json!({"port": scenario.proxy.port()});
                scenario.pooler = Some(bouncer);
            }
            Route::BehindPooler => {
                let port = scenario.proxy.port();
                let bouncer = PgBouncer::start_before(port, &scenario.database, "transaction", 4, &[]);
                scenario.settings = json!({"port": bouncer.port()});
                scenario.pooler = Some(bouncer);
            }
            Route::BehindBastion => {
                let tunnel = Bastion::shared().by_key(&ssh_keys::key("ed25519").private);
                scenario.settings = json!({"tunnel_method": tunnel});
            }
        }
        Ok(scenario)
    }

    /// On a server of its own, which the test may harm.
    pub fn on(address: &Address) -> Result<Self, String> {
        let database = address.database()?;
        let sql = database.superuser()?;
        let proxy = FaultProxy::before(database.port());
        Ok(Self { pooler: None, proxy, sql, database, settings: json!({}) })
    }

    /// On a server of its own, whose connectors come by cable and not by the proxy.
    pub fn by_cable() -> Result<(Cable, Self, TestServer), String> {
        let cable = Cable::lay()?;
        let server = TestServer::start_with(&[&format!("listen_addresses=127.0.0.1,{}", cable.here())]);
        let mut scenario = Self::on(&server.address())?;
        scenario.sql.run(
            "COPY (SELECT 'host all all all scram-sha-256') TO PROGRAM 'cat >> pg_hba.conf'; SELECT pg_reload_conf()",
        )?;
        scenario.settings = json!({"host": cable.here(), "port": scenario.database.port()});
        Ok((cable, scenario, server))
    }

    pub fn config(&self) -> Value {
        let mut config = self.database.config();
        config["port"] = json!(self.proxy.port());
        config["commit_interval_seconds"] = json!(1);
        for (name, value) in self.settings.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        config
    }

    /// Starts a sync of these streams.
    pub fn start(&self, streams: &[(&str, Mode)]) -> Running {
        Connector::write(&self.config(), &catalog(streams)).start()
    }

    /// As `start`, on the far side of the cable.
    pub fn start_beyond(&self, cable: &Cable, streams: &[(&str, Mode)]) -> Running {
        Connector::write(&self.config(), &catalog(streams)).by(&cable.beyond()).start()
    }

    /// How many statements that begin like this went through the proxy.
    pub fn sent(&self, beginning: &str) -> usize {
        self.proxy.statements().iter().filter(|statement| statement.starts_with(beginning)).count()
    }

    /// `table` holds exactly the ids of these ranges, each once.
    pub fn holds(&self, table: &str, ids: &[Range<u32>]) -> Checked {
        let mut wanted: Vec<u32> = ids.iter().cloned().flatten().collect();
        let rows = self.database.superuser()?.rows(&format!("SELECT id FROM airbyte.{table}"))?;
        let mut stored: Vec<u32> =
            rows.into_iter().flatten().map(|id| id.and_then(|id| id.parse().ok()).expect("an id")).collect();
        wanted.sort_unstable();
        stored.sort_unstable();
        if wanted == stored {
            return Ok(());
        }
        let missing = wanted.iter().filter(|id| stored.binary_search(id).is_err()).count();
        let twice = stored.windows(2).filter(|pair| pair[0] == pair[1]).count();
        Err(format!(
            "{table} has {} rows instead of {}: {missing} are missing, {twice} are there more than once",
            stored.len(),
            wanted.len()
        ))
    }

    /// Waits until a session of the connector is seen so in `pg_stat_activity`; answers its process id.
    pub fn wait_for_process(&self, condition: &str) -> Result<String, String> {
        let query = format!(
            "SELECT pid FROM pg_stat_activity WHERE usename = '{}' AND {condition} LIMIT 1",
            self.database.writer
        );
        let found = wait_for(&format!("a process with {condition}"), || {
            self.sql.value(&query).map(|pid| Some(pid).filter(|pid| !pid.is_empty()))
        });
        found.or_else(|error| Err(format!("{error}; there are:\n{}", self.processes()?)))
    }

    /// What each session of the writer does.
    fn processes(&self) -> Result<String, String> {
        self.sql.value(&format!(
            "SELECT string_agg(concat_ws(' ', pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), \
             clock_timestamp() - state_change, left(query, 200)), E'\\n') \
             FROM pg_stat_activity WHERE usename = '{}'",
            self.database.writer
        ))
    }

    pub fn terminate(&self, pid: &str) -> Checked {
        self.sql.run(&format!("SELECT pg_terminate_backend({pid})"))
    }

    /// Nothing of the connector is left: no session but those of a pool, no lock.
    pub fn nothing_is_left(&self) -> Checked {
        let pooled = if self.pooler.is_some() { " AND state <> 'idle'" } else { "" };
        let query = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'{pooled}", self.database.writer);
        let sql = self.database.superuser()?;
        wait_for("the end of the connector's sessions", || {
            Ok(Some(()).filter(|()| sql.value(&query).is_ok_and(|count| count == "0")))
        })
    }
}

/// Asks again and again.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>, String>) -> Result<T, String> {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {} seconds", SOON.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn catalog(streams: &[(&str, Mode)]) -> Value {
    let streams: Vec<Value> = streams.iter().map(|(name, mode)| stream(name, *mode)).collect();
    json!({"streams": streams})
}

fn stream(name: &str, mode: Mode) -> Value {
    let properties = json!({
        "id": {"type": "integer"},
        "part": {"type": "integer"},
        "pad": {"type": "string"},
    });
    let (generation, minimum) = match mode {
        Mode::Refresh(generation) => (generation, generation),
        _ => (0, 0),
    };
    json!({
        "stream": {"name": name, "json_schema": {"type": "object", "properties": properties}},
        "sync_mode": "incremental",
        "destination_sync_mode": if mode == Mode::Append { "append" } else { "append_dedup" },
        "primary_key": [["id"]],
        "cursor_field": ["part"],
        "generation_id": generation,
        "minimum_generation_id": minimum,
        "sync_id": 1,
    })
}

/// Records with these ids.
pub fn records(stream: &str, part: u32, ids: Range<u32>) -> String {
    ids.map(|id| {
        let data = json!({"id": id, "part": part, "pad": "x".repeat(100)});
        format!("{}\n", json!({"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data}}))
    })
    .collect()
}

pub fn state(number: u32) -> String {
    let global = json!({"shared_state": {"number": number}, "stream_states": []});
    format!("{}\n", json!({"type": "STATE", "state": {"type": "GLOBAL", "global": global}}))
}

/// A hundred records of `events` and `people` each, and their state.
pub fn window(number: u32) -> String {
    let ids = number * 100..number * 100 + 100;
    [records("events", number, ids.clone()), records("people", number, ids), state(number)].concat()
}

pub fn complete(streams: &[&str]) -> String {
    let line = |name: &&str| {
        let status = json!({"stream_descriptor": {"name": name}, "status": "COMPLETE"});
        let trace = json!({"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status});
        format!("{}\n", json!({"type": "TRACE", "trace": trace}))
    };
    streams.iter().map(line).collect()
}

/// Ended well, with so many states.
pub fn succeeded(outcome: &Outcome, states: usize) -> Checked {
    let acknowledged = outcome.messages_of("STATE").len();
    if outcome.code() == 0 && acknowledged == states {
        return Ok(());
    }
    Err(format!("exit code {}, {acknowledged} states of {states}: {:#?}", outcome.code(), outcome.stdout))
}

/// Ended with one error of this failure type whose message holds all these words.
pub fn failed(outcome: &Outcome, failure_type: &str, words: &[&str]) -> Checked {
    let errors: Vec<Value> =
        outcome.messages_of("TRACE").into_iter().filter(|m| m["trace"]["type"] == "ERROR").collect();
    let [error] = &errors[..] else {
        return Err(format!("exit code {}, not one error: {:#?}", outcome.code(), outcome.stdout));
    };
    let error = &error["trace"]["error"];
    let message = error["message"].as_str().unwrap_or_default();
    if outcome.code() == 1 && error["failure_type"] == failure_type && words.iter().all(|word| message.contains(word)) {
        return Ok(());
    }
    Err(format!("exit code {}: expected {failure_type} with {words:?}: {error}", outcome.code()))
}

/// Some LOG holds these words.
pub fn logged(outcome: &Outcome, words: &str) -> Checked {
    let said = |log: &Value| log["log"]["message"].as_str().is_some_and(|text| text.contains(words));
    if outcome.messages_of("LOG").iter().any(said) {
        return Ok(());
    }
    Err(format!("no LOG says \"{words}\": {:#?}", outcome.stdout))
}

/// What the last LOG lines say of a stream, or with `None` of all together.
pub fn summary(outcome: &Outcome, stream: Option<&str>) -> Result<Value, String> {
    let lines = outcome.messages_of("LOG").into_iter().filter_map(|log| {
        let text = log["log"]["message"].as_str()?.strip_prefix("Summary: ")?.to_owned();
        Some(serde_json::from_str::<Value>(&text).expect("JSON"))
    });
    let mut wanted = lines.filter(|line| line["stream"].as_str() == stream);
    match (wanted.next(), wanted.next()) {
        (Some(line), None) => Ok(line),
        (line, _) => Err(format!("one summary of {stream:?}, not {line:?}: {:#?}", outcome.stdout)),
    }
}

/// These members of a summary are so.
pub fn counted(summary: &Value, wanted: &Value) -> Checked {
    for (name, value) in wanted.as_object().expect("an object") {
        if summary[name] != *value {
            return Err(format!("{name} is {} instead of {value}: {summary}", summary[name]));
        }
    }
    Ok(())
}
