//! What a server, or somebody between us and it, can do after the login. The server is a real one; its messages are not.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{config, failure, judge};
use crate::support::connector::Connector;
use crate::support::hostile_postgres::{HostilePostgres, frame, parameter, refusal};
use crate::support::meddler::{Sender, Verdict, meddle};
use crate::support::postgres::{TestDatabase, TestServer};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("hostile::silence_after_the_login", silence_after_the_login),
        Trial::test("hostile::a_frozen_server", a_frozen_server),
        Trial::test("hostile::broken_answers", broken_answers),
        Trial::test("hostile::many_notices_are_no_harm", many_notices_are_no_harm),
        Trial::test("hostile::the_end_of_a_copy_is_lost", the_end_of_a_copy_is_lost),
    ]
}

fn silence_after_the_login() -> Result<(), Failed> {
    let server = HostilePostgres::start(|guest| {
        guest.session(None)?;
        guest.welcome()?;
        guest.hold()
    });
    let said = failure(&config(server.port(), &json!({"mode": "disable"})))?;
    assert!(said.starts_with("the server at 127.0.0.1:5432 accepted the login but gave no answer"), "{said}");
    Ok(())
}

/// The configuration for a database behind a meddler.
fn through(database: &TestDatabase, port: u16) -> Value {
    let mut config = database.config();
    config["port"] = json!(port);
    config
}

const LOST: &str = "the connection to the database was lost while asking the server's version";

/// What becomes of a row that the server sends, given its body.
type Change = fn(&[u8]) -> Vec<u8>;

const NONE: &str = "a query that always has an answer had none";

/// Each replaces every row of the server; with what is said then: why the connection was lost, or [`NONE`].
const ROWS: [(&str, Change, &str); 7] = [
    ("a row shorter than it says", |body| frame(b'D', &body[..body.len() / 2]), "what the server sends cannot be read"),
    ("a row of fields that it does not have", |_| frame(b'D', &[0, 9]), "what the server sends cannot be read"),
    ("a message that there is not", |_| frame(b'?', b""), "what the server sends cannot be read"),
    ("a message that was not asked for", |_| frame(b'G', &[0, 0, 0]), "the server sends what was not asked for"),
    (
        "a message of 2 GiB",
        |_| b"D\x7f\xff\xff\xff".to_vec(),
        "the server at 127.0.0.1:5432 sends what is no message of PostgreSQL",
    ),
    (
        "settings without an end",
        |_| parameter("name", &"v".repeat(60_000)).repeat(6_000),
        "the server at 127.0.0.1:5432 sends more than 256 MiB in one answer; it may be broken",
    ),
    ("a row with a field of negative length", |_| frame(b'D', &[0, 1, 0xff, 0xff, 0xff, 0x00]), NONE),
];

fn broken_answers() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    for (what, change, wanted) in ROWS {
        let between = meddle(database.port(), None, move |sender, tag, body| match (sender, tag) {
            (Sender::Server, b'D') => Verdict::Replace(change(body)),
            _ => Verdict::Pass,
        });
        let said = failure(&through(&database, between.port())).map_err(|error| format!("{what}: {error}"))?;
        assert_eq!(said, if wanted == NONE { NONE.to_owned() } else { format!("{LOST}: {wanted}") }, "{what}");
    }
    Ok(())
}

/// A server that is stopped: the kernel still takes connections for it.
fn a_frozen_server() -> Result<(), Failed> {
    let server = TestServer::start();
    let database = server.address().database()?;
    let pid = std::fs::read_to_string(server.address().socket_directory.join("data/postmaster.pid"))?;
    let pid = pid.lines().next().ok_or("no process id")?.to_owned();
    let signal = |name: &str| Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    let mut config = database.config();
    config["jdbc_url_params"] = json!("connectTimeout=3");
    signal("STOP")?;
    let said = failure(&config);
    signal("CONT")?;
    let wanted = "the server at 127.0.0.1:5432 accepts the connection but does not answer in time; check that `port` is that \
                  of PostgreSQL";
    assert_eq!(said?, wanted);
    let outcome = Connector::check(&config).run(b"");
    assert_eq!(outcome.checked(), Ok(()), "{outcome:?}");
    Ok(())
}

fn many_notices_are_no_harm() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let between = meddle(database.port(), None, |sender, tag, body| match (sender, tag) {
        (Sender::Server, b'C') => {
            let notices = refusal(b'N', "01000", &"a trigger said something ".repeat(40)).repeat(2_000);
            Verdict::Replace([notices, frame(b'C', body)].concat())
        }
        _ => Verdict::Pass,
    });
    let outcome = Connector::check(&through(&database, between.port())).run(b"");
    assert_eq!(outcome.checked(), Ok(()), "{outcome:?}");
    Ok(())
}

/// The connection ends when the last byte of a COPY was sent: nothing is taken for loaded, nothing is loaded twice.
fn the_end_of_a_copy_is_lost() -> Result<(), Failed> {
    const COPY_DONE: u8 = b'c';
    let database = TestServer::shared().database()?;
    let lost = |times: usize| {
        let left = Arc::new(AtomicUsize::new(times));
        meddle(database.port(), None, move |sender, tag, _| {
            let now = sender == Sender::Connector
                && tag == COPY_DONE
                && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            if now { Verdict::HangUp } else { Verdict::Pass }
        })
    };
    let between = lost(1);
    let config = through(&database, between.port());
    let said = judge(&Connector::check(&config).run(b""), &config)?;
    assert!(said.contains("connection to the database was lost") || said.contains("closed"), "{said}");

    let stream = json!({
        "name": "numbers",
        "json_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "supported_sync_modes": ["full_refresh"],
    });
    let configured = json!({"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"});
    let catalog = json!({"streams": [configured]});
    let mut input = String::new();
    for n in 0..1_000 {
        let record = json!({"type": "RECORD", "record": {"stream": "numbers", "emitted_at": 1, "data": {"n": n}}});
        input.push_str(&format!("{record}\n"));
    }
    let state =
        json!({"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "numbers"}}}});
    input.push_str(&format!("{state}\n"));
    let between = lost(1);
    let first = Connector::write(&through(&database, between.port()), &catalog).run(input.as_bytes());
    let rows = || -> Result<String, String> {
        let sql = database.superuser()?;
        if sql.value("SELECT pg_catalog.to_regclass('airbyte.numbers')")?.is_empty() {
            return Ok("0 0".into());
        }
        sql.value("SELECT concat(count(*), ' ', count(DISTINCT n)) FROM airbyte.numbers")
    };
    let acknowledged = first.messages_of("STATE").len();
    if first.code() == 0 {
        assert_eq!((acknowledged, rows()?.as_str()), (1, "1000 1000"), "{first:?}");
    } else {
        let traces = first.messages_of("TRACE");
        let error = traces.iter().find(|trace| trace["trace"]["type"] == "ERROR").ok_or("no TRACE ERROR")?;
        assert_eq!(error["trace"]["error"]["failure_type"], "transient_error", "{first:?}");
        assert_eq!((acknowledged, rows()?.as_str()), (0, "0 0"), "{first:?}");
        assert!(first.stderr.is_empty(), "{first:?}");
    }
    Ok(())
}
