//! A disk without room: told at once, nothing half done, and the next sync goes on.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};

use libtest_mimic::Trial;

use crate::scenario::{Checked, Mode, SOON, Scenario, failed, records, state, succeeded};
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("disks::without_room_for_a_table", || Ok(without_room()?))]
}

/// The table's file is one that never takes a byte, as if the disk were full.
fn without_room() -> Checked {
    let server = TestServer::start();
    let scenario = Scenario::on(&server.address())?;
    let streams = [("events", Mode::Append), ("people", Mode::Dedup)];
    let first = scenario.start(&streams);
    first.feed([records("events", 0, 0..100), records("people", 0, 0..100), state(0)].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    scenario.sql.run("TRUNCATE airbyte.events; CHECKPOINT")?;
    let file = scenario
        .sql
        .value("SELECT current_setting('data_directory') || '/' || pg_relation_filepath('airbyte.events')")?;
    let owner = fs::metadata(&file).map_err(|e| format!("{file}: {e}"))?;
    let replace = || {
        fs::remove_file(&file)?;
        symlink("/dev/full", &file)
    };
    replace().map_err(|e| format!("{file}: {e}"))?;
    let sync = scenario.start(&streams);
    let window = [records("people", 1, 100..200), records("events", 1, 100..200), state(1)].concat();
    sync.feed(window.as_bytes());
    let outcome = sync.finish(SOON)?;
    failed(&outcome, "transient_error", &["airbyte", "events", "53100", "disk is full; make room"])?;
    if !outcome.messages_of("STATE").is_empty() {
        return Err("a state was acknowledged that is not committed".into());
    }
    scenario.holds("people", &[0..100])?;
    scenario.nothing_is_left()?;
    let make_room = || {
        fs::remove_file(&file)?;
        fs::write(&file, "")?;
        chown(&file, Some(owner.uid()), Some(owner.gid()))
    };
    make_room().map_err(|e| format!("{file}: {e}"))?;
    let sync = scenario.start(&streams);
    sync.feed(window.as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    scenario.holds("events", &[100..200])?;
    scenario.holds("people", &[0..200])
}
