//! `check`, failure by failure: each is provoked for real, and the checklist and the answer are compared with the golden
//! text in `check/NAME.txt` (`UPDATE=1` writes it). Whatever happens, nothing is left behind and the answer comes in time.
//!
//! What a configuration alone can be wrong in is in `cases/check`; more ways in which a bastion or a certificate is refused
//! are in [`crate::ssh`] and [`crate::tls`], servers that are no servers in [`crate::servers`].

mod silence;
mod way;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload::merged;

/// What `check` promises, whatever the network and the server do.
const BOUND: Duration = Duration::from_secs(30);

/// A server of our own: the roles of other tests come and go in the shared one.
type Server = Arc<OnceLock<TestServer>>;

/// Name and body of a trial that no row of [`WRONG`] can say.
type Test = (&'static str, fn(&Server) -> Result<(), Failed>);

/// What is wrong: statements of the superuser, and what the configuration says other than usual. `{db}`, `{writer}` and
/// `{n}`, the database's number, are filled in.
struct Wrong {
    name: &'static str,
    sql: &'static str,
    config: &'static str,
}

const WRONG: &[Wrong] = &[
    Wrong { name: "nothing", sql: "", config: "{}" },
    Wrong { name: "unknown_host", sql: "", config: r#"{"host": "no-such-host.invalid"}"# },
    Wrong { name: "refused_port", sql: "", config: r#"{"port": 1}"# },
    Wrong { name: "wrong_password", sql: "", config: r#"{"password": "not this one"}"# },
    Wrong { name: "unknown_user", sql: "", config: r#"{"username": "test_nobody"}"# },
    Wrong { name: "unknown_database", sql: "", config: r#"{"database": "test_nothing"}"# },
    Wrong { name: "no_login", sql: "ALTER ROLE {writer} NOLOGIN", config: "{}" },
    Wrong {
        name: "no_inherit",
        sql: "CREATE ROLE test_group_{n}; GRANT CREATE, TEMPORARY ON DATABASE {db} TO test_group_{n};
              REVOKE CREATE, TEMPORARY ON DATABASE {db} FROM {writer};
              ALTER ROLE {writer} NOINHERIT; GRANT test_group_{n} TO {writer}",
        config: "{}",
    },
    Wrong {
        name: "role_of_a_group",
        sql: "CREATE ROLE test_group_{n}; GRANT CREATE, TEMPORARY ON DATABASE {db} TO test_group_{n};
              REVOKE CREATE, TEMPORARY ON DATABASE {db} FROM {writer};
              ALTER ROLE {writer} NOINHERIT; GRANT test_group_{n} TO {writer}",
        config: r#"{"role": "test_group_{n}"}"#,
    },
    Wrong { name: "no_connect", sql: "REVOKE CONNECT ON DATABASE {db} FROM {writer}", config: "{}" },
    Wrong { name: "no_temporary", sql: "REVOKE TEMPORARY ON DATABASE {db} FROM {writer}", config: "{}" },
    Wrong { name: "no_create", sql: "REVOKE CREATE ON DATABASE {db} FROM {writer}", config: "{}" },
    Wrong {
        name: "schema_without_usage",
        sql: "CREATE SCHEMA airbyte; GRANT CREATE ON SCHEMA airbyte TO {writer}",
        config: "{}",
    },
    Wrong {
        name: "schema_without_create",
        sql: "CREATE SCHEMA airbyte; GRANT USAGE ON SCHEMA airbyte TO {writer}",
        config: "{}",
    },
    Wrong {
        name: "several_missing",
        sql: "CREATE SCHEMA airbyte; REVOKE TEMPORARY ON DATABASE {db} FROM {writer}",
        config: r#"{"reader_roles": ["test_reader_one", "test_reader_two"]}"#,
    },
    Wrong {
        name: "schema_of_somebody_else",
        sql: "CREATE ROLE test_owner_{n}; CREATE SCHEMA airbyte AUTHORIZATION test_owner_{n};
              GRANT ALL ON SCHEMA airbyte TO {writer}; REVOKE CREATE ON DATABASE {db} FROM {writer}",
        config: "{}",
    },
    Wrong {
        name: "tables_of_somebody_else",
        sql: "CREATE ROLE test_owner_{n}; CREATE SCHEMA airbyte AUTHORIZATION test_owner_{n};
              GRANT ALL ON SCHEMA airbyte TO {writer};
              CREATE TABLE airbyte.users (_airbyte_raw_id text, _airbyte_extracted_at timestamptz);
              CREATE TABLE airbyte.visits (_airbyte_raw_id text, _airbyte_extracted_at timestamptz);
              ALTER TABLE airbyte.users OWNER TO test_owner_{n}; ALTER TABLE airbyte.visits OWNER TO test_owner_{n}",
        config: "{}",
    },
    Wrong { name: "role_limit", sql: "ALTER ROLE {writer} CONNECTION LIMIT 0", config: "{}" },
    Wrong {
        name: "event_trigger",
        sql: "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
                  $$BEGIN RAISE EXCEPTION 'tables are made on Mondays'; END$$;
              CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
                  EXECUTE FUNCTION public.refuse()",
        config: "{}",
    },
    Wrong {
        name: "read_only",
        sql: "ALTER ROLE {writer} IN DATABASE {db} SET default_transaction_read_only = on",
        config: "{}",
    },
    Wrong { name: "role_not_granted", sql: "CREATE ROLE test_group_{n}", config: r#"{"role": "test_group_{n}"}"# },
    Wrong { name: "role_unknown", sql: "", config: r#"{"role": "test_group_{n}"}"# },
    Wrong { name: "reader_unknown", sql: "", config: r#"{"reader_roles": ["test_reader_{n}"]}"# },
    Wrong {
        name: "reader_shut_out",
        sql: "CREATE ROLE test_reader_{n}; CREATE SCHEMA airbyte; GRANT ALL ON SCHEMA airbyte TO {writer}",
        config: r#"{"reader_roles": ["test_reader_{n}"]}"#,
    },
];

pub fn trials() -> Vec<Trial> {
    let server = Server::default();
    let trial = |name: &str, run: fn(&Server) -> Result<(), Failed>| {
        let server = Arc::clone(&server);
        Trial::test(format!("check::{name}"), move || run(&server))
    };
    // First those that wait for the end of the time: the others run beside them.
    let mut trials: Vec<Trial> = silence::TRIALS.iter().map(|(name, run)| trial(name, *run)).collect();
    trials.extend(way::TRIALS.iter().map(|(name, run)| trial(name, *run)));
    trials.push(trial("latin1", latin1));
    trials.push(trial("killed_in_the_middle", killed_in_the_middle));
    trials.extend(WRONG.iter().map(|wrong| {
        let server = Arc::clone(&server);
        Trial::test(format!("check::{}", wrong.name), move || provoked(wrong, &server))
    }));
    trials
}

fn database(server: &Server) -> Result<TestDatabase, String> {
    server.get_or_init(TestServer::start).address().database()
}

fn provoked(wrong: &Wrong, server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let number = database.name.trim_start_matches("test_db_");
    let fill =
        |text: &str| text.replace("{db}", &database.name).replace("{writer}", &database.writer).replace("{n}", number);
    database.superuser()?.run(&fill(wrong.sql))?;
    let config = merged(&database.config(), &serde_json::from_str(&fill(wrong.config))?);
    golden(wrong.name, &database, &config, &[(number, "<n>")])
}

fn latin1(server: &Server) -> Result<(), Failed> {
    let kind = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
    let database = server.get_or_init(TestServer::start).address().database_like(kind)?;
    golden("latin1", &database, &database.config(), &[])
}

/// The server is busy with the last statement, in a transaction that has made everything, when we are gone.
fn killed_in_the_middle(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let sql = database.superuser()?;
    sql.run(
        "CREATE FUNCTION public.pause() RETURNS event_trigger LANGUAGE plpgsql AS
             $$BEGIN PERFORM pg_catalog.pg_sleep(2); END$$;
         CREATE EVENT TRIGGER pause ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION public.pause()",
    )?;
    let before = objects(&database)?;
    let mut running = Connector::check(&database.config()).start();
    running.wait_until(BOUND, |lines| lines.iter().any(|line| line.contains("check: ok: insert and select")))?;
    let deadline = Instant::now() + BOUND;
    let wait_for = |count: &str, condition: &str| -> Result<(), String> {
        let query = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' {condition}", database.writer);
        while sql.value(&query)? != count {
            assert!(Instant::now() < deadline, "not {count} sessions {condition}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    wait_for("1", "AND wait_event = 'PgSleep'")?;
    running.kill();
    wait_for("0", "")?;
    drop(running);
    assert_eq!(objects(&database)?, before);
    Ok(())
}

/// Runs `check` and compares what it says, and that the database is as before. `hide` replaces what changes from run to
/// run beside the names of the configuration.
fn golden(name: &str, database: &TestDatabase, config: &Value, hide: &[(&str, &str)]) -> Result<(), Failed> {
    let before = objects(database)?;
    let outcome = bounded(config);
    compare(name, database, config, hide, &outcome)?;
    assert_eq!(objects(database)?, before, "{name} leaves nothing behind");
    Ok(())
}

/// Runs `check`, for not longer than it promises.
fn bounded(config: &Value) -> Outcome {
    let begun = Instant::now();
    let outcome = Connector::check(config).run(b"");
    assert!(begun.elapsed() < BOUND, "{:?}: {outcome:#?}", begun.elapsed());
    outcome
}

fn compare(
    name: &str,
    database: &TestDatabase,
    config: &Value,
    hide: &[(&str, &str)],
    outcome: &Outcome,
) -> Result<(), Failed> {
    let mut text = String::new();
    for message in outcome.messages() {
        let (log, status) = (&message["log"], &message["connectionStatus"]);
        let (head, body) = match message["type"].as_str() {
            Some("LOG") => (&log["level"], &log["message"]),
            Some("CONNECTION_STATUS") => (&status["status"], &status["message"]),
            _ => return Err(format!("neither a LOG nor an answer: {message}").into()),
        };
        let line = format!("{} {}", head.as_str().unwrap_or_default(), body.as_str().unwrap_or_default());
        text.push_str(&without_cipher(&without_fingerprints(line.trim_end())));
        text.push('\n');
    }
    let address = database.address();
    let version = address.superuser("postgres")?.value("SHOW server_version")?;
    let port = config["port"].to_string();
    let bastion = &config["tunnel_method"];
    let (bastion_port, bastion_user) = (bastion["tunnel_port"].to_string(), bastion["tunnel_user"].as_str());
    let hide = hide.iter().copied().chain([
        (version.as_str(), "<version>"),
        (database.name.as_str(), "<database>"),
        (database.writer.as_str(), "<writer>"),
        (bastion_port.as_str(), "<bastion port>"),
        (bastion_user.unwrap_or("no bastion"), "<bastion user>"),
    ]);
    let mut hide: Vec<(&str, &str)> = hide.filter(|(what, _)| *what != "null").collect();
    // Port 1 is one that the test chose.
    hide.extend((port.len() > 1).then_some((port.as_str(), "<port>")));
    // A database's number is part of its name.
    hide.sort_by_key(|(what, _)| std::cmp::Reverse(what.len()));
    for (what, with) in hide {
        text = text.replace(what, with);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("integration_tests/access/check/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text)?;
    }
    let expected =
        std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}; UPDATE=1 writes it", file.display()))?;
    assert!(text == expected, "{name}: expected\n{expected}\nbut it said\n{text}\n{outcome:#?}");
    Ok(())
}

/// Keys are new in every run.
fn without_fingerprints(line: &str) -> String {
    const LENGTH: usize = 43;
    let mut parts = line.split("SHA256:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("SHA256:<fingerprint>");
        text.push_str(part.get(LENGTH..).unwrap_or_default());
    }
    text
}

/// Which cipher of TLS 1.3 two programs agree on is a matter of the machine; [`crate::tls`] compares it with the server's log.
fn without_cipher(line: &str) -> String {
    match (line.split_once("TLSv1.3, "), line.split_once("; ")) {
        (Some((before, _)), Some((_, after))) => format!("{before}TLSv1.3, <cipher>; {after}"),
        _ => line.to_owned(),
    }
}

/// Everything that a check could leave: relations and schemas of the database, roles of the server.
fn objects(database: &TestDatabase) -> Result<Vec<Vec<Option<String>>>, String> {
    // The writers and groups of the tests beside this one come and go.
    database.superuser()?.rows(
        "SELECT 'relation', count(*)::text, max(oid)::text FROM pg_class UNION ALL
         SELECT 'schema', nspname::text, oid::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' UNION ALL
         SELECT 'role', rolname::text, oid::text FROM pg_roles WHERE rolname NOT LIKE 'test\\_%' ORDER BY 1, 2",
    )
}

/// A configuration that goes to another place.
fn towards(database: &TestDatabase, port: u16) -> Value {
    merged(&database.config(), &json!({"port": port}))
}
