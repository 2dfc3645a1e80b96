//! What a sync says it has done: as LOG lines now and then and at the end, on a terminal as a table.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::scenario::{
    Checked, Mode, SOON, Scenario, catalog, counted, failed, records, state, succeeded, summary, window,
};
use crate::support::connector::Connector;
use crate::support::fault_proxy::{Act, Point};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("summary::counts_of_all_kinds", || Ok(counts()?)),
        Trial::test("summary::counts_once_when_a_commit_was_answered_to_nobody", || {
            Ok(once(&Point::Answered("COMMIT".into()), false)?)
        }),
        Trial::test("summary::counts_once_when_a_window_is_replayed", || {
            Ok(once(&Point::Before("COMMIT".into()), true)?)
        }),
        Trial::test("summary::of_a_sync_that_fails", || Ok(of_a_failed_sync()?)),
        Trial::test("summary::now_and_then", || Ok(now_and_then()?)),
        Trial::test("summary::on_a_terminal", || Ok(on_a_terminal()?)),
    ]
}

fn record(stream: &str, data: &Value) -> String {
    format!("{}\n", json!({"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data}}))
}

/// Rows that are added, updated, deleted, set aside, and values that are no integers.
fn counts() -> Checked {
    let mut scenario = Scenario::shared()?;
    scenario.settings =
        json!({"rejected_rows": "set_aside", "commit_interval_seconds": 300, "cdc_deletion_mode": "Hard delete"});
    let mut streams = catalog(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    streams["streams"][1]["stream"]["json_schema"]["properties"]["_ab_cdc_deleted_at"] =
        json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"});
    let config = scenario.config();
    let run = |input: String| {
        let sync = Connector::write(&config, &streams).start();
        sync.feed(input.as_bytes());
        sync.finish(SOON)
    };
    let outcome = run([records("events", 0, 0..10), records("people", 0, 0..100), state(0)].concat())?;
    succeeded(&outcome, 1)?;
    counted(
        &summary(&outcome, Some("people"))?,
        &json!({"rows": 100, "merged": 100, "deleted": 0, "nulled": 0, "set_aside": 0, "retries": 0, "commits": 1}),
    )?;
    scenario.sql.run("ALTER TABLE airbyte.events ADD CHECK (id <> 7) NOT VALID")?;
    let mut input = records("people", 1, 90..110);
    for id in 0..5 {
        let gone = json!({"id": id, "part": 1, "_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"});
        input += &record("people", &gone);
    }
    for id in [5, 6, 7, 8] {
        input += &record("events", &json!({"id": id, "part": "x", "pad": "y"}));
    }
    input += &record("events", &json!({"id": "x", "part": "x"}));
    let length = |stream: &str| {
        let of = format!("\"stream\":\"{stream}\"");
        input.lines().filter(|line| line.contains(&of)).map(str::len).sum::<usize>()
    };
    let bytes = ["people", "events"].map(length);
    let outcome = run([input, state(1)].concat())?;
    succeeded(&outcome, 1)?;
    counted(
        &summary(&outcome, Some("people"))?,
        &json!({"rows": 25, "bytes": bytes[0], "merged": 20, "deleted": 5, "set_aside": 0, "nulled": 0, "nulled_fields": null}),
    )?;
    counted(
        &summary(&outcome, Some("events"))?,
        &json!({
            "rows": 5, "bytes": bytes[1], "merged": 4, "deleted": 0, "set_aside": 1, "nulled": 6,
            "nulled_fields": {"part": 5, "id": 1}, "commits": 1,
        }),
    )?;
    let total = summary(&outcome, None)?;
    counted(&total, &json!({"streams": 2, "rows": 30, "merged": 24, "deleted": 5, "set_aside": 1, "nulled": 6}))?;
    for time in ["copy_seconds", "merge_seconds", "parse_seconds", "input_wait_seconds", "seconds"] {
        if !total[time].as_f64().is_some_and(|seconds| (0.0..120.0).contains(&seconds)) {
            return Err(format!("{time}: {total}"));
        }
    }
    Ok(())
}

/// A window whose commit is of unknown outcome counts once, whatever the outcome was.
fn once(point: &Point, again: bool) -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    sync.feed(window(0).as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.proxy.order(point.clone(), Act::Reset, 1);
    sync.feed(window(1).as_bytes());
    sync.wait_for_states(2, SOON)?;
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 2)?;
    for stream in ["events", "people"] {
        let wanted = json!({"rows": 200, "merged": 200, "commits": 2, "retries": u32::from(again)});
        counted(&summary(&outcome, Some(stream))?, &wanted)?;
    }
    let total = summary(&outcome, None)?;
    counted(&total, &json!({"merged": 400, "retries": u32::from(again)}))?;
    if total["reconnects"].as_u64().is_none_or(|reconnects| reconnects == 0) {
        return Err(format!("no reconnect: {total}"));
    }
    scenario.holds("events", &[0..200])
}

/// What was committed before the error.
fn of_a_failed_sync() -> Checked {
    let scenario = Scenario::shared()?;
    let mut sync = scenario.start(&[("events", Mode::Append)]);
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    scenario.sql.run("ALTER TABLE airbyte.events ADD CHECK (id <> 150)")?;
    sync.feed([records("events", 1, 100..200), state(1)].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    failed(&outcome, "config_error", &["record 151"])?;
    counted(&summary(&outcome, Some("events"))?, &json!({"rows": 200, "merged": 100, "commits": 1}))
}

/// While the sync runs it says how far it is; a stream that has not moved is not named again.
fn now_and_then() -> Checked {
    let scenario = Scenario::shared()?;
    let streams = catalog(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    let connector = Connector::write(&scenario.config(), &streams).env("DESTINATION_REPORT_SECONDS", "1");
    let mut sync = connector.start();
    sync.feed([records("events", 0, 0..100), state(0)].concat().as_bytes());
    sync.wait_for_states(1, SOON)?;
    let progress = |lines: &[String]| {
        let text = |line: &String| {
            let line: Value = serde_json::from_str(line).ok()?;
            serde_json::from_str::<Value>(line["log"]["message"].as_str()?.strip_prefix("Progress: ")?).ok()
        };
        lines.iter().filter_map(text).collect::<Vec<_>>()
    };
    let of = |line: &Value, stream: &str| line["stream"] == stream && line["commits"] == 1 && line["merged"] == 100;
    sync.wait_until(SOON, |lines| progress(lines).iter().any(|line| of(line, "events")))?;
    let said = progress(sync.seen()).len();
    sync.feed([records("people", 0, 0..100), state(1)].concat().as_bytes());
    sync.wait_until(SOON, |lines| progress(lines).iter().any(|line| of(line, "people")))?;
    let later = progress(sync.seen()).split_off(said);
    // A line of all may still belong to what was said before.
    if later.iter().any(|line| line["stream"] == "events") || !later.iter().any(|line| line["streams"] == 2) {
        return Err(format!("{later:#?}"));
    }
    succeeded(&sync.finish(SOON)?, 2)
}

/// Gives its command a terminal as stderr, and what is written there to its own.
const TERMINAL: &str = "import os, pty, subprocess, sys
ours, theirs = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stderr=theirs)
os.close(theirs)
try:
    while text := os.read(ours, 4096):
        os.write(2, text)
except OSError:
    pass
sys.exit(child.wait())";

fn on_a_terminal() -> Checked {
    let scenario = Scenario::shared()?;
    let streams = catalog(&[("events", Mode::Append), ("people", Mode::Dedup)]);
    let connector = Connector::write(&scenario.config(), &streams).by(&["python3", "-c", TERMINAL]);
    let sync = connector.start();
    sync.feed([window(0), record("events", &json!({"id": "x"}))].concat().as_bytes());
    let outcome = sync.finish(SOON)?;
    succeeded(&outcome, 1)?;
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = outcome.stderr.lines().map(words).collect();
    let row = |beginning: &[&str], counts: &[&str]| {
        lines.iter().any(|line| {
            line.len() > beginning.len()
                && line.iter().zip(beginning).all(|(word, wanted)| word == wanted)
                && counts.iter().all(|count| line.iter().any(|word| word == count))
        })
    };
    let complete = row(&["events"], &["101", "1"])
        && row(&["people"], &["100"])
        && row(&["all", "2", "streams"], &["201"])
        && outcome.stderr.contains("Values of events that became NULL: id 1");
    if !complete || outcome.stdout.iter().any(|line| line.contains("Summary")) {
        return Err(format!("{}\n{:#?}", outcome.stderr, outcome.stdout));
    }
    Ok(())
}
