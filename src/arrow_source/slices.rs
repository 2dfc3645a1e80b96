//! A record batch -> pieces that a commit window can take.
//!
//! What counts is what the rows hold when every repetition is written out: a dictionary or a run can say in a few bytes what
//! takes gigabytes in a table.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, MutableArrayData, OffsetSizeTrait, PrimitiveArray, RecordBatch,
    RecordBatchOptions, RunArray, UnionArray, make_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType, UnionMode,
};
use arrow::downcast_dictionary_array;

use super::fault::{Fault, Reading};
use crate::limits;

/// The pieces of one record batch.
pub(super) struct Slices {
    batch: RecordBatch,
    at: usize,
    copied: bool,
}

impl Slices {
    /// `copied`: a piece must not keep the memory of the whole.
    pub fn of(batch: RecordBatch, copied: bool) -> Self {
        Self { batch, at: 0, copied }
    }

    /// The next piece, or none behind the last.
    pub fn next_slice(&mut self) -> Reading<Option<RecordBatch>> {
        /// Rows that are looked at first, and how many times more after each look: never all, which may be billions.
        const FIRST: usize = 16;
        const GROWTH: usize = 8;
        let most = (self.batch.num_rows() - self.at).min(limits::BATCH_ROWS);
        if most == 0 {
            return Ok(None);
        }
        let mut rows = most.min(FIRST);
        let mut sizes = self.sizes(rows);
        while rows < most && sizes.until(rows) <= limits::BATCH_BYTES as u64 {
            rows = most.min(rows * GROWTH);
            sizes = self.sizes(rows);
        }
        let size = |rows: usize| sizes.until(rows);
        if size(rows) > limits::BATCH_BYTES as u64 {
            // The most rows that fit, but one at least.
            let (mut fit, mut over) = (1, rows);
            while over - fit > 1 {
                let middle = fit.midpoint(over);
                if size(middle) > limits::BATCH_BYTES as u64 { over = middle } else { fit = middle }
            }
            rows = fit;
        }
        if size(rows) > limits::LINE_BYTES as u64 {
            return Err(Fault::new(format!(
                "a row is larger than {} MiB, which is more than this connector accepts",
                limits::LINE_BYTES >> 20
            )));
        }
        let slice = self.batch.slice(self.at, rows);
        self.at += rows;
        // A large row has the memory to itself, and so a copy of it would only be one more.
        let large = size(rows) >= limits::LARGE_CHUNK_BYTES as u64;
        if !self.copied || rows == self.batch.num_rows() || large {
            return Ok(Some(slice));
        }
        let columns = slice.columns().iter().map(copy).collect::<Reading<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(slice.schema(), columns, &options)?))
    }

    /// What each of the next so many rows takes.
    fn sizes(&self, rows: usize) -> Sizes {
        let columns = self.batch.columns().iter().map(|column| Sizes::of(&column.slice(self.at, rows)));
        Sizes::Sum(columns.chain([Sizes::Fixed(names(&self.batch))]).collect())
    }
}

/// What the names of the columns add to each row where a table holds it as one object. Names that a table's columns could have
/// are too short to matter.
fn names(rows: &RecordBatch) -> u64 {
    let names = rows.schema_ref().fields().iter().map(|field| field.name().len());
    names.filter(|name| *name > limits::IDENTIFIER_BYTES).sum::<usize>() as u64
}

/// How many bytes the rows take, with every repetition written out.
pub fn size(rows: &RecordBatch) -> u64 {
    let columns = rows.columns().iter().map(|column| Sizes::of(column).until(rows.num_rows()));
    columns.fold(names(rows).saturating_mul(rows.num_rows() as u64), u64::saturating_add)
}

/// A copy without the rest of what the array is a piece of.
fn copy(array: &ArrayRef) -> Reading<ArrayRef> {
    let plain = array.data_type().is_primitive()
        || matches!(
            array.data_type(),
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::Boolean
                | DataType::FixedSizeBinary(_)
                | DataType::List(_)
                | DataType::LargeList(_)
                | DataType::FixedSizeList(..)
                | DataType::Struct(_)
        );
    if !plain {
        return Ok(ArrayRef::clone(array));
    }
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    Ok(make_array(copy.freeze()))
}

/// How many bytes the first n rows of an array take, for any n. Every value takes one at least.
enum Sizes {
    Fixed(u64),
    /// Texts and bytes: the offsets of the array.
    Ends(ScalarBuffer<i32>),
    LongEnds(ScalarBuffer<i64>),
    /// What all rows up to each one take.
    Each(Vec<u64>),
    Runs(Vec<Run>),
    /// Lists: where each one's elements begin, and where the last one's end.
    Elements(Vec<usize>, Box<Sizes>),
    FixedElements(usize, Box<Sizes>),
    Sum(Vec<Sizes>),
}

/// Rows of one value.
struct Run {
    start: usize,
    /// Bytes of the rows before.
    before: u64,
    /// Bytes of each row.
    each: u64,
}

impl Sizes {
    fn of(array: &dyn Array) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Ends(array.as_string::<i32>().offsets().inner().clone()),
            DataType::LargeUtf8 => Self::LongEnds(array.as_string::<i64>().offsets().inner().clone()),
            DataType::Binary => Self::Ends(array.as_binary::<i32>().offsets().inner().clone()),
            DataType::LargeBinary => Self::LongEnds(array.as_binary::<i64>().offsets().inner().clone()),
            DataType::Utf8View => Self::each(array.as_string_view().views().iter().map(|view| view_length(*view))),
            DataType::BinaryView => Self::each(array.as_binary_view().views().iter().map(|view| view_length(*view))),
            DataType::List(_) => {
                Self::list(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values(), Self::of)
            }
            DataType::LargeList(_) => {
                Self::list(array.as_list::<i64>().value_offsets(), array.as_list::<i64>().values(), Self::of)
            }
            DataType::Map(..) => {
                let map: &MapArray = array.as_map();
                // The names of the entries' members are not part of the value.
                Self::list(map.value_offsets(), map.entries(), |entries| Self::members(entries, 2))
            }
            DataType::ListView(_) => {
                let list = array.as_list_view::<i32>();
                Self::list_view(list.offsets(), list.sizes(), list.values())
            }
            DataType::LargeListView(_) => {
                let list = array.as_list_view::<i64>();
                Self::list_view(list.offsets(), list.sizes(), list.values())
            }
            DataType::FixedSizeList(_, length) => {
                let length = usize::try_from(*length).unwrap_or(0);
                let values = Self::of(array.as_fixed_size_list().values());
                Self::Sum(vec![Self::Fixed(1), Self::FixedElements(length, Box::new(values))])
            }
            DataType::Struct(fields) => {
                // As JSON each member has its name, with quotes, a colon and a comma.
                let names = fields.iter().map(|field| field.name().len() as u64 + 4);
                Self::members(array, names.fold(1, u64::saturating_add))
            }
            DataType::Union(_, mode) => Self::union(array.as_union(), *mode),
            DataType::Dictionary(..) => downcast_dictionary_array!(
                array => Self::dictionary(array.keys(), array.values()),
                _ => Self::Fixed(1)
            ),
            DataType::RunEndEncoded(..) => Self::runs::<Int16Type>(array)
                .or_else(|| Self::runs::<Int32Type>(array))
                .or_else(|| Self::runs::<Int64Type>(array))
                .unwrap_or(Self::Fixed(1)),
            other => Self::Fixed(other.primitive_width().map_or_else(|| fixed_width(other), |width| width as u64)),
        }
    }

    /// Bytes of the rows before this one.
    fn until(&self, row: usize) -> u64 {
        match self {
            Self::Fixed(width) => width.saturating_mul(row as u64),
            Self::Ends(offsets) => ends(offsets, row),
            Self::LongEnds(offsets) => ends(offsets, row),
            Self::Each(sums) => row.checked_sub(1).and_then(|last| sums.get(last)).copied().unwrap_or(0),
            Self::Runs(runs) => {
                let run = runs.partition_point(|run| run.start < row).checked_sub(1).and_then(|run| runs.get(run));
                run.map_or(0, |run| run.before.saturating_add(run.each.saturating_mul((row - run.start) as u64)))
            }
            Self::Elements(offsets, elements) => {
                elements.until(offsets.get(row).copied().unwrap_or(0)).saturating_add(row as u64)
            }
            Self::FixedElements(length, elements) => elements.until(row.saturating_mul(*length)),
            Self::Sum(parts) => parts.iter().fold(0, |sum, part| sum.saturating_add(part.until(row))),
        }
    }

    fn between(&self, start: usize, end: usize) -> u64 {
        self.until(end).saturating_sub(self.until(start))
    }

    /// Sizes that must be added up.
    fn each(sizes: impl Iterator<Item = u64>) -> Self {
        let mut sum: u64 = 0;
        Self::Each(
            sizes
                .map(|size| {
                    sum = sum.saturating_add(size).saturating_add(1);
                    sum
                })
                .collect(),
        )
    }

    fn list<O: OffsetSizeTrait>(offsets: &[O], values: &dyn Array, size: impl FnOnce(&dyn Array) -> Self) -> Self {
        let end = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
        let (first, last) = (end(offsets.first()), end(offsets.last()));
        let elements = values.slice(first, last - first);
        let offsets = offsets.iter().map(|offset| offset.as_usize() - first).collect();
        Self::Elements(offsets, Box::new(size(&elements)))
    }

    fn list_view<O: OffsetSizeTrait>(offsets: &[O], sizes: &[O], values: &dyn Array) -> Self {
        let places = || offsets.iter().zip(sizes).map(|(start, size)| (start.as_usize(), size.as_usize()));
        let filled = || places().filter(|(_, size)| *size > 0);
        let first = filled().map(|(start, _)| start).min().unwrap_or(0);
        let last = filled().map(|(start, size)| start + size).max().unwrap_or(0);
        let values = Self::of(&values.slice(first, last - first));
        Self::each(places().map(|(start, size)| match size {
            0 => 0,
            _ => values.between(start - first, start - first + size),
        }))
    }

    /// The members of structs, and so many bytes beside them.
    fn members(structs: &dyn Array, beside: u64) -> Self {
        let members = structs.as_struct().columns().iter().map(|column| Self::of(column));
        Self::Sum(std::iter::once(Self::Fixed(beside)).chain(members).collect())
    }

    fn dictionary<K: ArrowDictionaryKeyType>(keys: &PrimitiveArray<K>, values: &ArrayRef) -> Self {
        let sizes =
            |size: &dyn Fn(usize) -> u64| Self::each(keys.iter().map(|key| key.map_or(0, |key| size(key.as_usize()))));
        let quick = values.data_type().is_primitive()
            || matches!(
                values.data_type(),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary
            );
        if quick || values.len() <= keys.len() {
            let values = Self::of(values);
            sizes(&|key| values.between(key, key + 1))
        } else {
            sizes(&|key| Self::of(&values.slice(key, 1)).until(1))
        }
    }

    fn runs<R: RunEndIndexType>(array: &dyn Array) -> Option<Self> {
        let array: &RunArray<R> = array.as_any().downcast_ref()?;
        if array.is_empty() {
            return Some(Self::Fixed(1));
        }
        let first = array.get_start_physical_index();
        let values = Self::of(&array.values().slice(first, array.get_end_physical_index() + 1 - first));
        let mut runs = Vec::new();
        let (mut start, mut before) = (0, 0_u64);
        for (at, end) in array.run_ends().sliced_values().enumerate() {
            let end = end.as_usize();
            let each = values.between(at, at + 1).saturating_add(1);
            runs.push(Run { start, before, each });
            before = before.saturating_add(each.saturating_mul((end - start) as u64));
            start = end;
        }
        Some(Self::Runs(runs))
    }

    fn union(array: &UnionArray, mode: UnionMode) -> Self {
        if mode == UnionMode::Sparse {
            let fields = array.type_ids().iter().copied().collect::<BTreeSet<i8>>();
            return Self::Sum(
                std::iter::once(Self::Fixed(1)).chain(fields.into_iter().map(|id| Self::of(array.child(id)))).collect(),
            );
        }
        // The part of each child that the rows refer to.
        let mut parts: HashMap<i8, (usize, usize)> = HashMap::new();
        for row in 0..array.len() {
            let at = array.value_offset(row);
            let (first, last) = parts.entry(array.type_id(row)).or_insert((at, at));
            (*first, *last) = (at.min(*first), at.max(*last));
        }
        let children: HashMap<i8, (usize, Self)> = parts
            .into_iter()
            .map(|(id, (first, last))| (id, (first, Self::of(&array.child(id).slice(first, last + 1 - first)))))
            .collect();
        Self::each((0..array.len()).map(|row| {
            let at = array.value_offset(row);
            children.get(&array.type_id(row)).map_or(0, |(first, sizes)| sizes.between(at - first, at - first + 1))
        }))
    }
}

fn ends<O: OffsetSizeTrait>(offsets: &[O], row: usize) -> u64 {
    match (offsets.first(), offsets.get(row)) {
        (Some(first), Some(end)) => (end.as_usize() - first.as_usize()) as u64 + row as u64,
        _ => 0,
    }
}

fn fixed_width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(width) => u64::try_from(*width).unwrap_or(0).max(1),
        // `null`, `true` or `false`, and a comma.
        _ => 6,
    }
}

/// The lowest word of a view is the value's length.
fn view_length(view: u128) -> u64 {
    let [a, b, c, d, ..] = view.to_le_bytes();
    u64::from(u32::from_le_bytes([a, b, c, d]))
}

/// What each row of an array takes.
#[cfg(test)]
pub(super) fn sizes(array: &ArrayRef) -> Vec<u64> {
    let sizes = Sizes::of(array);
    (0..array.len()).map(|row| sizes.between(row, row + 1)).collect()
}
