//! What must not be seen: the tests look for secrets in every byte, and what a server sends back is not passed on.

use std::os::unix::fs::PermissionsExt;
use std::panic::catch_unwind;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::TestServer;
use crate::support::secrets::Secrets;
use crate::support::sql::quote_literal;
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("credentials_hidden::a_planted_leak_is_found", a_planted_leak_is_found),
        Trial::test(
            "credentials_hidden::what_the_server_sends_back_is_not_shown",
            what_the_server_sends_back_is_not_shown,
        ),
    ]
}

/// Functions of the database send the password back in an error, in several spellings: where rows are loaded, whose values
/// it may hold, and where a table is made.
fn what_the_server_sends_back_is_not_shown() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let (config, catalog) = (database.config(), workload::append_catalog("rows"));
    let load = |catalog: &Value, stream: &str| {
        Connector::write(&config, catalog).run(workload::append_input(stream, 0..1, 1).as_bytes())
    };
    workload::succeeded(&load(&catalog, "rows"), 1)?;
    let password = config["password"].as_str().unwrap_or_default();
    let json = config["password"].to_string();
    for text in [password, &json, "w%40%5B%2F%3F%23%22%5C%2B%20%26%3A%25%5D%241%27", "d0BbLz8jIlwrICY6JV0kMSc="] {
        let raise = format!(
            "BEGIN RAISE NOTICE USING MESSAGE = {text};
             RAISE EXCEPTION USING MESSAGE = 'told: ' || {text}, DETAIL = {text}, HINT = {text}; END",
            text = quote_literal(text)
        );
        // That no secret is in it is looked for wherever the connector runs.
        let told = |outcome: &Outcome| outcome.messages_of("TRACE")[0]["trace"]["error"]["message"].to_string();
        sql.run(&format!(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $f$ {raise} $f$;
             CREATE TRIGGER tell BEFORE INSERT ON airbyte.rows FOR EACH ROW EXECUTE FUNCTION tell()"
        ))?;
        let outcome = load(&catalog, "rows");
        sql.run("DROP FUNCTION tell() CASCADE")?;
        assert!(told(&outcome).contains("function public.tell()"), "{outcome:#?}");

        sql.run(&format!(
            "CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $f$ {raise} $f$;
             CREATE EVENT TRIGGER tell ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION tell()"
        ))?;
        let outcome = load(&workload::append_catalog("more"), "more");
        sql.run("DROP FUNCTION tell() CASCADE")?;
        assert!(told(&outcome).contains("told: ") && told(&outcome).contains("***"), "{outcome:#?}");
    }
    Ok(())
}

fn a_planted_leak_is_found() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let key_file = directory.path().join("key");
    std::fs::write(&key_file, "-----BEGIN KEY-----\nfrom-the-environment-alone\n-----END KEY-----\n")?;
    let config = json!({
        "host": "h", "username": "open secret", "password": "pa ss\"wörd", "schema": "public",
        "jdbc_url_params": "a=b&sslpassword=in-the-url",
        "ssl_mode": {"mode": "verify-full", "client_key": "-----BEGIN KEY-----\nline-of-the-client-key\n-----END KEY-----"},
        "tunnel_method": {"tunnel_method": "SSH_KEY_AUTH", "tunnel_user": "t", "ssh_key_passphrase": "open secret",
            "ssh_key": "-----BEGIN KEY-----\\nline-of-the-bastion-key\\n-----END KEY-----"},
    });
    let mut secrets = Secrets::default();
    secrets.add_config(config.to_string().as_bytes());
    secrets.add_variable("DESTINATION_SSH_KEY_FILE", &key_file.to_string_lossy());
    for leak in [
        r#"the password pa ss"wörd!"#,
        r#"{"message":"pa ss\"wörd"}"#,
        r#"{"message":"pa ss\"w\u00f6rd"}"#,
        "pa%20ss%22w%C3%B6rd",
        "pa%20ss%22w%c3%b6rd",
        "postgres://user:pa+ss%22w%C3%B6rd@host",
        "dXNlcjpwYSBzcyJ3w7ZyZA==",
        "\\x70612073732277c3b67264",
        "a line-of-the-client-key b",
        "line-of-the-bastion-key",
        "from-the-environment-alone",
        "in-the-url",
    ] {
        assert_ne!(secrets.leaks(&[leak.to_owned()], ""), [""; 0], "{leak}");
        assert_ne!(secrets.leaks(&[], &format!("before\n{leak}\nafter")), [""; 0], "{leak}");
    }
    for harmless in
        ["the user open secret", r#"{"type":"STATE","state":{"data":"in-the-url"}}"#, "-----BEGIN KEY-----", "wörd"]
    {
        assert_eq!(secrets.leaks(&[harmless.to_owned()], "-----END KEY-----"), [""; 0], "{harmless}");
    }
    // And a program that stands in for the connector: whether it ends or is killed, its test fails.
    let program = directory.path().join("program");
    std::fs::write(&program, "#!/bin/sh\necho in-the-url\nexec cat >&2\n")?;
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755))?;
    let start = || Connector::of(program.as_os_str(), "check").file("config", config.to_string().as_bytes()).start();
    let wait = Duration::from_secs(20);
    let ended = catch_unwind(|| start().finish(wait));
    let killed = catch_unwind(|| start().wait_until(wait, |lines| !lines.is_empty()));
    assert!(ended.is_err() && killed.is_err(), "both should have failed: {ended:?}, {killed:?}");
    Ok(())
}
