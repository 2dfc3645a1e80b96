//! The task that moves the bytes of a connection, and why it ended: the client itself learns only that it did.

use std::error::Error as _;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::Connection;

use super::{clean, tls};
use crate::error::Error;

/// Runs until the client is dropped or the connection breaks.
pub struct Driver {
    task: AbortHandle,
    end: Arc<OnceLock<String>>,
}

impl Driver {
    pub(super) fn start<S, T>(connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let end = Arc::new(OnceLock::new());
        let told = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let mut connection = connection;
            // The reason is there before the client learns of the end, which it does when the connection is dropped.
            if let Some(reason) = (&mut connection).await.err().and_then(|error| reason(&error)) {
                drop(told.set(reason));
            }
        });
        Self { task: task.abort_handle(), end }
    }

    /// Closes the connection at once, without a word to the server.
    pub(super) fn abort(&self) {
        self.task.abort();
    }

    /// Why the connection has broken, where there is more to say than that it has.
    pub(super) fn end(&self) -> Option<&str> {
        self.end.get().map(String::as_str)
    }
}

/// What an error of the connection means for the user; none where the other side just closed it.
pub(super) fn reason(error: &tokio_postgres::Error) -> Option<String> {
    const UNREADABLE: &str = "what the server sends cannot be read";
    if let Some(db) = error.as_db_error() {
        return Some(format!("{} (SQLSTATE {})", clean(db.message(), &[]), db.code().code()));
    }
    let Some(cause) = error.source() else {
        return (!error.is_closed()).then(|| "the server sends what was not asked for".to_owned());
    };
    let Some(broken) = cause.downcast_ref::<io::Error>() else { return Some(UNREADABLE.to_owned()) };
    if let Some(ours) = broken.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Some(ours.message().to_owned());
    }
    // The library says whether the network or its own reader of messages had a problem.
    if tls::cause(broken).is_some() || error.to_string().starts_with("error parsing") {
        return Some(UNREADABLE.to_owned());
    }
    // As a plain end; through TLS it looks like this.
    if broken.kind() == io::ErrorKind::UnexpectedEof {
        return None;
    }
    Some(clean(&broken.to_string(), &[]))
}
