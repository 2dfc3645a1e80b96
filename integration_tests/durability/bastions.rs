//! A bastion that gives signs of life but moves no data: the sync goes on through another SSH session.

use std::sync::atomic::Ordering;

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, SOON, Scenario, logged, records, state, succeeded};
use crate::support::hostile_bastion::{Fault, HostileBastion, Manners};

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (how, fault) in [("swallows", Fault::Swallow), ("ignores", Fault::Ignore)] {
        // One of the windows, after the first of them was acknowledged.
        trials.push(Trial::test(format!("bastions::one_that_{how}_everything_in_a_sync"), move || {
            Ok(goes_on(fault, 600_000)?)
        }));
    }
    trials.push(Trial::test("bastions::one_that_swallows_the_first_connection", || Ok(goes_on(Fault::Swallow, 0)?)));
    trials
}

/// The first SSH session stands still after so many bytes; the others are sound.
fn goes_on(fault: Fault, after: usize) -> Checked {
    let manners = Manners { fault: Some((after, fault)), faulty_sessions: Some(1), ..Manners::default() };
    let bastion = HostileBastion::start(manners);
    let mut scenario = Scenario::shared()?;
    scenario.settings = json!({"tunnel_method": {
        "tunnel_method": "SSH_PASSWORD_AUTH",
        "tunnel_host": "127.0.0.1",
        "tunnel_port": bastion.port,
        "tunnel_user": "somebody",
        "tunnel_user_password": "something",
    }});
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    let part = |part: u32, ids: std::ops::Range<u32>| {
        [records("events", part, ids.clone()), records("people", part, ids), state(part)].concat()
    };
    sync.feed(part(0, 0..100).as_bytes());
    sync.wait_for_states(1, SOON)?;
    sync.feed(part(1, 100..10_100).as_bytes());
    sync.wait_for_states(2, 2 * SOON)?;
    sync.feed(part(2, 10_100..10_200).as_bytes());
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 3)?;
    if fault == Fault::Swallow {
        logged(&outcome, "the SSH session is left for a new one")?;
    }
    let sessions = bastion.seen.connections.load(Ordering::SeqCst);
    if sessions != 2 {
        return Err(format!("{sessions} SSH sessions instead of 2"));
    }
    scenario.holds("events", &[0..10_200])?;
    scenario.holds("people", &[0..10_200])?;
    scenario.nothing_is_left()
}
