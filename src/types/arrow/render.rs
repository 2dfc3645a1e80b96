//! Arrow's values -> JSON: members of documents, and the texts that a column's own decoder takes in.
//!
//! | Arrow | JSON |
//! |---|---|
//! | integers, decimals | numbers with all their digits |
//! | floats | the shortest number that is the value; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | binary | strings in base64 |
//! | dates, times, timestamps, intervals | ISO 8601 strings with all their digits; a timestamp with a zone shows the zone's clock and offset |
//! | lists | arrays |
//! | structs, maps with keys of text | objects |
//! | other maps | arrays of `[key, value]` |
//! | unions | the value |

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, NullBufferBuilder, OffsetSizeTrait, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Field,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::downcast_dictionary_array;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Cast, Extension, Unfit, extension, not_whole, temporal, texts};
use crate::json::{self, Scanner};
use crate::limits;
use crate::numeric::Scaled;
use crate::types::{ColumnType, Outcome, Reason};

/// Appends the JSON of one row.
pub(super) type Writer<'a> = Box<dyn Fn(usize, &mut Sink) + 'a>;

/// Where JSON is written to.
#[derive(Default)]
pub(super) struct Sink {
    text: String,
    /// Where the value begins.
    start: usize,
    cleaned: bool,
    failure: Option<Reason>,
}

impl Sink {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.begin();
    }

    /// What follows is another value.
    fn begin(&mut self) {
        self.start = self.text.len();
        self.cleaned = false;
        self.failure = None;
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A character that Postgres cannot hold was left out.
    pub(super) fn is_cleaned(&self) -> bool {
        self.cleaned
    }

    /// Why the value is none.
    pub(super) fn failure(&self) -> Option<Reason> {
        self.failure
    }

    /// The value is none.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.failure = Some(reason);
    }

    /// Nothing more need be written: no field takes what is there already, and that is its failure.
    fn is_done(&mut self) -> bool {
        let done = self.text.len() - self.start > limits::JSONB_BYTES;
        if done {
            self.fail(Reason::FieldSizeLimitation);
        }
        done
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn show(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        write(&mut self.text).expect("writing to memory does not fail");
    }

    /// A string of characters that need no escape.
    pub(super) fn plain_string(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        self.push("\"");
        self.show(write);
        self.push("\"");
    }

    pub(super) fn string(&mut self, text: &str) {
        let needs_care = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        if !text.as_bytes().iter().any(needs_care) {
            self.push("\"");
            self.push(text);
            self.push("\"");
        } else if text.contains('\0') {
            self.cleaned = true;
            json::write_quoted(&text.replace('\0', ""), &mut self.text);
        } else {
            json::write_quoted(text, &mut self.text);
        }
    }

    /// A text that is JSON itself. Alone, it is looked at by who reads the sink.
    fn json(&mut self, text: &str) {
        if !self.text.is_empty() && Scanner::new(text).whole().is_err() {
            self.fail(Reason::SerializationError);
        }
        self.push(text);
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(value));
    }

    fn decimal(&mut self, value: Scaled, scale: i8) {
        value.write(scale, &mut self.text);
    }

    fn float(&mut self, value: f64, shortest: impl FnOnce(&mut String) -> std::fmt::Result) {
        if value.is_nan() {
            self.push("\"NaN\"");
        } else if value.is_infinite() {
            self.push(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            self.show(shortest);
        }
    }
}

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
        let start = sink.text.len();
        sink.begin();
        write(row, &mut sink);
        let document = sink.text.get(start..).unwrap_or_default();
        let outcome = if document == "null" {
            None
        } else if let Some(reason) = sink.failure {
            Some(Outcome::Nulled(reason))
        } else if start_with.is_some_and(|first| document.as_bytes().first() != Some(&first)) {
            Some(Outcome::Nulled(Reason::SerializationError))
        } else if json::jsonb_size(document) > limits::JSONB_BYTES {
            Some(Outcome::Nulled(Reason::FieldSizeLimitation))
        } else if sink.cleaned {
            Some(Outcome::Cleaned)
        } else {
            Some(Outcome::Stored)
        };
        let stored = matches!(outcome, Some(Outcome::Stored | Outcome::Cleaned));
        if !stored {
            sink.text.truncate(start);
        }
        texts::check_room(sink.text.len())?;
        valid.append(stored);
        offsets.push(i32::try_from(sink.text.len()).unwrap_or(i32::MAX));
        if let Some(outcome) = outcome.filter(|outcome| *outcome != Outcome::Stored) {
            outcomes.push((row, outcome));
        }
    }
    let text = Buffer::from_vec(sink.text.into_bytes());
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
    if let Some(writer) = temporal::writer(array) {
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
        D::Dictionary(_, _) => dictionary(array, field)?,
        D::RunEndEncoded(_, run) => {
            let field = if run.metadata().is_empty() {
                field.clone().with_data_type(run.data_type().clone())
            } else {
                run.as_ref().clone()
            };
            run_ends::<Int16Type>(array, &field)
                .or_else(|| run_ends::<Int32Type>(array, &field))
                .or_else(|| run_ends::<Int64Type>(array, &field))
                .ok_or_else(not_whole)??
        }
        D::List(element) => {
            list(array.as_list::<i32>().values(), element, offsets(array.as_list::<i32>().value_offsets()))?
        }
        D::LargeList(element) => {
            list(array.as_list::<i64>().values(), element, offsets(array.as_list::<i64>().value_offsets()))?
        }
        D::ListView(element) => {
            let views = array.as_list_view::<i32>();
            list(views.values(), element, |row| (views.value_offset(row).as_usize(), views.value_size(row).as_usize()))?
        }
        D::LargeListView(element) => {
            let views = array.as_list_view::<i64>();
            list(views.values(), element, |row| (views.value_offset(row).as_usize(), views.value_size(row).as_usize()))?
        }
        D::FixedSizeList(element, _) => {
            let lists = array.as_fixed_size_list();
            let size = lists.value_length() as usize;
            list(lists.values(), element, move |row| (lists.value_offset_at(row), size))?
        }
        D::Struct(fields) => {
            let mut members = Vec::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                let mut name = Sink::default();
                name.string(field.name());
                name.push(":");
                members.push((name, writer(column, field)?));
            }
            Box::new(move |row, sink| {
                for (position, (name, value)) in members.iter().enumerate() {
                    if sink.is_done() {
                        return;
                    }
                    sink.push(if position == 0 { "{" } else { "," });
                    sink.push(&name.text);
                    sink.cleaned |= name.cleaned;
                    value(row, sink);
                }
                sink.push(if members.is_empty() { "{}" } else { "}" });
            })
        }
        D::Map(entries, _) => map(array, entries)?,
        D::Union(fields, _) => {
            let union = array.as_union();
            let mut children: Vec<Option<Writer<'a>>> = Vec::new();
            for (type_id, field) in fields.iter() {
                let id = usize::try_from(type_id).unwrap_or_default();
                children.resize_with(children.len().max(id + 1), || None);
                if let Some(slot) = children.get_mut(id) {
                    *slot = Some(writer(union.child(type_id), field)?);
                }
            }
            Box::new(move |row, sink| {
                let id = usize::try_from(union.type_id(row)).unwrap_or(usize::MAX);
                match children.get(id).and_then(Option::as_ref) {
                    Some(child) => child(union.value_offset(row), sink),
                    None => sink.fail(Reason::SerializationError),
                }
            })
        }
        other => return Err(Unfit(format!("its type {other} has no column type"))),
    })
}

fn dictionary<'a>(array: &'a dyn Array, field: &Field) -> Result<Writer<'a>, Unfit> {
    let values = array.as_any_dictionary().values();
    let value = writer(values, &field.clone().with_data_type(values.data_type().clone()))?;
    Ok(downcast_dictionary_array!(
        array => {
            let keys = array.keys();
            Box::new(move |row, sink| value(keys.value(row).as_usize(), sink))
        }
        _ => return Err(Unfit("its dictionary's keys are no whole numbers".into()))
    ))
}

/// Each row looks its run up, since a few bytes can stand for any number of rows.
fn run_ends<'a, R: RunEndIndexType>(array: &'a dyn Array, field: &Field) -> Option<Result<Writer<'a>, Unfit>> {
    let runs = array.as_run_opt::<R>()?;
    Some(
        writer(runs.values(), field)
            .map(|value| -> Writer<'a> { Box::new(move |row, sink| value(runs.get_physical_index(row), sink)) }),
    )
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
        BASE64_STANDARD.encode_string(value(values, row), &mut sink.text);
        sink.push("\"");
    })
}

/// Start and length of each list.
fn offsets<O: OffsetSizeTrait>(offsets: &[O]) -> impl Fn(usize) -> (usize, usize) {
    move |row| match offsets.get(row..row + 2) {
        Some(&[start, end]) => (start.as_usize(), end.as_usize() - start.as_usize()),
        _ => (0, 0),
    }
}

fn list<'a>(
    elements: &'a ArrayRef,
    field: &Field,
    place: impl Fn(usize) -> (usize, usize) + 'a,
) -> Result<Writer<'a>, Unfit> {
    let value = writer(elements, field)?;
    Ok(Box::new(move |row, sink| {
        let (start, length) = place(row);
        sink.push("[");
        for element in start..start + length {
            if sink.is_done() {
                return;
            }
            if element > start {
                sink.push(",");
            }
            value(element, sink);
        }
        sink.push("]");
    }))
}

fn map<'a>(array: &'a dyn Array, entries: &Field) -> Result<Writer<'a>, Unfit> {
    let map = array.as_map();
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Unfit("its map has no keys and values".into()));
    };
    let [key_field, value_field] = &fields[..] else {
        return Err(Unfit("its map has no keys and values".into()));
    };
    let key = writer(map.keys(), key_field)?;
    let value = writer(map.values(), value_field)?;
    let place = offsets(map.value_offsets());
    let object = is_object(entries);
    Ok(Box::new(move |row, sink| {
        let (start, length) = place(row);
        sink.push(if object { "{" } else { "[" });
        for entry in start..start + length {
            if sink.is_done() {
                return;
            }
            if entry > start {
                sink.push(",");
            }
            if object {
                let at = sink.text.len();
                key(entry, sink);
                if sink.text.as_bytes().get(at) != Some(&b'"') {
                    sink.fail(Reason::SerializationError);
                }
                sink.push(":");
                value(entry, sink);
            } else {
                sink.push("[");
                key(entry, sink);
                sink.push(",");
                value(entry, sink);
                sink.push("]");
            }
        }
        sink.push(if object { "}" } else { "]" });
    }))
}
