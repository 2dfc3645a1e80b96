//! Record batches -> chunks of binary COPY.
//!
//! Invariant: pure; every chunk but the last is at least [`limits::COPY_CHUNK_BYTES`] long and ends with a whole row.

use arrow::array::{AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;

use crate::batch::Rows;
use crate::limits;
use crate::types::{ColumnReader, ColumnType};

#[cfg(test)]
mod tests;

/// Signature, flags and header extension of binary COPY.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// End of binary COPY.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Which of the columns that are not the user's travel with the rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CopyColumns {
    /// The change entries; left out when no row has any.
    pub changes: bool,
    /// The position in order of arrival; only needed where rows of one key compete.
    pub arrival: bool,
}

/// Encodes the rows of one stream, chunk by chunk.
pub struct CopyChunks<'a> {
    batches: std::slice::Iter<'a, RecordBatch>,
    types: &'a [ColumnType],
    columns: CopyColumns,
    current: Option<BatchReader<'a>>,
    row: usize,
    arrival: i64,
    started: bool,
    done: bool,
}

impl<'a> CopyChunks<'a> {
    /// An encoder for `rows`, whose columns are of `types`.
    pub fn new(rows: &'a Rows, types: &'a [ColumnType], columns: CopyColumns) -> Self {
        Self {
            batches: rows.batches.iter(),
            types,
            columns,
            current: None,
            row: 0,
            arrival: 0,
            started: false,
            done: false,
        }
    }
}

impl Iterator for CopyChunks<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        /// Room for the row that crosses the chunk's size.
        const SLACK: usize = 8 << 10;
        if self.done {
            return None;
        }
        let mut out = Vec::with_capacity(limits::COPY_CHUNK_BYTES + SLACK);
        if !self.started {
            self.started = true;
            out.extend_from_slice(HEADER);
        }
        while out.len() < limits::COPY_CHUNK_BYTES {
            let Some(batch) = &self.current else {
                let Some(next) = self.batches.next() else {
                    self.done = true;
                    out.extend_from_slice(&TRAILER);
                    break;
                };
                self.current = Some(BatchReader::new(next, self.types));
                self.row = 0;
                continue;
            };
            if self.row == batch.rows {
                self.current = None;
                continue;
            }
            batch.encode(self.row, self.arrival, self.columns, &mut out);
            self.row += 1;
            self.arrival += 1;
        }
        Some(Bytes::from(out))
    }
}

struct BatchReader<'a> {
    raw_ids: &'a FixedSizeBinaryArray,
    extracted_at: &'a [i64],
    changes: ColumnReader<'a>,
    columns: Vec<ColumnReader<'a>>,
    rows: usize,
}

impl<'a> BatchReader<'a> {
    fn new(batch: &'a RecordBatch, types: &[ColumnType]) -> Self {
        const SHAPE: &str = "batch::StreamBatch makes the columns in this order and of these types";
        let [raw_ids, extracted_at, changes, columns @ ..] = batch.columns() else { panic!("{SHAPE}") };
        Self {
            raw_ids: raw_ids.as_fixed_size_binary(),
            extracted_at: extracted_at.as_primitive::<Int64Type>().values(),
            changes: ColumnReader::new(ColumnType::Json, changes).expect(SHAPE),
            columns: types
                .iter()
                .zip(columns)
                .map(|(&column_type, array)| ColumnReader::new(column_type, array).expect(SHAPE))
                .collect(),
            rows: batch.num_rows(),
        }
    }

    fn encode(&self, row: usize, arrival: i64, with: CopyColumns, out: &mut Vec<u8>) {
        let fields = 2 + usize::from(with.changes) + usize::from(with.arrival) + self.columns.len();
        let fields = i16::try_from(fields).expect("limits::TABLE_COLUMNS");
        out.extend_from_slice(&fields.to_be_bytes());
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        let uuid = uuid::Uuid::from_slice(self.raw_ids.value(row)).unwrap_or_default();
        let text = uuid.hyphenated().encode_lower(&mut id);
        out.extend_from_slice(&36_i32.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(&8_i32.to_be_bytes());
        out.extend_from_slice(&self.extracted_at.get(row).copied().unwrap_or_default().to_be_bytes());
        if with.changes {
            self.changes.encode(row, out);
        }
        if with.arrival {
            out.extend_from_slice(&8_i32.to_be_bytes());
            out.extend_from_slice(&arrival.to_be_bytes());
        }
        for column in &self.columns {
            column.encode(row, out);
        }
    }
}
