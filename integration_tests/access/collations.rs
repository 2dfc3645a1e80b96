//! Columns and indexes to which their owner gave a collation that finds different texts equal.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("collations::of_a_plain_column", of_a_plain_column),
        Trial::test("collations::of_a_key_column", of_a_key_column),
        Trial::test("collations::of_a_unique_index_on_the_key", of_a_unique_index_on_the_key),
        Trial::test("collations::of_a_cursor", of_a_cursor),
        Trial::test("collations::of_a_column_that_a_foreign_key_points_at", of_a_column_that_a_foreign_key_points_at),
    ]
}

/// `a` is `A`.
const WITHOUT_CASE: &str =
    "CREATE COLLATION public.without_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

fn catalog(mode: &str, generation: i64) -> Value {
    let properties = json!({"id": {"type": "string"}, "at": {"type": "string"}, "n": {"type": "integer"}});
    json!({"streams": [{
        "stream": {"name": "rows", "json_schema": {"type": "object", "properties": properties}},
        "sync_mode": "incremental",
        "destination_sync_mode": mode,
        "primary_key": [["id"]],
        "cursor_field": ["at"],
        "generation_id": generation,
        "minimum_generation_id": if mode == "overwrite" { generation } else { 0 },
        "sync_id": 1,
    }]})
}

/// Loads rows of `id`, `at` and `n` in one window.
fn load(database: &TestDatabase, catalog: &Value, rows: &[(&str, &str, i64)]) -> Outcome {
    let mut input = String::new();
    for (id, at, n) in rows {
        let record = json!({"stream": "rows", "emitted_at": 1, "data": {"id": id, "at": at, "n": n}});
        input += &format!("{}\n", json!({"type": "RECORD", "record": record}));
    }
    input += &(workload::state("rows", 1) + &workload::complete("rows"));
    Connector::write(&database.config(), catalog).run(input.as_bytes())
}

/// The rows of the table as `id at n`, joined by commas.
fn stored(sql: &Sql) -> Result<String, String> {
    sql.value("SELECT string_agg(concat_ws(' ', id, at, n), ',' ORDER BY n) FROM airbyte.rows")
}

/// A sync of `a` and `A` was refused before it changed anything, with these words.
fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code(), 1, "{outcome:#?}");
    assert!(outcome.messages_of("STATE").is_empty(), "{outcome:#?}");
    let error = outcome.messages_of("TRACE")[0]["trace"]["error"].clone();
    assert_eq!(error["failure_type"], "config_error", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

/// What the refusal of a key proposes.
fn remedy(outcome: &Outcome) -> String {
    let error = outcome.messages_of("TRACE")[0]["trace"]["error"].clone();
    let message = error["message"].as_str().expect("a message");
    message.split("this mends it: ").nth(1).expect("a remedy").to_owned()
}

fn of_a_plain_column() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let catalog = |mode| {
        let mut catalog = workload::append_catalog("rows");
        catalog["streams"][0]["destination_sync_mode"] = json!(mode);
        catalog["streams"][0]["primary_key"] = json!([["id"]]);
        catalog
    };
    let config = database.config();
    let input = workload::append_input("rows", 0..5, 3);
    workload::succeeded(&Connector::write(&config, &catalog("append_dedup")).run(input.as_bytes()), 1)?;
    sql.run(WITHOUT_CASE)?;
    sql.run("ALTER TABLE airbyte.rows ALTER COLUMN text TYPE character varying COLLATE public.without_case")?;
    let upper = input.replace("xxx", "Xxx");
    workload::succeeded(&Connector::write(&config, &catalog("append_dedup")).run(upper.as_bytes()), 1)?;
    assert_eq!(sql.value("SELECT count(*) FROM airbyte.rows WHERE text COLLATE \"C\" = 'Xxx'")?, "5");
    Ok(())
}

/// For the source they are two records, and under such a key one of them would be lost: in the same window with an error
/// of the server, in different ones without a word.
fn of_a_key_column() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let dedup = catalog("append_dedup", 1);
    workload::succeeded(&load(&database, &dedup, &[("a", "1", 1)]), 1)?;
    sql.run(WITHOUT_CASE)?;
    sql.run("ALTER TABLE airbyte.rows ALTER COLUMN id TYPE character varying COLLATE public.without_case")?;
    for rows in [&[("A", "2", 2)][..], &[("b", "2", 2), ("B", "3", 3)]] {
        refused(&load(&database, &dedup, rows), &["column \"id\"", "\"airbyte\".\"rows\"", "primary key"]);
        assert_eq!(stored(&sql)?, "a 1 1");
    }
    // Where no row is a key, it is the owner's business.
    workload::succeeded(&load(&database, &catalog("append", 1), &[("A", "2", 2)]), 1)?;
    sql.run("DELETE FROM airbyte.rows WHERE n = 2")?;
    let refusal = load(&database, &dedup, &[]);
    database.writer()?.run(&remedy(&refusal))?;
    workload::succeeded(&load(&database, &dedup, &[("A", "2", 2), ("b", "2", 3), ("B", "3", 4)]), 1)?;
    assert_eq!(stored(&sql)?, "a 1 1,A 2 2,b 2 3,B 3 4");
    Ok(())
}

fn of_a_unique_index_on_the_key() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let dedup = catalog("append_dedup", 1);
    workload::succeeded(&load(&database, &dedup, &[("a", "1", 1)]), 1)?;
    sql.run(WITHOUT_CASE)?;
    sql.run("CREATE UNIQUE INDEX mine ON airbyte.rows (id COLLATE public.without_case)")?;
    let refusal = load(&database, &dedup, &[("A", "2", 2)]);
    refused(&refusal, &["unique index \"mine\"", "\"airbyte\".\"rows\"", "primary key"]);
    assert_eq!(stored(&sql)?, "a 1 1");
    database.writer()?.run(&remedy(&refusal))?;
    workload::succeeded(&load(&database, &dedup, &[("A", "2", 2)]), 1)?;
    assert_eq!(stored(&sql)?, "a 1 1,A 2 2");
    Ok(())
}

/// Which row is newer does not depend on whether both came in one window.
fn of_a_cursor() -> Result<(), Failed> {
    let (first, second) = (("x", "B", 1), ("x", "a", 2));
    let dedup = catalog("append_dedup", 1);
    let one_window = TestServer::shared().database()?;
    workload::succeeded(&load(&one_window, &dedup, &[second, first]), 1)?;
    let expected = stored(&one_window.superuser()?)?;
    for collation in ["public.without_case", "\"und-x-icu\""] {
        for rows in [[first, second], [second, first]] {
            let database = TestServer::shared().database()?;
            let sql = database.superuser()?;
            workload::succeeded(&load(&database, &dedup, &rows[..1]), 1)?;
            sql.run(WITHOUT_CASE)?;
            sql.run(&format!("ALTER TABLE airbyte.rows ALTER COLUMN at TYPE character varying COLLATE {collation}"))?;
            workload::succeeded(&load(&database, &dedup, &rows[1..]), 1)?;
            assert_eq!(stored(&sql)?, expected, "{collation}, {rows:?}");
        }
    }
    Ok(())
}

/// An overwrite keeps the rows that are pointed at, so it must not take two rows for one.
fn of_a_column_that_a_foreign_key_points_at() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    workload::succeeded(&load(&database, &catalog("overwrite", 1), &[("a", "1", 1)]), 1)?;
    sql.run(WITHOUT_CASE)?;
    sql.run(
        "ALTER TABLE airbyte.rows ALTER COLUMN id TYPE character varying COLLATE public.without_case;
         ALTER TABLE airbyte.rows ADD UNIQUE (id);
         CREATE TABLE public.pointer (id character varying COLLATE public.without_case REFERENCES airbyte.rows (id));
         INSERT INTO public.pointer VALUES ('a')",
    )?;
    let outcome = load(&database, &catalog("overwrite", 2), &[("A", "1", 2), ("a", "2", 3)]);
    assert_eq!(outcome.code(), 1, "{outcome:#?}");
    let error = outcome.messages_of("TRACE")[0]["trace"]["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| m.contains("hold a value of id twice")), "{error}");
    assert_eq!(stored(&sql)?, "a 1 1");
    workload::succeeded(&load(&database, &catalog("overwrite", 3), &[("A", "1", 2), ("b", "2", 3)]), 1)?;
    assert_eq!(stored(&sql)?, "A 1 2,b 2 3");
    Ok(())
}
