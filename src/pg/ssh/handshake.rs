//! A new SSH session: the connection, the host key, the algorithms.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use russh::keys::{HashAlg, PublicKey};
use russh::{AlgorithmKind, client};
use tokio::time::{Instant, sleep, timeout_at};

use super::algorithms::session_config;
use super::host_key::{HOST_KEY, kind_of};
use super::silence::Silence;
use super::watcher::{Events, Failure, Watcher};
use super::{Bastion, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::report::Step;
use crate::pg::tcp::{Peer, tcp};

const BASTION: Peer = Peer {
    what: "the SSH bastion",
    fields: "`tunnel_method.tunnel_host` and `tunnel_method.tunnel_port`",
    listens: "its SSH server listens there",
};

const NOT_STRICT: &str = "does not know strict key exchange, and without it its ciphers are open to an attack \
                          (Terrapin, CVE-2023-48795); update its SSH server, or let it offer AES-GCM";

impl Bastion {
    /// A session that is logged in.
    pub(super) async fn start(&self, deadline: Instant) -> Result<Session> {
        let mut algorithms = self.pins.algorithms();
        let mut presented: Option<PublicKey> = None;
        let mut strict = true;
        let mut breaks = 0;
        let (handle, events) = loop {
            let socket = tcp((&self.host, self.port), self.source, deadline, &BASTION, &self.report).await?;
            self.report.begun(Step::SshHandshake);
            let events = Arc::new(Events::default());
            let watcher = Watcher {
                pins: Arc::clone(&self.pins),
                seen: Arc::clone(&self.seen),
                censor: self.censor.clone(),
                events: Arc::clone(&events),
            };
            let config = Arc::new(session_config(&algorithms, strict));
            match timeout_at(deadline, client::connect_stream(config, socket, watcher)).await {
                Ok(Ok(handle)) => break (handle, events),
                // Neither fingerprints nor lines of several hosts tell which of its keys the bastion has to show, so the
                // others are asked for.
                Ok(Err(Failure::WrongKey(key))) => {
                    algorithms.retain(|algorithm| kind_of(algorithm) != kind_of(&key.algorithm()));
                    let key = presented.get_or_insert(*key);
                    if algorithms.is_empty() {
                        return Err(self.wrong_key(key));
                    }
                }
                Ok(Err(Failure::Ssh(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. })))
                    if presented.is_some() =>
                {
                    return Err(presented
                        .map_or_else(|| self.error(ErrorKind::Config, "has no host key"), |key| self.wrong_key(&key)));
                }
                Ok(Err(Failure::NotStrict)) if strict => strict = false,
                // A bastion with too many logins at once hangs up on some of them.
                Ok(Err(Failure::Ssh(russh::Error::Disconnect | russh::Error::IO(_))))
                    if breaks < limits::SSH_HANDSHAKE_REPEATS
                        && Instant::now() + limits::SSH_HANDSHAKE_PAUSE < deadline =>
                {
                    breaks += 1;
                    sleep(limits::SSH_HANDSHAKE_PAUSE).await;
                }
                Ok(Err(failure)) => return Err(self.handshake_failed(failure, strict)),
                Err(_) => {
                    let text = "accepts the connection but does not end the SSH handshake in time; check that \
                                `tunnel_method.tunnel_port` is that of an SSH server";
                    return Err(self.error(ErrorKind::Connection, text));
                }
            }
        };
        self.report.done(Step::SshHandshake, &self.host_key_shown(&events));
        self.warn_unless_pinned();
        self.report.begun(Step::SshLogin);
        let mut session = Session { handle, events, silence: Silence::default() };
        match timeout_at(deadline, self.authenticate(&mut session)).await {
            Ok(done) => {
                self.report.done(Step::SshLogin, &format!("as `{}` with {}", self.user, done?));
                Ok(session)
            }
            Err(_) => Err(self.error(ErrorKind::Connection, "does not end the login in time")),
        }
    }

    /// The host key that was accepted, and why.
    fn host_key_shown(&self, events: &Events) -> String {
        let key = events.host_key.lock().unwrap_or_else(PoisonError::into_inner).take();
        let key =
            key.map_or_else(String::new, |key| format!(" {} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256)));
        let why = if self.is_verified() { "as pinned" } else { "not pinned, so not verified" };
        format!("host key{key}, {why}")
    }

    /// Shows the host key that was accepted without being expected, once a run.
    fn warn_unless_pinned(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(key) = seen.filter(|_| !self.is_verified() && !self.warned.swap(true, Ordering::Relaxed)) else {
            return;
        };
        let host = if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) };
        self.report.warn(&format!(
            "the host key of {} is not verified, as `{HOST_KEY}` is not set. Its fingerprint is {}; compare it with \
            the \
             bastion's own, then set `{HOST_KEY}` to the fingerprint or to this line: {host} {}",
            self.place(),
            key.fingerprint(HashAlg::Sha256),
            key.to_openssh().unwrap_or_default().trim(),
        ));
    }

    fn wrong_key(&self, key: &PublicKey) -> Error {
        let text = format!(
            "shows a host key that `{HOST_KEY}` does not name: {} {}. Somebody may be in between; if the key was \
            changed on \
             purpose, change `{HOST_KEY}`. Nothing was sent",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256)
        );
        self.error(ErrorKind::Config, &text)
    }

    fn handshake_failed(&self, failure: Failure, strict: bool) -> Error {
        let error = match failure {
            Failure::Ssh(error) => error,
            Failure::WrongKey(key) => return self.wrong_key(&key),
            Failure::NotStrict => return self.error(ErrorKind::Config, NOT_STRICT),
            Failure::Revoked(key) => {
                let text = format!(
                    "shows a host key that `{HOST_KEY}` marks as revoked: {}. Nothing was sent",
                    key.fingerprint(HashAlg::Sha256)
                );
                return self.error(ErrorKind::Config, &text);
            }
            Failure::Changed(before, now) => {
                let text = format!(
                    "showed another host key before: {}, and now {}. Somebody may be in between; if it has several \
                    keys on \
                     purpose, name them all in `{HOST_KEY}`, one a line. Nothing was sent",
                    before.fingerprint(HashAlg::Sha256),
                    now.fingerprint(HashAlg::Sha256)
                );
                return self.error(ErrorKind::Config, &text);
            }
        };
        match &error {
            russh::Error::NoCommonAlgo { kind: AlgorithmKind::Cipher | AlgorithmKind::Mac, .. } if !strict => {
                self.error(ErrorKind::Config, NOT_STRICT)
            }
            russh::Error::NoCommonAlgo { kind, theirs, .. } => {
                let theirs = self.censor.clean(&theirs.join(", "));
                let what = match kind {
                    AlgorithmKind::Kex => "key exchange",
                    AlgorithmKind::Key => "host key",
                    AlgorithmKind::Cipher => "cipher",
                    AlgorithmKind::Compression => "compression",
                    AlgorithmKind::Mac => "message authentication",
                };
                let text = format!(
                    "offers no {what} algorithm that is safe ({theirs}); update its SSH server or its \
                    configuration"
                );
                self.error(ErrorKind::Config, &text)
            }
            russh::Error::Version => {
                self.error(ErrorKind::Config, "does not speak SSH 2; check `tunnel_method.tunnel_port`")
            }
            _ => self.error(
                ErrorKind::Connection,
                "breaks the connection during the SSH handshake; it may have too many connections (MaxStartups), refuse \
                 this address, or have shut it out for a few minutes after failed logins (PerSourcePenalties)",
            ),
        }
        .with_source(error)
    }
}
