//! Failures on the way to the session: whoever listens there, bastions, TLS and pg_hba.conf.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::{Server, Test, bounded, database, golden, towards};
use crate::support::bastion::Bastion;
use crate::support::certificates::{Subject, Workshop};
use crate::support::hostile_postgres::HostilePostgres;
use crate::support::sql::quote_literal;
use crate::support::ssh_keys;
use crate::support::tls_server::{Setup, TlsServer};
use crate::support::workload::merged;

pub const TRIALS: &[Test] = &[
    ("ssh", ssh),
    ("tls_and_hba", tls_and_hba),
    ("ways_to_log_in", ways_to_log_in),
    ("not_postgres", not_postgres),
    ("source_address", source_address),
];

const SCRAM: &str = "host all all 127.0.0.1/32 scram-sha-256";

fn not_postgres(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let web = HostilePostgres::start(|guest| guest.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    golden("not_postgres", &database, &towards(&database, web.port()), &[])
}

fn ssh(server: &Server) -> Result<(), Failed> {
    let database = database(server)?;
    let through = |tunnel: Value| merged(&database.config(), &json!({"tunnel_method": tunnel}));
    let key = &ssh_keys::key("ed25519").private;
    let stranger = ssh_keys::stranger();
    let bastion = Bastion::start(&[]);
    golden("ssh", &database, &through(bastion.by_key(key)), &[])?;
    golden("ssh_wrong_key", &database, &through(bastion.by_key(&stranger.private)), &[])?;
    let mut tunnel = bastion.by_key(key);
    tunnel["tunnel_host_key"] = json!(format!("[127.0.0.1]:{} {}", bastion.port, stranger.public.trim()));
    golden("ssh_wrong_host_key", &database, &through(tunnel), &[])?;
    drop(bastion);
    let bastion = Bastion::start(&["AllowTcpForwarding=no"]);
    golden("ssh_forwarding_refused", &database, &through(bastion.by_key(key)), &[])
}

fn tls_and_hba(_: &Server) -> Result<(), Failed> {
    let server = TlsServer::start();
    let database = server.database();
    let tls = |mode: Value| merged(&database.config(), &json!({"ssl": true, "ssl_mode": mode}));

    server.set_up(&Setup { hba: SCRAM, ..Setup::default() })?;
    golden("tls_not_offered", database, &tls(json!({"mode": "require"})), &[])?;

    let workshop = Workshop::new();
    let (ours, theirs) = (Subject::authority("Authority"), Subject::authority("Other authority"));
    let (ours, theirs) = (workshop.self_signed(&ours), workshop.self_signed(&theirs));
    let identity = workshop.signed(&Subject::server("server", &["IP:127.0.0.1"]), &ours);
    server.set_up(&Setup { identity: Some(identity), hba: SCRAM, ..Setup::default() })?;
    let verified = |authority: &str| tls(json!({"mode": "verify-ca", "ca_certificate": authority}));
    golden("tls_verified", database, &verified(&ours.certificate), &[])?;
    golden("tls_untrusted", database, &verified(&theirs.certificate), &[])?;

    server.set_up(&Setup { hba: "", ..Setup::default() })?;
    golden("no_hba_entry", database, &database.config(), &[])
}

/// What the server asks for, as pg_hba.conf calls it.
fn ways_to_log_in(_: &Server) -> Result<(), Failed> {
    let server = TlsServer::start();
    let database = server.database();
    let (sql, writer) = (database.superuser()?, &database.writer);
    let password = database.config()["password"].as_str().unwrap_or_default().to_owned();
    let workshop = Workshop::new();
    let authority = workshop.self_signed(&Subject::authority("Authority"));
    let identity = workshop.signed(&Subject::server("server", &["IP:127.0.0.1"]), &authority);
    let client = workshop.signed(&Subject::client(writer), &authority);
    let unasked = "by trust: no password was asked for";
    for (hba, kept_as, certificate, told) in [
        ("host all all 127.0.0.1/32 scram-sha-256", "scram-sha-256", false, "by scram-sha-256"),
        ("host all all 127.0.0.1/32 md5", "scram-sha-256", false, "by scram-sha-256"),
        ("host all all 127.0.0.1/32 md5", "md5", false, "by md5"),
        ("host all all 127.0.0.1/32 password", "md5", false, "by password"),
        ("host all all 127.0.0.1/32 trust", "md5", false, unasked),
        (
            "hostssl all all 127.0.0.1/32 cert",
            "md5",
            true,
            "by client certificate, or by trust: no password was asked for",
        ),
    ] {
        let client_authority = Some(authority.certificate.clone());
        server.set_up(&Setup { identity: Some(identity.clone()), client_authority, hba, ..Setup::default() })?;
        sql.run(&format!(
            "SET password_encryption = '{kept_as}'; ALTER ROLE {writer} PASSWORD {}",
            quote_literal(&password)
        ))?;
        let mut mode = json!({"mode": "verify-full", "ca_certificate": authority.certificate});
        if certificate {
            mode["client_certificate"] = json!(client.certificate);
            mode["client_key"] = json!(client.key);
        }
        let outcome = bounded(&merged(&database.config(), &json!({"ssl": true, "ssl_mode": mode})));
        let line = format!("check: ok: database login: as `{writer}` {told}");
        let messages = outcome.messages_of("LOG");
        assert!(messages.iter().any(|message| message["log"]["message"] == line), "{hba}: {line}: {outcome:#?}");
    }
    Ok(())
}

/// One of the machine's addresses may enter, the server by pg_hba.conf and the bastion by its own rule.
fn source_address(_: &Server) -> Result<(), Failed> {
    let server = TlsServer::start();
    let database = server.database();
    server.set_up(&Setup { hba: "host all all 127.0.0.9/32 scram-sha-256", ..Setup::default() })?;
    let from = |address: &str| merged(&database.config(), &json!({"source_address": address}));
    golden("source_address", database, &from("127.0.0.9"), &[])?;
    golden("source_address_not_let_in", database, &from("127.0.0.8"), &[])?;
    golden("source_address_foreign", database, &from("192.0.2.7"), &[])?;

    server.set_up(&Setup { hba: SCRAM, ..Setup::default() })?;
    let bastion = Bastion::start(&["DenyUsers=*@127.0.0.8"]);
    let through = |address: &str| {
        let tunnel = bastion.by_key(&ssh_keys::key("ed25519").private);
        bounded(&merged(&from(address), &json!({"tunnel_method": tunnel})))
    };
    assert_eq!(through("127.0.0.9").checked(), Ok(()));
    let refused = through("127.0.0.8").checked();
    assert!(refused.as_ref().is_err_and(|text| text.contains("the SSH bastion")), "{refused:?}");
    Ok(())
}
