//! A session that comes back: what is lost is opened again, as long as there is hope.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::retry::{Attempts, ends_connection};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::{Session, TransactionId};

/// The place of one session.
pub(super) struct Link {
    cx: Arc<Context>,
    session: Option<Session>,
    /// The last transaction of a session that was lost: the server may still be at it.
    lost: Option<TransactionId>,
    attempts: Attempts,
    /// There was a session once, so the configuration is right.
    known_good: bool,
}

impl Link {
    /// Without a session; the first is opened when it is needed.
    pub fn new(cx: Arc<Context>) -> Self {
        let attempts = Attempts::new(Duration::from_secs(cx.config.retry_timeout_seconds), Arc::clone(&cx.outage));
        Self { cx, session: None, lost: None, attempts, known_good: false }
    }

    /// The session, opened if there is none. What the lost one left behind is ended first.
    ///
    /// # Errors
    /// One attempt's; [`Link::recover`] decides about the next.
    pub async fn session(&mut self) -> Result<&Session> {
        // Idle between windows, the server or the network may have hung up; nothing was under way then.
        if self.is_closed() {
            self.session = None;
        }
        let session = if let Some(session) = self.session.take() {
            session
        } else {
            let session = self.cx.connector.session().await?;
            if self.known_good {
                self.cx.summary.reconnected();
            }
            session
        };
        if let Some(transaction) = &self.lost {
            session.end_process(transaction).await?;
            self.lost = None;
        }
        self.known_good = true;
        Ok(self.session.insert(session))
    }

    /// There is a session, and it is of use as far as is known.
    pub fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.is_closed())
    }

    /// The session is there no more.
    pub fn is_closed(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_closed)
    }

    /// Work was done that does not need to be done again.
    pub fn progress(&mut self) {
        if let Some((failed, time)) = self.attempts.succeed() {
            self.cx.output.info(&format!("Went on after {failed} failed attempts in {} seconds.", time.as_secs()));
        }
    }

    /// Drops the session where an error has made it useless.
    pub fn note_failure(&mut self, error: &Error) {
        let Some(session) = &self.session else { return };
        if ends_connection(error) || session.is_closed() {
            self.lost = session.transaction().or(self.lost.take());
            session.abandon();
            self.session = None;
        }
    }

    /// After a failed attempt: waits for the moment of the next one.
    ///
    /// # Errors
    /// The error, when another attempt cannot cure it or the time for it is spent.
    pub async fn recover(&mut self, error: Error) -> Result<()> {
        self.note_failure(&error);
        // A name that was never right.
        if error.kind() == ErrorKind::UnknownHost && !self.known_good {
            return Err(error);
        }
        let patience = if self.known_good { Duration::MAX } else { limits::FIRST_CONNECTION_PATIENCE };
        let (error, pause) = self.attempts.fail(error, patience)?;
        let failed = self.attempts.failed();
        self.cx.summary.retried();
        // An outage is not a flood of lines.
        if failed.is_power_of_two() {
            self.cx.output.warn(&format!(
                "Attempt {failed} failed: {}. Trying again in {:.1} seconds.",
                error.message(),
                pause.as_secs_f64()
            ));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Does `work`, which may be done again whatever became of it, until it is done.
    ///
    /// # Errors
    /// As [`Link::recover`].
    pub async fn repeat<T>(&mut self, work: impl AsyncFnMut(&Session) -> Result<T>) -> Result<T> {
        let done = self.ask(work).await?;
        self.progress();
        Ok(done)
    }

    /// As [`Link::repeat`], for what is only asked: an answer is no progress.
    ///
    /// # Errors
    /// As [`Link::recover`].
    pub async fn ask<T>(&mut self, mut work: impl AsyncFnMut(&Session) -> Result<T>) -> Result<T> {
        loop {
            let outcome = match self.session().await {
                Ok(session) => work(session).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(done) => return Ok(done),
                Err(error) => self.recover(error).await?,
            }
        }
    }
}
