//! Record batches that came as such -> ones like those that records become.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{Field, Float64Type, Int64Type, Schema};

use super::meta::{self, RawIds};
use super::nulled::Nulled;
use super::stream_batch::{Layout, META_BYTES, META_NAMES, RAW_ID_BYTES, push_change};
use crate::json::{Kind, Scanner, Token};
use crate::limits;
use crate::schema::{EXTRACTED_AT, META, META_OF_BATCHES};
use crate::types::{self, ColumnBuilder, ColumnType, Outcome};

/// A column that cannot become its stream's column.
#[derive(Debug)]
pub struct Unfit {
    /// The column; none when it is about the row as a whole.
    pub column: Option<String>,
    /// A sentence about it.
    pub reason: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column \"{column}\": {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// A record batch with the columns of a layout behind those of every batch.
pub(super) struct FittedRows {
    pub batch: RecordBatch,
    pub bytes: usize,
    pub has_changes: bool,
    pub nulled: Nulled,
}

/// Makes `batch` one of `layout`: columns by name, what is missing as NULL, what is not declared left out.
pub(super) fn fit(
    layout: &Layout,
    batch: &RecordBatch,
    emitted_at_ms: i64,
    ids: &mut RawIds,
) -> Result<FittedRows, Unfit> {
    let rows = batch.num_rows();
    let mut changes = Changes::default();
    changes.of_the_source(layout, batch)?;
    let columns =
        if layout.raw { objects(layout, batch, &mut changes)? } else { columns(layout, batch, &mut changes)? };
    let mut raw_ids = FixedSizeBinaryBuilder::with_capacity(rows, RAW_ID_BYTES);
    for _ in 0..rows {
        raw_ids.append_value(ids.make()).expect("the width is the builder's");
    }
    let bytes = columns.iter().map(size).sum::<usize>() + changes.bytes() + rows * META_BYTES;
    let has_changes = !changes.rows.is_empty();
    let nulled = std::mem::take(&mut changes.nulled);
    let arrays: Vec<ArrayRef> = [
        Arc::new(raw_ids.finish()) as ArrayRef,
        Arc::new(extracted_at(layout, batch, emitted_at_ms)?),
        Arc::new(changes.array(rows)),
    ]
    .into_iter()
    .chain(columns)
    .collect();
    // Arrays of one column type may differ from batch to batch, so each batch has a schema of its own.
    let names = META_NAMES.into_iter().chain(layout.columns.iter().map(|c| c.field.as_str()));
    let fields: Vec<Field> =
        names.zip(&arrays).map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a value a row in each column");
    Ok(FittedRows { batch, bytes, has_changes, nulled })
}

/// The layout's columns.
fn columns(layout: &Layout, batch: &RecordBatch, changes: &mut Changes) -> Result<Vec<ArrayRef>, Unfit> {
    let mut columns = Vec::with_capacity(layout.columns.len());
    for column in &layout.columns {
        let Some((position, field)) = batch.schema_ref().column_with_name(&column.field) else {
            columns.push(ColumnBuilder::nulls(column.column_type, batch.num_rows()));
            continue;
        };
        let cast = cast(batch.column(position), field, column.column_type)?;
        for (row, outcome) in cast.outcomes {
            changes.add(row, &column.field, outcome);
        }
        columns.push(cast.array);
    }
    Ok(columns)
}

/// Whole rows, for raw mode.
fn objects(layout: &Layout, batch: &RecordBatch, changes: &mut Changes) -> Result<Vec<ArrayRef>, Unfit> {
    let schema = batch.schema_ref();
    let ours: Vec<usize> =
        (0..batch.num_columns()).filter(|&i| !META_OF_BATCHES.contains(&schema.field(i).name().as_str())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let fields: Vec<_> = ours.iter().filter_map(|&i| schema.fields().get(i).cloned()).collect();
    let arrays = ours.iter().map(|&i| Arc::clone(batch.column(i))).collect();
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .expect("columns of one record batch");
    let objects = types::arrow::json_objects(&batch).map_err(|e| Unfit { column: None, reason: e.to_string() })?;
    for (row, member, reason) in objects.left_out {
        changes.add(row, &member, Outcome::Nulled(reason));
    }
    let field = layout.columns.first().map_or("", |column| &column.field);
    for (row, outcome) in objects.outcomes {
        changes.add(row, field, outcome);
    }
    Ok(vec![objects.array])
}

fn cast(array: &ArrayRef, field: &Field, to: ColumnType) -> Result<types::arrow::Cast, Unfit> {
    types::arrow::cast(array, field, to)
        .map_err(|e| Unfit { column: Some(field.name().clone()), reason: e.to_string() })
}

/// A column of that name which says something of its row and is no field of the stream.
fn meta_column<'a>(layout: &Layout, batch: &'a RecordBatch, name: &str) -> Option<(&'a ArrayRef, &'a Field)> {
    if layout.columns.iter().any(|column| column.field == name) {
        return None;
    }
    let (position, field) = batch.schema_ref().column_with_name(name)?;
    Some((batch.column(position), field))
}

/// When each row was read, as Postgres counts.
fn extracted_at(layout: &Layout, batch: &RecordBatch, emitted_at_ms: i64) -> Result<Int64Array, Unfit> {
    let otherwise = meta::extracted_at(emitted_at_ms);
    let Some((array, field)) = meta_column(layout, batch, EXTRACTED_AT) else {
        return Ok(Int64Array::from_value(otherwise, batch.num_rows()));
    };
    let unfit = |reason: String| Unfit { column: Some(field.name().clone()), reason };
    let no_time = || unfit("it holds a value that is no time: a timestamp, a date, ISO 8601 or milliseconds".into());
    let whole = |to| match cast(array, field, to)? {
        cast if cast.outcomes.is_empty() => Ok(cast.array),
        _ => Err(no_time()),
    };
    // Numbers are milliseconds, as in the message.
    let millis = |text: String| micros(&text).map(meta::extracted_at_micros).ok_or_else(no_time);
    let column_type = types::arrow::column_type(field).map_err(|e| unfit(e.to_string()))?;
    match column_type {
        ColumnType::SmallInt | ColumnType::Int | ColumnType::Integer => {
            let array = whole(ColumnType::Integer)?;
            let millis = array.as_primitive::<Int64Type>();
            Ok(millis.iter().map(|ms| Some(ms.map_or(otherwise, meta::extracted_at))).collect())
        }
        ColumnType::Real | ColumnType::Double => {
            let array = whole(ColumnType::Double)?;
            let values = array.as_primitive::<Float64Type>().iter();
            values.map(|value| value.map_or(Ok(otherwise), |value| millis(value.to_string())).map(Some)).collect()
        }
        ColumnType::Number | ColumnType::Decimal(_) => {
            let array = whole(ColumnType::String)?;
            let values = array.as_string::<i32>().iter();
            values.map(|value| value.map_or(Ok(otherwise), |value| millis(value.to_owned())).map(Some)).collect()
        }
        _ => {
            let array = whole(ColumnType::TimestampTz)?;
            let micros = array.as_primitive::<Int64Type>();
            Ok(micros.iter().map(|micros| Some(micros.unwrap_or(otherwise))).collect())
        }
    }
}

/// Microseconds of so many milliseconds, which are written without an exponent; digits behind them are cut.
fn micros(millis: &str) -> Option<i128> {
    let (sign, digits) = millis.strip_prefix('-').map_or((1, millis), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let micros: i128 = fraction.chars().chain(std::iter::repeat('0')).take(3).collect::<String>().parse().ok()?;
    whole.parse::<i64>().ok().map(|whole| sign * (i128::from(whole) * 1_000 + micros))
}

/// Elements of the change lists, by row, and how many of ours are about which field.
#[derive(Default)]
struct Changes {
    rows: BTreeMap<usize, String>,
    nulled: Nulled,
}

impl Changes {
    /// What the source has changed itself.
    fn of_the_source(&mut self, layout: &Layout, batch: &RecordBatch) -> Result<(), Unfit> {
        let Some((array, field)) = meta_column(layout, batch, META) else { return Ok(()) };
        let unfit = |reason: &str| Unfit { column: Some(field.name().clone()), reason: reason.into() };
        let cast = cast(array, field, ColumnType::Object)?;
        if cast.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Nulled(_))) {
            return Err(unfit("it holds a value that is no object, nor a text of one"));
        }
        let texts = cast.array.as_string::<i32>();
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let elements = elements(text).ok_or_else(|| unfit("it holds an object whose `changes` are no list"))?;
            if !elements.is_empty() {
                self.rows.insert(row, elements);
            }
        }
        Ok(())
    }

    fn add(&mut self, row: usize, field: &str, outcome: Outcome) {
        let (change, reason) = match outcome {
            Outcome::Stored => return,
            Outcome::Cleaned => ("TRUNCATED", types::Reason::SerializationError),
            Outcome::Nulled(reason) => {
                self.nulled.one(field);
                ("NULLED", reason)
            }
        };
        push_change(self.rows.entry(row).or_default(), field, change, reason);
    }

    fn bytes(&self) -> usize {
        self.rows.values().map(String::len).sum()
    }

    fn array(self, rows: usize) -> arrow::array::StringArray {
        let mut builder = StringBuilder::with_capacity(rows, self.bytes() + self.rows.len() * 2);
        let mut row = 0;
        for (changed, elements) in self.rows {
            builder.append_nulls(changed - row);
            builder.append_value(format!("[{elements}]"));
            row = changed + 1;
        }
        builder.append_nulls(rows - row);
        builder.finish()
    }
}

/// The elements of `changes` in a row's meta object; none when they are something else than a list that can be stored.
fn elements(meta: &str) -> Option<String> {
    let mut scanner = Scanner::new(meta);
    scanner.enter_object().ok()?;
    let mut changes = Token::MISSING;
    let mut first = true;
    while let Some(key) = scanner.next_key(first).ok()? {
        first = false;
        let value = scanner.value().ok()?;
        if key.text(meta) == "changes" {
            changes = value;
        }
    }
    if matches!(changes.kind, Kind::Missing | Kind::Null) {
        return Some(String::new());
    }
    let text = changes.text(meta);
    let fits = changes.kind == Kind::Array && !changes.exceeds_jsonb() && text.len() <= limits::JSONB_BYTES;
    fits.then(|| text.strip_prefix('[')?.strip_suffix(']').map(|inside| inside.trim().to_owned())).flatten()
}

/// About how many bytes an array takes.
fn size(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}
