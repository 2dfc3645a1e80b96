//! Columns made of other columns.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::*;
use fastrand::Rng;

use destination_postgres::types::{ColumnType, Outcome, Scalar};

use super::columns::column;
use super::{Column, ROWS, Row};
use crate::support::sql::quote_literal;

/// The same rows as a part of a longer column.
pub fn sliced(rng: &mut Rng, column: &Column) -> Column {
    let before = rng.usize(..20);
    let padding = column.array.slice(0, before);
    let long = compute::concat(&[&padding, &column.array, &padding]).expect("arrays of one type");
    Column { array: long.slice(before, ROWS), ..column.clone() }
}

/// Rows in a random order, some of them twice.
fn drawn(rng: &mut Rng, column: &Column) -> (Vec<usize>, Vec<Row>) {
    let places: Vec<usize> = (0..ROWS).map(|_| rng.usize(..ROWS)).collect();
    let rows = places.iter().map(|place| column.rows[*place].clone()).collect();
    (places, rows)
}

/// The same column, its type and what it holds aside.
fn like(column: &Column, array: ArrayRef, rows: Vec<Row>) -> Column {
    let field = column.field.clone().with_data_type(array.data_type().clone());
    Column { array, field, to: column.to, rows }
}

/// A dictionary with some keys that are none.
pub fn dictionary(rng: &mut Rng, column: &Column) -> Column {
    let (places, mut rows) = drawn(rng, column);
    let mut keys = Vec::new();
    for (place, row) in places.into_iter().zip(&mut rows) {
        let none = rng.u8(..8) == 0;
        if none {
            *row = Row::null();
        }
        keys.push((!none).then_some(place));
    }
    let values = Arc::clone(&column.array);
    macro_rules! of {
        ($type:ty) => {{
            let keys = keys.iter().map(|key| key.map(|key| key as <$type as ArrowPrimitiveType>::Native));
            Arc::new(DictionaryArray::<$type>::new(keys.collect(), values)) as ArrayRef
        }};
    }
    let array = match rng.u8(..4) {
        0 => of!(Int8Type),
        1 => of!(UInt16Type),
        2 => of!(Int32Type),
        _ => of!(UInt64Type),
    };
    like(column, array, rows)
}

/// Runs of equal values.
pub fn runs(rng: &mut Rng, column: &Column) -> Column {
    let (mut ends, mut rows) = (Vec::new(), Vec::new());
    while rows.len() < ROWS {
        let length = rng.usize(1..=4).min(ROWS - rows.len());
        let row = column.rows[ends.len()].clone();
        rows.extend(std::iter::repeat_n(row, length));
        ends.push(rows.len() as i32);
    }
    let values = column.array.slice(0, ends.len());
    let array = RunArray::<Int32Type>::try_new(&Int32Array::from(ends), &values).expect("runs");
    like(column, Arc::new(array), rows)
}

/// The column as documents.
pub fn document(column: &Column) -> Column {
    Column { to: ColumnType::Json, rows: column.rows.iter().map(Row::document).collect(), ..column.clone() }
}

/// The column as texts: its JSON, without quotes where it is a string.
pub fn text(column: &Column) -> Column {
    let of_row = |row: &Row| {
        let row = row.document();
        let Some(_) = row.sql else { return row };
        let text = match serde_json::from_str(&row.json) {
            Ok(serde_json::Value::String(text)) => text,
            _ => match column.array.data_type() {
                // Of the spellings of a number, the one of Rust.
                DataType::Float16 | DataType::Float32 => format!("{:?}", row.json.parse::<f32>().expect("a number")),
                DataType::Float64 => format!("{:?}", row.json.parse::<f64>().expect("a number")),
                _ => row.json.clone(),
            },
        };
        Row { sql: Some(quote_literal(&text)), ..row }
    };
    let rows = if column.to == ColumnType::Json {
        // Text that says that it is JSON is text too.
        let texts = column.array.as_string::<i32>().iter();
        texts.map(|text| text.map_or_else(Row::null, |text| Row::stored(quote_literal(text), ""))).collect()
    } else {
        column.rows.iter().map(of_row).collect()
    };
    Column { to: ColumnType::String, rows, ..column.clone() }
}

/// Groups of rows, one group a list; some lists are none, some are empty.
fn groups(rng: &mut Rng, column: &Column) -> (Vec<i32>, Vec<bool>, Vec<Vec<Row>>) {
    let (mut offsets, mut valid, mut lists) = (vec![0], Vec::new(), Vec::new());
    let mut at = 0;
    for _ in 0..ROWS {
        let length = rng.usize(..3).min(ROWS - at);
        lists.push(column.rows[at..at + length].to_vec());
        at += length;
        offsets.push(at as i32);
        valid.push(rng.u8(..6) > 0);
    }
    (offsets, valid, lists)
}

/// What becomes of values that are stored together.
fn together(rows: &[Row]) -> Outcome {
    let nulled = rows.iter().map(|row| row.outcome).find(|outcome| matches!(outcome, Outcome::Nulled(_)));
    let cleaned = rows.iter().map(|row| row.outcome).find(|outcome| *outcome == Outcome::Cleaned);
    nulled.or(cleaned).unwrap_or(Outcome::Stored)
}

/// Lists in one of their layouts; of each the elements' rows, none where there is no list.
fn layout(rng: &mut Rng, column: &Column) -> (ArrayRef, Vec<Option<Vec<Row>>>) {
    let (offsets, valid, groups) = groups(rng, column);
    let element = Arc::new(column.field.clone().with_name("item"));
    let nulls = Some(NullBuffer::from(valid.clone()));
    let values = Arc::clone(&column.array);
    let array: ArrayRef = match rng.u8(..3) {
        0 => Arc::new(ListArray::new(element, OffsetBuffer::new(offsets.into()), values, nulls)),
        1 => {
            let offsets = offsets.iter().map(|offset| i64::from(*offset)).collect::<Vec<_>>();
            Arc::new(LargeListArray::new(element, OffsetBuffer::new(offsets.into()), values, nulls))
        }
        _ => {
            let starts: ScalarBuffer<i32> = offsets[..ROWS].to_vec().into();
            let sizes: ScalarBuffer<i32> = offsets.windows(2).map(|ends| ends[1] - ends[0]).collect();
            Arc::new(ListViewArray::new(element, starts, sizes, values, nulls))
        }
    };
    let rows = groups.into_iter().zip(valid).map(|(rows, valid)| valid.then_some(rows)).collect();
    (array, rows)
}

/// Lists as documents.
pub fn arrays(rng: &mut Rng, column: &Column) -> Column {
    let (array, lists) = layout(rng, column);
    let rows = lists.iter().map(|list| {
        let Some(rows) = list else { return Row::null() };
        let members: Vec<&str> = rows.iter().map(|row| row.json.as_str()).collect();
        document_of(rows, format!("[{}]", members.join(",")))
    });
    let rows = rows.collect();
    Column { to: ColumnType::Array, ..self::column(array, None, rows) }
}

/// Lists as arrays of Postgres.
pub fn lists(rng: &mut Rng, column: &Column) -> Option<Column> {
    let element = Scalar::of(column.to).filter(|_| column.to != ColumnType::Json)?;
    let (array, lists) = layout(rng, column);
    let sql_type = column.to.sql();
    let rows = lists.iter().map(|list| {
        let Some(rows) = list else { return Row::null() };
        let members = rows.iter().map(|row| format!("({})::{sql_type}", row.sql.as_deref().unwrap_or("NULL")));
        let sql = format!("ARRAY[{}]::{sql_type}[]", members.collect::<Vec<_>>().join(", "));
        match together(rows) {
            Outcome::Nulled(reason) => Row::nulled(reason),
            outcome => Row { outcome, ..Row::stored(sql, "") },
        }
    });
    let rows = rows.collect();
    Some(Column { to: ColumnType::List(element), ..self::column(array, None, rows) })
}

/// A map from texts.
pub fn map(rng: &mut Rng, column: &Column) -> Column {
    let (offsets, _, groups) = groups(rng, column);
    let keys: Vec<String> = (0..ROWS).map(|n| format!("k{n}\"")).collect();
    let fields = Fields::from(vec![Field::new("key", DataType::Utf8, false), column.field.clone().with_name("value")]);
    let keys_array: ArrayRef = Arc::new(StringArray::from(keys.clone()));
    let entries = StructArray::new(fields.clone(), vec![keys_array, Arc::clone(&column.array)], None);
    let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
    let array = MapArray::new(field, OffsetBuffer::new(offsets.into()), entries, None, false);
    let mut keys = keys.iter();
    let rows = groups.iter().map(|rows| {
        let members: Vec<String> =
            rows.iter().map(|row| format!("{}:{}", serde_json::json!(keys.next()), row.json)).collect();
        document_of(rows, format!("{{{}}}", members.join(",")))
    });
    let rows = rows.collect();
    self::column(Arc::new(array), None, rows)
}

/// The document of these members.
fn document_of(members: &[Row], json: String) -> Row {
    let members: Vec<Row> = members.iter().map(Row::document).collect();
    match together(&members) {
        Outcome::Nulled(reason) => Row::nulled(reason),
        outcome => Row { outcome, ..Row::stored(quote_literal(&json), json) },
    }
}

/// Objects of some of the columns.
pub fn structs(rng: &mut Rng, columns: &[Column]) -> Column {
    let members: Vec<&Column> = (0..rng.usize(1..6)).map(|_| &columns[rng.usize(..columns.len())]).collect();
    let fields: Fields =
        (0..).zip(&members).map(|(n, column)| column.field.clone().with_name(format!("m{n}"))).collect();
    let arrays = members.iter().map(|column| Arc::clone(&column.array)).collect();
    let array = StructArray::new(fields, arrays, None);
    let rows = (0..ROWS).map(|row| {
        let rows: Vec<Row> = members.iter().map(|column| column.rows[row].clone()).collect();
        let members: Vec<String> = (0..).zip(&rows).map(|(n, row)| format!("\"m{n}\":{}", row.json)).collect();
        document_of(&rows, format!("{{{}}}", members.join(",")))
    });
    let rows = rows.collect();
    column(Arc::new(array), None, rows)
}
