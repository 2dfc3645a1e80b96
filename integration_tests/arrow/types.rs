//! Every type, in each format and compression, value by value against the same values as SQL literals.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("types::columns_and_values_are_those_of_the_file", columns_and_values_are_those_of_the_file),
        Trial::test("types::a_second_sync_changes_nothing", a_second_sync_changes_nothing),
    ]
}

fn files_of(files: &Files, endings: &[&str]) -> Vec<String> {
    let names = std::fs::read_dir(files.path()).expect("a directory").map(|entry| entry.expect("a file").file_name());
    let names = names.map(|name| name.into_string().expect("a name"));
    names.filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect()
}

/// What differs between `expected` and the table, in types and in values.
const DIFFERENCES: &str = "
    SELECT 'column', attname, format_type(atttypid, atttypmod) FROM (
        (SELECT attname, atttypid, atttypmod FROM pg_attribute WHERE attrelid = 'expected'::regclass AND attnum > 0
         EXCEPT
         SELECT attname, atttypid, atttypmod FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attnum > 0)
    ) missing";

fn compare(database: &TestDatabase, expected: &str, what: &str) -> Result<(), Failed> {
    let sql = database.superuser()?;
    sql.run(&format!("DROP TABLE IF EXISTS expected; {expected}"))?;
    assert_eq!(sql.rows(DIFFERENCES)?, Vec::<Vec<Option<String>>>::new(), "{what}");
    let columns =
        sql.rows("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'expected'::regclass AND attnum > 0")?;
    assert!(columns.len() >= 29, "{what}: {}", columns.len());
    for column in columns.into_iter().flatten().flatten() {
        let values = |table: &str| {
            sql.value(&format!("SELECT array_agg({column}::text ORDER BY {column}::text)::text FROM {table}"))
        };
        assert_eq!(values("airbyte.t")?, values("expected")?, "{what}: column {column}");
    }
    let changed = sql.value("SELECT count(*) FROM airbyte.t WHERE _airbyte_meta -> 'changes' <> '[]'")?;
    assert_eq!(changed, "0", "{what}");
    Ok(())
}

fn columns_and_values_are_those_of_the_file() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "types");
    let mut loaded = 0;
    for (endings, expected) in [(&["parquet"][..], "parquet.sql"), (&["arrow", "arrows"], "ipc.sql")] {
        let expected = files.text(expected);
        for name in files_of(&files, endings) {
            let database = TestServer::shared().database()?;
            let outcome = good(&database, &catalog(json!({})), &files, &(batch_of(&files, &[&name]) + &state(1)));
            assert_eq!(acknowledged(&outcome), [3.0], "{name}");
            compare(&database, &expected, &name)?;
            loaded += 1;
        }
    }
    assert_eq!(loaded, 13 + 6);
    Ok(())
}

fn a_second_sync_changes_nothing() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "types");
    let database = TestServer::shared().database()?;
    let shape = "SELECT attname, atttypid::regtype, atttypmod FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attnum > 0 ORDER BY attnum";
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["None.arrow"]));
    let before = rows(&database, shape)?;
    let mut config = database.config();
    // Even then, since the stream's columns are not removed but not known yet.
    config["drop_removed_columns"] = json!(true);
    let root = files.path().display().to_string();
    let again = Connector::write(&config, &catalog(json!({"generation_id": 2})))
        .env("DESTINATION_BATCH_ROOTS", &root)
        .run(batch_of(&files, &["zstd.arrows"]).as_bytes());
    assert_eq!(again.code(), 0, "{again:#?}");
    assert_eq!(rows(&database, shape)?, before);
    assert!(again.stdout.iter().all(|line| !line.contains("column")), "{again:#?}");
    assert_eq!(rows(&database, "SELECT count(*), count(DISTINCT int64) FROM airbyte.t")?, ["6|2"]);
    Ok(())
}
