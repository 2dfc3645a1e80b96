//! Who the bastion must be, and that nothing authenticates us to anybody else.

use std::fs;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use super::{check, through};
use crate::support::bastion::Bastion;
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::ssh_keys;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::host_key::every_form_of_a_pin", every_form_of_a_pin),
        Trial::test("ssh::host_key::others_are_refused_before_any_login", others_are_refused_before_any_login),
        Trial::test("ssh::host_key::the_line_in_the_warning_is_the_pin", the_line_in_the_warning_is_the_pin),
    ]
}

fn pinned(database: &TestDatabase, bastion: &Bastion, pin: &str) -> Value {
    let mut tunnel = bastion.by_key(&ssh_keys::key("ed25519").private);
    tunnel["tunnel_host_key"] = pin.into();
    through(&database.config(), &tunnel)
}

fn fingerprint(bastion: &Bastion, kind: &str) -> String {
    let out = Command::new("ssh-keygen").arg("-lf").arg(bastion.host_key_file(kind)).output().expect("ssh-keygen");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// What `ssh-keyscan -H` or a client with HashKnownHosts writes.
fn hashed(line: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), format!("{line}\n")).expect("the line");
    let done = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(file.path()).output().expect("ssh-keygen");
    assert!(done.status.success(), "{done:?}");
    let text = fs::read_to_string(file.path()).expect("the hashed line");
    let _ = fs::remove_file(file.path().with_extension("old"));
    assert!(text.starts_with("|1|"), "{text}");
    text
}

fn every_form_of_a_pin() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let other = ssh_keys::stranger().public;
    let long = fingerprint(&bastion, "ed25519");
    let short = long.split(' ').nth(1).expect("a fingerprint");
    for pin in [
        bastion.known_hosts("ed25519"),
        hashed(&bastion.known_hosts("ed25519")),
        format!("127.0.0.1 {}", bastion.host_key("ed25519")),
        bastion.known_hosts("ecdsa"),
        bastion.known_hosts("rsa"),
        format!("# both\n* {other}\n{}\n", bastion.known_hosts("rsa")),
        format!("@revoked * {other}\n{}", bastion.known_hosts("ed25519")),
        long.clone(),
        short.to_owned(),
        // The bastion has it, but does not show it first.
        fingerprint(&bastion, "rsa"),
        fingerprint(&bastion, "ecdsa"),
    ] {
        let answer = check(&pinned(&database, &bastion, &pin));
        assert!(answer.succeeded, "{pin}: {}", answer.message);
        assert_eq!(answer.warnings(), Vec::<String>::new());
    }
    Ok(())
}

fn others_are_refused_before_any_login() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["LogLevel=DEBUG1"]);
    let other = ssh_keys::stranger();
    let shown = "shows a host key that `tunnel_method.tunnel_host_key` does not name: ssh-ed25519 SHA256:";
    for (pin, said) in [
        (format!("bastion {}", other.public), shown),
        (format!("SHA256:{}", "A".repeat(43)), shown),
        (format!("@revoked * {}", bastion.host_key("ed25519")), "marks as revoked: SHA256:"),
    ] {
        check(&pinned(&database, &bastion, &pin)).failed_with(&[said, "Nothing was sent"]);
    }
    let log = bastion.log();
    assert!(log.contains("kex: algorithm:"), "{log}");
    assert!(!log.contains("userauth-request"), "{log}");
    check(&pinned(&database, &bastion, &bastion.known_hosts("ed25519"))).succeeds();
    assert!(bastion.log().contains("userauth-request"), "{}", bastion.log());
    Ok(())
}

fn the_line_in_the_warning_is_the_pin() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let answer = check(&pinned(&database, &bastion, ""));
    answer.succeeds();
    let warnings = answer.warnings();
    let warning = warnings.iter().find(|text| text.contains("is not verified")).expect("a warning");
    assert!(warning.contains(fingerprint(&bastion, "ed25519").split(' ').nth(1).expect("a fingerprint")), "{warning}");
    let (_, line) = warning.split_once("to this line: ").expect("a line to pin");
    assert_eq!(line, bastion.known_hosts("ed25519"));
    let answer = check(&pinned(&database, &bastion, line));
    answer.succeeds();
    assert_eq!(answer.warnings(), Vec::<String>::new());
    Ok(())
}
