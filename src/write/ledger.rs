//! Which STATE may go out, in which order, with which counts.
//!
//! It also knows which rows of a window came before which of its states.
//!
//! Invariant: a state leaves only after the window that was closed behind it is durable, in the order of arrival.

use std::collections::HashMap;

use crate::protocol::{State, StateScope};

/// Counts records and holds states until their window is durable.
pub(super) struct Ledger {
    /// Records of each stream that no state has covered yet.
    uncovered: Vec<u64>,
    /// Records of each stream since the window's last state.
    since: Vec<u64>,
    /// The streams that have any.
    touched: Vec<usize>,
    waiting: Vec<Waiting>,
}

/// A state whose window is not durable yet.
#[derive(Debug)]
pub(super) struct Waiting {
    state: State,
    /// The stream that it names, if the catalog has it.
    stream: Option<usize>,
    records: u64,
    /// How many records of which stream arrived in this window after the state before it.
    rows: Vec<(usize, u64)>,
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
        Self { uncovered: vec![0; streams], since: vec![0; streams], touched: Vec::new(), waiting: Vec::new() }
    }

    /// Counts records of a stream.
    pub fn records(&mut self, stream: usize, records: u64) {
        if let Some(count) = self.uncovered.get_mut(stream) {
            *count += records;
        }
        if let Some(count) = self.since.get_mut(stream) {
            if *count == 0 && records > 0 {
                self.touched.push(stream);
            }
            *count += records;
        }
    }

    /// Takes in a state; it covers what was counted since the one before. `stream` is the number of the stream that a
    /// STREAM state names, if the catalog has it.
    pub fn state(&mut self, state: State, stream: Option<usize>) {
        let records = match state.scope {
            StateScope::Stream(_) => stream.and_then(|i| self.uncovered.get_mut(i)).map_or(0, std::mem::take),
            StateScope::Global => self.uncovered.iter_mut().map(std::mem::take).sum(),
        };
        let rows = self.take_rows();
        self.waiting.push(Waiting { state, stream, records, rows });
    }

    /// The states of the window that is being closed.
    pub fn close_window(&mut self) -> Vec<Waiting> {
        self.take_rows();
        std::mem::take(&mut self.waiting)
    }

    fn take_rows(&mut self) -> Vec<(usize, u64)> {
        let Self { since, touched, .. } = self;
        touched.drain(..).filter_map(|stream| Some((stream, std::mem::take(since.get_mut(stream)?)))).collect()
    }
}

/// The text of the last of the states that covers rows of a stream.
pub(super) fn last_of(states: &[Waiting], stream: usize) -> Option<String> {
    let covers = |waiting: &&Waiting| match waiting.state.scope {
        StateScope::Stream(_) => waiting.stream == Some(stream),
        StateScope::Global => true,
    };
    states.iter().rev().find(covers).map(|waiting| waiting.state.text())
}

/// The states at the beginning of a window that do not cover any of the rows `without` (places of streams' rows in the window, from 0),
/// and how many rows of each stream these states cover.
pub(super) fn up_to(mut states: Vec<Waiting>, without: &HashMap<usize, u64>) -> (Vec<Waiting>, HashMap<usize, u64>) {
    let mut covered: HashMap<usize, u64> = HashMap::new();
    let mut good = 0;
    for state in &states {
        let reaches = |(stream, rows): &(usize, u64)| {
            let before = covered.get(stream).copied().unwrap_or_default();
            without.get(stream).is_some_and(|row| before + rows > *row)
        };
        if state.rows.iter().any(reaches) {
            break;
        }
        for (stream, rows) in &state.rows {
            *covered.entry(*stream).or_default() += rows;
        }
        good += 1;
    }
    states.truncate(good);
    (states, covered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Message, parse_line};

    fn state(ledger: &mut Ledger) {
        let line = r#"{"type":"STATE","state":{"type":"LEGACY","data":{}}}"#;
        let message = parse_line(line, &mut crate::batch::Router::new(Vec::new(), crate::batch::RawIds::seeded(1)));
        let Ok(Message::State(state)) = message else { panic!("a state") };
        ledger.state(state, None);
    }

    /// Two rows of stream 0 and one of stream 1, a state, one row of stream 1, a state, two of stream 0, a state, one more.
    fn window(ledger: &mut Ledger) -> Vec<Waiting> {
        for after in [&[0, 1, 0][..], &[1], &[0, 0]] {
            after.iter().for_each(|stream| ledger.records(*stream, 1));
            state(ledger);
        }
        ledger.records(0, 1);
        ledger.close_window()
    }

    #[test]
    fn states_hold_up_to_the_first_that_covers_a_refused_row() {
        let mut ledger = Ledger::new(2);
        for window_before in 0..2 {
            let cases = [
                (vec![], 3, [4, 2]),
                (vec![(0, 0)], 0, [0, 0]),
                (vec![(0, 1)], 0, [0, 0]),
                (vec![(0, 2)], 2, [2, 2]),
                (vec![(1, 1)], 1, [2, 1]),
                (vec![(0, 3), (1, 1)], 1, [2, 1]),
                (vec![(0, 4)], 3, [4, 2]),
            ];
            for (without, states, covered) in cases {
                let (good, rows) =
                    up_to(window(&mut ledger), &without.iter().copied().collect::<HashMap<usize, u64>>());
                assert_eq!(good.len(), states, "{without:?} after {window_before} windows");
                assert_eq!([0, 1].map(|stream| rows.get(&stream).copied().unwrap_or(0)), covered, "{without:?}");
            }
        }
    }
}
