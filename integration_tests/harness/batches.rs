//! The same rows as Arrow record batches, in a line or in a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use destination_postgres::protocol::BatchFormat;
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value, json};

use crate::plan::Batches;

/// The BATCH message of rows that all have the same fields; a file goes to `directory`.
pub fn line(stream: &str, emitted_at: u64, rows: &[Map<String, Value>], how: Batches, directory: &Path) -> String {
    let mut batch = json!({"stream": stream, "emitted_at": emitted_at});
    match how {
        Batches::Inline => batch["data"] = json!(STANDARD.encode(written(&columns(rows), BatchFormat::ArrowStream))),
        Batches::File(format) => {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let path = directory.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
            fs::write(&path, written(&columns(rows), format)).expect("a file");
            batch["encoding"] = json!({"format": format.as_str()});
            batch["manifest"] = json!([format!("file://{}", path.display())]);
        }
    }
    format!("{}\n", json!({"type": "BATCH", "batch": batch}))
}

fn columns(rows: &[Map<String, Value>]) -> RecordBatch {
    let column = |name: &String| {
        let values = || rows.iter().map(|row| &row[name]);
        let array: ArrayRef = if values().any(Value::is_i64) {
            Arc::new(values().map(Value::as_i64).collect::<Int64Array>())
        } else {
            Arc::new(values().map(Value::as_str).collect::<StringArray>())
        };
        (name.clone(), array, true)
    };
    RecordBatch::try_from_iter_with_nullable(rows[0].keys().map(column)).expect("columns of one length")
}

fn written(rows: &RecordBatch, format: BatchFormat) -> Vec<u8> {
    let (mut out, schema) = (Vec::new(), rows.schema());
    match format {
        BatchFormat::ArrowStream => {
            let mut writer = StreamWriter::try_new(&mut out, &schema).expect("a writer");
            writer.write(rows).and_then(|()| writer.finish()).expect("rows");
        }
        BatchFormat::ArrowFile => {
            let mut writer = FileWriter::try_new(&mut out, &schema).expect("a writer");
            writer.write(rows).and_then(|()| writer.finish()).expect("rows");
        }
        BatchFormat::Parquet => {
            let mut writer = ArrowWriter::try_new(&mut out, schema, None).expect("a writer");
            writer.write(rows).expect("rows");
            writer.close().expect("an end");
        }
    }
    out
}
