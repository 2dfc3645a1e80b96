use russh::keys::{Algorithm, HashAlg, PublicKeyOrCertificate};
use russh::{ChannelOpenFailure, cipher};

use super::algorithms::session_config;
use super::forward::forward_refused;
use super::host_key::HOST_KEYS;
use super::private_key::read_keys;
use super::watcher::Failure;
use super::*;
use crate::secret::Secret;

const ED25519: &str = include_str!("../fixtures/ed25519");
const ED25519_ENC: &str = include_str!("../fixtures/ed25519_enc");
const PUBLIC: &str = include_str!("../fixtures/ed25519.pub");
const FINGERPRINT: &str = include_str!("../fixtures/fingerprint");

fn read(text: &str, passphrase: Option<&str>) -> std::result::Result<String, String> {
    let passphrase = passphrase.map(Secret::new);
    match read_keys(text, passphrase.as_ref(), "the key") {
        Ok(keys) => Ok(keys.iter().map(|key| key.algorithm().to_string()).collect::<Vec<_>>().join(" ")),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!error.chain().contains("fixture"), "{error:?}");
            Err(error.message().to_owned())
        }
    }
}

#[test]
fn keys_in_all_forms() {
    for (text, passphrase, kind) in [
        (ED25519, None, "ssh-ed25519"),
        (ED25519, Some("not needed"), "ssh-ed25519"),
        (ED25519_ENC, Some("fixture"), "ssh-ed25519"),
        (include_str!("../fixtures/ed25519_pkcs8"), None, "ssh-ed25519"),
        (include_str!("../fixtures/ecdsa_sec1"), None, "ecdsa-sha2-nistp256"),
        (include_str!("../fixtures/ecdsa_pkcs8"), Some("not needed"), "ecdsa-sha2-nistp256"),
        (include_str!("../fixtures/ecdsa_pkcs8_enc"), Some("fixture"), "ecdsa-sha2-nistp256"),
        (include_str!("../fixtures/rsa_pkcs1"), None, "ssh-rsa"),
        (include_str!("../fixtures/rsa_pkcs1_aes128"), Some("fixture"), "ssh-rsa"),
    ] {
        assert_eq!(read(text, passphrase), Ok(kind.to_owned()));
        for pasted in [text.replace('\n', "\\n"), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
            assert_eq!(read(&pasted, passphrase), Ok(kind.to_owned()));
        }
    }
    assert_eq!(read(&ED25519.replace('\n', " "), None), Ok("ssh-ed25519".to_owned()));
    let two = format!("{ED25519}\n{}", include_str!("../fixtures/rsa_pkcs1"));
    assert_eq!(read(&two, None), Ok("ssh-ed25519 ssh-rsa".to_owned()));
    let said = read(&format!("{ED25519}{ED25519_ENC}"), None).expect_err("one is locked");
    assert!(said.starts_with("the key, key 2, is encrypted"), "{said}");
}

#[test]
fn a_key_that_asks_for_years_of_work_is_refused_at_once() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body: String = ED25519_ENC.lines().filter(|line| !line.starts_with('-')).collect();
    let mut bytes = STANDARD.decode(body).expect("base64");
    // Its name, and behind it the lengths of the options and of a salt of 16 bytes.
    let rounds = bytes.windows(6).position(|word| word == b"bcrypt").expect("the hash") + 6 + 4 + 4 + 16;
    let mut asks = |more: [u8; 4]| {
        bytes[rounds..rounds + 4].copy_from_slice(&more);
        let body = STANDARD.encode(&bytes);
        read(
            &format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"),
            Some("fixture"),
        )
    };
    let said = asks([0x46, 0x10, 0, 1]).expect_err("too many rounds");
    assert!(said.contains("asks for more work"), "{said}");
    let said = asks([0, 0, 0, 2]).expect_err("other rounds");
    assert!(said.contains("passphrase` is wrong"), "{said}");
}

#[test]
fn keys_that_cannot_be_read_say_why() {
    for (text, passphrase, what) in [
        (ED25519_ENC, None, "is encrypted; fill in"),
        (ED25519_ENC, Some("wrong"), "passphrase` is wrong"),
        (include_str!("../fixtures/ecdsa_pkcs8_enc"), None, "is encrypted; fill in"),
        (include_str!("../fixtures/ecdsa_pkcs8_enc"), Some("wrong"), "passphrase` is wrong"),
        (include_str!("../fixtures/rsa_pkcs1_aes128"), None, "is encrypted; fill in"),
        (include_str!("../fixtures/rsa_pkcs1_aes128"), Some("wrong"), "passphrase` is wrong"),
        (include_str!("../fixtures/rsa_pkcs1_aes256"), Some("fixture"), "not supported; convert"),
        (PUBLIC, None, "is a public key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", None, "PuTTY"),
        ("", None, "holds no private key"),
        (ED25519.get(..200).unwrap_or_default(), None, "holds no private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", None, "is damaged"),
        ("-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----", None, "is damaged"),
    ] {
        let said = read(text, passphrase).expect_err(what);
        assert!(said.starts_with("the key ") && said.contains(what), "{what}: {said}");
    }
}

fn key(text: &str) -> PublicKey {
    read_keys(text, None, "the key").expect("key").remove(0).public_key().clone()
}

#[test]
fn pins_in_all_forms() {
    let (right, wrong) = (key(ED25519), key(include_str!("../fixtures/ed25519_pkcs8")));
    let fingerprint = FINGERPRINT.split_whitespace().nth(1).expect("fingerprint");
    for text in [
        PUBLIC,
        FINGERPRINT,
        fingerprint,
        &format!("{fingerprint}="),
        include_str!("../fixtures/known_hosts"),
        include_str!("../fixtures/known_hosts_hashed"),
        &format!("# a note\n\n{}\r\n", include_str!("../fixtures/known_hosts")),
        &format!("SHA256:{}\\n{fingerprint}", "A".repeat(43)),
        PUBLIC.split_whitespace().nth(1).expect("base64"),
    ] {
        let pins = Pins::parse(text).expect(text);
        assert!(pins.accept(&right) && !pins.accept(&wrong) && !pins.is_empty(), "{text}");
    }
}

#[test]
fn pins_that_cannot_be_read_say_why() {
    for (text, what) in [
        ("bastion", "line 1: is neither"),
        ("SHA256:abc", "not a whole SHA256 fingerprint"),
        ("2048 MD5:aa:bb", "MD5"),
        ("@cert-authority * ssh-ed25519 AAAA", "certificate authority"),
        ("host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "damaged"),
    ] {
        let error = Pins::parse(text).expect_err(text);
        assert!(error.kind() == ErrorKind::Config && error.message().contains(what), "{error}");
    }
}

#[test]
fn pins_decide_which_key_the_bastion_shows() {
    assert_eq!(Pins::default().algorithms(), HOST_KEYS);
    let line = include_str!("../fixtures/known_hosts");
    assert_eq!(Pins::parse(line).expect("line").algorithms(), [Algorithm::Ed25519]);
    assert_eq!(Pins::parse(&format!("{line}{FINGERPRINT}")).expect("both").algorithms(), HOST_KEYS);
    let rsa = key(include_str!("../fixtures/rsa_pkcs1")).to_openssh().expect("line");
    let hashes = [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) });
    assert_eq!(Pins::parse(&rsa).expect("line").algorithms(), hashes);
}

fn watcher(pins: &str) -> Watcher {
    let pins = Arc::new(Pins::parse(pins).expect("pins"));
    Watcher { pins, seen: Arc::default(), censor: Censor::default(), events: Arc::default() }
}

#[tokio::test]
async fn host_keys_are_accepted_or_not() {
    use russh::client::Handler;
    let right = || PublicKeyOrCertificate::from(key(ED25519));
    let wrong = || PublicKeyOrCertificate::from(key(include_str!("../fixtures/ed25519_pkcs8")));
    let mut pinned = watcher(PUBLIC);
    assert!(matches!(pinned.check_server_key(&right()).await, Ok(true)));
    assert!(matches!(pinned.check_server_key(&wrong()).await, Err(Failure::WrongKey(_))));
    let mut revoked = watcher(&format!("@revoked * {PUBLIC}"));
    assert!(matches!(revoked.check_server_key(&right()).await, Err(Failure::Revoked(_))));
    let mut open = watcher("");
    assert!(matches!(open.check_server_key(&right()).await, Ok(true)));
    assert!(matches!(open.check_server_key(&right()).await, Ok(true)));
    assert!(matches!(open.check_server_key(&wrong()).await, Err(Failure::Changed(..))));
}

#[test]
fn only_safe_algorithms_are_offered() {
    let preferred = session_config(HOST_KEYS, true).preferred;
    let names = preferred.kex.iter().map(AsRef::as_ref).chain(preferred.cipher.iter().map(AsRef::as_ref));
    let names: Vec<&str> = names.chain(preferred.mac.iter().map(AsRef::as_ref)).collect();
    assert!(names.iter().all(|name: &&str| !name.ends_with("sha1") && !name.contains("cbc")), "{names:?}");
    assert!(!preferred.key.contains(&Algorithm::Rsa { hash: None }));
    assert_eq!(preferred.cipher.first(), Some(&cipher::AES_128_GCM));
    let careful = session_config(HOST_KEYS, false).preferred;
    assert!(!careful.cipher.contains(&cipher::CHACHA20_POLY1305) && careful.cipher.contains(&cipher::AES_256_GCM));
    assert!(careful.mac.iter().all(|mac| !mac.as_ref().contains("etm")) && careful.mac.len() == 2);
}

#[test]
fn refusals_to_forward() {
    let say = |reason: ChannelOpenFailure, said: &str| forward_refused(&reason, said, "db:5432");
    assert_eq!(say(ChannelOpenFailure::AdministrativelyProhibited, "").0, ErrorKind::Config);
    assert_eq!(say(ChannelOpenFailure::ConnectFailed, "Name or service not known").0, ErrorKind::UnknownHost);
    let (kind, text) = say(ChannelOpenFailure::ConnectFailed, "Connection refused");
    assert!(kind == ErrorKind::Connection && text.contains("db:5432 (Connection refused)"), "{text}");
    assert_eq!(say(ChannelOpenFailure::ResourceShortage, "").0, ErrorKind::ServerUnavailable);
}
