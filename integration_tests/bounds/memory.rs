//! Memory in the control group of a small container: one budget, whatever the shape of the input.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use base64::prelude::{BASE64_STANDARD, Engine};
use libtest_mimic::{Failed, Trial};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::bed::{Bed, peak};
use crate::support::connector::{Connector, Running};
use crate::support::control_group::ControlGroup;
use crate::support::workload::{self, Stream};

/// The README says so.
const MOST: u64 = 256 << 20;
const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(1200);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("memory::records_of_5_mb", records_of_5_mb),
        Trial::test("memory::values_of_64_mib", || large("varchar", &json!({"type": "string"}), "x", json!({}))),
        Trial::test("memory::escaped_values_of_64_mib", || {
            large("varchar", &json!({"type": "string"}), "1234567\\n", json!({}))
        }),
        Trial::test("memory::documents_of_64_mib", || {
            large("jsonb", &json!({"type": ["string", "object"]}), "1234567\\n", json!({}))
        }),
        Trial::test("memory::raw_records_of_64_mib", || {
            large("raw", &json!({}), "x", json!({"disable_type_dedupe": true, "raw_data_schema": "airbyte"}))
        }),
        Trial::test("memory::large_and_small_ones_in_turn", large_and_small),
        Trial::test("memory::many_members", many_members),
        Trial::test("memory::streams_500_interleaved", || interleaved(500, 100, 1_000)),
        Trial::test("memory::states_of_5_mb", states_of_5_mb),
        Trial::test("memory::batch_of_64_mib", batch_of_64_mib),
        Trial::test("memory::files_of_values_of_64_mib", files_of_values_of_64_mib),
    ]
}

/// A connector in a group of [`MOST`] bytes, where groups can be made; where not, what it used is all there is to look at.
struct Confined {
    running: Running,
    group: Option<ControlGroup>,
}

impl Confined {
    fn start(connector: Connector) -> Self {
        let group = ControlGroup::new(MOST);
        let connector = match &group {
            Some(group) => connector.by(&["sh", "-c", &group.script(), "sh"]),
            None => connector,
        };
        Self { running: connector.start(), group }
    }

    /// Waits until everything is acknowledged, looks at the memory, and ends the input.
    fn finish(mut self, name: &str, states: usize) -> Result<(), Failed> {
        let acknowledged = self.running.wait_for_states(states, PATIENCE);
        if self.group.as_ref().is_some_and(ControlGroup::killed) {
            return Err(format!("{name}: killed for its memory").into());
        }
        let news = |why: String| why.lines().filter(|line| !line.contains("Created table")).collect::<String>();
        acknowledged.map_err(news)?;
        let peak = peak(self.running.id()).ok_or("it has ended")?;
        drop(writeln!(std::io::stderr(), "{name}: {} MiB at most", peak >> 20));
        let outcome = self.running.finish(PATIENCE)?;
        workload::succeeded(&outcome, states)?;
        assert!(peak < MOST, "{} MiB", peak >> 20);
        Ok(())
    }
}

fn records_of_5_mb() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let confined = Confined::start(bed.append());
    for id in 0..40 {
        confined.running.feed(workload::append_input("rows", id..id + 1, 5 * MIB).as_bytes());
    }
    confined.finish("5 MB", 40)?;
    assert_eq!(bed.rows(), 40);
    assert_eq!(bed.value(&format!("SELECT bool_and(length(text) = {}) FROM airbyte.rows", 5 * MIB)), "t");
    Ok(())
}

/// `column` is the type of `text`; `piece` is what its JSON text is made of.
fn large(name: &str, column: &Value, piece: &str, settings: Value) -> Result<(), Failed> {
    let mut bed = Bed::new()?;
    bed.settings = workload::merged(&bed.settings, &settings);
    let properties = json!({"id": {"type": "integer"}, "text": column});
    let stream = Stream { name: "rows", properties, mode: "append", key: &[], generation: 1, minimum: 0 };
    let confined = Confined::start(bed.write(&workload::catalog(&[stream])));
    let value = piece.repeat(64 * MIB / piece.len());
    for id in 0..3 {
        let (record, state) = (workload::record("rows", &json!({"id": id, "text": "@"})), workload::state("rows", id));
        confined.running.feed((record.replace('@', &value) + &state).as_bytes());
    }
    confined.finish(name, 3)?;
    let size = match name {
        "varchar" => "length(text)",
        "jsonb" => "length(text #>> '{}')",
        _ => "length(_airbyte_data ->> 'text')",
    };
    let table = if name == "raw" { "airbyte.airbyte_raw__stream_rows" } else { "airbyte.rows" };
    let characters = piece.replace("\\n", "n").len() * (64 * MIB / piece.len());
    let all = format!("SELECT count(*) = 3 AND bool_and({size} = {characters}) FROM {table}");
    assert_eq!(bed.value(&all), "t");
    Ok(())
}

/// The worst that two windows and a line can be made of.
fn large_and_small() -> Result<(), Failed> {
    let mut bed = Bed::new()?;
    bed.settings = json!({"commit_interval_seconds": 20});
    let confined = Confined::start(bed.append());
    for turn in 0..3 {
        let first = turn * 10_000;
        // Just less than a window.
        confined.running.feed(workload::append_input("rows", first..first + 23, MIB).as_bytes());
        confined.running.feed(workload::append_input("rows", first + 23..first + 24, 64 * MIB).as_bytes());
    }
    confined.running.feed(workload::append_input("rows", 90_000..90_030, MIB).as_bytes());
    confined.finish("in turn", 7)?;
    assert_eq!(bed.rows(), 3 * 24 + 30);
    Ok(())
}

/// A document whose members are many: what is held is its text, whatever a tree of it would take.
fn many_members() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let properties = json!({"id": {"type": "integer"}, "doc": {"type": "object"}});
    let stream = Stream { name: "rows", properties, mode: "append", key: &[], generation: 1, minimum: 0 };
    let confined = Confined::start(bed.write(&workload::catalog(&[stream])));
    let members: Vec<String> = (0..200_000).map(|member| format!("\"key {member}\":{member}")).collect();
    let record = workload::record("rows", &json!({"id": 1, "doc": "@"}));
    let record = record.replace("\"@\"", &format!("{{{}}}", members.join(",")));
    confined.running.feed((record + &workload::state("rows", 1)).as_bytes());
    let array = format!("[{}]", vec!["1"; 16 * MIB].join(","));
    let record = workload::record("rows", &json!({"id": 2, "doc": {"a": "@"}})).replace("\"@\"", &array);
    confined.running.feed((record + &workload::state("rows", 2)).as_bytes());
    confined.finish("many members", 2)?;
    let keys = "SELECT count(*) FROM airbyte.rows, jsonb_object_keys(doc) WHERE id = 1";
    assert_eq!(bed.value(keys), "200000");
    Ok(())
}

fn states_of_5_mb() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let confined = Confined::start(bed.append());
    let cursor = format!("\"cursor\":\"{}\",\"at\":", "c".repeat(5 * MIB));
    for id in 0..30 {
        confined.running.feed(workload::append_input("rows", id..id + 1, 10).replace("\"at\":", &cursor).as_bytes());
    }
    confined.finish("states", 30)?;
    assert_eq!(bed.rows(), 30);
    Ok(())
}

/// So many streams of which each gets a row in turn.
fn interleaved(streams: usize, rounds: u64, bytes: usize) -> Result<(), Failed> {
    let mut bed = Bed::new()?;
    bed.settings = json!({"commit_interval_seconds": 15});
    let names: Vec<String> = (0..streams).map(|number| format!("stream_{number}")).collect();
    let properties = json!({
        "id": {"type": "integer"}, "text": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
        "number": {"type": "number"}, "more": {"type": "object"},
    });
    let stream =
        |name| Stream { name, properties: properties.clone(), mode: "append", key: &[], generation: 1, minimum: 0 };
    let catalog = workload::catalog(&names.iter().map(|name| stream(name)).collect::<Vec<_>>());
    let confined = Confined::start(bed.write(&catalog));
    let text = "x".repeat(bytes);
    for round in 0..rounds {
        let data = json!({"id": round, "text": text, "at": "2024-01-01T00:00:00Z", "number": 1.5, "more": {"a": 1}});
        let round: String = names.iter().map(|name| workload::record(name, &data)).collect();
        confined.running.feed(round.as_bytes());
    }
    let states: String = names.iter().map(|name| workload::state(name, 1)).collect();
    confined.running.feed(states.as_bytes());
    confined.finish(&format!("{streams} streams"), streams)?;
    let all: Vec<String> = names.iter().map(|name| format!("SELECT count(*) AS n FROM airbyte.{name}")).collect();
    let all = format!("SELECT bool_and(n = {rounds}) FROM ({}) AS counts", all.join(" UNION ALL "));
    assert_eq!(bed.value(&all), "t");
    Ok(())
}

/// A BATCH that holds its row.
fn batch_of_64_mib() -> Result<(), Failed> {
    let rows = texts_of_64_mib(1)?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema())?;
    writer.write(&rows)?;
    writer.finish()?;
    let bed = Bed::new()?;
    let confined = Confined::start(bed.write(&workload::catalog(&[undeclared()])));
    let batch = json!({"stream": "rows", "data": BASE64_STANDARD.encode(bytes)});
    let line = json!({"type": "BATCH", "batch": batch}).to_string() + "\n";
    confined.running.feed((line + &workload::state("rows", 1)).as_bytes());
    confined.finish("64 MiB in a line", 1)?;
    assert_eq!(bed.value(&are_of_64_mib("text", "rows", 1)), "t");
    Ok(())
}

/// Three values: in a record batch of Arrow IPC, in one dictionary of Parquet, and in pages of their own into a raw table.
fn files_of_values_of_64_mib() -> Result<(), Failed> {
    let files = tempfile::TempDir::new()?;
    let rows = texts_of_64_mib(3)?;
    let pages = |dictionary| {
        let properties = WriterProperties::builder().set_dictionary_enabled(dictionary).set_write_batch_size(1);
        properties.set_data_page_row_count_limit(1).set_dictionary_page_size_limit(256 * MIB).build()
    };
    let create = |name: &str| fs::File::create(files.path().join(name));
    let mut writer = FileWriter::try_new(create("batch")?, &rows.schema())?;
    writer.write(&rows)?;
    writer.finish()?;
    for (name, dictionary) in [("pages", false), ("dictionary", true)] {
        let mut writer = ArrowWriter::try_new(create(name)?, rows.schema(), Some(pages(dictionary)))?;
        writer.write(&rows)?;
        writer.close()?;
    }
    let raw = json!({"disable_type_dedupe": true, "raw_data_schema": "airbyte"});
    for (format, name, settings) in
        [("arrow_file", "batch", json!({})), ("parquet", "dictionary", json!({})), ("parquet", "pages", raw)]
    {
        let mut bed = Bed::new()?;
        bed.settings = workload::merged(&bed.settings, &settings);
        let roots = files.path().display().to_string();
        let connector = bed.write(&workload::catalog(&[undeclared()])).env("DESTINATION_BATCH_ROOTS", &roots);
        let confined = Confined::start(connector);
        let url = format!("file://{roots}/{name}");
        let batch = json!({"stream": "rows", "encoding": {"format": format}, "manifest": [url]});
        let line = json!({"type": "BATCH", "batch": batch}).to_string() + "\n";
        confined.running.feed((line + &workload::state("rows", 1)).as_bytes());
        confined.finish(&format!("{name} of 64 MiB"), 1)?;
        let query = match name {
            "pages" => are_of_64_mib("_airbyte_data ->> 'text'", "airbyte_raw__stream_rows", 3),
            _ => are_of_64_mib("text", "rows", 3),
        };
        assert_eq!(bed.value(&query), "t", "{name}");
    }
    Ok(())
}

fn texts_of_64_mib(rows: u8) -> Result<RecordBatch, Failed> {
    let texts = StringArray::from_iter_values((0..rows).map(|row| char::from(b'x' + row).to_string().repeat(64 * MIB)));
    Ok(RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)])?)
}

fn undeclared() -> Stream<'static> {
    Stream { name: "rows", properties: json!({}), mode: "append", key: &[], generation: 1, minimum: 0 }
}

/// Whether the column or expression has so many values of that size.
fn are_of_64_mib(text: &str, table: &str, rows: usize) -> String {
    format!("SELECT count(*) = {rows} AND bool_and(length({text}) = {}) FROM airbyte.{table}", 64 * MIB)
}
