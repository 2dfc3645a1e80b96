//! The rows of a BATCH message, read on a thread of their own.
//!
//! The thread waits until the pipeline takes what it has read, so a file is read at the pace at which it is loaded.

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use tokio::sync::{mpsc, oneshot};

use crate::arrow_source::{self, Inline, Roots, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::protocol::BatchFormat;
use crate::types;

/// Where the rows of a message are.
pub(super) enum Rows {
    /// In files.
    Files(BatchFormat, Vec<String>),
    /// In the message.
    Inline(Inline),
}

/// What the thread has read.
pub(super) enum Piece {
    /// The next file begins.
    Opened {
        /// What it is, for messages.
        name: String,
        schema: SchemaRef,
    },
    /// Some of its rows.
    Rows(RecordBatch),
    /// A row so large that nothing else should be in memory beside it.
    Large(RecordBatch, Held),
}

/// Nothing more is read until this is dropped.
pub(super) struct Held(#[expect(dead_code, reason = "its drop is what counts")] oneshot::Sender<()>);

/// Reads `rows`, of which only the columns are wanted that `wanted` names; all where it is none.
pub(super) fn spawn(rows: Rows, wanted: Option<Vec<String>>, roots: &Roots) -> mpsc::Receiver<Result<Piece>> {
    let (sender, receiver) = mpsc::channel(limits::SOURCE_QUEUED);
    let roots = roots.clone();
    std::thread::spawn(move || {
        if let Err(error) = read(rows, wanted.as_deref(), &roots, &sender) {
            drop(sender.blocking_send(Err(error)));
        }
    });
    receiver
}

/// Whoever takes the pieces may go at any time; then the reading ends.
fn read(rows: Rows, wanted: Option<&[String]>, roots: &Roots, sender: &mpsc::Sender<Result<Piece>>) -> Result<()> {
    let mut first = None;
    let mut one = |mut source: Source| {
        if let Some(wanted) = wanted {
            source.project(|name| wanted.iter().any(|field| field == name));
        }
        let schema = SchemaRef::clone(source.schema());
        match &first {
            None => first = Some((source.name().to_owned(), SchemaRef::clone(&schema))),
            Some((name, before)) => refuse_change(name, before, source.name(), &schema)?,
        }
        let opened = Piece::Opened { name: source.name().to_owned(), schema };
        let mut gone = sender.blocking_send(Ok(opened)).is_err();
        while !gone && let Some(rows) = source.next_rows()? {
            if is_large(&rows) {
                let (held, released) = oneshot::channel();
                gone = sender.blocking_send(Ok(Piece::Large(rows, Held(held)))).is_err();
                drop(released.blocking_recv());
            } else {
                gone = sender.blocking_send(Ok(Piece::Rows(rows))).is_err();
            }
        }
        Ok::<bool, Error>(gone)
    };
    match rows {
        Rows::Inline(data) => one(Source::inline(data)?).map(drop),
        Rows::Files(format, urls) => {
            for url in urls {
                if one(Source::file(&url, format, roots)?)? {
                    break;
                }
            }
            Ok(())
        }
    }
}

/// Pieces of several rows are of the size of our own batches.
fn is_large(rows: &RecordBatch) -> bool {
    rows.num_rows() == 1 && arrow_source::size(rows) >= limits::LARGE_CHUNK_BYTES as u64
}

/// Refuses columns that are others than before.
///
/// # Errors
/// [`ErrorKind::Batch`] naming both files and the column.
pub(super) fn refuse_change(before_in: &str, before: &SchemaRef, name: &str, now: &SchemaRef) -> Result<()> {
    let refuse = |column: &str, what: String| {
        let text = format!(
            "{name}: column \"{column}\" {what} in {before_in}: write all files of one batch, and of a stream without \
             declared fields, with the same columns"
        );
        Err(Error::new(ErrorKind::Batch, text))
    };
    for field in before.fields() {
        match now.column_with_name(field.name()) {
            None => return refuse(field.name(), "is missing, but it is there".into()),
            Some((_, other)) if !is_same(other, field) => {
                return refuse(field.name(), format!("is {}, but {}", other.data_type(), field.data_type()));
            }
            Some(_) => {}
        }
    }
    match now.fields().iter().find(|field| before.column_with_name(field.name()).is_none()) {
        Some(new) => refuse(new.name(), "is new: it is not".into()),
        None => Ok(()),
    }
}

/// Two spellings of one type (a text as a dictionary, an instant in another unit) are no change.
fn is_same(one: &Field, other: &Field) -> bool {
    match (types::arrow::column_type(one), types::arrow::column_type(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.data_type() == other.data_type(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Schema};

    use super::*;

    #[test]
    fn columns_stay_what_they_are() {
        let schema = |fields: &[(&str, DataType, bool)]| -> SchemaRef {
            Arc::new(Schema::new(
                fields.iter().map(|(n, t, nullable)| Field::new(*n, t.clone(), *nullable)).collect::<Vec<_>>(),
            ))
        };
        let before = schema(&[("a", DataType::Int32, true), ("b", DataType::Utf8, true)]);
        let refused =
            |now: &SchemaRef| refuse_change("file /1", &before, "file /2", now).err().map(|e| e.message().to_owned());
        assert_eq!(refused(&schema(&[("b", DataType::Utf8View, false), ("a", DataType::Int32, false)])), None);
        for (now, want) in [
            (schema(&[("a", DataType::Int32, true)]), "column \"b\" is missing, but it is there in file /1"),
            (
                schema(&[("a", DataType::Int64, true), ("b", DataType::Utf8, true)]),
                "column \"a\" is Int64, but Int32 in file /1",
            ),
            (
                schema(&[("a", DataType::Int32, true), ("b", DataType::Utf8, true), ("c", DataType::Null, true)]),
                "column \"c\" is new: it is not in file /1",
            ),
        ] {
            let text = refused(&now).expect(want);
            assert!(text.starts_with(&format!("file /2: {want}")), "{text}");
        }
    }
}
