//! No wait for the server is unbounded, and no statement that takes long is killed.
//!
//! After a time of silence a second connection asks the server how the first one's process is. While it works, the wait
//! goes on. When it waits for us, is idle or is gone, what it said or what we said never arrived: then the connection is
//! dead, whatever the sockets say. The same where the server cannot be reached either. Where somebody answers but does not
//! let us look (a pool without a free connection, a limit of connections), it is waited for, but not for ever. A commit that only waits
//! for a synchronous standby is durable where it is; it is waited for as long as attempts without progress may take.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::session::{Session, rows_of, text};
use super::sqlstate::statement_error;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// What a second connection found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    /// The server works on the transaction.
    Working,
    /// The transaction waits for a synchronous standby.
    Standby,
    /// Somebody answers, but does not let us look.
    Unknown,
    /// It waits for us, is idle, or knows nothing of the transaction.
    Waiting,
    /// The server cannot be reached.
    Unreachable,
}

impl Session {
    /// Waits for the `answer` to a `statement` as long as the server works on it.
    ///
    /// # Errors
    /// The server's refusal; [`ErrorKind::Connection`] when the connection is dead. It is closed then.
    pub(super) async fn answer<T>(
        &self,
        doing: &str,
        statement: &str,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let mut answer = std::pin::pin!(answer);
        let settled = |answered: std::result::Result<T, tokio_postgres::Error>| {
            answered.map_err(|error| statement_error(error, doing, statement, self.driver.end()))
        };
        let mut patience = limits::SILENCE;
        let mut silence = Duration::ZERO;
        let mut doubtful = false;
        let mut unknown = Duration::ZERO;
        let mut standby = Duration::ZERO;
        loop {
            if let Ok(answered) = timeout(patience, &mut answer).await {
                return settled(answered);
            }
            silence += patience;
            let seen = self.look().await;
            if seen == Seen::Standby {
                self.connector.inner.warn_of_standby(silence);
            }
            match seen {
                Seen::Working => {
                    doubtful = false;
                    unknown = Duration::ZERO;
                    patience = limits::SILENCE;
                }
                Seen::Standby if standby + patience < self.connector.inner.budget() => {
                    doubtful = false;
                    standby += patience;
                    patience = limits::SILENCE;
                }
                Seen::Unknown if unknown < limits::SILENCE_UNKNOWN => {
                    doubtful = false;
                    unknown += patience;
                    patience = limits::SILENCE;
                }
                // The answer may have been on its way while we looked.
                _ if !doubtful => {
                    doubtful = true;
                    patience = limits::SILENCE_IN_DOUBT;
                }
                seen => {
                    // It may have come during this look.
                    if let Ok(answered) = timeout(Duration::ZERO, &mut answer).await {
                        return settled(answered);
                    }
                    self.abandon();
                    return Err(silent(doing, silence, seen));
                }
            }
        }
    }

    async fn look(&self) -> Seen {
        let Some(question) = self.is_working() else { return Seen::Waiting };
        let deadline = Instant::now() + limits::LOOK_TIMEOUT;
        // Not a `Session`, whose own waits would come here again.
        let (client, _driver) = match timeout_at(deadline, self.connector.inner.connect(None)).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) if error.sqlstate().is_some() => return Seen::Unknown,
            _ => return Seen::Unreachable,
        };
        match timeout_at(deadline, client.simple_query(question.as_str())).await {
            Ok(Ok(messages)) => {
                let rows = rows_of(messages);
                let working = rows.first().and_then(|row| text(row, "working").ok().flatten());
                let standby = rows.first().and_then(|row| text(row, "standby").ok().flatten());
                match (working, standby) {
                    (Some("t"), Some("t")) => Seen::Standby,
                    (Some("t"), _) => Seen::Working,
                    _ => Seen::Waiting,
                }
            }
            Ok(Err(error)) if error.as_db_error().is_none() => Seen::Unreachable,
            // A pooler lets us in at once, and the question waits until it has a connection for it.
            _ => Seen::Unknown,
        }
    }
}

/// The error says that the connection was given up here, so nothing more will come from it.
pub(super) fn was_silent(error: &Error) -> bool {
    error.kind() == ErrorKind::Connection && std::error::Error::source(error).is_none()
}

fn silent(doing: &str, silence: Duration, seen: Seen) -> Error {
    let why = match seen {
        Seen::Standby => {
            "since the commit waits for a synchronous standby: see to it that one of synchronous_standby_names is connected"
        }
        Seen::Unreachable => "and cannot be reached by a new connection either",
        Seen::Unknown => "and nobody lets us look whether it works on it",
        _ => "and does not work on it: a message was lost on the way",
    };
    let seconds = silence.as_secs();
    Error::new(
        ErrorKind::Connection,
        format!(
            "the connection to the database was lost while {doing}: the server was silent for {seconds} seconds {why}"
        ),
    )
}
