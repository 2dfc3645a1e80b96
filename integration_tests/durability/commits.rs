//! A COMMIT whose answer is lost: it is found out what became of it, never guessed.

use libtest_mimic::Trial;

use crate::scenario::{Checked, Mode, Route, SOON, Scenario, complete, logged, records, state, succeeded, window};
use crate::support::fault_proxy::{Act, Point};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("commits::every_commit_of_a_refresh", || Ok(every_commit_of_a_refresh()?)),
        Trial::test("commits::a_commit_that_never_arrives_is_given_up", || Ok(never_arrives()?)),
    ];
    for (name, point) in [("answer_lost", answered()), ("statement_lost", before())] {
        for (how, act) in [("reset", Act::Reset), ("close", Act::Close)] {
            let point = point.clone();
            trials.push(Trial::test(format!("commits::{name}_by_{how}"), move || {
                Ok(of_a_window(Route::Direct, &point, act, 1)?)
            }));
        }
        for (way, route) in [
            ("to_a_pooler", Route::ToPooler),
            ("behind_a_pooler", Route::BehindPooler),
            ("behind_a_bastion", Route::BehindBastion),
        ] {
            let point = point.clone();
            trials.push(Trial::test(format!("commits::{name}_{way}"), move || {
                Ok(of_a_window(route, &point, Act::Reset, 1)?)
            }));
        }
        trials.push(Trial::test(format!("commits::{name}_three_times"), move || {
            Ok(of_a_window(Route::Direct, &point, Act::Reset, 3)?)
        }));
    }
    trials
}

fn before() -> Point {
    Point::Before("COMMIT".into())
}

fn answered() -> Point {
    Point::Answered("COMMIT".into())
}

/// One window of an append and a dedup stream; the settlement's own commit is lost as well when there are several faults.
fn of_a_window(route: Route, point: &Point, act: Act, times: u32) -> Checked {
    let scenario = Scenario::by(route)?;
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(point.clone(), act, times);
    sync.feed(window(1).as_bytes());
    sync.wait_for_states(2, SOON)?;
    sync.feed(window(2).as_bytes());
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 3)?;
    if scenario.proxy.fired() != times as usize {
        return Err(format!("{} faults happened", scenario.proxy.fired()));
    }
    if *point == before() {
        // A pooler says in its own words that its server is gone.
        let said = if route == Route::BehindPooler {
            "committing failed"
        } else {
            "connection to the database was lost while committing"
        };
        logged(&outcome, said)?;
    }
    scenario.holds("events", &[0..300])?;
    scenario.holds("people", &[0..300])?;
    scenario.nothing_is_left()
}

/// A refresh beside an old table, from the first transaction to the swap: each COMMIT is lost in turn, before and after it
/// took place.
fn every_commit_of_a_refresh() -> Checked {
    let scenario = Scenario::shared()?;
    let run = |generation: u32, fault: Option<(&Point, u32)>| {
        let first =
            scenario.start(&[("people", Mode::Refresh(2 * i64::from(generation) - 1)), ("events", Mode::Append)]);
        let ids = generation * 1000..generation * 1000 + 50;
        let text = [records("people", 1, ids), state(1), complete(&["people", "events"])].concat();
        first.feed(text.as_bytes());
        succeeded(&first.finish(SOON)?, 1)?;
        let before = scenario.proxy.statements().iter().filter(|s| *s == "COMMIT").count();
        let second = scenario.start(&[("people", Mode::Refresh(2 * i64::from(generation))), ("events", Mode::Append)]);
        let ids = generation * 1000 + 100..generation * 1000 + 200;
        let events = generation * 100..generation * 100 + 100;
        let text = [
            records("people", 1, ids.clone()),
            records("events", 1, events),
            state(1),
            complete(&["people", "events"]),
        ];
        let fired = scenario.proxy.fired();
        if let Some((point, nth)) = fault {
            scenario.proxy.order_nth(point.clone(), Act::Reset, nth);
        }
        second.feed(text.concat().as_bytes());
        let outcome = second.finish(SOON)?;
        succeeded(&outcome, 1)?;
        if fault.is_some() && scenario.proxy.fired() != fired + 1 {
            return Err("the fault did not happen".into());
        }
        scenario.holds("people", &[ids])?;
        scenario.holds("events", &[100..generation * 100 + 100])?;
        let tables = scenario
            .sql
            .value("SELECT count(*) FROM pg_class WHERE relnamespace = 'airbyte'::regnamespace AND relkind = 'r'")?;
        if tables != "2" {
            return Err(format!("{tables} tables are left"));
        }
        Ok(scenario.proxy.statements().iter().filter(|s| *s == "COMMIT").count() - before)
    };
    let mut generation = 1;
    let commits = run(generation, None)?;
    if commits < 6 {
        return Err(format!("{commits} commits are too few to have seen preparing, loading and publishing"));
    }
    for point in [before(), answered()] {
        for nth in 1..=commits {
            generation += 1;
            let nth = u32::try_from(nth).expect("a small number");
            run(generation, Some((&point, nth)))
                .map_err(|why| format!("{point:?}, commit {nth} of {commits}: {why}"))?;
        }
    }
    Ok(())
}

/// Every COMMIT is cut: this is no progress, however often the server can be reached.
fn never_arrives() -> Checked {
    let mut scenario = Scenario::shared()?;
    scenario.settings = serde_json::json!({"retry_timeout_seconds": 3});
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(before(), Act::Reset, 1_000);
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    crate::scenario::failed(&outcome, "transient_error", &["tried", "times in", "lost while committing"])?;
    if outcome.messages_of("STATE").len() != 1 {
        return Err("a state was acknowledged that is not committed".into());
    }
    scenario.holds("events", &[0..100])
}
