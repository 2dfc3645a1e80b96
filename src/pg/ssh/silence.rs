//! A session that gives signs of life but moves no data, noticed by its new channels.
//!
//! A database server answers the first bytes of a connection at once; later it may be silent for as long as a statement
//! takes. So only what a channel's first answer takes says something about the bastion.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;

/// How long a session's new channels have had no answer.
#[derive(Default)]
pub(super) struct Silence(Mutex<Option<Instant>>);

impl Silence {
    /// A channel is asked for.
    pub(super) fn begin(&self) {
        self.since().get_or_insert_with(Instant::now);
    }

    /// Something came back: by whatever channel, the session moves data.
    pub(super) fn end(&self) {
        *self.since() = None;
    }

    /// How long it has been, when that is too long.
    pub(super) fn too_long(&self) -> Option<Duration> {
        self.since().map(|since| since.elapsed()).filter(|silence| *silence >= limits::SSH_CHANNEL_SILENCE)
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
