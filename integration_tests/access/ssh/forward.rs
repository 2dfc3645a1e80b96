//! What the bastion does for a session: it finds the database by name, connects to it, or does not.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use tempfile::NamedTempFile;

use super::{check, through};
use crate::support::bastion::Bastion;
use crate::support::connector::Connector;
use crate::support::postgres::{TestServer, free_port};
use crate::support::{ssh_keys, workload};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::forward::a_name_that_only_the_bastion_knows", a_name_that_only_the_bastion_knows),
        Trial::test("ssh::forward::every_sync_mode_works_and_shares_one_session", every_sync_mode_works),
        Trial::test("ssh::forward::refusals_say_what_to_change", refusals_say_what_to_change),
        Trial::test("ssh::forward::too_many_logins_at_once_are_waited_for", too_many_logins_at_once),
    ]
}

/// And no packet of ours looks for the database: here the name does not exist, and there nobody else is asked.
fn a_name_that_only_the_bastion_knows() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let hosts = NamedTempFile::new()?;
    fs::write(hosts.path(), "127.0.0.1 localhost db-behind-the-bastion.internal\n")?;
    let bastion = Bastion::start(&[&format!("hosts={}", hosts.path().display())]);
    let mut config = database.config();
    config["host"] = "db-behind-the-bastion.internal".into();
    check(&config).failed_with(&["db-behind-the-bastion.internal"]);
    let config = through(&config, &bastion.by_key(&ssh_keys::key("ed25519").private));
    check(&config).succeeds();
    let input = workload::append_input("rows", 0..50, 10) + &workload::complete("rows");
    let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(input.as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "50");
    Ok(())
}

/// `MaxSessions` counts shells, not forwarded connections: all of ours go over one session that is logged in once.
fn every_sync_mode_works() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["MaxSessions=1", "LogLevel=DEBUG1"]);
    let config = through(&database.config(), &bastion.by_key(&ssh_keys::key("ed25519").private));
    assert_eq!(workload::run(&database, &config)?, workload::baseline()?);

    let database = TestServer::shared().database()?;
    let mut config = through(&database.config(), &bastion.by_key(&ssh_keys::key("ed25519").private));
    config["commit_interval_seconds"] = 900.into();
    let names = ["one", "two", "three", "four"];
    let mut catalog = workload::append_catalog(names[0]);
    let mut input = workload::append_input(names[0], 0..1_500, 2_000);
    for name in &names[1..] {
        catalog["streams"].as_array_mut().expect("streams").push(workload::append_catalog(name)["streams"][0].clone());
        input += &workload::append_input(name, 0..1_500, 2_000);
    }
    let before = (accepted(&bastion), forwarded(&bastion));
    let outcome = Connector::write(&config, &catalog).run(input.as_bytes());
    workload::succeeded(&outcome, names.len())?;
    for name in names {
        assert_eq!(database.superuser()?.value(&format!("SELECT count(*) FROM airbyte.{name}"))?, "1500");
    }
    assert_eq!(accepted(&bastion), before.0 + 1, "{}", bastion.log());
    assert!(forwarded(&bastion) > before.1 + 1, "several connections: {}", bastion.log());
    Ok(())
}

fn accepted(bastion: &Bastion) -> usize {
    bastion.log().matches("Accepted publickey").count()
}

/// The server logs the address of each forwarded connection only when it ends in an error; the debug level tells all.
fn forwarded(bastion: &Bastion) -> usize {
    bastion.log().matches("server_request_direct_tcpip: originator").count()
}

fn refusals_say_what_to_change() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let key = &ssh_keys::key("ed25519").private;
    let place = format!("127.0.0.1:{}", database.port());
    for option in ["AllowTcpForwarding=no", "PermitOpen=127.0.0.1:1", "DisableForwarding=yes"] {
        let bastion = Bastion::start(&[option]);
        let answer = check(&through(&database.config(), &bastion.by_key(key)));
        let said = format!("does not allow this user to reach {place}");
        assert!(answer.message.contains(&said), "{option}: {}", answer.message);
        answer.failed_with(&["AllowTcpForwarding", "PermitOpen"]);
    }
    let bastion = Bastion::shared();
    let mut config = through(&database.config(), &bastion.by_key(key));
    let closed = free_port();
    config["port"] = closed.into();
    check(&config).failed_with(&[
        &format!("cannot reach the database server at 127.0.0.1:{closed} (Connection refused)"),
        "check `host` and `port`",
    ]);
    config["host"] = "no-such-host.invalid".into();
    check(&config)
        .failed_with(&["cannot resolve the host name of the database server at no-such-host.invalid:", "check `host`"]);
    Ok(())
}

/// The bastion hangs up on whoever comes while others are still logging in.
fn too_many_logins_at_once() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["MaxStartups=1"]);
    let config = through(&database.config(), &bastion.by_key(&ssh_keys::key("ed25519").private));
    check(&config).succeeds();
    let idle = hold(&bastion);
    let begun = Instant::now();
    let outcome = check(&config);
    outcome.failed_with(&["breaks the connection during the SSH handshake", "MaxStartups", "PerSourcePenalties"]);
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    let input = workload::append_input("rows", 0..1, 1);
    let failed = Connector::write(&config, &workload::append_catalog("rows")).run(input.as_bytes());
    assert_eq!(failed.code(), 1);
    assert_eq!(failed.messages_of("TRACE")[0]["trace"]["error"]["failure_type"], "transient_error", "{failed:?}");

    let free = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1_500));
        drop(idle);
    });
    check(&config).succeeds();
    free.join().expect("the thread ends");
    Ok(())
}

/// A connection that never says who it is, and keeps others from doing so.
fn hold(bastion: &Bastion) -> Vec<TcpStream> {
    let held = (0..2).map(|_| TcpStream::connect(("127.0.0.1", bastion.port)).expect("a connection")).collect();
    // Until the server has counted them.
    std::thread::sleep(Duration::from_millis(500));
    held
}
