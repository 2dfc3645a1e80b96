//! Sync modes: what BATCH does to the rows that are there.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("modes::rows_of_one_key_become_one", rows_of_one_key_become_one),
        Trial::test("modes::an_overwrite_replaces", an_overwrite_replaces),
        Trial::test("modes::a_refresh_waits_for_its_end", a_refresh_waits_for_its_end),
        Trial::test("modes::raw_tables_hold_whole_rows", raw_tables_hold_whole_rows),
        Trial::test("modes::a_key_that_is_missing_is_named", a_key_that_is_missing_is_named),
        Trial::test("modes::records_of_an_unknown_key_are_refused", records_of_an_unknown_key_are_refused),
        Trial::test("modes::a_refused_row_is_told_by_its_place", a_refused_row_is_told_by_its_place),
    ]
}

const NAMES: &str = "SELECT id, name FROM airbyte.t ORDER BY id, name";

fn dedup() -> Value {
    json!({"destination_sync_mode": "append_dedup", "primary_key": [["id"]], "cursor_field": ["at"]})
}

fn rows_of_one_key_become_one() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    for ending in ["parquet", "arrow", "arrows"] {
        let database = TestServer::shared().database()?;
        let [one, two] = ["one", "two"].map(|name| format!("{name}.{ending}"));
        good(&database, &catalog(dedup()), &files, &batch_of(&files, &[&one, &two]));
        assert_eq!(rows(&database, NAMES)?, ["1|a", "2|B", "3|c", "4|d"]);
        // A second sync finds its key and its index; an older row of a key changes nothing.
        good(&database, &catalog(dedup()), &files, &batch_of(&files, &[&one]));
        assert_eq!(rows(&database, NAMES)?, ["1|a", "2|B", "3|c", "4|d"]);
        let unique = "SELECT count(*) FROM pg_index WHERE indrelid = 'airbyte.t'::regclass AND indisunique";
        assert_eq!(rows(&database, unique)?, ["1"]);
    }
    Ok(())
}

fn an_overwrite_replaces() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let overwrite = |generation: u32| {
        catalog(
            json!({"destination_sync_mode": "overwrite", "generation_id": generation, "minimum_generation_id": generation}),
        )
    };
    good(&database, &overwrite(1), &files, &(batch_of(&files, &["one.parquet"]) + COMPLETE));
    assert_eq!(rows(&database, NAMES)?, ["1|a", "2|b", "3|c"]);
    database.superuser()?.run("CREATE VIEW airbyte.names AS SELECT name FROM airbyte.t")?;
    good(&database, &overwrite(2), &files, &(batch_of(&files, &["two.arrow"]) + COMPLETE));
    assert_eq!(rows(&database, NAMES)?, ["2|B", "2|old", "4|d"]);
    assert_eq!(rows(&database, "SELECT count(*) FROM airbyte.names")?, ["3"]);
    // Nothing came: nothing is left, but the columns are.
    good(&database, &overwrite(3), &files, COMPLETE);
    assert_eq!(rows(&database, NAMES)?, Vec::<String>::new());
    // A swap, without the view.
    database.superuser()?.run("DROP VIEW airbyte.names")?;
    good(&database, &overwrite(4), &files, &(batch_of(&files, &["one.arrows"]) + COMPLETE));
    good(&database, &overwrite(5), &files, &(batch_of(&files, &["two.parquet"]) + COMPLETE));
    assert_eq!(rows(&database, NAMES)?, ["2|B", "2|old", "4|d"]);
    let columns = "SELECT string_agg(attname, ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^_'";
    assert_eq!(rows(&database, columns)?, ["at,id,name"]);
    Ok(())
}

fn a_refresh_waits_for_its_end() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let refresh = |generation: u32| {
        let mut stream = dedup();
        stream["generation_id"] = json!(generation);
        stream["minimum_generation_id"] = json!(generation);
        catalog(stream)
    };
    good(&database, &refresh(1), &files, &(batch_of(&files, &["one.parquet"]) + COMPLETE));
    // Interrupted: the old rows stay, and the next attempt goes on.
    good(&database, &refresh(2), &files, &(batch_of(&files, &["two.parquet"]) + &state(1)));
    assert_eq!(rows(&database, NAMES)?, ["1|a", "2|b", "3|c"]);
    let more = record(json!({"id": 9, "name": "json", "at": "2024-01-05T00:00:00Z"}));
    good(&database, &refresh(2), &files, &(batch_of(&files, &["two.arrow"]) + &more + COMPLETE));
    assert_eq!(rows(&database, NAMES)?, ["2|B", "4|d", "9|json"]);
    Ok(())
}

fn raw_tables_hold_whole_rows() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let mut config = database.config();
    config["disable_type_dedupe"] = json!(true);
    let root = files.path().display().to_string();
    let outcome = Connector::write(&config, &catalog(dedup()))
        .env("DESTINATION_BATCH_ROOTS", &root)
        .run((batch_of(&files, &["meta.parquet"]) + &state(1)).as_bytes());
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    assert_eq!(acknowledged(&outcome), [3.0]);
    let table =
        rows(&database, "SELECT oid::regclass FROM pg_class WHERE relname LIKE '%raw%stream%t' AND relkind = 'r'")?;
    let [table] = &table[..] else { panic!("{table:?}") };
    let data = rows(
        &database,
        &format!("SELECT _airbyte_data, jsonb_array_length(_airbyte_meta -> 'changes') FROM {table} ORDER BY 1"),
    )?;
    assert_eq!(
        data,
        [
            r#"{"at": "2024-01-01T00:00:00Z", "id": 1, "name": "a"}|0"#,
            r#"{"at": "2024-01-01T00:00:00Z", "id": 2, "name": "b"}|1"#,
            r#"{"at": "2024-01-01T00:00:00Z", "id": 3, "name": "c"}|0"#,
        ]
    );
    Ok(())
}

fn a_key_that_is_missing_is_named() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    for (name, value, want) in [
        ("primary_key", json!([["uid"]]), "it has no column \"uid\", which is in the primary key of its stream"),
        ("cursor_field", json!(["when"]), "it has no column \"when\", which is the cursor of its stream"),
    ] {
        let mut stream = dedup();
        stream[name] = value;
        let (kind, text) = failure(&write(&database, &catalog(stream), &files, &batch_of(&files, &["one.parquet"])));
        assert_eq!(kind, "config_error");
        assert!(text.ends_with(&format!("one.parquet: {want}")), "{text}");
    }
    Ok(())
}

fn records_of_an_unknown_key_are_refused() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let late = record(json!({"id": 1, "name": "json", "at": "2025-01-05T00:00:00Z"}));
    let (kind, text) = failure(&write(&database, &catalog(dedup()), &files, &late));
    assert_eq!(kind, "system_error");
    assert!(text.contains("stream t has a primary key but declares no fields"), "{text}");
    good(&database, &catalog(dedup()), &files, &(batch_of(&files, &["one.parquet"]) + &late));
    assert_eq!(rows(&database, NAMES)?, ["1|json", "2|b", "3|c"]);
    Ok(())
}

fn a_refused_row_is_told_by_its_place() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "refused");
    for name in ["rows.parquet", "rows.arrow"] {
        let database = TestServer::shared().database()?;
        let sql = database.superuser()?;
        good(&database, &catalog(json!({})), &files, &batch_of(&files, &["first.arrow"]));
        sql.run("TRUNCATE airbyte.t; ALTER TABLE airbyte.t ADD CONSTRAINT no_needle CHECK (name <> 'n17123')")?;
        let json = |id: u32| record(json!({"id": id, "name": "json"}));
        // Two records, the rows of which the 17,124th is refused, and a record behind them.
        let input = [
            batch_of(&files, &["first.arrow"]),
            json(1),
            json(2),
            state(1),
            batch_of(&files, &[name]),
            state(2),
            json(3),
            state(3),
        ]
        .concat();
        let outcome = write(&database, &catalog(json!({})), &files, &input);
        let (kind, text) = failure(&outcome);
        assert_eq!(kind, "config_error");
        let start = "the database refuses record 17127 of stream t in this sync: ";
        assert!(text.starts_with(start) && text.contains("no_needle") && !text.contains("n17123"), "{text}");
        assert_eq!(acknowledged(&outcome), [3.0], "{name}");
        assert_eq!(rows(&database, "SELECT count(*) FROM airbyte.t WHERE name = 'json'")?, ["2"], "{name}");
        sql.run("TRUNCATE airbyte.t")?;
        let mut config = database.config();
        config["rejected_rows"] = json!("set_aside");
        let root = files.path().display().to_string();
        let outcome =
            Connector::write(&config, &catalog(json!({}))).env("DESTINATION_BATCH_ROOTS", &root).run(input.as_bytes());
        assert_eq!(outcome.code(), 0, "{outcome:#?}");
        assert_eq!(acknowledged(&outcome), [3.0, 30_000.0, 1.0], "{name}");
        let counts = "SELECT count(*), count(DISTINCT id) FILTER (WHERE name ~ '^n'), count(*) FILTER (WHERE name = 'json') FROM airbyte.t";
        assert_eq!(rows(&database, counts)?, ["30003|29999|3"], "{name}");
        let aside = "SELECT position, sqlstate, constraint_name, record ->> 'id' FROM airbyte._airbyte_rejected_rows";
        assert_eq!(rows(&database, aside)?, ["17127|23514|no_needle|17123"], "{name}");
    }
    Ok(())
}
