//! The growing batch of one stream.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{Field, Schema};
use uuid::Uuid;

use super::foreign::FittedRows;
use super::keys::{KeyReader, hash_keys};
use super::meta::{self, RawIds};
use super::nulled::Nulled;
use crate::json::{Token, write_quoted};
use crate::limits;
use crate::schema::KeyFacts;
use crate::types::{ColumnBuilder, ColumnType, Outcome, Reason};

/// What a stream's rows look like.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The declared fields in the catalog's order; in raw mode one column that takes the whole record.
    pub columns: Vec<LayoutColumn>,
    /// Raw mode.
    pub raw: bool,
    /// Columns of the key, by position; empty where rows are only added.
    pub key: Vec<usize>,
    /// The column that marks a deletion where deletions are carried out, by position.
    pub deleted_at: Option<usize>,
    /// The table is empty and has no index on the key yet.
    pub first_load: bool,
}

/// One declared field.
#[derive(Clone, Debug)]
pub struct LayoutColumn {
    /// The field's name in the records.
    pub field: String,
    /// Its column's type.
    pub column_type: ColumnType,
}

/// Rows of one stream, frozen until they are durable. A clone shares their memory.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The rows in their order of arrival. Columns: raw id, extraction time, changes, then the layout's.
    pub batches: Vec<RecordBatch>,
    /// Of each record batch, the share of each row: rows of one key have the same. Empty where rows have no keys, or keys that only
    /// the server can compare.
    pub shares: Vec<Vec<u8>>,
    /// How many rows.
    pub count: u64,
    /// About how many bytes they take.
    pub size: usize,
    /// At least one row carries changes.
    pub has_changes: bool,
    /// What is known of the keys.
    pub keys: KeyFacts,
}

/// Some of the rows: of all that share a key, all or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// Which one, from 0.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// Every row.
    pub const ALL: Self = Self { number: 0, of: 1 };

    /// Whether a row of this share number (see [`Rows::shares`]) is one of them.
    pub fn has(self, share: u8) -> bool {
        usize::from(share) % self.of == self.number
    }
}

impl Rows {
    /// How many rows a share has.
    pub fn count_of(&self, share: Share) -> u64 {
        if share == Share::ALL {
            return self.count;
        }
        self.shares.iter().flatten().filter(|of| share.has(**of)).count() as u64
    }

    /// Some of the rows, by their places from 0, to be loaded after those before them and before those after them.
    #[must_use]
    pub fn part(&self, places: Range<u64>) -> Self {
        let mut batches = Vec::new();
        let mut shares = Vec::new();
        let mut start = 0;
        for (number, batch) in self.batches.iter().enumerate() {
            let end = start + batch.num_rows() as u64;
            let (from, to) = (places.start.max(start), places.end.min(end));
            if let (true, Ok(at), Ok(rows)) =
                (from < to, usize::try_from(from - start), usize::try_from(to.saturating_sub(from)))
            {
                batches.push(batch.slice(at, rows));
                shares.extend(self.shares.get(number).and_then(|of| of.get(at..at + rows)).map(<[u8]>::to_vec));
            }
            start = end;
        }
        let count = batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        let size = self.size as u64 * count / self.count.max(1);
        // A key may come in several parts.
        let keys = KeyFacts { seen_before: self.keys.seen_before || self.keys.duplicates, ..self.keys };
        let size = usize::try_from(size).unwrap_or(self.size);
        Self { batches, shares, count, size, has_changes: self.has_changes, keys }
    }

    /// As [`Rows::part`], of single rows by their places in ascending order.
    #[must_use]
    pub fn pick(&self, places: &[u64]) -> Self {
        let mut rows = self.part(0..0);
        for place in places {
            rows.append(self.part(*place..place + 1));
        }
        rows
    }

    /// A number for the key of each row, made of the columns `key` of the layout: equal where the keys are. None when that cannot be told
    /// for such a key.
    #[must_use]
    pub fn key_hashes(&self, key: &[(usize, ColumnType)]) -> Option<Vec<u64>> {
        let hashes = self.batches.iter().map(|batch| hash_keys(batch.columns().get(META_COLUMNS..)?, key));
        Some(hashes.collect::<Option<Vec<_>>>()?.concat())
    }

    /// Adds rows of the same stream, whose places come later.
    pub fn append(&mut self, later: Self) {
        self.batches.extend(later.batches);
        self.shares.extend(later.shares);
        self.count += later.count;
        self.size += later.size;
    }

    /// The raw id of a row.
    pub fn raw_id(&self, place: u64) -> Option<Uuid> {
        let row = self.part(place..place + 1);
        let ids = row.batches.first()?.columns().first()?.as_fixed_size_binary_opt()?;
        Uuid::from_slice(ids.value(0)).ok()
    }
}

/// Columns of every batch before those of the layout.
pub(crate) const META_COLUMNS: usize = 3;
pub(super) const RAW_ID_BYTES: i32 = 16;
/// Bytes of a row's raw id, extraction time and the offsets and flags of the changes column.
pub(super) const META_BYTES: usize = 16 + 8 + 5;
/// Names of those columns.
pub(super) const META_NAMES: [&str; META_COLUMNS] = ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_changes"];

pub(super) struct StreamBatch {
    raw_ids: FixedSizeBinaryBuilder,
    extracted_at: Int64Builder,
    changes: StringBuilder,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    bytes: usize,
    size: usize,
    count: u64,
    has_changes: bool,
    nulled: Nulled,
    batches: Vec<RecordBatch>,
    /// Of each of these batches; see [`Rows::shares`].
    shares: Vec<Option<Vec<u8>>>,
    schema: Arc<Schema>,
    keys: KeyReader,
    scratch: String,
}

impl StreamBatch {
    pub(super) fn new(layout: &Layout) -> Self {
        let columns: Vec<ColumnBuilder> = layout.columns.iter().map(|c| ColumnBuilder::new(c.column_type)).collect();
        let mut batch = Self {
            raw_ids: FixedSizeBinaryBuilder::with_capacity(0, RAW_ID_BYTES),
            extracted_at: Int64Builder::with_capacity(0),
            changes: StringBuilder::with_capacity(0, 0),
            columns,
            rows: 0,
            bytes: 0,
            size: 0,
            count: 0,
            has_changes: false,
            nulled: Nulled::default(),
            batches: Vec::new(),
            shares: Vec::new(),
            schema: Arc::new(Schema::empty()),
            keys: KeyReader::new(layout),
            scratch: String::new(),
        };
        let names = META_NAMES.into_iter().chain(layout.columns.iter().map(|c| c.field.as_str()));
        let fields: Vec<Field> =
            names.zip(batch.arrays()).map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
        batch.schema = Arc::new(Schema::new(fields));
        batch
    }

    /// Appends one row and answers how many bytes it takes. `left_out` are fields that the tokens do not hold because
    /// they were too large.
    #[allow(clippy::too_many_arguments, reason = "the parts of one row")]
    pub(super) fn append(
        &mut self,
        layout: &Layout,
        (tokens, line): (&[Token], &str),
        left_out: &[String],
        emitted_at_ms: i64,
        source_changes: Option<&str>,
        ids: &mut RawIds,
        first_load: &mut super::FirstLoad,
    ) -> usize {
        let mut bytes = META_BYTES + tokens.len() * 8;
        self.scratch.clear();
        self.scratch.push_str(source_changes.unwrap_or_default());
        for field in left_out {
            push_change(&mut self.scratch, field, "NULLED", Reason::FieldSizeLimitation);
            self.nulled.one(field);
        }
        for ((builder, &token), column) in self.columns.iter_mut().zip(tokens).zip(&layout.columns) {
            bytes += token.text(line).len();
            match builder.append(token, line) {
                Outcome::Stored => {}
                Outcome::Cleaned => {
                    push_change(&mut self.scratch, &column.field, "TRUNCATED", Reason::SerializationError);
                }
                Outcome::Nulled(reason) => {
                    push_change(&mut self.scratch, &column.field, "NULLED", reason);
                    self.nulled.one(&column.field);
                }
            }
        }
        self.raw_ids.append_value(ids.make()).expect("the width is the builder's");
        self.extracted_at.append_value(meta::extracted_at(emitted_at_ms));
        if self.scratch.is_empty() {
            self.changes.append_null();
        } else {
            self.has_changes = true;
            bytes += self.scratch.len();
            self.scratch.insert(0, '[');
            self.scratch.push(']');
            self.changes.append_value(&self.scratch);
            self.scratch.shrink_to(limits::BATCH_BYTES);
        }
        self.rows += 1;
        self.count += 1;
        self.bytes += bytes;
        self.size += bytes;
        if self.rows >= limits::BATCH_ROWS || self.bytes >= limits::BATCH_BYTES {
            self.freeze(first_load);
        }
        bytes
    }

    /// Appends rows that are a record batch already.
    pub(super) fn append_batch(&mut self, rows: FittedRows, first_load: &mut super::FirstLoad) {
        self.freeze(first_load);
        let keys = rows.batch.columns().get(META_COLUMNS..).unwrap_or_default();
        self.shares.push(self.keys.read(keys, first_load));
        self.count += rows.batch.num_rows() as u64;
        self.size += rows.bytes;
        self.has_changes |= rows.has_changes;
        self.nulled.append(&rows.nulled);
        self.batches.push(rows.batch);
    }

    /// What became NULL since this was asked last.
    pub(super) fn take_nulled(&mut self) -> Nulled {
        std::mem::take(&mut self.nulled)
    }

    fn arrays(&mut self) -> Vec<ArrayRef> {
        let meta: [ArrayRef; META_COLUMNS] =
            [Arc::new(self.raw_ids.finish()), Arc::new(self.extracted_at.finish()), Arc::new(self.changes.finish())];
        meta.into_iter().chain(self.columns.iter_mut().map(ColumnBuilder::finish)).collect()
    }

    fn freeze(&mut self, first_load: &mut super::FirstLoad) {
        if self.rows == 0 {
            return;
        }
        let arrays = self.arrays();
        self.shares.push(self.keys.read(arrays.get(META_COLUMNS..).unwrap_or_default(), first_load));
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), arrays).expect("each row adds one value to each column");
        self.batches.push(batch);
        self.rows = 0;
        self.bytes = 0;
    }

    /// The rows so far; the batch starts anew. None when there are none.
    pub(super) fn take(&mut self, first_load: &mut super::FirstLoad) -> Option<Rows> {
        self.freeze(first_load);
        if self.batches.is_empty() {
            return None;
        }
        Some(Rows {
            batches: std::mem::take(&mut self.batches),
            shares: std::mem::take(&mut self.shares).into_iter().collect::<Option<_>>().unwrap_or_default(),
            count: std::mem::take(&mut self.count),
            size: std::mem::take(&mut self.size),
            has_changes: std::mem::take(&mut self.has_changes),
            keys: self.keys.take(),
        })
    }
}

pub(super) fn push_change(changes: &mut String, field: &str, change: &str, reason: Reason) {
    if !changes.is_empty() {
        changes.push(',');
    }
    changes.push_str(r#"{"field":"#);
    // A NUL in a field's name cannot be stored in jsonb.
    write_quoted(&field.replace('\0', ""), changes);
    changes.push_str(&format!(r#","change":"{change}","reason":"{}"}}"#, reason.as_str()));
}
