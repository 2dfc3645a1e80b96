//! The harness against bugs that are planted outside of the connector: it must find each of them.

use libtest_mimic::{Failed, Trial};

use crate::checker::check;
use crate::drive::Drive;
use crate::history::{History, Row};
use crate::plan::{Batches, Change, Changed, Fault, Plan, Refresh, Refused, Stream, Via, What};
use crate::run::{REJECTED, run};
use crate::source;

/// A bug must be found by one of so many seeds.
const SEEDS: u64 = 60;
/// Of which at most so many are run, those whose plan can show the bug at all.
const RUNS: usize = 6;

/// A way to break what is promised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bug {
    /// A state is acknowledged as soon as it was read.
    AcknowledgedEarly,
    /// After a broken connection a row of the last window is not there.
    ReplayForgotten,
    /// After a broken connection a row of the last window is there twice.
    ReplayedTwice,
    /// A superseded attempt commits what it still had.
    FenceIgnored,
    /// The old rows of a refresh go before the new ones are complete.
    PublishedEarly,
    /// A refused row is in no table.
    RefusedForgotten,
    /// The source's deletion of a row is not carried out.
    DeletionForgotten,
    /// A row of a BATCH is not there.
    BatchCutOff,
    /// A value that was there before a change of its type is not there afterwards.
    ConversionFailed,
}

pub fn trials() -> Vec<Trial> {
    let bugs = [
        ("acknowledged_early", Bug::AcknowledgedEarly, "acknowledged"),
        ("replay_forgotten", Bug::ReplayForgotten, "are missing"),
        ("replayed_twice", Bug::ReplayedTwice, "is there twice"),
        ("fence_ignored", Bug::FenceIgnored, "when a newer one had begun"),
        ("published_early", Bug::PublishedEarly, "a reader of"),
        ("refused_forgotten", Bug::RefusedForgotten, "not set aside"),
        ("deletion_forgotten", Bug::DeletionForgotten, "is deleted or refused, but"),
        ("batch_cut_off", Bug::BatchCutOff, "are missing"),
        ("conversion_failed", Bug::ConversionFailed, "`kind` is not what was sent"),
    ];
    bugs.map(|(name, bug, words)| Trial::test(format!("planted::{name}"), move || found(bug, words))).into()
}

fn found(bug: Bug, words: &str) -> Result<(), Failed> {
    let mut tried = Vec::new();
    for plan in (0..SEEDS).map(Plan::of).filter(|plan| bug.shows_in(plan)).take(RUNS) {
        let broken = check(&run(&plan, Some(bug))?);
        if broken.iter().any(|what| what.contains(words)) {
            return Ok(());
        }
        tried.push(format!("{plan}: {broken:?}"));
    }
    Err(format!("{bug:?} was not found by\n{}", tried.join("\n")).into())
}

impl Bug {
    /// A plan in which something happens that the bug is about.
    fn shows_in(self, plan: &Plan) -> bool {
        let any_fault = |wanted: fn(&Fault) -> bool| plan.faults.iter().any(wanted);
        let appends = plan.streams.iter().any(is_plain);
        match self {
            Self::AcknowledgedEarly => any_fault(|fault| fault.what == What::Kill),
            Self::ReplayForgotten | Self::ReplayedTwice => {
                appends && plan.via != Via::Direct && any_fault(|fault| fault.what == What::Reset)
            }
            Self::FenceIgnored => appends && any_fault(|fault| matches!(fault.what, What::Zombie { .. })),
            Self::PublishedEarly => plan.streams.iter().any(|stream| stream.refresh != Refresh::No),
            Self::RefusedForgotten => {
                plan.set_aside && plan.streams.iter().any(|s| s.refused.is_some_and(|r| (plan.rows as u64) >= r.every))
            }
            Self::DeletionForgotten => {
                !plan.soft && plan.streams.iter().any(|stream| stream.deletes) && plan.parts * plan.rows >= 12
            }
            Self::BatchCutOff => plan.batches.is_some() && appends && plan.rows >= 3,
            Self::ConversionFailed => {
                plan.change.is_some_and(|change| change.what != Changed::NewField && change.has_come(plan.jobs - 1, 0))
                    && appends
            }
        }
    }
}

fn is_plain(stream: &Stream) -> bool {
    stream.refresh == Refresh::No && !stream.keyed && stream.refused.is_none()
}

impl Drive<'_> {
    /// Plants [`Bug::PublishedEarly`] in a refresh that has begun.
    pub fn publish_early(&mut self, job: usize) {
        if self.bug != Some(Bug::PublishedEarly) || job == 0 {
            return;
        }
        for stream in self.plan.streams.iter().filter(|stream| stream.refresh != Refresh::No) {
            self.plant(&format!("DELETE FROM {} WHERE job < {job}", self.bed.table(stream.name)));
        }
    }

    /// Plants [`Bug::ReplayForgotten`] and [`Bug::ReplayedTwice`] after an attempt whose connection broke.
    pub fn lose_or_repeat(&mut self, number: usize) {
        let Some(at) = self.plan.streams.iter().position(is_plain) else { return };
        let Some(row) = self.history.attempts[number].sent[at].last() else { return };
        let table = self.bed.table(self.plan.streams[at].name);
        match self.bug {
            Some(Bug::ReplayForgotten) => self.plant(&format!("DELETE FROM {table} WHERE number = {row}")),
            Some(Bug::ReplayedTwice) => {
                self.plant(&format!("INSERT INTO {table} SELECT * FROM {table} WHERE number = {row}"));
            }
            _ => {}
        }
    }

    /// Plants [`Bug::FenceIgnored`] after the end of an attempt that was given up.
    pub fn ignore_fence(&mut self, number: usize) {
        let Some(at) = self.plan.streams.iter().position(is_plain) else { return };
        let table = self.bed.table(self.plan.streams[at].name);
        if self.bug == Some(Bug::FenceIgnored) {
            for row in &self.history.attempts[number].sent[at] {
                self.plant(&format!(
                    "INSERT INTO {table} (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, id, number, version, attempt, job) \
                     SELECT _airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, {row}, {row}, version, {number}, job \
                     FROM {table} WHERE NOT EXISTS (SELECT FROM {table} WHERE attempt = {number} AND number = {row}) LIMIT 1"
                ));
            }
        }
    }

    /// Plants what shows in the tables at the end of a job.
    pub fn spoil(&self) {
        let table = |wanted: fn(&Stream) -> bool| {
            self.plan.streams.iter().find(|stream| wanted(stream)).map(|stream| self.bed.table(stream.name))
        };
        match self.bug {
            Some(Bug::RefusedForgotten) => self.plant(&format!("TRUNCATE {}", self.bed.table(REJECTED))),
            Some(Bug::DeletionForgotten) => {
                if let Some(table) = table(|stream| stream.deletes) {
                    // The row that the first deletion was of.
                    let stream = self.plan.streams.iter().find(|stream| stream.deletes).expect("there is one");
                    let deleted = source::newest(self.plan, stream, self.history.jobs.len(), |_| true);
                    let key = deleted.iter().find(|(_, row)| source::is_deletion(stream, **row)).map(|(key, _)| *key);
                    let Some(key) = key else { return };
                    self.plant(&format!(
                        "INSERT INTO {table} (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, id, number, version, attempt, job, kind) \
                         SELECT _airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id, {key}, number, version, attempt, job, kind FROM {table} LIMIT 1"
                    ));
                }
            }
            Some(Bug::BatchCutOff) => {
                if let Some(table) = table(is_plain) {
                    let last = source::last_of_batch(self.plan, 0, 0);
                    self.plant(&format!("DELETE FROM {table} WHERE number = {last}"));
                }
            }
            Some(Bug::ConversionFailed) => {
                if let Some(table) = table(is_plain) {
                    self.plant(&format!("UPDATE {table} SET kind = NULL WHERE number = 0"));
                }
            }
            _ => {}
        }
    }

    fn plant(&self, sql: &str) {
        self.bed.superuser().and_then(|session| session.run(sql)).expect("the bug is planted");
    }
}

/// That the checker finds what is wrong in a history that one change made wrong.
pub fn mutations() -> Vec<Trial> {
    vec![Trial::test("checker::finds_every_single_change", || Ok(every_change()?))]
}

type Mutation = fn(&mut History);

/// The second job's attempt ends with this error.
fn refuse(history: &mut History, words: &str) {
    let attempt = &mut history.attempts[1];
    attempt.refusing = true;
    attempt.end.code = 1;
    let text = format!("the database {words} this sync");
    attempt.end.errors.push(serde_json::json!({"failure_type": "config_error", "message": text}));
}

fn without(rows: &mut Vec<Row>, at: usize) {
    rows.remove(at);
}

fn every_change() -> Result<(), String> {
    let calm = Plan { faults: Vec::new(), global: false, jobs: 2, ..Plan::of(1) };
    let stream = |name, keyed, refresh| Stream { name, keyed, refresh, deletes: false, refused: None };
    let streams = vec![
        stream("alpha", false, Refresh::No),
        stream("beta", true, Refresh::No),
        stream("gamma", false, Refresh::Resumed),
        Stream { deletes: true, ..stream("delta", true, Refresh::No) },
        Stream { refused: Some(Refused { every: 5, trigger: false }), ..stream("epsilon", false, Refresh::No) },
    ];
    let change = Some(Change { job: 1, attempt: 0, what: Changed::NewField });
    let plan = Plan {
        streams,
        rows: 12,
        parts: 2,
        pad: 0,
        via: Via::Direct,
        batches: Some(Batches::Inline),
        change,
        set_aside: true,
        soft: false,
        ..calm
    };
    let history = run(&plan, None)?;
    let broken = check(&history);
    if !broken.is_empty() {
        return Err(crate::run::report(&history, &broken));
    }
    let changes: Vec<(&str, Mutation)> = vec![
        ("are missing", |h| without(&mut h.jobs[1][0], 5)),
        ("are missing", |h| without(&mut h.jobs[1][1], 5)),
        ("is there twice", |h| h.jobs[1][0].extend_from_within(3..4)),
        ("is the newest", |h| h.jobs[1][1].extend_from_within(..1)),
        ("is the newest", |h| h.jobs[1][1][4].row = h.jobs[0][1].iter().map(|row| row.row).min().unwrap_or(0)),
        ("was replaced or given up", |h| {
            let old = h.jobs[0][2][0];
            h.jobs[1][2].push(old);
        }),
        ("nobody sent", |h| h.jobs[1][0][0].row += 1_000),
        ("no beginning", |h| without(&mut h.jobs[1][2], 2)),
        ("are acknowledged", |h| h.jobs[1][0].truncate(12)),
        ("when a newer one", |h| h.attempts[0].rows_when_superseded = Some(vec![3; 5])),
        ("instead of the state", |h| h.attempts[0].answers.swap(0, 2)),
        ("instead of the state", |h| drop(h.attempts[0].answers.remove(0))),
        ("came back", |h| h.attempts[0].answers.push(serde_json::Value::Null)),
        ("covers 12 records", |h| h.attempts[0].answers[0]["destinationStats"]["recordCount"] = 11.0.into()),
        ("expected Success", |h| drop(h.attempts[0].answers.pop())),
        ("expected Success", |h| h.attempts[0].end.code = 1),
        ("expected Success", |h| h.attempts[0].end.errors.push(serde_json::json!({"failure_type": "transient_error"}))),
        ("it panicked", |h| h.attempts[0].end.stderr += "thread 'main' panicked at src/main.rs"),
        ("only 1 jobs", |h| drop(h.jobs.pop())),
        ("`kind` is not", |h| h.jobs[1][0][3].kind = None),
        ("`extra` is not", |h| h.jobs[1][0][3].extra = Some(3)),
        ("`extra` is not", |h| h.jobs[1][0][30].extra = None),
        ("not deleted as it was sent", |h| h.jobs[1][3][0].deleted = true),
        ("is deleted or refused, but", |h| {
            let some = h.jobs[1][3][0];
            let gone = (0..).find(|id| h.jobs[1][3].iter().all(|row| row.id != *id)).unwrap_or(0);
            h.jobs[1][3].push(Row { id: gone, ..some });
        }),
        ("are missing", |h| h.plan.soft = true),
        ("not set aside", |h| h.aside[1][4].truncate(1)),
        ("are acknowledged", |h| h.aside[0][4].clear()),
        ("is set aside twice", |h| h.aside[1][4].extend_from_within(..1)),
        ("nothing refuses it", |h| h.aside[1][4][0].row += 1),
        ("nothing refuses it", |h| h.plan.set_aside = false),
        ("are refused first", |h| refuse(h, "refuses record 6 of stream epsilon in")),
        ("none is to be", |h| {
            refuse(h, "refuses record 5 of stream epsilon in");
            h.plan.streams[4].refused = None;
        }),
        ("come before the refused row", |h| refuse(h, "refuses record 5 of stream epsilon in")),
        ("expected Success", |h| {
            refuse(h, "refuses record 5 of stream epsilon in");
            h.attempts[1].refusing = false;
        }),
    ];
    for (number, (words, change)) in changes.iter().enumerate() {
        let mut changed = history.clone();
        change(&mut changed);
        let broken = check(&changed);
        if !broken.iter().any(|what| what.contains(words)) {
            return Err(format!("change {number} is not told as \"{words}\": {broken:?}"));
        }
    }
    Ok(())
}
