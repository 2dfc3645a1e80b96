//! Which STATE may go out, in which order, with which counts.
//!
//! Invariant: a state leaves only after the window that was closed behind it is durable, in the order of arrival.

use crate::protocol::{State, StateScope};

/// Counts records and holds states until their window is durable.
pub(super) struct Ledger {
    /// Records of each stream that no state has covered yet.
    uncovered: Vec<u64>,
    waiting: Vec<Waiting>,
}

/// A state whose window is not durable yet.
#[derive(Debug)]
pub(super) struct Waiting {
    state: State,
    records: u64,
}

impl Waiting {
    /// The message that acknowledges it.
    pub fn acknowledgement(&self) -> String {
        self.state.acknowledgement(self.records)
    }
}

impl Ledger {
    /// Nothing counted yet, for so many streams.
    pub fn new(streams: usize) -> Self {
        Self { uncovered: vec![0; streams], waiting: Vec::new() }
    }

    /// Counts a record of a stream.
    pub fn record(&mut self, stream: usize) {
        if let Some(count) = self.uncovered.get_mut(stream) {
            *count += 1;
        }
    }

    /// Takes in a state; it covers what was counted since the one before. `stream` is the number of the stream that a
    /// STREAM state names, if the catalog has it.
    pub fn state(&mut self, state: State, stream: Option<usize>) {
        let records = match state.scope {
            StateScope::Stream(_) => stream.and_then(|i| self.uncovered.get_mut(i)).map_or(0, std::mem::take),
            StateScope::Global => self.uncovered.iter_mut().map(std::mem::take).sum(),
        };
        self.waiting.push(Waiting { state, records });
    }

    /// The states of the window that is being closed.
    pub fn close_window(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }
}
