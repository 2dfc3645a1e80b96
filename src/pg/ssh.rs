//! The way through an SSH bastion. With its submodules the only one that knows russh.
//!
//! Owns: the SSH session, shared by all connections of a run and opened again when it is dead. [`handshake`] opens it,
//! [`login`] logs in, [`forward`] opens a channel to the database; the database connection runs over that channel, and
//! no local port is opened.
//! Invariant: nothing that authenticates us is sent before the bastion's host key is accepted.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use russh::client::Handle;
use russh::keys::PublicKey;
use tokio::time::Instant;

pub use self::key_pair::KeyPair;

use self::forward::Forwarded;
use self::host_key::Pins;
use self::login::Credentials;
use self::silence::Silence;
use self::watcher::{Events, Watcher};
use super::clean;
use super::report::Report;
use super::tcp::address;
use crate::config::{Config, Tunnel};
use crate::error::{Error, ErrorKind, Result};

mod algorithms;
mod forward;
mod handshake;
mod host_key;
mod key_pair;
mod login;
mod private_key;
mod silence;
mod watcher;

/// A bastion, and the session with it if there is one.
pub(super) struct Bastion {
    host: String,
    port: u16,
    source: Option<IpAddr>,
    user: String,
    credentials: Credentials,
    pins: Arc<Pins>,
    target: (String, u16),
    report: Report,
    censor: Censor,
    seen: Arc<Mutex<Option<PublicKey>>>,
    warned: AtomicBool,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

/// Texts that no message may hold, whatever the bastion says.
#[derive(Clone, Default)]
struct Censor(Arc<[String]>);

impl Censor {
    /// The bastion's words, fit for a message.
    fn clean(&self, text: &str) -> String {
        let secrets: Vec<&str> = self.0.iter().map(String::as_str).collect();
        clean(text, &secrets)
    }
}

struct Session {
    handle: Handle<Watcher>,
    events: Arc<Events>,
    silence: Silence,
}

impl Bastion {
    /// Reads keys and pins; nothing is connected yet. None without a tunnel.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the field that cannot be used.
    pub(super) fn new(config: &Config, report: &Report) -> Result<Option<Self>> {
        let (Tunnel::Key { host, port, user, host_key, .. } | Tunnel::Password { host, port, user, host_key, .. }) =
            &config.tunnel
        else {
            return Ok(None);
        };
        let Some(credentials) = Credentials::new(&config.tunnel)? else { return Ok(None) };
        Ok(Some(Self {
            host: host.clone(),
            port: *port,
            source: config.source_address,
            user: user.clone(),
            credentials,
            pins: Arc::new(host_key.as_deref().map(Pins::parse).transpose()?.unwrap_or_default()),
            target: (config.host.clone(), config.port),
            report: report.clone(),
            censor: Censor(config.secrets().into_iter().map(str::to_owned).collect()),
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
    pub(super) async fn open(&self, deadline: Instant) -> Result<Forwarded> {
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
            let Some(silence) = session.silence.too_long() else { return Ok((Arc::clone(session), false)) };
            let (bastion, seconds) = (self.place(), silence.as_secs());
            self.report.warn(&format!(
                "through {bastion} nothing has come back for {seconds} seconds, though it gives signs of life: the SSH \
                 session is left for a new one"
            ));
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
