//! The key of a client certificate in every form in which it can be pasted.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{Given, Shared, given, needs_certificate, ssl_mode};
use crate::support::certificates::{Identity, KeyKind, Subject, Workshop};
use crate::support::connector::Connector;

const PASSPHRASE: &str = "a passphrase: %41";
const PASSOUT: &str = "pass:a passphrase: %41";

/// A command of openssl and its arguments.
type Conversion = (&'static str, &'static [&'static str]);

/// Forms that are read, each with its passphrase.
const FORMS: [(KeyKind, Conversion, Option<&str>); 9] = [
    (KeyKind::Rsa(2048), ("pkcs8", &["-topk8", "-nocrypt"]), None),
    (KeyKind::Rsa(2048), ("rsa", &["-traditional"]), None),
    (KeyKind::Ecdsa, ("pkcs8", &["-topk8", "-nocrypt"]), None),
    (KeyKind::Ecdsa, ("ec", &[]), None),
    (KeyKind::Ed25519, ("pkcs8", &["-topk8", "-nocrypt"]), None),
    (KeyKind::Rsa(2048), ("pkcs8", &["-topk8", "-passout", PASSOUT]), Some(PASSPHRASE)),
    (KeyKind::Ecdsa, ("pkcs8", &["-topk8", "-v2", "aes-256-cbc", "-passout", PASSOUT]), Some(PASSPHRASE)),
    (KeyKind::Ecdsa, ("pkcs8", &["-topk8", "-scrypt", "-passout", PASSOUT]), Some(PASSPHRASE)),
    (KeyKind::Ed25519, ("pkcs8", &["-topk8", "-passout", PASSOUT]), Some("")),
];

const CONVERT: &str = "configuration: `ssl_mode.client_key` is encrypted in a way that is not supported; convert it \
                       with `openssl pkcs8 -topk8 -v2 aes-256-cbc`";
const WRONG: &str = "configuration: `ssl_mode.client_key` cannot be decrypted: `ssl_mode.client_key_password` is wrong, \
                     or the cipher is not supported (convert the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc`)";
const NO_PASSPHRASE: &str = "configuration: `ssl_mode.client_key` is encrypted; fill in `ssl_mode.client_key_password`";
const OTHER_KEY: &str =
    "configuration: `ssl_mode.client_key` is not the key of the certificate in `ssl_mode.client_certificate`";

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let shared = Shared::clone(shared);
    vec![
        Trial::test("tls::client_keys::forms", move || forms(&shared)),
        Trial::test("tls::client_keys::what_cannot_be_read", what_cannot_be_read),
    ]
}

fn forms(shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(super::start);
    server.set_up(&needs_certificate(papers, "cert"))?;
    let role = &server.database().writer;
    let identities = [KeyKind::Rsa(2048), KeyKind::Ecdsa, KeyKind::Ed25519]
        .map(|kind| (kind, papers.signed(&Subject::client(role).key(kind))));
    let mut config = server.database().config();
    config["host"] = json!("localhost");
    config["ssl"] = json!(true);
    let mode = |client: Identity| ssl_mode("verify-full", &Given { client: Some(client), ..given(&papers.authority) });
    for (kind, (command, arguments), passphrase) in FORMS {
        let (_, identity) = identities.iter().find(|(made, _)| *made == kind).expect("one of each kind");
        let key = papers.workshop.converted(&identity.key, command, arguments);
        config["ssl_mode"] = mode(Identity { key, ..identity.clone() });
        match passphrase {
            // An encrypted key without its passphrase never reaches the server.
            Some("") => {
                assert_eq!(Connector::check(&config).run(b"").checked(), Err(NO_PASSPHRASE.to_owned()));
                continue;
            }
            Some(passphrase) => config["ssl_mode"]["client_key_password"] = json!(passphrase),
            None => {}
        }
        assert_eq!(Connector::check(&config).run(b"").checked(), Ok(()), "{kind:?} {command} {arguments:?}");
    }
    let pasted: [fn(&str) -> String; 4] = [
        |text| text.replace('\n', "\\n"),
        |text| text.replace('\n', "\r\n"),
        |text| format!("  \n{}", text.trim_end().replace('\n', "\n   ")),
        |text| text.trim_end().replace('\n', " "),
    ];
    let (_, identity) = &identities[0];
    for paste in pasted {
        let mut member = mode(Identity { certificate: paste(&identity.certificate), key: paste(&identity.key) });
        member["ca_certificate"] = json!(paste(&papers.authority.certificate));
        config["ssl_mode"] = member;
        assert_eq!(Connector::check(&config).run(b"").checked(), Ok(()), "{}", paste("a\nb\n"));
    }
    Ok(())
}

fn what_cannot_be_read() -> Result<(), Failed> {
    let workshop = Workshop::new();
    let rsa = workshop.self_signed(&Subject::client("writer").key(KeyKind::Rsa(2048)));
    let other = workshop.self_signed(&Subject::client("writer"));
    let convert = |command, arguments: &[&str]| workshop.converted(&rsa.key, command, arguments);
    let modern = convert("pkcs8", &["-topk8", "-passout", PASSOUT]);
    let damaged: String =
        rsa.key.lines().enumerate().filter(|(at, _)| *at != 3).map(|(_, l)| format!("{l}\n")).collect();
    for (member, text, passphrase, wanted) in [
        ("client_key", modern.clone(), Some("another passphrase"), WRONG),
        ("client_key", modern, None, NO_PASSPHRASE),
        ("client_key", convert("rsa", &["-traditional", "-aes128", "-passout", PASSOUT]), Some(PASSPHRASE), CONVERT),
        (
            "client_key",
            convert("pkcs8", &["-topk8", "-v1", "PBE-SHA1-3DES", "-passout", PASSOUT]),
            Some(PASSPHRASE),
            CONVERT,
        ),
        ("client_key", other.key.clone(), None, OTHER_KEY),
        (
            "client_key",
            rsa.certificate.clone(),
            None,
            "configuration: `ssl_mode.client_key` holds no private key; paste the PEM text from -----BEGIN on",
        ),
        (
            "client_key",
            damaged,
            None,
            "configuration: `ssl_mode.client_key` cannot be used; it must be an RSA, ECDSA or Ed25519 key",
        ),
        (
            "client_certificate",
            rsa.key.clone(),
            None,
            "configuration: `ssl_mode.client_certificate` holds no certificate; paste the PEM text from -----BEGIN \
             CERTIFICATE----- on",
        ),
        (
            "ca_certificate",
            rsa.key.clone(),
            None,
            "configuration: `ssl_mode.ca_certificate` holds no certificate; paste the PEM text from -----BEGIN \
             CERTIFICATE----- on",
        ),
        (
            "ca_certificate",
            "/etc/ssl/certs/ca.pem".to_owned(),
            None,
            "configuration: `ssl_mode.ca_certificate` holds no certificate; paste the PEM text from -----BEGIN \
             CERTIFICATE----- on",
        ),
        (
            "ca_certificate",
            "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n".to_owned(),
            None,
            "configuration: `ssl_mode.ca_certificate` holds a certificate that cannot be used (number 1)",
        ),
        (
            "ca_certificate",
            format!("{}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", rsa.certificate),
            None,
            "configuration: `ssl_mode.ca_certificate` is damaged in certificate number 2",
        ),
    ] {
        let mut mode = json!({
            "mode": "verify-full",
            "ca_certificate": rsa.certificate,
            "client_certificate": rsa.certificate,
            "client_key": rsa.key,
        });
        mode[member] = json!(text);
        mode["client_key_password"] = passphrase.map_or(Value::Null, Value::from);
        // Nobody is there: what cannot be read is told before anything is sent.
        let config = json!({
            "host": "127.0.0.1", "port": 1, "database": "app", "schema": "public", "username": "writer",
            "ssl": true, "ssl_mode": mode,
        });
        assert_eq!(Connector::check(&config).run(b"").checked(), Err(wanted.to_owned()), "{member}");
    }
    Ok(())
}
