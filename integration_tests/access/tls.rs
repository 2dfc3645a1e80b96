//! The six modes of encryption against one server that changes: what libpq does with the same files is what we do.
//!
//! Each row is a server and what the client was given. psql is run beside `check` in every mode; whether they get in, and
//! whether with TLS, must be the same, but for the cells that a row lists with a reason. Every refusal has its text.

mod channel_binding;
mod client_keys;
mod names;

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::certificates::{Identity, KeyKind, Subject, Workshop};
use crate::support::connector::{Connector, Outcome};
use crate::support::psql::Psql;
use crate::support::tls_server::{Setup, TlsServer};

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const VERIFYING: &[&str] = &["verify-ca", "verify-full"];
const SCRAM: &str = "host all all 127.0.0.1/32 scram-sha-256";

const CLEAR_TEXT_AND_NOT_OFFERED: &str = "the server at localhost:5432 does not offer TLS, but `ssl_mode` asks for it; switch it on in the server (`ssl = on`) or choose another mode (this was with TLS; without TLS, tried first: the server at localhost:5432 asks for the password in clear text over a connection that is not encrypted; it was not sent. Use an `ssl_mode` that encrypts, or scram-sha-256 in pg_hba.conf)";

/// Certificates that several rows use.
struct Papers {
    workshop: Workshop,
    authority: Identity,
    other_authority: Identity,
}

/// What the client was given.
#[derive(Default)]
struct Given {
    ca: String,
    client: Option<Identity>,
}

/// One server and one client.
struct Row {
    name: &'static str,
    /// The modes that are tried: all, or those that the certificates make a difference to.
    modes: &'static [&'static str],
    parties: fn(&Papers, &str) -> (Setup, Given),
    /// What `check` says in these modes.
    refused: &'static [(&'static [&'static str], &'static str)],
    /// Where libpq does something else, and why we do not.
    differs: &'static [(&'static [&'static str], &'static str)],
}

/// The server that all rows share, one after the other. It goes away with the last row.
type Shared = Arc<Mutex<Option<(TlsServer, Papers)>>>;

pub fn trials() -> Vec<Trial> {
    let shared = Shared::default();
    let trial = |row: &'static Row| {
        let shared = Arc::clone(&shared);
        Trial::test(format!("tls::{}", row.name), move || run(row, &shared))
    };
    let rows = ROWS.iter().map(trial);
    rows.chain(channel_binding::trials(&shared))
        .chain(client_keys::trials(&shared))
        .chain(names::trials(&shared))
        .collect()
}

const NOT_OFFERED: &str = "the server at localhost:5432 does not offer TLS, but `ssl_mode` asks for it; switch it on in the server (`ssl = on`) or choose another mode";
const NOT_SIGNED: &str = "the certificate of the server at localhost:5432 is not signed by the CA in `ssl_mode.ca_certificate`; paste the certificate of the CA that signed it";
const EXPIRED: &str = "the certificate of the server at localhost:5432, or one that signed it, has expired; renew it";
const TLS_1_1: &str =
    "the server at localhost:5432 speaks only TLS 1.1 or older, which is not safe; switch on TLS 1.2 or 1.3";
const NO_CERTIFICATE: &str = "the server at localhost:5432: `writer` may not log in to `app` without a client certificate; choose the `ssl_mode` verify-full and fill in `client_certificate` and `client_key`";
const ONLY_WITH_TLS: &str = "the server at localhost:5432: pg_hba.conf does not let `writer` into `app` from 127.0.0.1 without TLS; choose an `ssl_mode` that encrypts, or add this line to it, above any that rejects, and run SELECT pg_reload_conf(): host \"app\" \"writer\" 127.0.0.1/32 scram-sha-256";
const ONLY_WITH_TLS_AND_NO_CERTIFICATE: &str = "the server at localhost:5432: `writer` may not log in to `app` without a client certificate; choose the `ssl_mode` verify-full and fill in `client_certificate` and `client_key` (this was with TLS; without TLS, tried first: the server at localhost:5432: pg_hba.conf does not let `writer` into `app` from 127.0.0.1 without TLS; choose an `ssl_mode` that encrypts, or add this line to it, above any that rejects, and run SELECT pg_reload_conf(): host \"app\" \"writer\" 127.0.0.1/32 scram-sha-256)";
const NO_CERTIFICATE_AND_ONLY_WITH_TLS: &str = "the server at localhost:5432: `writer` may not log in to `app` without a client certificate; choose the `ssl_mode` verify-full and fill in `client_certificate` and `client_key` (this was with TLS; without TLS, tried next: the server at localhost:5432: pg_hba.conf does not let `writer` into `app` from 127.0.0.1 without TLS; choose an `ssl_mode` that encrypts, or add this line to it, above any that rejects, and run SELECT pg_reload_conf(): host \"app\" \"writer\" 127.0.0.1/32 scram-sha-256)";
const ONLY_WITHOUT_TLS: &str = "the server at localhost:5432: pg_hba.conf does not let `writer` into `app` from 127.0.0.1 with TLS; add this line to it, above any that rejects, and run SELECT pg_reload_conf(): hostssl \"app\" \"writer\" 127.0.0.1/32 scram-sha-256";
const SHORT_KEY: &str = "the certificate of the server at localhost:5432, or one that signed it, has an RSA key of 1024 bits; issue it anew with 2048 to 8192 bits, or with an ECDSA key";
const CLEAR_TEXT: &str = "the server at localhost:5432 asks for the password in clear text over a connection that is not encrypted; it was not sent. Use an `ssl_mode` that encrypts, or scram-sha-256 in pg_hba.conf";

static ROWS: &[Row] = &[
    Row {
        name: "no_tls",
        modes: &MODES,
        parties: |papers, _| (Setup { hba: SCRAM, ..Setup::default() }, given(&papers.authority)),
        refused: &[(&["require", "verify-ca", "verify-full"], NOT_OFFERED)],
        differs: &[],
    },
    Row {
        name: "right",
        modes: &MODES,
        parties: |papers, _| (with(&papers.signed(&good())), given(&papers.authority)),
        refused: &[],
        differs: &[],
    },
    Row {
        name: "rsa_key",
        modes: VERIFYING,
        parties: |papers, _| (with(&papers.signed(&good().key(KeyKind::Rsa(2048)))), given(&papers.authority)),
        refused: &[],
        differs: &[],
    },
    Row {
        name: "ed25519_key",
        modes: &MODES,
        parties: |papers, _| (with(&papers.signed(&good().key(KeyKind::Ed25519))), given(&papers.authority)),
        refused: &[],
        differs: &[],
    },
    Row {
        name: "ed25519_authority",
        modes: VERIFYING,
        parties: |papers, _| {
            let authority = papers.workshop.self_signed(&Subject::authority("Ed25519 authority").key(KeyKind::Ed25519));
            (with(&papers.workshop.signed(&good(), &authority)), given(&authority))
        },
        refused: &[],
        differs: &[(
            VERIFYING,
            "libpq knows no channel binding for a signature by Ed25519 and gives up; we do without",
        )],
    },
    Row {
        name: "self_signed_and_unknown",
        modes: &MODES,
        parties: |papers, _| (with(&papers.workshop.self_signed(&good())), given(&papers.authority)),
        refused: &[(&["verify-ca", "verify-full"], NOT_SIGNED)],
        differs: &[],
    },
    Row {
        name: "self_signed_and_given",
        modes: VERIFYING,
        parties: |papers, _| {
            let itself = papers.workshop.self_signed(&good());
            (with(&itself), given(&itself))
        },
        refused: &[],
        differs: &[],
    },
    Row {
        name: "foreign_authority",
        modes: VERIFYING,
        parties: |papers, _| {
            (with(&papers.workshop.signed(&good(), &papers.other_authority)), given(&papers.authority))
        },
        refused: &[(&["verify-ca", "verify-full"], NOT_SIGNED)],
        differs: &[],
    },
    Row {
        name: "one_of_several_authorities",
        modes: VERIFYING,
        parties: |papers, _| {
            let several = format!("{}\n{}", papers.other_authority.certificate, papers.authority.certificate);
            (with(&papers.signed(&good())), Given { ca: several, client: None })
        },
        refused: &[],
        differs: &[],
    },
    Row {
        name: "intermediate_authority",
        modes: VERIFYING,
        parties: |papers, _| {
            let between = papers.signed(&Subject::authority("Between"));
            let server = papers.workshop.signed(&good(), &between);
            (with(&chain(&server, &between)), given(&papers.authority))
        },
        refused: &[],
        differs: &[],
    },
    Row {
        name: "intermediate_authority_not_sent",
        modes: VERIFYING,
        parties: |papers, _| {
            let between = papers.signed(&Subject::authority("Between"));
            (with(&papers.workshop.signed(&good(), &between)), given(&papers.authority))
        },
        refused: &[(&["verify-ca", "verify-full"], NOT_SIGNED)],
        differs: &[],
    },
    Row {
        name: "intermediate_authority_given",
        modes: VERIFYING,
        parties: |papers, _| {
            let between = papers.signed(&Subject::authority("Between"));
            (with(&papers.workshop.signed(&good(), &between)), given(&between))
        },
        refused: &[],
        differs: &[(&["verify-ca", "verify-full"], "who gives an authority trusts it, whoever signed it")],
    },
    Row {
        name: "short_rsa_key_of_the_authority",
        modes: VERIFYING,
        parties: |papers, _| {
            let authority = papers.workshop.self_signed(&Subject::authority("Short").key(KeyKind::Rsa(1024)));
            (with(&papers.workshop.signed(&good(), &authority)), given(&authority))
        },
        refused: &[(&["verify-ca", "verify-full"], SHORT_KEY)],
        differs: &[],
    },
    Row {
        name: "wrong_name",
        modes: VERIFYING,
        parties: |papers, _| {
            let server = Subject::server("db.example.com", &["DNS:db.example.com", "IP:192.0.2.1"]);
            (with(&papers.signed(&server)), given(&papers.authority))
        },
        refused: &[(
            &["verify-full"],
            "the certificate of the server at localhost:5432 is not for the name in `host` (it is for db.example.com, 192.0.2.1); use a name that it is for, or the mode verify-ca",
        )],
        differs: &[],
    },
    Row {
        name: "common_name_only",
        modes: VERIFYING,
        parties: |papers, _| (with(&papers.signed(&Subject::server("localhost", &[]))), given(&papers.authority)),
        refused: &[],
        differs: &[],
    },
    Row {
        name: "wrong_common_name_only",
        modes: VERIFYING,
        parties: |papers, _| (with(&papers.signed(&Subject::server("db.example.com", &[]))), given(&papers.authority)),
        refused: &[(
            &["verify-full"],
            "the certificate of the server at localhost:5432 is not for the name in `host`; use a name that it is for, or the mode verify-ca",
        )],
        differs: &[],
    },
    Row {
        name: "expired",
        modes: VERIFYING,
        parties: |papers, _| (with(&papers.signed(&good().expired())), given(&papers.authority)),
        refused: &[(&["verify-ca", "verify-full"], EXPIRED)],
        differs: &[],
    },
    Row {
        name: "not_yet_valid",
        modes: VERIFYING,
        parties: |papers, _| (with(&papers.signed(&good().not_yet_valid())), given(&papers.authority)),
        refused: &[(
            &["verify-ca", "verify-full"],
            "the certificate of the server at localhost:5432, or one that signed it, is not valid yet; check the clocks",
        )],
        differs: &[],
    },
    Row {
        name: "expired_authority",
        modes: VERIFYING,
        parties: |papers, _| {
            let authority = papers.workshop.self_signed(&Subject::authority("Old authority").expired());
            (with(&papers.workshop.signed(&good(), &authority)), given(&authority))
        },
        refused: &[(&["verify-ca", "verify-full"], EXPIRED)],
        differs: &[],
    },
    Row {
        name: "for_clients_only",
        modes: VERIFYING,
        parties: |papers, _| {
            let client = papers.signed(&Subject::client("localhost"));
            (with(&client), given(&papers.authority))
        },
        refused: &[(
            &["verify-ca", "verify-full"],
            "the certificate of the server at localhost:5432 is not meant for servers; issue it with the purpose serverAuth",
        )],
        differs: &[],
    },
    Row {
        name: "tls_1_1_only",
        modes: &MODES,
        parties: |papers, _| {
            (Setup { newest_tls: "TLSv1.1", ..with(&papers.signed(&good())) }, given(&papers.authority))
        },
        refused: &[(&["require", "verify-ca", "verify-full"], TLS_1_1)],
        differs: &[],
    },
    Row {
        name: "tls_1_2_only",
        modes: &MODES,
        parties: |papers, _| {
            (Setup { newest_tls: "TLSv1.2", ..with(&papers.signed(&good())) }, given(&papers.authority))
        },
        refused: &[],
        differs: &[],
    },
    Row {
        name: "hostssl_only",
        modes: &MODES,
        parties: |papers, _| {
            let hba = "hostssl all all 127.0.0.1/32 scram-sha-256";
            (Setup { hba, ..with(&papers.signed(&good())) }, given(&papers.authority))
        },
        refused: &[(&["disable"], ONLY_WITH_TLS)],
        differs: &[],
    },
    Row {
        name: "hostnossl_only",
        modes: &MODES,
        parties: |papers, _| {
            let hba = "hostnossl all all 127.0.0.1/32 scram-sha-256";
            (Setup { hba, ..with(&papers.signed(&good())) }, given(&papers.authority))
        },
        refused: &[(&["require", "verify-ca", "verify-full"], ONLY_WITHOUT_TLS)],
        differs: &[],
    },
    Row {
        name: "client_certificate_instead_of_password",
        modes: &["require", "verify-full"],
        parties: |papers, role| {
            let client = papers.signed(&Subject::client(role));
            (needs_certificate(papers, "cert"), Given { client: Some(client), ..given(&papers.authority) })
        },
        refused: &[(&["require"], NO_CERTIFICATE)],
        differs: &[],
    },
    Row {
        name: "client_certificate_and_password",
        modes: &["require", "verify-full"],
        parties: |papers, role| {
            let client = papers.signed(&Subject::client(role));
            let server = needs_certificate(papers, "scram-sha-256 clientcert=verify-full");
            (server, Given { client: Some(client), ..given(&papers.authority) })
        },
        refused: &[(&["require"], NO_CERTIFICATE)],
        differs: &[],
    },
    Row {
        name: "client_certificate_missing",
        modes: &MODES,
        parties: |papers, _| (needs_certificate(papers, "cert"), given(&papers.authority)),
        refused: &[
            (&["disable"], ONLY_WITH_TLS),
            (&["allow"], ONLY_WITH_TLS_AND_NO_CERTIFICATE),
            (&["prefer"], NO_CERTIFICATE_AND_ONLY_WITH_TLS),
            (&["require", "verify-ca", "verify-full"], NO_CERTIFICATE),
        ],
        differs: &[],
    },
    Row {
        name: "client_certificate_of_another_role",
        modes: &["require", "verify-full"],
        parties: |papers, _| {
            let client = papers.signed(&Subject::client("somebody_else"));
            (needs_certificate(papers, "cert"), Given { client: Some(client), ..given(&papers.authority) })
        },
        refused: &[
            (&["require"], NO_CERTIFICATE),
            (
                &["verify-full"],
                "the server at localhost:5432: the client certificate is not that of `writer`: its common name must be the name of the role, or pg_ident.conf must map it",
            ),
        ],
        differs: &[],
    },
    Row {
        name: "client_certificate_of_a_foreign_authority",
        modes: &["require", "verify-full"],
        parties: |papers, role| {
            let client = papers.workshop.signed(&Subject::client(role), &papers.other_authority);
            (needs_certificate(papers, "cert"), Given { client: Some(client), ..given(&papers.authority) })
        },
        refused: &[
            (&["require"], NO_CERTIFICATE),
            (
                &["verify-full"],
                "the server at localhost:5432 refuses the client certificate: none of the authorities in its `ssl_ca_file` signed it",
            ),
        ],
        differs: &[],
    },
    Row {
        name: "client_certificate_expired",
        modes: &["require", "verify-full"],
        parties: |papers, role| {
            let client = papers.signed(&Subject::client(role).expired());
            (needs_certificate(papers, "cert"), Given { client: Some(client), ..given(&papers.authority) })
        },
        refused: &[
            (&["require"], NO_CERTIFICATE),
            (
                &["verify-full"],
                "the server at localhost:5432 refuses the client certificate: it has expired; issue a new one",
            ),
        ],
        differs: &[],
    },
    Row {
        name: "clear_text_password_with_tls",
        modes: &MODES,
        parties: |papers, _| {
            let hba = "host all all 127.0.0.1/32 password";
            (Setup { hba, ..with(&papers.signed(&good())) }, given(&papers.authority))
        },
        refused: &[(&["disable"], CLEAR_TEXT)],
        differs: &[
            (&["disable"], "no password goes in clear text over a connection without TLS"),
            (&["allow"], "nor here: TLS is taken instead"),
        ],
    },
    Row {
        name: "clear_text_password_without_tls",
        modes: &MODES,
        parties: |papers, _| {
            let hba = "host all all 127.0.0.1/32 password";
            (Setup { hba, ..Setup::default() }, given(&papers.authority))
        },
        refused: &[
            (&["disable", "prefer"], CLEAR_TEXT),
            (&["allow"], CLEAR_TEXT_AND_NOT_OFFERED),
            (&["require", "verify-ca", "verify-full"], NOT_OFFERED),
        ],
        differs: &[(&["disable", "allow", "prefer"], "no password goes in clear text over a connection without TLS")],
    },
];

fn start() -> (TlsServer, Papers) {
    (TlsServer::start(), Papers::new())
}

fn good() -> Subject {
    Subject::server("server", &["DNS:localhost", "IP:127.0.0.1"])
}

fn with(identity: &Identity) -> Setup {
    Setup { identity: Some(identity.clone()), hba: SCRAM, ..Setup::default() }
}

fn needs_certificate(papers: &Papers, method: &str) -> Setup {
    let hba = match method {
        "cert" => "hostssl all all 127.0.0.1/32 cert",
        _ => "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
    };
    Setup { client_authority: Some(papers.authority.certificate.clone()), hba, ..with(&papers.signed(&good())) }
}

fn given(authority: &Identity) -> Given {
    Given { ca: authority.certificate.clone(), client: None }
}

fn chain(identity: &Identity, between: &Identity) -> Identity {
    Identity { certificate: format!("{}{}", identity.certificate, between.certificate), key: identity.key.clone() }
}

impl Papers {
    fn new() -> Self {
        let workshop = Workshop::new();
        let authority = workshop.self_signed(&Subject::authority("Authority"));
        let other_authority = workshop.self_signed(&Subject::authority("Other authority"));
        Self { workshop, authority, other_authority }
    }

    fn signed(&self, subject: &Subject) -> Identity {
        self.workshop.signed(subject, &self.authority)
    }
}

fn run(row: &'static Row, shared: &Shared) -> Result<(), Failed> {
    let mut shared = shared.lock().unwrap_or_else(|broken| broken.into_inner());
    let (server, papers) = shared.get_or_insert_with(start);
    let (setup, given) = (row.parties)(papers, &server.database().writer);
    server.set_up(&setup)?;

    let mut config = server.database().config();
    config["host"] = json!("localhost");
    config["ssl"] = json!(true);
    let psql = Psql::new(&config, "127.0.0.1");
    let mut report = String::new();
    std::thread::scope(|scope| {
        let start = |&mode| {
            let name = format!("{}/{mode}", row.name);
            let mut psql = psql.mode(mode);
            let mut config = config.clone();
            config["ssl_mode"] = ssl_mode(mode, &given);
            config["jdbc_url_params"] = json!(format!("ApplicationName={name}"));
            if mode.starts_with("verify") {
                psql = psql.authority(&given.ca);
            }
            if let (Some(client), "verify-full") = (&given.client, mode) {
                psql = psql.client(&client.certificate, &client.key);
            }
            let cell = move || (mode, psql.encrypted(), Connector::check(&config).run(b""), name);
            scope.spawn(cell)
        };
        let cells: Vec<_> = row.modes.iter().map(start).collect();
        for cell in cells {
            let (mode, libpq, outcome, name) = cell.join().expect("a cell ends");
            if let Err(what) = judge(row, mode, &libpq, &outcome, &server.log(), &name, &config) {
                let _ = writeln!(report, "{mode}: {what}");
            }
        }
    });
    if report.is_empty() { Ok(()) } else { Err(report.into()) }
}

fn ssl_mode(mode: &str, given: &Given) -> Value {
    match (mode, &given.client) {
        ("verify-ca", _) => json!({"mode": mode, "ca_certificate": given.ca}),
        ("verify-full", Some(client)) => json!({
            "mode": mode,
            "ca_certificate": given.ca,
            "client_certificate": client.certificate,
            "client_key": client.key,
        }),
        ("verify-full", None) => json!({"mode": mode, "ca_certificate": given.ca}),
        _ => json!({"mode": mode}),
    }
}

/// Compares one cell with libpq and with the row.
fn judge(
    row: &Row,
    mode: &str,
    libpq: &Result<bool, String>,
    outcome: &Outcome,
    log: &str,
    name: &str,
    config: &Value,
) -> Result<(), String> {
    let ours = match outcome.checked() {
        Ok(()) => {
            let told = format!("application_name={name}");
            let mut logins = log.lines().filter(|line| line.contains(&format!("{told} ")) || line.ends_with(&told));
            let login = logins.next().ok_or("the server knows of no login")?;
            described(outcome, login, mode)?;
            Ok(login.contains("SSL enabled"))
        }
        Err(text) => {
            let text = text.replace(&format!(":{}", config["port"]), ":5432");
            let text = text.replace(config["username"].as_str().unwrap_or_default(), "writer");
            let text = text.replace(config["database"].as_str().unwrap_or_default(), "app");
            // As 14 and later say it.
            Err(text.replace("SSL off", "no encryption").replace("SSL on", "SSL encryption"))
        }
    };
    let alike = match (&ours, libpq) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(_), Err(_)) => true,
        _ => false,
    };
    let listed = row.differs.iter().any(|(modes, _)| modes.contains(&mode));
    if alike == listed {
        return Err(format!("libpq: {libpq:?}, check: {ours:?}, listed as different: {listed}"));
    }
    let wanted = row.refused.iter().find(|(modes, _)| modes.contains(&mode)).map(|(_, text)| *text);
    match (wanted, ours) {
        (None, Ok(_)) => Ok(()),
        (Some(wanted), Err(text)) if wanted == text => Ok(()),
        (wanted, ours) => Err(format!("\n  wanted {wanted:?}\n  got    {ours:?}")),
    }
}

/// That `check` says of the encryption what the server says in the line of its log.
fn described(outcome: &Outcome, login: &str, mode: &str) -> Result<(), String> {
    let lines = outcome.messages_of("LOG");
    let mut lines = lines.iter().filter_map(|line| line["log"]["message"].as_str());
    let told = lines.rfind(|line| line.starts_with("check: ok: TLS: ")).ok_or("no line about TLS")?;
    let part = |name: &str| login.split_once(name).map(|(_, rest)| rest.split(',').next().unwrap_or_default());
    let right = match (part("protocol="), part("cipher=")) {
        (Some(protocol), Some(cipher)) => {
            let verified = match mode {
                "verify-ca" => "the certificate is verified, its name is not",
                "verify-full" => "the certificate and its name are verified",
                _ => "the certificate is not verified",
            };
            // OpenSSL has names of its own up to 1.2.
            let plain =
                told.replace("TLS_ECDHE", "ECDHE").replace("_WITH_", "_").replace("AES_", "AES").replace('_', "-");
            let cipher = cipher.replace("AES_", "AES").replace('_', "-");
            told.starts_with(&format!("check: ok: TLS: encrypted with {protocol}, "))
                && plain.contains(&format!(" {cipher};"))
                && told.ends_with(verified)
        }
        _ => told.starts_with("check: ok: TLS: not encrypted: "),
    };
    if right { Ok(()) } else { Err(format!("{told:?} where the server says {login:?}")) }
}
