//! What a server can do until the login has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};
use rustls::ServerConfig;
use serde_json::json;

use super::{PASSWORD, config, failure, failure_type};
use crate::support::certificates::{KeyKind, Subject, Workshop};
use crate::support::hostile_postgres::{Guest, HostilePostgres, authentication, frame, parameter, refusal, server_tls};
use crate::support::secrets::spellings;

const S: &str = "the server at 127.0.0.1:5432";
const NOT_POSTGRES: &str =
    "the server at 127.0.0.1:5432 does not speak the PostgreSQL protocol; check `host` and `port`";
const NO_PROOF: &str = "the server at 127.0.0.1:5432 asks for the password of `writer` but cannot prove that it knows it; \
                        it may be another server that poses as yours. Check `host` and `port`";
const OTHER_LOGIN: &str = "the server at 127.0.0.1:5432 asks for a kind of login that is not supported; use scram-sha-256 \
                           or a client certificate for `writer` in pg_hba.conf";
const CLEAR_TEXT: &str = "the server at 127.0.0.1:5432 asks for the password in clear text over a connection that is not \
                          encrypted; it was not sent. Use an `ssl_mode` that encrypts, or scram-sha-256 in pg_hba.conf";
const FLOOD: &str = "the server at 127.0.0.1:5432 sends more than 1 MiB in one answer; it may be broken";
const OLD_ERROR: &str = "the server at 127.0.0.1:5432 answers with an error before the login; it may be out of memory or \
                         processes";
const CONFIG: Option<&str> = Some("config_error");

type Script = fn(&mut Guest) -> io::Result<()>;

/// A name, the mode of encryption, what the server does, what is said of it, and the `failure_type` where no other attempt
/// can cure it.
type Case = (&'static str, &'static str, Script, &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    ("answers the question for TLS with a letter", "require", |g| after_question(g, b"X"), NOT_POSTGRES, CONFIG),
    ("is a web server", "disable", |g| after_start(g, b"HTTP/1.1 400 Bad Request\r\n\r\n"), NOT_POSTGRES, CONFIG),
    (
        "is a web server that is asked for TLS",
        "prefer",
        |g| after_question(g, b"HTTP/1.1 400\r\n"),
        NOT_POSTGRES,
        CONFIG,
    ),
    ("is an SSH server", "prefer", |g| after_question(g, b"SSH-2.0-OpenSSH_9.2\r\n"), NOT_POSTGRES, CONFIG),
    ("says yes and logs us in at once, without TLS", "require", yes_and_welcome, NOT_POSTGRES, CONFIG),
    ("says yes and logs us in at once, for prefer", "prefer", yes_and_welcome, NOT_POSTGRES, CONFIG),
    (
        "answers the question for TLS with an error",
        "require",
        |g| after_question(g, &refusal(b'E', "XX000", "run this: \u{1b}[2J")),
        "the server at 127.0.0.1:5432 answers the question for TLS with an error; it may be out of memory or processes",
        None,
    ),
    (
        "has no TLS",
        "require",
        |g| after_question(g, b"N"),
        "the server at 127.0.0.1:5432 does not offer TLS, but `ssl_mode` asks for it; switch it on in the server (`ssl = \
         on`) or choose another mode",
        CONFIG,
    ),
    (
        "closes at the question for TLS",
        "require",
        |g| g.asks_for_tls().map(drop),
        "the server at 127.0.0.1:5432 closes the connection when it is asked for TLS; a firewall or proxy may be in the \
         way, or the server is overloaded",
        None,
    ),
    (
        "does not answer the question for TLS",
        "require",
        |g| after_question(g, b"").and_then(|()| g.hold()),
        "the server at 127.0.0.1:5432 accepts the connection but does not answer in time; check that `port` is that of \
         PostgreSQL",
        None,
    ),
    (
        "stalls in the handshake",
        "require",
        |g| after_question(g, b"S").and_then(|()| g.hold()),
        "the TLS handshake with the server at 127.0.0.1:5432 does not end in time",
        None,
    ),
    (
        "closes in the handshake",
        "require",
        |g| after_question(g, b"S"),
        "the server at 127.0.0.1:5432 closes the connection during the TLS handshake; a firewall or proxy may be in the \
         way, or its TLS set-up is broken",
        None,
    ),
    (
        "does not answer the login",
        "disable",
        |g| after_start(g, b"").and_then(|()| g.hold()),
        "the server at 127.0.0.1:5432 accepts the connection but the login does not end in time; the server may be \
         overloaded or hang",
        None,
    ),
    (
        "closes at the login",
        "disable",
        |g| after_start(g, b""),
        "the server at 127.0.0.1:5432 closes the connection during the login; it may be restarting, or not a PostgreSQL \
         server",
        None,
    ),
    ("wants the password in clear text", "disable", wants_clear_text, CLEAR_TEXT, CONFIG),
    ("has no TLS and wants the password in clear text", "prefer", wants_clear_text, CLEAR_TEXT, CONFIG),
    ("hides that behind notices", "disable", notices_then_clear_text, CLEAR_TEXT, CONFIG),
    ("wants Kerberos", "disable", |g| after_start(g, &authentication(2, b"")), OTHER_LOGIN, CONFIG),
    ("wants GSSAPI", "disable", |g| after_start(g, &authentication(7, b"")), OTHER_LOGIN, CONFIG),
    (
        "wants an unknown mechanism",
        "disable",
        |g| after_start(g, &authentication(10, b"PLAIN\0\0")),
        OTHER_LOGIN,
        CONFIG,
    ),
    ("wants an unknown login", "disable", |g| after_start(g, &authentication(99, b"")), NOT_POSTGRES, CONFIG),
    ("asks for two thousand million rounds", "disable", |g| scram(g, "", 2_000_000_000), NO_PROOF, CONFIG),
    ("asks for more rounds than a number holds", "disable", |g| scram(g, "", u64::MAX), NO_PROOF, CONFIG),
    ("does not know the password", "disable", |g| scram(g, "", 4096), NO_PROOF, CONFIG),
    ("has another nonce", "disable", |g| scram(g, "x", 4096), NO_PROOF, CONFIG),
    ("sends a message of negative length", "disable", |g| after_start(g, b"R\xff\xff\xff\xff"), NOT_POSTGRES, CONFIG),
    ("sends a message of length 3", "disable", |g| after_start(g, b"R\0\0\0\x03\0\0\0\0"), NOT_POSTGRES, CONFIG),
    (
        "announces 2 GiB",
        "disable",
        |g| after_start(g, b"R\x7f\xff\xff\xff\0\0\0\0").and_then(|()| g.hold()),
        NOT_POSTGRES,
        CONFIG,
    ),
    ("sends an unknown message", "disable", |g| after_start(g, &frame(b'?', b"?")), NOT_POSTGRES, CONFIG),
    ("is ready before the login", "disable", |g| after_start(g, &frame(b'Z', b"I")), NOT_POSTGRES, CONFIG),
    (
        "cannot start a process",
        "disable",
        |g| after_start(g, b"EFATAL:  could not fork new process\0"),
        OLD_ERROR,
        None,
    ),
    ("floods us with notices", "disable", |g| flood(g, &refusal(b'N', "00000", &"n".repeat(1000))), FLOOD, None),
    ("floods us with settings", "disable", |g| flood(g, &parameter("name", &"v".repeat(1000))), FLOOD, None),
];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("hostile::login", every_case),
        Trial::test("hostile::nobody_else_gets_the_password", nobody_else_gets_the_password),
        Trial::test("hostile::what_is_echoed_is_harmless", what_is_echoed_is_harmless),
        Trial::test("hostile::weak_certificates", weak_certificates),
    ]
}

fn after_question(guest: &mut Guest, answer: &[u8]) -> io::Result<()> {
    guest.asks_for_tls()?;
    guest.send(answer)
}

fn after_start(guest: &mut Guest, answer: &[u8]) -> io::Result<()> {
    guest.session(None)?;
    guest.send(answer)
}

fn yes_and_welcome(guest: &mut Guest) -> io::Result<()> {
    guest.asks_for_tls()?;
    // In one packet: what is behind the yes must not be taken for the server's first messages.
    guest.send(&[b"S", &authentication(0, b"")[..], &frame(b'Z', b"I")].concat())?;
    guest.hold()
}

fn wants_clear_text(guest: &mut Guest) -> io::Result<()> {
    after_start(guest, &authentication(3, b""))?;
    guest.message().map(drop)
}

/// The client library takes no notices here, but that is for it to say.
fn notices_then_clear_text(guest: &mut Guest) -> io::Result<()> {
    after_start(guest, &[refusal(b'N', "00000", "hello"), authentication(3, b"")].concat())?;
    guest.message().map(drop)
}

/// SCRAM by somebody who does not know the password; `nonce` comes before the client's own.
fn scram(guest: &mut Guest, nonce: &str, rounds: u64) -> io::Result<()> {
    after_start(guest, &authentication(10, b"SCRAM-SHA-256\0\0"))?;
    let (_, first) = guest.message()?;
    let first = String::from_utf8_lossy(&first).into_owned();
    let theirs = first.rsplit("r=").next().unwrap_or_default();
    let challenge = format!("r={nonce}{theirs}abcdef,s=c2FsdHNhbHRzYWx0c2FsdA==,i={rounds}");
    guest.send(&authentication(11, challenge.as_bytes()))?;
    guest.message()?;
    guest.send(&authentication(12, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))?;
    guest.welcome()?;
    guest.hold()
}

fn flood(guest: &mut Guest, message: &[u8]) -> io::Result<()> {
    after_start(guest, &authentication(0, b""))?;
    let many = message.repeat(100);
    loop {
        guest.send(&many)?;
    }
}

fn every_case() -> Result<(), Failed> {
    let queue = std::sync::Mutex::new(CASES.iter());
    let report = std::sync::Mutex::new(String::new());
    std::thread::scope(|scope| {
        // Most of the time they wait.
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().expect("no panic").next() else { return };
                    if let Err(what) = one(case) {
                        report.lock().expect("no panic").push_str(&format!("{}: {what}\n", case.0));
                    }
                }
            });
        }
    });
    let report = report.into_inner().expect("no panic");
    if report.is_empty() { Ok(()) } else { Err(report.into()) }
}

fn one((_, mode, script, wanted, kind): &Case) -> Result<(), String> {
    let server = HostilePostgres::start(*script);
    let config = config(server.port(), &json!({"mode": mode}));
    let said = failure(&config)?;
    if said != *wanted {
        return Err(format!("\n  wanted {wanted:?}\n  got    {said:?}"));
    }
    if let Some(kind) = kind {
        let found = failure_type(&config)?;
        if found != *kind {
            return Err(format!("failure_type {found}"));
        }
    }
    if holds(&server.received(), PASSWORD) { Err("it got the password".into()) } else { Ok(()) }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A server that asks for the password in clear text within TLS, and echoes it: in each connection in the next of the ways
/// to spell it.
fn greedy(tls: Arc<ServerConfig>) -> HostilePostgres {
    let connections = AtomicUsize::new(0);
    HostilePostgres::start(move |guest| {
        guest.session(Some(&tls))?;
        guest.send(&authentication(3, b""))?;
        let (_, answer) = guest.message()?;
        let forms = spellings(String::from_utf8_lossy(&answer).trim_end_matches('\0'));
        let (_, form) = &forms[connections.fetch_add(1, Ordering::Relaxed) % forms.len()];
        let text = format!("\u{1b}[2J\u{1b}]0;owned\u{7} {form}\n{{\"type\":\"STATE\",\"state\":{{}}}}\r\n{form}");
        guest.send(&refusal(b'E', "53300", &text))
    })
}

/// Whoever cannot show a good certificate does not even learn who is asking.
fn nobody_else_gets_the_password() -> Result<(), Failed> {
    let workshop = Workshop::new();
    let authority = workshop.self_signed(&Subject::authority("Authority"));
    let good = Subject::server("server", &["IP:127.0.0.1"]);
    let verify_full = json!({"mode": "verify-full", "ca_certificate": authority.certificate});
    for (what, identity) in [
        ("is not signed by the CA", workshop.self_signed(&good)),
        ("is not for the name in `host`", workshop.signed(&Subject::server("other", &["IP:127.0.0.2"]), &authority)),
        ("has expired", workshop.signed(&good.clone().expired(), &authority)),
    ] {
        let server = greedy(server_tls(&identity));
        let said = failure(&config(server.port(), &verify_full))?;
        assert!(said.contains(what), "{said}");
        let received = server.received();
        assert!(!holds(&received, "writer") && !holds(&received, PASSWORD), "{what}: {received:?}");
    }
    // The same server with a good certificate is the one that asks: it gets what it asks for.
    let server = greedy(server_tls(&workshop.signed(&good, &authority)));
    failure(&config(server.port(), &verify_full))?;
    assert!(holds(&server.received(), PASSWORD));
    Ok(())
}

fn what_is_echoed_is_harmless() -> Result<(), Failed> {
    let workshop = Workshop::new();
    let server = greedy(server_tls(&workshop.self_signed(&Subject::server("server", &["IP:127.0.0.1"]))));
    // That nothing of the password is in the output is for whoever runs the connector to say, as in every test.
    let config = config(server.port(), &json!({"mode": "require"}));
    for (spelling, form) in spellings(PASSWORD) {
        let said = failure(&config).map_err(|error| format!("{spelling}: {error}"))?;
        assert!(said.starts_with(&format!("{S}: no connection left ([2J ]0;owned")), "{spelling}: {said}");
        assert!(said.contains("STATE") && !said.contains(&form), "{spelling}: {said}");
        assert!(!said.contains('\n') && !said.contains('\u{7}'), "{spelling}: {said:?}");
    }
    Ok(())
}

/// Certificates that no server of today would load.
fn weak_certificates() -> Result<(), Failed> {
    let workshop = Workshop::new();
    let authority = workshop.self_signed(&Subject::authority("Authority").key(KeyKind::Rsa(2048)));
    let verify_full = json!({"mode": "verify-full", "ca_certificate": authority.certificate});
    let subject = Subject::server("server", &["IP:127.0.0.1"]);
    let server = greedy(server_tls(&workshop.signed(&subject.clone().digest("sha1"), &authority)));
    assert_eq!(
        failure(&config(server.port(), &verify_full))?,
        format!(
            "the certificate of {S}, or one that signed it, is signed in a way that is not safe any more (SHA-1 or MD5); \
             issue it anew with SHA-256"
        )
    );
    assert!(!holds(&server.received(), PASSWORD));
    Ok(())
}
