//! Record batches -> chunks of binary COPY.
//!
//! Invariant: pure; every chunk but the last is between one and two times [`limits::COPY_CHUNK_BYTES`] long. A chunk may end
//! anywhere, also within a field: the server does not care, and a large text is never copied in one piece.

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use bytes::Bytes;

use crate::batch::{Rows, Share};
use crate::limits;
use crate::schema;
use crate::types::{ColumnReader, ColumnType};

#[cfg(test)]
mod tests;

/// Signature, flags and header extension of binary COPY.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const SHAPE: &str = "batch::StreamBatch makes the columns in this order and of these types";
/// End of binary COPY.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Which of the columns that are not the user's travel with the rows, beside the raw id and the extraction time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CopyColumns {
    /// What of them says how a row was changed and whose it is.
    pub meta: Meta,
    /// The position in order of arrival; only needed where rows of one key compete.
    pub arrival: bool,
}

/// What travels of the meta object and the generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meta {
    /// Nothing: no row was changed, and the rest is the same for all of them.
    Nothing,
    /// The change entries.
    Changes,
    /// Both, as the stream's table has them.
    Whole {
        /// Of the rows.
        sync_id: i64,
        /// Of the rows.
        generation: i64,
    },
}

impl CopyColumns {
    /// For a temporary table of rows, of which some were changed or none.
    pub fn of_load_table(changes: bool, arrival: bool) -> Self {
        Self { meta: if changes { Meta::Changes } else { Meta::Nothing }, arrival }
    }
}

/// Encodes the rows of one stream, chunk by chunk.
pub struct CopyChunks<'a> {
    batches: std::slice::Iter<'a, RecordBatch>,
    shares: std::slice::Iter<'a, Vec<u8>>,
    share: Share,
    types: &'a [ColumnType],
    columns: CopyColumns,
    /// The meta object and the generation of a row without changes, where they travel.
    unchanged: Vec<u8>,
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
            unchanged: whole("[]", columns.meta),
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
            let same = (self.columns, &*self.unchanged);
            (self.part, self.tail) = batch.encode(self.row, self.part, self.arrival, same, &mut out);
            if self.part == batch.parts() {
                self.part = 0;
                self.row += 1;
                self.arrival += 1;
            }
        }
        Some(Bytes::from(out))
    }
}

/// The fields of the meta object and the generation, where they travel.
fn whole(changes: &str, meta: Meta) -> Vec<u8> {
    let Meta::Whole { sync_id, generation } = meta else { return Vec::new() };
    let object = StringArray::from_iter_values([schema::meta_object(changes, sync_id)]);
    let generation = Int64Array::from_value(generation, 1);
    let mut fields = Vec::new();
    for (column_type, array) in [(ColumnType::Json, &object as &dyn Array), (ColumnType::Integer, &generation)] {
        let reader = ColumnReader::new(column_type, array).expect(SHAPE);
        let tail = reader.encode(0, &mut fields);
        fields.extend_from_slice(tail);
    }
    fields
}

struct BatchReader<'a> {
    raw_ids: &'a FixedSizeBinaryArray,
    extracted_at: &'a [i64],
    changes: &'a StringArray,
    columns: Vec<ColumnReader<'a>>,
    rows: usize,
    shares: &'a [u8],
}

impl<'a> BatchReader<'a> {
    fn new(batch: &'a RecordBatch, types: &[ColumnType], shares: &'a [u8]) -> Self {
        let [raw_ids, extracted_at, changes, columns @ ..] = batch.columns() else { panic!("{SHAPE}") };
        Self {
            raw_ids: raw_ids.as_fixed_size_binary(),
            extracted_at: extracted_at.as_primitive::<Int64Type>().values(),
            changes: changes.as_string(),
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
        (with, unchanged): (CopyColumns, &[u8]),
        out: &mut Vec<u8>,
    ) -> (usize, &'a [u8]) {
        while part < self.parts() && out.len() < limits::COPY_CHUNK_BYTES {
            let mut tail: &[u8] = &[];
            match part {
                0 => self.begin(row, with, out),
                1 => tail = self.meta(row, with.meta, unchanged, out),
                2 if with.arrival => {
                    out.extend_from_slice(&8_i32.to_be_bytes());
                    out.extend_from_slice(&arrival.to_be_bytes());
                }
                2 => {}
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

    /// Appends what travels of the meta object and the generation.
    fn meta(&self, row: usize, meta: Meta, unchanged: &[u8], out: &mut Vec<u8>) -> &'a [u8] {
        match meta {
            Meta::Nothing => &[],
            Meta::Changes => ColumnReader::new(ColumnType::Json, self.changes).expect(SHAPE).encode(row, out),
            Meta::Whole { .. } if self.changes.is_null(row) => {
                out.extend_from_slice(unchanged);
                &[]
            }
            Meta::Whole { .. } => {
                out.extend_from_slice(&whole(self.changes.value(row), meta));
                &[]
            }
        }
    }

    /// Appends the number of fields and those that every row has.
    fn begin(&self, row: usize, with: CopyColumns, out: &mut Vec<u8>) {
        let meta = match with.meta {
            Meta::Nothing => 0,
            Meta::Changes => 1,
            Meta::Whole { .. } => 2,
        };
        let fields = 2 + meta + usize::from(with.arrival) + self.columns.len();
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
