//! The database session: the only module that knows the Postgres client.
//!
//! Invariants: a session runs only [`Statement`]s; every transaction begins with our own settings; no transaction
//! waits for the source.

mod connect;
mod login;
mod password;
mod pem;
mod refusal;
mod report;
mod sqlstate;
mod ssh;
mod tcp;
mod tls;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::FromSql;

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::printable::printable;
use crate::secret::Redactor;
use crate::sql::{Statement, remedy, session};
use sqlstate::statement_error;

pub use password::verifier as password_verifier;
pub use report::{Event, Step};
pub use ssh::KeyPair;
pub use tokio_postgres::Row;
pub use tokio_postgres::types::{ToSql, Type};

/// A connection to the database.
pub struct Session {
    client: Client,
    actor: Arc<Actor>,
    version: u32,
}

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
        Session::new(self.inner.connect(None).await?, Arc::clone(&self.actor)).await
    }

    /// As [`Connector::session`], logged in by `latest` or not at all.
    ///
    /// # Errors
    /// As [`Connector::session`].
    pub async fn session_by(&self, latest: Instant) -> Result<Session> {
        Session::new(self.inner.connect(Some(latest)).await?, Arc::clone(&self.actor)).await
    }
}

impl Session {
    async fn new(client: Client, actor: Arc<Actor>) -> Result<Self> {
        let mut session = Self { client, actor, version: 0 };
        let row = session
            .query(
                "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4",
                &[],
                "asking the server's version",
            )
            .await?;
        let version: i32 = single(&row)?;
        session.version = u32::try_from(version).unwrap_or(0);
        Ok(session)
    }

    /// `server_version_num`, e.g. 150004.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The server or the network has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Begins a transaction with our settings.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin(&self) -> Result<()> {
        let Actor { user, role } = &*self.actor;
        let begun = self.execute(&session::begin(self.version, role.as_deref()), "beginning a transaction").await;
        begun.map_err(|error| match (role, error.sqlstate()) {
            (Some(role), Some(code @ ("22023" | "42501"))) => {
                let grant = remedy::grant_role(role, user);
                let text = if code == "42501" {
                    format!("`{user}` may not act as the role \"{role}\", as `role` asks for: {grant}")
                } else {
                    let create = remedy::create_role(role);
                    format!("the role \"{role}\" in `role` does not exist: correct the name, or {create} and {grant}")
                };
                Error::new(ErrorKind::Permission, text).with_sqlstate(code)
            }
            (_, Some("08P01")) if error.message().contains("statement pooling mode") => Error::new(
                ErrorKind::Config,
                "the pooler in front of the database runs each statement on its own, so that no transaction is possible: \
                 set pool_mode = transaction or session for this database or user in PgBouncer's configuration",
            ),
            _ => error,
        })
    }

    /// Commits when `result` is good, else rolls back; answers `result`, or the failed commit.
    ///
    /// # Errors
    /// The error of `result`, or that of the commit.
    pub async fn end<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => {
                self.execute(&session::commit(), "committing").await?;
                Ok(value)
            }
            Err(error) => {
                // A rollback that fails leaves a connection that is of no use, which the next statement will show.
                drop(self.execute(&session::rollback(), "rolling back").await);
                Err(error)
            }
        }
    }

    /// Runs `statement`; when the server refuses it the transaction goes on as if it had never been sent.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn try_execute(&self, statement: &Statement, doing: &str) -> Result<()> {
        self.execute(&session::savepoint(), doing).await?;
        match self.execute(statement, doing).await {
            Ok(()) => self.execute(&session::release_savepoint(), doing).await,
            Err(error) => {
                self.execute(&session::rollback_to_savepoint(), doing).await?;
                Err(error)
            }
        }
    }

    /// Runs a statement. `doing` names it in an error.
    ///
    /// # Errors
    /// The server's refusal with its SQLSTATE, or a lost connection.
    pub async fn execute(&self, statement: &Statement, doing: &str) -> Result<()> {
        self.client.batch_execute(statement.as_str()).await.map_err(|e| statement_error(e, doing, statement.as_str()))
    }

    /// Runs a query without naming a prepared statement, so that it works behind a pooler.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn query(
        &self,
        statement: impl AsRef<str>,
        params: &[(&(dyn ToSql + Sync), Type)],
        doing: &str,
    ) -> Result<Vec<Row>> {
        let statement = statement.as_ref();
        self.client.query_typed(statement, params).await.map_err(|e| statement_error(e, doing, statement))
    }

    /// Whether a query of one boolean says yes.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn ask(&self, statement: &Statement, doing: &str) -> Result<bool> {
        single(&self.query(statement, &[], doing).await?)
    }

    /// Sends `chunks` by COPY and answers how many rows the server took.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn copy_in(
        &self,
        statement: &Statement,
        chunks: impl Iterator<Item = Bytes> + Send,
        doing: &str,
    ) -> Result<u64> {
        let failed = |e| statement_error(e, doing, statement.as_str());
        let sink = self.client.copy_in::<str, Bytes>(statement.as_str()).await.map_err(failed)?;
        let mut sink = Box::pin(sink);
        for chunk in chunks {
            if sink.feed(chunk).await.is_err() {
                // The reason is in the server's answer, which `finish` reads.
                break;
            }
        }
        sink.as_mut().finish().await.map_err(failed)
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
