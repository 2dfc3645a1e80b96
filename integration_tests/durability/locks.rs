//! Somebody else's locks: waited for, tried again, named in the end, and never made worse for readers.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, SOON, Scenario, complete, failed, records, state, succeeded};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("locks::deadlock", || Ok(deadlock()?)),
        Trial::test("locks::swap_behind_a_reader", || Ok(swap_behind_a_reader()?)),
        Trial::test("locks::swap_that_never_gets_its_lock", || Ok(swap_without_lock()?)),
        Trial::test("locks::start_beside_vacuum_and_index_build", || Ok(start_beside_maintenance()?)),
    ]
}

/// Another session locks two rows in the other order. Its patience is longer, so that ours is the one that gives way.
fn deadlock() -> Checked {
    let scenario = Scenario::shared()?;
    scenario.sql.run(&format!("ALTER ROLE {} SET deadlock_timeout = '3s'", scenario.database.writer))?;
    let streams = [("people", Mode::Dedup), ("events", Mode::Append)];
    let first = scenario.start(&streams);
    first.feed([records("people", 0, 0..100), records("events", 0, 0..100), state(0)].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let sync = scenario.start(&streams);
    // A window over a known index is merged in its order of arrival.
    let other = scenario.database.superuser()?;
    other.run("SET deadlock_timeout = '60s'; BEGIN; UPDATE airbyte.people SET part = part WHERE id = 90")?;
    sync.feed([records("people", 1, 0..100), records("events", 1, 100..200), state(1)].concat().as_bytes());
    scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'INSERT%'")?;
    other.run("UPDATE airbyte.people SET part = part WHERE id = 10")?;
    other.run("COMMIT")?;
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 1)?;
    crate::scenario::logged(&outcome, "40P01")?;
    scenario.holds("people", &[0..100])?;
    scenario.holds("events", &[0..200])?;
    let newest = scenario.sql.value("SELECT count(*) FROM airbyte.people WHERE part = 1")?;
    if newest != "100" { Err(format!("{newest} rows of 100 are the newest")) } else { Ok(()) }
}

/// A reader holds the table for longer than one wait: the swap lets others in between and happens in the end.
fn swap_behind_a_reader() -> Checked {
    let scenario = Scenario::shared()?;
    let first = scenario.start(&[("people", Mode::Refresh(1))]);
    first.feed([records("people", 0, 0..100), state(0), complete(&["people"])].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let reader = scenario.database.superuser()?;
    reader.run("BEGIN; SELECT count(*) FROM airbyte.people")?;
    let mut sync = scenario.start(&[("people", Mode::Refresh(2))]);
    sync.feed([records("people", 1, 500..700), state(1), complete(&["people"])].concat().as_bytes());
    sync.close_stdin();
    scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%'")?;
    let since = Instant::now();
    let mut longest = Duration::ZERO;
    while since.elapsed() < Duration::from_secs(12) {
        let asked = Instant::now();
        scenario.holds("people", &[0..100])?;
        longest = longest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    reader.run("COMMIT")?;
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 1)?;
    crate::scenario::logged(&outcome, "blocked by process")?;
    if longest > Duration::from_secs(9) {
        return Err(format!("another reader waited {longest:?}"));
    }
    scenario.holds("people", &[500..700])
}

fn swap_without_lock() -> Checked {
    let mut scenario = Scenario::shared()?;
    scenario.settings = json!({"retry_timeout_seconds": 8});
    let first = scenario.start(&[("people", Mode::Refresh(1))]);
    first.feed([records("people", 0, 0..100), state(0), complete(&["people"])].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let reader = scenario.database.superuser()?;
    reader.run("SET application_name = 'dashboard'; BEGIN; SELECT count(*) FROM airbyte.people")?;
    let sync = scenario.start(&[("people", Mode::Refresh(2))]);
    sync.feed([records("people", 1, 500..700), state(1), complete(&["people"])].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    failed(&outcome, "transient_error", &["55P03", "blocked by process", "dashboard", "tried"])?;
    scenario.holds("people", &[0..100])?;
    reader.run("COMMIT")?;
    // The next attempt of the same refresh publishes what is there.
    let again = scenario.start(&[("people", Mode::Refresh(2))]);
    again.feed([state(2), complete(&["people"])].concat().as_bytes());
    succeeded(&again.finish(SOON)?, 1)?;
    scenario.holds("people", &[500..700])
}

/// The lock of a VACUUM or an index build in the making lets a sync start, load and end.
fn start_beside_maintenance() -> Checked {
    let scenario = Scenario::shared()?;
    let first = scenario.start(&[("people", Mode::Dedup)]);
    first.feed([records("people", 0, 0..100), state(0)].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let maintenance = scenario.database.superuser()?;
    maintenance.run("BEGIN; LOCK TABLE airbyte.people IN SHARE UPDATE EXCLUSIVE MODE")?;
    let since = Instant::now();
    let sync = scenario.start(&[("people", Mode::Dedup)]);
    sync.feed([records("people", 1, 50..200), state(1)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    maintenance.run("COMMIT")?;
    if since.elapsed() > Duration::from_secs(30) {
        return Err(format!("it took {:?}", since.elapsed()));
    }
    scenario.holds("people", &[0..200])
}
