//! Files of the three formats, whole and broken.

mod bombs;
mod broken;
mod pieces;
mod roots;
mod whole;

use std::fs;
use std::path::PathBuf;

use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, MetadataVersion};
use parquet_crate::arrow::ArrowWriter;
use parquet_crate::basic::Compression;
use parquet_crate::file::properties::WriterProperties;
use tempfile::TempDir;

use super::*;
use crate::limits;
use ::parquet as parquet_crate;

const FORMATS: [BatchFormat; 3] = [BatchFormat::ArrowStream, BatchFormat::ArrowFile, BatchFormat::Parquet];

/// Some rows of several types, with nulls.
fn rows(count: usize) -> RecordBatch {
    let numbers = (0..count as i64).map(|n| (n % 5 != 3).then_some(n));
    let texts = (0..count).map(|n| (n % 7 != 2).then(|| format!("text {}", n % 100)));
    let lists = (0..count as i32).map(|n| (n % 3 != 1).then(|| (0..n % 4).map(Some).collect::<Vec<_>>()));
    let keys = Int32Array::from_iter((0..count as i32).map(|n| (n % 11 != 5).then_some(n % 3)));
    let words = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["red", "green", "blue"])));
    RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from_iter(numbers)) as ArrayRef),
        ("text", Arc::new(StringArray::from_iter(texts))),
        ("list", Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(lists))),
        ("word", Arc::new(words)),
        (
            "amount",
            Arc::new(
                Decimal128Array::from_iter_values((0..count as i128).map(|n| n * 7))
                    .with_precision_and_scale(20, 2)
                    .expect("a decimal"),
            ),
        ),
    ])
    .expect("columns of one length")
}

fn ipc(batches: &[RecordBatch], format: BatchFormat, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5).expect("options");
    let options = options.try_with_compression(compression).expect("a compression");
    let schema = batches[0].schema();
    let mut out = Vec::new();
    match format {
        BatchFormat::ArrowStream => {
            let mut writer = StreamWriter::try_new_with_options(&mut out, &schema, options).expect("a writer");
            batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
            writer.finish().expect("an end");
        }
        BatchFormat::ArrowFile => {
            let mut writer = FileWriter::try_new_with_options(&mut out, &schema, options).expect("a writer");
            batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
            writer.finish().expect("an end");
        }
        BatchFormat::Parquet => unreachable!("ipc"),
    }
    out
}

fn parquet(batches: &[RecordBatch], properties: WriterProperties) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batches[0].schema(), Some(properties)).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
    writer.close().expect("an end");
    out
}

fn written(batches: &[RecordBatch], format: BatchFormat) -> Vec<u8> {
    match format {
        BatchFormat::Parquet => {
            parquet(batches, WriterProperties::builder().set_max_row_group_row_count(Some(1_000)).build())
        }
        format => ipc(batches, format, None),
    }
}

/// A directory of files.
struct Files {
    directory: TempDir,
    roots: Roots,
}

impl Files {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        Self { roots: Roots::new([directory.path().to_owned()]), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, bytes: &[u8]) -> String {
        let path = self.path("rows");
        fs::write(&path, bytes).expect("a file");
        format!("file://{}", path.display())
    }

    fn read(&self, bytes: &[u8], format: BatchFormat) -> Result<Vec<RecordBatch>> {
        all(Source::file(&self.write(bytes), format, &self.roots)?)
    }

    fn failure(&self, bytes: &[u8], format: BatchFormat) -> (ErrorKind, String) {
        let error = self.read(bytes, format).expect_err("it is broken");
        let name = format!("file {}: ", self.path("rows").display());
        (error.kind(), error.message().strip_prefix(&name).unwrap_or(error.message()).to_owned())
    }
}

fn all(mut source: Source) -> Result<Vec<RecordBatch>> {
    std::iter::from_fn(|| source.next_rows().transpose()).collect()
}

/// The values of batches as text, whatever arrays hold them.
fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let options = arrow::util::display::FormatOptions::default().with_null("NULL");
    let mut shown = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options).expect("a formatter"))
            .collect();
        for row in 0..batch.num_rows() {
            shown.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    shown
}
