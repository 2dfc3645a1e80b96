//! Windows of all sizes whose rows go straight into their table, with all of its columns; and that whatever the user hangs on the
//! table is honoured by a temporary table instead.

use libtest_mimic::Trial;
use serde_json::json;

use crate::scenario::{Checked, Mode, SOON, Scenario, complete, records, state, succeeded};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("straight::rows_are_as_through_a_temporary_table", || Ok(as_through_a_temporary_table()?)),
        Trial::test("straight::a_first_load_with_a_key", || Ok(first_load()?)),
        Trial::test("straight::a_refresh", || Ok(refresh()?)),
        Trial::test("straight::many_streams", || Ok(many_streams()?)),
        Trial::test("straight::a_type_that_changes_in_the_middle", || Ok(changed_type()?)),
        Trial::test("straight::a_rule_that_comes_in_the_middle", || Ok(new_rule()?)),
    ];
    for (name, script) in OF_THE_USER {
        trials.push(Trial::test(format!("straight::not_where_{name}_is"), move || Ok(not_straight(script)?)));
    }
    trials
}

/// Where COPY does something else than INSERT.
const OF_THE_USER: [(&str, &str); 5] = [
    ("a_trigger", TRIGGER),
    (
        "a_rule",
        "CREATE TABLE airbyte.copies (LIKE airbyte.events); GRANT INSERT ON airbyte.copies TO PUBLIC;
         CREATE RULE r AS ON INSERT TO airbyte.events DO ALSO INSERT INTO airbyte.copies SELECT NEW.*",
    ),
    ("row_security", "ALTER TABLE airbyte.events ENABLE ROW LEVEL SECURITY"),
    (
        "a_foreign_key",
        "CREATE TABLE airbyte.parts (part bigint PRIMARY KEY); INSERT INTO airbyte.parts SELECT * FROM generate_series(0, 9);
         ALTER TABLE airbyte.events ADD FOREIGN KEY (part) REFERENCES airbyte.parts",
    ),
    ("a_child", "CREATE TABLE airbyte.child () INHERITS (airbyte.events)"),
];

const TRIGGER: &str = "CREATE FUNCTION airbyte.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE INSERT ON airbyte.events FOR EACH ROW EXECUTE FUNCTION airbyte.f()";

/// How many loads there were by each way.
fn expect_ways(scenario: &Scenario, straight: usize, temporary: usize) -> Checked {
    let found = (scenario.sent("COPY \"airbyte\""), scenario.sent("COPY pg_temp."));
    let tables = scenario.sent("CREATE TEMPORARY");
    if found == (straight, temporary) && tables == temporary {
        return Ok(());
    }
    Err(format!("loads straight and through temporary tables: {found:?} instead of {:?}", (straight, temporary)))
}

fn load(scenario: &Scenario, mode: Mode, input: &str) -> Checked {
    let sync = scenario.start(&[("events", mode)]);
    sync.feed(input.as_bytes());
    succeeded(&sync.finish(SOON)?, 1)
}

/// A good record, one with a value that becomes NULL, and one whose source says that it has changed it.
fn three_records() -> String {
    let record = |data: serde_json::Value, meta: serde_json::Value| {
        let record = json!({"stream": "events", "emitted_at": 1_700_000_000_123_i64, "data": data, "meta": meta});
        format!("{}\n", json!({"type": "RECORD", "record": record}))
    };
    let change = json!({"field": "pad", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"});
    [
        record(json!({"id": 1, "part": 1, "pad": "good"}), json!(null)),
        record(json!({"id": 2, "part": "no number", "pad": "nulled"}), json!({"changes": []})),
        record(json!({"id": 3, "part": 3, "pad": "cut"}), json!({"changes": [change]})),
        state(0),
    ]
    .concat()
}

fn as_through_a_temporary_table() -> Checked {
    let scenario = Scenario::shared()?;
    load(&scenario, Mode::Append, &three_records())?;
    expect_ways(&scenario, 1, 0)?;
    scenario
        .sql
        .run(&format!("CREATE TABLE public.straight AS TABLE airbyte.events; TRUNCATE airbyte.events; {TRIGGER}"))?;
    load(&scenario, Mode::Append, &three_records())?;
    expect_ways(&scenario, 1, 1)?;
    let columns =
        "_airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, id, part, pad, length(_airbyte_raw_id)";
    let same = scenario.sql.value(&format!(
        "SELECT count(*) FROM (SELECT {columns} FROM airbyte.events INTERSECT ALL SELECT {columns} FROM public.straight) s"
    ))?;
    let changed = scenario.sql.value(
        "SELECT string_agg(jsonb_array_length(_airbyte_meta->'changes')::text, ' ' ORDER BY id) FROM public.straight",
    )?;
    if (same.as_str(), changed.as_str()) != ("3", "0 1 1") {
        return Err(format!("{same} rows are the same, with changes: {changed}"));
    }
    scenario.nothing_is_left()
}

/// Rows go straight as long as no key comes twice.
fn first_load() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Dedup)]);
    for (number, ids) in [(0, 0..100), (1, 100..200), (2, 150..250)] {
        sync.feed([records("events", number, ids), state(number)].concat().as_bytes());
        sync.wait_for_states(number as usize + 1, SOON)?;
    }
    succeeded(&sync.finish(SOON)?, 3)?;
    scenario.holds("events", &[0..250])?;
    expect_ways(&scenario, 2, 1)
}

fn refresh() -> Checked {
    let scenario = Scenario::shared()?;
    for generation in 1..3 {
        let input = [records("events", 0, 0..100), state(1), complete(&["events"])].concat();
        load(&scenario, Mode::Refresh(generation), &input)?;
        scenario.holds("events", &[0..100])?;
    }
    expect_ways(&scenario, 2, 0)
}

/// More streams than share a transaction.
fn many_streams() -> Checked {
    let scenario = Scenario::shared()?;
    let names: Vec<String> = (0..100).map(|n| format!("s{n}")).collect();
    let streams: Vec<(&str, Mode)> = names.iter().map(|name| (name.as_str(), Mode::Append)).collect();
    let mut sync = scenario.start(&streams);
    for number in 0..2 {
        let ids = number * 10..number * 10 + 10;
        let input: String = names.iter().map(|name| records(name, number, ids.clone())).collect();
        sync.feed([input, state(number)].concat().as_bytes());
        sync.wait_for_states(number as usize + 1, SOON)?;
    }
    succeeded(&sync.finish(SOON)?, 2)?;
    for name in &names {
        scenario.holds(name, &[0..20])?;
    }
    expect_ways(&scenario, 200, 0)?;
    scenario.nothing_is_left()
}

fn not_straight(script: &str) -> Checked {
    let scenario = Scenario::shared()?;
    load(&scenario, Mode::Append, &[records("events", 0, 0..10), state(0)].concat())?;
    scenario.sql.run(script)?;
    load(&scenario, Mode::Append, &[records("events", 1, 10..20), state(0)].concat())?;
    scenario.holds("events", &[0..20])?;
    expect_ways(&scenario, 1, 1)
}

/// Our bytes of a bigint would be other numbers to a double precision.
fn changed_type() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    let window = |number: u32| [records("events", number, number * 10..number * 10 + 10), state(number)].concat();
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte.events ALTER id TYPE double precision")?;
    sync.feed(window(1).as_bytes());
    sync.wait_for_states(2, SOON)?;
    sync.feed(window(2).as_bytes());
    succeeded(&sync.finish(SOON)?, 3)?;
    scenario.sql.run("ALTER TABLE airbyte.events ALTER id TYPE bigint")?;
    scenario.holds("events", &[0..30])?;
    // What was found out once is not tried again.
    expect_ways(&scenario, 2, 2)
}

/// COPY would pass it by.
fn new_rule() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..10), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run(OF_THE_USER[1].1)?;
    sync.feed([records("events", 1, 10..20), state(1)].concat().as_bytes());
    succeeded(&sync.finish(SOON)?, 2)?;
    scenario.holds("events", &[0..20])?;
    let copies = scenario.sql.value("SELECT count(*) FROM airbyte.copies")?;
    if copies == "10" { Ok(()) } else { Err(format!("the rule has seen {copies} rows instead of 10")) }
}
