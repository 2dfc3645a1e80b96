//! The inner loops without a server: `loops LOOP ROWS CATALOG RECORDS` runs one of them over the records of a file.
//!
//! - `scan`: lines to messages and batches
//! - `copy`: that, and batches to COPY
//!
//! `benches/run --instructions` counts their instructions, which a busy machine does not change.

#![allow(clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::Instant;

use destination_postgres::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream};
use destination_postgres::copy::{CopyChunks, CopyColumns};
use destination_postgres::protocol::{ConfiguredCatalog, Message, parse_line};
use destination_postgres::types::{ColumnType, airbyte};

/// Rows of a window, about.
const WINDOW: usize = 50_000;

fn main() -> Result<(), String> {
    let usage = || "usage: loops scan|copy ROWS CATALOG RECORDS".to_owned();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [which, rows, catalog, records] = &arguments[..] else { return Err(usage()) };
    let rows: usize = rows.parse().map_err(|_| usage())?;
    let catalog = std::fs::read_to_string(catalog).map_err(|e| e.to_string())?;
    let catalog = ConfiguredCatalog::parse(&catalog).map_err(|e| e.to_string())?;
    let stream = catalog.streams.first().ok_or_else(usage)?;
    let columns: Vec<LayoutColumn> = stream
        .properties
        .iter()
        .map(|(field, schema)| LayoutColumn { field: field.clone(), column_type: airbyte::column_type(schema) })
        .collect();
    let types: Vec<ColumnType> = columns.iter().map(|column| column.column_type).collect();
    let layout = Layout { columns, raw: false, key: Vec::new(), deleted_at: None, first_load: false };
    let mut router = Router::new(vec![RouterStream::new(stream.name.clone(), layout)], RawIds::seeded(1));
    let records = std::fs::read_to_string(records).map_err(|e| e.to_string())?;

    let begin = Instant::now();
    let (mut taken, mut lines, mut bytes) = (0, 0, 0);
    for line in records.lines().cycle() {
        if taken == rows {
            break;
        }
        lines += line.len();
        let message = parse_line(line, &mut router)?;
        let Message::Record(record) = message else { continue };
        router.append(&record, line, 0)?;
        taken += 1;
        if taken % WINDOW == 0 || taken == rows {
            for (_, rows) in router.take() {
                let columns = CopyColumns::of_load_table(false, false);
                let chunks = CopyChunks::new(&rows, &types, columns);
                if which == "copy" {
                    bytes += chunks.map(|chunk| black_box(chunk).len()).sum::<usize>();
                }
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a measurement")]
    let (mega, micros) = (lines as f64 / 1e6, seconds * 1e6 / taken as f64);
    println!(
        "{taken} rows, {mega:.0} MB of JSON, {bytes} bytes of COPY: {micros:.3} µs a row, {:.0} MB/s",
        mega / seconds
    );
    Ok(())
}
