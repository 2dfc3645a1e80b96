//! The database session: the only module that knows the Postgres client.
//!
//! Invariants: a session runs only [`Statement`]s; every transaction begins with our own settings; no transaction
//! waits for the source; every wait for the server is bounded (see [`stall`]).

mod connect;
mod driver;
mod login;
mod password;
mod pem;
mod refusal;
mod report;
mod session;
mod sqlstate;
mod ssh;
mod stall;
mod tcp;
mod tls;
mod transaction;

use std::sync::Arc;

use tokio::time::Instant;
use tokio_postgres::types::FromSql;

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::printable::printable;
use crate::secret::Redactor;
use crate::sql::Statement;

pub use password::verifier as password_verifier;
pub use report::{Event, Step};
pub use session::{Session, text};
pub use ssh::KeyPair;
pub use tokio_postgres::types::{ToSql, Type};
pub use tokio_postgres::{Row, SimpleQueryRow};
pub use transaction::{Commit, TransactionId};

/// Who logs in, and whom statements run as.
struct Actor {
    user: String,
    role: Option<String>,
}

/// Opens sessions, all through one SSH session where there is a bastion.
#[derive(Clone)]
pub struct Connector {
    inner: Arc<connect::Connector>,
    actor: Arc<Actor>,
}

impl Connector {
    /// Sessions for `config`; nothing is connected yet. `follow` gets what happens on the way.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a key or certificate that cannot be used.
    pub fn new(config: Arc<Config>, follow: impl Fn(Event<'_>) + Send + Sync + 'static) -> Result<Self> {
        let actor = Arc::new(Actor { user: config.username.clone(), role: config.role.clone() });
        Ok(Self { inner: Arc::new(connect::Connector::new(config, follow)?), actor })
    }

    /// Opens a session.
    ///
    /// # Errors
    /// Whatever keeps the server from being reached or from letting us in.
    pub async fn session(&self) -> Result<Session> {
        self.open(None).await
    }

    /// As [`Connector::session`], logged in by `latest` or not at all.
    ///
    /// # Errors
    /// As [`Connector::session`].
    pub async fn session_by(&self, latest: Instant) -> Result<Session> {
        self.open(Some(latest)).await
    }

    async fn open(&self, latest: Option<Instant>) -> Result<Session> {
        let (client, driver) = self.inner.connect(latest).await?;
        Session::new(self.clone(), client, driver).await
    }
}

impl AsRef<str> for Statement {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// The one value of a result of one row.
fn single<'a, T: FromSql<'a>>(rows: &'a [Row]) -> Result<T> {
    rows.first()
        .and_then(|row| row.try_get(0).ok())
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a query that always has an answer had none"))
}

/// A named value of a row of one of our own queries.
///
/// # Errors
/// [`ErrorKind::Internal`] when the query is not what its caller thinks.
pub fn value<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T> {
    row.try_get(name).map_err(|e| {
        Error::new(ErrorKind::Internal, format!("the catalog query's column {name} is not as expected")).with_source(e)
    })
}

/// A text that a server made, fit for a message: one line, not too long, without the texts in `secrets`.
fn clean(text: &str, secrets: &[&str]) -> String {
    let text = Redactor::new(secrets.iter().copied()).redact(text);
    let line: String = text.chars().map(printable).collect();
    let line = line.trim();
    let mut short: String = line.chars().take(limits::SERVER_TEXT_CHARS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_texts_are_made_harmless() {
        assert_eq!(clean("  a\u{1b}[31m\nb s3cret c\r\n", &["", "s3cret"]), "a [31m b *** c");
        assert_eq!(clean("\u{202e}drowssap\u{2069} of \u{200b}u\u{9b}s\u{61c}", &[]), "drowssap  of  u s");
        let long = clean(&"é".repeat(1000), &[]);
        assert_eq!(long.chars().count(), limits::SERVER_TEXT_CHARS + 1);
    }
}
