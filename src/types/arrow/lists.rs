//! Lists of every layout into arrays of scalars.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, OffsetSizeTrait, UInt64Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Field};

use super::{Cast, Unfit, cast, with_nulls};
use crate::limits;
use crate::types::list::list;
use crate::types::{Outcome, Reason, Scalar};

/// Lists whose elements stand side by side in their order.
struct Lists {
    elements: ArrayRef,
    field: Arc<Field>,
    offsets: Vec<i32>,
    nulls: Option<NullBuffer>,
}

/// Lists into a column of lists; none for what is no list.
pub(super) fn direct(array: &ArrayRef, element: Scalar) -> Result<Option<Cast>, Unfit> {
    let Some(lists) = aligned(array)? else { return Ok(None) };
    let Cast { array: elements, outcomes: element_outcomes } = cast(&lists.elements, &lists.field, element.into())?;
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    for (at, outcome) in element_outcomes {
        let row = lists.offsets.partition_point(|offset| *offset as usize <= at) - 1;
        if lists.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        match outcomes.last_mut() {
            Some((last, known)) if *last == row => {
                if !matches!(known, Outcome::Nulled(_)) {
                    *known = outcome;
                }
            }
            _ => outcomes.push((row, outcome)),
        }
    }
    let too_large = too_large(&elements, &lists.offsets);
    outcomes.retain(|(row, _)| !too_large.contains(row));
    outcomes.extend(too_large.into_iter().map(|row| (row, Outcome::Nulled(Reason::FieldSizeLimitation))));
    outcomes.sort_by_key(|(row, _)| *row);
    let nulls = with_nulls(lists.nulls.as_ref(), array.len(), &outcomes);
    Ok(Some(Cast { array: list(OffsetBuffer::new(lists.offsets.into()), elements, nulls), outcomes }))
}

fn aligned(array: &ArrayRef) -> Result<Option<Lists>, Unfit> {
    let nulls = array.nulls().cloned();
    Ok(Some(match array.data_type() {
        DataType::List(field) => {
            let lists: &ListArray = array.as_list::<i32>();
            sliced(lists.values(), field, lists.value_offsets(), nulls)?
        }
        DataType::LargeList(field) => {
            let lists = array.as_list::<i64>();
            sliced(lists.values(), field, lists.value_offsets(), nulls)?
        }
        DataType::FixedSizeList(field, _) => {
            let lists = array.as_fixed_size_list();
            let size = i64::from(lists.value_length());
            let first = lists.value_offset_at(0) as i64;
            let offsets: Vec<i64> = (0..=lists.len() as i64).map(|row| first + row * size).collect();
            sliced(lists.values(), field, &offsets, nulls)?
        }
        DataType::ListView(field) => {
            let views = array.as_list_view::<i32>();
            gathered(views.values(), field, nulls, array.len(), |row| {
                (views.value_offset(row) as u64, views.value_size(row) as u64)
            })?
        }
        DataType::LargeListView(field) => {
            let views = array.as_list_view::<i64>();
            gathered(views.values(), field, nulls, array.len(), |row| {
                (views.value_offset(row) as u64, views.value_size(row) as u64)
            })?
        }
        _ => return Ok(None),
    }))
}

fn sliced<O: OffsetSizeTrait>(
    values: &ArrayRef,
    field: &Arc<Field>,
    offsets: &[O],
    nulls: Option<NullBuffer>,
) -> Result<Lists, Unfit> {
    let first = offsets.first().map_or(0, |offset| offset.as_usize());
    let last = offsets.last().map_or(0, |offset| offset.as_usize());
    let rebased = offsets.iter().map(|offset| i32::try_from(offset.as_usize() - first));
    let offsets = rebased.collect::<Result<_, _>>().map_err(|_| too_many())?;
    Ok(Lists { elements: values.slice(first, last - first), field: Arc::clone(field), offsets, nulls })
}

fn gathered(
    values: &ArrayRef,
    field: &Arc<Field>,
    nulls: Option<NullBuffer>,
    rows: usize,
    place: impl Fn(usize) -> (u64, u64),
) -> Result<Lists, Unfit> {
    let mut indices = Vec::new();
    let mut offsets = vec![0];
    for row in 0..rows {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            let (start, length) = place(row);
            indices.extend(start..start + length);
        }
        offsets.push(i32::try_from(indices.len()).map_err(|_| too_many())?);
    }
    let elements = compute::take(values, &UInt64Array::from(indices), None)?;
    Ok(Lists { elements, field: Arc::clone(field), offsets, nulls })
}

fn too_many() -> Unfit {
    Unfit("its lists have more than 2,147,483,647 elements in one record batch".into())
}

/// The rows whose elements take more than a field can.
fn too_large(elements: &ArrayRef, offsets: &[i32]) -> Vec<usize> {
    /// What an element takes on the wire at most, its text aside.
    const ELEMENT: usize = 52;
    let text = |range: &[i32]| -> usize {
        let ends = |offsets: &[i32]| {
            let at = |position: Option<&i32>| position.and_then(|at| offsets.get(*at as usize)).copied().unwrap_or(0);
            (at(range.last()) - at(range.first())) as usize
        };
        match elements.data_type() {
            DataType::Utf8 => ends(elements.as_string::<i32>().value_offsets()),
            DataType::Binary => ends(elements.as_binary::<i32>().value_offsets()),
            _ => 0,
        }
    };
    let size = |range: &[i32]| {
        let length = range.last().copied().unwrap_or(0) - range.first().copied().unwrap_or(0);
        text(range) + ELEMENT * length as usize
    };
    if size(&[0, offsets.last().copied().unwrap_or(0)]) <= limits::TEXT_BYTES {
        return Vec::new();
    }
    (0..).zip(offsets.windows(2)).filter(|(_, range)| size(range) > limits::TEXT_BYTES).map(|(row, _)| row).collect()
}
