//! Rows that the database refuses for a reason of its own: found, named by their position, and kept from harming others.

mod kinds;
mod references;

use std::ops::Range;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use self::kinds::{KINDS, Kind, Pad};
use crate::scenario::{Checked, Mode, SOON, Scenario, complete, failed, logged, state, succeeded, wait_for};
use crate::support::connector::Outcome;
use crate::support::fault_proxy::{Act, Point};

/// The refused row's id and text: nobody may ever say them.
const ID: u32 = 471_147_114;
const VALUE: &str = "POISON-hunter2";

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in KINDS {
        for mode in [Mode::Append, Mode::Dedup] {
            let name = format!("poison::{}_{}", kind.name, if mode == Mode::Append { "append" } else { "dedup" });
            trials.push(Trial::test(name, move || Ok(refused(kind, mode)?)));
        }
    }
    trials.extend(references::trials());
    trials.extend([
        Trial::test("poison::raw", || Ok(raw()?)),
        Trial::test("poison::first_refresh", || Ok(first_refresh()?)),
        Trial::test("poison::in_a_refresh", || Ok(refresh()?)),
        Trial::test("poison::many_in_many_windows", || Ok(many()?)),
        Trial::test("poison::every_row", || Ok(every_row()?)),
        Trial::test("poison::more_than_are_set_aside", || Ok(too_many()?)),
        Trial::test("poison::loser_of_its_key", || Ok(loser()?)),
        Trial::test("poison::first_load_with_returning_keys", || Ok(returning_keys()?)),
        Trial::test("poison::only_at_times", || Ok(at_times()?)),
        Trial::test("poison::only_as_a_whole", || Ok(as_a_whole()?)),
        Trial::test("poison::several_sessions", || Ok(several_sessions()?)),
        Trial::test("poison::before_a_bad_line", || Ok(before_a_bad_line()?)),
        Trial::test("poison::table_in_the_way", || Ok(in_the_way()?)),
    ]);
    for (name, point) in [
        ("undo", Point::Before("ROLLBACK TO SAVEPOINT".into())),
        ("part", Point::Answered("INSERT INTO \"airbyte\".\"events\"".into())),
        ("commit", Point::Before("COMMIT".into())),
        ("answer", Point::Answered("COMMIT".into())),
    ] {
        trials.push(Trial::test(format!("poison::connection_lost_at_{name}"), move || Ok(lost(&point)?)));
    }
    trials
}

fn row(stream: &str, id: u32, part: u32, pad: Option<&str>) -> String {
    let data = json!({"id": id, "part": part, "pad": pad});
    format!("{}\n", json!({"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data}}))
}

fn rows(stream: &str, ids: Range<u32>) -> String {
    ids.map(|id| row(stream, id, 1, Some(&format!("pad {id}")))).collect()
}

fn poison(stream: &str, pad: Pad) -> String {
    // What a compression cannot shorten.
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((seed >> 33) % 26).expect("a letter"))
    };
    let text = match pad {
        Pad::Null => None,
        Pad::Value | Pad::Again => Some(VALUE.to_owned()),
        Pad::Long => Some(format!("{VALUE}{}", (0..6_000).map(|_| noise()).collect::<String>())),
    };
    row(stream, ID, 1, text.as_deref())
}

fn sync(scenario: &Scenario, streams: &[(&str, Mode)], input: &str) -> Result<Outcome, String> {
    let sync = scenario.start(streams);
    sync.feed(input.as_bytes());
    sync.finish(3 * SOON)
}

/// Nothing of the refused row is in the output.
fn silent(outcome: &Outcome) -> Checked {
    let all = outcome.stdout.concat() + &outcome.stderr;
    let told = [VALUE, &ID.to_string()].iter().any(|text| all.contains(text));
    if told { Err(format!("the row's values are in the output: {:#?}", outcome.stdout)) } else { Ok(()) }
}

/// How many records each acknowledged state stands for.
fn counts(outcome: &Outcome, wanted: &[u64]) -> Checked {
    let counts: Vec<Option<u64>> = outcome
        .messages_of("STATE")
        .iter()
        .map(|state| state["state"]["destinationStats"]["recordCount"].as_f64().map(|count| count as u64))
        .collect();
    let wanted: Vec<Option<u64>> = wanted.iter().copied().map(Some).collect();
    if counts == wanted { Ok(()) } else { Err(format!("acknowledged {counts:?} instead of {wanted:?}")) }
}

/// The rejected rows of the schema, as a text.
fn rejected(scenario: &Scenario, columns: &str) -> Result<String, String> {
    let query = format!("SELECT {columns} FROM airbyte._airbyte_rejected_rows ORDER BY stream_name, position");
    let rows = scenario.sql.rows(&query)?;
    let line = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join(" ");
    Ok(rows.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn same(actual: &str, expected: &str) -> Checked {
    if actual == expected { Ok(()) } else { Err(format!("expected\n{expected}\nbut there is\n{actual}")) }
}

fn harm(scenario: &Scenario, script: &str) -> Checked {
    scenario.sql.run(script)
}

/// A stream with a refused row beside one without, in one window with states before and after it.
fn refused(kind: &Kind, mode: Mode) -> Checked {
    let mut scenario = Scenario::shared()?;
    let streams = [("events", mode), ("others", Mode::Append)];
    let seed = if kind.pad == Pad::Again { row("events", 0, 1, Some(VALUE)) } else { rows("events", 0..1) };
    succeeded(&sync(&scenario, &streams, &(seed + &rows("events", 1..50) + &rows("others", 0..1) + &state(0)))?, 1)?;
    let script = kind.script.replace("LIKE 'POISON%'", "LIKE 'POISON§'").replace("not %'", "not §'");
    let script = script.replace('%', "events").replace('§', "%").replace('@', &scenario.database.writer);
    harm(&scenario, &script)?;
    let input = |base: u32| {
        [
            rows("events", base..base + 50),
            rows("others", base..base + 10),
            state(1),
            rows("events", base + 50..base + 75),
            rows("others", base + 10..base + 20),
            poison("events", kind.pad),
            rows("events", base + 75..base + 100),
            rows("others", base + 20..base + 30),
            state(2),
            rows("events", base + 100..base + 125),
            state(3),
        ]
        .concat()
    };
    let outcome = sync(&scenario, &streams, &input(100))?;
    silent(&outcome)?;
    failed(&outcome, "config_error", &["record 76 of stream events in this sync", kind.says, "rejected_rows"])?;
    counts(&outcome, &[60])?;
    scenario.holds("events", &[0..50, 100..150])?;
    scenario.holds("others", &[0..1, 100..110])?;
    scenario.settings = json!({"rejected_rows": "set_aside"});
    let outcome = sync(&scenario, &streams, &input(300))?;
    silent(&outcome)?;
    succeeded(&outcome, 3)?;
    counts(&outcome, &[60, 71, 25])?;
    logged(
        &outcome,
        "Stream events: the database refused 1 record, set aside in table \"airbyte\".\"_airbyte_rejected_rows\"",
    )?;
    scenario.holds("events", &[0..50, 100..150, 300..425])?;
    scenario.holds("others", &[0..1, 100..110, 300..330])?;
    let columns = "stream_namespace, stream_name, position, record->>'id', record->>'part', _airbyte_meta, \
                   _airbyte_generation_id, (SELECT count(*) FROM jsonb_object_keys(record))";
    same(&rejected(&scenario, columns)?, " events 76 471147114 1 {\"changes\": [], \"sync_id\": 1} 0 3")?;
    if mode == Mode::Dedup && kind.name != "partition" {
        // No index of ours was given up for what another one refuses.
        same(&scenario.sql.value("SELECT count(*) FROM pg_indexes WHERE indexname ~ '^idx_(pk|cursor)_events'")?, "2")?;
    }
    let comment = scenario.sql.value("SELECT obj_description('airbyte._airbyte_rejected_rows'::regclass)")?;
    if !comment.contains("refused") {
        return Err(format!("the table's comment says \"{comment}\""));
    }
    scenario.nothing_is_left()
}

const TAME: &str = "CONSTRAINT tame CHECK (pad NOT LIKE 'POISON%')";

/// Two syncs: one makes the tables, then `script` is run.
fn prepared(settings: Value, streams: &[(&str, Mode)], script: &str) -> Result<Scenario, String> {
    let mut scenario = Scenario::shared()?;
    let input: String = streams.iter().map(|(name, _)| rows(name, 0..50)).collect();
    succeeded(&sync(&scenario, streams, &(input + &state(0)))?, 1)?;
    harm(&scenario, script)?;
    scenario.settings = settings;
    Ok(scenario)
}

fn set_aside() -> Value {
    json!({"rejected_rows": "set_aside"})
}

fn raw() -> Checked {
    let mut scenario = Scenario::shared()?;
    let streams = [("events", Mode::Append)];
    scenario.settings = json!({"disable_type_dedupe": true, "raw_data_schema": "airbyte"});
    succeeded(&sync(&scenario, &streams, &(rows("events", 0..50) + &state(0)))?, 1)?;
    let table =
        scenario.sql.value("SELECT oid::regclass FROM pg_class WHERE relname LIKE '%raw%events' AND relkind = 'r'")?;
    harm(
        &scenario,
        &format!("ALTER TABLE {table} ADD CONSTRAINT tame CHECK (_airbyte_data->>'pad' NOT LIKE 'POISON%')"),
    )?;
    scenario.settings["rejected_rows"] = json!("set_aside");
    let input = rows("events", 50..60) + &poison("events", Pad::Value) + &rows("events", 60..70) + &state(1);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    same(&scenario.sql.value(&format!("SELECT count(*) FROM {table}"))?, "70")?;
    same(&rejected(&scenario, "position, constraint_name, record->>'pad'")?, &format!("11 tame {VALUE}"))
}

/// A refresh into an empty table goes there directly; the constraint was made beforehand.
fn first_refresh() -> Checked {
    let streams = [("events", Mode::Dedup)];
    let script = format!("TRUNCATE airbyte.events; ALTER TABLE airbyte.events ADD {TAME}");
    let scenario = prepared(set_aside(), &streams, &script)?;
    let input = rows("events", 0..30) + &poison("events", Pad::Value) + &rows("events", 30..90) + &state(1);
    let outcome = sync(&scenario, &[("events", Mode::Refresh(3))], &(input + &complete(&["events"])))?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[0..90])?;
    same(&rejected(&scenario, "position, _airbyte_generation_id, sqlstate")?, "31 3 23514")
}

/// A refresh of a table with rows: its next generation refuses what the constraint refuses, not only its publishing.
fn refresh() -> Checked {
    let streams = [("events", Mode::Dedup)];
    let mut scenario = prepared(set_aside(), &streams, &format!("ALTER TABLE airbyte.events ADD {TAME}"))?;
    let input = rows("events", 50..80) + &poison("events", Pad::Value) + &rows("events", 80..140) + &state(1);
    let input = input + &complete(&["events"]);
    let outcome = sync(&scenario, &[("events", Mode::Refresh(3))], &input)?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[50..140])?;
    same(&rejected(&scenario, "position, _airbyte_generation_id, sqlstate")?, "31 3 23514")?;
    let tame = "SELECT count(*) FROM pg_constraint WHERE conname = 'tame' AND conrelid = 'airbyte.events'::regclass";
    same(&scenario.sql.value(tame)?, "1")?;
    scenario.settings = json!({});
    let outcome = sync(&scenario, &[("events", Mode::Refresh(4))], &input)?;
    failed(&outcome, "config_error", &["record 31 of stream events", "constraint \"tame\""])?;
    scenario.holds("events", &[50..140])?;
    // The user lets such rows in, and the next attempt goes on.
    scenario.sql.run("ALTER TABLE airbyte.events DROP CONSTRAINT tame")?;
    succeeded(&sync(&scenario, &[("events", Mode::Refresh(4))], &input)?, 1)?;
    same(&scenario.sql.value("SELECT count(*) FROM airbyte.events WHERE pad LIKE 'POISON%'")?, "1")?;
    // One that is gone by the time of the publishing is gone.
    scenario.sql.run(&format!("ALTER TABLE airbyte.events ADD {TAME} NOT VALID"))?;
    let mut sync = scenario.start(&[("events", Mode::Refresh(5))]);
    sync.feed((rows("events", 0..30) + &state(1)).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte.events DROP CONSTRAINT tame")?;
    sync.feed(complete(&["events"]).as_bytes());
    succeeded(&sync.finish(SOON)?, 1)?;
    scenario.holds("events", &[0..30])?;
    same(&scenario.sql.value(tame)?, "0")
}

/// Refused rows at the edges and close together, in three windows; positions go on from window to window.
fn many() -> Checked {
    for mode in [Mode::Append, Mode::Dedup] {
        let script = "ALTER TABLE airbyte.events ADD CONSTRAINT odd CHECK (part <> 9)";
        let scenario = prepared(set_aside(), &[("events", mode)], script)?;
        let bad = |id: u32| id.is_multiple_of(997) || [1001, 1002, 4000, 4001].contains(&id) || id % 2_000 == 1_999;
        let mut sync = scenario.start(&[("events", mode)]);
        for window in 0..3 {
            let ids = 1_000 + window * 2_000..3_000 + window * 2_000;
            let text: String = ids.map(|id| row("events", id, if bad(id) { 9 } else { 1 }, Some("pad"))).collect();
            sync.feed((text + &state(window)).as_bytes());
            sync.wait_for_states(window as usize + 1, SOON)?;
        }
        let outcome = sync.finish(SOON)?;
        succeeded(&outcome, 3)?;
        counts(&outcome, &[2_000; 3])?;
        let refused: Vec<u32> = (1_000..7_000).filter(|id| bad(*id)).collect();
        logged(&outcome, &format!("the database refused {} records", refused.len()))?;
        let positions: Vec<String> = refused.iter().map(|id| format!("{} {id}", id - 999)).collect();
        same(&rejected(&scenario, "position, record->>'id'")?, &positions.join("\n"))?;
        let good: Vec<Range<u32>> = (1_000..7_000).filter(|id| !bad(*id)).map(|id| id..id + 1).collect();
        scenario.holds("events", &[&[0..50], &good[..]].concat())?;
    }
    Ok(())
}

/// Nothing is taken: the first row is named at once.
fn every_row() -> Checked {
    let streams = [("events", Mode::Append)];
    let script = "ALTER TABLE airbyte.events ADD CONSTRAINT shut CHECK (false) NOT VALID";
    let scenario = prepared(json!({}), &streams, script)?;
    let outcome = sync(&scenario, &streams, &(state(1) + &rows("events", 50..3_000) + &state(2)))?;
    failed(&outcome, "config_error", &["record 1 of stream events", "constraint \"shut\""])?;
    counts(&outcome, &[0])?;
    scenario.holds("events", &[0..50])
}

fn too_many() -> Checked {
    let streams = [("events", Mode::Append)];
    let scenario = prepared(set_aside(), &streams, "ALTER TABLE airbyte.events ADD CONSTRAINT odd CHECK (part <> 9)")?;
    let bad = |ids: Range<u32>| ids.map(|id| row("events", id, 9, Some("pad"))).collect::<String>();
    let input = bad(1_000..1_600) + &rows("events", 50..60) + &state(1) + &bad(1_600..2_100) + &state(2);
    let outcome = sync(&scenario, &streams, &input)?;
    // 600 and 10 rows, then 400 more that would be set aside, then one too many.
    let words = ["record 1011 of stream events", "constraint \"odd\"", "More than 1000 rows are not set aside"];
    failed(&outcome, "config_error", &words)?;
    counts(&outcome, &[610])?;
    logged(&outcome, "the database refused 600 records")?;
    scenario.holds("events", &[0..60])?;
    same(&scenario.sql.value("SELECT count(*) FROM airbyte._airbyte_rejected_rows")?, "600")
}

/// A row that a newer one of its key replaces in the same window is not sent to the table; an older one stays.
fn loser() -> Checked {
    let streams = [("events", Mode::Dedup)];
    let scenario = prepared(json!({}), &streams, &format!("ALTER TABLE airbyte.events ADD {TAME}"))?;
    let input =
        row("events", 7, 2, Some(VALUE)) + &row("events", 7, 3, Some("good")) + &rows("events", 50..60) + &state(1);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    let mut scenario = scenario;
    scenario.settings = set_aside();
    let input =
        row("events", 8, 2, Some("older")) + &row("events", 8, 3, Some(VALUE)) + &row("events", 9, 2, Some("newer"));
    let outcome = sync(&scenario, &streams, &(input + &state(2)))?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    let pads = "SELECT string_agg(pad, ' ' ORDER BY id) FROM airbyte.events WHERE id IN (7, 8, 9)";
    same(&scenario.sql.value(pads)?, "good older newer")?;
    same(&rejected(&scenario, "position, record->>'part'")?, "2 3")?;
    scenario.holds("events", &[0..60])
}

/// The unique index of a first load comes with the keys that return, also when they return in another half.
fn returning_keys() -> Checked {
    let streams = [("events", Mode::Dedup)];
    let script = format!("TRUNCATE airbyte.events; ALTER TABLE airbyte.events ADD {TAME}");
    let scenario = prepared(set_aside(), &streams, &script)?;
    harm(&scenario, "DROP INDEX airbyte.idx_pk_events")?;
    let again: String = (0..500).map(|id| row("events", id, 2, Some("again"))).collect();
    let input = rows("events", 0..1_000) + &poison("events", Pad::Value) + &again + &state(1);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    succeeded(&outcome, 1)?;
    scenario.holds("events", &[0..1_000])?;
    same(&scenario.sql.value("SELECT count(*) FROM airbyte.events WHERE pad = 'again'")?, "500")?;
    same(&rejected(&scenario, "position")?, "1001")
}

/// A trigger that raises once and never again.
fn at_times() -> Checked {
    let streams = [("events", Mode::Append)];
    let script = "CREATE SEQUENCE airbyte.times; GRANT USAGE ON SEQUENCE airbyte.times TO PUBLIC;
        CREATE FUNCTION airbyte.moody() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF pg_catalog.nextval('airbyte.times') = 20 THEN RAISE EXCEPTION 'not now'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE INSERT ON airbyte.events FOR EACH ROW EXECUTE FUNCTION airbyte.moody()";
    let scenario = prepared(json!({}), &streams, script)?;
    let outcome = sync(&scenario, &streams, &(rows("events", 50..100) + &state(1)))?;
    succeeded(&outcome, 1)?;
    logged(&outcome, "the database took every row")?;
    scenario.holds("events", &[0..100])
}

/// A trigger of the statement that wants few rows at a time.
fn as_a_whole() -> Checked {
    let streams = [("events", Mode::Append)];
    let script = "CREATE FUNCTION airbyte.few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM fresh) > 100 THEN RAISE EXCEPTION 'too many'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER t AFTER INSERT ON airbyte.events REFERENCING NEW TABLE AS fresh
            FOR EACH STATEMENT EXECUTE FUNCTION airbyte.few()";
    let scenario = prepared(json!({}), &streams, script)?;
    let outcome = sync(&scenario, &streams, &(rows("events", 50..1_000) + &state(1)))?;
    succeeded(&outcome, 1)?;
    logged(&outcome, "the database took every row")?;
    scenario.holds("events", &[0..1_000])
}

/// Streams of one window in several transactions: what is acknowledged is there in all of them.
fn several_sessions() -> Checked {
    let names = ["events", "others", "more"];
    let streams = names.map(|name| (name, Mode::Dedup));
    let scenario =
        prepared(json!({"commit_interval_seconds": 5}), &streams, &format!("ALTER TABLE airbyte.events ADD {TAME}"))?;
    let pad = "x".repeat(4_000);
    let big = |ids: Range<u32>| {
        let rows = |name: &&str| ids.clone().map(|id| row(name, id, 1, Some(&pad))).collect::<String>();
        names.iter().map(rows).collect::<String>()
    };
    let input = big(50..650) + &state(1) + &big(650..800) + &poison("events", Pad::Value) + &big(800..900) + &state(2);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    failed(&outcome, "config_error", &["record 751 of stream events"])?;
    counts(&outcome, &[1_800])?;
    scenario.holds("events", &[0..650])?;
    for name in ["others", "more"] {
        // Their own transactions may hold rows that no state acknowledges, which the next sync sends again.
        let missing = format!("SELECT 650 - count(*) FROM airbyte.{name} WHERE id < 650");
        same(&scenario.sql.value(&missing)?, "0")?;
    }
    if scenario.sent("COPY ") < 4 {
        return Err("not several sessions".into());
    }
    let again = scenario.start(&streams);
    again.feed((big(650..900) + &state(2)).as_bytes());
    succeeded(&again.finish(SOON)?, 1)?;
    names.iter().try_for_each(|name| scenario.holds(name, &[0..900]))
}

/// The connection is lost in the middle of the search, or at its commit.
fn lost(point: &Point) -> Checked {
    let streams = [("events", Mode::Append)];
    let scenario = prepared(set_aside(), &streams, &format!("ALTER TABLE airbyte.events ADD {TAME}"))?;
    let mut sync = scenario.start(&streams);
    sync.feed((rows("events", 50..60) + &state(1)).as_bytes());
    sync.wait_for_states(1, SOON)?;
    // A second statement of this kind, so that the first half is in.
    let nth = if matches!(point, Point::Answered(words) if words.starts_with("INSERT")) { 3 } else { 1 };
    scenario.proxy.order_nth(point.clone(), Act::Reset, nth);
    sync.feed(
        (rows("events", 60..130) + &poison("events", Pad::Value) + &rows("events", 130..200) + &state(2)).as_bytes(),
    );
    let outcome = sync.finish(SOON)?;
    silent(&outcome)?;
    succeeded(&outcome, 2)?;
    if scenario.proxy.fired() != 1 {
        return Err(format!("{} faults happened", scenario.proxy.fired()));
    }
    logged(&outcome, "the database refused 1 record")?;
    scenario.holds("events", &[0..200])?;
    same(&rejected(&scenario, "position")?, "81")?;
    scenario.nothing_is_left()
}

/// Nothing is loaded or acknowledged after a window that failed, also when the input ends in a line that cannot be used.
fn before_a_bad_line() -> Checked {
    let streams = [("events", Mode::Append)];
    let scenario = prepared(json!({}), &streams, &format!("ALTER TABLE airbyte.events ADD {TAME}"))?;
    let holder = scenario.database.superuser()?;
    holder.run("BEGIN; LOCK TABLE airbyte.events IN SHARE MODE")?;
    let sync = scenario.start(&streams);
    sync.feed((poison("events", Pad::Value) + &state(1)).as_bytes());
    scenario.wait_for_process("wait_event_type = 'Lock' AND query LIKE 'COPY%'")?;
    sync.feed((rows("events", 50..60) + &state(2) + "no message\n").as_bytes());
    let mut sync = sync;
    sync.close_stdin();
    // Until the bad line is read.
    std::thread::sleep(std::time::Duration::from_secs(2));
    holder.run("COMMIT")?;
    let outcome = sync.wait(SOON)?;
    failed(&outcome, "config_error", &["record 1 of stream events"])?;
    counts(&outcome, &[])?;
    scenario.holds("events", &[0..50])
}

fn in_the_way() -> Checked {
    let streams = [("events", Mode::Append)];
    let script =
        format!("ALTER TABLE airbyte.events ADD {TAME}; CREATE TABLE airbyte._airbyte_rejected_rows (theirs int)");
    let scenario = prepared(set_aside(), &streams, &script)?;
    let input = rows("events", 50..60) + &poison("events", Pad::Value) + &state(1);
    let outcome = sync(&scenario, &streams, &input)?;
    silent(&outcome)?;
    failed(&outcome, "config_error", &["_airbyte_rejected_rows", "is not ours"])?;
    counts(&outcome, &[])?;
    scenario.holds("events", &[0..50])?;
    wait_for("the end of its sessions", || scenario.nothing_is_left().map(Some))
}
