//! Configuration -> a connection that is logged in: TCP or SSH channel, then TLS, then the login.
//!
//! Owns: the order of attempts that the mode of encryption asks for, every time limit until the login has ended, and
//! the sentence for each way in which it can fail. Nothing here sends SQL.
//! Invariant: no connection string is built, and no message holds a secret or the DETAIL of a server's error.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::{ChannelBinding, SslMode as WireMode, SslNegotiation};
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Config as Login};

use super::clean;
use super::ssh::Bastion;
use super::tls::{self, Negotiation, Policy, Tls, TlsError};
use crate::config::{Config, SslMode};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::secret::Secret;

/// How the connection appears in the server's views and logs, unless the user names it.
const APPLICATION_NAME: &str = "destination-postgres";

/// The task that moves the bytes of a connection. It ends when the client is dropped or the connection breaks; then its
/// error says why, where the client's own error is only "connection closed".
pub type Driver = JoinHandle<std::result::Result<(), tokio_postgres::Error>>;

/// Makes connections, all alike, for one run.
pub struct Connector {
    config: Arc<Config>,
    login: Login,
    tls: Option<Tls>,
    bastion: Option<Bastion>,
    patience: Duration,
    place: String,
    warn: Warn,
    warned_of_exposure: AtomicBool,
}

impl Connector {
    /// Reads keys and certificates; nothing is connected yet. `warn` gets sentences for the user's log.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the field that cannot be used.
    pub fn new(config: Arc<Config>, warn: impl Fn(&str) + Send + Sync + 'static) -> Result<Self> {
        let warn = Warn(Arc::new(warn));
        let (login, patience) = login(&config, &warn);
        let tls = Tls::new(&config.ssl_mode, &config.host)?;
        let bastion = Bastion::new(&config, &warn)?;
        let place = format!("the server at {}", address(&config.host, config.port));
        Ok(Self { config, login, tls, bastion, patience, place, warn, warned_of_exposure: AtomicBool::new(false) })
    }

    /// A new connection, logged in. Its driver runs until the client is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] and [`ErrorKind::Permission`] for what the user must change, [`ErrorKind::Connection`] and
    /// [`ErrorKind::ServerUnavailable`] for what another attempt can cure.
    pub async fn connect(&self) -> Result<Client> {
        let (client, _driver) = self.connect_with_driver().await?;
        Ok(client)
    }

    /// As [`Connector::connect`], with the task that tells why the connection ended.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect_with_driver(&self) -> Result<(Client, Driver)> {
        let deadline = Instant::now() + self.patience;
        let (first, second) = match self.config.ssl_mode {
            SslMode::Disable => (Policy::Never, None),
            SslMode::Allow => (Policy::Never, Some(Policy::Always)),
            SslMode::Prefer => (Policy::IfOffered, Some(Policy::Never)),
            SslMode::Require | SslMode::VerifyCa { .. } | SslMode::VerifyFull { .. } => (Policy::Always, None),
        };
        let failed = match self.attempt(first, deadline).await {
            Ok(connected) => return Ok(connected),
            Err(failed) => failed,
        };
        match second {
            Some(second) if failed.worth_another(first) => match self.attempt(second, deadline).await {
                Ok(connected) => Ok(connected),
                Err(again) => Err(both(first, failed.error, again.error)),
            },
            _ => Err(failed.error),
        }
    }

    async fn attempt(&self, policy: Policy, deadline: Instant) -> std::result::Result<(Client, Driver), Failed> {
        let connected = match &self.bastion {
            None => {
                let stream = tcp(&self.config.host, self.config.port, deadline, &SERVER).await?;
                self.log_in(stream, policy, deadline).await?
            }
            Some(bastion) => self.log_in(bastion.open(deadline).await?, policy, deadline).await?,
        };
        Ok(connected)
    }

    async fn log_in<S>(
        &self,
        stream: S,
        policy: Policy,
        deadline: Instant,
    ) -> std::result::Result<(Client, Driver), Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let encrypted = AtomicBool::new(false);
        let negotiation = Negotiation {
            tls: self.tls.as_ref(),
            policy,
            deadline,
            clear_password: self.bastion.as_ref().is_some_and(Bastion::is_verified),
            encrypted: &encrypted,
            place: &self.place,
        };
        let outcome = timeout_at(deadline, self.login.connect_raw(stream, negotiation)).await;
        let encrypted = encrypted.load(Ordering::Relaxed);
        match outcome {
            Ok(Ok((client, connection))) => {
                self.warn_of_exposure(encrypted);
                Ok((client, tokio::spawn(connection)))
            }
            Ok(Err(error)) => Err(self.login_failed(error, encrypted)),
            Err(_) => {
                let text = format!(
                    "{} accepts the connection but the login does not end within {} seconds; the server may be \
                    overloaded or hang",
                    self.place,
                    self.patience.as_secs()
                );
                Err(Error::new(ErrorKind::Connection, text).into())
            }
        }
    }

    /// Says once what an onlooker between us and the server could do.
    fn warn_of_exposure(&self, encrypted: bool) {
        let local = matches!(self.config.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let text = match (&self.config.ssl_mode, encrypted) {
            _ if local || self.bastion.is_some() => return,
            (_, false) => {
                "is not encrypted; anyone on the way can read and change the data. Set `ssl_mode` to verify-full"
            }
            (SslMode::Require, true) => {
                "is encrypted, but `ssl_mode` require does not verify who the server is; verify-full does"
            }
            _ => return,
        };
        if !self.warned_of_exposure.swap(true, Ordering::Relaxed) {
            self.warn.say(&format!("the connection to {} {text}", self.place));
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
            return ours.map_or_else(|| Error::new(ErrorKind::Internal, "an error lost its text"), |ours| *ours).into();
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
        let (kind, text) = explain_refusal(code, &said, &self.config, encrypted);
        let error = Error::new(kind, format!("{}: {text}", self.place)).with_sqlstate(code);
        // Not after 28P01: a password that was wrong is not sent once more, with less protection.
        let stage = if code.starts_with("28") && code != "28P01" { Stage::Refused { encrypted } } else { Stage::Other };
        Failed { error, stage }
    }
}

/// What a refused login means for the user. `said` is the server's message, already clean.
fn explain_refusal(code: &str, said: &str, config: &Config, encrypted: bool) -> (ErrorKind, String) {
    let (user, database) = (&config.username, &config.database);
    let transient = ErrorKind::ServerUnavailable;
    let lower = said.to_lowercase();
    match code {
        "28P01" => (
            ErrorKind::Permission,
            format!("the password for `{user}` is wrong, or no such role exists; check `username` and `password`"),
        ),
        "3D000" => {
            (ErrorKind::Permission, format!("the database `{database}` does not exist; check `database` or create it"))
        }
        "42501" => (
            ErrorKind::Permission,
            format!("`{user}` may not connect to the database `{database}`; run GRANT CONNECT ON DATABASE"),
        ),
        "53300" => {
            (transient, format!("it, or the role `{user}`, has no connection left; wait, or raise the limit ({said})"))
        }
        "57P03" => (transient, format!("it does not accept connections now: {said}")),
        "55000" => (ErrorKind::Permission, format!("the database `{database}` accepts no connections ({said})")),
        _ if code.starts_with("28") => {
            let how = if encrypted { "with TLS" } else { "without TLS" };
            (
                ErrorKind::Permission,
                format!(
                    "`{user}` may not log in to `{database}` from here {how} ({said}); check `username`, `ssl_mode` \
                    and the server's pg_hba.conf"
                ),
            )
        }
        _ if code.starts_with("53") || code.starts_with("57") || code.starts_with("58") => {
            (transient, format!("it cannot open a session now: {said}"))
        }
        // Poolers answer with codes of class 08 and XX whatever the reason.
        _ if ["authentication failed", "no such user", "not found"].iter().any(|text| lower.contains(text)) => (
            ErrorKind::Permission,
            format!("the login of `{user}` is refused ({said}); check `username` and `password`"),
        ),
        _ if lower.contains("no such database") || lower.contains("does not exist") => {
            (ErrorKind::Permission, format!("the login is refused ({said}); check `database` and `username`"))
        }
        _ => (ErrorKind::Connection, format!("the login is refused: {said}")),
    }
}

/// An attempt that failed, and how far it came.
struct Failed {
    error: Error,
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
    fn worth_another(&self, first: Policy) -> bool {
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

/// What to say of two failures: both, unless they are alike.
#[allow(clippy::needless_pass_by_value, reason = "both errors end here")]
fn both(first: Policy, before: Error, error: Error) -> Error {
    if (before.kind(), before.sqlstate()) == (error.kind(), error.sqlstate()) {
        return before;
    }
    let (now, then) = if first == Policy::Never { ("with", "without") } else { ("without", "with") };
    let text = format!("{} (this was {now} TLS; {then} TLS, tried first: {})", error.message(), before.message());
    let merged = Error::new(error.kind(), text);
    match error.sqlstate() {
        Some(code) => merged.with_sqlstate(code),
        None => merged,
    }
}

/// Reads what the login needs. Parameters without effect are named in one warning.
fn login(config: &Config, warn: &Warn) -> (Login, Duration) {
    let mut login = Login::new();
    login
        .user(&config.username)
        .dbname(&config.database)
        .application_name(APPLICATION_NAME)
        .channel_binding(ChannelBinding::Prefer)
        // The question for TLS is ours (see `tls`); to tokio-postgres the stream is always ready for the handshake.
        .ssl_mode(WireMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    if let Some(password) = config.password.as_ref().map(Secret::expose) {
        login.password(password);
    }
    let mut patience = limits::CONNECT_TIMEOUT;
    let mut unused = Vec::new();
    for (key, value) in &config.jdbc_url_params {
        match (key.to_ascii_lowercase().as_str(), value.trim().parse::<u64>()) {
            ("applicationname", _) if !value.contains('\0') => {
                login.application_name(value);
            }
            // To the JDBC driver, 0 means no limit.
            ("connecttimeout", Ok(0)) => patience = limits::CONNECT_TIMEOUT_MAX,
            ("connecttimeout", Ok(seconds)) => {
                patience = Duration::from_secs(seconds).min(limits::CONNECT_TIMEOUT_MAX);
            }
            _ => unused.push(format!("`{}`", clean(key, &config.secrets()))),
        }
    }
    if !unused.is_empty() {
        warn.say(&format!("these parameters in `jdbc_url_params` have no effect here: {}", unused.join(", ")));
    }
    (login, patience)
}

/// Somebody to whom TCP connections are made, for messages.
pub(super) struct Peer {
    /// Who it is.
    pub(super) what: &'static str,
    /// The fields that decide where it is.
    pub(super) fields: &'static str,
}

const SERVER: Peer = Peer { what: "the server", fields: "`host` and `port`" };

/// Host and port as one text.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A TCP connection to the first address of `host` that answers. Addresses that are silent are left behind for the next
/// one, but not given up before the deadline.
pub(super) async fn tcp(host: &str, port: u16, deadline: Instant, peer: &Peer) -> Result<TcpStream> {
    let Peer { what, fields } = peer;
    let place = format!("{what} at {}", address(host, port));
    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.take(limits::CONNECT_ADDRESSES).collect(),
        Ok(Err(error)) => return Err(unresolved(host, error, peer)),
        Err(_) => {
            let text = format!("the name service does not answer the question for `{host}` in time");
            return Err(Error::new(ErrorKind::Connection, text));
        }
    };
    let mut attempts = JoinSet::new();
    let mut rest = addresses.into_iter();
    let mut failure: Option<io::Error> = None;
    loop {
        let more = match rest.next() {
            Some(next) => {
                attempts.spawn(async move { tuned(TcpStream::connect(next).await?) });
                rest.len() > 0
            }
            None => false,
        };
        let until = if more { deadline.min(Instant::now() + limits::CONNECT_STAGGER) } else { deadline };
        match timeout_at(until, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => failure = Some(error),
            Ok(Some(Err(error))) => failure = Some(io::Error::other(error)),
            Ok(None) if !more => break,
            Err(_) if Instant::now() >= deadline => {
                failure = Some(io::ErrorKind::TimedOut.into());
                break;
            }
            Ok(None) | Err(_) => {}
        }
    }
    let failure = failure.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    let text = match failure.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "{place} refuses the connection: nothing listens there, or a firewall is in the way; check {fields}"
            )
        }
        io::ErrorKind::TimedOut => {
            format!("{place} does not answer: a firewall or an allow-list may drop the connection; check {fields}")
        }
        kind => format!("{place} cannot be reached ({kind}); check {fields} and the network"),
    };
    Err(Error::new(ErrorKind::Connection, text).with_source(failure))
}

fn unresolved(host: &str, error: io::Error, peer: &Peer) -> Error {
    let what = error.to_string();
    // The system has no error code for this in `io::Error`; glibc and musl say it so.
    let temporary = what.contains("Temporary failure") || what.contains("Try again");
    let (kind, text) = if temporary {
        (ErrorKind::Connection, format!("the name service cannot answer the question for `{host}` now"))
    } else {
        (
            ErrorKind::Config,
            format!("the host name `{host}` of {} cannot be resolved; check {}", peer.what, peer.fields),
        )
    };
    Error::new(kind, text).with_source(error)
}

fn tuned(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(limits::TCP_KEEPALIVE_IDLE)
        .with_interval(limits::TCP_KEEPALIVE_INTERVAL)
        .with_retries(limits::TCP_KEEPALIVE_RETRIES);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Where sentences for the user's log go.
#[derive(Clone)]
pub(super) struct Warn(pub(super) Arc<dyn Fn(&str) + Send + Sync>);

impl Warn {
    /// Passes a sentence on.
    pub(super) fn say(&self, text: &str) {
        (self.0)(text);
    }
}

impl fmt::Debug for Warn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warn")
    }
}

#[cfg(test)]
mod tests;
