//! SIGTERM and SIGINT: stop reading, commit what is buffered, die of the signal.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Error, ErrorKind, Result};

/// Waits for the orchestrator, or a person, to ask for an end.
pub(super) struct Termination {
    term: Signal,
    interrupt: Signal,
}

impl Termination {
    /// Catches the signals from now on.
    pub fn catch() -> Result<Self> {
        let catch =
            |kind| signal(kind).map_err(|e| Error::new(ErrorKind::Internal, "cannot catch signals").with_source(e));
        Ok(Self { term: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }

    /// Completes when either signal has arrived.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
