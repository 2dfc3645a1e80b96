//! Somebody with a good certificate sits between us and the server: SCRAM tells.
//!
//! The certificate is signed by the given authority for the right name, so TLS alone has nothing to object to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{Shared, given, good, ssl_mode, with};
use crate::support::certificates::{KeyKind, Subject};
use crate::support::connector::Connector;
use crate::support::hostile_postgres::{authentication, server_tls};
use crate::support::meddler::{Sender, Tls, Verdict, meddle};
use crate::support::psql::Psql;

const PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";
const REFUSED: &str = "the server at localhost:5432: the TLS connection does not end at the server itself (SAID): somebody \
                       is in between, a proxy or an attacker. Connect to the server directly, or, if the proxy is \
                       yours, set `channelBinding=disable` in `jdbc_url_params`";

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let shared = Shared::clone(shared);
    let same = Shared::clone(&shared);
    vec![
        Trial::test("tls::channel_binding", move || channel_binding(&shared)),
        Trial::test("tls::channel_binding_by_every_hash", move || by_every_hash(&same)),
    ]
}

/// The binding is a hash of the certificate, by the hash of its signature: the server must come to the same.
fn by_every_hash(shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(super::start);
    let rsa = papers.workshop.self_signed(&Subject::authority("RSA authority").key(KeyKind::Rsa(2048)));
    for authority in [&papers.authority, &rsa] {
        for digest in ["sha256", "sha384", "sha512"] {
            server.set_up(&with(&papers.workshop.signed(&good().digest(digest), authority)))?;
            let mut config = server.database().config();
            config["host"] = json!("localhost");
            config["ssl"] = json!(true);
            config["ssl_mode"] = ssl_mode("verify-full", &given(authority));
            config["jdbc_url_params"] = json!("channelBinding=require");
            assert_eq!(Connector::check(&config).run(b"").checked(), Ok(()), "{digest}");
        }
    }
    Ok(())
}

fn channel_binding(shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(super::start);
    server.set_up(&with(&papers.signed(&good())))?;
    let database = server.database();
    for (what, strip, said) in [
        ("the certificate is another one", false, "SCRAM channel binding check failed"),
        ("channel binding is taken off the offer", true, "SCRAM channel binding negotiation error"),
    ] {
        let tls = Tls { shown: server_tls(&papers.signed(&good())), authority: papers.authority.clone() };
        let offers = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&offers);
        let between = meddle(database.port(), Some(tls), move |sender, tag, body| {
            let kind = body.first_chunk().map(|kind| u32::from_be_bytes(*kind));
            if sender == Sender::Connector || tag != b'R' || kind != Some(10) {
                return Verdict::Pass;
            }
            assert!(body[4..].starts_with(PLUS), "the server offers channel binding");
            counted.fetch_add(1, Ordering::Relaxed);
            if strip { Verdict::Replace(authentication(10, b"SCRAM-SHA-256\0\0")) } else { Verdict::Pass }
        });
        let mut config = database.config();
        config["host"] = json!("localhost");
        config["port"] = json!(between.port());
        config["ssl"] = json!(true);
        for mode in ["require", "verify-ca", "verify-full"] {
            config["ssl_mode"] = ssl_mode(mode, &given(&papers.authority));
            let before = offers.load(Ordering::Relaxed);
            let got = Connector::check(&config).run(b"").checked();
            let got = got.map_err(|text| text.replace(&format!(":{}", config["port"]), ":5432"));
            assert_eq!(got, Err(REFUSED.replace("SAID", said)), "{what}, {mode}");
            assert_eq!(offers.load(Ordering::Relaxed), before + 1, "one attempt: {what}, {mode}");
        }
        // Whoever runs the proxy himself can allow it.
        config["jdbc_url_params"] = json!("channelBinding=disable");
        assert_eq!(Connector::check(&config).run(b"").checked(), Ok(()), "{what}, allowed");
        config["jdbc_url_params"] = json!("channelBinding=require");
        assert!(Connector::check(&config).run(b"").checked().is_err(), "{what}, required");
        let psql = Psql::new(&config, "127.0.0.1").mode("verify-full").authority(&papers.authority.certificate);
        assert!(psql.encrypted().is_err(), "libpq: {what}");
    }
    Ok(())
}
