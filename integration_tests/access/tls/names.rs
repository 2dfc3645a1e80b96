//! For which names a certificate is good: libpq's answer and ours, host by host.

use std::fmt::Write;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{SCRAM, Shared, given, ssl_mode};
use crate::support::bastion::Bastion;
use crate::support::certificates::Subject;
use crate::support::connector::Connector;
use crate::support::psql::Psql;
use crate::support::ssh_keys;
use crate::support::tls_server::Setup;

/// The common name and the alternative names of a certificate, and the hosts that it is shown for.
const CERTIFICATES: [(&str, &[&str], &[&str]); 7] = [
    ("server", &["DNS:db.example.com"], &["db.example.com", "DB.Example.COM", "example.com", "127.0.0.1"]),
    ("server", &["DNS:*.example.com"], &["db.example.com", "a.db.example.com", "example.com"]),
    ("*.example.com", &[], &["db.example.com", "a.db.example.com", "127.0.0.1"]),
    ("server", &["IP:127.0.0.1"], &["127.0.0.1", "db.example.com"]),
    ("server", &["DNS:127.0.0.1"], &["127.0.0.1"]),
    ("127.0.0.1", &[], &["127.0.0.1", "db.example.com"]),
    ("my_db", &["DNS:my_db"], &["my_db"]),
];

/// The only names there are while the connector runs.
const HOSTS: &str = "127.0.0.1 localhost db.example.com a.db.example.com example.com my_db";

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let (libpq, tunnel) = (Shared::clone(shared), Shared::clone(shared));
    vec![
        Trial::test("tls::names::as_libpq", move || as_libpq(&libpq)),
        Trial::test("tls::names::through_a_tunnel", move || through_a_tunnel(&tunnel)),
    ]
}

fn as_libpq(shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(super::start);
    let mut report = String::new();
    let mut good = 0;
    for (common_name, names, hosts) in CERTIFICATES {
        let identity = papers.signed(&Subject::server(common_name, names));
        server.set_up(&Setup { identity: Some(identity), hba: SCRAM, ..Setup::default() })?;
        for host in hosts {
            let mut config = server.database().config();
            config["host"] = json!(host);
            config["ssl"] = json!(true);
            config["ssl_mode"] = ssl_mode("verify-full", &given(&papers.authority));
            let psql = Psql::new(&config, "127.0.0.1").mode("verify-full").authority(&papers.authority.certificate);
            let (libpq, ours) = (psql.encrypted(), Connector::check(&config).hosts(HOSTS).run(b"").checked());
            good += usize::from(ours.is_ok());
            let named = ours.as_ref().err().is_none_or(|text| text.contains("is not for the name in `host`"));
            if libpq.is_ok() != ours.is_ok() || !named {
                let _ = writeln!(report, "{common_name} {names:?} for {host}: libpq {libpq:?}, check {ours:?}");
            }
        }
    }
    assert_eq!(good, 8, "{report}");
    if report.is_empty() { Ok(()) } else { Err(report.into()) }
}

/// The name is that of the database, and not the near end of the tunnel.
fn through_a_tunnel(shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(super::start);
    let bastion = Bastion::shared();
    let mut config = server.database().config();
    config["host"] = json!("localhost");
    config["ssl"] = json!(true);
    config["ssl_mode"] = ssl_mode("verify-full", &given(&papers.authority));
    config["tunnel_method"] = bastion.by_key(&ssh_keys::key("ed25519").private);
    for (name, wanted) in [
        ("DNS:localhost", Ok(())),
        (
            "IP:127.0.0.1",
            Err(
                "the certificate of the server at localhost:5432 is not for the name in `host` (it is for 127.0.0.1); \
                 use a name that it is for, or the mode verify-ca"
                    .to_owned(),
            ),
        ),
    ] {
        let identity = papers.signed(&Subject::server("server", &[name]));
        server.set_up(&Setup { identity: Some(identity), hba: SCRAM, ..Setup::default() })?;
        let got = Connector::check(&config).run(b"").checked();
        let got = got.map_err(|text| text.replace(&format!(":{}", config["port"]), ":5432"));
        assert_eq!(got, wanted, "{name}");
    }
    Ok(())
}
