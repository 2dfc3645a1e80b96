//! `plan`: what it prints is what the write after it does, and it does nothing itself.

use std::path::Path;
use std::{env, fs};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::dump;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload::{Stream, catalog, merged, succeeded};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("operator::plan::is_what_a_write_does", is_what_a_write_does),
        Trial::test("operator::plan::refused_in_words", refused_in_words),
    ]
}

/// What makes one text of all runs.
const TOKEN: &str = "<token of the sync>";

fn plan(config: &Value, catalog: &Value) -> Outcome {
    let connector = Connector::new("plan").file("config", config.to_string().as_bytes());
    connector.file("catalog", catalog.to_string().as_bytes()).run(b"")
}

fn told(database: &TestDatabase, config: &Value, catalog: &Value) -> Result<String, String> {
    let sql = database.superuser()?;
    let state = || -> Result<String, String> {
        // Also the versions of all catalog rows that a statement could have touched.
        let rows = "SELECT relname, xmin FROM pg_class UNION ALL SELECT nspname, xmin FROM pg_namespace
                    UNION ALL SELECT description, xmin FROM pg_description ORDER BY 1, 2";
        Ok(format!("{}\n{:?}", dump::tables(&sql)?, sql.rows(&rows.replace("xmin", "xmin::text"))?))
    };
    let before = state()?;
    let outcome = plan(config, catalog);
    if (outcome.code(), outcome.stderr.as_str()) != (0, "") {
        return Err(format!("{outcome:#?}"));
    }
    if state()? != before {
        return Err("it changed something".into());
    }
    Ok(outcome.stdout.join("\n") + "\n")
}

const CHANGES: [&str; 5] = ["CREATE", "ALTER", "DROP", "COMMENT", "GRANT"];

/// The statements of a plan before the first row, as they stand alone; of one of several lines the first.
fn statements(plan: &str) -> Vec<String> {
    let mut wanted = false;
    let mut all = Vec::new();
    for line in plan.lines() {
        if line.starts_with("  statements") {
            wanted = !line.contains("after the last row");
        }
        let statement =
            line.strip_prefix("    ").filter(|text| wanted && CHANGES.iter().any(|word| text.starts_with(word)));
        all.extend(statement.into_iter().flat_map(|text| text.trim_end_matches(';').split("; ")).map(str::to_owned));
    }
    all.retain(|statement| CHANGES.iter().any(|word| statement.starts_with(word)) && !statement.contains(TOKEN));
    all
}

/// What the server was asked to change, but for rows, temporary tables and the notes of syncs.
fn changes(log: &str) -> Vec<String> {
    let asked = log.lines().filter_map(|line| line.split_once("LOG:  statement: "));
    asked
        .flat_map(|(_, script)| script.split("; "))
        .filter(|statement| CHANGES.iter().any(|word| statement.starts_with(word)))
        .filter(|statement| !statement.contains("TEMP") && !statement.contains("COMMENT ON TYPE"))
        .map(str::to_owned)
        .collect()
}

/// Compares with `operator/NAME.txt`; `UPDATE=1` writes it. Servers before 15 cannot be told that NULLs are equal, and from
/// 16 on views are written in fewer words.
fn golden(name: &str, text: &str) -> Result<(), Failed> {
    let mut text = text.to_owned();
    let without_nulls = "the key; rows with a NULL in it by UPDATE and INSERT";
    for (what, with) in
        [(" NULLS NOT DISTINCT", ""), (without_nulls, "the key"), ("orders.id", "id"), ("orders.amount", "amount")]
    {
        text = text.replace(what, with);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("integration_tests/access/operator/{name}.txt"));
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, &text)?;
    }
    let expected = fs::read_to_string(&file).map_err(|e| format!("{}: {e}; UPDATE=1 writes it", file.display()))?;
    if text == expected { Ok(()) } else { Err(format!("{name} is not\n{expected}\nbut\n{text}").into()) }
}

fn is_what_a_write_does() -> Result<(), Failed> {
    let server = TestServer::start_with(&["log_statement=all"]);
    let database = server.address().database()?;
    let sql = database.superuser()?;
    sql.run("CREATE ROLE analyst")?;
    let config = merged(&database.config(), &json!({"reader_roles": ["analyst"]}));
    let log_file = server.address().socket_directory.join("data/server.log");
    let log = || fs::read_to_string(&log_file).map_err(|e| e.to_string());
    let streams = |amount: &str, generation: i64, more: Value| {
        let properties = merged(
            &json!({"id": {"type": "integer"}, "amount": {"type": amount}, "at": {"type": "string", "format": "date"}}),
            &more,
        );
        catalog(&[
            Stream {
                name: "events",
                properties: properties.clone(),
                mode: "append",
                key: &[],
                generation: 1,
                minimum: 0,
            },
            Stream {
                name: "orders",
                properties: properties.clone(),
                mode: "append_dedup",
                key: &["id"],
                generation: 1,
                minimum: 0,
            },
            Stream {
                name: "prices",
                properties: properties.clone(),
                mode: "overwrite",
                key: &[],
                generation,
                minimum: generation,
            },
            Stream { name: "rates", properties, mode: "append_dedup", key: &["id"], generation, minimum: generation },
        ])
    };
    let rows = |generation: i64| -> String {
        ["events", "orders", "prices", "rates"].map(|stream| {
            let record = json!({"type": "RECORD", "record": {"stream": stream, "data": {"id": generation, "amount": 7}, "emitted_at": 1}});
            let done = json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}}});
            format!("{record}\n{done}\n")
        }).concat()
    };
    let write = |catalog: &Value, generation: i64| {
        succeeded(&Connector::write(&config, catalog).run(rows(generation).as_bytes()), 0)
    };

    let first = streams("integer", 1, json!({}));
    let told_first = told(&database, &config, &first)?;
    golden("plan_first", &told_first)?;
    let before = log()?.len();
    write(&first, 1)?;
    let asked = changes(&log()?[before..]);
    let planned = statements(&told_first);
    // Indexes come after the last row, and every other change is in the plan.
    let made: Vec<&String> = asked.iter().filter(|statement| !statement.contains("INDEX")).collect();
    assert_eq!(made, planned.iter().collect::<Vec<_>>());
    for index in asked.iter().filter(|statement| statement.contains("INDEX")) {
        assert!(told_first.contains(index.as_str()), "{index}");
    }

    // A type that changes under a view, a new field, refreshes of a table that a view hangs on and of one without.
    sql.run(&format!(
        "CREATE VIEW airbyte.dear AS SELECT id, amount FROM airbyte.orders WHERE amount > 5;
         CREATE VIEW airbyte.last_prices AS SELECT id FROM airbyte.prices;
         ALTER VIEW airbyte.dear OWNER TO {writer}; ALTER VIEW airbyte.last_prices OWNER TO {writer}",
        writer = database.writer
    ))?;
    let again = streams("number", 2, json!({"note": {"type": "string"}}));
    let told_again = told(&database, &config, &again)?;
    golden("plan_again", &told_again)?;
    let before = log()?.len();
    write(&again, 2)?;
    let asked = changes(&log()?[before..]);
    for statement in statements(&told_again) {
        assert!(asked.contains(&statement), "not in the log: {statement}\n{asked:#?}");
    }
    Ok(())
}

fn refused_in_words() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let properties = json!({"id": {"type": "integer"}});
    let stream = Stream { name: "events", properties, mode: "append", key: &[], generation: 1, minimum: 0 };
    let catalog = catalog(&[stream]);
    database.superuser()?.run(&format!("REVOKE CREATE ON DATABASE {} FROM {}", database.name, database.writer))?;
    let wrong_password = merged(&database.config(), &json!({"password": "not this one"}));
    for (config, words) in [(database.config(), "GRANT CREATE ON DATABASE"), (wrong_password, "password")] {
        let outcome = plan(&config, &catalog);
        assert!(outcome.code() == 1 && outcome.stdout.is_empty(), "{outcome:#?}");
        assert!(outcome.stderr.starts_with("error: ") && outcome.stderr.contains(words), "{outcome:#?}");
    }
    Ok(())
}
