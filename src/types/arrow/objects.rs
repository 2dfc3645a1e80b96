//! Rows as JSON objects, for raw mode.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};

use super::sink::Sink;
use super::{Unfit, render, texts, type_of};
use crate::json::{self, Scanner};
use crate::limits;
use crate::types::{Outcome, Reason};

/// Rows as the objects that raw mode keeps.
#[derive(Debug)]
pub struct Objects {
    /// One text a row; none is NULL.
    pub array: ArrayRef,
    /// The rows of which a character was left out that Postgres cannot hold.
    pub outcomes: Vec<(usize, Outcome)>,
    /// The members that were left out: their row, name and why.
    pub left_out: Vec<(usize, String, Reason)>,
}

/// Each row as one object of its members that are not NULL and that `jsonb` can hold.
///
/// # Errors
/// For a column of a type that is nested too deeply; the sentence names it.
pub fn json_objects(batch: &RecordBatch) -> Result<Objects, Unfit> {
    let schema = batch.schema();
    let mut columns = Vec::new();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let named = |Unfit(text): Unfit| Unfit(format!("column \"{}\": {text}", field.name()));
        type_of(field, 0).map_err(named)?;
        let mut name = Sink::default();
        name.string(field.name());
        columns.push((field, name, render::writer(array, field).map_err(named)?, render::holds_json(field)));
    }
    let mut names = HashSet::new();
    // Names can become one when a character is left out; then the last one counts.
    let mut counts: Vec<bool> = columns.iter().rev().map(|(_, name, ..)| names.insert(name.text())).collect();
    counts.reverse();
    let mut out = StringBuilder::new();
    let mut outcomes = Vec::new();
    let mut left_out = Vec::new();
    let mut member = Sink::default();
    for row in 0..batch.num_rows() {
        // Right into its array: another copy of a large object would not fit beside it.
        let start = out.values_slice().len();
        let (mut cleaned, mut size, mut before) = (false, 0, "{");
        for ((field, name, write, holds_json), counts) in columns.iter().zip(&counts) {
            member.clear();
            write(row, &mut member);
            if member.text() == "null" && member.failure().is_none() {
                continue;
            }
            let mut refuse = |reason| left_out.push((row, field.name().replace('\0', ""), reason));
            if let Some(reason) = member.failure().or((!counts).then_some(Reason::SerializationError)) {
                refuse(reason);
                continue;
            }
            let mut dirty = false;
            if *holds_json {
                match Scanner::new(member.text()).whole() {
                    Ok(token) if token.exceeds_jsonb() || token.is_deepest() => {
                        refuse(Reason::FieldSizeLimitation);
                        continue;
                    }
                    Ok(token) => dirty = token.is_dirty(),
                    Err(_) => {
                        refuse(Reason::SerializationError);
                        continue;
                    }
                }
            }
            let bytes =
                json::member_size(name.text(), member.text(), out.values_slice().len() - start + member.text().len());
            if size + bytes > limits::JSONB_BYTES {
                refuse(Reason::FieldSizeLimitation);
                continue;
            }
            size += bytes;
            let mut push = |text: &str| out.write_str(text).expect("memory takes any text");
            [before, name.text(), ":"].into_iter().for_each(&mut push);
            before = ",";
            if dirty {
                let mut compact = String::new();
                json::append_compact(member.text(), &mut compact);
                push(&compact);
            } else {
                push(member.text());
            }
            cleaned |= dirty || member.is_cleaned() || name.is_cleaned();
        }
        texts::check_room(out.values_slice().len() + 2)?;
        out.append_value(if before == "{" { "{}" } else { "}" });
        if cleaned {
            outcomes.push((row, Outcome::Cleaned));
        }
    }
    Ok(Objects { array: Arc::new(out.finish()), outcomes, left_out })
}
