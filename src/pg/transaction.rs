//! Begin, commit, roll back; who a transaction is; and the end of one whose client is gone.
//!
//! Invariant: a COMMIT that was not answered by success is [`Commit::Unknown`], never an error: somebody has to ask.

use tokio::time::timeout;

use super::session::{Session, rows_of, text};
use super::sqlstate::statement_error;
use super::{Actor, SimpleQueryRow};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sql::{Statement, remedy, session};

/// A transaction as the server's own views show it. A server process can serve others later, behind a pooler: only
/// together with the time at which the transaction began is it ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransactionId {
    process: i32,
    began: String,
}

impl TransactionId {
    /// When it began, by the server's clock: `2026-11-23 09:06:00.123456+00`.
    pub fn began(&self) -> &str {
        &self.began
    }
}

/// What is known of a COMMIT that was sent.
#[must_use]
pub enum Commit {
    /// The server said that it is durable.
    Done,
    /// The server did not say so: it may be durable or not.
    Unknown(Error),
}

impl Session {
    /// Begins a transaction with our settings.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin(&self) -> Result<()> {
        self.begin_with(&[]).await.map(drop)
    }

    /// Begins a transaction with our settings, runs `first` in the same round trip and answers its rows as text.
    ///
    /// # Errors
    /// As [`Session::execute`]. A transaction that the server did begin is rolled back.
    pub async fn begin_with(&self, first: &[Statement]) -> Result<Vec<SimpleQueryRow>> {
        let doing = "beginning a transaction";
        let mut script = session::begin(self.version(), self.connector.actor.role.as_deref());
        for statement in first {
            script = script.then(statement);
        }
        self.set_transaction(None);
        let answered = timeout(limits::BEGIN_TIMEOUT, self.client.simple_query(script.as_str())).await;
        let Ok(answered) = answered else {
            self.abandon();
            return Err(Error::new(
                ErrorKind::Connection,
                format!("the database did not answer within {} seconds", limits::BEGIN_TIMEOUT.as_secs()),
            ));
        };
        let messages = match answered {
            Ok(messages) => messages,
            Err(error) => {
                let error = statement_error(error, doing, script.as_str(), self.driver.end());
                self.rollback().await;
                return Err(self.explain_begin(error));
            }
        };
        let mut rows = rows_of(messages).into_iter();
        // The settings answer with rows of other columns, or with none.
        let identity = rows.by_ref().find(|row| row.columns().iter().any(|c| c.name() == session::PROCESS));
        let Some(identity) = identity else {
            return Err(Error::new(ErrorKind::Internal, "a transaction began without saying which one it is"));
        };
        let process = text(&identity, session::PROCESS)?.and_then(|process| process.parse().ok()).unwrap_or(0);
        let began = text(&identity, session::BEGAN)?.unwrap_or_default().to_owned();
        self.set_transaction(Some(TransactionId { process, began }));
        Ok(rows.collect())
    }

    fn explain_begin(&self, error: Error) -> Error {
        let Actor { user, role } = &*self.connector.actor;
        match (role, error.sqlstate()) {
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
        }
    }

    /// Commits.
    pub async fn commit(&self) -> Commit {
        match self.execute(&session::commit(), "committing").await {
            Ok(()) => Commit::Done,
            Err(error) => Commit::Unknown(error),
        }
    }

    /// Rolls back. One that fails leaves a connection that is of no use, which the next statement will show.
    pub async fn rollback(&self) {
        if !self.is_closed() {
            drop(self.execute(&session::rollback(), "rolling back").await);
        }
    }

    /// Ends work that may be done again, whatever became of it: commits when `result` is good, else rolls back. A
    /// commit of unknown outcome is an error here.
    ///
    /// # Errors
    /// The error of `result`, or that of the commit.
    pub async fn end<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => match self.commit().await {
                Commit::Done => Ok(value),
                Commit::Unknown(error) => Err(error),
            },
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    /// Ends the server process of a transaction whose connection is lost, if it still works on it: it would hold its
    /// locks until it notices.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn end_process(&self, transaction: &TransactionId) -> Result<()> {
        let TransactionId { process, began } = transaction;
        self.execute(&session::end_process(*process, began), "ending a lost session").await
    }

    /// Ends the server processes that hold one of these advisory locks and wait for their clients.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn end_idle_holders(&self, keys: &[i64]) -> Result<()> {
        self.execute(&session::end_idle_holders(keys), "ending a frozen session").await
    }

    /// The statement that tells whether the server works on the transaction, if one was begun.
    pub(super) fn is_working(&self) -> Option<Statement> {
        self.transaction().map(|TransactionId { process, began }| session::is_working(process, &began))
    }
}
