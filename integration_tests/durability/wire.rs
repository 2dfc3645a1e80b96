//! The wire breaks somewhere: at any byte of a sync, in either direction, by reset or by a proper end.

use libtest_mimic::Trial;

use crate::scenario::{Checked, Mode, SOON, Scenario, complete, records, state, succeeded};
use crate::support::fault_proxy::{Act, Point, Way};

/// Cuts of one sync, evenly over all its bytes.
const CUTS: u64 = 12;

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (direction, way) in [("up", Way::Up), ("down", Way::Down)] {
        for (how, act) in [("reset", Act::Reset), ("close", Act::Close)] {
            let name = format!("wire::{how}_at_any_byte_{direction}");
            trials.push(Trial::test(name, move || Ok(sweep(way, act)?)));
        }
    }
    trials.push(Trial::test("wire::connection_lost_while_idle", || Ok(idle()?)));
    trials.push(Trial::test("wire::several_sessions_cut_at_once", || Ok(several_sessions()?)));
    trials
}

/// A refresh and an append stream with several windows; every run is cut once, one twelfth later than the one before.
fn sweep(way: Way, act: Act) -> Checked {
    let scenario = Scenario::shared()?;
    let streams = [("people", 0), ("events", 0)];
    let run = |generation: u32, cut: Option<u64>| -> Result<u64, String> {
        let modes = [(streams[0].0, Mode::Refresh(i64::from(generation))), (streams[1].0, Mode::Append)];
        let fired = scenario.proxy.fired();
        let before = scenario.proxy.bytes(way);
        if let Some(at) = cut {
            scenario.proxy.order(Point::Bytes(way, at), act, 1);
        }
        let mut sync = scenario.start(&modes);
        let base = generation * 10_000;
        sync.feed([records("people", 1, base..base + 1500), state(1)].concat().as_bytes());
        sync.wait_for_states(1, SOON)?;
        let events = (generation - 1) * 1500..generation * 1500;
        let text = [
            records("events", 1, events),
            records("people", 2, base + 1000..base + 3000),
            state(2),
            complete(&["people", "events"]),
        ];
        sync.feed(text.concat().as_bytes());
        succeeded(&sync.finish(SOON)?, 2)?;
        if cut.is_some() && scenario.proxy.fired() == fired {
            return Err("the cut did not happen".into());
        }
        scenario.holds("people", &[base..base + 3000])?;
        scenario.holds("events", &[0..generation * 1500])?;
        Ok(scenario.proxy.bytes(way) - before)
    };
    run(1, None)?;
    // With an old generation to replace.
    let all = run(2, None)?;
    for cut in 0..CUTS {
        // Not among the bytes of the first login, whose failure ends a sync where the configuration may be wrong.
        let at = all / 20 + cut * (all - all / 10) / CUTS;
        let generation = 3 + u32::try_from(cut).expect("a small number");
        run(generation, Some(at)).map_err(|why| format!("cut at byte {at} of {all}: {why}"))?;
        scenario.proxy.forgive();
    }
    scenario.nothing_is_left()
}

fn idle() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    for part in 0..4 {
        sync.feed([records("events", part, part * 50..part * 50 + 50), state(part)].concat().as_bytes());
        sync.wait_for_states(part as usize + 1, SOON)?;
        scenario.proxy.cut();
    }
    succeeded(&sync.finish(SOON)?, 4)?;
    scenario.holds("events", &[0..200])
}

/// A window of many bytes goes over four sessions; all of them are cut while they load.
fn several_sessions() -> Checked {
    let scenario = Scenario::shared()?;
    let names = ["a", "b", "c", "d", "e"];
    let sync = scenario.start(&names.map(|name| (name, Mode::Dedup)));
    let text: String = names.iter().map(|name| records(name, 1, 0..25_000)).collect();
    scenario.proxy.order(Point::Bytes(Way::Up, 3 << 20), Act::Reset, 1);
    sync.feed(text.as_bytes());
    sync.feed(state(1).as_bytes());
    scenario.proxy.wait_fired(1, SOON)?;
    scenario.proxy.cut();
    succeeded(&sync.finish(SOON)?, 1)?;
    names.iter().try_for_each(|name| scenario.holds(name, &[0..25_000]))
}
