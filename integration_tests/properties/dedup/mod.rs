//! Dedup tables against a model: random histories of syncs, with everything that can happen to one.
//!
//! A round makes a score of streams of random keys and cursors, and sends all their histories through the same syncs.
//! Input comes in parts; each part begins and ends with a record of an append stream, so that the transactions in which
//! these are found stored tell which parts were committed together, also after a kill. The model then commits the same
//! parts together and must hold the same rows.

mod history;
mod model;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome, TIMEOUT};
use crate::support::postgres::TestDatabase;
use crate::support::sql::{Sql, quote_identifier, quote_literal};
use crate::table::{Kind, session};
use history::{Part, Stream};

const STREAMS: usize = 24;
const SYNCS: i64 = 4;
/// The append stream that tells the transactions.
const MARKS: &str = "marks";
/// More than a window takes: what is sent with it is committed at once. Its value is nulled, so it costs nothing else.
const BALLAST_BYTES: usize = 25 << 20;
/// A refresh that is interrupted is tried so often; the last try is left alone.
const ATTEMPTS: usize = 3;

/// One history.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let mut run = Run::new(database, rng, STREAMS)?;
    for sync in 1..=SYNCS {
        for stream in &mut run.streams {
            stream.begin_sync(rng, run.may_give_up);
        }
        let parts: Vec<Part> = (0..rng.usize(1..5)).map(|_| run.part(rng)).collect();
        let mut done = 0;
        for attempt in 1..=ATTEMPTS {
            let end = match rng.u8(..8) {
                _ if attempt == ATTEMPTS => End::Complete,
                0..=2 => End::Kill,
                3..=4 => End::Incomplete,
                _ => End::Complete,
            };
            let name = format!("sync {sync}, attempt {attempt} ({end:?})");
            // After an interruption the source goes on behind the last state that was acknowledged.
            match run.attempt(rng, &name, sync, &parts, done, end).map_err(|why| format!("{name}: {why}"))? {
                Attempt::Unclear => return Ok(()),
                Attempt::Acknowledged(count) => done = count,
            }
            // Who stops a sync for good may ask for something else next time, if it is known what this one left.
            if end == End::Complete || (run.may_give_up && rng.bool()) {
                break;
            }
        }
    }
    Ok(())
}

/// Many rows and several windows by their size alone, without a pause; deletions are kept as rows.
pub fn large_windows(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let mut run = Run::new(database, rng, 0)?;
    run.hard = false;
    run.streams = vec![Stream::large(rng)];
    for sync in 1..=2 {
        run.streams[0].begin_sync(rng, false);
        let part = Part { records: vec![(0..55_000).map(|_| run.streams[0].record(rng)).collect()], ballast: false };
        let outcome = Connector::write(&run.config(), &run.catalog(sync)).run(run.text(sync, 0, &part).as_bytes());
        if outcome.code() != 0 {
            return Err(format!("exit code {}: {:#?}", outcome.code(), outcome.stdout));
        }
        let stream = &mut run.streams[0];
        stream.model.start(stream.generation, stream.refresh);
        stream.model.commit(&part.records[0], false);
        stream.model.finish(false);
        run.compare(&format!("sync {sync}"))?;
    }
    Ok(())
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Every stream is complete.
    Complete,
    /// The input ends, and no stream is complete.
    Incomplete,
    /// SIGKILL, somewhere behind the acknowledged parts.
    Kill,
}

/// What is known after an attempt.
enum Attempt {
    /// So many parts of the sync are acknowledged.
    Acknowledged(usize),
    /// The clock cut a part in two, so nobody knows what was committed together.
    Unclear,
}

struct Run<'a> {
    database: &'a TestDatabase,
    sql: Sql,
    streams: Vec<Stream>,
    /// Deletions are carried out.
    hard: bool,
    /// The attempt before surely prepared its tables, so the next sync may ask for something else.
    may_give_up: bool,
    attempts: usize,
    told: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(database: &'a TestDatabase, rng: &mut Rng, streams: usize) -> Result<Self, String> {
        let sql = session(database)?;
        sql.run("DROP SCHEMA IF EXISTS airbyte CASCADE")?;
        let streams = (0..streams).map(|number| Stream::random(rng, number)).collect();
        Ok(Self { database, sql, streams, hard: rng.bool(), may_give_up: false, attempts: 0, told: Vec::new() })
    }

    fn config(&self) -> Value {
        let mut config = self.database.config();
        config["commit_interval_seconds"] = json!(1);
        config["cdc_deletion_mode"] = json!(if self.hard { "Hard delete" } else { "Soft delete" });
        config
    }

    fn catalog(&self, sync: i64) -> Value {
        let mut streams: Vec<Value> = self.streams.iter().map(|stream| stream.configured(sync)).collect();
        let fields = [("attempt", Kind::Integer), ("part", Kind::Integer), ("ballast", Kind::Integer)];
        let fields = fields.map(|(name, kind)| (name.to_owned(), kind));
        streams.push(crate::table::catalog(MARKS, &fields, &json!({}))["streams"][0].clone());
        json!({"streams": streams})
    }

    fn part(&self, rng: &mut Rng) -> Part {
        let records = self.streams.iter().map(|stream| stream.records(rng)).collect();
        Part { records, ballast: rng.bool() }
    }

    /// The lines of a part. The streams' records are interleaved as they come.
    fn text(&self, sync: i64, number: usize, part: &Part) -> String {
        let mark = |text: &mut String| {
            let data = json!({"attempt": self.attempts, "part": number});
            text.push_str(
                &json!({"type": "RECORD", "record": {"stream": MARKS, "emitted_at": 1, "data": data}}).to_string(),
            );
            text.push('\n');
        };
        let mut text = String::new();
        mark(&mut text);
        let most = part.records.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..most {
            for (stream, records) in self.streams.iter().zip(&part.records) {
                text.extend(records.get(at).map(|record| stream.line(record)));
            }
        }
        mark(&mut text);
        let state =
            json!({"type": "GLOBAL", "global": {"shared_state": {"sync": sync}, "stream_states": []}, "id": number});
        text.push_str(&format!("{}\n", json!({"type": "STATE", "state": state})));
        text
    }

    /// Sends the parts from `from` on, and checks every table afterwards.
    fn attempt(
        &mut self,
        rng: &mut Rng,
        name: &str,
        sync: i64,
        parts: &[Part],
        from: usize,
        end: End,
    ) -> Result<Attempt, String> {
        self.attempts += 1;
        let mut running = Connector::write(&self.config(), &self.catalog(sync)).start();
        let mut acknowledged = from;
        let stop = if end == End::Complete || rng.bool() { parts.len() } else { rng.usize(from..=parts.len()) };
        for (number, part) in parts.iter().enumerate().take(stop).skip(from) {
            running.feed(self.text(sync, number, part).as_bytes());
            if part.ballast {
                let ballast = "x".repeat(BALLAST_BYTES);
                let record = json!({"stream": MARKS, "emitted_at": 1, "data": {"ballast": ballast}});
                running.feed(format!("{}\n", json!({"type": "RECORD", "record": record})).as_bytes());
            }
            // A kill comes best while something is under way, or the moment after something was promised.
            let unheard = end == End::Kill && number + 1 == stop && rng.bool();
            if !unheard && (part.ballast || rng.u8(..3) == 0) {
                running.wait_for_states(number + 1 - from, TIMEOUT)?;
                acknowledged = number + 1;
            }
        }
        match end {
            End::Kill => {
                sleep(Duration::from_millis([0, rng.u64(..20), rng.u64(..600)][rng.usize(..3)]));
                running.kill();
            }
            End::Complete => running.feed(self.completion().as_bytes()),
            End::Incomplete => {}
        }
        let outcome = running.finish(TIMEOUT)?;
        self.wait_for_sessions()?;
        let answered = acknowledgements(&outcome, from)?;
        if end != End::Kill && (outcome.code() != 0 || answered != stop) {
            return Err(format!(
                "exit code {}, {answered} of {stop} parts acknowledged: {:#?}",
                outcome.code(),
                outcome.stdout
            ));
        }
        if end == End::Kill && answered < acknowledged {
            return Err("an acknowledgement was lost on its way".into());
        }
        let Some(windows) = self.windows(from, stop)? else { return Ok(Attempt::Unclear) };
        let committed: usize = from + windows.iter().sum::<usize>();
        if committed < answered || (end != End::Kill && committed != stop) {
            return Err(format!("{answered} parts are acknowledged, but the table has {committed} of {stop}"));
        }
        self.told
            .push(format!("{name}: parts from {from} on in windows of {windows:?} parts, {answered} acknowledged"));
        if end == End::Kill && committed == from {
            // Nobody knows how far the preparation came: the same sync must follow, and starts over.
            self.may_give_up = false;
            return Ok(Attempt::Acknowledged(answered));
        }
        self.may_give_up = true;
        for (number, stream) in self.streams.iter_mut().enumerate() {
            stream.model.start(stream.generation, stream.refresh);
            let mut next = from;
            for &window in &windows {
                let records: Vec<_> =
                    parts[next..next + window].iter().flat_map(|part| part.records[number].clone()).collect();
                stream.model.commit(&records, self.hard);
                next += window;
            }
            stream.model.finish(end == End::Complete);
        }
        self.compare(name)
            .map_err(|why| format!("{why}\n{}\nparts: {}", self.told.join("\n"), self.tell(parts, &why)))?;
        Ok(Attempt::Acknowledged(answered))
    }

    fn completion(&self) -> String {
        let names = self.streams.iter().map(|stream| stream.name.as_str()).chain([MARKS]);
        let lines = names.map(|name| {
            let status = json!({"stream_descriptor": {"name": name}, "status": "COMPLETE"});
            let trace = json!({"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": status});
            format!("{}\n", json!({"type": "TRACE", "trace": trace}))
        });
        lines.collect()
    }

    /// The server may still be at a killed connector's last statement.
    fn wait_for_sessions(&self) -> Result<(), String> {
        let deadline = Instant::now() + TIMEOUT;
        let query =
            format!("SELECT count(*) FROM pg_stat_activity WHERE usename = {}", quote_literal(&self.database.writer));
        while self.sql.value(&query)? != "0" {
            if Instant::now() > deadline {
                return Err("a session of the connector outlives it".into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// How many parts each commit held; nothing when a part was cut in two.
    fn windows(&self, from: usize, stop: usize) -> Result<Option<Vec<usize>>, String> {
        // A sync that was killed before it prepared anything leaves no table.
        if self.sql.value(&format!("SELECT to_regclass('airbyte.{MARKS}')"))?.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let query = format!("SELECT part, xmin::text FROM airbyte.{MARKS} WHERE attempt = {}", self.attempts);
        let mut marks: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for row in self.sql.rows(&query)? {
            let [Some(part), Some(transaction)] = &row[..] else { return Err("a mark is NULL".into()) };
            marks.entry(part.parse().map_err(|e| format!("{e}"))?).or_default().push(transaction.clone());
        }
        let mut windows = Vec::new();
        let mut last = None;
        for (expected, (part, transactions)) in (from..).zip(marks) {
            if part != expected || part >= stop || transactions.len() > 2 {
                return Err(format!("part {part} has {} marks, where {expected} was to come", transactions.len()));
            }
            let [one, other] = &transactions[..] else { return Ok(None) };
            if one != other {
                return Ok(None);
            }
            if last.as_ref() == Some(one) {
                *windows.last_mut().unwrap_or(&mut 0) += 1;
            } else {
                windows.push(1);
            }
            last = Some(one.clone());
        }
        Ok(Some(windows))
    }

    /// Every stream's table holds what the model holds, and there are no other tables.
    fn compare(&self, name: &str) -> Result<(), String> {
        let mut tables = 1;
        for stream in &self.streams {
            let Some(rows) = &stream.model.visible else { continue };
            tables += 1 + usize::from(stream.model.next.is_some());
            let mut wanted: Vec<Vec<Option<String>>> = rows.values().map(|row| stream.row(row)).collect();
            let query = format!("SELECT {} FROM airbyte.{}", stream.columns(), quote_identifier(&stream.name));
            let mut stored = self.sql.rows(&query)?;
            wanted.sort();
            stored.sort();
            if wanted != stored {
                let short = |rows: &[Vec<Option<String>>]| {
                    rows.iter().map(|row| history::shortened(row)).collect::<Vec<_>>().join("\n  ")
                };
                let odd = without(&stored, &wanted);
                let missing = without(&wanted, &stored);
                return Err(format!(
                    "{name}: stream {} ({}): {} rows, expected {}\nnot expected:\n  {}\nmissing:\n  {}",
                    stream.name,
                    stream.describe(self.hard),
                    stored.len(),
                    wanted.len(),
                    short(&odd[..odd.len().min(5)]),
                    short(&missing[..missing.len().min(5)])
                ));
            }
        }
        let query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'airbyte'::regnamespace AND relkind = 'r'";
        let found = self.sql.value(query)?;
        if found != tables.to_string() {
            return Err(format!("{name}: {found} tables, expected {tables}"));
        }
        Ok(())
    }

    /// The records of the stream that a message is about.
    fn tell(&self, parts: &[Part], why: &str) -> String {
        let about = |stream: &Stream| why.contains(&format!("stream {} ", stream.name));
        let Some(number) = self.streams.iter().position(about) else { return String::new() };
        let mut text = String::new();
        for (at, part) in parts.iter().enumerate() {
            text.push_str(&format!("\npart {at}"));
            for record in &part.records[number] {
                text.push_str(&format!("\n  {}", history::told(record)));
            }
        }
        text
    }
}

/// The rows that the other table does not have as often.
fn without(rows: &[Vec<Option<String>>], other: &[Vec<Option<String>>]) -> Vec<Vec<Option<String>>> {
    let mut left: HashMap<&[Option<String>], usize> = HashMap::new();
    for row in other {
        *left.entry(row).or_default() += 1;
    }
    let surplus = rows.iter().filter(|row| match left.get_mut(row.as_slice()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    surplus.cloned().collect()
}

/// How many parts are acknowledged: their states, in order and without a gap, with the counts that belong to them.
fn acknowledgements(outcome: &Outcome, from: usize) -> Result<usize, String> {
    let mut next = from;
    for line in outcome.stdout.iter().filter(|line| line.contains("STATE")) {
        // The last line of a killed connector may be cut.
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        if message["type"] != "STATE" {
            continue;
        }
        if message["state"]["id"] != json!(next) {
            return Err(format!("state {} where {next} was to come", message["state"]["id"]));
        }
        next += 1;
    }
    Ok(next)
}
