//! Large values and large files: windows in between, and an end in the middle.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("large::lists_run_over_many_pages", lists_run_over_many_pages),
        Trial::test("large::values_of_64_mib", values_of_64_mib),
        Trial::test(
            "large::a_file_is_committed_in_windows_and_can_be_interrupted",
            a_file_is_committed_in_windows_and_can_be_interrupted,
        ),
    ]
}

fn lists_run_over_many_pages() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "large");
    let database = TestServer::shared().database()?;
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["lists.parquet"]));
    assert_eq!(
        rows(&database, "SELECT list, count(*), min(id), max(id) FROM airbyte.t GROUP BY list ORDER BY 2")?,
        ["{a,NULL}|10000|0|99990", "{}|90000|1|99999"]
    );
    Ok(())
}

fn values_of_64_mib() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "large");
    for name in ["values.parquet", "values.arrow", "values.arrows"] {
        let database = TestServer::shared().database()?;
        good(&database, &catalog(json!({})), &files, &batch_of(&files, &[name]));
        assert_eq!(
            rows(
                &database,
                "SELECT id, length(value), left(value, 1), ltrim(value, 'xyz') = '' FROM airbyte.t ORDER BY id"
            )?,
            ["1|67108864|x|t", "2|1|y|t", "3|67108864|z|t"],
            "{name}"
        );
    }
    Ok(())
}

fn a_file_is_committed_in_windows_and_can_be_interrupted() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "large");
    for name in ["many.parquet", "many.arrow", "many.arrows"] {
        let database = TestServer::shared().database()?;
        let running = connector(&database, &catalog(json!({})), &files).start();
        running.feed((record(json!({})) + &state(1) + &batch_of(&files, &[name]) + &state(2)).as_bytes());
        // Rows are there while the file is read: it was not taken in as a whole.
        let sql = database.superuser()?;
        let committed = |sql: &support::sql::Sql| sql.value("SELECT count(*) FROM airbyte.t").unwrap_or_default();
        for _ in 0..2_000 {
            if committed(&sql).parse::<u64>().unwrap_or(0) > 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal("TERM");
        let outcome = running.wait(support::connector::TIMEOUT)?;
        assert_eq!(outcome.code(), -15, "{outcome:#?}");
        // The state before the file holds, the one behind it never went out.
        assert_eq!(acknowledged(&outcome), [1.0], "{name}");
        let stored: u64 = committed(&sql).parse()?;
        assert!(stored > 1 && stored < 600_001, "{name}: {stored}");
        // The next attempt goes on from the last state.
        let again = good(&database, &catalog(json!({})), &files, &(batch_of(&files, &[name]) + &state(2)));
        assert_eq!(acknowledged(&again), [600_000.0]);
        assert_eq!(rows(&database, "SELECT count(DISTINCT id), min(id), max(id) FROM airbyte.t")?, ["600000|0|599999"]);
    }
    Ok(())
}
