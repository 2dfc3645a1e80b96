//! How many streams share a transaction.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;
use crate::limits;
use crate::protocol::Output;

/// Fewer, once the server has had no memory for the locks of so many.
pub(crate) struct Together(AtomicUsize);

impl Default for Together {
    fn default() -> Self {
        Self(AtomicUsize::new(limits::STREAMS_PER_TRANSACTION))
    }
}

impl Together {
    /// How many.
    pub fn streams(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// After an error of a transaction on so many: whether fewer may be possible. From now on they are fewer.
    pub fn fewer(&self, output: &Output, error: &Error, streams: usize) -> bool {
        if !is_out_of_memory(error) || streams < 2 {
            return false;
        }
        let fewer = streams.div_ceil(2);
        if self.0.fetch_min(fewer, Ordering::Relaxed) > fewer {
            output.info(&format!("{}. Going on with {fewer} streams in a transaction.", error.message()));
        }
        true
    }
}

/// The server has no memory, or its table of locks is full.
pub(super) fn is_out_of_memory(error: &Error) -> bool {
    error.sqlstate() == Some("53200")
}
