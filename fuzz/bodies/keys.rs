//! Keys, certificates and host keys as people paste them: read or refused with a sentence that tells nothing of them.

use std::sync::Arc;

use destination_postgres::config::Config;
use destination_postgres::error::ErrorKind;
use destination_postgres::pg::Connector;
use serde_json::{Value, json};

/// The passphrase of the keys in `src/pg/fixtures` that have one.
const PASSPHRASE: &str = "fixture";
const SSH_KEY: &str = include_str!("../../src/pg/fixtures/ed25519");
const CERTIFICATE: &str = include_str!("../../src/pg/fixtures/ca.crt");
const CLIENT_CERTIFICATE: &str = include_str!("../../src/pg/fixtures/client.crt");

/// The first byte says which field the rest is pasted into, and whether there is a passphrase.
pub fn run(input: &[u8]) {
    let Some((&choice, input)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(input) else { return };
    let passphrase = (choice & 1 == 1).then_some(PASSPHRASE);
    let config = match choice / 2 % 4 {
        0 => tunnel(json!({"ssh_key": text, "ssh_key_passphrase": passphrase})),
        1 => tunnel(json!({"ssh_key": SSH_KEY, "tunnel_host_key": text})),
        2 => ssl(json!({"ca_certificate": text})),
        _ => {
            let (certificate, key) = text.split_once("=====\n").unwrap_or((CLIENT_CERTIFICATE, text));
            ssl(json!({"ca_certificate": CERTIFICATE, "client_certificate": certificate, "client_key": key,
                "client_key_password": passphrase}))
        }
    };
    let config = match Config::parse(&config.to_string()) {
        Ok(config) => config,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Config, "{error}"),
    };
    if let Err(error) = Connector::new(Arc::new(config), |_| {}) {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        let shown = format!("{error:?} {}", error.chain());
        assert!(!shown.contains(PASSPHRASE), "{shown}");
        // Long words are base64, or will be once somebody has mended a typing error.
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 20);
        words.for_each(|word| assert!(!shown.contains(word), "{shown} tells {word}"));
    }
}

fn tunnel(option: Value) -> Value {
    let plain = json!({"tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "bastion.example", "tunnel_user": "u"});
    with("tunnel_method", plain, option)
}

fn ssl(option: Value) -> Value {
    with("ssl_mode", json!({"mode": "verify-full"}), option)
}

fn with(field: &str, mut plain: Value, option: Value) -> Value {
    for (name, value) in option.as_object().expect("an object") {
        plain[name] = value.clone();
    }
    json!({"host": "db.example", "database": "d", "username": "u", field: plain})
}
