//! Bastions that lie, shout, fall silent or break off: each ends in words, in time, and without a secret.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use russh::{ChannelOpenFailure, Preferred, cipher, kex, mac};
use serde_json::{Value, json};

use super::{Checked, check, through};
use crate::support::connector::Connector;
use crate::support::hostile_bastion::{Fault, HostileBastion, Manners, Noise};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload;

/// What the servers here send back of it must not be seen.
const PASSWORD: &str = "tunnel-p@ss \"word\"";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::hostile::what_is_no_ssh_is_told_in_time", what_is_no_ssh_is_told_in_time),
        Trial::test("ssh::hostile::without_strict_key_exchange", without_strict_key_exchange),
        Trial::test("ssh::hostile::words_of_the_server_are_harmless", words_of_the_server_are_harmless),
        Trial::test("ssh::hostile::a_login_without_an_answer", a_login_without_an_answer),
        Trial::test("ssh::hostile::new_keys_all_the_time", new_keys_all_the_time),
        Trial::test("ssh::hostile::channels_that_break", channels_that_break),
    ]
}

fn tunnel(bastion: &HostileBastion) -> Value {
    json!({
        "tunnel_method": "SSH_PASSWORD_AUTH",
        "tunnel_host": "127.0.0.1",
        "tunnel_port": bastion.port,
        "tunnel_user": "somebody",
        "tunnel_user_password": PASSWORD,
    })
}

fn check_through(database: &TestDatabase, bastion: &HostileBastion) -> Checked {
    check(&through(&database.config(), &tunnel(bastion)))
}

fn what_is_no_ssh_is_told_in_time() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    std::thread::scope(|scope| {
        for (noise, said) in [
            (Noise::Garbage, "does not speak SSH 2"),
            (Noise::EndlessBanner, "does not speak SSH 2"),
            (Noise::EndlessLine, "does not speak SSH 2"),
            (Noise::Silence, "does not end the SSH handshake in time"),
            (Noise::Goodbye, "breaks the connection during the SSH handshake"),
            (Noise::GiantPacket, "breaks the connection during the SSH handshake"),
        ] {
            let database = &database;
            scope.spawn(move || {
                let bastion = HostileBastion::noisy(noise);
                let begun = Instant::now();
                let answer = check_through(database, &bastion);
                assert!(!answer.succeeded && answer.message.contains(said), "{noise:?}: {}", answer.message);
                assert!(begun.elapsed() < Duration::from_secs(30), "{noise:?}: {:?}", begun.elapsed());
            });
        }
    });
    Ok(())
}

/// CVE-2023-48795: without strict key exchange these ciphers let an attacker cut off what comes first.
fn without_strict_key_exchange() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let exchanges = [kex::CURVE25519, kex::EXTENSION_SUPPORT_AS_SERVER];
    let server = |ciphers: &[cipher::Name], macs: &[mac::Name]| {
        let preferred = Preferred {
            kex: exchanges.to_vec().into(),
            cipher: ciphers.to_vec().into(),
            mac: macs.to_vec().into(),
            ..Preferred::DEFAULT
        };
        HostileBastion::start(Manners { preferred: Some(preferred), ..Manners::default() })
    };
    let (chacha, gcm, ctr) = (cipher::CHACHA20_POLY1305, cipher::AES_256_GCM, cipher::AES_256_CTR);
    let (etm, plain) = (mac::HMAC_SHA256_ETM, mac::HMAC_SHA256);
    for (ciphers, macs) in [(&[chacha, gcm][..], &[etm][..]), (&[chacha, ctr], &[etm, plain]), (&[ctr], &[plain])] {
        let bastion = server(ciphers, macs);
        check_through(&database, &bastion).succeeds();
        assert_eq!(bastion.seen.logins.load(Ordering::SeqCst), 1);
    }
    for (ciphers, macs) in [(&[chacha][..], &[plain][..]), (&[ctr], &[etm])] {
        let bastion = server(ciphers, macs);
        check_through(&database, &bastion).failed_with(&["does not know strict key exchange", "Terrapin", "AES-GCM"]);
        assert_eq!(bastion.seen.logins.load(Ordering::SeqCst), 0, "it saw our password");
    }
    // The same ciphers are welcome where the server knows it.
    let preferred = Preferred { cipher: vec![chacha].into(), mac: vec![etm].into(), ..Preferred::DEFAULT };
    let bastion = HostileBastion::start(Manners { preferred: Some(preferred), ..Manners::default() });
    check_through(&database, &bastion).succeeds();
    Ok(())
}

fn words_of_the_server_are_harmless() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let secret = format!("\u{1b}]0;owned\u{7}\u{1b}[2J{PASSWORD}\r\n{{\"type\":\"STATE\"}} authentication failure ");
    let flood = secret.repeat(200);
    for (manners, said) in [
        (Manners { banner: Some(flood.clone()), ..Manners::default() }, None),
        (Manners { goodbye: Some(flood.clone()), ..Manners::default() }, Some("has ended the SSH session")),
        (
            Manners { question: Some(secret.clone()), ..Manners::default() },
            Some("asks `somebody` for more than a password (\"]0;owned  [2J***"),
        ),
        (
            Manners { refusal: Some((ChannelOpenFailure::ConnectFailed, flood.clone())), ..Manners::default() },
            Some("cannot reach the database server at"),
        ),
        (
            Manners {
                refusal: Some((
                    ChannelOpenFailure::Other { code: 4_000_000_000, reason: String::new() },
                    flood.clone(),
                )),
                ..Manners::default()
            },
            Some("(code 4000000000)"),
        ),
        (
            Manners { refusal: Some((ChannelOpenFailure::ResourceShortage, secret.clone())), ..Manners::default() },
            Some("has no resources left"),
        ),
    ] {
        let bastion = HostileBastion::start(manners);
        let answer = check_through(&database, &bastion);
        match said {
            None => answer.succeeds(),
            Some(said) => answer.failed_with(&[said]),
        }
        assert!(answer.message.len() < 1_000, "{}", answer.message);
        let shown = answer.outcome.stdout.concat() + &answer.outcome.stderr;
        assert!(!shown.contains('\u{1b}') && !shown.contains("\\u001b") && !shown.contains('\u{7}'), "{shown}");
        assert!(answer.outcome.messages_of("STATE").is_empty(), "{shown}");
    }
    Ok(())
}

fn a_login_without_an_answer() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = HostileBastion::start(Manners { silent_login: true, ..Manners::default() });
    let begun = Instant::now();
    check_through(&database, &bastion).failed_with(&["does not end the login in time"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    Ok(())
}

fn new_keys_all_the_time() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = HostileBastion::start(Manners { rekey_bytes: Some(32 << 10), ..Manners::default() });
    let config = through(&database.config(), &tunnel(&bastion));
    let input = workload::append_input("rows", 0..2_000, 1_000);
    let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(input.as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "2000");
    assert!(bastion.seen.bytes.load(Ordering::SeqCst) > 2_000_000);
    Ok(())
}

/// In the middle of a COPY: told as what another attempt can cure, nothing half-done in the table.
fn channels_that_break() -> Result<(), Failed> {
    std::thread::scope(|scope| {
        for fault in [Fault::Drop, Fault::Close] {
            scope.spawn(move || {
                let database = TestServer::shared().database().expect("a database");
                let manners = Manners { fault: Some((300_000, fault)), ..Manners::default() };
                let bastion = HostileBastion::start(manners);
                let mut config = through(&database.config(), &tunnel(&bastion));
                // Every channel breaks at the same byte, so no attempt gets further.
                config["retry_timeout_seconds"] = 2.into();
                let input = workload::append_input("rows", 0..2_000, 1_000);
                let begun = Instant::now();
                let outcome = Connector::write(&config, &workload::append_catalog("rows")).run(input.as_bytes());
                assert_eq!(outcome.code(), 1, "{fault:?}: {outcome:?}");
                let errors = outcome.messages_of("TRACE");
                assert_eq!(errors[0]["trace"]["error"]["failure_type"], "transient_error", "{fault:?}: {outcome:?}");
                assert!(outcome.messages_of("STATE").is_empty(), "{fault:?}: {outcome:?}");
                assert!(begun.elapsed() < Duration::from_secs(60), "{fault:?}: {:?}", begun.elapsed());
                let rows = database.superuser().and_then(|sql| sql.value("SELECT count(*) FROM airbyte.rows"));
                assert_eq!(rows, Ok("0".to_owned()), "{fault:?}");
            });
        }
    });
    Ok(())
}
