//! A record batch -> pieces that a commit window can take.
//!
//! What counts is what the rows hold when every repetition is written out: a dictionary or a run can say in a few bytes what
//! takes gigabytes in a table.

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, MutableArrayData, OffsetSizeTrait, RecordBatch, RecordBatchOptions, RunArray,
    UnionArray, make_array,
};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType, UnionMode,
};
use arrow::downcast_dictionary_array;

use super::fault::{Fault, Reading};
use crate::limits;

/// The pieces of one record batch.
pub(super) struct Slices {
    batch: RecordBatch,
    sizes: Vec<Sizes>,
    at: usize,
    copied: bool,
}

impl Slices {
    /// `copied`: a piece must not keep the memory of the whole.
    pub fn of(batch: RecordBatch, copied: bool) -> Self {
        let sizes = batch.columns().iter().map(|column| Sizes::of(column)).collect();
        Self { batch, sizes, at: 0, copied }
    }

    /// The next piece, or none behind the last.
    pub fn next_slice(&mut self) -> Reading<Option<RecordBatch>> {
        let left = self.batch.num_rows() - self.at;
        if left == 0 {
            return Ok(None);
        }
        let size = |rows: usize| self.size(rows);
        let mut rows = left.min(limits::BATCH_ROWS);
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
        if !self.copied || rows == self.batch.num_rows() {
            return Ok(Some(slice));
        }
        let columns = slice.columns().iter().map(copy).collect::<Reading<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(slice.schema(), columns, &options)?))
    }

    /// Bytes of the next so many rows.
    fn size(&self, rows: usize) -> u64 {
        let columns = self.sizes.iter().map(|sizes| sizes.until(self.at + rows) - sizes.until(self.at));
        columns.fold(0, u64::saturating_add)
    }
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
    Offsets(Vec<u64>),
    /// Lists: where each one's elements begin, and where the last one's end.
    Elements(Vec<usize>, Box<Sizes>),
    FixedElements(usize, Box<Sizes>),
    Sum(Vec<Sizes>),
}

impl Sizes {
    fn of(array: &dyn Array) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::ends(array.as_string::<i32>().value_offsets()),
            DataType::LargeUtf8 => Self::ends(array.as_string::<i64>().value_offsets()),
            DataType::Binary => Self::ends(array.as_binary::<i32>().value_offsets()),
            DataType::LargeBinary => Self::ends(array.as_binary::<i64>().value_offsets()),
            DataType::Utf8View => Self::each(array.as_string_view().views().iter().map(|view| view_length(*view))),
            DataType::BinaryView => Self::each(array.as_binary_view().views().iter().map(|view| view_length(*view))),
            DataType::List(_) => Self::list(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values()),
            DataType::LargeList(_) => {
                Self::list(array.as_list::<i64>().value_offsets(), array.as_list::<i64>().values())
            }
            DataType::Map(..) => {
                let map: &MapArray = array.as_map();
                Self::list(map.value_offsets(), map.entries())
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
            DataType::Struct(_) => {
                let fields = array.as_struct().columns().iter().map(|column| Self::of(column));
                Self::Sum(std::iter::once(Self::Fixed(1)).chain(fields).collect())
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
            Self::Offsets(ends) => row.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0),
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
        Self::Offsets(
            sizes
                .map(|size| {
                    sum = sum.saturating_add(size).saturating_add(1);
                    sum
                })
                .collect(),
        )
    }

    fn ends<O: OffsetSizeTrait>(offsets: &[O]) -> Self {
        Self::each(offsets.windows(2).map(|pair| match pair {
            [start, end] => (end.as_usize() - start.as_usize()) as u64,
            _ => 0,
        }))
    }

    fn list<O: OffsetSizeTrait>(offsets: &[O], values: &dyn Array) -> Self {
        Self::Elements(offsets.iter().map(|offset| offset.as_usize()).collect(), Box::new(Self::of(values)))
    }

    fn list_view<O: OffsetSizeTrait>(offsets: &[O], sizes: &[O], values: &dyn Array) -> Self {
        let values = Self::of(values);
        let starts = offsets.iter().map(|start| start.as_usize());
        Self::each(starts.zip(sizes).map(|(start, size)| values.between(start, start + size.as_usize())))
    }

    fn dictionary<K: ArrowDictionaryKeyType>(keys: &arrow::array::PrimitiveArray<K>, values: &dyn Array) -> Self {
        let values = Self::of(values);
        Self::each(keys.iter().map(|key| key.map_or(0, |key| values.between(key.as_usize(), key.as_usize() + 1))))
    }

    fn runs<R: RunEndIndexType>(array: &dyn Array) -> Option<Self> {
        let array: &RunArray<R> = array.as_any().downcast_ref()?;
        let values = Self::of(array.values());
        Some(Self::each((0..array.len()).map(|row| {
            let at = array.get_physical_index(row);
            values.between(at, at + 1)
        })))
    }

    fn union(array: &UnionArray, mode: UnionMode) -> Self {
        if mode == UnionMode::Sparse {
            let fields = array.type_ids().iter().copied().collect::<std::collections::BTreeSet<i8>>();
            return Self::Sum(
                std::iter::once(Self::Fixed(1)).chain(fields.into_iter().map(|id| Self::of(array.child(id)))).collect(),
            );
        }
        let mut children: std::collections::HashMap<i8, Self> = std::collections::HashMap::new();
        Self::each((0..array.len()).map(|row| {
            let (id, at) = (array.type_id(row), array.value_offset(row));
            children.entry(id).or_insert_with(|| Self::of(array.child(id))).between(at, at + 1)
        }))
    }
}

fn fixed_width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(width) => u64::try_from(*width).unwrap_or(0).max(1),
        _ => 1,
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
