//! What a window's keys tell the merge: with that, the server is spared work that is not needed.
//!
//! Invariant: equal for Postgres implies equal here, so a duplicate is never overlooked; the reverse need not hold. Only a
//! nondeterministic collation would break it, and with one the table is refused before the first row.

use std::hash::{BuildHasher, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray};
use arrow::datatypes::{Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType};
use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::stream_batch::Layout;
use crate::limits;
use crate::schema::KeyFacts;
use crate::types::{self, ColumnType, Numbers};

/// Keys of first loads: as long as none returns, an empty table is filled without an index.
pub struct FirstLoad {
    remembered: usize,
}

impl FirstLoad {
    /// No key seen yet.
    pub fn new() -> Self {
        Self { remembered: 0 }
    }
}

impl Default for FirstLoad {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) struct KeyReader {
    key: Vec<(usize, ColumnType)>,
    deleted_at: Option<usize>,
    hasher: RandomState,
    /// Hashes of the keys of this window.
    window: HashSet<u64, RandomState>,
    /// Hashes of the keys of the earlier windows of a first load; none when this is no first load (any more).
    earlier: Option<HashSet<u64, RandomState>>,
    facts: KeyFacts,
}

impl KeyReader {
    pub(super) fn new(layout: &Layout) -> Self {
        let key = layout.key.iter().filter_map(|&i| Some((i, layout.columns.get(i)?.column_type))).collect();
        Self {
            key,
            deleted_at: layout.deleted_at,
            hasher: RandomState::default(),
            window: HashSet::default(),
            earlier: layout.first_load.then(HashSet::default),
            facts: KeyFacts::default(),
        }
    }

    /// Reads the keys of a record batch. Answers the share of each row: rows of one key have the same. None where keys cannot be
    /// compared here, or where there is no key.
    pub(super) fn read(&mut self, columns: &[ArrayRef], first_load: &mut FirstLoad) -> Option<Vec<u8>> {
        let rows = columns.first().map(Array::len)?;
        if self.key.is_empty() {
            return None;
        }
        if let Some(deleted_at) = self.deleted_at.and_then(|i| columns.get(i)) {
            self.facts.deletions |= deleted_at.null_count() < rows;
        }
        let mut hashes: Vec<_> = (0..rows).map(|_| self.hasher.build_hasher()).collect();
        let mut comparable = true;
        for &(index, column_type) in &self.key {
            let Some(column) = columns.get(index) else { continue };
            self.facts.nulls |= column.null_count() > 0;
            comparable &= hash_column(column, column_type, &mut hashes);
        }
        let hashes: Vec<u64> = hashes.into_iter().map(|hash| hash.finish()).collect();
        if !comparable {
            self.facts.duplicates = true;
            self.facts.seen_before = true;
        }
        let shares = comparable.then(|| hashes.iter().map(|hash| hash.to_be_bytes()[1]).collect());
        if self.facts.duplicates && self.facts.seen_before {
            self.earlier = None;
            return shares;
        }
        for hash in hashes {
            self.facts.duplicates |= !self.window.insert(hash);
            self.facts.seen_before |= self.earlier.as_ref().is_none_or(|earlier| earlier.contains(&hash));
        }
        if self.earlier.is_some() {
            first_load.remembered += rows;
        }
        if self.facts.seen_before || first_load.remembered > limits::FIRST_LOAD_KEYS {
            self.earlier = None;
            self.facts.seen_before = true;
        }
        shares
    }

    pub(super) fn take(&mut self) -> KeyFacts {
        match &mut self.earlier {
            Some(earlier) => earlier.extend(self.window.drain()),
            None => self.window.clear(),
        }
        let next = KeyFacts { seen_before: self.earlier.is_none(), ..KeyFacts::default() };
        std::mem::replace(&mut self.facts, next)
    }
}

/// The hashes of the rows' keys, in their order; none when equality of such keys is not ours to judge.
pub(super) fn hash_keys(columns: &[ArrayRef], key: &[(usize, ColumnType)]) -> Option<Vec<u64>> {
    let state = foldhash::fast::FixedState::default();
    let mut hashes: Vec<_> = (0..columns.first()?.len()).map(|_| state.build_hasher()).collect();
    for (index, column_type) in key {
        if !hash_column(columns.get(*index)?, *column_type, &mut hashes) {
            return None;
        }
    }
    Some(hashes.iter().map(Hasher::finish).collect())
}

/// Adds a column to the rows' hashes; false when its equality is not ours to judge (`jsonb`, lists).
fn hash_column(column: &ArrayRef, column_type: ColumnType, hashes: &mut [impl Hasher]) -> bool {
    let rows = hashes.iter_mut().enumerate();
    let nulls = column.nulls();
    let is_null = |row: usize| nulls.is_some_and(|n| n.is_null(row));
    macro_rules! each {
        ($values:expr, $hasher:ident, $value:ident => $write:expr) => {{
            let values = $values;
            for (row, $hasher) in rows {
                if is_null(row) {
                    $hasher.write_u8(0);
                } else {
                    $hasher.write_u8(1);
                    let $value = values.value(row);
                    $write;
                }
            }
        }};
    }
    match column_type {
        ColumnType::Integer | ColumnType::Timestamp | ColumnType::TimestampTz => {
            each!(column.as_primitive::<Int64Type>(), h, v => h.write_i64(v));
        }
        ColumnType::Int => each!(column.as_primitive::<Int32Type>(), h, v => h.write_i32(v)),
        ColumnType::SmallInt => each!(column.as_primitive::<Int16Type>(), h, v => h.write_i16(v)),
        ColumnType::Real => each!(column.as_primitive::<Float32Type>(), h, v => h.write_u64(float_class(v.into()))),
        ColumnType::Double => each!(column.as_primitive::<Float64Type>(), h, v => h.write_u64(float_class(v))),
        ColumnType::Date => each!(column.as_primitive::<Date32Type>(), h, v => h.write_i32(v)),
        ColumnType::Time => each!(column.as_primitive::<Time64MicrosecondType>(), h, v => h.write_i64(v)),
        ColumnType::Boolean => each!(column.as_boolean(), h, v => h.write_u8(u8::from(v))),
        ColumnType::String => {
            each!(column.as_string::<i32>(), h, v => { h.write(v.as_bytes()); h.write_usize(v.len()); });
        }
        ColumnType::Bytes => {
            each!(column.as_binary::<i32>(), h, v => { h.write(v); h.write_usize(v.len()); });
        }
        ColumnType::Interval => {
            each!(column.as_fixed_size_binary(), h, v => h.write_i128(types::compared_interval(v)));
        }
        ColumnType::TimeTz | ColumnType::Uuid => {
            let Some(values) = column.as_any().downcast_ref::<FixedSizeBinaryArray>() else { return false };
            each!(values, h, v => h.write(v));
        }
        ColumnType::Number | ColumnType::Decimal(_) => {
            let Some(numbers) = Numbers::new(column) else { return false };
            let mut payload = Vec::new();
            for (row, hasher) in rows {
                if is_null(row) {
                    hasher.write_u8(0);
                    continue;
                }
                payload.clear();
                numbers.encode(row, &mut payload);
                hasher.write_u8(1);
                // 1.0 and 1.00 are one key: everything but the display scale.
                hasher.write(payload.get(..6).unwrap_or_default());
                hasher.write(payload.get(8..).unwrap_or_default());
            }
        }
        ColumnType::Object | ColumnType::Array | ColumnType::Json | ColumnType::List(_) => return false,
    }
    true
}

/// One number for all floats that Postgres takes for equal: both zeros, and all that are not numbers.
fn float_class(value: f64) -> u64 {
    if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}
