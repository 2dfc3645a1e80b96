//! One connection: statements, queries and COPY, each bounded by what the server says of itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, Row, SimpleQueryMessage, SimpleQueryRow};

use super::driver::Driver;
use super::stall::was_silent;
use super::{Connector, ToSql, TransactionId, Type, single};
use crate::error::{Error, Result};
use crate::sql::{Statement, session};

/// A connection to the database.
pub struct Session {
    pub(super) client: Client,
    pub(super) driver: Driver,
    /// For a second connection, to ask how this one's server process is.
    pub(super) connector: Connector,
    version: u32,
    transaction: Mutex<Option<TransactionId>>,
    /// Statements that were not run, while somebody only wants to know them.
    held_back: Mutex<Option<Vec<Statement>>>,
}

impl Session {
    pub(super) async fn new(connector: Connector, client: Client, driver: Driver) -> Result<Self> {
        let mut session =
            Self { client, driver, connector, version: 0, transaction: Mutex::default(), held_back: Mutex::default() };
        let row = session.query(session::version(), &[], "asking the server's version").await?;
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

    /// Closes the connection at once, without a word to the server, which may not listen any more.
    pub fn abandon(&self) {
        self.driver.abort();
    }

    /// The transaction that was begun last; it may have ended.
    pub fn transaction(&self) -> Option<TransactionId> {
        self.transaction.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_transaction(&self, transaction: Option<TransactionId>) {
        *self.transaction.lock().unwrap_or_else(PoisonError::into_inner) = transaction;
    }

    fn held_back(&self) -> MutexGuard<'_, Option<Vec<Statement>>> {
        self.held_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `work` would run: its queries are asked in a transaction that cannot write, its statements are held back, and
    /// come back with its answer.
    ///
    /// # Errors
    /// Those of `work`, and as [`Session::execute`].
    pub fn rehearse<'a, T: 'a>(
        &'a self,
        work: impl Future<Output = Result<T>> + 'a,
    ) -> impl Future<Output = Result<(T, Vec<Statement>)>> + 'a {
        // What decides for a write is large.
        Box::pin(async move {
            self.begin_with(&[session::read_only()]).await?;
            *self.held_back() = Some(Vec::new());
            let answer = work.await;
            let statements = self.held_back().take().unwrap_or_default();
            self.rollback().await;
            Ok((answer?, statements))
        })
    }

    /// Runs a statement. `doing` names it in an error.
    ///
    /// # Errors
    /// The server's refusal with its SQLSTATE, or a lost connection.
    pub async fn execute(&self, statement: &Statement, doing: &str) -> Result<()> {
        if let Some(held_back) = &mut *self.held_back() {
            held_back.push(statement.clone());
            return Ok(());
        }
        self.answer(doing, statement.as_str(), self.client.batch_execute(statement.as_str())).await
    }

    /// Runs a statement and answers how many rows it says that it inserted, updated or deleted.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn affect(&self, statement: &Statement, doing: &str) -> Result<u64> {
        let messages = self.answer(doing, statement.as_str(), self.client.simple_query(statement.as_str())).await?;
        let rows = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => 0,
        };
        Ok(messages.iter().map(rows).sum())
    }

    /// Runs statements in one round trip and answers the rows of all of them, as text.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn rows(&self, statement: &Statement, doing: &str) -> Result<Vec<SimpleQueryRow>> {
        let messages = self.answer(doing, statement.as_str(), self.client.simple_query(statement.as_str())).await?;
        Ok(rows_of(messages))
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
        self.answer(doing, statement, self.client.query_typed(statement, params)).await
    }

    /// Whether a query of one boolean says yes.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn ask(&self, statement: &Statement, doing: &str) -> Result<bool> {
        single(&self.query(statement, &[], doing).await?)
    }

    /// Runs `statement`; when the server refuses it the transaction goes on as if it had never been sent.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn try_execute(&self, statement: &Statement, doing: &str) -> Result<()> {
        if self.held_back().is_some() {
            return self.execute(statement, doing).await;
        }
        self.execute(&session::savepoint(), doing).await?;
        match self.execute(statement, doing).await {
            Ok(()) => self.execute(&session::release_savepoint(), doing).await,
            Err(error) if error.sqlstate().is_none() => Err(error),
            Err(error) => {
                self.execute(&session::rollback_to_savepoint(), doing).await?;
                Err(error)
            }
        }
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
        let statement = statement.as_str();
        let sink = self.answer(doing, statement, self.client.copy_in::<str, Bytes>(statement)).await?;
        let mut sink = Box::pin(sink);
        for chunk in chunks {
            match self.answer(doing, statement, sink.feed(chunk)).await {
                Err(error) if was_silent(&error) => return Err(error),
                // The reason is in the server's answer, which `finish` reads.
                Err(_) => break,
                Ok(()) => {}
            }
        }
        self.answer(doing, statement, sink.as_mut().finish()).await
    }
}

/// The rows among the messages that answer a script.
pub(super) fn rows_of(messages: Vec<SimpleQueryMessage>) -> Vec<SimpleQueryRow> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// A value of a row of [`Session::rows`], none for NULL.
///
/// # Errors
/// As [`super::value`].
pub fn text<'a>(row: &'a SimpleQueryRow, name: &str) -> Result<Option<&'a str>> {
    row.try_get(name).map_err(|e| {
        Error::new(crate::error::ErrorKind::Internal, format!("a script's column {name} is not as expected"))
            .with_source(e)
    })
}
