//! Arrow's values -> JSON: members of documents, and the texts that a column's own decoder takes in.
//!
//! | Arrow | JSON |
//! |---|---|
//! | integers, decimals | numbers with all their digits |
//! | floats | the shortest number that is the value; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | binary | strings in base64 |
//! | dates, times, timestamps, intervals | ISO 8601 strings with all their digits; a timestamp with a zone shows the zone's clock and offset |
//! | lists | arrays |
//! | structs, maps with keys of text | objects, of each member the last |
//! | other maps | arrays of `[key, value]` |
//! | unions | the value |

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::sink::{Sink, Writer};
use super::{Cast, Extension, Unfit, extension, nested, not_whole, temporal, texts};
use crate::json;
use crate::limits;
use crate::numeric::Scaled;
use crate::types::{ColumnType, Outcome, Reason};

/// Whether a map of such entries is an object: its keys are text.
pub(super) fn is_object(entries: &Field) -> bool {
    fn is_text(data_type: &DataType) -> bool {
        match data_type {
            DataType::Dictionary(_, value) => is_text(value),
            DataType::RunEndEncoded(_, value) => is_text(value.data_type()),
            other => texts::is_text(other),
        }
    }
    matches!(entries.data_type(), DataType::Struct(fields) if fields.first().is_some_and(|key| is_text(key.data_type())))
}

/// Whether texts that claim to be JSON are part of the values.
pub(super) fn holds_json(field: &Field) -> bool {
    if extension(field) == Some(Extension::Json) {
        return true;
    }
    match field.data_type() {
        DataType::Dictionary(_, value) if value.is_nested() => {
            holds_json(&Field::new("", DataType::clone(value), true))
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::RunEndEncoded(_, field)
        | DataType::Map(field, _) => holds_json(field),
        DataType::Struct(fields) => fields.iter().any(|field| holds_json(field)),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| holds_json(field)),
        _ => false,
    }
}

/// The documents of a column, for `jsonb`; none of them holds a text that claims to be JSON.
pub(super) fn documents(array: &ArrayRef, field: &Field, to: ColumnType) -> Result<Cast, Unfit> {
    let write = writer(array, field)?;
    let start_with = match to {
        ColumnType::Object => Some(b'{'),
        ColumnType::Array => Some(b'['),
        _ => None,
    };
    let mut sink = Sink::default();
    let mut offsets = Vec::with_capacity(array.len() + 1);
    let mut valid = NullBufferBuilder::new(array.len());
    let mut outcomes = Vec::new();
    offsets.push(0);
    for row in 0..array.len() {
        let start = sink.text().len();
        sink.begin();
        write(row, &mut sink);
        let document = sink.text().get(start..).unwrap_or_default();
        let outcome = if document == "null" {
            None
        } else if let Some(reason) = sink.failure() {
            Some(Outcome::Nulled(reason))
        } else if start_with.is_some_and(|first| document.as_bytes().first() != Some(&first)) {
            Some(Outcome::Nulled(Reason::SerializationError))
        } else if json::jsonb_size(document) > limits::JSONB_BYTES {
            Some(Outcome::Nulled(Reason::FieldSizeLimitation))
        } else if sink.is_cleaned() {
            Some(Outcome::Cleaned)
        } else {
            Some(Outcome::Stored)
        };
        let stored = matches!(outcome, Some(Outcome::Stored | Outcome::Cleaned));
        if !stored {
            sink.truncate(start);
        }
        texts::check_room(sink.text().len())?;
        valid.append(stored);
        offsets.push(i32::try_from(sink.text().len()).unwrap_or(i32::MAX));
        if let Some(outcome) = outcome.filter(|outcome| *outcome != Outcome::Stored) {
            outcomes.push((row, outcome));
        }
    }
    let text = Buffer::from_vec(sink.into_text().into_bytes());
    let array = StringArray::new(OffsetBuffer::new(offsets.into()), text, valid.finish());
    Ok(Cast { array: Arc::new(array), outcomes })
}

/// A writer of the values of `array`; `null` for those that are none.
pub(super) fn writer<'a>(array: &'a dyn Array, field: &Field) -> Result<Writer<'a>, Unfit> {
    let value = values(array, field)?;
    Ok(match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => value,
        Some(nulls) => Box::new(move |row, sink| if nulls.is_null(row) { sink.push("null") } else { value(row, sink) }),
    })
}

fn values<'a>(array: &'a dyn Array, field: &Field) -> Result<Writer<'a>, Unfit> {
    use DataType as D;
    if let Some(writer) = temporal::writer(array, extension(field)) {
        return Ok(writer);
    }
    Ok(match array.data_type() {
        D::Null => Box::new(|_, sink| sink.push("null")),
        D::Boolean => {
            let values = array.as_boolean();
            Box::new(move |row, sink| sink.push(if values.value(row) { "true" } else { "false" }))
        }
        D::Int8 => integers::<Int8Type>(array),
        D::Int16 => integers::<Int16Type>(array),
        D::Int32 => integers::<Int32Type>(array),
        D::Int64 => integers::<Int64Type>(array),
        D::UInt8 => integers::<UInt8Type>(array),
        D::UInt16 => integers::<UInt16Type>(array),
        D::UInt32 => integers::<UInt32Type>(array),
        D::UInt64 => integers::<UInt64Type>(array),
        D::Float16 => primitives::<Float16Type>(array, |value, sink| {
            let value = value.to_f32();
            sink.float(value.into(), |out| write!(out, "{value:?}"));
        }),
        D::Float32 => {
            primitives::<Float32Type>(array, |value, sink| sink.float(value.into(), |out| write!(out, "{value:?}")))
        }
        D::Float64 => primitives::<Float64Type>(array, |value, sink| sink.float(value, |out| write!(out, "{value:?}"))),
        &D::Decimal32(_, scale) => {
            primitives::<Decimal32Type>(array, move |value, sink| sink.decimal(i64::from(value).into(), scale))
        }
        &D::Decimal64(_, scale) => {
            primitives::<Decimal64Type>(array, move |value, sink| sink.decimal(value.into(), scale))
        }
        &D::Decimal128(_, scale) => {
            primitives::<Decimal128Type>(array, move |value, sink| sink.decimal(value.into(), scale))
        }
        &D::Decimal256(_, scale) => primitives::<Decimal256Type>(array, move |value, sink| {
            sink.decimal(Scaled::from_parts(value.to_parts()), scale);
        }),
        D::Utf8 => strings(array.as_string::<i32>(), field, |values, row| values.value(row)),
        D::LargeUtf8 => strings(array.as_string::<i64>(), field, |values, row| values.value(row)),
        D::Utf8View => strings(array.as_string_view(), field, |values, row| values.value(row)),
        D::Binary => binary(array.as_binary::<i32>(), |values, row| values.value(row)),
        D::LargeBinary => binary(array.as_binary::<i64>(), |values, row| values.value(row)),
        D::BinaryView => binary(array.as_binary_view(), |values, row| values.value(row)),
        D::FixedSizeBinary(width) => {
            let values = array.as_fixed_size_binary();
            if *width == 16 && extension(field) == Some(Extension::Uuid) {
                Box::new(move |row, sink| {
                    let uuid = uuid::Uuid::from_slice(values.value(row)).unwrap_or_default();
                    sink.plain_string(|out| write!(out, "{uuid}"));
                })
            } else {
                binary(values, |values, row| values.value(row))
            }
        }
        D::Dictionary(_, _) => nested::dictionary(array, field)?,
        D::RunEndEncoded(_, run) => {
            let field = if run.metadata().is_empty() {
                field.clone().with_data_type(run.data_type().clone())
            } else {
                run.as_ref().clone()
            };
            nested::run_ends::<Int16Type>(array, &field)
                .or_else(|| nested::run_ends::<Int32Type>(array, &field))
                .or_else(|| nested::run_ends::<Int64Type>(array, &field))
                .ok_or_else(not_whole)??
        }
        D::List(element) => nested::list(
            array.as_list::<i32>().values(),
            element,
            nested::offsets(array.as_list::<i32>().value_offsets()),
        )?,
        D::LargeList(element) => nested::list(
            array.as_list::<i64>().values(),
            element,
            nested::offsets(array.as_list::<i64>().value_offsets()),
        )?,
        D::ListView(element) => {
            let views = array.as_list_view::<i32>();
            nested::list(views.values(), element, |row| {
                (views.value_offset(row).as_usize(), views.value_size(row).as_usize())
            })?
        }
        D::LargeListView(element) => {
            let views = array.as_list_view::<i64>();
            nested::list(views.values(), element, |row| {
                (views.value_offset(row).as_usize(), views.value_size(row).as_usize())
            })?
        }
        D::FixedSizeList(element, _) => {
            let lists = array.as_fixed_size_list();
            let size = lists.value_length() as usize;
            nested::list(lists.values(), element, move |row| (lists.value_offset_at(row), size))?
        }
        D::Struct(fields) => nested::structs(array, fields)?,
        D::Map(entries, _) => nested::map(array, entries)?,
        D::Union(fields, _) => nested::union(array, fields)?,
        other => return Err(Unfit(format!("its type {other} has no column type"))),
    })
}

fn primitives<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    write: impl Fn(T::Native, &mut Sink) + 'a,
) -> Writer<'a> {
    let values = array.as_primitive::<T>();
    Box::new(move |row, sink| write(values.value(row), sink))
}

fn integers<T: ArrowPrimitiveType>(array: &dyn Array) -> Writer<'_>
where
    T::Native: itoa::Integer,
{
    primitives::<T>(array, |value, sink| sink.integer(value))
}

fn strings<'a, A: Array>(values: &'a A, field: &Field, value: fn(&'a A, usize) -> &'a str) -> Writer<'a> {
    match extension(field) {
        Some(Extension::Json) => Box::new(move |row, sink| sink.json(value(values, row))),
        _ => Box::new(move |row, sink| sink.string(value(values, row))),
    }
}

fn binary<'a, A: Array>(values: &'a A, value: fn(&'a A, usize) -> &'a [u8]) -> Writer<'a> {
    Box::new(move |row, sink| {
        sink.push("\"");
        sink.show(|out| {
            BASE64_STANDARD.encode_string(value(values, row), out);
            Ok(())
        });
        sink.push("\"");
    })
}
