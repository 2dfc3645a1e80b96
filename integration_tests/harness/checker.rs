//! Whether a history keeps what is promised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::history::{Aside, Attempt, Expected, History, Row};
use crate::plan::{Changed, Plan, Refresh, Stream};
use crate::source;

/// A sentence for each promise that was broken.
pub fn check(history: &History) -> Vec<String> {
    let mut broken = history.seen.clone();
    for (number, attempt) in history.attempts.iter().enumerate() {
        let said = states(attempt).into_iter().chain(ending(&history.plan, attempt));
        broken.extend(said.map(|what| format!("attempt {number}: {what}")));
    }
    if history.jobs.len() < history.plan.jobs {
        broken.push(format!("only {} jobs of {} came to their end", history.jobs.len(), history.plan.jobs));
    }
    for (job, tables) in history.jobs.iter().enumerate() {
        for (number, rows) in tables.iter().enumerate() {
            let stream = &history.plan.streams[number];
            let aside = &history.aside[job][number];
            let said = table(history, job, number, rows, aside);
            broken.extend(said.into_iter().map(|what| format!("table {} after job {job}: {what}", stream.name)));
        }
    }
    broken
}

/// States come back in order, once, as they were, with the count of what they cover.
fn states(attempt: &Attempt) -> Vec<String> {
    let mut broken = Vec::new();
    if attempt.answers.len() > attempt.states.len() {
        broken.push(format!("{} states were sent, {} came back", attempt.states.len(), attempt.answers.len()));
    }
    for (answer, sent) in attempt.answers.iter().zip(&attempt.states) {
        let mut bare = answer.clone();
        let stats = bare.as_object_mut().and_then(|members| members.remove("destinationStats"));
        if bare != sent.state {
            broken.push(format!("instead of the state {} came {bare}", sent.state));
            break;
        }
        let count = stats.as_ref().and_then(|stats| stats["recordCount"].as_f64());
        if count != Some(sent.records as f64) {
            broken
                .push(format!("the state {} covers {} records, it came back with {stats:?}", sent.state, sent.records));
        }
    }
    broken
}

/// It ended as it may, with one honest error or none.
fn ending(plan: &Plan, attempt: &Attempt) -> Vec<String> {
    let end = &attempt.end;
    let mut broken = Vec::new();
    let everything = end.stdout.iter().map(String::as_str).chain([end.stderr.as_str()]);
    for line in everything.filter(|text| text.contains("panicked") || text.contains("RUST_BACKTRACE")) {
        broken.push(format!("it panicked: {line}"));
    }
    let kinds: Vec<&str> = end.errors.iter().filter_map(|error| error["failure_type"].as_str()).collect();
    let all_answered = attempt.answers.len() == attempt.states.len();
    let well = end.code == 0 && kinds.is_empty() && all_answered;
    let fine = match attempt.expected {
        Expected::Success => well,
        Expected::SuccessOrError => well || (end.code == 1 && matches!(&*kinds, ["transient_error" | "config_error"])),
        Expected::Killed => end.code == -9 || well,
        Expected::Terminated => (end.code == -15 && kinds.is_empty()) || well,
        // Nobody can have heard of its error; it ends well where only its last words were lost.
        Expected::Unread => true,
        Expected::Superseded => {
            // It finds the newer one's note, or, where that one has published already, no table at all.
            let says = |error: &Value| {
                let text = error["internal_message"].as_str().unwrap_or_default();
                text.starts_with("Superseded: ")
                    && ["another sync of table", "was dropped or replaced"].iter().any(|words| text.contains(words))
            };
            end.code == 1 && kinds == ["transient_error"] && end.errors.iter().all(says)
        }
    };
    if attempt.was_refused() {
        broken.extend(refusal(plan, attempt));
    } else if !fine {
        broken.push(format!(
            "expected {:?}, but it ended with code {}, {} answers to {} states and {:?}",
            attempt.expected,
            end.code,
            attempt.answers.len(),
            attempt.states.len(),
            end.errors
        ));
    }
    broken
}

/// The error names the first record that is refused, and what came before it is acknowledged.
fn refusal(plan: &Plan, attempt: &Attempt) -> Vec<String> {
    let Some(part) = attempt.first_refused(plan) else { return vec!["a row was refused, but none is to be".into()] };
    let mut broken = Vec::new();
    let text = attempt.end.errors[0]["message"].as_str().unwrap_or_default();
    let before =
        attempt.states.iter().filter(|sent| source::position_of(&sent.state).is_some_and(|(_, at)| at <= part));
    let (before, answers) = (before.count(), attempt.answers.len());
    // Of rows with one key the database may get to see only the newest.
    let all_come = plan.streams.iter().all(|stream| stream.refused.is_none() || !stream.keyed);
    if all_come {
        let first = plan.streams.iter().zip(&attempt.sent).filter_map(|(stream, sent)| {
            let at = sent.iter().position(|row| stream.refuses(*row))?;
            Some(format!("refuses record {} of stream {} ", at + 1, stream.name))
        });
        if !first.clone().any(|words| text.contains(&words)) {
            broken.push(format!("{:?} are refused first, but the error says: {text}", first.collect::<Vec<_>>()));
        }
        if answers > before {
            broken.push(format!("{answers} states are acknowledged, {before} come before the refused row"));
        }
    }
    if answers < before && attempt.expected == Expected::Success {
        broken.push(format!("{before} states come before the refused row, {answers} are acknowledged"));
    }
    broken
}

fn table(history: &History, job: usize, number: usize, rows: &[Row], aside: &[Aside]) -> Vec<String> {
    let stream = &history.plan.streams[number];
    let mut broken = Vec::new();
    let entitled: BTreeSet<usize> = entitled(history, stream, job);
    for row in rows {
        let sent = history
            .attempts
            .get(row.attempt)
            .is_some_and(|attempt| attempt.job == row.job && attempt.sent[number].contains(&row.row));
        if !sent {
            broken.push(format!("nobody sent {row:?}"));
        } else if !entitled.contains(&row.attempt) {
            broken.push(format!("{row:?} is of a generation that was replaced or given up"));
        } else {
            broken.extend(fields(history, stream, row).map(|what| format!("{row:?}: {what}")));
        }
    }
    broken.extend(set_aside(history, number, job, aside));
    let newest = source::wanted(&history.plan, stream, job);
    let mut stored: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    rows.iter().for_each(|row| stored.entry(row.id).or_default().push(row.row));
    let missing: Vec<&u64> = newest.iter().filter(|(id, _)| !stored.contains_key(id)).map(|(_, row)| row).collect();
    if !missing.is_empty() {
        broken.push(format!("of {} rows {} are missing: {missing:?}", newest.len(), missing.len()));
    }
    for (id, wanted) in newest.iter().filter(|_| stream.keyed) {
        if let Some(found) = stored.get(id).filter(|found| **found != [*wanted]) {
            broken.push(format!("of key {id} row {wanted} is the newest, rows {found:?} are there"));
        }
    }
    if let Some((id, found)) = stored.iter().find(|(id, _)| !newest.contains_key(id)) {
        broken.push(format!("key {id} is deleted or refused, but rows {found:?} are there"));
    }
    broken.truncate(5);
    if !stream.keyed {
        for (attempt, told) in history.attempts.iter().enumerate().filter(|(attempt, _)| entitled.contains(attempt)) {
            broken.extend(added(attempt, told, number, rows, aside));
        }
    }
    broken
}

/// What a row holds beside its number.
fn fields(history: &History, stream: &Stream, row: &Row) -> Option<&'static str> {
    let new = history.plan.change.is_some_and(|change| change.what == Changed::NewField);
    let extra = (new && history.attempts[row.attempt].changed).then_some(row.row);
    if row.kind != Some(row.row) {
        return Some("`kind` is not what was sent");
    }
    if row.extra != extra {
        return Some("`extra` is not what was sent");
    }
    (row.deleted != source::is_deletion(stream, row.row)).then_some("it is not deleted as it was sent")
}

/// Refused rows are set aside, each once where one attempt sent it, and no others.
fn set_aside(history: &History, number: usize, job: usize, aside: &[Aside]) -> Vec<String> {
    let (plan, stream) = (&history.plan, &history.plan.streams[number]);
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for row in aside {
        let sent = history.attempts.get(row.attempt).is_some_and(|attempt| attempt.sent[number].contains(&row.row));
        if !sent || !plan.set_aside || !stream.refuses(row.row) {
            broken.push(format!("{row:?} is set aside, but nothing refuses it"));
        }
        if !seen.insert(row) {
            broken.push(format!("{row:?} is set aside twice"));
        }
    }
    if plan.set_aside && stream.refused.is_some() {
        // What one of its key was newer than may not have come to the table.
        let rows = source::newest(plan, stream, job, |_| true).into_values().filter(|row| stream.refuses(*row));
        let lost: Vec<u64> = rows.filter(|row| !aside.iter().any(|aside| aside.row == *row)).collect();
        if !lost.is_empty() {
            broken.push(format!("{lost:?} were refused and not set aside"));
        }
    }
    broken
}

/// The attempts whose rows may be in the table after a job.
fn entitled(history: &History, stream: &Stream, job: usize) -> BTreeSet<usize> {
    let attempts = history.attempts.iter().enumerate();
    let last = attempts.clone().filter(|(_, a)| a.job == job && a.succeeded()).map(|(number, _)| number).next_back();
    match stream.refresh {
        Refresh::No => attempts.filter(|(_, a)| a.job <= job).map(|(number, _)| number).collect(),
        Refresh::Resumed => attempts.filter(|(_, a)| a.job == job).map(|(number, _)| number).collect(),
        Refresh::Restarted | Refresh::Bare => last.into_iter().collect(),
    }
}

/// Of what one attempt sent to an append stream a beginning is there, each row once, with all that was acknowledged.
fn added(attempt: usize, told: &Attempt, number: usize, rows: &[Row], aside: &[Aside]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut stored: Vec<u64> = rows.iter().filter(|row| row.attempt == attempt).map(|row| row.row).collect();
    stored.sort_unstable();
    if let Some(twice) = stored.windows(2).find(|pair| pair[0] == pair[1]) {
        broken.push(format!("row {} of attempt {attempt} is there twice", twice[0]));
    }
    stored.dedup();
    let in_table = stored.len();
    stored.extend(aside.iter().filter(|row| row.attempt == attempt).map(|row| row.row));
    stored.sort_unstable();
    let sent = &told.sent[number];
    let acknowledged = told.states[..told.answers.len().min(told.states.len())]
        .iter()
        .filter_map(|s| s.covers[number])
        .max()
        .unwrap_or(0);
    if stored.len() < acknowledged {
        let count = stored.len();
        broken.push(format!("of attempt {attempt} {acknowledged} rows are acknowledged, {count} are there"));
    }
    let beginning = &sent[..stored.len().min(sent.len())];
    if stored != beginning {
        broken.push(format!("what is there of attempt {attempt} is no beginning of what it sent"));
    }
    if let Some(then) = told.rows_when_superseded.as_ref().map(|rows| rows[number])
        && in_table > then
    {
        let count = in_table;
        broken.push(format!("attempt {attempt} had {then} rows when a newer one had begun, and has {count} now"));
    }
    broken
}
