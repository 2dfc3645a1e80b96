//! Text and bytes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, ByteView, GenericByteViewArray, StringArray, StringBuilder,
};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{ByteViewType, DataType};

use super::{Cast, Unfit, append};
use crate::limits;
use crate::types::{ColumnBuilder, ColumnType, Outcome, Reason};

/// Bytes that the offsets of one column reach.
const COLUMN_BYTES: usize = i32::MAX as usize;

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Text into a column of text: the same buffers where they can be, without NUL characters.
pub(super) fn direct(array: &ArrayRef) -> Result<Option<Cast>, Unfit> {
    let length = match array.data_type() {
        DataType::Utf8 => span(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => span(array.as_string::<i64>().value_offsets()),
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        _ => return Ok(None),
    };
    if length <= limits::TEXT_BYTES {
        let text = match array.as_string_view_opt().and_then(only_value) {
            Some(text) => Arc::new(StringArray::try_new(OffsetBuffer::from_lengths([text.len()]), text, None)?),
            None => compute::cast(array, &DataType::Utf8)?,
        };
        let strings = text.as_string::<i32>();
        let used = strings.value_offsets();
        let (start, end) = (used.first().copied().unwrap_or(0), used.last().copied().unwrap_or(0));
        if memchr::memchr(0, strings.value_data().get(start as usize..end as usize).unwrap_or_default()).is_none() {
            return Ok(Some(Cast::whole(text)));
        }
        return cleaned(strings.iter()).map(Some);
    }
    match array.data_type() {
        DataType::LargeUtf8 => cleaned(array.as_string::<i64>().iter()),
        DataType::Utf8View => cleaned(array.as_string_view().iter()),
        _ => cleaned(array.as_string::<i32>().iter()),
    }
    .map(Some)
}

/// The value of a large row, where it is: it has the memory to itself, and so a copy of it would only be one more.
fn only_value<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Option<Buffer> {
    let [view] = array.views()[..] else { return None };
    let view = ByteView::from(view);
    let large = view.length as usize >= limits::LARGE_CHUNK_BYTES && array.is_valid(0);
    let buffer = array.data_buffers().get(view.buffer_index as usize).filter(|_| large)?;
    Some(buffer.slice_with_length(view.offset as usize, view.length as usize))
}

fn span<O: TryInto<usize> + Copy>(offsets: &[O]) -> usize {
    let end = |offset: Option<&O>| offset.and_then(|offset| (*offset).try_into().ok()).unwrap_or(0);
    end(offsets.last()) - end(offsets.first())
}

fn cleaned<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Result<Cast, Unfit> {
    let mut out = StringBuilder::new();
    let mut outcomes = Vec::new();
    for (row, value) in values.enumerate() {
        match value {
            Some(text) if text.len() > limits::TEXT_BYTES => {
                out.append_null();
                outcomes.push((row, Outcome::Nulled(Reason::FieldSizeLimitation)));
            }
            Some(text) => {
                check_room(out.values_slice().len() + text.len())?;
                if text.contains('\0') {
                    out.append_value(text.replace('\0', ""));
                    outcomes.push((row, Outcome::Cleaned));
                } else {
                    out.append_value(text);
                }
            }
            None => out.append_null(),
        }
    }
    Ok(Cast { array: Arc::new(out.finish()), outcomes })
}

/// Texts that are JSON, into the decoder of the column.
pub(super) fn parsed(array: &ArrayRef, to: ColumnType) -> Cast {
    fn parse<'a>(values: impl Iterator<Item = Option<&'a str>>, to: ColumnType) -> Cast {
        let mut builder = ColumnBuilder::new(to);
        let mut outcomes = Vec::new();
        for (row, value) in values.enumerate() {
            let outcome = append(&mut builder, value.unwrap_or("null"));
            if outcome != Outcome::Stored {
                outcomes.push((row, outcome));
            }
        }
        Cast { array: builder.finish(), outcomes }
    }
    match array.data_type() {
        DataType::LargeUtf8 => parse(array.as_string::<i64>().iter(), to),
        DataType::Utf8View => parse(array.as_string_view().iter(), to),
        _ => parse(array.as_string::<i32>().iter(), to),
    }
}

/// Bytes into a column of bytes; text is none.
pub(super) fn bytes(array: &ArrayRef) -> Result<Option<Cast>, Unfit> {
    let length = match array.data_type() {
        DataType::Binary => span(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => span(array.as_binary::<i64>().value_offsets()),
        DataType::BinaryView => array.as_binary_view().lengths().map(|length| length as usize).sum(),
        DataType::FixedSizeBinary(width) => array.len().saturating_mul(usize::try_from(*width).unwrap_or_default()),
        _ => return Ok(None),
    };
    if length <= limits::TEXT_BYTES {
        return Ok(Some(Cast::whole(match array.as_binary_view_opt().and_then(only_value) {
            Some(bytes) => Arc::new(BinaryArray::try_new(OffsetBuffer::from_lengths([bytes.len()]), bytes, None)?),
            None => compute::cast(array, &DataType::Binary)?,
        })));
    }
    match array.data_type() {
        DataType::LargeBinary => limited(array.as_binary::<i64>().iter()),
        DataType::BinaryView => limited(array.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => limited(array.as_fixed_size_binary().iter()),
        _ => limited(array.as_binary::<i32>().iter()),
    }
    .map(Some)
}

fn limited<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Cast, Unfit> {
    let mut out = BinaryBuilder::new();
    let mut outcomes = Vec::new();
    for (row, value) in values.enumerate() {
        match value {
            Some(bytes) if bytes.len() > limits::TEXT_BYTES => {
                out.append_null();
                outcomes.push((row, Outcome::Nulled(Reason::FieldSizeLimitation)));
            }
            Some(bytes) => {
                check_room(out.values_slice().len() + bytes.len())?;
                out.append_value(bytes);
            }
            None => out.append_null(),
        }
    }
    Ok(Cast { array: Arc::new(out.finish()), outcomes })
}

/// Answers whether so many bytes fit one column.
pub(super) fn check_room(bytes: usize) -> Result<(), Unfit> {
    if bytes > COLUMN_BYTES {
        return Err(Unfit("its values take more than 2 GiB in one record batch".into()));
    }
    Ok(())
}
