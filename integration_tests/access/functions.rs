//! Functions of the customer's that refuse rows: who must change something is told, and no value of a row is.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::support::connector::{Connector, Outcome};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload;

/// Generous: other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a row holds and no message may hold.
const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// What a trigger does with the row, the failure that follows, and what is said of it beside the name of the function.
const TRIGGERS: &[(&str, &str, &str)] = &[
    ("RAISE EXCEPTION 'no %', NEW.text;", "config_error", "P0001"),
    ("RAISE EXCEPTION '%', NEW.text USING ERRCODE = '45000', HINT = NEW.text;", "config_error", "45000"),
    ("RAISE EXCEPTION 'x' USING ERRCODE = 'check_violation', CONSTRAINT = NEW.text;", "config_error", "23514"),
    ("RAISE EXCEPTION USING COLUMN = NEW.text, TABLE = NEW.text, MESSAGE = NEW.text;", "config_error", "P0001"),
    ("RAISE EXCEPTION '%', NEW.text USING ERRCODE = 'serialization_failure';", "transient_error", "40001"),
    ("ASSERT false, NEW.text;", "config_error", "P0004"),
    ("EXECUTE 'SELECT * FROM ' || NEW.text;", "config_error", "42P01"),
    ("EXECUTE NEW.text;", "config_error", "42601"),
    ("PERFORM NEW.text::pg_catalog.int4;", "config_error", "22P02"),
    ("PERFORM NEW.text::pg_catalog.regrole;", "config_error", "42704"),
];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("functions::no_value_of_a_row_is_told", no_value_is_told),
        Trial::test("functions::raised_at_the_commit", raised_at_the_commit),
        Trial::test("functions::who_holds_a_lock_is_not_asked_for_long", not_asked_for_long),
    ]
}

fn write(database: &TestDatabase) -> Outcome {
    // Some of what a function raises could pass with time.
    let config = workload::merged(&database.config(), &json!({"retry_timeout_seconds": 0}));
    Connector::write(&config, &workload::append_catalog("rows"))
        .run(workload::append_input("rows", 0..3, VALUE.len()).as_bytes())
}

/// A table of ours with a trigger function of this body. Its owner is the writer.
fn with_trigger(body: &str, trigger: &str) -> Result<TestDatabase, Failed> {
    let database = TestServer::shared().database()?;
    let first = Connector::write(&database.config(), &workload::append_catalog("rows")).run(b"");
    assert_eq!(first.code(), 0, "{first:#?}");
    database.superuser()?.run(&format!(
        "CREATE FUNCTION airbyte.guard() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} RETURN NEW; END$$;
         CREATE {trigger} ON airbyte.rows FOR EACH ROW EXECUTE FUNCTION airbyte.guard()"
    ))?;
    Ok(database)
}

/// That a sync failed in `guard`, and how.
fn judge(outcome: &Outcome, failure_type: &str, sqlstate: &str) -> Result<(), Failed> {
    let everything = format!("{}{}", outcome.stdout.join("\n"), outcome.stderr);
    assert!(!everything.contains(&VALUE[..8]), "{everything}");
    let traces = outcome.messages_of("TRACE");
    let error = traces.iter().find(|trace| trace["trace"]["type"] == "ERROR").ok_or("no TRACE ERROR")?;
    let error = &error["trace"]["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let wanted = "the function airbyte.guard() in the database ends in an error";
    assert!(message.contains(wanted) && message.contains(&format!("(SQLSTATE {sqlstate})")), "{message}");
    assert_eq!((error["failure_type"].as_str(), outcome.code()), (Some(failure_type), 1), "{message}");
    Ok(())
}

fn no_value_is_told() -> Result<(), Failed> {
    let database = with_trigger("", "TRIGGER guard BEFORE INSERT")?;
    for (body, failure_type, sqlstate) in TRIGGERS {
        database.superuser()?.run(&format!(
            "CREATE OR REPLACE FUNCTION airbyte.guard() RETURNS trigger LANGUAGE plpgsql AS
                 $$BEGIN {body} RETURN NEW; END$$"
        ))?;
        judge(&write(&database), failure_type, sqlstate).map_err(|error| format!("{body}: {error:?}"))?;
    }
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "0");
    Ok(())
}

fn raised_at_the_commit() -> Result<(), Failed> {
    let trigger = "CONSTRAINT TRIGGER guard AFTER INSERT";
    let database = with_trigger("RAISE EXCEPTION '%', NEW.text;", trigger)?;
    judge(&write(&database), "config_error", "P0001")?;
    let sql = database.superuser()?;
    sql.run("DROP TRIGGER guard ON airbyte.rows")?;
    sql.run(&format!(
        "CREATE {trigger} ON airbyte.rows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION airbyte.guard()"
    ))?;
    judge(&write(&database), "config_error", "P0001")
}

/// Who has the lock is asked in another session, for which a pool may have no connection for a long time.
fn not_asked_for_long() -> Result<(), Failed> {
    let raise = "PERFORM pg_catalog.pg_sleep(3); RAISE EXCEPTION 'x' USING ERRCODE = 'lock_not_available';";
    let database = with_trigger(raise, "TRIGGER guard BEFORE INSERT")?;
    let sql = database.superuser()?;
    let bouncer = PgBouncer::start(&database, "transaction", 1, &[]);
    let config = workload::merged(&bouncer.config(&database), &json!({"max_connections": 1}));
    let mut running = Connector::write(&config, &workload::append_catalog("rows")).start();
    running.feed(workload::append_input("rows", 0..3, VALUE.len()).as_bytes());
    running.close_stdin();
    let sleeping = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let deadline = Instant::now() + PATIENCE;
    while sql.value(&format!("SELECT count(*) {sleeping}"))? != "1" {
        assert!(Instant::now() < deadline, "the row does not come to the trigger");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The next in the queue: it gets the pool's connection as soon as the transaction has failed.
    std::thread::scope(|scope| {
        let next = scope.spawn(|| bouncer.session(&database)?.run("SELECT pg_sleep(300)"));
        let told = running.wait_until(Duration::from_secs(25), |lines| {
            lines.iter().any(|line| line.contains("Attempt 1 failed") && line.contains("SQLSTATE 55P03"))
        });
        let waits = sql.value(&format!("SELECT count(*) {sleeping}"));
        sql.run(&format!("SELECT pg_terminate_backend(pid) {sleeping}")).map_err(Failed::from)?;
        drop(next.join());
        told?;
        assert_eq!(waits?, "1", "nobody had the connection");
        Ok(())
    })
}
