//! A disk without room: told at once, nothing half done, and the next sync goes on.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, SOON, Scenario, failed, records, state, succeeded};
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("disks::without_room_for_a_table", || Ok(without_room()?)),
        Trial::test("disks::without_room_for_temporary_tables", || Ok(without_room_for_temporary_tables()?)),
        Trial::test("disks::without_room_for_the_log", || Ok(without_room_for_the_log()?)),
    ]
}

/// A small disk of its own, which belongs to the server's user; only root can make one.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: String, like: &str) -> Result<Self, String> {
        let owner = fs::metadata(like).map_err(|e| format!("{like}: {e}"))?;
        fs::create_dir(&at).map_err(|e| format!("{at}: {e}"))?;
        let options = format!("size=40m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
        run(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &at])?;
        Ok(Self(at.into()))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    /// Leaves room for so many bytes.
    fn fill(&self, but: u64) -> Checked {
        let free = run(&["stat", "-f", "-c", "%a %S", self.path()])?;
        let free: u64 = free.split_whitespace().filter_map(|number| number.parse::<u64>().ok()).product();
        run(&["fallocate", "-l", &(free - but).to_string(), &format!("{}/filler", self.path())]).map(drop)
    }

    fn make_room(&self) -> Checked {
        run(&["mount", "-o", "remount,size=1g", self.path()]).map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(run(&["umount", "--lazy", self.path()]));
        drop(fs::remove_dir(&self.0));
    }
}

fn run(words: &[&str]) -> Result<String, String> {
    let output = Command::new(words[0]).args(&words[1..]).output().map_err(|e| format!("{}: {e}", words[0]))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The role's temporary tables are on a disk that is full.
fn without_room_for_temporary_tables() -> Checked {
    let server = TestServer::start();
    let scenario = Scenario::on(&server.address())?;
    let streams = [("events", Mode::Dedup)];
    let sync = |input: String| {
        let sync = scenario.start(&streams);
        sync.feed(input.as_bytes());
        sync.finish(SOON)
    };
    succeeded(&sync([records("events", 0, 0..100), state(0)].concat())?, 1)?;
    let data = scenario.sql.value("SHOW data_directory")?;
    let disk = Disk::mount(format!("{data}-temporary"), &data)?;
    scenario.sql.run(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.path()))?;
    scenario.sql.run("GRANT CREATE ON TABLESPACE small TO PUBLIC")?;
    scenario.sql.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET temp_tablespaces = small', current_database()); END $$",
    )?;
    disk.fill(256 << 10)?;
    // Each of them 100 bytes and more.
    let window = [records("events", 1, 0..20_000), state(1)].concat();
    let outcome = sync(window.clone())?;
    failed(&outcome, "transient_error", &["events", "53100", "disk is full; make room"])?;
    if !outcome.messages_of("STATE").is_empty() {
        return Err("a state was acknowledged that is not committed".into());
    }
    scenario.holds("events", &[0..100])?;
    scenario.nothing_is_left()?;
    disk.make_room()?;
    succeeded(&sync(window)?, 1)?;
    scenario.holds("events", &[0..20_000])
}

/// The server stops when it cannot write its log any more. What it had confirmed is there when it is back.
fn without_room_for_the_log() -> Checked {
    let server = TestServer::start();
    let mut scenario = Scenario::on(&server.address())?;
    scenario.settings = json!({"retry_timeout_seconds": 5});
    let data = scenario.sql.value("SHOW data_directory")?;
    server.crash();
    let disk = Disk::mount(format!("{data}-log"), &data)?;
    let log = Path::new(&data).join("pg_wal");
    run(&["cp", "-a", &format!("{}/.", log.display()), disk.path()])?;
    let replace = || {
        fs::remove_dir_all(&log)?;
        symlink(disk.path(), &log)
    };
    replace().map_err(|e| format!("{}: {e}", log.display()))?;
    server.start_again();
    let streams = [("events", Mode::Dedup)];
    let sync = |first: u32| {
        let sync = scenario.start(&streams);
        for number in first..40 {
            let rows = records("events", number, number * 10_000..(number + 1) * 10_000);
            sync.feed([rows, state(number)].concat().as_bytes());
        }
        sync.finish(SOON)
    };
    let outcome = sync(0)?;
    failed(&outcome, "transient_error", &[])?;
    let acknowledged = outcome.messages_of("STATE").len() as u32;
    disk.make_room()?;
    if Path::new(&data).join("postmaster.pid").exists() {
        server.crash();
    }
    server.start_again();
    let sql = scenario.database.superuser()?;
    let stored = sql.value(&format!("SELECT count(*) FROM airbyte.events WHERE part < {acknowledged}"))?;
    if stored != (acknowledged * 10_000).to_string() || acknowledged == 40 {
        return Err(format!("{acknowledged} states of 40 were acknowledged, {stored} rows of them are stored"));
    }
    succeeded(&sync(acknowledged)?, 40 - acknowledged as usize)?;
    scenario.holds("events", &[0..400_000])
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
