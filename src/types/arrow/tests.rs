//! Columns of Arrow on their way into columns of Postgres.
//!
//! What is expected is said as the JSON whose field in COPY has the same bytes; `copy::tests` compares those with a server's.

mod column_types;
mod lists;
mod nested;
mod numbers;
mod objects;
mod references;
mod temporal;
mod texts;

use std::collections::HashMap;

use arrow::array::{ArrayRef, make_array};

use super::*;
use crate::types::ColumnReader;

/// What becomes of one value.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// The same as this JSON.
    Json(&'static str),
    /// The same as this JSON, with an entry.
    Cleaned(&'static str),
    /// NULL, as it came.
    Null,
    /// NULL: not of the type.
    Wrong,
    /// NULL: more than the type holds.
    TooLarge,
}

use Want::{Cleaned, Json, Null, TooLarge, Wrong};

/// The fields of a column in COPY.
fn fields(array: &ArrayRef, column_type: ColumnType) -> Vec<Vec<u8>> {
    let reader = ColumnReader::new(column_type, array).unwrap_or_else(|| panic!("{column_type:?} {array:?}"));
    (0..array.len())
        .map(|row| {
            let mut out = Vec::new();
            let tail = reader.encode(row, &mut out);
            out.extend_from_slice(tail);
            out
        })
        .collect()
}

/// The field of a JSON value that its column takes in as it is.
fn json_field(column_type: ColumnType, json: &str) -> Vec<u8> {
    let mut builder = ColumnBuilder::new(column_type);
    let outcome = builder.append(Scanner::new(json).whole().expect("JSON"), json);
    assert_eq!(outcome, Outcome::Stored, "{column_type:?} {json}");
    fields(&builder.finish(), column_type).remove(0)
}

/// Casts a column, all of it and each part of it, and compares every value.
fn check_field(array: &ArrayRef, field: &Field, to: ColumnType, want: &[Want]) {
    assert_eq!(array.len(), want.len());
    for start in 0..array.len() {
        for length in [array.len() - start, 1] {
            check_part(&array.slice(start, length), field, to, &want[start..start + length]);
        }
    }
    check_part(&array.slice(0, 0), field, to, &[]);
}

fn check_part(array: &ArrayRef, field: &Field, to: ColumnType, want: &[Want]) {
    let told = || format!("{} into {to:?}: {array:?}", field.data_type());
    let cast = cast(array, field, to).unwrap_or_else(|unfit| panic!("{unfit}: {}", told()));
    let mut outcomes = Vec::new();
    for (row, want) in want.iter().enumerate() {
        match want {
            Json(_) | Null => {}
            Cleaned(_) => outcomes.push((row, Outcome::Cleaned)),
            Wrong => outcomes.push((row, Outcome::Nulled(Reason::SerializationError))),
            TooLarge => outcomes.push((row, Outcome::Nulled(Reason::FieldSizeLimitation))),
        }
    }
    assert_eq!(cast.outcomes, outcomes, "{}", told());
    let fields = fields(&cast.array, to);
    assert_eq!(fields.len(), want.len(), "{}", told());
    for (row, (field, want)) in fields.iter().zip(want).enumerate() {
        let expected = match want {
            Json(json) | Cleaned(json) => json_field(to, json),
            _ => vec![0xff; 4],
        };
        assert_eq!(*field, expected, "row {row}, {want:?}, {}", told());
    }
}

fn check(array: impl Array + 'static, to: ColumnType, want: &[Want]) {
    let array: ArrayRef = make_array(array.to_data());
    let field = Field::new("f", array.data_type().clone(), true);
    check_field(&array, &field, to, want);
}

/// A field of an extension type.
fn extended(array: &ArrayRef, name: &str) -> Field {
    let metadata = HashMap::from([(EXTENSION.to_owned(), name.to_owned())]);
    Field::new("f", array.data_type().clone(), true).with_metadata(metadata)
}

/// What each row of a column is as JSON, and whether that is all of it.
fn rendered(array: &dyn Array, field: &Field) -> Vec<(String, bool)> {
    let write = render::writer(array, field).expect("a writer");
    let mut sink = sink::Sink::default();
    (0..array.len())
        .map(|row| {
            sink.clear();
            write(row, &mut sink);
            (sink.text().to_owned(), sink.failure().is_none() && !sink.is_cleaned())
        })
        .collect()
}

/// Compares the JSON of each row.
fn check_json(array: impl Array + 'static, want: &[&str]) {
    let array: ArrayRef = make_array(array.to_data());
    let field = Field::new("f", array.data_type().clone(), true);
    let want: Vec<_> = want.iter().map(|json| ((*json).to_owned(), true)).collect();
    assert_eq!(rendered(&array, &field), want, "{array:?}");
}
