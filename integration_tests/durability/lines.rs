//! Bad lines: one that loses packets, one that is slow and far, one that is cut for a while. They cost time and nothing else.

use std::time::Duration;

use libtest_mimic::Trial;

use crate::scenario::{Checked, Mode, SOON, Scenario, complete, records, state, succeeded};
use crate::support::fault_proxy::Way;

const STREAMS: [(&str, Mode); 2] = [("events", Mode::Append), ("people", Mode::Refresh(1))];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("lines::cut_for_a_while", || Ok(cut_for_a_while()?)),
        Trial::test("lines::with_loss", || Ok(with_loss()?)),
        Trial::test("lines::slow_and_far", || Ok(slow_and_far()?)),
    ]
}

fn rows(part: u32) -> String {
    let ids = part * 3000..part * 3000 + 3000;
    [records("events", part, ids.clone()), records("people", part, ids), state(part)].concat()
}

/// Shorter than any silence at which a connection is given up: the same sessions go on.
fn cut_for_a_while() -> Checked {
    let (mut cable, scenario, _server) = Scenario::by_cable()?;
    let mut sync = scenario.start_beyond(&cable, &STREAMS);
    sync.feed(rows(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    let began = scenario.sql.value(&sessions(&scenario))?;
    cable.cut();
    sync.feed(rows(1).as_bytes());
    if sync.wait_for_states(2, Duration::from_secs(20)).is_ok() {
        return Err("a state went out although nothing could be committed".into());
    }
    cable.join();
    sync.wait_for_states(2, SOON)?;
    if scenario.sql.value(&sessions(&scenario))? != began {
        return Err("the sync did not go on in the session that it had".into());
    }
    sync.feed(complete(&["events", "people"]).as_bytes());
    succeeded(&sync.finish(SOON)?, 2)?;
    scenario.holds("events", &[0..6000])?;
    scenario.holds("people", &[0..6000])
}

/// The sessions of the writer, each with its beginning.
fn sessions(scenario: &Scenario) -> String {
    format!(
        "SELECT string_agg(pid || ' ' || backend_start, ', ' ORDER BY pid) FROM pg_stat_activity WHERE usename = '{}'",
        scenario.database.writer
    )
}

/// For a third of the time every packet is lost, in both directions.
fn with_loss() -> Checked {
    let (mut cable, scenario, _server) = Scenario::by_cable()?;
    let mut sync = scenario.start_beyond(&cable, &STREAMS);
    sync.feed(rows(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    cable.lose();
    for part in 1..4 {
        sync.feed(rows(part).as_bytes());
        sync.wait_for_states(part as usize + 1, 2 * SOON)?;
    }
    sync.feed(complete(&["events", "people"]).as_bytes());
    succeeded(&sync.finish(2 * SOON)?, 4)?;
    scenario.holds("events", &[0..12_000])?;
    scenario.holds("people", &[0..12_000])
}

/// A megabit a second and 300 ms there and back, from the login to the end.
fn slow_and_far() -> Checked {
    let scenario = Scenario::shared()?;
    scenario.proxy.slow(Duration::from_millis(150), 125_000);
    let mut sync = scenario.start(&STREAMS);
    for part in 0..2 {
        sync.feed(rows(part).as_bytes());
        sync.wait_for_states(part as usize + 1, SOON)?;
    }
    sync.feed(complete(&["events", "people"]).as_bytes());
    succeeded(&sync.finish(SOON)?, 2)?;
    if scenario.proxy.bytes(Way::Up) < 1_000_000 {
        return Err("the rows did not go by the slow line".into());
    }
    scenario.holds("events", &[0..6000])?;
    scenario.holds("people", &[0..6000])
}
