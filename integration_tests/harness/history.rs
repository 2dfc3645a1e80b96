//! What happened in a run, as the orchestrator, its readers and the tables saw it.

use serde_json::Value;

use crate::plan::Plan;
use crate::source;

#[derive(Clone, Debug)]
pub struct History {
    pub plan: Plan,
    pub attempts: Vec<Attempt>,
    /// The tables after each job, in the order of the streams.
    pub jobs: Vec<Vec<Vec<Row>>>,
    /// What was set aside until the end of each job, in the same order.
    pub aside: Vec<Vec<Vec<Aside>>>,
    /// What the driver and the readers saw that must not be.
    pub seen: Vec<String>,
    pub timeline: Vec<String>,
}

/// A row of a table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Row {
    pub id: u64,
    pub row: u64,
    /// Number of the attempt that wrote it.
    pub attempt: usize,
    pub job: usize,
    /// The field whose type may change.
    pub kind: Option<u64>,
    /// The field that may come later.
    pub extra: Option<u64>,
    /// It has a time of deletion.
    pub deleted: bool,
}

/// A row in the table of rejected rows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Aside {
    pub attempt: usize,
    pub row: u64,
}

/// One run of the connector.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub job: usize,
    /// The schema had changed.
    pub changed: bool,
    /// The database refused rows, and that is an error.
    pub refusing: bool,
    /// The rows that were sent, by stream.
    pub sent: Vec<Vec<u64>>,
    pub states: Vec<SentState>,
    /// The `state` members of the STATE messages that came back.
    pub answers: Vec<Value>,
    pub expected: Expected,
    pub end: End,
    /// Everything was sent, with COMPLETE and the end of input.
    pub told_all: bool,
    /// How many of its rows each table had when a newer attempt had got somewhere.
    pub rows_when_superseded: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub struct SentState {
    pub state: Value,
    /// Records that it covers.
    pub records: u64,
    /// Rows sent before it, by stream; nothing where it does not speak of the stream.
    pub covers: Vec<Option<usize>>,
}

/// How an attempt may end, after what was done to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Well: whatever happened can be survived.
    Success,
    /// Well, or with one error that tells of what happened.
    SuccessOrError,
    /// Somehow.
    Killed,
    /// By SIGTERM, or well.
    Terminated,
    /// Somehow, with nobody to hear of it.
    Unread,
    /// With the error that a newer sync has begun.
    Superseded,
}

#[derive(Clone, Debug, Default)]
pub struct End {
    /// The exit code, or the negated number of the signal.
    pub code: i32,
    /// The `error` members of TRACE ERROR messages.
    pub errors: Vec<Value>,
    pub stdout: Vec<String>,
    pub stderr: String,
}

impl Attempt {
    /// It ended with the error that the database has refused a row.
    pub fn was_refused(&self) -> bool {
        let said =
            |error: &Value| error["message"].as_str().is_some_and(|text| text.contains("the database refuses record"));
        self.refusing
            && self.end.code == 1
            && matches!(&*self.end.errors, [error] if error["failure_type"] == "config_error" && said(error))
    }

    /// Where the first part is that holds a row that the database refuses.
    pub fn first_refused(&self, plan: &Plan) -> Option<usize> {
        let streams = plan.streams.iter().zip(&self.sent);
        let rows = streams.flat_map(|(stream, sent)| sent.iter().filter(|row| stream.refuses(**row)));
        rows.map(|row| source::part_of(plan, *row)).min()
    }

    /// Everything was done, and the orchestrator knows.
    pub fn succeeded(&self) -> bool {
        self.told_all
            && self.end.code == 0
            && self.answers.len() == self.states.len()
            && self.expected != Expected::Superseded
    }
}
