//! The examples that a person can run.

use libtest_mimic::{Failed, Trial};

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("example::the_scripts_load_what_they_write", the_scripts_load_what_they_write)]
}

fn the_scripts_load_what_they_write() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let directory = tempfile::TempDir::new()?;
    let config = directory.path().join("config.json");
    std::fs::write(&config, database.config().to_string())?;
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    // Left by somebody else, and no Parquet.
    std::fs::create_dir(directory.path().join("sales"))?;
    std::fs::write(directory.path().join("sales/data_77.parquet"), "old")?;
    for (script, said, query, want) in [
        (
            "load_parquet.py",
            "100000 rows are in table meter_readings\n",
            "SELECT count(*), sum(kwh), max(taken_at), max(meter), count(*) FILTER (WHERE flags = '{estimated}') FROM airbyte.meter_readings",
            "100000|4999500.00|2026-03-11 10:39:00+00|meter-249|10000",
        ),
        (
            "load_duckdb.py",
            "4500 rows are in table sales\n",
            "SELECT count(*), sum(revenue), max(day), max(tags ->> 'rank') FROM airbyte.sales",
            "4500|7630875.00|2026-03-31|9",
        ),
    ] {
        let output = support::python::command()
            .arg(examples.join(script))
            .arg(&config)
            .arg(directory.path())
            .env("DESTINATION_POSTGRES_BIN", env!("CARGO_BIN_EXE_destination-postgres"))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text, said);
        assert_eq!(rows(&database, query)?, [want], "{script}");
        // A connector that fails without a word.
        let output = support::python::command()
            .arg(examples.join(script))
            .arg(&config)
            .arg(directory.path())
            .env("DESTINATION_POSTGRES_BIN", "false")
            .output()?;
        assert_eq!(String::from_utf8_lossy(&output.stderr), "the connector ended with 1\n", "{script}");
        assert!(!output.status.success() && output.stdout.is_empty(), "{script}");
    }
    Ok(())
}
