//! Configuration -> a connection that is logged in: TCP or SSH channel, then TLS, then the login.
//!
//! Owns: the order of attempts that the mode of encryption asks for. Nothing here sends SQL.
//! Invariant: no connection string is built, and no message holds a secret or the DETAIL of a server's error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client;

use super::driver::Driver;
use super::login::{Failed, Login};
use super::report::{Event, Report};
use super::ssh::Bastion;
use super::tcp::{Peer, tcp};
use super::tls::Policy;
use crate::config::{Config, SslMode};
use crate::error::{Error, Result};

const SERVER: Peer = Peer {
    what: "the server",
    fields: "`host` and `port`",
    listens: "the server listens there (listen_addresses in postgresql.conf)",
};

/// Makes connections, all alike, for one run.
pub struct Connector {
    config: Arc<Config>,
    login: Login,
    bastion: Option<Bastion>,
    patience: Duration,
    report: Report,
    warned_of_standby: AtomicBool,
}

impl Connector {
    /// Reads keys and certificates; nothing is connected yet. `follow` gets what happens on the way.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] naming the field that cannot be used.
    pub fn new(config: Arc<Config>, follow: impl Fn(Event<'_>) + Send + Sync + 'static) -> Result<Self> {
        let report = Report::new(follow);
        let bastion = Bastion::new(&config, &report)?;
        let verified_way = bastion.as_ref().map(Bastion::is_verified);
        let (login, patience) = Login::new(Arc::clone(&config), verified_way, report.clone())?;
        Ok(Self { config, login, bastion, patience, report, warned_of_standby: AtomicBool::new(false) })
    }

    /// How long attempts without progress may take.
    pub fn budget(&self) -> Duration {
        Duration::from_secs(self.config.retry_timeout_seconds)
    }

    /// Says once in a run what a commit waits for.
    pub fn warn_of_standby(&self, time: Duration) {
        if !self.warned_of_standby.swap(true, Ordering::Relaxed) {
            self.report.warn(&format!(
                "A commit has waited {} seconds for a synchronous standby; it is given {} seconds. See to it that one of \
                 synchronous_standby_names is connected.",
                time.as_secs(),
                self.config.retry_timeout_seconds
            ));
        }
    }

    /// A new connection, logged in, with the task that moves its bytes; not later than `latest`. That task runs until the
    /// client is dropped, and tells why the connection ended.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] and [`crate::error::ErrorKind::Permission`] for what the user must change,
    /// [`crate::error::ErrorKind::Connection`] and [`crate::error::ErrorKind::ServerUnavailable`] for what another
    /// attempt can cure.
    pub async fn connect(&self, latest: Option<Instant>) -> Result<(Client, Driver)> {
        let patience = Instant::now() + self.patience;
        let deadline = latest.map_or(patience, |latest| latest.min(patience));
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
            // Where the time is over, the other attempt could only tell that.
            Some(second) if failed.worth_another(first) && Instant::now() < deadline => {
                self.report.again(failed.error.message());
                match self.attempt(second, deadline).await {
                    Ok(connected) => Ok(connected),
                    Err(again) => Err(both(first, failed.error, again.error)),
                }
            }
            _ => Err(failed.error),
        }
    }

    async fn attempt(&self, policy: Policy, deadline: Instant) -> std::result::Result<(Client, Driver), Failed> {
        match self.log_in(policy, false, deadline).await {
            Err(failed) if self.login.has_another_form(&failed) => {
                self.report.again(failed.error.message());
                self.log_in(policy, true, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn log_in(
        &self,
        policy: Policy,
        other: bool,
        deadline: Instant,
    ) -> std::result::Result<(Client, Driver), Failed> {
        match &self.bastion {
            None => {
                let stream = {
                    let (to, from) = ((&*self.config.host, self.config.port), self.config.source_address);
                    tcp(to, from, deadline, &SERVER, &self.report).await?
                };
                self.login.run(stream, policy, other, deadline).await
            }
            Some(bastion) => self.login.run(bastion.open(deadline).await?, policy, other, deadline).await,
        }
    }
}

/// What to say of two failures: both, unless they are alike. Of two refusals the one with TLS comes first, which is what
/// the user should want.
#[allow(clippy::needless_pass_by_value, reason = "both errors end here")]
fn both(first: Policy, before: Error, error: Error) -> Error {
    let alike = (before.kind(), before.sqlstate()) == (error.kind(), error.sqlstate());
    if alike && (error.sqlstate().is_none() || before.message() == error.message()) {
        return before;
    }
    let (now, then) = if first == Policy::Never { ("with", "without") } else { ("without", "with") };
    let text = if alike && now == "without" {
        format!("{} (this was {then} TLS; {now} TLS, tried next: {})", before.message(), error.message())
    } else {
        format!("{} (this was {now} TLS; {then} TLS, tried first: {})", error.message(), before.message())
    };
    let merged = Error::new(error.kind(), text);
    match error.sqlstate() {
        Some(code) => merged.with_sqlstate(code),
        None => merged,
    }
}

#[cfg(test)]
mod tests;
