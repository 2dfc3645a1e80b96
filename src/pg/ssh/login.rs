//! How we log in at the bastion: a key, a password, or both where the bastion wants both.

use std::sync::{Arc, PoisonError};

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::watcher::Watcher;
use super::{Bastion, Session, private_key};
use crate::config::Tunnel;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::secret::Secret;

/// What we log in with.
#[derive(Clone)]
pub(super) struct Credentials {
    /// What the configuration logs in with; the other factor is only shown when the bastion asks for it.
    first: Factor,
    keys: Vec<Arc<PrivateKey>>,
    password: Option<Secret>,
}

/// One way to show who we are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Factor {
    Key,
    Password,
}

/// How a login goes on after the bastion has seen a factor.
enum Verdict {
    In,
    /// The factor was accepted, and one of these is wanted too.
    More(MethodSet),
    Refused(MethodSet),
}

/// Why a login came to no answer.
enum Problem {
    Ours(Error),
    Session(russh::Error),
}

type Step<T> = std::result::Result<T, Problem>;

impl Credentials {
    /// Reads the keys. None without a tunnel.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a key that cannot be used.
    pub(super) fn new(tunnel: &Tunnel) -> Result<Option<Self>> {
        let (first, keys, password) = match tunnel {
            Tunnel::None => return Ok(None),
            Tunnel::Key { key: Some(key), passphrase, password, .. } => {
                (Factor::Key, private_key::from_form(key, passphrase.as_ref())?, password.clone())
            }
            Tunnel::Key { key: None, passphrase, password, .. } => {
                let keys = private_key::from_environment(passphrase.as_ref())?;
                (Factor::Key, keys.ok_or_else(private_key::missing)?, password.clone())
            }
            Tunnel::Password { password, .. } => {
                let keys = private_key::from_environment(None)?.unwrap_or_default();
                (Factor::Password, keys, Some(password.clone()))
            }
        };
        Ok(Some(Self { first, keys: keys.into_iter().map(Arc::new).collect(), password }))
    }

    /// What to show a bastion that accepts these methods.
    fn next(&self, offered: &MethodSet) -> Option<Factor> {
        let key = !self.keys.is_empty() && offered.contains(&MethodKind::PublicKey);
        let password = self.password.is_some() && takes_password(offered);
        match (key, password) {
            (true, true) => Some(self.first),
            (true, false) => Some(Factor::Key),
            (false, true) => Some(Factor::Password),
            (false, false) => None,
        }
    }
}

impl Bastion {
    /// Logs in, and answers with what.
    ///
    /// # Errors
    /// What the bastion refuses, and what it would accept.
    pub(super) async fn authenticate(&self, session: &mut Session) -> Result<String> {
        let error = match self.log_in(&mut session.handle).await {
            Ok(shown) if shown.is_empty() => return Ok("nothing, which is enough there".to_owned()),
            Ok(shown) => return Ok(shown.join(" and ")),
            Err(Problem::Ours(error)) => error,
            Err(Problem::Session(error)) => {
                self.error(ErrorKind::Connection, "breaks the connection during the login").with_source(error)
            }
        };
        match session.events.login_ended.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(said) => Err(error.with_source(format!("the bastion says: {said}"))),
            // Whoever refuses a login answers; who hangs up without a word may do so to anybody.
            None if session.handle.is_closed() => {
                Err(self.error(ErrorKind::Connection, "breaks the connection during the login"))
            }
            None => Err(error),
        }
    }

    async fn log_in(&self, handle: &mut Handle<Watcher>) -> Step<Vec<String>> {
        let mut left = self.credentials.clone();
        let mut accepted: Vec<Factor> = Vec::new();
        let mut shown = Vec::new();
        // This asks for the methods; some bastions let in whoever can reach them.
        let mut offered = match handle.authenticate_none(&self.user).await?.into() {
            Verdict::In => return Ok(shown),
            Verdict::More(methods) | Verdict::Refused(methods) => methods,
        };
        loop {
            let Some(factor) = left.next(&offered) else {
                return Err(Problem::Ours(self.cannot_go_on(&offered, &accepted)));
            };
            let verdict = match factor {
                Factor::Key => {
                    let (verdict, key) = self.show_keys(handle, &mut left.keys).await?;
                    shown.extend(key.map(|key| format!("key {}", key.public_key().fingerprint(HashAlg::Sha256))));
                    verdict
                }
                Factor::Password => {
                    shown.push("a password".to_owned());
                    self.show_password(handle, &mut left.password, &offered).await?
                }
            };
            match verdict {
                Verdict::In => return Ok(shown),
                Verdict::More(methods) => offered = methods,
                Verdict::Refused(methods) => return Err(Problem::Ours(self.refused(factor, &methods, &accepted))),
            }
            accepted.push(factor);
        }
    }

    /// Shows one key after the other; the one that was accepted is taken out of `keys`.
    async fn show_keys(
        &self,
        handle: &mut Handle<Watcher>,
        keys: &mut Vec<Arc<PrivateKey>>,
    ) -> Step<(Verdict, Option<Arc<PrivateKey>>)> {
        let mut refused = MethodSet::empty();
        for at in 0..keys.len() {
            let Some(key) = keys.get(at).filter(|_| !handle.is_closed()) else { break };
            match self.show_key(handle, key).await? {
                Verdict::Refused(methods) => refused = methods,
                verdict => return Ok((verdict, Some(keys.remove(at)))),
            }
        }
        Ok((Verdict::Refused(refused), None))
    }

    async fn show_key(&self, handle: &mut Handle<Watcher>, key: &Arc<PrivateKey>) -> Step<Verdict> {
        let hashes = match key.algorithm() {
            Algorithm::Rsa { .. } if handle.best_supported_rsa_hash().await? == Some(None) => {
                let text = "accepts RSA keys only with SHA-1 signatures, which are not safe; use an Ed25519 key, or \
                            update its SSH server";
                return Err(Problem::Ours(self.error(ErrorKind::Config, text)));
            }
            // OpenSSH names both, also when it is set up to accept one of them.
            Algorithm::Rsa { .. } => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
            _ => vec![None],
        };
        let mut verdict = Verdict::Refused(MethodSet::empty());
        for hash in hashes {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            verdict = handle.authenticate_publickey(&self.user, key).await?.into();
            if !matches!(verdict, Verdict::Refused(_)) || handle.is_closed() {
                break;
            }
        }
        Ok(verdict)
    }

    /// By the method that the bastion offers: the password is sent once, as some count failures.
    async fn show_password(
        &self,
        handle: &mut Handle<Watcher>,
        password: &mut Option<Secret>,
        offered: &MethodSet,
    ) -> Step<Verdict> {
        let password = password.take().unwrap_or_default();
        if offered.contains(&MethodKind::Password) {
            return Ok(handle.authenticate_password(&self.user, password.expose()).await?.into());
        }
        let mut answer = handle.authenticate_keyboard_interactive_start(&self.user, None).await?;
        let mut given = false;
        let mut question = String::new();
        for _ in 0..limits::SSH_PROMPT_ROUNDS {
            let prompts = match answer {
                Answer::Success => return Ok(Verdict::In),
                Answer::Failure { remaining_methods, partial_success } => {
                    return Ok(Verdict::new(remaining_methods, partial_success));
                }
                Answer::InfoRequest { prompts, .. } => prompts,
            };
            let answers = match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !given && !prompt.echo => {
                    given = true;
                    vec![password.expose().to_owned()]
                }
                [.., prompt] => {
                    question = format!(" (\"{}\")", self.censor.clean(&prompt.prompt));
                    break;
                }
            };
            answer = handle.authenticate_keyboard_interactive_respond(answers).await?;
        }
        let text = format!("asks `{}` for more than a password{question}, which is not supported", self.user);
        Err(Problem::Ours(self.error(ErrorKind::Config, &text)))
    }

    /// The bastion refuses a factor. `methods` are those it would accept now.
    fn refused(&self, factor: Factor, methods: &MethodSet, accepted: &[Factor]) -> Error {
        let user = &self.user;
        let after = match accepted.first() {
            Some(Factor::Key) => " after it has accepted the key",
            Some(Factor::Password) => " after it has accepted the password",
            None => "",
        };
        let methods = named(methods);
        let text = match factor {
            Factor::Key => {
                let shown = &self.credentials.keys;
                let prints: Vec<String> =
                    shown.iter().map(|key| key.public_key().fingerprint(HashAlg::Sha256).to_string()).collect();
                let (what, which) = match shown.len() {
                    1 => ("key", "this key is"),
                    _ => ("keys", "one of these keys is"),
                };
                let rsa = if shown.iter().any(|key| key.algorithm().is_rsa()) {
                    ". RSA keys sign with SHA-2 here; a server that wants SHA-1 needs an Ed25519 key"
                } else {
                    ""
                };
                format!(
                    "refuses the {what} of `{user}` ({}){after}; check `tunnel_method.tunnel_user`, and that {which} \
                     in the user's authorized_keys (methods it accepts: {methods}){rsa}",
                    prints.join(", ")
                )
            }
            Factor::Password => format!(
                "refuses the password of `{user}`{after}; check `tunnel_method.tunnel_user` and \
                 `tunnel_method.tunnel_user_password` (methods it accepts: {methods})"
            ),
        };
        self.error(ErrorKind::Config, &text)
    }

    /// The bastion wants something that we do not have.
    fn cannot_go_on(&self, offered: &MethodSet, accepted: &[Factor]) -> Error {
        let (user, methods) = (&self.user, named(offered));
        let text = match (self.credentials.first, accepted.first()) {
            (Factor::Key, None) => {
                format!("accepts no key from `{user}`, only: {methods}; choose another tunnel method")
            }
            (Factor::Password, None) => {
                format!("accepts no password from `{user}`, only: {methods}; choose another tunnel method")
            }
            (Factor::Key, Some(_)) if self.credentials.password.is_none() && takes_password(offered) => format!(
                "accepts the key of `{user}` but asks for a password too ({methods}); fill in \
                 `tunnel_method.tunnel_user_password`"
            ),
            (Factor::Password, Some(_))
                if self.credentials.keys.is_empty() && offered.contains(&MethodKind::PublicKey) =>
            {
                format!(
                    "accepts the password of `{user}` but asks for a key too; choose the tunnel method SSH Key \
                     Authentication, which takes both"
                )
            }
            _ => format!(
                "accepts the login of `{user}` only with a further factor ({methods}), which is not supported; allow \
                 this user to log in with a key, or a key and a password"
            ),
        };
        self.error(ErrorKind::Config, &text)
    }
}

fn takes_password(methods: &MethodSet) -> bool {
    methods.contains(&MethodKind::Password) || methods.contains(&MethodKind::KeyboardInteractive)
}

fn named(methods: &MethodSet) -> String {
    let names: Vec<&str> = methods.iter().map(<&str>::from).collect();
    if names.is_empty() { "not said".to_owned() } else { names.join(", ") }
}

impl Verdict {
    fn new(remaining: MethodSet, partial: bool) -> Self {
        if partial { Self::More(remaining) } else { Self::Refused(remaining) }
    }
}

impl From<AuthResult> for Verdict {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::In,
            AuthResult::Failure { remaining_methods, partial_success } => Self::new(remaining_methods, partial_success),
        }
    }
}

impl From<russh::Error> for Problem {
    fn from(error: russh::Error) -> Self {
        Self::Session(error)
    }
}
