//! A connector that vanishes with its machine: no word comes from it any more, and its locks must not stay.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::scenario::{Checked, Mode, SOON, Scenario, records, state, wait_for};

/// How long the server may hold its locks.
const BOUND: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("vanished::while_the_server_waits_for_it", || Ok(locks_go(true)?)),
        Trial::test("vanished::while_the_server_works_for_it", || Ok(locks_go(false)?)),
    ]
}

/// The merge of a window waits for somebody's lock. Then it happens, and either its answer arrives and nothing follows, or it
/// does not even arrive.
fn locks_go(answer_arrives: bool) -> Checked {
    let (mut cable, scenario, _server) = Scenario::by_cable()?;
    let mut sync = scenario.start_beyond(&cable, &[("people", Mode::Dedup)]);
    sync.feed([records("people", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    let holder = scenario.database.superuser()?;
    holder.run("BEGIN; LOCK TABLE airbyte.people IN SHARE MODE")?;
    sync.feed([records("people", 1, 50..200), state(1)].concat().as_bytes());
    let pid = scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'INSERT%'")?;
    if answer_arrives {
        sync.signal("STOP");
        wait_for("the connector to stand still", || stands_still(sync.id()))?;
        holder.run("COMMIT")?;
        scenario.wait_for_process(&format!("state = 'idle in transaction' AND pid = {pid}"))?;
        cable.cut();
    } else {
        cable.cut();
        holder.run("COMMIT")?;
    }
    let since = Instant::now();
    wait_for("the end of its locks", || {
        let free = holder.run("BEGIN; LOCK TABLE airbyte.people IN ACCESS EXCLUSIVE MODE NOWAIT");
        holder.run("ROLLBACK")?;
        Ok(free.ok())
    })?;
    let held = since.elapsed();
    // It was not our own doing that let them go.
    if held < Duration::from_secs(2) || held > BOUND {
        return Err(format!("its locks were held for {held:?}"));
    }
    scenario.holds("people", &[0..100])
}

/// Whether all of a process has stopped.
fn stands_still(process: u32) -> Result<Option<()>, String> {
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).map_err(|e| format!("process {process}: {e}"))?;
    Ok(status.lines().any(|line| line.starts_with("State:\tT")).then_some(()))
}
