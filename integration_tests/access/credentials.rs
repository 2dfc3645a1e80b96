//! Credentials of any shape: whatever the server takes logs in.

use std::sync::OnceLock;
use std::time::Duration;

use destination_postgres::config::Config;
use destination_postgres::pg;
use fastrand::Rng;
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::property::property;
use crate::support::connector::Connector;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::sql::{quote_identifier, quote_literal};
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("credentials::prepared_like_the_server", prepared_like_the_server),
        Trial::test("credentials::md5", md5),
        property("credentials::passwords", passwords),
        property("credentials::names", names),
    ]
}

/// A character of each kind that matters to SASLprep.
const KINDS: [&[char]; 11] = [
    // blanks of other scripts, which become a blank
    &['\u{a0}', '\u{1680}', '\u{2003}', '\u{200b}', '\u{3000}'],
    // of which nothing is left
    &['\u{ad}', '\u{34f}', '\u{200c}', '\u{2060}', '\u{fe0f}', '\u{feff}'],
    // changed by NFKC
    &[
        '\u{fb01}',
        '\u{2460}',
        '\u{212b}',
        '\u{ff48}',
        '\u{337f}',
        '\u{344}',
        '\u{1d400}',
        '\u{fdfa}',
        '\u{2135}',
        '\u{fb2a}',
    ],
    // combining, of several classes
    &['\u{301}', '\u{323}', '\u{327}', '\u{308}', '\u{345}', '\u{5b0}', '\u{651}'],
    // Hangul in parts
    &['\u{1100}', '\u{1161}', '\u{11a8}', '\u{ac00}', '\u{3131}'],
    // not assigned in Unicode 3.2, some of them changed by NFKC
    &['\u{378}', '\u{3f9}', '\u{1f916}', '\u{1d2c}', '\u{a69c}', '\u{3377}', '\u{1f190}'],
    // prohibited
    &[
        '\u{80}',
        '\u{340}',
        '\u{200e}',
        '\u{2028}',
        '\u{e000}',
        '\u{fdd0}',
        '\u{fffd}',
        '\u{e0041}',
        '\u{2ff0}',
        '\u{10fffd}',
    ],
    // from right to left
    &['\u{5d0}', '\u{627}', '\u{644}', '\u{7c0}', '\u{fb1d}', '\u{fefb}'],
    // neither left nor right
    &['\u{20a8}', '\u{2100}', '\u{2f00}', '\u{1d6c1}', '\u{b2}', '\u{660}'],
    // what breaks connection strings, SQL, shells and JSON
    &[
        '@', '[', ']', '/', '?', '#', '"', '\\', '+', ' ', '&', ':', '%', '\'', '$', '`', ';', '=', '{', '}', '\t',
        '\n', '\u{7f}',
    ],
    // letters
    &['a', 'Z', '0', 'é', 'ß', 'İ', 'ж', '漢', 'e'],
];

/// Printable ASCII, or anything; `length` characters.
pub fn text(rng: &mut Rng, length: usize) -> String {
    let ascii = rng.u8(..3) == 0;
    let few: Vec<&[char]> = (0..3).map(|_| KINDS[rng.usize(..KINDS.len())]).collect();
    let one = |rng: &mut Rng| match rng.u8(..8) {
        _ if ascii => rng.char(' '..='~'),
        0 => rng.char('\u{1}'..='\u{10ffff}'),
        1 => rng.char('\u{80}'..='\u{ffff}'),
        2 => rng.char(' '..='~'),
        _ => {
            let kind = few[rng.usize(..few.len())];
            kind[rng.usize(..kind.len())]
        }
    };
    (0..length).map(|_| one(rng)).collect()
}

/// A name for an object of the server: 1 to 63 bytes.
fn name(rng: &mut Rng) -> String {
    loop {
        let length = [1, 2, 8, 20, 63][rng.usize(..5)];
        let mut name = text(rng, length);
        name.truncate(name.floor_char_boundary(63));
        // Blanks alone are no schema in a form; the others are reserved by the server.
        if !name.trim().is_empty() && !name.starts_with("pg_") && !["public", "none"].contains(&name.as_str()) {
            return name;
        }
    }
}

fn password(rng: &mut Rng) -> String {
    let length = [1, 1, 2, 3, 8, 15, 30, 64, 65, 200][rng.usize(..10)];
    text(rng, length)
}

/// What is said of the one length at which the client library's own preparation cannot be got round.
const UNFIT: &str = "64 bytes with characters that Unicode prepares in more than one way; choose another";

/// Lets the members of a role log in by md5. Answers the role.
fn md5_group(database: &TestDatabase) -> Result<&'static str, String> {
    static RULE: OnceLock<Result<(), String>> = OnceLock::new();
    let sql = database.superuser()?;
    let rule = || {
        sql.run("CREATE ROLE by_md5")?;
        let file = sql.value("SHOW hba_file")?;
        // Before all other rules. The program runs as the server's user.
        sql.run(&format!(
            "COPY (SELECT 'host all +by_md5 127.0.0.1/32 md5') TO PROGRAM 'cat - {file} > {file}.new && mv {file}.new {file}';
             SELECT pg_reload_conf()"
        ))?;
        // Nothing tells when the server has read it.
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    };
    RULE.get_or_init(rule).clone()?;
    Ok("by_md5")
}

/// A server of the old kind: the hash of the password as it is, and no preparation.
fn md5() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let (user, group) = (&database.writer, md5_group(&database)?);
    sql.run(&format!("SET password_encryption = 'md5'; GRANT {group} TO {user}"))?;
    for password in ["plain", "p@ss w:rd'\"\\%$\t", "\u{a0}\u{ad}\u{fb01}\u{378}", "\u{1f916}\u{5d0}a"] {
        sql.run(&format!("ALTER ROLE {user} PASSWORD {}", quote_literal(password)))?;
        let stored = sql.value(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'"))?;
        assert!(stored.starts_with("md5"), "{stored}");
        let config = workload::merged(&database.config(), &json!({"password": password}));
        let outcome = Connector::check(&config).run(b"");
        outcome.checked().map_err(|_| format!("{password:?}: {outcome:#?}"))?;
        let wrong = workload::merged(&config, &json!({"password": format!("{password} ")}));
        let refused = Connector::check(&wrong).run(b"").checked().expect_err("another password");
        assert!(refused.contains("password"), "{refused}");
    }
    let config = workload::merged(&database.config(), &json!({"password": "\u{1f916}\u{5d0}a"}));
    let input = workload::append_input("rows", 0..3, 3);
    let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(input.as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(sql.value("SELECT count(*) FROM airbyte.rows")?, "3");
    // What a server that has moved on says of a password from before.
    sql.run(&format!("REVOKE {group} FROM {user}"))?;
    assert!(Connector::check(&config).run(b"").checked().is_err());
    Ok(())
}

/// The server hashes the password, and our login must be right about how. Not through a process, which would be slow.
fn passwords(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = database.superuser()?;
    let group = md5_group(database)?;
    let user = &database.writer;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    for _ in 0..20 {
        let password = password(rng);
        let kind = if rng.u8(..4) == 0 { "md5" } else { "scram-sha-256" };
        let change = if kind == "md5" { "GRANT" } else { "REVOKE" };
        let end = if kind == "md5" { "TO" } else { "FROM" };
        sql.run(&format!(
            "SET password_encryption = '{kind}'; ALTER ROLE {user} PASSWORD {}; {change} {group} {end} {user}",
            quote_literal(&password)
        ))?;
        let mut config = database.config();
        config["password"] = json!(password);
        let parsed = Config::parse(&config.to_string()).map_err(|e| e.to_string())?;
        let login = async { pg::Connector::new(parsed.into(), |_| ())?.session().await.map(drop) };
        match runtime.block_on(login) {
            // How many bytes the server makes of it is not for us to say.
            Err(error) if !password.is_ascii() && error.message().contains(UNFIT) => continue,
            outcome => outcome.map_err(|e| format!("{kind}, password {password:?}: {e:?}"))?,
        }
        // And once in a while as a whole; the output is searched for the password.
        if rng.u8(..40) == 0 {
            let outcome = Connector::check(&config).run(b"");
            outcome.checked().map_err(|_| format!("{kind}, password {password:?}: {outcome:#?}"))?;
        }
    }
    Ok(())
}

/// Any role, database and schema, through the program itself.
fn names(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let (user, schema, other, password) = (name(rng), name(rng), name(rng), text(rng, 15));
    let role = (user != other && rng.bool()).then_some(other);
    let new = name(rng);
    let (quoted, writer) = (quote_identifier(&new), quote_identifier(&user));
    let server = database.address().superuser("postgres")?;
    server.run(&format!("CREATE DATABASE {quoted}"))?;
    let outcome = (|| {
        let acts = quote_identifier(role.as_ref().unwrap_or(&user));
        server.run(&format!("CREATE ROLE {writer} LOGIN PASSWORD {}", quote_literal(&password)))?;
        if role.is_some() {
            server.run(&format!("CREATE ROLE {acts}; GRANT {acts} TO {writer}"))?;
        }
        server.run(&format!(
            "REVOKE ALL ON DATABASE {quoted} FROM PUBLIC; GRANT CONNECT ON DATABASE {quoted} TO {writer};
             GRANT TEMPORARY ON DATABASE {quoted} TO {acts}"
        ))?;
        let inside = database.address().superuser(&new)?;
        let place = quote_identifier(&schema);
        if schema == "public" { Ok(()) } else { inside.run(&format!("CREATE SCHEMA {place}")) }?;
        inside.run(&format!("GRANT ALL ON SCHEMA {place} TO {acts}"))?;
        let mut config = database.config();
        for (field, value) in [("username", &user), ("database", &new), ("schema", &schema), ("password", &password)] {
            config[field] = json!(value);
        }
        config["role"] = json!(role);
        let outcome = Connector::check(&config).run(b"");
        outcome.checked().map_err(|_| format!("{config}: {outcome:#?}"))?;
        let outcome = Connector::write(&config, &workload::append_catalog("rows"))
            .run(workload::append_input("rows", 0..3, 3).as_bytes());
        workload::succeeded(&outcome, 1).map_err(|e| format!("{config}: {e}"))?;
        let stored = inside.value(&format!("SELECT count(*) FROM {place}.rows WHERE text = 'xxx'"))?;
        if stored == "3" { Ok(()) } else { Err(format!("{config}: {stored} rows")) }
    })();
    let mut clean = vec![format!("DROP DATABASE {quoted}"), format!("DROP ROLE {writer}")];
    clean.extend(role.map(|role| format!("DROP ROLE {}", quote_identifier(&role))));
    for statement in clean {
        // A session takes a moment to end.
        let dropped = (0..50).any(|_| {
            server.run(&statement).is_ok() || {
                std::thread::sleep(Duration::from_millis(20));
                false
            }
        });
        if !dropped && outcome.is_ok() {
            return Err(format!("{statement} failed: {:?}", server.run(&statement)));
        }
    }
    outcome
}

/// One password of each kind on its own and beside letters, so that none depends on luck.
fn prepared_like_the_server() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let long = "x".repeat(70);
    for c in KINDS.iter().copied().flatten() {
        for password in [format!("{c}"), format!("\u{5d0}{c}\u{5d0}"), format!("a{c}{long}")] {
            sql.run(&format!("ALTER ROLE {} PASSWORD {}", database.writer, quote_literal(&password)))?;
            let config = workload::merged(&database.config(), &json!({"password": password}));
            let config = Config::parse(&config.to_string())?;
            let login = async { pg::Connector::new(config.into(), |_| ())?.session().await.map(drop) };
            runtime.block_on(login).map_err(|e| format!("password {password:?}: {e:?}"))?;
        }
    }
    // One byte less or more logs in.
    for (length, fits) in [(63, true), (64, false), (65, true)] {
        let password = format!("a\u{3f9}{}", "x".repeat(length - 3));
        sql.run(&format!("ALTER ROLE {} PASSWORD {}", database.writer, quote_literal(&password)))?;
        let answer = Connector::check(&workload::merged(&database.config(), &json!({"password": password}))).run(b"");
        let answer = answer.checked();
        assert!(
            if fits { answer.is_ok() } else { answer.as_ref().is_err_and(|text| text.contains(UNFIT)) },
            "{answer:?}"
        );
    }
    Ok(())
}
