//! The way through an SSH bastion. With its submodules the only one that knows russh.
//!
//! Owns: the SSH session, shared by all connections of a run and opened again when it is dead; who the bastion must be;
//! how we log in there. The database connection runs over a channel of the session: no local port is opened.
//! Invariant: nothing that authenticates us is sent before the bastion's host key is accepted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{AlgorithmKind, ChannelOpenFailure, ChannelStream, MethodKind, MethodSet};
use tokio::time::{Instant, timeout, timeout_at};

use self::algorithms::session_config;
use self::host_key::{Pins, kind_of};
use self::watcher::{Events, Failure, Watcher};
use super::clean;
use super::connect::{Peer, Warn, address, tcp};
use crate::config::{Config, Tunnel};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::secret::Secret;

mod algorithms;
mod host_key;
mod private_key;
mod watcher;

/// The field that pins the bastion's host key.
const HOST_KEY: &str = "tunnel_method.tunnel_host_key";

/// A bastion, and the session with it if there is one.
pub(super) struct Bastion {
    host: String,
    port: u16,
    user: String,
    credential: Credential,
    pins: Arc<Pins>,
    target: (String, u16),
    warn: Warn,
    seen: Arc<Mutex<Option<PublicKey>>>,
    warned: AtomicBool,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

/// What we log in with.
enum Credential {
    Key(Arc<PrivateKey>),
    Password(Secret),
}

struct Session {
    handle: Handle<Watcher>,
    events: Arc<Events>,
}

impl Bastion {
    /// Reads keys and pins; nothing is connected yet. None without a tunnel.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the field that cannot be used.
    pub(super) fn new(config: &Config, warn: &Warn) -> Result<Option<Self>> {
        let (host, port, user, host_key, credential) = match &config.tunnel {
            Tunnel::None => return Ok(None),
            Tunnel::Key { host, port, user, key, passphrase, host_key } => {
                let key = private_key::load(key.as_ref(), passphrase.as_ref())?;
                (host, *port, user, host_key, Credential::Key(Arc::new(key)))
            }
            Tunnel::Password { host, port, user, password, host_key } => {
                (host, *port, user, host_key, Credential::Password(password.clone()))
            }
        };
        Ok(Some(Self {
            host: host.clone(),
            port,
            user: user.clone(),
            credential,
            pins: Arc::new(host_key.as_deref().map(Pins::parse).transpose()?.unwrap_or_default()),
            target: (config.host.clone(), config.port),
            warn: warn.clone(),
            seen: Arc::default(),
            warned: AtomicBool::new(false),
            session: tokio::sync::Mutex::default(),
        }))
    }

    /// Whether the bastion must have a given host key.
    pub(super) fn is_verified(&self) -> bool {
        !self.pins.is_empty()
    }

    /// A stream to the database server, over the session that is open or over a new one.
    pub(super) async fn open(&self, deadline: Instant) -> Result<ChannelStream<client::Msg>> {
        let (session, is_new) = self.session(deadline).await?;
        match self.forward(&session, deadline).await {
            Ok(stream) => return Ok(stream),
            Err(failed) if failed.session_is_dead => {
                self.forget(&session).await;
                if is_new || Instant::now() >= deadline {
                    return Err(failed.error);
                }
            }
            Err(failed) => return Err(failed.error),
        }
        let (session, _) = self.session(deadline).await?;
        self.forward(&session, deadline).await.map_err(|failed| failed.error)
    }

    fn place(&self) -> String {
        format!("the SSH bastion at {}", address(&self.host, self.port))
    }

    fn error(&self, kind: ErrorKind, text: &str) -> Error {
        Error::new(kind, format!("{} {text}", self.place()))
    }

    /// The session that is open, or a new one; and whether it is new.
    async fn session(&self, deadline: Instant) -> Result<(Arc<Session>, bool)> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.handle.is_closed()) {
            return Ok((Arc::clone(session), false));
        }
        *slot = None;
        let session = Arc::new(self.start(deadline).await?);
        *slot = Some(Arc::clone(&session));
        Ok((session, true))
    }

    async fn forget(&self, session: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        if slot.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, session)) {
            *slot = None;
        }
    }

    async fn start(&self, deadline: Instant) -> Result<Session> {
        let mut algorithms = self.pins.algorithms();
        let mut presented: Option<PublicKey> = None;
        let (handle, events) = loop {
            let socket = tcp(&self.host, self.port, deadline, &BASTION).await?;
            let events = Arc::new(Events::default());
            let watcher =
                Watcher { pins: Arc::clone(&self.pins), seen: Arc::clone(&self.seen), events: Arc::clone(&events) };
            let config = Arc::new(session_config(&algorithms));
            match timeout_at(deadline, client::connect_stream(config, socket, watcher)).await {
                Ok(Ok(handle)) => break (handle, events),
                // A fingerprint does not tell which of its keys the bastion has to show, so the others are asked for.
                Ok(Err(Failure::WrongKey(key))) => {
                    algorithms.retain(|algorithm| kind_of(algorithm) != kind_of(&key.algorithm()));
                    let key = presented.get_or_insert(*key);
                    if algorithms.is_empty() || self.pins.fingerprints.is_empty() {
                        return Err(self.wrong_key(key));
                    }
                }
                Ok(Err(Failure::Ssh(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. })))
                    if presented.is_some() =>
                {
                    return Err(presented
                        .map_or_else(|| self.error(ErrorKind::Config, "has no host key"), |key| self.wrong_key(&key)));
                }
                Ok(Err(failure)) => return Err(self.handshake_failed(failure)),
                Err(_) => {
                    let text = "accepts the connection but does not end the SSH handshake in time; check that \
                                `tunnel_method.tunnel_port` is that of an SSH server";
                    return Err(self.error(ErrorKind::Connection, text));
                }
            }
        };
        self.warn_unless_pinned();
        let mut session = Session { handle, events };
        match timeout_at(deadline, self.authenticate(&mut session)).await {
            Ok(done) => done.map(|()| session),
            Err(_) => Err(self.error(ErrorKind::Connection, "does not end the login in time")),
        }
    }

    /// Shows the host key that was accepted without being expected, once a run.
    fn warn_unless_pinned(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(key) = seen.filter(|_| !self.is_verified() && !self.warned.swap(true, Ordering::Relaxed)) else {
            return;
        };
        let host = if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) };
        self.warn.say(&format!(
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

    fn handshake_failed(&self, failure: Failure) -> Error {
        let error = match failure {
            Failure::Ssh(error) => error,
            Failure::WrongKey(key) => return self.wrong_key(&key),
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
            russh::Error::NoCommonAlgo { kind, theirs, .. } => {
                let theirs = clean(&theirs.join(", "), &[]);
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
                "breaks the connection during the SSH handshake; it may have too many connections (MaxStartups) or \
                refuse \
                 this address",
            ),
        }
        .with_source(error)
    }

    async fn authenticate(&self, session: &mut Session) -> Result<()> {
        let outcome = match &self.credential {
            Credential::Key(key) => self.log_in_with_key(&mut session.handle, key).await,
            Credential::Password(password) => self.log_in_with_password(&mut session.handle, password).await,
        };
        let refused = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(refused)) => refused,
            Err(Problem::Ours(error)) => return Err(error),
            Err(Problem::Session(error)) => {
                return Err(self
                    .error(ErrorKind::Connection, "breaks the connection during the login")
                    .with_source(error));
            }
        };
        let ended = session.events.login_ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if refused.methods.is_empty() && session.handle.is_closed() && ended.is_none() {
            return Err(self.error(ErrorKind::Connection, "breaks the connection during the login"));
        }
        let methods: Vec<&str> = refused.methods.iter().map(<&str>::from).collect();
        let methods = if methods.is_empty() { "not said".to_owned() } else { methods.join(", ") };
        let user = &self.user;
        let text = match (&self.credential, refused.partial) {
            (_, true) => format!(
                "accepts the login of `{user}` only with a second factor ({methods}), which is not supported; allow \
                this \
                 user to log in with one"
            ),
            (Credential::Key(key), false) => format!(
                "refuses the key of `{user}` ({}); check `tunnel_method.tunnel_user`, and that this key is in the \
                user's \
                 authorized_keys (methods it accepts: {methods})",
                key.public_key().fingerprint(HashAlg::Sha256)
            ),
            (Credential::Password(_), false) => format!(
                "refuses the password of `{user}`; check `tunnel_method.tunnel_user` and \
                 `tunnel_method.tunnel_user_password` (methods it accepts: {methods})"
            ),
        };
        let error = self.error(ErrorKind::Config, &text);
        Err(match ended {
            Some(said) => error.with_source(format!("the bastion says: {said}")),
            None => error,
        })
    }

    async fn log_in_with_key(
        &self,
        handle: &mut Handle<Watcher>,
        key: &Arc<PrivateKey>,
    ) -> std::result::Result<Option<Refused>, Problem> {
        let hashes = match key.algorithm() {
            Algorithm::Rsa { .. } => match handle.best_supported_rsa_hash().await? {
                Some(Some(hash)) => vec![Some(hash)],
                Some(None) => {
                    let text = "accepts RSA keys only with SHA-1 signatures, which are not safe; use an Ed25519 key, \
                    or \
                                update its SSH server";
                    return Err(Problem::Ours(self.error(ErrorKind::Config, text)));
                }
                None => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
            },
            _ => vec![None],
        };
        let mut refused = Refused { methods: MethodSet::empty(), partial: false };
        for hash in hashes {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            match handle.authenticate_publickey(&self.user, key).await? {
                AuthResult::Success => return Ok(None),
                AuthResult::Failure { remaining_methods, partial_success } => {
                    refused = Refused { methods: remaining_methods, partial: partial_success };
                }
            }
            if refused.partial || handle.is_closed() {
                break;
            }
        }
        Ok(Some(refused))
    }

    /// By the method that the bastion offers: the password is sent once, as some count failures.
    async fn log_in_with_password(
        &self,
        handle: &mut Handle<Watcher>,
        password: &Secret,
    ) -> std::result::Result<Option<Refused>, Problem> {
        let offered = match handle.authenticate_none(&self.user).await? {
            AuthResult::Success => return Ok(None),
            AuthResult::Failure { remaining_methods, .. } => remaining_methods,
        };
        if offered.contains(&MethodKind::Password) {
            return Ok(match handle.authenticate_password(&self.user, password.expose()).await? {
                AuthResult::Success => None,
                AuthResult::Failure { remaining_methods, partial_success } => {
                    Some(Refused { methods: remaining_methods, partial: partial_success })
                }
            });
        }
        if !offered.contains(&MethodKind::KeyboardInteractive) {
            if offered.is_empty() {
                return Ok(Some(Refused { methods: offered, partial: false }));
            }
            let methods: Vec<&str> = offered.iter().map(<&str>::from).collect();
            let text = format!("accepts no password, only: {}; choose another tunnel method", methods.join(", "));
            return Err(Problem::Ours(self.error(ErrorKind::Config, &text)));
        }
        let mut answer = handle.authenticate_keyboard_interactive_start(&self.user, None).await?;
        let mut given = false;
        for _ in 0..limits::SSH_PROMPT_ROUNDS {
            let prompts = match answer {
                Answer::Success => return Ok(None),
                Answer::Failure { remaining_methods, partial_success } => {
                    return Ok(Some(Refused { methods: remaining_methods, partial: partial_success }));
                }
                Answer::InfoRequest { prompts, .. } => prompts.len(),
            };
            let answers = match prompts {
                0 => Vec::new(),
                1 if !given => {
                    given = true;
                    vec![password.expose().to_owned()]
                }
                _ => break,
            };
            answer = handle.authenticate_keyboard_interactive_respond(answers).await?;
        }
        let text = format!("asks `{}` for more than a password, which is not supported", self.user);
        Err(Problem::Ours(self.error(ErrorKind::Config, &text)))
    }

    async fn forward(
        &self,
        session: &Session,
        deadline: Instant,
    ) -> std::result::Result<ChannelStream<client::Msg>, ForwardFailed> {
        let (host, port) = (&self.target.0, self.target.1);
        let server = address(host, port);
        let opened = session.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let error = match timeout_at(deadline, opened).await {
            Ok(Ok(channel)) => return Ok(channel.into_stream()),
            Ok(Err(error)) => error,
            Err(_) => {
                let text =
                    format!("does not reach the database server at {server} in time; a firewall may be in between");
                let error = self.error(ErrorKind::Connection, &text);
                return Err(ForwardFailed { error, session_is_dead: true });
            }
        };
        let russh::Error::ChannelOpenFailure(reason) = &error else {
            let error = self.error(ErrorKind::Connection, "has ended the SSH session").with_source(error);
            return Err(ForwardFailed { error, session_is_dead: true });
        };
        let said = match reason {
            // The text follows the reason at once, but by another way.
            ChannelOpenFailure::ConnectFailed => {
                let _ = timeout(FORWARD_TEXT_WAIT, session.events.forward_refused.notified()).await;
                session.events.forward_refusal.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
            }
            _ => String::new(),
        };
        let (kind, text) = forward_refused(reason, &said, &server);
        Err(ForwardFailed { error: self.error(kind, &text).with_source(error), session_is_dead: false })
    }
}

/// What it means that the bastion does not forward. `said` is its explanation, already clean.
fn forward_refused(reason: &ChannelOpenFailure, said: &str, server: &str) -> (ErrorKind, String) {
    let lower = said.to_lowercase();
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => {
            let text = format!(
                "does not allow this user to reach {server}; its administrator must allow it (AllowTcpForwarding, \
                PermitOpen)"
            );
            (ErrorKind::Config, text)
        }
        ChannelOpenFailure::ConnectFailed
            if ["name or service", "not known", "resolve", "no address", "nodename"]
                .iter()
                .any(|t| lower.contains(t)) =>
        {
            (
                ErrorKind::Config,
                format!("cannot resolve the host name of the database server at {server}; check `host` ({said})"),
            )
        }
        ChannelOpenFailure::ConnectFailed => {
            let said = if said.is_empty() { "no reason given" } else { said };
            (
                ErrorKind::Connection,
                format!("cannot reach the database server at {server} ({said}); check `host` and `port`"),
            )
        }
        ChannelOpenFailure::UnknownChannelType => {
            (ErrorKind::Config, "does not know how to forward connections; use another SSH server".to_owned())
        }
        ChannelOpenFailure::ResourceShortage => {
            (ErrorKind::ServerUnavailable, format!("has no resources left to reach {server}"))
        }
        ChannelOpenFailure::Other { code, .. } => {
            (ErrorKind::Connection, format!("does not reach the database server at {server} (code {code})"))
        }
    }
}

const BASTION: Peer =
    Peer { what: "the SSH bastion", fields: "`tunnel_method.tunnel_host` and `tunnel_method.tunnel_port`" };

/// How long the bastion's words about a refusal are waited for.
const FORWARD_TEXT_WAIT: Duration = Duration::from_millis(200);

struct ForwardFailed {
    error: Error,
    session_is_dead: bool,
}

/// A login that was refused, and what the bastion would accept.
struct Refused {
    methods: MethodSet,
    partial: bool,
}

/// Why a login came to no answer.
enum Problem {
    Ours(Error),
    Session(russh::Error),
}

impl From<russh::Error> for Problem {
    fn from(error: russh::Error) -> Self {
        Self::Session(error)
    }
}

#[cfg(test)]
mod tests;
