//! The source that every attempt reads: the same rows in the same order, from wherever the last state points.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::batches;
use crate::plan::{Changed, Plan, Refresh, Stream};

/// The numbers of a stream's rows in one part of a job; they are unique over all jobs.
pub fn rows_of(plan: &Plan, job: usize, part: usize) -> std::ops::Range<u64> {
    let first = ((job * plan.parts + part) * plan.rows) as u64;
    first..first + plan.rows as u64
}

/// The part of its job that a row is in.
pub fn part_of(plan: &Plan, row: u64) -> usize {
    row as usize / plan.rows % plan.parts
}

/// The key of a row: its number, or one that several rows of a job share.
pub fn key_of(plan: &Plan, stream: &Stream, row: u64) -> u64 {
    let keys = (plan.rows * plan.parts * 2 / 3 + 1) as u64;
    if stream.keyed { row * 7_919 % keys } else { row }
}

/// The cursor of a row: unique, and not quite in the order of the rows. Where rows are deleted it is, since of a row that is gone
/// nobody knows how new it was.
pub fn version_of(stream: &Stream, row: u64) -> u64 {
    if stream.deletes { row } else { row ^ 5 }
}

/// The row says that its key is deleted.
pub fn is_deletion(stream: &Stream, row: u64) -> bool {
    stream.deletes && row % 4 == 3
}

/// What a stream's table is to hold after a job: each key with the number of its newest row, but what is deleted.
pub fn wanted(plan: &Plan, stream: &Stream, job: usize) -> BTreeMap<u64, u64> {
    let mut rows = newest(plan, stream, job, |row| !(plan.set_aside && stream.refuses(row)));
    rows.retain(|_, row| plan.soft || !is_deletion(stream, *row));
    rows
}

/// Each key with the number of its newest row, of those that count.
pub fn newest(plan: &Plan, stream: &Stream, job: usize, counts: impl Fn(u64) -> bool) -> BTreeMap<u64, u64> {
    let jobs = if stream.refresh == Refresh::No { 0..=job } else { job..=job };
    let mut newest = BTreeMap::new();
    let rows = jobs.flat_map(|job| (0..plan.parts).flat_map(move |part| rows_of(plan, job, part)));
    for row in rows.filter(|row| counts(*row)) {
        let best = newest.entry(key_of(plan, stream, row)).or_insert(row);
        if version_of(stream, row) > version_of(stream, *best) {
            *best = row;
        }
    }
    newest
}

/// An attempt, as far as its rows tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    pub plan: &'a Plan,
    pub job: usize,
    pub attempt: usize,
    /// It declares what is new.
    pub changed: bool,
    /// Where files go.
    pub files: &'a Path,
}

impl Sender<'_> {
    /// The messages of these rows.
    pub fn messages(&self, stream: &Stream, rows: std::ops::Range<u64>) -> String {
        let (begin, end) = batch_of(&rows);
        match self.plan.batches {
            Some(how) if begin < end => {
                let batch: Vec<_> = (begin..end).map(|row| self.data(stream, row)).collect();
                let batch = batches::line(stream.name, self.emitted_at(), &batch, how, self.files);
                self.records(stream, rows.start..begin) + &batch + &self.records(stream, end..rows.end)
            }
            _ => self.records(stream, rows),
        }
    }

    fn emitted_at(&self) -> u64 {
        1_700_000_000_000 + self.attempt as u64 * 60_000
    }

    fn records(&self, stream: &Stream, rows: std::ops::Range<u64>) -> String {
        let line = |row| {
            let record =
                json!({"stream": stream.name, "emitted_at": self.emitted_at(), "data": self.data(stream, row)});
            format!("{}\n", json!({"type": "RECORD", "record": record}))
        };
        rows.map(line).collect()
    }

    fn data(&self, stream: &Stream, row: u64) -> Map<String, Value> {
        let change = self.plan.change.filter(|_| self.changed).map(|change| change.what);
        let mut data = Map::new();
        let mut add = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
        add("id", json!(key_of(self.plan, stream, row)));
        add("number", json!(row));
        add("version", json!(version_of(stream, row)));
        add("attempt", json!(self.attempt));
        add("job", json!(self.job));
        add("pad", json!("x".repeat(self.plan.pad)));
        add("kind", if change == Some(Changed::Text) { json!(row.to_string()) } else { json!(row) });
        if change == Some(Changed::NewField) {
            add("extra", json!(row));
        }
        if stream.deletes {
            add(DELETED_AT, if is_deletion(stream, row) { json!("2024-05-06T07:08:09Z") } else { Value::Null });
        }
        data
    }
}

/// Of rows that are sent at once, those that come as a batch where some do: the second third.
fn batch_of(rows: &std::ops::Range<u64>) -> (u64, u64) {
    let third = (rows.end - rows.start) / 3;
    (rows.start + third, rows.start + 2 * third)
}

/// The last row of the batch of a part.
pub fn last_of_batch(plan: &Plan, job: usize, part: usize) -> u64 {
    batch_of(&rows_of(plan, job, part)).1 - 1
}

/// The field whose presence marks a deletion.
const DELETED_AT: &str = "_ab_cdc_deleted_at";

/// A state behind so many parts of a job, of one stream or of all.
pub fn state(stream: Option<&Stream>, id: usize, job: usize, position: usize, records: u64) -> Value {
    let at = json!({"job": job, "position": position});
    let stats = json!({"recordCount": records});
    match stream {
        Some(stream) => json!({"type": "STREAM", "id": id, "sourceStats": stats,
            "stream": {"stream_descriptor": {"name": stream.name}, "stream_state": at}}),
        None => json!({"type": "GLOBAL", "id": id, "sourceStats": stats,
            "global": {"shared_state": at, "stream_states": []}}),
    }
}

/// The line that carries a state.
pub fn state_line(state: &Value) -> String {
    format!("{}\n", json!({"type": "STATE", "state": state}))
}

/// Where a state points: the stream, or all of them, and the position.
pub fn position_of(state: &Value) -> Option<(Option<&str>, usize)> {
    let (name, at) = match state["stream"]["stream_descriptor"]["name"].as_str() {
        Some(name) => (Some(name), &state["stream"]["stream_state"]),
        None => (None, &state["global"]["shared_state"]),
    };
    Some((name, usize::try_from(at["position"].as_u64()?).ok()?))
}

/// What an orchestrator sends when the source has ended well. One without refreshes sends nothing.
pub fn complete(streams: &[Stream]) -> String {
    let known = streams.iter().filter(|stream| stream.refresh != Refresh::Bare);
    known
        .map(|stream| {
            let status = json!({"stream_descriptor": {"name": stream.name}, "status": "COMPLETE"});
            let trace = json!({"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status});
            format!("{}\n", json!({"type": "TRACE", "trace": trace}))
        })
        .collect()
}

/// The catalog of one attempt.
pub fn catalog(plan: &Plan, job: usize, attempt: usize) -> Value {
    let change = plan.change.filter(|change| change.has_come(job, attempt)).map(|change| change.what);
    let properties = |stream: &Stream| {
        let integer = json!({"type": "integer"});
        let mut properties = json!({"id": integer, "number": integer, "version": integer, "attempt": integer,
            "job": integer, "pad": {"type": "string"}, "kind": integer});
        match change {
            Some(Changed::NewField) => properties["extra"] = integer,
            Some(Changed::Widened) => properties["kind"] = json!({"type": "number"}),
            Some(Changed::Text) => properties["kind"] = json!({"type": "string"}),
            None => {}
        }
        if stream.deletes {
            properties[DELETED_AT] = json!({"type": "string", "format": "date-time"});
        }
        properties
    };
    let streams: Vec<Value> = plan
        .streams
        .iter()
        .map(|stream| {
            let generation = match stream.refresh {
                Refresh::No => 1,
                Refresh::Resumed => 1 + job,
                Refresh::Restarted | Refresh::Bare => 1 + job * 100 + attempt,
            };
            let mode = match (stream.refresh, stream.keyed) {
                (Refresh::Bare, _) => "overwrite",
                (_, true) => "append_dedup",
                (_, false) => "append",
            };
            let mut configured = json!({
                "stream": {"name": stream.name, "json_schema": {"type": "object", "properties": properties(stream)}},
                "sync_mode": if stream.refresh == Refresh::No { "incremental" } else { "full_refresh" },
                "destination_sync_mode": mode,
                "primary_key": [["id"]],
                "cursor_field": ["version"],
            });
            if stream.refresh != Refresh::Bare {
                configured["generation_id"] = json!(generation);
                configured["minimum_generation_id"] = json!(if stream.refresh == Refresh::No { 0 } else { generation });
                configured["sync_id"] = json!(1 + job);
            }
            configured
        })
        .collect();
    json!({"streams": streams})
}
