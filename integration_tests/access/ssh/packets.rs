//! No packet goes to the database directly, and nobody but the bastion is asked where it is.

use std::fs;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::through;
use crate::support::bastion::Bastion;
use crate::support::connector::{Connector, Outcome};
use crate::support::network_calls::NetworkCalls;
use crate::support::postgres::{TestServer, free_port};
use crate::support::{ssh_keys, workload};

/// A name of the database that the bastion alone knows.
const NAME: &str = "db-behind-the-bastion.internal";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::packets::all_go_to_the_bastion", all_go_to_the_bastion),
        Trial::test("ssh::packets::also_when_it_fails", also_when_it_fails),
    ]
}

/// Runs it and answers, beside the outcome, whom it tried to reach.
fn watched(connector: Connector) -> (Outcome, Vec<String>) {
    let calls = NetworkCalls::new();
    let outcome = connector.by(&calls.watching()).run(b"");
    (outcome, calls.peers().into_iter().collect())
}

fn all_go_to_the_bastion() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let hosts = NamedTempFile::new()?;
    fs::write(hosts.path(), format!("127.0.0.1 localhost {NAME}\n"))?;
    let bastion = Bastion::start(&[&format!("hosts={}", hosts.path().display())]);
    let (bastion_peer, database_peer) =
        (format!("127.0.0.1:{}", bastion.port), format!("127.0.0.1:{}", database.port()));

    // What the watcher would see.
    let (outcome, peers) = watched(Connector::check(&database.config()));
    outcome.checked()?;
    assert_eq!(peers, [database_peer]);
    let (outcome, peers) = watched(Connector::check(&workload::merged(&database.config(), &json!({"host": NAME}))));
    assert!(outcome.checked().is_err());
    assert!(!peers.is_empty(), "no name service is asked: {outcome:?}");

    for host in ["127.0.0.1", NAME] {
        let settings = json!({"host": host, "commit_interval_seconds": 900});
        let config = workload::merged(&database.config(), &settings);
        let config = through(&config, &bastion.by_key(&ssh_keys::key("ed25519").private));
        let (outcome, peers) = watched(Connector::check(&config));
        outcome.checked()?;
        assert_eq!(peers, std::slice::from_ref(&bastion_peer));

        // Large enough for several sessions.
        let names = ["one", "two", "three"];
        let streams: Vec<Value> =
            names.iter().map(|name| workload::append_catalog(name)["streams"][0].clone()).collect();
        let input: String = names.iter().map(|name| workload::append_input(name, 0..1_500, 2_000)).collect();
        let calls = NetworkCalls::new();
        let connector = Connector::write(&config, &json!({"streams": streams})).by(&calls.watching());
        workload::succeeded(&connector.run(input.as_bytes()), names.len())?;
        assert!(calls.peers().iter().eq([&bastion_peer]), "{:?}", calls.peers());
    }
    Ok(())
}

/// Neither for another way nor for a better message.
fn also_when_it_fails() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let (bastion, closed) = (Bastion::shared(), Bastion::start(&["AllowTcpForwarding=no"]));
    let key = &ssh_keys::key("ed25519").private;
    let nobody = free_port();
    let changed = |tunnel: Value, field: &str, value: Value| workload::merged(&tunnel, &json!({field: value}));
    let no_rights = changed(bastion.by_password(), "tunnel_user_password", json!("wrong"));
    let unreachable = changed(bastion.by_key(key), "tunnel_port", json!(nobody));
    for (what, host, port, tunnel) in [
        ("forwarding refused", "127.0.0.1", database.port(), closed.by_key(key)),
        ("a name that nobody knows", "db-of-nobody.invalid", database.port(), bastion.by_key(key)),
        ("no database there", "127.0.0.1", nobody, bastion.by_key(key)),
        ("login refused", "127.0.0.1", database.port(), no_rights),
        ("no bastion", NAME, database.port(), unreachable),
    ] {
        let config = workload::merged(&database.config(), &json!({"host": host, "port": port}));
        let peer = format!("127.0.0.1:{}", tunnel["tunnel_port"]);
        let (outcome, peers) = watched(Connector::check(&through(&config, &tunnel)));
        assert!(outcome.checked().is_err(), "{what}: {outcome:#?}");
        assert_eq!(peers, [peer], "{what}");
    }
    Ok(())
}
