//! Clocks that are wrong and clocks that jump: no wait depends on them, and a row's time is its record's.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::bed::{Bed, SOON};
use crate::support::connector::Connector;
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("clock::that_jumps_back_and_forth", that_jumps),
        Trial::test("clock::before_1970_and_far_ahead", || {
            that_is_wrong("@1969-06-01 00:00:00")?;
            that_is_wrong("@2100-01-01 00:00:00")
        }),
    ]
}

/// The library that gives a program another time of day, of package `libfaketime`.
fn library() -> &'static str {
    const PLACES: [&str; 3] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/faketime/libfaketimeMT.so.1",
    ];
    PLACES.into_iter().find(|place| Path::new(place).exists()).expect("libfaketime is installed (package faketime)")
}

fn with_clock(connector: Connector, name: &str, value: &str) -> Connector {
    let connector = connector.env("LD_PRELOAD", library()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    // Where it keeps what several processes share; each has its own here.
    connector.env("FAKETIME_NO_CACHE", "1").env(name, value)
}

const EXTRACTED: &str = "SELECT bool_and(_airbyte_extracted_at = '2023-11-14 22:13:20+00') FROM airbyte.rows";

/// Commits come in their interval of real time whatever the clock says, and no earlier.
fn that_jumps() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let directory = tempfile::tempdir()?;
    let clock = directory.path().join("clock");
    let set = |time: &str| fs::write(&clock, time);
    set("@2024-01-01 00:00:00")?;
    let mut running =
        with_clock(bed.append(), "FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("a plain path")).start();
    for (turn, time) in ["@2034-01-01 00:00:00", "@1999-01-01 00:00:00", "@2024-01-01 00:00:00"].iter().enumerate() {
        let first = turn as u64 * 10;
        running.feed(workload::append_input("rows", first..first + 10, 10).as_bytes());
        // Between a row and the commit that waits for it.
        std::thread::sleep(Duration::from_millis(300));
        set(time)?;
        let begun = Instant::now();
        running.wait_for_states(turn + 1, SOON)?;
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    let outcome = running.finish(SOON)?;
    workload::succeeded(&outcome, 3)?;
    assert_eq!(bed.rows(), 30);
    assert_eq!(bed.value(EXTRACTED), "t");
    Ok(())
}

fn that_is_wrong(time: &str) -> Result<(), Failed> {
    let bed = Bed::new()?;
    let input = workload::append_input("rows", 0..10, 10) + &workload::complete("rows");
    let outcome = with_clock(bed.append(), "FAKETIME", time).run(input.as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(bed.value(EXTRACTED), "t");
    // The clock was really another one: an error carries it.
    let outcome = with_clock(bed.append(), "FAKETIME", time).run(b"{\n");
    let error = &outcome.messages_of("TRACE")[0];
    let emitted = error["trace"]["emitted_at"].as_f64().expect("a time");
    assert!(emitted == 0.0 || emitted > 4e12, "{error}");
    Ok(())
}
