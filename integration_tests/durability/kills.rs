//! Server processes are ended and servers restarted while a sync is at a known point.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{
    Checked, Mode, SOON, Scenario, catalog, complete, failed, logged, records, state, succeeded, wait_for, window,
};
use crate::support::connector::{Connector, Running};
use crate::support::fault_proxy::{Act, Point, Way};
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("kills::terminated_in_copy", || Ok(in_copy()?)),
        Trial::test("kills::terminated_in_merge", || Ok(in_merge()?)),
        Trial::test("kills::terminated_while_preparing", || Ok(while_preparing()?)),
        Trial::test("kills::terminated_while_publishing", || Ok(while_publishing()?)),
        Trial::test("kills::cancelled_once_goes_on", || Ok(cancelled(1)?)),
        Trial::test("kills::cancelled_twice_ends", || Ok(cancelled(2)?)),
        Trial::test("kills::killed_in_merge", || Ok(killed()?)),
        Trial::test("kills::restarted_in_a_window", || Ok(restarted()?)),
        Trial::test("kills::down_for_longer_than_the_budget", || Ok(down()?)),
        Trial::test("kills::read_only_for_a_while", || Ok(read_only()?)),
        Trial::test("kills::host_name_gone_for_a_while", || Ok(host_name_gone(true)?)),
        Trial::test("kills::host_name_gone_for_good", || Ok(host_name_gone(false)?)),
        Trial::test("kills::host_name_that_was_never_known", || Ok(host_name_unknown()?)),
    ]
}

/// The connection stands still in the middle of COPY, and its process is ended there.
fn in_copy() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(Point::Bytes(Way::Up, 200_000), Act::Stall, 1);
    sync.feed([records("events", 1, 100..5_100), state(1)].concat().as_bytes());
    scenario.proxy.wait_fired(1, SOON)?;
    let pid = scenario.wait_for_process("state = 'active' AND query LIKE 'COPY%'")?;
    scenario.terminate(&pid)?;
    // The server's goodbye does not get through the stalled connection.
    scenario.proxy.cut();
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 2)?;
    logged(&outcome, "Went on after 1 failed attempts")?;
    scenario.holds("events", &[0..5_100])
}

/// Feeds a window whose merge waits for a lock, does something to its process, and lets the lock go.
fn with_a_merge_waiting(
    scenario: &Scenario,
    times: u32,
    mut harm: impl FnMut(&str) -> Checked,
) -> Result<crate::support::connector::Outcome, String> {
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    let holder = scenario.database.superuser()?;
    holder.run("BEGIN; LOCK TABLE airbyte.people IN SHARE MODE")?;
    // A key that comes back is merged.
    sync.feed([records("people", 1, 0..1), window(1)].concat().as_bytes());
    for _ in 0..times {
        let pid = scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'INSERT%'")?;
        harm(&pid)?;
        let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
        let gone = || Ok(Some(()).filter(|()| scenario.sql.value(&there).map_or(true, |count| count == "0")));
        wait_for("the end of the process", gone)?;
    }
    // After a crash the lock is gone with its session.
    let _ = holder.run("COMMIT");
    sync.finish(SOON)
}

fn in_merge() -> Checked {
    let scenario = Scenario::shared()?;
    let outcome = with_a_merge_waiting(&scenario, 3, |pid| scenario.terminate(pid))?;
    succeeded(&outcome, 2)?;
    logged(&outcome, "terminating connection due to administrator command")?;
    scenario.holds("events", &[0..200])?;
    scenario.holds("people", &[0..200])?;
    scenario.nothing_is_left()
}

fn cancelled(times: u32) -> Checked {
    let scenario = Scenario::shared()?;
    let cancel = |pid: &str| {
        scenario.sql.run(&format!("SELECT pg_cancel_backend({pid})"))?;
        let waits = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'");
        wait_for("the end of the statement", || {
            Ok(Some(()).filter(|()| scenario.sql.value(&waits).is_ok_and(|n| n == "0")))
        })
    };
    let mut sync = scenario.start(&[("people", Mode::Dedup)]);
    sync.feed([records("people", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    let holder = scenario.database.superuser()?;
    holder.run("BEGIN; LOCK TABLE airbyte.people IN SHARE MODE")?;
    // A key that comes back is merged.
    sync.feed([records("people", 1, 99..200), state(1)].concat().as_bytes());
    for _ in 0..times {
        cancel(&scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'INSERT%'")?)?;
    }
    if times == 1 {
        holder.run("COMMIT")?;
        succeeded(&sync.finish(SOON)?, 2)?;
        return scenario.holds("people", &[0..200]);
    }
    let outcome = sync.finish(SOON)?;
    holder.run("COMMIT")?;
    failed(&outcome, "transient_error", &["57014", "tried 2 times"])?;
    scenario.holds("people", &[0..100])
}

/// The table must get a column, which waits for a reader; the waiting process is ended twice.
fn while_preparing() -> Checked {
    let scenario = Scenario::shared()?;
    let first = scenario.start(&[("people", Mode::Dedup), ("events", Mode::Append)]);
    first.feed([records("people", 0, 0..100), records("events", 0, 0..100), state(0)].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    scenario.sql.run("ALTER TABLE airbyte.people DROP COLUMN pad")?;
    let reader = scenario.database.superuser()?;
    reader.run("BEGIN; LOCK TABLE airbyte.people IN ACCESS SHARE MODE")?;
    let sync = scenario.start(&[("people", Mode::Dedup), ("events", Mode::Append)]);
    sync.feed([records("people", 1, 50..200), records("events", 1, 100..200), state(1)].concat().as_bytes());
    for _ in 0..2 {
        let pid = scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'")?;
        scenario.terminate(&pid)?;
        wait_for("its end", || {
            let gone = scenario.sql.value(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"));
            Ok(Some(()).filter(|()| gone.is_ok_and(|n| n == "0")))
        })?;
    }
    reader.run("COMMIT")?;
    succeeded(&sync.finish(SOON)?, 1)?;
    scenario.holds("people", &[0..200])?;
    scenario.holds("events", &[0..200])
}

/// The swap waits for a reader; the waiting process is ended.
fn while_publishing() -> Checked {
    let scenario = Scenario::shared()?;
    let first = scenario.start(&[("people", Mode::Refresh(1))]);
    first.feed([records("people", 0, 0..100), state(0), complete(&["people"])].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let reader = scenario.database.superuser()?;
    reader.run("BEGIN; LOCK TABLE airbyte.people IN ACCESS SHARE MODE")?;
    let sync = scenario.start(&[("people", Mode::Refresh(2))]);
    sync.feed([records("people", 1, 500..700), state(1), complete(&["people"])].concat().as_bytes());
    let mut sync = sync;
    sync.close_stdin();
    let pid = scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%'")?;
    scenario.holds("people", &[0..100])?;
    scenario.terminate(&pid)?;
    scenario.wait_for_process(&format!("wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%' AND pid <> {pid}"))?;
    reader.run("COMMIT")?;
    succeeded(&sync.finish(SOON)?, 1)?;
    scenario.holds("people", &[500..700])
}

/// SIGKILL to a server process makes the whole server recover as after a crash.
fn killed() -> Checked {
    let server = TestServer::start();
    let scenario = Scenario::on(&server.address())?;
    let outcome = with_a_merge_waiting(&scenario, 1, |pid| {
        let status = std::process::Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status();
        if status.is_ok_and(|status| status.success()) { Ok(()) } else { Err("the process cannot be killed".into()) }
    })?;
    succeeded(&outcome, 2)?;
    scenario.holds("events", &[0..200])?;
    scenario.holds("people", &[0..200])
}

fn restarted() -> Checked {
    let server = TestServer::start();
    let scenario = Scenario::on(&server.address())?;
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    let mut fed = 0;
    for part in 0..6 {
        let ids = part * 3_000..part * 3_000 + 3_000;
        let text = [records("events", part, ids.clone()), records("people", part, ids), state(part)].concat();
        sync.feed(text.as_bytes());
        fed += 3_000;
        if part % 2 == 0 {
            sync.wait_for_states(part as usize + 1, SOON)?;
        } else {
            // Somewhere between the filling of the window and its commit.
            std::thread::sleep(Duration::from_millis(400 * u64::from(part)));
            server.crash();
            if part == 3 {
                // Long enough to be refused several times.
                std::thread::sleep(Duration::from_secs(4));
            }
            server.start_again();
        }
    }
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 6)?;
    scenario.holds("events", &[0..fed])?;
    scenario.holds("people", &[0..fed])
}

fn down() -> Checked {
    let server = TestServer::start();
    let mut scenario = Scenario::on(&server.address())?;
    scenario.settings = json!({"retry_timeout_seconds": 4});
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..1000), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    server.crash();
    let since = Instant::now();
    sync.feed([records("events", 1, 1000..2000), state(1)].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    let took = since.elapsed();
    failed(&outcome, "transient_error", &["127.0.0.1", "tried", "times in"])?;
    logged(&outcome, "Attempt 1 failed")?;
    if outcome.messages_of("STATE").len() != 1 {
        return Err("a state was acknowledged that is not committed".into());
    }
    if took < Duration::from_secs(4) || took > Duration::from_secs(60) {
        return Err(format!("a budget of 4 seconds took {took:?}"));
    }
    server.start_again();
    scenario.holds("events", &[0..1000])
}

/// As after a fail-over: the server that answers is read-only, until it is not.
fn read_only() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    let name = &scenario.database.name;
    scenario.sql.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))?;
    scenario.proxy.cut();
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    sync.wait_until(SOON, |lines| lines.iter().any(|line| line.contains("25006")))?;
    scenario.sql.run(&format!("ALTER DATABASE {name} RESET default_transaction_read_only"))?;
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 2)?;
    scenario.holds("events", &[0..200])
}

const KNOWN: &str = "127.0.0.1 db.example.com";
const UNKNOWN: &str = "127.0.0.1 localhost";

fn by_name(scenario: &mut Scenario, hosts: &str) -> Running {
    scenario.settings = json!({"host": "db.example.com", "retry_timeout_seconds": 20});
    Connector::write(&scenario.config(), &catalog(&[("events", Mode::Append)])).hosts(hosts).start()
}

/// As while a name moves to another address.
fn host_name_gone(for_a_while: bool) -> Checked {
    let mut scenario = Scenario::shared()?;
    let mut sync = by_name(&mut scenario, KNOWN);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    sync.hosts(UNKNOWN);
    scenario.proxy.cut();
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    sync.wait_until(SOON, |lines| lines.iter().any(|line| line.contains("`db.example.com` of the server cannot be")))?;
    if for_a_while {
        sync.hosts(KNOWN);
        succeeded(&sync.finish(SOON)?, 2)?;
        return scenario.holds("events", &[0..200]);
    }
    failed(&sync.finish(SOON)?, "transient_error", &["`db.example.com` of the server cannot be resolved", "tried"])?;
    scenario.holds("events", &[0..100])
}

fn host_name_unknown() -> Checked {
    let outcome = by_name(&mut Scenario::shared()?, UNKNOWN).finish(SOON)?;
    failed(&outcome, "config_error", &["`db.example.com` of the server cannot be resolved"])?;
    if outcome.stdout.iter().any(|line| line.contains("Attempt 1 failed")) {
        return Err("it was tried again".into());
    }
    Ok(())
}
