//! Bastions that go away under a sync, freeze, or come back as somebody else.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use super::through;
use crate::support::bastion::Bastion;
use crate::support::connector::{Connector, Running};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::{ssh_keys, workload};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::loss::a_new_tunnel_between_windows", a_new_tunnel_between_windows),
        Trial::test("ssh::loss::a_frozen_bastion_is_noticed", a_frozen_bastion_is_noticed),
        Trial::test("ssh::loss::another_host_key_in_the_same_run_is_refused", another_host_key_in_the_same_run),
    ]
}

const PATIENCE: Duration = Duration::from_secs(60);

fn start(database: &TestDatabase, tunnel: &Value) -> Running {
    let mut config = through(&database.config(), tunnel);
    config["commit_interval_seconds"] = 1.into();
    Connector::write(&config, &workload::append_catalog("rows")).start()
}

fn rows(database: &TestDatabase) -> String {
    database.superuser().and_then(|sql| sql.value("SELECT count(*) FROM airbyte.rows")).expect("a table")
}

/// Sessions that are killed and a server that is restarted while the sync waits for its source.
fn a_new_tunnel_between_windows() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let mut bastion = Bastion::start(&[]);
    let mut running = start(&database, &bastion.by_key(&ssh_keys::key("ed25519").private));
    for (turn, commands) in [&["kill"][..], &["stop", "start"], &["kill"]].into_iter().enumerate() {
        let first = turn as u64 * 10;
        running.feed(workload::append_input("rows", first..first + 10, 10).as_bytes());
        running.wait_for_states(turn + 1, PATIENCE)?;
        commands.iter().for_each(|command| bastion.tell(command));
        // Until the news is here: a connection that was lost under way is another matter.
        std::thread::sleep(Duration::from_millis(500));
    }
    running.feed(workload::append_input("rows", 30..40, 10).as_bytes());
    running.feed(workload::complete("rows").as_bytes());
    let outcome = running.finish(PATIENCE)?;
    workload::succeeded(&outcome, 4)?;
    assert_eq!(rows(&database), "40");
    assert!(bastion.log().matches("Accepted publickey").count() >= 4, "{}", bastion.log());
    Ok(())
}

/// Its sockets stay open, and nothing comes out of them.
fn a_frozen_bastion_is_noticed() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let mut bastion = Bastion::start(&[]);
    let mut running = start(&database, &bastion.by_key(&ssh_keys::key("ed25519").private));
    running.feed(workload::append_input("rows", 0..10, 10).as_bytes());
    running.wait_for_states(1, PATIENCE)?;
    bastion.tell("freeze");
    let frozen = Instant::now();
    running.feed(workload::append_input("rows", 10..20, 10).as_bytes());
    // The loss is told: by a warning where the sync goes on, else by its error.
    let told = |lines: &[String]| lines.iter().any(|line| line.contains("lost while"));
    running.wait_until(PATIENCE, told)?;
    let noticed = frozen.elapsed();
    bastion.tell("thaw");
    // 30 seconds after the last byte, and what a busy machine adds.
    assert!(noticed < Duration::from_secs(40), "{noticed:?}");
    let outcome = running.finish(PATIENCE)?;
    let states = outcome.messages_of("STATE").len();
    let errors = outcome.messages_of("TRACE");
    assert!(errors.iter().all(|error| error["trace"]["error"]["failure_type"] == "transient_error"), "{outcome:?}");
    assert_eq!(rows(&database), (states * 10).to_string(), "what is acknowledged is there, and nothing else");
    Ok(())
}

/// Not pinned, so the first one was accepted; nothing is sent to the second.
fn another_host_key_in_the_same_run() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let mut bastion = Bastion::start(&["LogLevel=DEBUG1"]);
    let mut tunnel = bastion.by_key(&ssh_keys::key("ed25519").private);
    tunnel.as_object_mut().expect("an object").remove("tunnel_host_key");
    let mut running = start(&database, &tunnel);
    running.feed(workload::append_input("rows", 0..10, 10).as_bytes());
    running.wait_for_states(1, PATIENCE)?;
    bastion.tell("stop");
    bastion.change_host_key("ed25519");
    bastion.tell("start");
    let logins = bastion.log().matches("userauth-request").count();
    assert!(logins > 0, "{}", bastion.log());
    std::thread::sleep(Duration::from_millis(500));
    running.feed(workload::append_input("rows", 10..20, 10).as_bytes());
    let outcome = running.finish(PATIENCE)?;
    assert_eq!(outcome.code(), 1, "{outcome:?}");
    let error = &outcome.messages_of("TRACE")[0]["trace"]["error"];
    assert_eq!(error["failure_type"], "config_error", "{outcome:?}");
    let said = error["message"].as_str().unwrap_or_default();
    assert!(said.contains("showed another host key before: SHA256:") && said.contains("Nothing was sent"), "{said}");
    assert_eq!(bastion.log().matches("userauth-request").count(), logins, "{}", bastion.log());
    assert_eq!(rows(&database), "10");
    Ok(())
}
