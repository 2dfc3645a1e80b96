//! Tests of the way from lines to record batches.

mod batches;
mod decoder;
mod keys;
mod router;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use super::*;
use crate::protocol::{Message, StreamName, parse_line};
use crate::types::ColumnType;

const NOW_MS: i64 = 1_700_000_000_000;

fn layout(columns: &[(&str, ColumnType)]) -> Layout {
    let columns =
        columns.iter().map(|&(field, column_type)| LayoutColumn { field: field.to_owned(), column_type }).collect();
    Layout { columns, raw: false, key: Vec::new(), deleted_at: None, first_load: false }
}

fn texts(fields: &[&str]) -> Layout {
    layout(&fields.iter().map(|&field| (field, ColumnType::String)).collect::<Vec<_>>())
}

fn raw() -> Layout {
    Layout { raw: true, ..layout(&[("", ColumnType::Json)]) }
}

fn router(streams: &[(Option<&str>, &str, Layout)]) -> Router {
    let streams = streams
        .iter()
        .map(|(namespace, name, layout)| RouterStream::new(StreamName::new(*namespace, name), layout.clone()))
        .collect();
    Router::new(streams, RawIds::seeded(7))
}

/// A router over one stream `s`.
fn single(layout: Layout) -> Router {
    router(&[(None, "s", layout)])
}

/// Parses and appends one line.
fn feed(router: &mut Router, line: &str) -> Result<(usize, usize), String> {
    match parse_line(line, router)? {
        Message::Record(record) => router.append(&record, line, NOW_MS),
        other => panic!("{line}: {other:?}"),
    }
}

/// Appends a record of stream `s`.
fn put(router: &mut Router, data: &str) {
    feed(router, &format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data}}}}}"#)).expect(data);
}

/// The text columns of some rows, row by row, `-` for NULL.
fn shown(rows: &Rows) -> Vec<String> {
    let mut shown = Vec::new();
    for batch in &rows.batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().skip(3).map(|column| match column.as_string_opt::<i32>() {
                Some(texts) if texts.is_valid(row) => texts.value(row).to_owned(),
                None if column.is_valid(row) => column.as_primitive::<Int64Type>().value(row).to_string(),
                _ => "-".to_owned(),
            });
            shown.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    shown
}

/// The change entries of some rows.
fn changes(rows: &Rows) -> Vec<Option<String>> {
    let columns = rows.batches.iter().filter_map(|batch| batch.column_by_name("_airbyte_changes"));
    columns.flat_map(|c| c.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()).collect()
}

/// Everything a router holds: stream numbers and their rows.
fn taken(router: &mut Router) -> Vec<(usize, Vec<String>)> {
    router.take().iter().map(|(number, rows)| (*number, shown(rows))).collect()
}

/// The rows of the only stream.
fn rows(router: &mut Router) -> Rows {
    let mut all = router.take();
    assert_eq!(all.len(), 1, "rows of one stream");
    all.remove(0).1
}
