//! Large windows: rows that go straight into their table, and one stream over several sessions. What can go wrong there, and that
//! it is met by the ordinary way.

use std::ops::Range;

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, Route, SOON, Scenario, complete, counted, failed, state, succeeded, summary};
use crate::support::connector::Outcome;
use crate::support::fault_proxy::{Act, Point};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("split::straight_by_several_sessions", || Ok(by_several_sessions(Route::Direct)?)),
        Trial::test("split::straight_by_several_sessions_through_a_pooler", || {
            Ok(by_several_sessions(Route::ToPooler)?)
        }),
        Trial::test("split::upserts_by_key", || Ok(upserts()?)),
        Trial::test("split::into_partitions", || Ok(into_partitions()?)),
        Trial::test("split::a_refresh", || Ok(refresh()?)),
        Trial::test("split::where_a_trigger_is", || {
            Ok(not_straight(
                "CREATE FUNCTION airbyte.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON airbyte.events FOR EACH ROW EXECUTE FUNCTION airbyte.f()",
                false,
            )?)
        }),
        Trial::test("split::where_a_default_is", || {
            Ok(not_straight("ALTER TABLE airbyte.events ALTER _airbyte_meta SET DEFAULT '{}'", true)?)
        }),
        Trial::test("split::where_a_policy_is", || {
            Ok(not_straight("ALTER TABLE airbyte.events ENABLE ROW LEVEL SECURITY", false)?)
        }),
        Trial::test("split::where_another_unique_index_is", || {
            Ok(not_straight("CREATE UNIQUE INDEX u ON airbyte.events (id, part)", true)?)
        }),
        Trial::test("split::while_a_reader_has_the_table", || Ok(while_a_reader_has_the_table()?)),
        Trial::test("split::a_left_over_default_is_dropped", || Ok(left_over()?)),
        Trial::test("split::other_defaults_in_the_middle", || Ok(other_defaults()?)),
        Trial::test("split::a_type_that_changes_in_the_middle", || Ok(changed_type()?)),
        Trial::test("split::a_row_that_is_dropped_by_a_new_trigger", || Ok(new_trigger()?)),
        Trial::test("split::a_newer_sync_ends_one_that_stands_still", || Ok(newer_sync()?)),
    ];
    for (name, mode) in [("append", Mode::Append), ("dedup", Mode::Dedup)] {
        trials.push(Trial::test(format!("split::refused_row_{name}"), move || Ok(refused(mode)?)));
        for (what, point) in [
            ("commit", Point::Before("COMMIT".into())),
            ("answer", Point::Answered("COMMIT".into())),
            ("note", Point::Before("COMMENT".into())),
            ("copy", Point::Before("COPY".into())),
        ] {
            trials.push(Trial::test(format!("split::lost_{what}_{name}"), move || Ok(lost(mode, &point)?)));
        }
    }
    trials
}

/// Rows of a window, each of 20 kB: of 450, four sessions get their share.
const ROWS: u32 = 450;

fn rows(stream: &str, part: u32, ids: Range<u32>) -> String {
    let pad = "x".repeat(20_000);
    ids.map(|id| {
        let data = json!({"id": id, "part": part, "pad": format!("{id}{pad}")});
        format!("{}\n", json!({"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data}}))
    })
    .collect()
}

fn window(number: u32) -> String {
    [rows("events", number, number * ROWS..(number + 1) * ROWS), state(number)].concat()
}

const STRAIGHT: &str = "COPY \"airbyte\".\"events\"";
const BY_TEMPORARY: &str = "COPY pg_temp.";

/// The columns have no defaults, and every row says what it says in any other load.
fn is_as_ever(scenario: &Scenario) -> Checked {
    let defaults = scenario.sql.value("SELECT count(*) FROM pg_attrdef WHERE adrelid = 'airbyte.events'::regclass")?;
    let odd = scenario.sql.value(
        "SELECT count(*) FROM airbyte.events WHERE _airbyte_meta <> '{\"changes\": [], \"sync_id\": 1}' \
         OR _airbyte_generation_id IS NULL OR length(pad) <> 20000 + length(id::text)",
    )?;
    if (defaults.as_str(), odd.as_str()) == ("0", "0") {
        return Ok(());
    }
    Err(format!("{defaults} columns have defaults, {odd} rows are odd"))
}

fn expect(what: &str, found: usize, wanted: usize) -> Checked {
    if found == wanted { Ok(()) } else { Err(format!("{found} {what} instead of {wanted}")) }
}

fn run(scenario: &Scenario, mode: Mode, input: &str) -> Result<Outcome, String> {
    let sync = scenario.start(&[("events", mode)]);
    sync.feed(input.as_bytes());
    sync.finish(SOON)
}

/// However busy the machine is, the input of one sync is one window.
fn patient(mut scenario: Scenario) -> Scenario {
    let settings = scenario.settings.as_object_mut().expect("an object");
    settings.insert("commit_interval_seconds".into(), json!(300));
    scenario
}

fn by_several_sessions(route: Route) -> Checked {
    let scenario = patient(Scenario::by(route)?);
    for number in 0..2 {
        succeeded(&run(&scenario, Mode::Append, &window(number))?, 1)?;
    }
    scenario.holds("events", &[0..2 * ROWS])?;
    is_as_ever(&scenario)?;
    expect("loads straight into the table", scenario.sent(STRAIGHT), 8)?;
    scenario.nothing_is_left()
}

/// The first window goes straight into an empty table, the others meet its keys and bring more, some of them twice.
fn upserts() -> Checked {
    let scenario = patient(Scenario::shared()?);
    let run = |input: &str| succeeded(&run(&scenario, Mode::Dedup, &[input, &state(0)].concat())?, 1);
    run(&rows("events", 0, 0..450))?;
    run(&[rows("events", 1, 200..600), rows("events", 2, 300..350)].concat())?;
    run(&rows("events", 3, 100..550))?;
    scenario.holds("events", &[0..600])?;
    let parts = scenario.sql.value(
        "SELECT string_agg(part || ':' || n, ' ' ORDER BY part) \
         FROM (SELECT part, count(*) n FROM airbyte.events GROUP BY part) p",
    )?;
    if parts != "0:100 1:50 3:450" {
        return Err(format!("rows by part: {parts}"));
    }
    is_as_ever(&scenario)?;
    expect("loads straight into the table", scenario.sent(STRAIGHT), 4)?;
    expect("loads through temporary tables", scenario.sent(BY_TEMPORARY), 8)
}

/// Nothing of a partitioned table is locked but the table itself, and its partitions get no defaults.
fn into_partitions() -> Checked {
    let scenario = patient(Scenario::shared()?);
    succeeded(&run(&scenario, Mode::Dedup, "")?, 0)?;
    scenario.database.writer()?.run(
        "ALTER TABLE airbyte.events RENAME TO old;
         CREATE TABLE airbyte.events (LIKE airbyte.old INCLUDING COMMENTS) PARTITION BY HASH (id);
         CREATE TABLE airbyte.even PARTITION OF airbyte.events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE airbyte.odd PARTITION OF airbyte.events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         DROP TABLE airbyte.old",
    )?;
    // A reader of a partition is in nobody's way.
    let reader = scenario.database.superuser()?;
    reader.run("BEGIN; SELECT count(*) FROM airbyte.even")?;
    succeeded(&run(&scenario, Mode::Dedup, &window(0))?, 1)?;
    reader.run("COMMIT")?;
    succeeded(&run(&scenario, Mode::Dedup, &[rows("events", 1, 150..600), state(0)].concat())?, 1)?;
    scenario.holds("events", &[0..600])?;
    is_as_ever(&scenario)?;
    let defaults = scenario.sql.value(
        "SELECT count(*) FROM pg_attrdef d JOIN pg_inherits i ON i.inhrelid = d.adrelid
         WHERE i.inhparent = 'airbyte.events'::regclass",
    )?;
    expect("defaults of partitions", defaults.parse().unwrap_or(1), 0)?;
    expect("loads straight into the table", scenario.sent(STRAIGHT), 4)?;
    expect("loads through temporary tables", scenario.sent(BY_TEMPORARY), 4)
}

fn refresh() -> Checked {
    let scenario = Scenario::shared()?;
    for generation in 1..3 {
        let input = [rows("events", 0, 0..ROWS), state(1), complete(&["events"])].concat();
        succeeded(&run(&scenario, Mode::Refresh(generation), &input)?, 1)?;
        scenario.holds("events", &[0..ROWS])?;
        is_as_ever(&scenario)?;
        let other = format!("SELECT count(*) FROM airbyte.events WHERE _airbyte_generation_id <> {generation}");
        expect("rows of another generation", scenario.sql.value(&other)?.parse().unwrap_or(1), 0)?;
    }
    Ok(())
}

/// What the user hung on the table is honoured by one session, and a temporary table where COPY is no INSERT.
fn not_straight(script: &str, straight: bool) -> Checked {
    let scenario = patient(Scenario::shared()?);
    succeeded(&run(&scenario, Mode::Append, &[rows("events", 0, 0..1), state(0)].concat())?, 1)?;
    scenario.sql.run(script)?;
    let before = scenario.sql.value("SELECT count(*) FROM pg_attrdef WHERE adrelid = 'airbyte.events'::regclass")?;
    succeeded(&run(&scenario, Mode::Append, &window(1))?, 1)?;
    scenario.holds("events", &[0..1, ROWS..2 * ROWS])?;
    let after = scenario.sql.value("SELECT count(*) FROM pg_attrdef WHERE adrelid = 'airbyte.events'::regclass")?;
    if before != after {
        return Err(format!("{before} defaults before, {after} after"));
    }
    // One more: the first row.
    expect("loads straight into the table", scenario.sent(STRAIGHT), 1 + usize::from(straight))
}

/// Nobody waits for the lock that the defaults need: rows bring all columns instead.
fn while_a_reader_has_the_table() -> Checked {
    let scenario = patient(Scenario::shared()?);
    succeeded(&run(&scenario, Mode::Append, &[rows("events", 0, 0..1), state(0)].concat())?, 1)?;
    let reader = scenario.database.superuser()?;
    reader.run("BEGIN; SELECT * FROM airbyte.events")?;
    succeeded(&run(&scenario, Mode::Append, &window(1))?, 1)?;
    reader.run("COMMIT")?;
    scenario.holds("events", &[0..1, ROWS..2 * ROWS])?;
    is_as_ever(&scenario)?;
    expect("loads straight into the table", scenario.sent(STRAIGHT), 2)
}

/// A sync that was killed leaves the defaults; the next one, which has no use for them, drops them.
fn left_over() -> Checked {
    let scenario = Scenario::shared()?;
    let mut killed = scenario.start(&[("events", Mode::Append)]);
    killed.feed(window(0).as_bytes());
    killed.wait_for_states(1, SOON)?;
    killed.signal("KILL");
    drop(killed.finish(SOON));
    let defaults = "SELECT count(*) FROM pg_attrdef WHERE adrelid = 'airbyte.events'::regclass";
    expect("defaults", scenario.sql.value(defaults)?.parse().unwrap_or(0), 2)?;
    succeeded(&run(&scenario, Mode::Append, &[rows("events", 1, ROWS..ROWS + 1), state(0)].concat())?, 1)?;
    scenario.holds("events", &[0..ROWS + 1])?;
    is_as_ever(&scenario)
}

/// Defaults that are not ours any more in the middle of a sync, as after a fail-over to a server that lacks them, are in no row.
fn other_defaults() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    for (number, script) in [
        (1, "ALTER _airbyte_meta SET DEFAULT '{\"changes\": [], \"sync_id\": 99}'"),
        (2, "ALTER _airbyte_meta DROP DEFAULT, ALTER _airbyte_meta DROP NOT NULL"),
    ] {
        scenario.sql.run(&format!("ALTER TABLE airbyte.events {script}"))?;
        sync.feed(window(number).as_bytes());
        sync.wait_for_states(number as usize + 1, SOON)?;
    }
    scenario.sql.run(
        "ALTER TABLE airbyte.events ALTER _airbyte_generation_id DROP DEFAULT, \
         ALTER _airbyte_meta SET DEFAULT '{\"changes\": [], \"sync_id\": 1}', ALTER _airbyte_meta SET NOT NULL",
    )?;
    sync.feed(window(3).as_bytes());
    succeeded(&sync.finish(SOON)?, 4)?;
    scenario.holds("events", &[0..4 * ROWS])?;
    is_as_ever(&scenario)
}

/// Our bytes of a bigint would be other numbers to a double precision.
fn changed_type() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte.events ALTER part TYPE double precision")?;
    sync.feed([window(1), window(2)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 3)?;
    scenario.holds("events", &[0..3 * ROWS])?;
    let wrong = scenario.sql.value(&format!("SELECT count(*) FROM airbyte.events WHERE part <> id / {ROWS}"))?;
    expect("rows with another value", wrong.parse().unwrap_or(1), 0)
}

/// A trigger that comes in the middle of a sync and takes a row away: fewer rows than were sent are no error.
fn new_trigger() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run(&format!(
        "CREATE FUNCTION airbyte.f() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF NEW.id = {ROWS} THEN RETURN NULL; END IF; RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE INSERT ON airbyte.events FOR EACH ROW EXECUTE FUNCTION airbyte.f()"
    ))?;
    sync.feed([window(1), window(2)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 3)?;
    scenario.holds("events", &[0..ROWS, ROWS + 1..3 * ROWS])
}

/// A row in the middle of a window is refused: what is stored and acknowledged is what it would be in a small window.
fn refused(mode: Mode) -> Checked {
    let mut scenario = patient(Scenario::shared()?);
    succeeded(&run(&scenario, mode, &window(0))?, 1)?;
    let refused = ROWS + 250;
    scenario.sql.run(&format!("ALTER TABLE airbyte.events ADD CHECK (id <> {refused})"))?;
    let at = |n: u32| ROWS + n;
    let input = [
        rows("events", 1, at(0)..at(200)),
        state(1),
        rows("events", 1, at(200)..at(300)),
        state(2),
        rows("events", 1, at(300)..at(400)),
        state(3),
    ]
    .concat();
    let outcome = run(&scenario, mode, &input)?;
    failed(&outcome, "config_error", &["record 251 of stream events in this sync", "rejected_rows"])?;
    expect("states", outcome.messages_of("STATE").len(), 1)?;
    scenario.holds("events", &[0..at(200)])?;
    scenario.settings["rejected_rows"] = json!("set_aside");
    succeeded(&run(&scenario, mode, &input)?, 3)?;
    let held = if mode == Mode::Append {
        [0..at(200), at(0)..refused, refused + 1..at(400)].to_vec()
    } else {
        [0..refused, refused + 1..at(400)].to_vec()
    };
    scenario.holds("events", &held)?;
    let position = scenario.sql.value("SELECT position FROM airbyte._airbyte_rejected_rows")?;
    expect("is the position", position.parse().unwrap_or(0), 251)
}

/// The connection of each part in turn is lost at the same statement.
fn lost(mode: Mode, point: &Point) -> Checked {
    let scenario = Scenario::shared()?;
    succeeded(&run(&scenario, mode, &window(0))?, 1)?;
    let mut stored = ROWS;
    let mut faults = 0;
    for nth in 1..=4 {
        let mut sync = scenario.start(&[("events", mode)]);
        // The ways into the table are found by then.
        sync.feed([rows("events", 1, stored..stored + ROWS), state(0)].concat().as_bytes());
        sync.wait_for_states(1, SOON)?;
        let fired = scenario.proxy.fired();
        scenario.proxy.order_nth(point.clone(), Act::Reset, nth);
        sync.feed([rows("events", 2, stored + ROWS..stored + 2 * ROWS), state(1)].concat().as_bytes());
        sync.wait_for_states(2, SOON)?;
        sync.feed([rows("events", 3, stored + 2 * ROWS..stored + 3 * ROWS), state(2)].concat().as_bytes());
        let outcome = sync.finish(SOON)?;
        succeeded(&outcome, 3)?;
        let counts = summary(&outcome, Some("events"))?;
        counted(&counts, &json!({"rows": 3 * ROWS}))?;
        if mode == Mode::Append {
            counted(&counts, &json!({"merged": 3 * ROWS}))?;
        }
        // A busy machine may take so long for a part that its window goes the ordinary way: then there is no fourth.
        scenario.proxy.forgive();
        faults += scenario.proxy.fired() - fired;
        stored += 3 * ROWS;
        scenario.holds("events", &[0..stored])?;
        is_as_ever(&scenario)?;
    }
    if faults < 2 {
        return Err(format!("{faults} faults instead of up to 4"));
    }
    scenario.nothing_is_left()
}

/// One part stands still before its commit, the others wait for it; the next sync ends them all.
fn newer_sync() -> Checked {
    let scenario = Scenario::shared()?;
    let mut older = scenario.start(&[("events", Mode::Append)]);
    older.feed(window(0).as_bytes());
    older.wait_for_states(1, SOON)?;
    scenario.proxy.order(Point::Before("COMMENT".into()), Act::Stall, 1);
    older.feed(window(1).as_bytes());
    scenario.proxy.wait_fired(1, SOON)?;
    let newer = scenario.start(&[("events", Mode::Append)]);
    newer.feed(window(2).as_bytes());
    succeeded(&newer.finish(SOON)?, 1)?;
    scenario.proxy.cut();
    let outcome = older.finish(SOON)?;
    failed(&outcome, "transient_error", &["another sync of table"])?;
    scenario.holds("events", &[0..ROWS, 2 * ROWS..3 * ROWS])?;
    is_as_ever(&scenario)
}
