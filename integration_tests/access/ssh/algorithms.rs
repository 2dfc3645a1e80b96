//! Bastions that allow little, and bastions that allow what is not safe.

use libtest_mimic::{Failed, Trial};

use super::{check, through};
use crate::support::bastion::Bastion;
use crate::support::postgres::TestServer;
use crate::support::ssh_keys;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::algorithms::each_safe_choice_works", each_safe_choice_works),
        Trial::test("ssh::algorithms::what_is_missing_is_named", what_is_missing_is_named),
        Trial::test("ssh::algorithms::rsa_keys_never_sign_with_sha1", rsa_keys_never_sign_with_sha1),
    ]
}

fn each_safe_choice_works() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let key = &ssh_keys::key("ed25519").private;
    for (host_key, options) in [
        // What hardening guides leave.
        (
            "ed25519",
            &[
                "KexAlgorithms=curve25519-sha256",
                "Ciphers=chacha20-poly1305@openssh.com,aes256-gcm@openssh.com",
                "HostKeyAlgorithms=ssh-ed25519",
                "PubkeyAcceptedAlgorithms=ssh-ed25519",
            ][..],
        ),
        ("ed25519", &["KexAlgorithms=curve25519-sha256@libssh.org", "Ciphers=chacha20-poly1305@openssh.com"]),
        ("ecdsa", &["KexAlgorithms=ecdh-sha2-nistp256", "Ciphers=aes256-ctr", "MACs=hmac-sha2-256"]),
        ("rsa", &["KexAlgorithms=ecdh-sha2-nistp521", "Ciphers=aes128-ctr", "MACs=hmac-sha2-512-etm@openssh.com"]),
        ("rsa", &["KexAlgorithms=diffie-hellman-group14-sha256", "HostKeyAlgorithms=rsa-sha2-256"]),
        ("rsa", &["KexAlgorithms=diffie-hellman-group16-sha512", "HostKeyAlgorithms=rsa-sha2-512"]),
        ("ed25519", &["KexAlgorithms=diffie-hellman-group-exchange-sha256", "Ciphers=aes128-gcm@openssh.com"]),
    ] {
        let bastion = Bastion::start(options);
        let mut tunnel = bastion.by_key(key);
        tunnel["tunnel_host_key"] = bastion.known_hosts(host_key).into();
        let answer = check(&through(&database.config(), &tunnel));
        assert!(answer.succeeded, "{options:?}: {}", answer.message);
    }
    Ok(())
}

fn what_is_missing_is_named() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let legacy = [
        "KexAlgorithms=diffie-hellman-group14-sha1",
        "Ciphers=aes128-cbc",
        "MACs=hmac-sha1",
        "HostKeyAlgorithms=ssh-rsa",
        "PubkeyAcceptedAlgorithms=ssh-rsa",
    ];
    for (options, said) in [
        (&legacy[..], "offers no key exchange algorithm that is safe (diffie-hellman-group14-sha1"),
        (&legacy[1..], "offers no host key algorithm that is safe (ssh-rsa)"),
        (&legacy[1..3], "offers no cipher algorithm that is safe (aes128-cbc)"),
        (
            &["Ciphers=aes256-ctr", "MACs=hmac-sha1"],
            "offers no message authentication algorithm that is safe (hmac-sha1)",
        ),
    ] {
        let bastion = Bastion::start(options);
        let mut tunnel = bastion.by_key(&ssh_keys::key("rsa2048").private);
        tunnel["tunnel_host_key"] = bastion.known_hosts("rsa").into();
        check(&through(&database.config(), &tunnel)).failed_with(&[said, "update its SSH server or its configuration"]);
    }
    Ok(())
}

fn rsa_keys_never_sign_with_sha1() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["PubkeyAcceptedAlgorithms=ssh-rsa"]);
    check(&through(&database.config(), &bastion.by_key(&ssh_keys::key("rsa2048").private)))
        .failed_with(&["refuses the key of", "a server that wants SHA-1 needs an Ed25519 key"]);
    for (algorithm, key) in [("rsa-sha2-256", "rsa2048"), ("rsa-sha2-512", "rsa4096")] {
        let bastion = Bastion::start(&[&format!("PubkeyAcceptedAlgorithms={algorithm}")]);
        check(&through(&database.config(), &bastion.by_key(&ssh_keys::key(key).private))).succeeds();
    }
    Ok(())
}
