//! The JSON of values that hold others: lists, structs, maps, unions, and what stands for values elsewhere.
//!
//! An object has each of its members once. Where Arrow has one several times, the last counts, as it would in `jsonb`, and the value
//! counts as cleaned.

use std::collections::HashSet;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::{ArrowNativeType, DataType, Field, Fields, RunEndIndexType, UnionFields};
use arrow::downcast_dictionary_array;

use super::render::{is_object, writer};
use super::sink::{Sink, Writer};
use super::{Unfit, not_map};
use crate::types::Reason;

pub(super) fn dictionary<'a>(array: &'a dyn Array, field: &Field) -> Result<Writer<'a>, Unfit> {
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
pub(super) fn run_ends<'a, R: RunEndIndexType>(
    array: &'a dyn Array,
    field: &Field,
) -> Option<Result<Writer<'a>, Unfit>> {
    let runs = array.as_run_opt::<R>()?;
    Some(
        writer(runs.values(), field)
            .map(|value| -> Writer<'a> { Box::new(move |row, sink| value(runs.get_physical_index(row), sink)) }),
    )
}

/// Start and length of each list.
pub(super) fn offsets<O: OffsetSizeTrait>(offsets: &[O]) -> impl Fn(usize) -> (usize, usize) {
    move |row| match offsets.get(row..row + 2) {
        Some(&[start, end]) => (start.as_usize(), end.as_usize() - start.as_usize()),
        _ => (0, 0),
    }
}

pub(super) fn list<'a>(
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

pub(super) fn structs<'a>(array: &'a dyn Array, fields: &Fields) -> Result<Writer<'a>, Unfit> {
    let mut members = Vec::new();
    let (mut names, mut cleaned) = (HashSet::new(), false);
    for (field, column) in fields.iter().zip(array.as_struct().columns()).rev() {
        let mut name = Sink::default();
        name.string(field.name());
        name.push(":");
        cleaned |= name.is_cleaned();
        if names.insert(name.text().to_owned()) {
            members.push((name, writer(column, field)?));
        } else {
            cleaned = true;
        }
    }
    members.reverse();
    Ok(Box::new(move |row, sink| {
        if cleaned {
            sink.clean();
        }
        sink.push("{");
        for (position, (name, value)) in members.iter().enumerate() {
            if sink.is_done() {
                return;
            }
            if position > 0 {
                sink.push(",");
            }
            sink.push(name.text());
            value(row, sink);
        }
        sink.push("}");
    }))
}

pub(super) fn map<'a>(array: &'a dyn Array, entries: &Field) -> Result<Writer<'a>, Unfit> {
    let map = array.as_map();
    let DataType::Struct(fields) = entries.data_type() else { return Err(not_map()) };
    let [key_field, value_field] = &fields[..] else { return Err(not_map()) };
    let key = writer(map.keys(), key_field)?;
    let value = writer(map.values(), value_field)?;
    let place = offsets(map.value_offsets());
    if is_object(entries) {
        return Ok(Box::new(move |row, sink| {
            let (start, length) = place(row);
            let at = sink.text().len();
            let keys = object(sink, start..start + length, &key, &value);
            if let Some(entries) = last_ones(sink.text(), &keys, start) {
                sink.truncate(at);
                sink.clean();
                object(sink, entries.into_iter(), &key, &value);
            }
        }));
    }
    Ok(Box::new(move |row, sink| {
        let (start, length) = place(row);
        sink.push("[");
        for entry in start..start + length {
            if sink.is_done() {
                return;
            }
            sink.push(if entry == start { "[" } else { ",[" });
            key(entry, sink);
            sink.push(",");
            value(entry, sink);
            sink.push("]");
        }
        sink.push("]");
    }))
}

/// Writes an object of these entries of a map, and answers where their keys are in the text.
fn object(
    sink: &mut Sink,
    entries: impl Iterator<Item = usize>,
    key: &Writer<'_>,
    value: &Writer<'_>,
) -> Vec<Range<usize>> {
    let mut keys = Vec::new();
    sink.push("{");
    for entry in entries {
        if sink.is_done() {
            return Vec::new();
        }
        if !keys.is_empty() {
            sink.push(",");
        }
        let at = sink.text().len();
        key(entry, sink);
        if sink.text().as_bytes().get(at) != Some(&b'"') {
            sink.fail(Reason::SerializationError);
        }
        keys.push(at..sink.text().len());
        sink.push(":");
        value(entry, sink);
    }
    sink.push("}");
    keys
}

/// Of entries from `first` on, whose keys are at these places of `text`, the last one of each key; none when all are.
fn last_ones(text: &str, keys: &[Range<usize>], first: usize) -> Option<Vec<usize>> {
    /// So few are compared with one another.
    const FEW: usize = 8;
    let name = |key: &Range<usize>| text.get(key.clone()).unwrap_or_default();
    let differ = match keys {
        [] | [_] => true,
        few if few.len() <= FEW => {
            few.iter().enumerate().all(|(at, key)| few.iter().take(at).all(|other| name(other) != name(key)))
        }
        many => many.iter().map(name).collect::<HashSet<_>>().len() == many.len(),
    };
    if differ {
        return None;
    }
    let mut seen = HashSet::new();
    let mut last: Vec<usize> =
        (0..keys.len()).rev().filter(|&at| keys.get(at).is_some_and(|key| seen.insert(name(key)))).collect();
    last.reverse();
    Some(last.into_iter().map(|at| first + at).collect())
}

pub(super) fn union<'a>(array: &'a dyn Array, fields: &UnionFields) -> Result<Writer<'a>, Unfit> {
    let union = array.as_union();
    let mut children: Vec<Option<Writer<'a>>> = Vec::new();
    for (type_id, field) in fields.iter() {
        let id = usize::try_from(type_id).unwrap_or_default();
        children.resize_with(children.len().max(id + 1), || None);
        if let Some(slot) = children.get_mut(id) {
            *slot = Some(writer(union.child(type_id), field)?);
        }
    }
    Ok(Box::new(move |row, sink| {
        let id = usize::try_from(union.type_id(row)).unwrap_or(usize::MAX);
        match children.get(id).and_then(Option::as_ref) {
            Some(child) => child(union.value_offset(row), sink),
            None => sink.fail(Reason::SerializationError),
        }
    }))
}
