//! PgBouncer: everything works where each transaction may run on another connection, and the next client notices nothing.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::workload;

/// Generous: other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("pgbouncer::every_mode_with_one_server_connection", || every_mode("transaction", 1)),
        Trial::test("pgbouncer::every_mode_with_two_server_connections", || every_mode("transaction", 2)),
        Trial::test("pgbouncer::every_mode_in_session_mode", || every_mode("session", 12)),
        Trial::test("pgbouncer::the_next_client_notices_nothing", the_next_client_notices_nothing),
        Trial::test("pgbouncer::statement_mode_is_refused_in_words", statement_mode_is_refused_in_words),
        Trial::test("pgbouncer::its_own_refusals_are_told_in_words", its_own_refusals_are_told_in_words),
        Trial::test("pgbouncer::users_by_auth_query", users_by_auth_query),
        Trial::test("pgbouncer::pause_and_reconnect_lose_nothing", pause_and_reconnect_lose_nothing),
        Trial::test("pgbouncer::a_restart_loses_nothing", a_restart_loses_nothing),
    ]
}

/// A role of the database's own.
fn role(database: &TestDatabase) -> String {
    database.name.replace("db", "loader")
}

fn check(config: &Value) -> (Result<(), String>, Outcome) {
    let outcome = Connector::check(config).run(b"");
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    (outcome.checked(), outcome)
}

fn every_mode(pool_mode: &str, pool_size: usize) -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bouncer = PgBouncer::start(&database, pool_mode, pool_size, &[]);
    let config = bouncer.config(&database);
    let (answer, outcome) = check(&config);
    assert_eq!(answer, Ok(()), "{outcome:#?}");
    let tables = workload::run(&database, &config)?;
    workload::same(&tables, &workload::baseline()?).map_err(Failed::from)
}

/// What a client can see of the server connection that it is given.
fn surroundings(client: &Sql) -> Result<String, String> {
    // What PgBouncer itself keeps for each client: client_encoding, DateStyle, TimeZone, application_name and
    // standard_conforming_strings.
    let script = "
        SELECT current_user, session_user, current_setting('role'), pg_my_temp_schema() = 0
            OR NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_my_temp_schema());
        SELECT name, setting, source FROM pg_settings WHERE name NOT IN ('client_encoding', 'DateStyle', 'TimeZone',
            'application_name', 'standard_conforming_strings', 'transaction_isolation') ORDER BY name;
        SELECT name, statement FROM pg_prepared_statements;
        SELECT name FROM pg_cursors WHERE name <> '';
        SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
        SELECT channel FROM pg_listening_channels() channel";
    let answers = client.answers(script)?;
    Ok(answers.iter().map(|answer| format!("{:?}\n", answer.rows)).collect())
}

fn the_next_client_notices_nothing() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let superuser = database.superuser()?;
    let role = role(&database);
    superuser.run(&format!(
        "CREATE ROLE {role}; GRANT {role} TO {writer};
         GRANT CREATE, TEMPORARY ON DATABASE {name} TO {role}",
        writer = database.writer,
        name = database.name
    ))?;
    let bouncer = PgBouncer::start(&database, "transaction", 1, &[]);
    let client = bouncer.session(&database)?;
    let before = surroundings(&client)?;
    let backend = client.value("SELECT pg_backend_pid()")?;
    let same = |moment: &str| -> Result<(), String> {
        let now = surroundings(&client)?;
        assert_eq!(client.value("SELECT pg_backend_pid()")?, backend, "{moment}: there is only one server connection");
        if now == before { Ok(()) } else { Err(format!("{moment}: before {before}\nnow {now}")) }
    };
    for more in [json!({}), json!({"role": role, "schema": "as_the_role"})] {
        let mut config = workload::merged(&bouncer.config(&database), &more);
        config["commit_interval_seconds"] = json!(1);
        drop(check(&config));
        same("after check")?;
        let mut running = Connector::write(&config, &workload::append_catalog("rows")).start();
        for window in 1..=4_u64 {
            running.feed(workload::append_input("rows", window * 10..window * 10 + 10, 100).as_bytes());
            running.wait_for_states(usize::try_from(window)?, PATIENCE)?;
            // The stream is open and the connector waits for it.
            same(&format!("between windows {window} and {}", window + 1))?;
            let open = superuser.value(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND usename = '{}' AND state <> 'idle'",
                database.name, database.writer
            ))?;
            assert_eq!(open, "0", "no transaction is open between windows");
        }
        workload::succeeded(&running.finish(PATIENCE)?, 4)?;
        same("after a write")?;
        // A statement that fails must not leave its transaction behind either.
        let table = format!("{}.rows", config["schema"].as_str().unwrap_or_default());
        superuser.run(&format!("ALTER TABLE {table} ADD CONSTRAINT refuse CHECK (id < 1000)"))?;
        let outcome = Connector::write(&config, &workload::append_catalog("rows"))
            .run(workload::append_input("rows", 1000..1001, 1).as_bytes());
        assert_eq!(outcome.code(), 1, "{outcome:#?}");
        same("after a write that failed")?;
    }
    superuser.run(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}"))?;
    drop((client, bouncer));
    superuser.run(&format!("DROP ROLE {role}"))?;
    Ok(())
}

fn statement_mode_is_refused_in_words() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bouncer = PgBouncer::start(&database, "statement", 2, &[]);
    let config = bouncer.config(&database);
    let (answer, outcome) = check(&config);
    assert!(answer.is_err_and(|message| message.contains("pool_mode = transaction")), "{outcome:#?}");
    let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(b"");
    let errors = outcome.messages_of("TRACE");
    let error = &errors[0]["trace"]["error"];
    assert!(error["message"].as_str().is_some_and(|m| m.contains("pool_mode = transaction")), "{outcome:#?}");
    assert_eq!((error["failure_type"].as_str(), outcome.code()), (Some("config_error"), 1), "{outcome:#?}");
    Ok(())
}

fn its_own_refusals_are_told_in_words() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bouncer = PgBouncer::start(&database, "transaction", 1, &[]);
    let config = bouncer.config(&database);
    for (more, word) in [
        (json!({"password": "not the password"}), "password"),
        (json!({"username": "nobody_here"}), "username"),
        (json!({"database": "nothing_here"}), "database"),
    ] {
        let config = workload::merged(&config, &more);
        let (answer, outcome) = check(&config);
        assert!(answer.is_err_and(|message| message.contains(&format!("`{word}`"))), "{more}: {outcome:#?}");
        let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(b"");
        let errors = outcome.messages_of("TRACE");
        assert_eq!(errors[0]["trace"]["error"]["failure_type"], "config_error", "{more}: {outcome:#?}");
    }
    Ok(())
}

/// The password's hash comes from the server, and PgBouncer logs in there with what it learned from our own login.
fn users_by_auth_query() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let settings =
        ["auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1", "auth_user = postgres"];
    let bouncer = PgBouncer::start_asking(&database, "transaction", 1, &settings);
    let (answer, outcome) = check(&bouncer.config(&database));
    assert_eq!(answer, Ok(()), "{outcome:#?}");
    let outcome = Connector::write(&bouncer.config(&database), &workload::append_catalog("rows"))
        .run(workload::append_input("rows", 0..10, 10).as_bytes());
    workload::succeeded(&outcome, 1)?;
    Ok(())
}

/// Rows of the table, those of several times, and the largest id.
fn rows(database: &TestDatabase) -> Result<(u64, u64), Failed> {
    let rows = database.superuser()?.rows("SELECT count(*), count(DISTINCT id) FROM airbyte.rows")?;
    let number = |at: usize| rows[0][at].as_deref().unwrap_or("0").parse::<u64>();
    Ok((number(0)?, number(1)?))
}

fn pause_and_reconnect_lose_nothing() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bouncer = PgBouncer::start(&database, "transaction", 2, &[]);
    let config = workload::merged(&bouncer.config(&database), &json!({"commit_interval_seconds": 1}));
    let mut running = Connector::write(&config, &workload::append_catalog("rows")).start();
    for (window, command) in (0_u64..).zip(["RECONNECT", "PAUSE", "RECONNECT", "PAUSE"]) {
        // Large enough to be under way when the command comes.
        running.feed(workload::append_input("rows", window * 1_000..(window + 1) * 1_000, 5_000).as_bytes());
        if window > 0 {
            bouncer.command(command)?;
        }
        if command == "PAUSE" {
            std::thread::sleep(Duration::from_millis(1500));
            bouncer.command("RESUME")?;
        }
        running.wait_for_states(usize::try_from(window)? + 1, PATIENCE)?;
    }
    workload::succeeded(&running.finish(PATIENCE)?, 4)?;
    assert_eq!(rows(&database)?, (4_000, 4_000));
    Ok(())
}

/// Either the connector goes on by itself, or it ends honestly and the next attempt goes on from the last state.
fn a_restart_loses_nothing() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let mut bouncer = PgBouncer::start(&database, "transaction", 2, &[]);
    let config = workload::merged(&bouncer.config(&database), &json!({"commit_interval_seconds": 1}));
    let mut running = Connector::write(&config, &workload::append_catalog("rows")).start();
    running.feed(workload::append_input("rows", 0..1_000, 5_000).as_bytes());
    running.wait_for_states(1, PATIENCE)?;
    running.feed(workload::append_input("rows", 1_000..2_000, 5_000).as_bytes());
    std::thread::sleep(Duration::from_millis(fastrand::u64(..1_200)));
    bouncer.stop();
    std::thread::sleep(Duration::from_millis(500));
    bouncer.start_again();
    running.feed(workload::append_input("rows", 2_000..3_000, 5_000).as_bytes());
    let outcome = running.finish(PATIENCE)?;
    let acknowledged = outcome.messages_of("STATE").len() as u64;
    if outcome.code() == 0 {
        assert_eq!(rows(&database)?, (3_000, 3_000), "{acknowledged} states");
        return Ok(());
    }
    let errors = outcome.messages_of("TRACE");
    assert_eq!(errors[0]["trace"]["error"]["failure_type"], "transient_error", "{outcome:#?}");
    assert!(rows(&database)?.1 >= acknowledged * 1_000, "rows behind a state are there: {outcome:#?}");
    let rest: String = (acknowledged..3)
        .map(|window| workload::append_input("rows", window * 1_000..(window + 1) * 1_000, 5_000))
        .collect();
    let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(rest.as_bytes());
    workload::succeeded(&outcome, usize::try_from(3 - acknowledged)?)?;
    assert_eq!(rows(&database)?.1, 3_000);
    Ok(())
}
