//! What the bastion says on its own: its host key, why it does not forward, why it hangs up.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, DisconnectReason};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{ChannelOpenFailure, Disconnect, Names};
use tokio::sync::Notify;

use super::Censor;
use super::algorithms::safe_without_strict;
use super::host_key::Pins;

/// What the bastion tells beside the answers to our requests.
#[derive(Default)]
pub(super) struct Events {
    /// The host key of the session.
    pub(super) host_key: Mutex<Option<PublicKey>>,
    /// Why the last connection was not forwarded.
    pub(super) forward_refusal: Mutex<Option<String>>,
    /// Rings after each such text.
    pub(super) forward_refused: Notify,
    /// The bastion's words, when it ended the session for failed logins.
    pub(super) login_ended: Mutex<Option<String>>,
}

/// Accepts the host key, and keeps what the bastion tells.
pub(super) struct Watcher {
    /// Who the bastion must be.
    pub(super) pins: Arc<Pins>,
    /// The host key that was accepted without a pin, for all sessions of a run.
    pub(super) seen: Arc<Mutex<Option<PublicKey>>>,
    /// What is taken out of its words.
    pub(super) censor: Censor,
    /// Where the news goes.
    pub(super) events: Arc<Events>,
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// The host key is another one than in an earlier session of this run.
    Changed(Box<PublicKey>, Box<PublicKey>),
    /// The server does not know strict key exchange, and picked what is not safe without it.
    NotStrict,
    /// The host key is pinned as not to be trusted.
    Revoked(Box<PublicKey>),
    /// The protocol failed.
    Ssh(russh::Error),
    /// The host key is not among those pinned.
    WrongKey(Box<PublicKey>),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl client::Handler for Watcher {
    type Error = Failure;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> std::result::Result<bool, Failure> {
        let key = shown.public_key();
        *self.events.host_key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        if self.pins.revoked.iter().any(|revoked| revoked.key_data() == key.key_data()) {
            return Err(Failure::Revoked(Box::new(key)));
        }
        if !self.pins.is_empty() {
            return if self.pins.accept(&key) { Ok(true) } else { Err(Failure::WrongKey(Box::new(key))) };
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.as_ref() {
            Some(before) if before.key_data() != key.key_data() => {
                Err(Failure::Changed(Box::new(before.clone()), Box::new(key)))
            }
            Some(_) => Ok(true),
            None => {
                *seen = Some(key);
                Ok(true)
            }
        }
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        _session: &mut client::Session,
    ) -> std::result::Result<(), Failure> {
        if names.strict_kex() || safe_without_strict(names) { Ok(()) } else { Err(Failure::NotStrict) }
    }

    async fn channel_open_failure(
        &mut self,
        _channel: russh::ChannelId,
        _reason: ChannelOpenFailure,
        description: &str,
        _language: &str,
        _session: &mut client::Session,
    ) -> std::result::Result<(), Failure> {
        let said = self.censor.clean(description);
        *self.events.forward_refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        self.events.forward_refused.notify_one();
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> std::result::Result<(), Failure> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                // OpenSSH says "Too many authentication failures" under the code for protocol errors.
                let login =
                    matches!(info.reason_code, Disconnect::NoMoreAuthMethodsAvailable | Disconnect::IllegalUserName)
                        || info.message.to_lowercase().contains("authentication failure");
                if login {
                    let said = self.censor.clean(&info.message);
                    *self.events.login_ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
                }
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
