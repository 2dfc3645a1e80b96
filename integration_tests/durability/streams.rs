//! Many streams: what a server has for their locks, and what each of them costs.

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, SOON, Scenario, failed, logged, records, state, succeeded};
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("streams::five_thousand_interleaved", || Ok(five_thousand()?)),
        Trial::test("streams::with_room_for_few_locks", || Ok(few_locks()?)),
    ]
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("stream_{number}")).collect()
}

fn all(names: &[String], mode: Mode) -> Vec<(&str, Mode)> {
    names.iter().map(|name| (name.as_str(), mode)).collect()
}

/// One record of each in turn, and a state.
fn round(names: &[String], number: u32) -> String {
    names.iter().map(|name| records(name, number, number..number + 1)).collect::<String>() + &state(number)
}

/// How many tables there are, and how many rows are in all of them.
fn tables_and_rows(scenario: &Scenario) -> Result<(usize, usize), String> {
    let tables = scenario.sql.rows("SELECT oid::regclass FROM pg_class WHERE oid > 16383 AND relkind = 'r'")?;
    let mut rows = 0;
    for some in tables.chunks(20) {
        let counts = some.iter().flatten().flatten().map(|table| format!("(SELECT count(*) FROM {table})"));
        let query = format!("SELECT {}", counts.collect::<Vec<_>>().join(" + "));
        rows += scenario.sql.value(&query)?.parse::<usize>().map_err(|e| e.to_string())?;
    }
    Ok((tables.len(), rows))
}

/// In every step there are a few statements for many streams, beside the load of each.
fn five_thousand() -> Checked {
    const STREAMS: usize = 5_000;
    let mut scenario = Scenario::shared()?;
    scenario.settings = json!({"commit_interval_seconds": 900});
    let names = names(STREAMS);
    let sync = scenario.start(&all(&names, Mode::Append));
    sync.feed((round(&names, 0) + &round(&names, 1)).as_bytes());
    succeeded(&sync.finish(3 * SOON)?, 2)?;
    let (tables, rows) = tables_and_rows(&scenario)?;
    if (tables, rows) != (STREAMS, 2 * STREAMS) {
        return Err(format!("{tables} tables with {rows} rows"));
    }
    let statements = scenario.proxy.statements().len();
    if statements > 5 * STREAMS { Err(format!("{statements} statements for {STREAMS} streams")) } else { Ok(()) }
}

/// Transactions take as many streams as the server has room for; a server without room for one stream is named.
fn few_locks() -> Checked {
    const STREAMS: usize = 200;
    let server = TestServer::start_with(&[
        "max_connections=10",
        "max_locks_per_transaction=10",
        "max_wal_senders=0",
        "max_worker_processes=0",
        "autovacuum_max_workers=1",
    ]);
    let mut scenario = Scenario::on(&server.address())?;
    scenario.settings = json!({"commit_interval_seconds": 900, "retry_timeout_seconds": 1, "max_connections": 2});
    let names = names(STREAMS);
    for number in 0..2 {
        let sync = scenario.start(&all(&names, Mode::Dedup));
        sync.feed(round(&names, number).as_bytes());
        let outcome = sync.finish(SOON)?;
        succeeded(&outcome, 1)?;
        // The first rows go straight into their tables, which needs few locks.
        if number == 1 {
            logged(&outcome, "raise max_locks_per_transaction")?;
            logged(&outcome, "streams in a transaction")?;
        }
        if tables_and_rows(&scenario)? != (STREAMS, STREAMS * (number as usize + 1)) {
            return Err(format!("{:?} tables and rows", tables_and_rows(&scenario)?));
        }
    }
    let hog = scenario.database.superuser()?;
    hog.run("BEGIN")?;
    hog.run(
        "DO $$ BEGIN FOR i IN 1..1000000 LOOP BEGIN PERFORM pg_advisory_lock(i);
            EXCEPTION WHEN out_of_memory THEN EXIT; END; END LOOP; END $$",
    )?;
    let sync = scenario.start(&[("stream_0", Mode::Dedup)]);
    sync.feed(round(&names[..1], 2).as_bytes());
    let outcome = sync.finish(SOON)?;
    failed(&outcome, "transient_error", &["raise max_locks_per_transaction", "tried"])?;
    hog.run("ROLLBACK; SELECT pg_advisory_unlock_all()")?;
    let sync = scenario.start(&[("stream_0", Mode::Dedup)]);
    sync.feed(round(&names[..1], 2).as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    scenario.holds("stream_0", &[0..3])
}
