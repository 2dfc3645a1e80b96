//! Load receipts: one for each commit, whatever happens on the way, and in the table that is there for them.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::scenario::{
    Checked, Mode, Route, SOON, Scenario, catalog, complete, failed, records, state, succeeded, window,
};
use crate::support::connector::{Connector, Outcome};
use crate::support::fault_proxy::{Act, Point};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("receipts::of_several_sessions", || Ok(several_sessions()?)),
        Trial::test("receipts::of_a_refresh_and_its_publication", || Ok(refresh()?)),
        Trial::test("receipts::of_refused_rows", || Ok(refused()?)),
        Trial::test("receipts::of_somebody_else", || Ok(of_somebody_else()?)),
        Trial::test("receipts::that_the_database_refuses", || Ok(constraint()?)),
        Trial::test("receipts::without_the_place_in_the_log", || Ok(without_lsn()?)),
    ];
    for (name, route) in [("directly", Route::Direct), ("through_a_pooler", Route::ToPooler)] {
        trials.push(Trial::test(format!("receipts::sum_up_after_lost_connections_{name}"), move || Ok(sum_up(route)?)));
    }
    trials
}

fn with_receipts(route: Route) -> Result<Scenario, String> {
    let mut scenario = Scenario::by(route)?;
    scenario.settings["load_receipts"] = json!(true);
    Ok(scenario)
}

fn is(scenario: &Scenario, query: &str, wanted: &str) -> Checked {
    let found = scenario.sql.value(query)?;
    if found == wanted { Ok(()) } else { Err(format!("{found} instead of {wanted}: {query}")) }
}

/// The numbers of each run's commits are 1 to their count, each once, and each time is in its order.
fn is_complete(scenario: &Scenario) -> Checked {
    is(
        scenario,
        "SELECT count(*) FROM (SELECT FROM airbyte._airbyte_load_receipts GROUP BY sync_token, stream_name \
         HAVING count(*) <> max(commit_number) OR count(DISTINCT commit_number) <> max(commit_number)) odd",
        "0",
    )?;
    is(
        scenario,
        "SELECT count(*) FROM airbyte._airbyte_load_receipts WHERE started_at IS NULL OR started_at > committed_at \
         OR connector_version IS NULL OR sync_id <> 1 OR lsn IS NULL OR event = 'load' AND (bytes > 0) IS NOT TRUE",
        "0",
    )
}

/// The SHA-256 of the last acknowledged state, as whoever keeps the states computes it.
fn hash(scenario: &Scenario, outcome: &Outcome) -> Result<String, String> {
    let line = outcome.stdout.iter().rev().find(|line| line.contains("\"STATE\"")).ok_or("no STATE")?;
    let state =
        line.strip_prefix(r#"{"type":"STATE","state":"#).and_then(|rest| rest.split_once(",\"destinationStats\""));
    let (state, _) = state.ok_or_else(|| format!("another STATE: {line}"))?;
    scenario.sql.value(&format!("SELECT encode(sha256(convert_to('{state}}}', 'UTF8')), 'hex')"))
}

/// Commits that are lost before and after they took place, and a connection that is lost within a load.
fn sum_up(route: Route) -> Checked {
    let scenario = with_receipts(route)?;
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    let points = [Point::Before("COMMIT".into()), Point::Answered("COMMIT".into()), Point::Before("COPY".into())];
    for (number, point) in (1..).zip(points) {
        scenario.proxy.order(point, Act::Reset, 1);
        sync.feed(window(number).as_bytes());
        sync.wait_for_states(number as usize + 1, SOON)?;
    }
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 4)?;
    if scenario.proxy.fired() != 3 {
        return Err(format!("{} faults happened", scenario.proxy.fired()));
    }
    for stream in ["events", "people"] {
        scenario.holds(stream, &[0..400])?;
        let of = format!("FROM airbyte._airbyte_load_receipts WHERE stream_name = '{stream}'");
        is(&scenario, &format!("SELECT count(*) || ' ' || sum(rows) || ' ' || sum(merged) {of}"), "4 400 400")?;
        let last = format!("SELECT state_sha256 {of} ORDER BY commit_number DESC LIMIT 1");
        is(&scenario, &last, &hash(&scenario, &outcome)?)?;
        is(&scenario, &format!("SELECT count(DISTINCT state_sha256) {of}"), "4")?;
    }
    is_complete(&scenario)?;
    scenario.nothing_is_left()
}

/// Each session leaves one; the last to commit has the hash of the state that waits for all.
fn several_sessions() -> Checked {
    let mut scenario = with_receipts(Route::Direct)?;
    scenario.settings["commit_interval_seconds"] = json!(300);
    let pad = "x".repeat(20_000);
    let rows = |ids: std::ops::Range<u32>| -> String {
        ids.map(|id| {
            let data = json!({"id": id, "part": 0, "pad": format!("{id}{pad}")});
            format!("{}\n", json!({"type": "RECORD", "record": {"stream": "events", "emitted_at": 1, "data": data}}))
        })
        .collect()
    };
    for (mode, ids, all) in [(Mode::Append, 0..450, 450), (Mode::Append, 450..900, 900)] {
        let sync = scenario.start(&[("events", mode)]);
        sync.feed([rows(ids), state(1)].concat().as_bytes());
        succeeded(&sync.finish(SOON)?, 1)?;
        let receipts = "SELECT sum(rows) || ' ' || count(DISTINCT sync_token) || ' ' || count(state_sha256) \
                        FROM airbyte._airbyte_load_receipts";
        let runs = all / 450;
        is(&scenario, receipts, &format!("{all} {runs} {runs}"))?;
    }
    let several = "SELECT count(*) > 2 FROM airbyte._airbyte_load_receipts";
    is(&scenario, several, "t")?;
    let last = "SELECT bool_and(commit_number = 4) FROM airbyte._airbyte_load_receipts WHERE state_sha256 IS NOT NULL";
    is(&scenario, last, "t")?;
    is_complete(&scenario)
}

/// What is loaded into the next generation has receipts, and so has its publication, also where that COMMIT is lost.
fn refresh() -> Checked {
    let scenario = with_receipts(Route::Direct)?;
    for generation in 1..3 {
        let sync = scenario.start(&[("people", Mode::Refresh(generation))]);
        if generation == 2 {
            // The last commit of the sync.
            scenario.proxy.order(Point::Before("DROP TABLE".into()), Act::Reset, 1);
        }
        sync.feed([records("people", 0, 0..100), state(1), complete(&["people"])].concat().as_bytes());
        succeeded(&sync.finish(SOON)?, 1)?;
    }
    if scenario.proxy.fired() != 1 {
        return Err("the fault did not happen".into());
    }
    scenario.holds("people", &[0..100])?;
    is(
        &scenario,
        "SELECT string_agg(concat_ws(' ', generation_id, event, commit_number, rows, table_name = 'people'), ', ' \
         ORDER BY committed_at) FROM airbyte._airbyte_load_receipts",
        "1 load 1 100 t, 2 load 1 100 f, 2 publish 2 t",
    )?;
    is_complete(&scenario)
}

/// What is rolled back leaves none; what is set aside is counted apart.
fn refused() -> Checked {
    let mut scenario = with_receipts(Route::Direct)?;
    let run = |scenario: &Scenario, ids: std::ops::Range<u32>| {
        let sync = scenario.start(&[("events", Mode::Append)]);
        let half = ids.start + (ids.end - ids.start) / 2;
        let input =
            [records("events", 0, ids.start..half), state(1), records("events", 0, half..ids.end), state(2)].concat();
        sync.feed(input.as_bytes());
        sync.finish(SOON)
    };
    scenario.settings["commit_interval_seconds"] = json!(300);
    succeeded(&run(&scenario, 0..10)?, 2)?;
    scenario.sql.run("ALTER TABLE airbyte.events ADD CHECK (id % 100 <> 18)")?;
    let outcome = run(&scenario, 10..20)?;
    failed(&outcome, "config_error", &["record 9"])?;
    let receipts = "SELECT string_agg(rows || ' ' || set_aside, ', ' ORDER BY committed_at) \
                    FROM airbyte._airbyte_load_receipts";
    is(&scenario, receipts, "10 0, 5 0")?;
    // That of the first STATE, which alone was acknowledged.
    let last = "SELECT state_sha256 FROM airbyte._airbyte_load_receipts ORDER BY committed_at DESC LIMIT 1";
    is(&scenario, last, &hash(&scenario, &outcome)?)?;
    scenario.settings["rejected_rows"] = json!("set_aside");
    succeeded(&run(&scenario, 110..120)?, 2)?;
    is(&scenario, receipts, "10 0, 5 0, 9 1")?;
    is(&scenario, "SELECT count(*) FROM airbyte.events", "24")?;
    is_complete(&scenario)
}

fn plan(scenario: &Scenario) -> String {
    let catalog = catalog(&[("events", Mode::Append)]);
    let outcome = Connector::new("plan")
        .file("config", scenario.config().to_string().as_bytes())
        .file("catalog", catalog.to_string().as_bytes())
        .run(b"");
    [outcome.stdout.join("\n"), outcome.stderr].concat()
}

/// `check`, `plan` and `write` say the same of a table that is not ours to write to, and of one that is something else.
fn of_somebody_else() -> Checked {
    let scenario = with_receipts(Route::Direct)?;
    let write = || {
        let sync = scenario.start(&[("events", Mode::Append)]);
        sync.feed([records("events", 0, 0..10), state(0)].concat().as_bytes());
        sync.finish(SOON)
    };
    let says = |words: &[&str]| {
        failed(&write()?, "config_error", words)?;
        let checked = Connector::check(&scenario.config()).run(b"").checked().err().unwrap_or_default();
        for (who, said) in [("check", checked), ("plan", plan(&scenario))] {
            if !words.iter().all(|word| said.contains(word)) {
                return Err(format!("{who} says {said}"));
            }
        }
        Ok(())
    };
    let planned = plan(&scenario);
    if !planned.contains("CREATE TABLE \"airbyte\".\"_airbyte_load_receipts\"") {
        return Err(planned);
    }
    let sync = scenario.start(&[("_airbyte_load_receipts", Mode::Append)]);
    failed(&sync.finish(SOON)?, "config_error", &["stream _airbyte_load_receipts", "takes the load receipts"])?;
    Connector::check(&scenario.config()).run(b"").checked()?;
    succeeded(&write()?, 1)?;
    scenario.sql.run("ALTER TABLE airbyte._airbyte_load_receipts OWNER TO postgres")?;
    says(&["may not add rows to table", "GRANT INSERT ON \"airbyte\".\"_airbyte_load_receipts\" TO"])?;
    scenario.sql.run(&format!(
        "GRANT INSERT ON airbyte._airbyte_load_receipts TO \"{}\"; ALTER TABLE airbyte._airbyte_load_receipts ADD more int",
        scenario.database.writer
    ))?;
    Connector::check(&scenario.config()).run(b"").checked()?;
    succeeded(&write()?, 1)?;
    is(&scenario, "SELECT count(*) FROM airbyte._airbyte_load_receipts", "2")?;
    scenario.sql.run("ALTER TABLE airbyte._airbyte_load_receipts DROP lsn")?;
    says(&["has no column \"lsn\"", "rename or drop it"])?;
    is(&scenario, "SELECT count(*) FROM airbyte.events", "20")
}

/// A constraint on the table of receipts says nothing of the rows: none is searched for, or set aside.
fn constraint() -> Checked {
    let mut scenario = with_receipts(Route::Direct)?;
    scenario.settings["rejected_rows"] = json!("set_aside");
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..10), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte._airbyte_load_receipts ADD CHECK (rows < 0) NOT VALID")?;
    sync.feed([records("events", 0, 10..20), state(1)].concat().as_bytes());
    failed(&sync.finish(SOON)?, "config_error", &["leaving load receipts", "remove from table"])?;
    scenario.holds("events", &[0..10])?;
    is(&scenario, "SELECT sum(rows) FROM airbyte._airbyte_load_receipts", "10")?;
    is(&scenario, "SELECT to_regclass('airbyte._airbyte_rejected_rows') IS NULL", "t")
}

/// A role that may not ask for the place in the log leaves receipts all the same.
fn without_lsn() -> Checked {
    let scenario = with_receipts(Route::Direct)?;
    scenario.sql.run("REVOKE EXECUTE ON FUNCTION pg_current_wal_insert_lsn() FROM PUBLIC")?;
    let sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..10), state(0)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    let outcome = Connector::check(&scenario.config()).run(b"");
    outcome.checked()?;
    let warned = |log: &Value| log["log"]["message"].as_str().is_some_and(|text| text.contains("lack the `lsn`"));
    if !outcome.messages_of("LOG").iter().any(warned) {
        return Err(format!("{:#?}", outcome.stdout));
    }
    is(&scenario, "SELECT rows || ' ' || (lsn IS NULL) FROM airbyte._airbyte_load_receipts", "10 true")
}
