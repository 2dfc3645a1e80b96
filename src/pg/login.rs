//! A stream to the server -> a session that is logged in, encrypted or not.
//!
//! Owns: what the login is made of, and the sentence for each way in which it can fail.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::{ChannelBinding, SslMode as WireMode, SslNegotiation};
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Config as Settings};

use super::clean;
use super::driver::Driver;
use super::password;
use super::refusal::{Refusal, explain_refusal};
use super::report::{Report, Step};
use super::tcp::address;
use super::tls::{self, Method, Negotiation, Policy, Tls, TlsError};
use crate::config::{Config, SslMode};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::secret::Secret;

/// How the connection appears in the server's views and logs, unless the user names it.
const APPLICATION_NAME: &str = "destination-postgres";

/// Logs in, every time alike.
pub(super) struct Login {
    config: Arc<Config>,
    settings: Settings,
    /// Where the password has another form for SCRAM: the same with the password as it is, for any other login.
    other: Option<Settings>,
    tls: Option<Tls>,
    place: String,
    /// With a bastion: whether it must have a given host key.
    verified_way: Option<bool>,
    report: Report,
    warned_of_exposure: AtomicBool,
}

impl Login {
    /// Reads keys and certificates; nothing is sent. Answers also how long a connection may take.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the field that cannot be used.
    pub(super) fn new(config: Arc<Config>, verified_way: Option<bool>, report: Report) -> Result<(Self, Duration)> {
        let (settings, patience) = settings(&config, &report);
        let (mut settings, mut other) = (settings, None);
        if let Some(key) = config.password.as_ref().and_then(|password| password::for_scram(password.expose())) {
            other = Some(settings.clone());
            settings.password(key);
        }
        let tls = Tls::new(&config.ssl_mode, &config.host)?;
        let place = format!("the server at {}", address(&config.host, config.port));
        let warned_of_exposure = AtomicBool::new(false);
        Ok((Self { config, settings, other, tls, place, verified_way, report, warned_of_exposure }, patience))
    }

    /// Whether a login that failed like this could succeed with the other form of the password.
    pub(super) fn has_another_form(&self, failed: &Failed) -> bool {
        self.other.is_some() && failed.error.kind() == ErrorKind::Permission
    }

    /// Asks for TLS as `policy` says, and logs in, with the password for SCRAM or in its `other` form.
    ///
    /// # Errors
    /// Why not, and whether the other policy of the mode could lead further.
    pub(super) async fn run<S>(
        &self,
        stream: S,
        policy: Policy,
        other: bool,
        deadline: Instant,
    ) -> std::result::Result<(Client, Driver), Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let encrypted = AtomicBool::new(false);
        let method = Arc::new(Method::default());
        self.report.begun(Step::Tls);
        let negotiation = Negotiation {
            tls: self.tls.as_ref(),
            policy,
            deadline,
            clear_password: self.verified_way.unwrap_or(false),
            encrypted: &encrypted,
            method: &method,
            place: &self.place,
            report: &self.report,
        };
        let settings = self.other.as_ref().filter(|_| other).unwrap_or(&self.settings);
        let outcome = timeout_at(deadline, settings.connect_raw(stream, negotiation)).await;
        let encrypted = encrypted.load(Ordering::Relaxed);
        match outcome {
            Ok(Ok((client, connection))) => {
                let how = method.name().map_or_else(|| self.unasked(encrypted), |name| format!("by {name}"));
                self.report.done(Step::Login, &format!("as `{}` {how}", self.config.username));
                self.warn_of_exposure(encrypted);
                Ok((client, Driver::start(connection)))
            }
            Ok(Err(error)) => Err(self.login_failed(error, encrypted)),
            Err(_) => {
                let place = &self.place;
                let text = if self.verified_way.is_some() {
                    format!(
                        "the login at {place} through the SSH bastion does not end in time; either of them may be \
                         overloaded or hang"
                    )
                } else {
                    format!(
                        "{place} accepts the connection but the login does not end in time; the server may be overloaded \
                         or hang"
                    )
                };
                Err(Error::new(ErrorKind::Connection, text).into())
            }
        }
    }

    /// How a server that asks for no password may know who we are.
    fn unasked(&self, encrypted: bool) -> String {
        let certificate = encrypted && self.tls.as_ref().is_some_and(Tls::has_client_certificate);
        let how = if certificate { "by client certificate, or by trust" } else { "by trust" };
        format!("{how}: no password was asked for")
    }

    /// Says once what an onlooker between us and the server could do.
    fn warn_of_exposure(&self, encrypted: bool) {
        let local = matches!(self.config.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let text = match (&self.config.ssl_mode, encrypted) {
            _ if local || self.verified_way.is_some() => return,
            (_, false) => {
                "is not encrypted; anyone on the way can read and change the data. Set `ssl_mode` to verify-full"
            }
            (SslMode::Require, true) => {
                "is encrypted, but `ssl_mode` require does not verify who the server is; verify-full does"
            }
            _ => return,
        };
        if !self.warned_of_exposure.swap(true, Ordering::Relaxed) {
            self.report.warn(&format!("the connection to {} {text}", self.place));
        }
    }

    fn login_failed(&self, error: tokio_postgres::Error, encrypted: bool) -> Failed {
        if let Some(refusal) = error.as_db_error() {
            return self.refused(refusal, encrypted);
        }
        let what = error.to_string();
        let place = &self.place;
        let Some(cause) = error.into_source() else {
            let (kind, text) = if what == "connection closed" {
                (
                    ErrorKind::Connection,
                    format!(
                        "{place} closes the connection during the login; it may be restarting, or not a PostgreSQL \
                        server"
                    ),
                )
            } else {
                (ErrorKind::Config, format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`"))
            };
            return Error::new(kind, text).into();
        };
        let cause = match cause.downcast::<TlsError>() {
            Ok(failed) => {
                let stage = if failed.optional { Stage::Tls } else { Stage::Other };
                return Failed { error: failed.error, stage };
            }
            Err(cause) => cause,
        };
        let user = &self.config.username;
        let not_spoken = format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`");
        let text = match (what.as_str(), cause.to_string().as_str()) {
            (_, "password missing") => format!("{place} asks for a password; fill in `password`"),
            ("authentication error", "unsupported authentication method" | "unsupported SASL mechanism") => format!(
                "{place} asks for a kind of login that is not supported; use scram-sha-256 or a client certificate \
                for `{user}` in pg_hba.conf"
            ),
            ("authentication error", "server did not use channel binding") => format!(
                "{place} offers no login with channel binding, which `channelBinding` in `jdbc_url_params` asks for; it \
                takes TLS and scram-sha-256"
            ),
            ("authentication error", _) => format!(
                "{place} asks for the password of `{user}` but cannot prove that it knows it; it may be another \
                server that poses as yours. Check `host` and `port`"
            ),
            _ => match cause.downcast::<io::Error>() {
                Ok(broken) => return self.broken(*broken),
                Err(cause) => return Error::new(ErrorKind::Config, not_spoken).with_source(cause).into(),
            },
        };
        Error::new(ErrorKind::Config, text).with_source(cause).into()
    }

    /// The connection broke during the login.
    fn broken(&self, broken: io::Error) -> Failed {
        let place = &self.place;
        if let Some(known) = tls::cause(&broken) {
            let (kind, text) = tls::explain(known, place);
            return Failed { error: Error::new(kind, text).with_source(broken), stage: Stage::Tls };
        }
        if broken.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            let ours = broken.into_inner().and_then(|inner| inner.downcast::<Error>().ok());
            let error = ours.map_or_else(|| Error::new(ErrorKind::Internal, "an error lost its text"), |ours| *ours);
            // The password was held back, since the connection is not encrypted.
            let held_back = error.kind() == ErrorKind::Permission;
            let stage = if held_back { Stage::Refused { encrypted: false } } else { Stage::Other };
            return Failed { error, stage };
        }
        match broken.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                let text = format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`");
                Error::new(ErrorKind::Config, text).with_source(broken).into()
            }
            _ => {
                let text = format!(
                    "{place} breaks the connection during the login; it may be restarting, or a firewall or pooler \
                    refuses it"
                );
                Error::new(ErrorKind::Connection, text).with_source(broken).into()
            }
        }
    }

    /// The server answered the login with an error.
    fn refused(&self, refusal: &DbError, encrypted: bool) -> Failed {
        let code = refusal.code().code();
        let said = clean(refusal.message(), &self.config.secrets());
        let words = Refusal { code, routine: refusal.routine().unwrap_or_default(), said: &said };
        let (kind, text) = explain_refusal(&words, &self.config, encrypted);
        let error = Error::new(kind, format!("{}: {text}", self.place)).with_sqlstate(code);
        // Not after 28P01: a password that was wrong is not sent once more, with less protection.
        let stage = if code.starts_with("28") && code != "28P01" { Stage::Refused { encrypted } } else { Stage::Other };
        Failed { error, stage }
    }
}

/// An attempt that failed, and how far it came.
pub(super) struct Failed {
    /// What to tell the user.
    pub(super) error: Error,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// TLS could not be set up.
    Tls,
    /// The server refused the login for who and from where, not for a wrong password.
    Refused { encrypted: bool },
    /// Anything else.
    Other,
}

impl Failed {
    /// Whether the second choice of the mode could succeed where the first failed.
    pub(super) fn worth_another(&self, first: Policy) -> bool {
        match self.stage {
            Stage::Tls => first == Policy::IfOffered,
            Stage::Refused { encrypted } => first == Policy::Never || (first == Policy::IfOffered && encrypted),
            Stage::Other => false,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, stage: Stage::Other }
    }
}

/// Reads what the login needs. Parameters without effect are named in one warning.
fn settings(config: &Config, report: &Report) -> (Settings, Duration) {
    let mut settings = Settings::new();
    settings
        .user(&config.username)
        .dbname(&config.database)
        .application_name(APPLICATION_NAME)
        // Taken where it is offered, and whoever takes it off the offer is found out: our answer says that we could, and
        // the server's proof covers our answer. So `require` would only keep out poolers that cannot offer it.
        .channel_binding(ChannelBinding::Prefer)
        // The question for TLS is ours (see `tls`); to tokio-postgres the stream is always ready for the handshake.
        .ssl_mode(WireMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    if let Some(password) = config.password.as_ref().map(Secret::expose) {
        settings.password(password);
    }
    let mut patience = limits::CONNECT_TIMEOUT;
    let mut unused = Vec::new();
    for (key, value) in &config.jdbc_url_params {
        match (key.to_ascii_lowercase().as_str(), value.trim().parse::<u64>()) {
            ("applicationname", _) if !value.contains('\0') => {
                settings.application_name(value);
            }
            // To the JDBC driver, 0 means no limit.
            ("connecttimeout", Ok(0)) => patience = limits::CONNECT_TIMEOUT_MAX,
            ("connecttimeout", Ok(seconds)) => {
                patience = Duration::from_secs(seconds).min(limits::CONNECT_TIMEOUT_MAX);
            }
            ("channelbinding", _) => match value.trim().to_ascii_lowercase().as_str() {
                "disable" => drop(settings.channel_binding(ChannelBinding::Disable)),
                "require" => drop(settings.channel_binding(ChannelBinding::Require)),
                _ => {}
            },
            _ => unused.push(format!("`{}`", clean(key, &config.secrets()))),
        }
    }
    if !unused.is_empty() {
        report.warn(&format!("these parameters in `jdbc_url_params` have no effect here: {}", unused.join(", ")));
    }
    (settings, patience)
}

#[cfg(test)]
mod tests;
