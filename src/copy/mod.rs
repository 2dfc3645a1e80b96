//! Record batches -> chunks of binary COPY.
//!
//! Invariant: pure; every chunk but the last is between one and two times [`limits::COPY_CHUNK_BYTES`] long. A chunk may end
//! anywhere, also within a field: the server does not care, and a large text is never copied in one piece.

use arrow::array::{AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;

use crate::batch::{Rows, Share};
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
    shares: std::slice::Iter<'a, Vec<u8>>,
    share: Share,
    types: &'a [ColumnType],
    columns: CopyColumns,
    current: Option<BatchReader<'a>>,
    row: usize,
    /// The next part of the row.
    part: usize,
    /// The rest of a field, which comes before that.
    tail: &'a [u8],
    arrival: i64,
    started: bool,
    done: bool,
}

impl<'a> CopyChunks<'a> {
    /// An encoder for `rows`, whose columns are of `types`.
    pub fn new(rows: &'a Rows, types: &'a [ColumnType], columns: CopyColumns) -> Self {
        Self::of_share(rows, types, columns, Share::ALL)
    }

    /// An encoder for some of the rows, which must have shares unless it is all of them.
    pub fn of_share(rows: &'a Rows, types: &'a [ColumnType], columns: CopyColumns, share: Share) -> Self {
        Self {
            batches: rows.batches.iter(),
            shares: rows.shares.iter(),
            share,
            types,
            columns,
            current: None,
            row: 0,
            part: 0,
            tail: &[],
            arrival: 0,
            started: false,
            done: false,
        }
    }
}

impl Iterator for CopyChunks<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        /// Room for the field that crosses the chunk's size.
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
            if !self.tail.is_empty() {
                let (now, later) = self.tail.split_at(self.tail.len().min(limits::COPY_CHUNK_BYTES));
                out.extend_from_slice(now);
                self.tail = later;
                continue;
            }
            let Some(batch) = &self.current else {
                let Some(next) = self.batches.next() else {
                    self.done = true;
                    out.extend_from_slice(&TRAILER);
                    break;
                };
                let shares = self.shares.next().map_or(&[][..], Vec::as_slice);
                self.current = Some(BatchReader::new(next, self.types, shares));
                self.row = 0;
                continue;
            };
            if self.row == batch.rows {
                self.current = None;
                continue;
            }
            if self.share != Share::ALL && !batch.shares.get(self.row).is_some_and(|of| self.share.has(*of)) {
                self.row += 1;
                self.arrival += 1;
                continue;
            }
            (self.part, self.tail) = batch.encode(self.row, self.part, self.arrival, self.columns, &mut out);
            if self.part == batch.parts() {
                self.part = 0;
                self.row += 1;
                self.arrival += 1;
            }
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
    shares: &'a [u8],
}

impl<'a> BatchReader<'a> {
    fn new(batch: &'a RecordBatch, types: &[ColumnType], shares: &'a [u8]) -> Self {
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
            shares,
        }
    }

    /// How many parts of a row [`BatchReader::encode`] counts: its beginning, the changes, the arrival and the columns.
    fn parts(&self) -> usize {
        3 + self.columns.len()
    }

    /// Appends a row from this part on, until the chunk is full or a text is too large to be copied at once. Answers the part
    /// that comes next and the text that comes before it.
    fn encode(
        &self,
        row: usize,
        mut part: usize,
        arrival: i64,
        with: CopyColumns,
        out: &mut Vec<u8>,
    ) -> (usize, &'a [u8]) {
        while part < self.parts() && out.len() < limits::COPY_CHUNK_BYTES {
            let mut tail: &[u8] = &[];
            match part {
                0 => self.begin(row, with, out),
                1 if with.changes => tail = self.changes.encode(row, out),
                2 if with.arrival => {
                    out.extend_from_slice(&8_i32.to_be_bytes());
                    out.extend_from_slice(&arrival.to_be_bytes());
                }
                1 | 2 => {}
                _ => tail = self.columns.get(part - 3).map_or(tail, |column| column.encode(row, out)),
            }
            part += 1;
            if tail.len() > limits::COPY_CHUNK_BYTES {
                return (part, tail);
            }
            out.extend_from_slice(tail);
        }
        (part, &[])
    }

    /// Appends the number of fields and those that every row has.
    fn begin(&self, row: usize, with: CopyColumns, out: &mut Vec<u8>) {
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
    }
}
