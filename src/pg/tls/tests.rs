use std::time::Duration;

use std::sync::atomic::{AtomicBool, Ordering};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_postgres::tls::TlsConnect;

use super::*;
use crate::pg::report::Report;
use crate::secret::Secret;

const CA: &str = include_str!("../fixtures/ca.crt");
const CLIENT: &str = include_str!("../fixtures/client.crt");
const CLIENT_KEY: &str = include_str!("../fixtures/client.key");
const CLIENT_KEY_ENC: &str = include_str!("../fixtures/client_enc.key");
const V1: &str = include_str!("../fixtures/v1.crt");
const V1_FORGED: &str = include_str!("../fixtures/v1_forged.crt");
const CN_ONLY: &str = include_str!("../fixtures/cn_only.crt");
const OTHER_SAN: &str = include_str!("../fixtures/other_san.crt");
const SELF_SIGNED: &str = include_str!("../fixtures/self_signed.crt");
const ADDRESSES: &str = include_str!("../fixtures/addresses.crt");
const HOST: &str = "db.example.com";
/// 2030-01-01, within the validity of the fixtures.
const NOW: Duration = Duration::from_secs(1_893_456_000);

fn verify(check: Check, ca: &str, certificate: &str, now: Duration) -> std::result::Result<(), rustls::Error> {
    let host = match &check {
        Check::ChainAndName(host) => host.clone(),
        _ => HOST.to_owned(),
    };
    let given = certificates("ca", ca).expect("CA");
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let verifier = Verifier::new(check, given, algorithms);
    let chain = certificates("server", certificate).expect("certificate");
    let name = ServerName::try_from(host).expect("name");
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::since_unix_epoch(now)).map(|_| ())
}

fn full(host: &str) -> Check {
    Check::ChainAndName(host.to_owned())
}

#[test]
fn what_libpq_accepts() {
    for certificate in [V1, CN_ONLY, OTHER_SAN] {
        assert_eq!(verify(Check::Chain, CA, certificate, NOW), Ok(()));
    }
    for (ca, certificate) in [(CA, V1), (CA, CN_ONLY), (SELF_SIGNED, SELF_SIGNED)] {
        assert_eq!(verify(full("DB.example.com"), ca, certificate, NOW), Ok(()));
    }
    for address in ["192.0.2.1", "2001:db8::1", "2001:DB8:0::1"] {
        assert_eq!(verify(full(address), ADDRESSES, ADDRESSES, NOW), Ok(()), "{address}");
    }
    let several = format!("{SELF_SIGNED}{CA}");
    assert_eq!(verify(full(HOST), &several, V1, NOW), Ok(()));
    for certificate in [V1_FORGED, SELF_SIGNED] {
        assert_eq!(verify(Check::Nothing, CA, certificate, NOW), Ok(()));
    }
}

#[test]
fn what_libpq_refuses() {
    for certificate in [V1_FORGED, SELF_SIGNED] {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(verify(Check::Chain, CA, certificate, NOW), Err(unknown));
    }
    // The same certificate as the CA, but not the one that signed.
    assert!(verify(Check::Chain, V1, CN_ONLY, NOW).is_err());
    for (ca, certificate, host) in [
        (CA, V1, "other.example.com"),
        (CA, OTHER_SAN, HOST),
        (SELF_SIGNED, SELF_SIGNED, "x.example.com"),
        (ADDRESSES, ADDRESSES, "2001:db8::2"),
        (ADDRESSES, ADDRESSES, "addresses.example.com"),
    ] {
        let refusal = verify(full(host), ca, certificate, NOW).expect_err(host);
        let (kind, text) = explain(&refusal, "the server");
        assert!(kind == ErrorKind::Config && text.contains("is not for the name in `host`"), "{text}");
    }
    let text = explain(&verify(full(HOST), CA, OTHER_SAN, NOW).expect_err("name"), "the server").1;
    assert!(text.contains("(it is for other.example.com)"), "{text}");
    for (now, what) in [(Duration::ZERO, "not valid yet"), (NOW * 5, "expired")] {
        for (ca, certificate) in [(CA, V1), (CA, CN_ONLY), (SELF_SIGNED, SELF_SIGNED)] {
            let refusal = verify(Check::Chain, ca, certificate, now).expect_err(what);
            assert!(explain(&refusal, "the server").1.contains(what), "{refusal}");
        }
    }
}

fn mode(certificate: &str, key: &str, password: Option<&str>) -> SslMode {
    SslMode::VerifyFull {
        ca_certificate: CA.to_owned(),
        client_certificate: Some(Secret::new(certificate)),
        client_key: Some(Secret::new(key)),
        client_key_password: password.map(Secret::new),
    }
}

#[test]
fn client_identities() {
    for (key, password) in [(CLIENT_KEY, None), (CLIENT_KEY, Some("not needed")), (CLIENT_KEY_ENC, Some("fixture"))] {
        assert!(Tls::new(&mode(CLIENT, key, password), HOST).expect("identity").is_some());
    }
    for (certificate, key, password, what) in [
        (CLIENT, CLIENT_KEY_ENC, None, "is encrypted; fill in"),
        (CLIENT, CLIENT_KEY_ENC, Some("wrong"), "cannot be decrypted"),
        (CN_ONLY, CLIENT_KEY, None, "is not the key of the certificate"),
        (CLIENT, CLIENT, None, "holds no private key"),
        (CLIENT_KEY, CLIENT_KEY, None, "holds no certificate"),
        (CLIENT, include_str!("../fixtures/rsa_pkcs1_aes128"), Some("fixture"), "convert"),
        (CLIENT, include_str!("../fixtures/rsa_pkcs1"), None, "is not the key of the certificate"),
        (CLIENT, include_str!("../fixtures/ecdsa_pkcs8"), None, "is not the key of the certificate"),
    ] {
        let error = Tls::new(&mode(certificate, key, password), HOST).err().expect(what);
        assert!(error.kind() == ErrorKind::Config && error.message().contains(what), "{error}");
        assert!(!error.chain().contains("fixture"), "{error:?}");
    }
}

#[test]
fn certificates_that_cannot_be_read_say_where() {
    for (ca, what) in [
        ("", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "damaged in certificate number 1"),
        ("-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----", "cannot be used (number 1)"),
    ] {
        let mode = SslMode::VerifyCa { ca_certificate: ca.to_owned(), client_key_password: None };
        let error = Tls::new(&mode, HOST).err().expect(what);
        assert!(error.kind() == ErrorKind::Config && error.message().contains(what), "{error}");
    }
    assert!(Tls::new(&SslMode::Disable, HOST).expect("none").is_none());
    assert!(Tls::new(&SslMode::Prefer, "bücher.example").expect("no name is sent").is_some());
    let mode = SslMode::VerifyFull {
        ca_certificate: CA.to_owned(),
        client_certificate: None,
        client_key: None,
        client_key_password: None,
    };
    assert!(Tls::new(&mode, "bücher.example").is_err_and(|error| error.message().contains("xn--")));
}

/// What comes of a server that answers the question for TLS with `answer`.
async fn negotiate(policy: Policy, answer: &[u8]) -> std::result::Result<bool, TlsError> {
    let (ours, mut theirs) = duplex(1024);
    theirs.write_all(answer).await.expect("answer");
    theirs.shutdown().await.expect("end");
    let tls = Tls::new(&SslMode::Require, HOST).expect("TLS");
    let encrypted = AtomicBool::new(false);
    let negotiation = Negotiation {
        tls: tls.as_ref(),
        policy,
        deadline: Instant::now() + Duration::from_secs(10),
        clear_password: false,
        encrypted: &encrypted,
        method: &Arc::default(),
        place: "the server",
        report: &Report::new(|_| {}),
    };
    match TlsConnect::<DuplexStream>::connect(negotiation, ours).await {
        Ok(_) => Ok(encrypted.load(Ordering::Relaxed)),
        Err(failed) => Err(failed),
    }
}

#[tokio::test]
async fn answers_to_the_question_for_tls() {
    assert!(matches!(negotiate(Policy::IfOffered, b"N").await, Ok(false)));
    assert!(matches!(negotiate(Policy::Never, b"").await, Ok(false)));
    for (policy, answer, kind, optional) in [
        (Policy::Always, &b"N"[..], ErrorKind::Config, false),
        (Policy::IfOffered, b"E", ErrorKind::ServerUnavailable, true),
        (Policy::IfOffered, b"HTTP/1.1 400", ErrorKind::Config, false),
        (Policy::IfOffered, b"", ErrorKind::Connection, true),
        (Policy::IfOffered, b"S", ErrorKind::Connection, true),
        (Policy::Always, b"SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Config, false),
    ] {
        let failed = negotiate(policy, answer).await.expect_err("failure");
        assert_eq!((failed.error.kind(), failed.optional), (kind, optional), "{answer:?}: {failed}");
    }
}
