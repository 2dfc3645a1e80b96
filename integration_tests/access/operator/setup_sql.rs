//! `setup-sql`: the scripts are run by psql as they are printed, then the connector must work with what they gave.

use std::io::Write;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::psql::Psql;
use crate::support::sql::{Sql, quote_identifier, quote_literal};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("operator::setup_sql::schemas_of_its_own", schemas_of_its_own),
        Trial::test("operator::setup_sql::schema_made_beforehand", schema_made_beforehand),
        Trial::test("operator::setup_sql::role_and_readers", role_and_readers),
        Trial::test("operator::setup_sql::administrator_without_superuser", administrator_without_superuser),
        Trial::test("operator::setup_sql::only_in_its_database", only_in_its_database),
        Trial::test("operator::setup_sql::any_names_and_passwords", any_names_and_passwords),
        Trial::test("operator::setup_sql::refused_in_words", refused_in_words),
    ]
}

const PASSWORD: &str = "s3cret' \\ $setup$ \u{a0}";

/// A closed database, and the configuration of a user that is not there yet.
fn fresh(test: &str) -> Result<(TestDatabase, Value), Failed> {
    let database = TestServer::shared().database()?;
    let mut config = database.config();
    config["username"] = json!(format!("{test} user"));
    config["password"] = json!(PASSWORD);
    config["schema"] = json!("Billing \"data\"");
    Ok((database, config))
}

/// What `setup-sql` prints for a configuration.
fn script(config: &Value, options: &[&str]) -> String {
    let connector = Connector::new("setup-sql").file("config", config.to_string().as_bytes());
    let outcome = options.iter().fold(connector, |connector, option| connector.arg(option)).run(b"");
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let text = outcome.stdout.join("\n") + "\n";
    let password = config["password"].as_str().unwrap_or_default();
    assert!(password.is_empty() || !text.contains(password), "the password is in it: {text}");
    text
}

/// Runs a script as its reader would. `user` comes in by the socket, which asks for no password.
fn psql(database: &TestDatabase, user: &str, script: &str) -> Result<(), String> {
    let address = TestServer::shared();
    let mut child = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"])
        .env("PGHOST", &address.socket_directory)
        .env("PGPORT", address.port.to_string())
        .env("PGDATABASE", &database.name)
        .env("PGUSER", user)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("psql cannot be started ({e}): install postgresql-client"))?;
    child.stdin.take().expect("stdin is piped").write_all(script.as_bytes()).map_err(|e| e.to_string())?;
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("psql: {said}\n{script}")) }
}

/// Everything that a script could leave behind.
fn traces(sql: &Sql) -> Result<Vec<Vec<Option<String>>>, String> {
    sql.rows(
        "SELECT 'role', rolname::text, '' FROM pg_roles
         UNION ALL SELECT 'member', roleid::regrole::text, member::regrole::text FROM pg_auth_members
         UNION ALL SELECT 'schema', nspname::text, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
         UNION ALL SELECT 'database', datname::text, datacl::text FROM pg_database WHERE datname = current_database()
         UNION ALL SELECT 'default', defaclrole::text, defaclacl::text FROM pg_default_acl
         UNION ALL SELECT 'table', relname::text, relacl::text FROM pg_class WHERE relnamespace >= 16384
         ORDER BY 1, 2, 3",
    )
}

/// The same, without other tests' roles: those run beside this one on the same server.
fn own_traces(sql: &Sql, name: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let own = |row: &Vec<Option<String>>| {
        !matches!(row[0].as_deref(), Some("role" | "member")) || row.iter().flatten().any(|text| text.contains(name))
    };
    Ok(traces(sql)?.into_iter().filter(own).collect())
}

fn check(config: &Value) -> Result<(), String> {
    Connector::check(config).run(b"").checked()
}

/// One row into one stream.
fn write(config: &Value, stream: &str) -> Outcome {
    let catalog = json!({"streams": [{
        "stream": {"name": stream, "json_schema": {"type": "object", "properties": {"id": {"type": "integer"}}}},
        "sync_mode": "full_refresh", "destination_sync_mode": "append",
        "generation_id": 1, "minimum_generation_id": 0, "sync_id": 1,
    }]});
    let record = json!({"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": {"id": 7}}});
    let end = json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1,
        "stream_status": {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}}});
    let outcome = Connector::write(config, &catalog).run(format!("{record}\n{end}\n").as_bytes());
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    outcome
}

/// CONNECT, CREATE and TEMPORARY of a role on the database, as `t` and `f`.
fn privileges(sql: &Sql, role: &str) -> Result<String, String> {
    let role = quote_literal(role);
    let one = |privilege| format!("has_database_privilege({role}, current_database(), '{privilege}')::text");
    sql.value(&format!(
        "SELECT left({}, 1) || left({}, 1) || left({}, 1)",
        one("CONNECT"),
        one("CREATE"),
        one("TEMPORARY")
    ))
}

/// The lines that a script only offers, made live.
fn uncommented(script: &str, after: &str) -> String {
    let at = script.find(after).unwrap_or_else(|| panic!("no {after:?} in {script}"));
    let lines = script[at..].lines().skip(1).map_while(|line| line.strip_prefix("-- "));
    lines.collect::<Vec<_>>().join("\n").replace("\r-- ", "\r")
}

fn schemas_of_its_own() -> Result<(), Failed> {
    let (database, config) = fresh("own")?;
    let sql = database.superuser()?;
    let before = own_traces(&sql, "own user")?;
    let text = script(&config, &[]);
    assert_ne!(text, script(&config, &[]), "the salt is another one each time");
    // Twice: a script that is sent by mail is run more than once.
    psql(&database, "postgres", &text)?;
    psql(&database, "postgres", &text)?;
    assert_eq!(privileges(&sql, "own user")?, "ttt");
    assert_eq!(check(&config), Ok(()));
    let mut wrong = config.clone();
    wrong["password"] = json!("another one");
    assert!(check(&wrong).is_err(), "the password is asked for");
    // Nothing is there to stay but what the script made.
    psql(&database, "postgres", &script(&config, &["--undo"]))?;
    assert_eq!(own_traces(&sql, "own user")?, before);

    psql(&database, "postgres", &text)?;
    write(&config, "kept");
    let undo = script(&config, &["--undo"]);
    psql(&database, "postgres", &undo)?;
    psql(&database, "postgres", &undo)?;
    // The name that the connector has made of the schema's.
    let owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'Billing__data_' AND tablename = 'kept'";
    assert_eq!(sql.value(owner)?, "postgres", "what was loaded stays");
    assert_eq!(sql.value("SELECT id::text FROM \"Billing__data_\".kept")?, "7");
    assert!(check(&config).is_err(), "the user is gone");
    sql.run("DROP SCHEMA \"Billing__data_\" CASCADE")?;
    assert_eq!(own_traces(&sql, "own user")?, before);
    Ok(())
}

fn schema_made_beforehand() -> Result<(), Failed> {
    let (database, config) = fresh("made")?;
    let sql = database.superuser()?;
    let before = own_traces(&sql, "made user")?;
    // From the other variant: CREATE must go.
    psql(&database, "postgres", &script(&config, &[]))?;
    let text = script(&config, &["--existing-schema"]);
    psql(&database, "postgres", &text)?;
    psql(&database, "postgres", &text)?;
    assert_eq!(privileges(&sql, "made user")?, "tft");
    assert_eq!(sql.value("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'Billing \"data\"'")?, "postgres");
    assert_eq!(check(&config), Ok(()));
    write(&config, "kept");
    assert_eq!(sql.value("SELECT id::text FROM \"Billing \"\"data\"\"\".kept")?, "7");
    let undo = script(&config, &["--undo"]);
    psql(&database, "postgres", &undo)?;
    assert_eq!(sql.value("SELECT id::text FROM \"Billing \"\"data\"\"\".kept")?, "7", "what was loaded stays");
    psql(&database, "postgres", &uncommented(&undo, "-- Without what was loaded:"))?;
    assert_eq!(own_traces(&sql, "made user")?, before);
    Ok(())
}

fn role_and_readers() -> Result<(), Failed> {
    let (database, mut config) = fresh("shared")?;
    let sql = database.superuser()?;
    let before = own_traces(&sql, "shared")?;
    sql.run("CREATE ROLE \"shared reader\"; CREATE ROLE \"shared second\"; CREATE SCHEMA other; CREATE TABLE other.secret ()")?;
    config["role"] = json!("shared owner");
    config["schema"] = json!("billing");
    for options in [&["--existing-schema"][..], &[]] {
        psql(&database, "postgres", &script(&config, options))?;
        assert_eq!(check(&config), Ok(()));
        write(&config, "early");
        // Two readers, the first one by the connector's own setting as well.
        let readers = [options, &["--reader", "shared reader", "--reader", "shared second"]].concat();
        psql(&database, "postgres", &script(&config, &readers))?;
        psql(&database, "postgres", &script(&config, &readers))?;
        write(&config, "late");
        for reader in ["shared reader", "shared second"] {
            let session = database.superuser()?;
            session.run(&format!("SET ROLE {}", quote_identifier(reader)))?;
            for table in ["early", "late"] {
                assert_eq!(session.value(&format!("SELECT id FROM billing.{table} LIMIT 1"))?, "7", "{options:?}");
            }
            let write = session.run("INSERT INTO billing.late (id) VALUES (8)");
            assert!(write.is_err_and(|e| e.starts_with("42501")), "a reader only reads");
            assert!(session.run("TABLE other.secret").is_err_and(|e| e.starts_with("42501")), "only what was loaded");
        }
        assert_eq!(
            sql.value("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'billing'")?,
            "shared owner"
        );
        assert_eq!(privileges(&sql, "shared owner")?, if options.is_empty() { "ftt" } else { "fft" });

        let undo = script(&config, &["--undo"]);
        psql(&database, "postgres", &undo)?;
        assert_eq!(sql.value("SELECT count(*) FROM pg_roles WHERE rolname = 'shared user'")?, "0");
        assert_eq!(
            sql.value("SELECT count(*) FROM pg_roles WHERE rolname = 'shared owner'")?,
            "1",
            "it may serve others"
        );
        psql(&database, "postgres", &uncommented(&undo, "-- The role that owns what was loaded"))?;
        psql(&database, "postgres", &uncommented(&undo, "-- Without what was loaded:"))?;
    }
    sql.run("DROP ROLE \"shared reader\"; DROP ROLE \"shared second\"; DROP SCHEMA other CASCADE")?;
    assert_eq!(own_traces(&sql, "shared")?, before);
    Ok(())
}

/// As on a managed service: the administrator owns the database and may make roles, and that is all.
fn administrator_without_superuser() -> Result<(), Failed> {
    let (database, mut config) = fresh("managed")?;
    let sql = database.superuser()?;
    sql.run(&format!(
        "CREATE USER managed_admin CREATEROLE; ALTER DATABASE {} OWNER TO managed_admin; CREATE ROLE managed_reader",
        quote_identifier(&database.name)
    ))?;
    config["reader_roles"] = json!(["managed_reader"]);
    for options in [&[][..], &["--existing-schema"]] {
        psql(&database, "managed_admin", &script(&config, options))?;
        assert_eq!(check(&config), Ok(()));
        write(&config, "rows");
        psql(&database, "managed_admin", &script(&config, options))?;
        psql(&database, "managed_admin", &script(&config, &["--undo"]))?;
        assert_eq!(sql.value("SELECT count(*) FROM pg_roles WHERE rolname = 'managed user'")?, "0");
        assert_eq!(sql.value("SELECT tableowner FROM pg_tables WHERE tablename = 'rows'")?, "managed_admin");
        sql.run("SET ROLE managed_admin; DROP SCHEMA IF EXISTS \"Billing \"\"data\"\"\", \"Billing__data_\" CASCADE; RESET ROLE")?;
    }
    sql.run("REASSIGN OWNED BY managed_admin TO postgres; DROP ROLE managed_admin; DROP ROLE managed_reader")?;
    Ok(())
}

fn only_in_its_database() -> Result<(), Failed> {
    let (database, mut config) = fresh("elsewhere")?;
    let sql = database.superuser()?;
    let before = own_traces(&sql, "elsewhere user")?;
    config["database"] = json!("postgres");
    for options in [&[][..], &["--existing-schema"], &["--undo"]] {
        let refused = psql(&database, "postgres", &script(&config, options)).expect_err("the wrong database");
        assert!(refused.contains("P0001: connect to database \"postgres\" first"), "{refused}");
        assert_eq!(own_traces(&sql, "elsewhere user")?, before);
    }
    // A user that has something in two databases stays until it has nothing in either.
    config["database"] = json!(database.name);
    let other = TestServer::shared().database()?;
    let mut there = config.clone();
    there["database"] = json!(other.name);
    psql(&database, "postgres", &script(&config, &[]))?;
    psql(&other, "postgres", &script(&there, &[]))?;
    write(&there, "rows");
    psql(&database, "postgres", &script(&config, &["--undo"]))?;
    let exists = "SELECT count(*) FROM pg_roles WHERE rolname = 'elsewhere user'";
    assert_eq!(sql.value(exists)?, "1");
    psql(&other, "postgres", &script(&there, &["--undo"]))?;
    assert_eq!(sql.value(exists)?, "0");
    assert_eq!(own_traces(&sql, "elsewhere user")?, before);
    Ok(())
}

/// Names and passwords of any characters, as they come through the script and then through the login.
fn any_names_and_passwords() -> Result<(), Failed> {
    let printable: String = (' '..='~').collect();
    let odd = [
        "a'b\\'c\"d $setup$ $1 %I %s %",
        ":name :'x' :\"y\" \\c postgres --; /* */",
        "a\nb\r-- c \u{7f}\t U&\"\\0041\" E'' `id`",
        "Ünïcödé 数据 🐘",
        "e\u{301}\u{a0}\u{ad}ﬁ ½ \u{202e}rtl-",
    ];
    let mut cases: Vec<[String; 5]> = (0..odd.len())
        // Each text in each place once, and each place with its own.
        .map(|at| [0, 1, 2, 3, 4].map(|by| odd[(at + by) % odd.len()].to_owned()))
        .map(|[user, database, schema, role, password]| [user, database, schema, role, printable.clone() + &password])
        .collect();
    // SASLprep would leave nothing of this password.
    cases.push(["", "", "", "", "\u{ad}\u{34f}\u{ad}"].map(str::to_owned));
    cases.extend((0..5).map(|_| [1, 1, 1, 1, 12].map(random_text)));
    let sql = TestServer::shared().superuser("postgres")?;
    for (at, [user, database, schema, role, password]) in cases.into_iter().enumerate() {
        let (user, role) = (format!("u{at} {user}"), format!("r{at} {role}"));
        let (database, schema) = (format!("d{at} {database}"), format!("s{at} {schema}"));
        let case = format!("{user:?} {database:?} {schema:?} {role:?} {password:?}");
        let address = TestServer::shared();
        sql.run(&format!("CREATE DATABASE {} TEMPLATE template0", quote_identifier(&database)))?;
        let inside = address.superuser(&database)?;
        let mut config = json!({"host": "127.0.0.1", "port": address.port, "ssl": false, "database": database,
            "schema": schema, "username": user, "password": password});
        if at % 2 == 0 {
            config["role"] = json!(role);
        }
        let options = if at % 3 == 0 { &[][..] } else { &["--existing-schema"] };
        let setting = if at % 4 == 0 { "off" } else { "on" };
        inside.run(&format!("SET standard_conforming_strings = {setting}"))?;
        // As one message, which is what many a console sends.
        inside.run(&script(&config, options)).map_err(|e| format!("{case}: {e}"))?;
        assert_eq!(check(&config), Ok(()), "{case}");
        // libpq prepares the password in its own way.
        let psql = Psql::new(&config, "127.0.0.1").mode("prefer").encrypted();
        assert_eq!(psql, Ok(false), "{case}");
        let undo = script(&config, &["--undo"]);
        inside.run(&undo).map_err(|e| format!("{case}: {e}"))?;
        if at % 2 == 0 {
            inside
                .run(&uncommented(&undo, "-- The role that owns what was loaded"))
                .map_err(|e| format!("{case}: {e}"))?;
        }
        let left = format!(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ '^[ur]{at} ') + (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^s{at}')"
        );
        assert_eq!(inside.value(&left)?, "0", "{case}");
        drop(inside);
        sql.run(&format!("DROP DATABASE {}", quote_identifier(&database)))?;
    }
    Ok(())
}

/// From `shortest` to twelve characters that a name and a password can hold, so at most 48 bytes.
fn random_text(shortest: usize) -> String {
    let one = || match fastrand::u8(0..4) {
        0 => fastrand::char('\u{a0}'..='\u{2fff}'),
        1 => fastrand::char('\u{1f300}'..='\u{1faff}'),
        _ => fastrand::char(' '..='~'),
    };
    (0..fastrand::usize(shortest..=12)).map(|_| one()).collect()
}

fn refused_in_words() -> Result<(), Failed> {
    let refused = |options: &[&str], words: &str| {
        let outcome = options.iter().fold(Connector::new("setup-sql"), |c, option| c.arg(option)).run(b"");
        assert_eq!(outcome.code(), 1, "{outcome:?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr == format!("error: {words}\n"), "{outcome:?}");
    };
    let long = "ä".repeat(32);
    refused(&["--database", "d", "--username", "pg_me"], "role \"pg_me\" has a name that is reserved for the server");
    refused(&["--database", "d", "--username", "public"], "role \"public\" has a name that is reserved for the server");
    refused(&["--database", "d", "--username", ""], "role \"\" has an empty name");
    refused(
        &["--database", &long, "--username", "u"],
        &format!("database \"{long}\" has a name of more than 63 bytes"),
    );
    refused(
        &["--database", "d", "--username", "u", "--schema", "pg_x"],
        "schema \"pg_x\" begins with pg_, which is reserved for the server",
    );
    refused(
        &["--config", "/nowhere/config.json"],
        "configuration: cannot read the file `/nowhere/config.json` (entity not found)",
    );
    // Without a password there is nothing to verify.
    let outcome =
        ["--database", "d", "--username", "u"].iter().fold(Connector::new("setup-sql"), |c, o| c.arg(o)).run(b"");
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    let text = outcome.stdout.join("\n");
    assert!(text.contains("CREATE USER \"u\";") && !text.contains("SCRAM-SHA-256"), "{text}");
    Ok(())
}
