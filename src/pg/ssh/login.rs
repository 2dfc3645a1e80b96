//! How we log in at the bastion.

use std::sync::{Arc, PoisonError};

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::watcher::Watcher;
use super::{Bastion, Credential, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::secret::Secret;

impl Bastion {
    /// Logs in.
    ///
    /// # Errors
    /// What the bastion refuses, and what it would accept.
    pub(super) async fn authenticate(&self, session: &mut Session) -> Result<()> {
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
