//! Two syncs of one table: the newer one has it, the older one stops, and nothing of them is mixed.

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, Route, SOON, Scenario, complete, failed, records, state, succeeded};
use crate::support::fault_proxy::{Act, Point, Way};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("writers::a_newer_sync_ends_an_older_one", || Ok(newer_ends_older()?)),
        Trial::test("writers::an_older_refresh_publishes_nothing", || Ok(older_refresh()?)),
        Trial::test("writers::many_at_once", || Ok(many_at_once()?)),
        Trial::test("writers::a_table_that_is_replaced_meanwhile", || Ok(replaced_meanwhile()?)),
        Trial::test("writers::a_server_that_lost_commits_is_noticed", || Ok(lost_commits()?)),
        Trial::test("writers::notes_are_hidden_and_say_what_they_are", || Ok(notes()?)),
        Trial::test("writers::a_comment_of_the_users_own_is_kept", || Ok(own_comment()?)),
    ];
    for (way, route) in
        [("", Route::Direct), ("_through_a_pooler", Route::ToPooler), ("_through_a_bastion", Route::BehindBastion)]
    {
        let name = format!("writers::an_attempt_that_wakes_up_late{way}_commits_nothing");
        trials.push(Trial::test(name, move || Ok(wakes_up_late(route)?)));
        let name = format!("writers::an_attempt_frozen_in_a_transaction{way}_holds_nobody_up");
        trials.push(Trial::test(name, move || Ok(frozen_in_a_transaction(route)?)));
    }
    trials
}

const SUPERSEDED: [&str; 3] = ["another sync of table", "began at 20", "has acknowledged is there"];

fn newer_ends_older() -> Checked {
    let scenario = Scenario::shared()?;
    let streams = [("events", Mode::Append), ("people", Mode::Dedup)];
    let mut older = scenario.start(&streams);
    older.feed([records("events", 0, 0..100), records("people", 0, 0..100), state(0)].concat().as_bytes());
    older.wait_for_states(1, SOON)?;
    let mut newer = scenario.start(&streams);
    newer.feed([records("events", 1, 100..200), records("people", 1, 50..200), state(1)].concat().as_bytes());
    newer.wait_for_states(1, SOON)?;
    older.feed([records("events", 2, 900..1000), records("people", 2, 0..1000), state(2)].concat().as_bytes());
    let outcome = older.finish(SOON)?;
    failed(&outcome, "transient_error", &SUPERSEDED)?;
    newer.feed([records("events", 3, 200..300), state(3)].concat().as_bytes());
    succeeded(&newer.finish(SOON)?, 2)?;
    scenario.holds("events", &[0..300])?;
    scenario.holds("people", &[0..200])
}

/// A refresh that has loaded everything and waits with its swap, when the next sync begins.
fn older_refresh() -> Checked {
    let scenario = Scenario::shared()?;
    let first = scenario.start(&[("people", Mode::Refresh(1))]);
    first.feed([records("people", 0, 0..100), state(0), complete(&["people"])].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    let mut older = scenario.start(&[("people", Mode::Refresh(2))]);
    older.feed([records("people", 1, 500..600), state(1), complete(&["people"])].concat().as_bytes());
    older.wait_for_states(1, SOON)?;
    let mut newer = scenario.start(&[("people", Mode::Refresh(3))]);
    newer.feed([records("people", 2, 700..800), state(2)].concat().as_bytes());
    newer.wait_for_states(1, SOON)?;
    failed(&older.finish(SOON)?, "transient_error", &SUPERSEDED)?;
    scenario.holds("people", &[0..100])?;
    newer.feed(complete(&["people"]).as_bytes());
    succeeded(&newer.finish(SOON)?, 1)?;
    scenario.holds("people", &[700..800])
}

/// An attempt is stopped with a window in its memory; the next one runs to its end; then the first goes on.
fn wakes_up_late(route: Route) -> Checked {
    let scenario = Scenario::by(route)?;
    let streams = [("events", Mode::Append), ("people", Mode::Refresh(7))];
    let mut zombie = scenario.start(&streams);
    zombie.feed([records("events", 0, 0..100), records("people", 0, 0..100), state(0)].concat().as_bytes());
    zombie.wait_for_states(1, SOON)?;
    zombie.feed([records("events", 1, 100..200), records("people", 1, 100..200), state(1)].concat().as_bytes());
    zombie.feed(complete(&["events", "people"]).as_bytes());
    zombie.signal("STOP");
    let committed = scenario.sql.value("SELECT count(*) FROM airbyte.events")?;
    let second = scenario.start(&streams);
    let text =
        [records("events", 2, 1000..1100), records("people", 2, 100..300), state(2), complete(&["events", "people"])];
    second.feed(text.concat().as_bytes());
    succeeded(&second.finish(SOON)?, 1)?;
    zombie.signal("CONT");
    let outcome = zombie.finish(SOON)?;
    if committed == "100" {
        failed(&outcome, "transient_error", &SUPERSEDED)?;
        scenario.holds("events", &[0..100, 1000..1100])?;
    } else {
        // It was a moment too late: the window was committed, and acknowledged after it woke up.
        scenario.holds("events", &[0..200, 1000..1100])?;
    }
    scenario.holds("people", &[0..300])
}

/// An attempt is stopped in the middle of a transaction, with its locks: the next one does not wait for ever.
fn frozen_in_a_transaction(route: Route) -> Checked {
    let scenario = Scenario::by(route)?;
    let mut frozen = scenario.start(&[("events", Mode::Append)]);
    frozen.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    frozen.wait_for_states(1, SOON)?;
    scenario.proxy.order(Point::Bytes(Way::Up, 100_000), Act::Stall, 1);
    frozen.feed([records("events", 1, 100..5_100), state(1)].concat().as_bytes());
    scenario.proxy.wait_fired(1, SOON)?;
    frozen.signal("STOP");
    scenario.wait_for_process("state = 'active' AND query LIKE 'COPY%'")?;
    let second = scenario.start(&[("events", Mode::Append)]);
    second.feed([records("events", 2, 6_000..6_100), state(2)].concat().as_bytes());
    succeeded(&second.finish(SOON)?, 1)?;
    scenario.holds("events", &[0..100, 6_000..6_100])?;
    scenario.proxy.cut();
    frozen.signal("CONT");
    failed(&frozen.finish(SOON)?, "transient_error", &SUPERSEDED)?;
    scenario.holds("events", &[0..100, 6_000..6_100])
}

/// Syncs of the same new tables that start together: one has them all in the end, the others say so, none hangs or dies of a deadlock.
fn many_at_once() -> Checked {
    let scenario = Scenario::shared()?;
    let names: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    let mut streams: Vec<(&str, Mode)> = names.iter().map(|name| (name.as_str(), Mode::Dedup)).collect();
    let mut syncs = Vec::new();
    for _ in 0..4 {
        let sync = scenario.start(&streams);
        let text: String = names.iter().map(|name| records(name, 1, 0..200)).collect();
        sync.feed(format!("{text}{}", state(1)).as_bytes());
        syncs.push(sync);
        streams.reverse();
    }
    let outcomes = syncs.into_iter().map(|sync| sync.finish(SOON)).collect::<Result<Vec<_>, _>>()?;
    let won = outcomes.iter().filter(|outcome| outcome.code() == 0).count();
    for outcome in outcomes.iter().filter(|outcome| outcome.code() != 0) {
        failed(outcome, "transient_error", &SUPERSEDED)?;
    }
    if won == 0 {
        return Err("each has ended another".into());
    }
    names.iter().try_for_each(|name| scenario.holds(name, &[0..200]))
}

fn replaced_meanwhile() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte.events RENAME TO mine; CREATE TABLE airbyte.events (LIKE airbyte.mine)")?;
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    failed(&sync.finish(SOON)?, "transient_error", &["dropped or replaced by somebody"])?;
    scenario.holds("events", &[])?;
    scenario.holds("mine", &[0..100])
}

/// The note and its rows come from one transaction, so an older note shows what is gone. Here the note alone is set back,
/// as the fail-over to a replica that lagged behind would set back both.
fn lost_commits() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    let note = scenario.sql.value(NOTE)?;
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    sync.wait_for_states(2, SOON)?;
    scenario.sql.run(&format!("COMMENT ON TYPE airbyte.events IS '{note}'"))?;
    sync.feed([records("events", 2, 200..300), state(2)].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    failed(&outcome, "config_error", &["has lost rows", "1 of 2 commits are left", "Refresh the stream"])?;
    scenario.holds("events", &[0..200])
}

const NOTE: &str = "SELECT obj_description(reltype, 'pg_type') FROM pg_class WHERE relname = 'events'
    AND relnamespace = 'airbyte'::regnamespace";

fn notes() -> Checked {
    let mut scenario = Scenario::shared()?;
    scenario.settings = json!({"max_connections": 1});
    let sync = scenario.start(&[("events", Mode::Refresh(1))]);
    sync.feed([records("events", 0, 0..100), state(0), complete(&["events"])].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    let again = scenario.start(&[("events", Mode::Refresh(2))]);
    again.feed([records("events", 0, 200..300), state(0), complete(&["events"])].concat().as_bytes());
    succeeded(&again.finish(SOON)?, 1)?;
    let note = scenario.sql.value(NOTE)?;
    // One commit of rows and the swap.
    if !note.starts_with("destination-postgres: sync ") || !note.contains("commits: 2. The next sync of this table") {
        return Err(format!("the note is: {note}"));
    }
    // What psql's \d+ and \dT show.
    let shown = "SELECT coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class WHERE relname = 'events'";
    if !scenario.sql.value(shown)?.is_empty() {
        return Err("the table itself has a comment".into());
    }
    scenario.holds("events", &[200..300])
}

/// Through an append, a swap, a refill in place (a view forbids the swap), and a second sync of each.
fn own_comment() -> Checked {
    const WORDS: &str = "Ask Finance before you change this.";
    let scenario = Scenario::shared()?;
    let run = |mode: Mode, ids: std::ops::Range<u32>| {
        let sync = scenario.start(&[("events", mode)]);
        sync.feed([records("events", 0, ids), state(0), complete(&["events"])].concat().as_bytes());
        succeeded(&sync.finish(SOON)?, 1)?;
        let note = scenario.sql.value(NOTE)?;
        if note.matches(WORDS).count() == 1 && note.starts_with(WORDS) && note.contains("destination-postgres: sync ") {
            return Ok(());
        }
        Err(format!("after {mode:?} the comment is: {note}"))
    };
    let first = scenario.start(&[("events", Mode::Append)]);
    first.feed([records("events", 0, 0..10), state(0)].concat().as_bytes());
    succeeded(&first.finish(SOON)?, 1)?;
    scenario.sql.run(&format!("COMMENT ON TYPE airbyte.events IS '{WORDS}'"))?;
    run(Mode::Append, 10..20)?;
    scenario.holds("events", &[0..20])?;
    run(Mode::Refresh(2), 100..110)?;
    scenario.sql.run("CREATE VIEW airbyte.shown AS SELECT * FROM airbyte.events")?;
    run(Mode::Refresh(3), 200..210)?;
    scenario.holds("shown", &[200..210])?;
    run(Mode::Append, 210..220)?;
    scenario.holds("events", &[200..220])
}
