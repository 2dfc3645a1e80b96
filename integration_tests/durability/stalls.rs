//! Silence: a dead connection is found out and left, a statement that takes long is not.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, Route, SOON, Scenario, failed, logged, records, state, succeeded};
use crate::support::fault_proxy::{Act, Point, Way};
use crate::support::postgres::TestServer;

/// Longer than the silence after which a connection is given up, with all that is done before.
const LONG: Duration = Duration::from_secs(100);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("stalls::copy_that_nobody_takes", || Ok(in_copy(Act::Stall)?)),
        Trial::test("stalls::copy_that_is_swallowed", || Ok(in_copy(Act::Swallow)?)),
        Trial::test("stalls::answer_to_commit_that_never_comes", || Ok(answer_to_commit()?)),
        Trial::test("stalls::long_statement_is_waited_for", || Ok(long_statement(Route::Direct)?)),
        // The statement has the only connection, so nobody can look how it is.
        Trial::test("stalls::long_statement_behind_a_pool_of_one", || Ok(long_statement(Route::ToPoolOfOne)?)),
        Trial::test("stalls::commit_that_waits_for_a_standby", || Ok(standby()?)),
        Trial::test("stalls::nothing_moves_any_more", || Ok(nothing_moves()?)),
    ]
}

fn in_copy(act: Act) -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(Point::Bytes(Way::Up, 500_000), act, 1);
    sync.feed([records("events", 1, 100..20_100), state(1)].concat().as_bytes());
    let outcome = sync.finish(2 * SOON)?;
    succeeded(&outcome, 2)?;
    logged(&outcome, "the server was silent for")?;
    scenario.holds("events", &[0..20_100])?;
    scenario.nothing_is_left()
}

fn answer_to_commit() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(Point::Answered("COMMIT".into()), Act::Stall, 1);
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let outcome = sync.finish(2 * SOON)?;
    succeeded(&outcome, 2)?;
    scenario.holds("events", &[0..200])
}

/// A merge that takes longer than any silence that a connection would survive, since the table's trigger sleeps.
fn long_statement(route: Route) -> Checked {
    let scenario = Scenario::by(route)?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run(&format!(
        "CREATE FUNCTION airbyte.slow() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep({}); RETURN NULL; END $$;
         CREATE TRIGGER slow AFTER INSERT ON airbyte.events EXECUTE FUNCTION airbyte.slow();
         GRANT EXECUTE ON FUNCTION airbyte.slow() TO PUBLIC",
        LONG.as_secs()
    ))?;
    let since = Instant::now();
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let outcome = sync.finish(3 * SOON)?;
    succeeded(&outcome, 2)?;
    if outcome.stdout.iter().any(|line| line.contains("WARN") && line.contains("failed")) || since.elapsed() < LONG {
        return Err(format!("it was not waited for: {:#?}", outcome.stdout));
    }
    scenario.holds("events", &[0..200])
}

fn nothing_moves() -> Checked {
    let mut scenario = Scenario::shared()?;
    scenario.settings = json!({"retry_timeout_seconds": 5});
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.stall(true);
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let outcome = sync.finish(3 * SOON)?;
    failed(&outcome, "transient_error", &["tried"])?;
    if outcome.messages_of("STATE").len() != 1 {
        return Err("a state was acknowledged that is not committed".into());
    }
    scenario.holds("events", &[0..100])
}

/// The standby that has to confirm commits is away, for a while and then for good.
fn standby() -> Checked {
    let server = TestServer::start();
    let mut scenario = Scenario::on(&server.address())?;
    // Whoever clears up waits for none.
    scenario.sql.run("ALTER ROLE postgres SET synchronous_commit = local")?;
    let streams = [("events", Mode::Append)];
    let mut sync = scenario.start(&streams);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    wait_for_standby(&scenario, "nobody")?;
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let told = |lines: &[String]| lines.iter().any(|line| line.contains("seconds for a synchronous standby"));
    sync.wait_until(SOON, told)?;
    if sync.seen().iter().filter(|line| line.contains("\"STATE\"")).count() != 1 {
        return Err("a state was acknowledged that no standby has confirmed".into());
    }
    wait_for_standby(&scenario, "")?;
    sync.wait_for_states(2, SOON)?;
    sync.feed([records("events", 2, 200..300), state(2)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 3)?;
    scenario.holds("events", &[0..300])?;

    scenario.settings = json!({"retry_timeout_seconds": 0});
    let mut sync = scenario.start(&streams);
    sync.feed([records("events", 3, 300..400), state(3)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    wait_for_standby(&scenario, "nobody")?;
    sync.feed([records("events", 4, 400..500), state(4)].concat().as_bytes());
    let outcome = sync.finish(3 * SOON)?;
    failed(
        &outcome,
        "transient_error",
        &["not known", "waits for a synchronous standby", "synchronous_standby_names"],
    )?;
    if outcome.messages_of("STATE").len() != 1 {
        return Err("a state was acknowledged that no standby has confirmed".into());
    }
    Ok(())
}

fn wait_for_standby(scenario: &Scenario, name: &str) -> Checked {
    scenario.sql.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"))?;
    scenario.sql.run("SELECT pg_reload_conf()")?;
    // The checkpointer tells the others whether there is any.
    std::thread::sleep(Duration::from_secs(1));
    Ok(())
}
