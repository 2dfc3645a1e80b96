//! Servers and networks that do not answer: the check says so in time.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::json;

use super::{Server, Test, bounded, compare, database, golden, objects, towards};
use crate::support::postgres::TestServer;
use crate::support::ssh_keys;
use crate::support::workload::merged;

pub const TRIALS: &[Test] = &[
    ("locked_catalog", locked_catalog),
    ("mute_server", mute_server),
    ("mute_bastion", mute_bastion),
    ("stopped_server", stopped_server),
];

/// A port whose connections the kernel accepts and nobody reads.
fn mute() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn mute_server(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let (_listener, port) = mute();
    golden("mute_server", &database, &towards(&database, port), &[])
}

fn mute_bastion(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let (_listener, port) = mute();
    let tunnel = json!({
        "tunnel_method": "SSH_KEY_AUTH",
        "tunnel_host": "127.0.0.1",
        "tunnel_port": port,
        "tunnel_user": "test_guest",
        "ssh_key": ssh_keys::key("ed25519").private,
    });
    golden("mute_bastion", &database, &merged(&database.config(), &json!({"tunnel_method": tunnel})), &[])
}

/// Somebody with a transaction open keeps everybody from looking for schemas.
fn locked_catalog(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let before = objects(&database)?;
    let sql = database.superuser()?;
    sql.run("BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE")?;
    let outcome = bounded(&database.config());
    sql.run("ROLLBACK")?;
    compare("locked_catalog", &database, &database.config(), &[], &outcome)?;
    assert_eq!(objects(&database)?, before);
    Ok(())
}

/// A postmaster that is stopped: the kernel takes connections, and no process answers them.
fn stopped_server(_: &Server) -> Result<(), Failed> {
    let server = TestServer::start();
    let database = server.address().database()?;
    let before = objects(&database)?;
    let file = server.address().socket_directory.join("data/postmaster.pid");
    let postmaster = std::fs::read_to_string(file)?.lines().next().unwrap_or_default().to_owned();
    let stopped = Stopped::new(postmaster);
    let outcome = bounded(&database.config());
    drop(stopped);
    compare("stopped_server", &database, &database.config(), &[], &outcome)?;
    assert_eq!(objects(&database)?, before);
    Ok(())
}

/// A process that is stopped until this value is dropped.
struct Stopped(String);

impl Stopped {
    fn new(process: String) -> Self {
        let stopped = Self(process);
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, signal: &str) {
        let kill = Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", signal, &self.0]).status().expect("a shell");
        assert!(std::thread::panicking() || kill.success(), "{signal} reaches {}", self.0);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}
