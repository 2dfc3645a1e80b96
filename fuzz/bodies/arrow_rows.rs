//! Rows of others from a source to COPY: no row is lost or made up, no value disappears without an entry that says so, and what
//! is sent is what the server takes.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use destination_postgres::arrow_source::Source;
use destination_postgres::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream};
use destination_postgres::copy::{CopyChunks, CopyColumns};
use destination_postgres::error::ErrorKind;
use destination_postgres::limits;
use destination_postgres::protocol::StreamName;
use destination_postgres::schema::META_OF_BATCHES;
use destination_postgres::types::{self, ColumnType};
use serde_json::Value;

use super::copy::{check_payload, plain_json, read_copy};

/// Pieces of a source that are looked at: a few bytes can stand for billions of rows.
const PIECES: usize = 3;
/// Columns that are declared at most.
const COLUMNS: usize = 40;
/// A column of the stream that no source has.
const MISSING: &str = "a column that is missing";
/// Loads the first pieces of a source into a stream that declares nothing (0), everything as one object (1), or one type for each
/// column, by turns. Answers how many rows.
pub fn load(mut source: Source, declared: u8) -> usize {
    let Some(layout) = layout(&source, declared) else { return 0 };
    let kinds: Vec<ColumnType> = layout.columns.iter().map(|column| column.column_type).collect();
    let fields: Vec<String> = layout.columns.iter().map(|column| column.field.clone()).collect();
    let mut router = Router::new(vec![RouterStream::new(StreamName::new(None, "rows"), layout)], RawIds::seeded(7));
    if let Some(wanted) = router.wanted(0) {
        source.project(|name| wanted.iter().any(|field| field == name));
    }
    let mut rows = 0;
    for _ in 0..PIECES {
        let piece = match source.next_rows() {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Input, "{error}");
                assert!(error.message().starts_with(source.name()), "{error}");
                assert!(matches!(source.next_rows(), Ok(None)), "something comes behind an error");
                break;
            }
        };
        assert!((1..=limits::BATCH_ROWS).contains(&piece.num_rows()));
        assert_eq!(piece.schema_ref().fields(), source.schema().fields());
        if let Err(unfit) = router.append_batch(0, &piece, 0) {
            assert!(!unfit.to_string().is_empty());
            break;
        }
        rows += piece.num_rows();
        let taken = router.take();
        let [(0, taken)] = taken.as_slice() else { panic!("rows of {} streams", taken.len()) };
        assert_eq!(taken.count, piece.num_rows() as u64);
        let columns = CopyColumns::of_load_table(taken.has_changes, false);
        let sent = read_copy(&CopyChunks::new(taken, &kinds, columns).collect::<Vec<_>>().concat());
        assert_eq!(sent.len(), piece.num_rows());
        for (row, sent) in sent.iter().enumerate() {
            let (changes, sent) = sent[2..].split_at(usize::from(taken.has_changes));
            let changes = changes.first().and_then(|changes| changes.as_deref()).map_or(Value::Null, |changes| {
                serde_json::from_slice(&plain_json(changes)[1..]).expect("change entries")
            });
            assert_eq!(sent.len(), kinds.len());
            for ((field, kind), sent) in fields.iter().zip(&kinds).zip(sent) {
                if let Some(payload) = sent {
                    check_payload(*kind, payload);
                }
                check_value(&piece, row, (field, *kind), sent.is_some(), &changes);
            }
        }
    }
    rows
}

/// A value is stored or its loss is noted; nothing becomes a value.
fn check_value(piece: &RecordBatch, row: usize, (field, kind): (&str, ColumnType), stored: bool, changes: &Value) {
    if field == MISSING {
        return assert!(!stored);
    }
    // Raw mode: the object of a row is there, whatever is in it.
    let Some((at, of)) = piece.schema_ref().column_with_name(field) else { return assert!(stored) };
    let array = piece.column(at);
    let is_null = array.data_type() == &DataType::Null || array.logical_nulls().is_some_and(|nulls| nulls.is_null(row));
    let of_the_row = META_OF_BATCHES.iter().any(|name| piece.schema_ref().column_with_name(name).is_some());
    let noted = changes
        .as_array()
        .into_iter()
        .flatten()
        .any(|change| change["field"] == field.replace('\0', "") && change["change"] == "NULLED");
    if is_null {
        assert!(!stored, "{field}: NULL became a value");
        assert!(of_the_row || !noted, "{field}: NULL is said to be lost");
    } else if !stored && !can_say_null(of, kind) {
        assert!(noted, "{field}, row {row}: a value is lost without a word");
    }
}

/// A text that is JSON can be `null`, and so can a nested value.
fn can_say_null(field: &Field, kind: ColumnType) -> bool {
    let json = field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.json");
    let value = match field.data_type() {
        DataType::Dictionary(_, value) => value,
        DataType::RunEndEncoded(_, value) => value.data_type(),
        other => other,
    };
    let text = matches!(value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    value.is_nested() || (text && (json || matches!(kind, ColumnType::Object | ColumnType::Array)))
}

/// None when a type of the source is nested too deeply.
fn layout(source: &Source, declared: u8) -> Option<Layout> {
    let column = |field: &str, column_type| LayoutColumn { field: field.to_owned(), column_type };
    let fields =
        source.schema().fields().iter().take(COLUMNS).filter(|field| !META_OF_BATCHES.contains(&field.name().as_str()));
    let columns = match declared {
        0 => fields
            .map(|field| types::arrow::column_type(field).map(|column_type| column(field.name(), column_type)))
            .collect::<Result<_, _>>()
            .ok()?,
        1 => vec![column("_airbyte_data", ColumnType::Json)],
        _ => {
            let kinds = ColumnType::ALL.iter().copied().cycle().skip(usize::from(declared));
            let fields = fields.map(|field| field.name().as_str()).filter(|name| *name != MISSING);
            fields.chain([MISSING]).zip(kinds).map(|(name, kind)| column(name, kind)).collect()
        }
    };
    let keyed = declared >= 128;
    Some(Layout {
        columns,
        raw: declared == 1,
        key: if keyed { vec![0] } else { Vec::new() },
        deleted_at: None,
        first_load: keyed,
    })
}
