//! The way through an SSH bastion. With its submodules the only one that knows russh.
//!
//! Owns: the SSH session, shared by all connections of a run and opened again when it is dead. [`handshake`] opens it,
//! [`login`] logs in, [`forward`] opens a channel to the database; the database connection runs over that channel, and
//! no local port is opened.
//! Invariant: nothing that authenticates us is sent before the bastion's host key is accepted.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use russh::ChannelStream;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use tokio::time::Instant;

use self::host_key::Pins;
use self::watcher::{Events, Watcher};
use super::report::Report;
use super::tcp::address;
use crate::config::{Config, Tunnel};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

mod algorithms;
mod forward;
mod handshake;
mod host_key;
mod login;
mod private_key;
mod watcher;

/// A bastion, and the session with it if there is one.
pub(super) struct Bastion {
    host: String,
    port: u16,
    user: String,
    credential: Credential,
    pins: Arc<Pins>,
    target: (String, u16),
    report: Report,
    seen: Arc<Mutex<Option<PublicKey>>>,
    warned: AtomicBool,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

/// What we log in with.
enum Credential {
    Key(Arc<PrivateKey>),
    Password(Secret),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {}", key.public_key().fingerprint(HashAlg::Sha256)),
            Self::Password(_) => f.write_str("a password"),
        }
    }
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
    pub(super) fn new(config: &Config, report: &Report) -> Result<Option<Self>> {
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
            report: report.clone(),
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
}

#[cfg(test)]
mod tests;
