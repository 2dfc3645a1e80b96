//! Odd servers, databases and roles: the same tables come out, or it is said in words why not.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::sql::{Sql, quote_literal};
use crate::support::workload;

/// Generous: other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("servers::settings_of_values", settings_of_values),
        Trial::test("servers::settings_of_transactions", settings_of_transactions),
        Trial::test("servers::settings_of_storage", settings_of_storage),
        Trial::test("servers::time_outs_of_a_second", time_outs_of_a_second),
        Trial::test("servers::commits_are_synchronous", commits_are_synchronous),
        Trial::test("servers::databases_of_other_collations", databases_of_other_collations),
        Trial::test("servers::databases_of_other_encodings", databases_of_other_encodings),
        Trial::test("servers::read_only_sessions", read_only_sessions),
        Trial::test("servers::a_standby", a_standby),
        Trial::test("servers::one_connection_is_enough", one_connection_is_enough),
        Trial::test("servers::no_connection_left", no_connection_left),
        Trial::test("servers::nothing_of_mallory_is_called", nothing_of_mallory_is_called),
        Trial::test("servers::an_event_trigger_that_logs", an_event_trigger_that_logs),
    ]
}

/// Sets what the writer's sessions begin with.
fn set(database: &TestDatabase, settings: &[(&str, &str)]) -> Result<(), String> {
    let sql = database.superuser()?;
    settings.iter().try_for_each(|(name, value)| {
        let (writer, place) = (&database.writer, &database.name);
        sql.run(&format!("ALTER ROLE {writer} IN DATABASE {place} SET {name} = {value}"))
    })
}

fn as_on_a_plain_server(database: &TestDatabase) -> Result<(), Failed> {
    let (config, expected) = (database.config(), workload::baseline()?);
    checked(&config)?;
    workload::same(&workload::run(database, &config)?, &expected).map_err(Failed::from)
}

fn checked(config: &Value) -> Result<Outcome, String> {
    let outcome = Connector::check(config).run(b"");
    if outcome.checked().is_ok() { Ok(outcome) } else { Err(format!("{outcome:#?}")) }
}

/// That `check` and `write` refuse with all these words, before anything is made.
fn refused(database: &TestDatabase, config: &Value, failure: &str, words: &[&str]) -> Result<(), Failed> {
    let objects = "SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_namespace";
    let before = database.superuser().and_then(|sql| sql.rows(objects)).ok();
    let outcome = Connector::check(config).run(b"");
    let has = |message: &str| words.iter().all(|word| message.contains(word));
    assert!(outcome.checked().is_err_and(|message| has(&message)), "{outcome:#?}");
    let outcome = Connector::write(config, &workload::append_catalog("rows"))
        .run(workload::append_input("rows", 0..1, 1).as_bytes());
    let error = &outcome.messages_of("TRACE")[0]["trace"]["error"];
    assert!(error["failure_type"] == failure && error["message"].as_str().is_some_and(has), "{failure}: {outcome:#?}");
    assert_eq!(outcome.messages_of("STATE").len(), 0);
    if let Some(before) = before {
        assert_eq!(database.superuser()?.rows(objects)?, before);
    }
    Ok(())
}

fn settings_of_values() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    set(
        &database,
        &[
            ("standard_conforming_strings", "off"),
            ("backslash_quote", "on"),
            ("escape_string_warning", "off"),
            ("bytea_output", "escape"),
            ("DateStyle", "'SQL, DMY'"),
            ("TimeZone", "'Asia/Kathmandu'"),
            ("IntervalStyle", "sql_standard"),
            ("extra_float_digits", "-15"),
            ("client_encoding", "LATIN1"),
            ("quote_all_identifiers", "on"),
            ("row_security", "off"),
            ("array_nulls", "off"),
            ("transform_null_equals", "on"),
            ("xmloption", "document"),
            ("search_path", "nowhere, pg_catalog, public"),
            ("check_function_bodies", "off"),
            ("client_min_messages", "debug5"),
            ("constraint_exclusion", "on"),
            ("cursor_tuple_fraction", "0"),
            ("temp_buffers", "'800kB'"),
            ("work_mem", "'64kB'"),
        ],
    )?;
    as_on_a_plain_server(&database)
}

fn settings_of_transactions() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    set(
        &database,
        &[
            ("default_transaction_isolation", "serializable"),
            ("default_transaction_deferrable", "on"),
            ("synchronous_commit", "off"),
            ("deadlock_timeout", "'1ms'"),
            ("lock_timeout", "'1ms'"),
            ("session_replication_role", "origin"),
        ],
    )?;
    as_on_a_plain_server(&database)
}

fn settings_of_storage() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let (writer, name) = (&database.writer, &database.name);
    let data = sql.value("SHOW data_directory")?;
    for kind in ["tables", "temporary"] {
        let place = quote_literal(&format!("{data}/../{name}_{kind}"));
        // A program of the server, so that the directory is the server's; it does not read, so it gets no row.
        sql.run(&format!(
            "COPY (SELECT 1 WHERE false) TO PROGRAM {}",
            quote_literal(&format!("mkdir {}", place.trim_matches('\'')))
        ))?;
        sql.run(&format!("CREATE TABLESPACE {name}_{kind} LOCATION {place}"))?;
        sql.run(&format!("GRANT CREATE ON TABLESPACE {name}_{kind} TO {writer}"))?;
    }
    sql.run(&format!("CREATE ACCESS METHOD {name}_heap TYPE TABLE HANDLER heap_tableam_handler"))?;
    set(
        &database,
        &[
            ("default_tablespace", &format!("{name}_tables")),
            ("temp_tablespaces", &format!("{name}_temporary")),
            ("default_table_access_method", &format!("{name}_heap")),
        ],
    )?;
    as_on_a_plain_server(&database)?;
    let used = "SELECT DISTINCT coalesce(t.spcname, 'default'), m.amname FROM pg_class c JOIN pg_am m ON m.oid = c.relam
        LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE c.relnamespace = 'airbyte'::regnamespace AND c.relkind = 'r'";
    let row = |values: [String; 2]| values.into_iter().map(Some).collect::<Vec<_>>();
    assert_eq!(
        sql.rows(used)?,
        [row([format!("{name}_tables"), format!("{name}_heap")])],
        "what the role's settings ask for"
    );
    sql.run("DROP SCHEMA airbyte, raw_tables CASCADE")?;
    sql.run(&format!("DROP TABLESPACE {name}_tables"))?;
    Ok(sql.run(&format!("DROP TABLESPACE {name}_temporary"))?)
}

/// A source that pauses for longer than every time-out, and a table that takes longer than every time-out to write.
fn time_outs_of_a_second() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let mut settings =
        vec![("statement_timeout", "'1s'"), ("lock_timeout", "'1s'"), ("idle_in_transaction_session_timeout", "'1s'")];
    settings.extend((database.major() >= 14).then_some(("idle_session_timeout", "'1s'")));
    settings.extend((database.major() >= 17).then_some(("transaction_timeout", "'1s'")));
    let config = workload::merged(&database.config(), &json!({"commit_interval_seconds": 1}));
    let catalog = workload::append_catalog("rows");
    workload::succeeded(&Connector::write(&config, &catalog).run(b""), 0)?;
    let sql = database.superuser()?;
    sql.run(
        "CREATE FUNCTION airbyte.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(1.5); RETURN NULL; END';
         CREATE TRIGGER slow AFTER INSERT ON airbyte.rows FOR EACH STATEMENT EXECUTE FUNCTION airbyte.slow()",
    )?;
    set(&database, &settings)?;
    checked(&config)?;
    let mut running = Connector::write(&config, &catalog).start();
    for window in 0..2_u64 {
        std::thread::sleep(Duration::from_millis(2_200));
        running.feed(workload::append_input("rows", window * 10..window * 10 + 10, 10).as_bytes());
        running.wait_for_states(usize::try_from(window)? + 1, PATIENCE)?;
    }
    // A reader holds the table for longer than the role waits for a lock.
    running.feed(workload::append_input("rows", 20..30, 10).as_bytes());
    sql.run("BEGIN; LOCK TABLE airbyte.rows IN SHARE MODE")?;
    std::thread::sleep(Duration::from_millis(3_000));
    sql.run("COMMIT")?;
    running.wait_for_states(3, PATIENCE)?;
    std::thread::sleep(Duration::from_millis(1_500));
    workload::succeeded(&running.finish(PATIENCE)?, 3)?;
    assert_eq!(sql.value("SELECT count(*) FROM airbyte.rows")?, "30");
    Ok(())
}

/// A state that is acknowledged must be on disk, whatever the role is content with; more than that is left alone.
fn commits_are_synchronous() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let catalog = workload::append_catalog("rows");
    workload::succeeded(&Connector::write(&database.config(), &catalog).run(b""), 0)?;
    let sql = database.superuser()?;
    sql.run(
        "CREATE FUNCTION airbyte.tell() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.text := pg_catalog.current_setting(''synchronous_commit''); RETURN NEW; END';
         CREATE TRIGGER tell BEFORE INSERT ON airbyte.rows FOR EACH ROW EXECUTE FUNCTION airbyte.tell()",
    )?;
    for (given, expected) in [
        ("off", "on"),
        ("local", "on"),
        ("on", "on"),
        ("remote_write", "remote_write"),
        ("remote_apply", "remote_apply"),
    ] {
        set(&database, &[("synchronous_commit", given)])?;
        sql.run("TRUNCATE airbyte.rows")?;
        let input = workload::append_input("rows", 0..1, 1);
        workload::succeeded(&Connector::write(&database.config(), &catalog).run(input.as_bytes()), 1)?;
        assert_eq!(sql.value("SELECT text FROM airbyte.rows")?, expected, "{given}");
    }
    Ok(())
}

fn databases_of_other_collations() -> Result<(), Failed> {
    let server = TestServer::shared();
    let mut kinds =
        vec!["ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", "ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"];
    if server.major >= 15 {
        // Lower-cases I to a dotless i, and sorts without regard to punctuation.
        kinds.push("ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-u-ka-shifted' LC_COLLATE 'C' LC_CTYPE 'C'");
    }
    if server.major >= 17 {
        kinds.push("ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'");
    }
    for kind in kinds {
        let database = server.database_like(&format!("TEMPLATE template0 {kind}"))?;
        as_on_a_plain_server(&database).map_err(|e| format!("{kind}: {}", e.message().unwrap_or_default()))?;
    }
    Ok(())
}

fn databases_of_other_encodings() -> Result<(), Failed> {
    for encoding in ["SQL_ASCII", "LATIN1", "EUC_JP"] {
        let kind = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        let database = TestServer::shared().database_like(&kind)?;
        refused(&database, &database.config(), "config_error", &["encoding", encoding, "UTF8"])?;
    }
    Ok(())
}

fn read_only_sessions() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    set(&database, &[("default_transaction_read_only", "on")])?;
    refused(&database, &database.config(), "config_error", &["read-only", "default_transaction_read_only"])
}

/// The server itself becomes one, by a restart with the file that says so.
fn a_standby() -> Result<(), Failed> {
    let server = TestServer::start();
    let address = server.address();
    let database = address.database()?;
    let data = database.superuser()?.value("SHOW data_directory")?;
    database.superuser()?.run(&format!(
        "COPY (SELECT 1 WHERE false) TO PROGRAM {}",
        quote_literal(&format!("touch {data}/standby.signal"))
    ))?;
    let script = || Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres"));
    assert!(script().arg("stop").arg(&address.socket_directory).status()?.success());
    let (major, port) = (address.major.to_string(), address.port.to_string());
    assert!(
        script()
            .arg("start")
            .arg(&address.socket_directory)
            .args([major, port, "max_connections=200".into()])
            .status()?
            .success()
    );
    refused(&database, &database.config(), "config_error", &["standby", "primary"])
}

fn one_connection_is_enough() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    database.superuser()?.run(&format!("ALTER ROLE {} CONNECTION LIMIT 1", database.writer))?;
    let config = workload::merged(&database.config(), &json!({"max_connections": 4}));
    checked(&config)?;
    let names = ["one", "two", "three", "four"];
    let streams: Vec<Value> = names.iter().map(|name| workload::append_catalog(name)["streams"][0].clone()).collect();
    let input: String = names.iter().map(|name| workload::append_input(name, 0..1_000, 4_000)).collect();
    // The session of the check takes a moment to end.
    std::thread::sleep(Duration::from_millis(300));
    let outcome = Connector::write(&config, &json!({"streams": streams})).run(input.as_bytes());
    workload::succeeded(&outcome, 4)?;
    assert!(outcome.stdout.iter().any(|line| line.contains("with 1 session")), "it says so: {outcome:#?}");
    let sql = database.superuser()?;
    for name in names {
        assert_eq!(sql.value(&format!("SELECT count(*) FROM airbyte.{name}"))?, "1000");
    }
    Ok(())
}

fn no_connection_left() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let (writer, name) = (&database.writer, &database.name);
    let held = database.writer()?;
    for (limit, unlimited) in [
        (format!("ALTER ROLE {writer} CONNECTION LIMIT 1"), format!("ALTER ROLE {writer} CONNECTION LIMIT -1")),
        (format!("ALTER DATABASE {name} CONNECTION LIMIT 1"), format!("ALTER DATABASE {name} CONNECTION LIMIT -1")),
    ] {
        sql.run(&limit)?;
        refused(&database, &with_short_retries(&database.config()), "transient_error", &["no connection left"])?;
        sql.run(&unlimited)?;
        checked(&database.config())?;
    }
    drop(held);
    let full = TestServer::start_with(&["max_connections=6", "superuser_reserved_connections=3"]);
    let database = full.address().database()?;
    let held: Vec<Sql> = (0..6).map_while(|_| database.writer().ok()).collect();
    assert!(!held.is_empty() && held.len() < 6, "{} sessions", held.len());
    refused(&database, &with_short_retries(&database.config()), "transient_error", &["no connection left"])?;
    drop(held);
    Ok(())
}

/// One attempt is enough to see a refusal.
fn with_short_retries(config: &Value) -> Value {
    workload::merged(config, &json!({"retry_timeout_seconds": 0}))
}

/// A role that may create in `public`, and in whose hands the search path is, plants what our statements could call.
fn nothing_of_mallory_is_called() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let mallory = database.name.replace("db", "mallory");
    sql.run(&format!(
        "CREATE ROLE {mallory}; GRANT CREATE, USAGE ON SCHEMA public TO {mallory};
         CREATE TABLE public.trap (sprung text); GRANT INSERT ON public.trap TO PUBLIC;
         SET ROLE {mallory}"
    ))?;
    // Each would be preferred for its exact types, or is found first.
    let trap = |name: &str, arguments: &str, returns: &str, value: &str| {
        format!(
            "CREATE FUNCTION public.{name}({arguments}) RETURNS {returns} LANGUAGE plpgsql AS
                 $f$ BEGIN INSERT INTO public.trap VALUES ({}); RETURN {value}; END $f$;",
            quote_literal(name)
        )
    };
    let mut script = String::new();
    for (name, arguments, returns, value) in [
        ("upper", "character varying", "text", "''"),
        ("lower", "character varying", "text", "''"),
        ("coalesce_", "text", "text", "''"),
        ("current_setting", "text", "text", "'off'"),
        ("set_config", "text, text, boolean", "text", "''"),
        ("to_jsonb", "character varying", "jsonb", "null"),
        ("jsonb_build_object", "text, bigint", "jsonb", "null"),
        ("jsonb_set", "jsonb, text[], jsonb", "jsonb", "null"),
        ("obj_description", "oid, name", "text", "null"),
        ("has_schema_privilege", "oid, text", "boolean", "false"),
        ("pg_get_viewdef", "oid", "text", "''"),
        ("now", "", "timestamptz", "null"),
        ("unnest_", "text[]", "text", "null"),
        ("left", "character varying, integer", "text", "''"),
        ("format_type", "oid, integer", "text", "''"),
    ] {
        script.push_str(&trap(name, arguments, returns, value));
    }
    for (name, operator, left, right) in [
        ("eq", "=", "character varying", "character varying"),
        ("ne", "<>", "character varying", "character varying"),
        ("lt", "<", "character varying", "character varying"),
        ("name_text", "=", "name", "text"),
        ("text_name", "=", "text", "name"),
        ("gt", ">", "timestamp with time zone", "timestamp with time zone"),
        ("json", "->>", "jsonb", "text"),
        ("concat", "||", "jsonb", "jsonb"),
        ("char", "=", "\"char\"", "text"),
    ] {
        let (returns, value) = match operator {
            "->>" => ("text", "''"),
            "||" => ("jsonb", "null"),
            _ => ("boolean", "false"),
        };
        script.push_str(&trap(name, &format!("{left}, {right}"), returns, value));
        script.push_str(&format!(
            "CREATE OPERATOR public.{operator} (FUNCTION = public.{name}, LEFTARG = {left}, RIGHTARG = {right});"
        ));
    }
    // Names of types and relations, found before those of the catalog.
    script.push_str(
        "CREATE DOMAIN public.text AS pg_catalog.int4; CREATE DOMAIN public.jsonb AS pg_catalog.int4;
         CREATE DOMAIN public.int4 AS pg_catalog.text; CREATE DOMAIN public.bool AS pg_catalog.int4;
         CREATE VIEW public.pg_class AS SELECT 1 AS oid; CREATE VIEW public.pg_namespace AS SELECT 1 AS oid;
         CREATE TABLE public.events (id pg_catalog.int4); CREATE TABLE public.users (id pg_catalog.int4);
         CREATE TABLE public._airbyte_load_0 (id pg_catalog.int4);",
    );
    sql.run(&script)?;
    sql.run("RESET ROLE")?;
    let objects = "SELECT count(*)::pg_catalog.text FROM pg_catalog.pg_class WHERE relnamespace = 'public'::pg_catalog.regnamespace";
    let before = sql.value(objects)?;
    set(&database, &[("search_path", "public, pg_catalog")])?;
    let config = database.config();
    checked(&config)?;
    let tables = workload::run(&database, &config)?;
    assert_eq!(sql.rows("SELECT sprung FROM public.trap")?, Vec::<Vec<_>>::new());
    assert_eq!(sql.value(objects)?, before);
    sql.run(&format!("DROP TABLE public.trap; DROP OWNED BY {mallory} CASCADE; DROP ROLE {mallory}"))?;
    let after = tables.split("table public.").next().unwrap_or_default().trim_end().to_owned();
    let expected = workload::baseline()?;
    assert!(expected.starts_with(&after), "not as on a plain server:\n{after}");
    Ok(())
}

fn an_event_trigger_that_logs() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    sql.run(
        "CREATE TABLE public.log (command text, object text);
         CREATE FUNCTION public.log() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $f$ BEGIN
             INSERT INTO public.log SELECT command_tag, object_identity FROM pg_catalog.pg_event_trigger_ddl_commands();
         END $f$;
         CREATE EVENT TRIGGER log ON ddl_command_end EXECUTE FUNCTION public.log()",
    )?;
    let tables = workload::run(&database, &database.config())?;
    assert_ne!(sql.value("SELECT count(*) FROM public.log WHERE command = 'CREATE TABLE'")?, "0");
    sql.run("DROP EVENT TRIGGER log; DROP FUNCTION public.log(); DROP TABLE public.log")?;
    let expected = workload::baseline()?;
    let ours = tables.split("table public.log").next().unwrap_or_default().trim_end();
    assert!(expected.starts_with(ours), "not as on a plain server:\n{tables}");
    Ok(())
}
