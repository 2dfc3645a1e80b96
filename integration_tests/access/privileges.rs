//! The least that the guide grants is enough, what belongs to others is refused in words, and the server's log shows
//! that nothing more was ever tried.

use std::fs;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::Connector;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload;

/// Generous: other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Schemas that [`workload::run`] writes to.
const SCHEMAS: [&str; 2] = ["airbyte", "raw_tables"];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("privileges::create_and_temporary_on_the_database", create_and_temporary),
        Trial::test("privileges::temporary_and_a_schema_of_another_role", temporary_and_a_schema),
        Trial::test("privileges::objects_of_another_role_are_refused", objects_of_another_role),
        Trial::test("privileges::objects_belong_to_the_configured_role", objects_belong_to_the_role),
        Trial::test("privileges::readers_read_what_a_later_sync_makes", readers_read),
        Trial::test("privileges::first_syncs_at_the_same_time", first_syncs_at_the_same_time),
    ]
}

/// A server of its own whose log tells the SQLSTATE and the user of each message.
fn logging_server() -> TestServer {
    TestServer::start_with(&["log_line_prefix=%e|%u|", "log_min_messages=warning", "log_min_error_statement=error"])
}

/// The errors that the server logged for the writer: nothing that we send fails in ordinary operation.
fn errors(database: &TestDatabase) -> Result<Vec<String>, String> {
    let log = fs::read(database.address().socket_directory.join("data/server.log")).map_err(|e| e.to_string())?;
    let ours = format!("|{}|", database.writer);
    let lines = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect::<Vec<_>>();
    Ok(lines
        .into_iter()
        .filter(|line| line.contains(&ours) && (line.contains("ERROR:") || line.contains("FATAL:")))
        .collect())
}

/// That the log would show what the writer may not do, and shows nothing of the kind so far.
fn nothing_failed(database: &TestDatabase) -> Result<(), Failed> {
    let errors_of_ours = errors(database)?;
    assert!(errors_of_ours.is_empty(), "the server's log: {errors_of_ours:#?}");
    assert!(database.writer()?.run("CREATE ROLE of_nobody").is_err_and(|error| error.starts_with("42501")));
    assert!(errors(database)?.iter().any(|line| line.starts_with("42501")), "the log holds no errors at all");
    Ok(())
}

fn schemas(database: &TestDatabase) -> Result<Vec<String>, String> {
    let query = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1";
    Ok(database.superuser()?.rows(query)?.into_iter().flatten().flatten().collect())
}

/// All sync modes, with the same tables as anywhere else.
fn every_mode(database: &TestDatabase) -> Result<(), Failed> {
    let expected = workload::baseline()?;
    let outcome = Connector::check(&database.config()).run(b"");
    assert_eq!(outcome.checked(), Ok(()), "{outcome:#?}");
    let tables = workload::run(database, &database.config())?;
    workload::same(&tables, &expected)?;
    let mut allowed = vec!["information_schema", "public"];
    allowed.extend(SCHEMAS);
    allowed.sort_unstable();
    assert_eq!(schemas(database)?, allowed);
    nothing_failed(database)
}

fn create_and_temporary() -> Result<(), Failed> {
    let server = logging_server();
    let database = server.address().database()?;
    let superuser = database.superuser()?;
    superuser.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")?;
    let granted = format!(
        "SELECT has_database_privilege('{0}', current_database(), 'CONNECT')
             AND has_database_privilege('{0}', current_database(), 'CREATE')
             AND has_database_privilege('{0}', current_database(), 'TEMPORARY')
             AND NOT has_schema_privilege('{0}', 'public', 'USAGE')
             AND NOT (SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = '{0}')",
        database.writer
    );
    assert_eq!(superuser.value(&granted)?, "t");
    every_mode(&database)
}

fn temporary_and_a_schema() -> Result<(), Failed> {
    let server = logging_server();
    let database = server.address().database()?;
    let superuser = database.superuser()?;
    superuser.run(&format!(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE CREATE ON DATABASE {} FROM {}; CREATE ROLE administrator",
        database.name, database.writer
    ))?;
    for schema in SCHEMAS {
        superuser.run(&format!(
            "CREATE SCHEMA {schema} AUTHORIZATION administrator; GRANT ALL ON SCHEMA {schema} TO {}",
            database.writer
        ))?;
    }
    every_mode(&database)?;
    let owners = "SELECT DISTINCT nspowner::regrole::text FROM pg_namespace WHERE nspname IN ('airbyte', 'raw_tables')";
    assert_eq!(superuser.value(owners)?, "administrator");
    Ok(())
}

/// Everything in the schema, with its owner, its privileges and its columns.
const INVENTORY: &str = "SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, a.attname, a.atttypid,
        obj_description(c.oid), col_description(c.oid, a.attnum)
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'airbyte'::regnamespace ORDER BY c.oid, a.attnum";

fn objects_of_another_role() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let superuser = database.superuser()?;
    let other = database.name.replace("db", "administrator");
    let columns = "_airbyte_raw_id text, _airbyte_extracted_at timestamptz";
    superuser.run(&format!(
        "CREATE ROLE {other};
         CREATE SCHEMA airbyte AUTHORIZATION {other};
         GRANT ALL ON SCHEMA airbyte TO {writer};
         SET ROLE {other};
         CREATE TABLE airbyte.a_table ({columns});
         CREATE VIEW airbyte.a_view AS SELECT * FROM airbyte.a_table;
         CREATE MATERIALIZED VIEW airbyte.a_materialized_view AS SELECT * FROM airbyte.a_table;
         CREATE INDEX an_index ON airbyte.a_table (_airbyte_raw_id);
         CREATE SEQUENCE airbyte.a_sequence;
         GRANT ALL ON ALL TABLES IN SCHEMA airbyte TO {writer};
         RESET ROLE",
        writer = database.writer
    ))?;
    let before = superuser.rows(INVENTORY)?;
    let own = format!("ALTER TABLE \"airbyte\".\"a_table\" OWNER TO \"{}\"", database.writer);
    let drop = "rename or drop it".to_owned();
    for (name, remedy) in [
        ("a_table", &own),
        ("a_view", &drop),
        ("a_materialized_view", &drop),
        ("an_index", &drop),
        ("a_sequence", &drop),
    ] {
        // Nothing is fed and nothing is closed: it must not wait for a row.
        let outcome = Connector::write(&database.config(), &workload::append_catalog(name)).start().wait(PATIENCE)?;
        let error = &outcome.messages_of("TRACE")[0]["trace"]["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(&format!("belongs to role \"{other}\"")), "{name}: {outcome:#?}");
        assert!(message.contains(remedy.as_str()), "{name}: {outcome:#?}");
        assert_eq!((error["failure_type"].as_str(), outcome.code()), (Some("config_error"), 1), "{outcome:#?}");
        assert_eq!(superuser.rows(INVENTORY)?, before, "{name}: nothing has changed");
    }
    // The remedy is one.
    superuser.run(&own)?;
    let outcome = Connector::write(&database.config(), &workload::append_catalog("a_table"));
    // The view hangs on no column whose type changes, so it does not matter.
    workload::succeeded(&outcome.run(workload::append_input("a_table", 0..3, 10).as_bytes()), 1)?;
    superuser.run(&format!("DROP SCHEMA airbyte CASCADE; DROP OWNED BY {other}"))?;
    drop_role(&database, &other)
}

fn drop_role(database: &TestDatabase, role: &str) -> Result<(), Failed> {
    database.superuser()?.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).map_err(Failed::from)
}

fn objects_belong_to_the_role() -> Result<(), Failed> {
    let server = logging_server();
    let database = server.address().database()?;
    let superuser = database.superuser()?;
    // The user itself may do nothing but log in and become the role.
    superuser.run(&format!(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;
         REVOKE CREATE, TEMPORARY ON DATABASE {name} FROM {writer};
         ALTER ROLE {writer} NOINHERIT;
         CREATE ROLE loader;
         GRANT loader TO {writer};
         GRANT CREATE, TEMPORARY ON DATABASE {name} TO loader",
        name = database.name,
        writer = database.writer
    ))?;
    let config = workload::merged(&database.config(), &json!({"role": "loader"}));
    for ids in [0..10, 10..20] {
        let run = Connector::write(&config, &workload::append_catalog("rows"));
        workload::succeeded(&run.run(workload::append_input("rows", ids, 10).as_bytes()), 1)?;
    }
    let owners = "SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = 'airbyte'::regnamespace
        UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'airbyte'";
    assert_eq!(superuser.rows(owners)?, [[Some("loader".to_owned())]]);
    assert_eq!(superuser.value("SELECT count(*) FROM airbyte.rows")?, "20");
    nothing_failed(&database)
}

fn readers_read() -> Result<(), Failed> {
    let server = logging_server();
    let database = server.address().database()?;
    let superuser = database.superuser()?;
    superuser.run(&format!("CREATE ROLE analyst; GRANT CONNECT ON DATABASE {} TO analyst", database.name))?;
    let config = workload::merged(&database.config(), &json!({"reader_roles": ["analyst"]}));
    for (number, name) in ["first", "second", "third"].into_iter().enumerate() {
        let rows = number as u64 + 1;
        let run = Connector::write(&config, &workload::append_catalog(name));
        workload::succeeded(&run.run(workload::append_input(name, 0..rows, 10).as_bytes()), 1)?;
        let count = format!("SET ROLE analyst; SELECT count(*) FROM airbyte.{name}");
        assert_eq!(superuser.value(&count)?, rows.to_string());
        assert!(superuser.run(&format!("DELETE FROM airbyte.{name}")).is_err_and(|e| e.starts_with("42501")));
        superuser.run("RESET ROLE")?;
    }
    nothing_failed(&database)
}

/// Streams of which every other one merges.
fn catalog(names: &[String]) -> Value {
    let mut streams = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let mut stream = workload::append_catalog(name)["streams"][0].clone();
        if number % 2 == 1 {
            stream["destination_sync_mode"] = json!("append_dedup");
            stream["primary_key"] = json!([["id"]]);
        }
        streams.push(stream);
    }
    json!({"streams": streams})
}

/// Two connections of one customer that begin together, as they do when an orchestrator starts: other tables in one
/// schema that is not there yet.
fn first_syncs_at_the_same_time() -> Result<(), Failed> {
    const ROUNDS: u64 = 4;
    let names = |sync: u64| -> Vec<String> { (0..8).map(|number| format!("rows_{sync}_{number}")).collect() };
    for round in 0..ROUNDS {
        let database = TestServer::shared().database()?;
        let runs: Vec<_> =
            (0..2).map(|sync| Connector::write(&database.config(), &catalog(&names(sync))).start()).collect();
        for (sync, run) in (0..).zip(&runs) {
            for name in names(sync) {
                run.feed(workload::append_input(&name, 0..10, 10).as_bytes());
                run.feed(workload::complete(&name).as_bytes());
            }
        }
        // Both at once: each is at its end only when its input is.
        let runs: Vec<_> = runs
            .into_iter()
            .map(|mut run| {
                run.close_stdin();
                run
            })
            .collect();
        for run in runs {
            workload::succeeded(&run.finish(PATIENCE)?, 8).map_err(|e| format!("round {round}: {e}"))?;
        }
        let superuser = database.superuser()?;
        for name in names(0).into_iter().chain(names(1)) {
            assert_eq!(superuser.value(&format!("SELECT count(*) FROM airbyte.{name}"))?, "10", "{name}");
        }
    }
    Ok(())
}
