//! The source that every attempt reads: the same rows in the same order, from wherever the last state points.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::plan::{Plan, Refresh, Stream};

/// The numbers of a stream's rows in one part of a job; they are unique over all jobs.
pub fn rows_of(plan: &Plan, job: usize, part: usize) -> std::ops::Range<u64> {
    let first = ((job * plan.parts + part) * plan.rows) as u64;
    first..first + plan.rows as u64
}

/// The key of a row: its number, or one that several rows of a job share.
pub fn key_of(plan: &Plan, stream: &Stream, row: u64) -> u64 {
    let keys = (plan.rows * plan.parts * 2 / 3 + 1) as u64;
    if stream.keyed { row * 7_919 % keys } else { row }
}

/// The cursor of a row: unique, and not quite in the order of the rows.
pub fn version_of(row: u64) -> u64 {
    row ^ 5
}

/// What a stream's table is to hold after a job: each key with the number of its newest row.
pub fn newest(plan: &Plan, stream: &Stream, job: usize) -> BTreeMap<u64, u64> {
    let jobs = if stream.refresh == Refresh::No { 0..=job } else { job..=job };
    let mut newest = BTreeMap::new();
    for row in jobs.flat_map(|job| (0..plan.parts).flat_map(move |part| rows_of(plan, job, part))) {
        let best = newest.entry(key_of(plan, stream, row)).or_insert(row);
        if version_of(row) > version_of(*best) {
            *best = row;
        }
    }
    newest
}

/// The messages of these rows.
pub fn records(plan: &Plan, stream: &Stream, job: usize, attempt: usize, rows: std::ops::Range<u64>) -> String {
    let pad = "x".repeat(plan.pad);
    rows.map(|row| {
        let data = json!({
            "id": key_of(plan, stream, row), "number": row, "version": version_of(row), "attempt": attempt, "job": job, "pad": pad,
        });
        let emitted_at = 1_700_000_000_000_u64 + attempt as u64 * 60_000;
        let record = json!({"stream": stream.name, "emitted_at": emitted_at, "data": data});
        format!("{}\n", json!({"type": "RECORD", "record": record}))
    })
    .collect()
}

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
    let integer = json!({"type": "integer"});
    let properties = json!({"id": integer, "number": integer, "version": integer, "attempt": integer, "job": integer,
        "pad": {"type": "string"}});
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
                "stream": {"name": stream.name, "json_schema": {"type": "object", "properties": properties}},
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
