//! Arrow's types and columns of others -> [`ColumnType`]s and the columns that they take in.
//!
//! Data flow: [`cast`] hands an array of the right shape on as it is; `numbers`, `texts`, `temporal` and `lists` convert the
//! others in one pass; what is left goes value by value as JSON (`render`) into the decoder of its column, so that each
//! combination that nobody thought of has the outcome that the same value has in a JSON record.
//! Invariant: one row in, one row out; a value is kept, or it is NULL with a [`Reason`].

mod lists;
mod nested;
mod numbers;
mod objects;
mod render;
mod sink;
mod temporal;
#[cfg(test)]
mod tests;
mod texts;

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, PrimitiveArray, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, DataType, Field, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;

pub use objects::{Objects, json_objects};

use super::{ColumnBuilder, ColumnType, DecimalSize, Outcome, Reason, Scalar};
use crate::json::{Scanner, Token};
use crate::limits;

/// Name of the extension type that a field's metadata holds.
const EXTENSION: &str = "ARROW:extension:name";

/// Our extension type for the twelve bytes of Parquet's INTERVAL.
pub const PARQUET_INTERVAL: &str = "parquet.interval";

/// The same, written as Arrow's intervals, which can be negative.
pub const PARQUET_SIGNED_INTERVAL: &str = "parquet.signed_interval";

/// The extension type of texts that are JSON.
const JSON: &str = "arrow.json";

/// A field that no column can take in: a sentence that says why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl From<ArrowError> for Unfit {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}

/// A column as its type takes it in.
#[derive(Debug)]
pub struct Cast {
    /// One value a row; `ColumnReader` accepts it.
    pub array: ArrayRef,
    /// The rows whose value was changed, in order, with what became of it.
    pub outcomes: Vec<(usize, Outcome)>,
}

impl Cast {
    /// Every value as it was.
    fn whole(array: ArrayRef) -> Self {
        Self { array, outcomes: Vec::new() }
    }
}

/// The richest type for a field of a stream that declares nothing.
///
/// # Errors
/// For a type that is nested too deeply.
pub fn column_type(field: &Field) -> Result<ColumnType, Unfit> {
    type_of(field, 0)
}

fn type_of(field: &Field, depth: usize) -> Result<ColumnType, Unfit> {
    use ColumnType as T;
    use DataType as D;
    check_depth(depth)?;
    let decimal = |precision: u8, scale: i8| {
        let scale = i16::from(scale);
        // Servers before 15 have scales from 0 to the precision.
        let precision = i16::from(precision) - scale.min(0);
        let scale = scale.max(0);
        let size = DecimalSize::new(precision.max(scale).unsigned_abs(), scale.unsigned_abs());
        size.map_or(T::Number, T::Decimal)
    };
    Ok(match (field.data_type(), extension(field)) {
        (D::FixedSizeBinary(16), Some(Extension::Uuid)) => T::Uuid,
        (D::Duration(_) | D::Interval(_), _) | (D::FixedSizeBinary(12), Some(Extension::ParquetInterval { .. })) => {
            T::Interval
        }
        (D::Utf8 | D::LargeUtf8 | D::Utf8View, Some(Extension::Json)) | (D::Null, _) => T::Json,
        (D::Boolean, _) => T::Boolean,
        (D::Int8 | D::Int16 | D::UInt8, _) => T::SmallInt,
        (D::Int32 | D::UInt16, _) => T::Int,
        (D::Int64 | D::UInt32, _) => T::Integer,
        (D::UInt64, _) => decimal(20, 0),
        (D::Float16 | D::Float32, _) => T::Real,
        (D::Float64, _) => T::Double,
        (
            D::Decimal32(precision, scale)
            | D::Decimal64(precision, scale)
            | D::Decimal128(precision, scale)
            | D::Decimal256(precision, scale),
            _,
        ) => decimal(*precision, *scale),
        (D::Utf8 | D::LargeUtf8 | D::Utf8View, _) => T::String,
        (D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_), _) => T::Bytes,
        (D::Date32 | D::Date64, _) => T::Date,
        (D::Time32(_) | D::Time64(_), _) => T::Time,
        (D::Timestamp(_, None), _) => T::Timestamp,
        (D::Timestamp(_, Some(_)), _) => T::TimestampTz,
        (D::Dictionary(_, value), _) => {
            type_of(&Field::new("", D::clone(value), true).with_metadata(field.metadata().clone()), depth + 1)?
        }
        (D::RunEndEncoded(_, value), _) => {
            let value = value.as_ref().clone();
            let metadata = if value.metadata().is_empty() { field.metadata() } else { value.metadata() }.clone();
            type_of(&value.with_metadata(metadata), depth + 1)?
        }
        (
            D::List(element)
            | D::LargeList(element)
            | D::ListView(element)
            | D::LargeListView(element)
            | D::FixedSizeList(element, _),
            _,
        ) => match type_of(element, depth + 1)? {
            T::Object | T::Array | T::Json | T::List(_) => T::Array,
            element => Scalar::of(element).map_or(T::Array, T::List),
        },
        (D::Struct(fields), _) => {
            fields.iter().try_for_each(|field| type_of(field, depth + 1).map(drop))?;
            T::Object
        }
        (D::Map(entries, _), _) => {
            type_of(entries, depth + 1)?;
            if render::is_object(entries) { T::Object } else { T::Array }
        }
        (D::Union(fields, _), _) => {
            fields.iter().try_for_each(|(_, field)| type_of(field, depth + 1).map(drop))?;
            T::Json
        }
    })
}

fn check_depth(depth: usize) -> Result<(), Unfit> {
    if depth > limits::ARROW_DEPTH {
        return Err(Unfit(format!("its type is nested deeper than {} levels", limits::ARROW_DEPTH)));
    }
    Ok(())
}

/// Extension types that change what is stored.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Extension {
    Json,
    Uuid,
    /// Months, days and milliseconds, 32 bits each, of which Arrow has no type that holds them all.
    ParquetInterval {
        signed: bool,
    },
}

fn extension(field: &Field) -> Option<Extension> {
    match field.metadata().get(EXTENSION)?.as_str() {
        JSON => Some(Extension::Json),
        "arrow.uuid" => Some(Extension::Uuid),
        PARQUET_INTERVAL => Some(Extension::ParquetInterval { signed: false }),
        PARQUET_SIGNED_INTERVAL => Some(Extension::ParquetInterval { signed: true }),
        _ => None,
    }
}

/// A column of another's -> the column that `to` takes in.
///
/// # Errors
/// For a type that is nested too deeply, and for an array that its own type does not describe.
pub fn cast(array: &ArrayRef, field: &Field, to: ColumnType) -> Result<Cast, Unfit> {
    type_of(field, 0)?;
    let (array, field) = &expand(array, field)?;
    if let DataType::Null = array.data_type() {
        return Ok(Cast::whole(ColumnBuilder::nulls(to, array.len())));
    }
    if let Some(cast) = direct(array, field, to)? {
        return Ok(cast);
    }
    match to {
        // A text is never an object or an array: what it holds is one, or it is nothing.
        ColumnType::Object | ColumnType::Array if texts::is_text(array.data_type()) => Ok(texts::parsed(array, to)),
        _ if texts::is_text(array.data_type()) && extension(field) == Some(Extension::Json) => {
            Ok(texts::parsed(array, to))
        }
        ColumnType::Object | ColumnType::Array | ColumnType::Json if !render::holds_json(field) => {
            render::documents(array, field, to)
        }
        _ => through_json(array, field, to),
    }
}

/// The values themselves where a column refers to them: dictionaries and runs of values that are not nested.
fn expand(array: &ArrayRef, field: &Field) -> Result<(ArrayRef, Field), Unfit> {
    let (mut array, mut field) = (Arc::clone(array), field.clone());
    loop {
        let (values, indices) = match array.data_type() {
            DataType::Dictionary(_, value) if !value.is_nested() => {
                let dictionary = array.as_any_dictionary();
                (Arc::clone(dictionary.values()), compute::cast(dictionary.keys(), &DataType::UInt64)?)
            }
            DataType::RunEndEncoded(_, value) if !value.data_type().is_nested() => {
                if !value.metadata().is_empty() {
                    field = field.with_metadata(value.metadata().clone());
                }
                let (values, indices) = runs(&array)?;
                (Arc::clone(values), Arc::new(indices) as ArrayRef)
            }
            _ => return Ok((array, field)),
        };
        array = compute::take(&values, &indices, None)?;
        field = field.with_data_type(array.data_type().clone());
    }
}

/// The values of a run-end encoded array, and for each row which of them is its own.
fn runs(array: &dyn Array) -> Result<(&ArrayRef, UInt64Array), Unfit> {
    macro_rules! each {
        ($($type:ty),*) => {
            $(if let Some(runs) = array.as_run_opt::<$type>() {
                let mut indices: Vec<u64> = Vec::with_capacity(runs.len());
                let first = runs.get_start_physical_index() as u64;
                for (index, end) in (first..).zip(runs.run_ends().sliced_values()) {
                    indices.resize(end.as_usize(), index);
                }
                return Ok((runs.values(), indices.into()));
            })*
        };
    }
    each!(Int16Type, Int32Type, Int64Type);
    Err(not_whole())
}

fn not_whole() -> Unfit {
    Unfit("its runs do not end at whole numbers".into())
}

fn not_map() -> Unfit {
    Unfit("its map has no keys and values".into())
}

/// The conversions that need no text; none where there is no such way.
fn direct(array: &ArrayRef, field: &Field, to: ColumnType) -> Result<Option<Cast>, Unfit> {
    use ColumnType as T;
    match to {
        T::Boolean if *array.data_type() == DataType::Boolean => Ok(Some(Cast::whole(Arc::clone(array)))),
        T::SmallInt | T::Int | T::Integer | T::Real | T::Double | T::Number | T::Decimal(_) => {
            numbers::direct(array, to)
        }
        T::String if extension(field) != Some(Extension::Uuid) => texts::direct(array),
        T::Bytes => texts::bytes(array),
        T::Uuid if *array.data_type() == DataType::FixedSizeBinary(16) => Ok(Some(Cast::whole(Arc::clone(array)))),
        T::Date | T::Time | T::TimeTz | T::Timestamp | T::TimestampTz | T::Interval => {
            Ok(temporal::direct(array, extension(field), to))
        }
        T::List(element) => lists::direct(array, element),
        _ => Ok(None),
    }
}

/// Each value as the JSON that says it, into the decoder of the column.
fn through_json(array: &ArrayRef, field: &Field, to: ColumnType) -> Result<Cast, Unfit> {
    let write = render::writer(array, field)?;
    let mut sink = sink::Sink::default();
    let mut builder = ColumnBuilder::new(to);
    let mut outcomes = Vec::new();
    for row in 0..array.len() {
        sink.clear();
        write(row, &mut sink);
        let outcome = match sink.failure() {
            Some(reason) => append_nothing(&mut builder, reason),
            None => match append(&mut builder, sink.text()) {
                Outcome::Stored if sink.is_cleaned() => Outcome::Cleaned,
                other => other,
            },
        };
        if outcome != Outcome::Stored {
            outcomes.push((row, outcome));
        }
    }
    Ok(Cast { array: builder.finish(), outcomes })
}

/// Appends the value of a text that is JSON, or is none.
fn append(builder: &mut ColumnBuilder, json: &str) -> Outcome {
    match Scanner::new(json).whole() {
        Ok(token) => builder.append(token, json),
        Err(_) => append_nothing(builder, Reason::SerializationError),
    }
}

fn append_nothing(builder: &mut ColumnBuilder, reason: Reason) -> Outcome {
    builder.append(Token::MISSING, "");
    Outcome::Nulled(reason)
}

/// `nulls` with the rows that became NULL.
fn with_nulls(nulls: Option<&NullBuffer>, rows: usize, outcomes: &[(usize, Outcome)]) -> Option<NullBuffer> {
    let mut nulled = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Nulled(_))).peekable();
    if nulled.peek().is_none() {
        return nulls.cloned();
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    match nulls {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(rows, true),
    }
    nulled.for_each(|(row, _)| valid.set_bit(*row, false));
    Some(NullBuffer::new(valid.finish()))
}

/// The same values but those that `check` refuses.
fn keep<T: ArrowPrimitiveType>(array: &ArrayRef, check: impl Fn(T::Native) -> Result<(), Reason>) -> Cast {
    let values = array.as_primitive::<T>();
    let mut outcomes = Vec::new();
    for (row, value) in values.values().iter().enumerate() {
        if let Err(reason) = check(*value)
            && values.is_valid(row)
        {
            outcomes.push((row, Outcome::Nulled(reason)));
        }
    }
    if outcomes.is_empty() {
        return Cast::whole(Arc::clone(array));
    }
    let nulls = with_nulls(values.nulls(), values.len(), &outcomes);
    let kept = PrimitiveArray::<T>::new(values.values().clone(), nulls).with_data_type(values.data_type().clone());
    Cast { array: Arc::new(kept), outcomes }
}

/// Another value for each, but for those that have none.
fn convert<T: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    array: &ArrayRef,
    convert: impl Fn(T::Native) -> Result<O::Native, Reason>,
) -> Cast {
    let values = array.as_primitive::<T>();
    let mut outcomes = Vec::new();
    let converted: Vec<O::Native> = values
        .values()
        .iter()
        .enumerate()
        .map(|(row, value)| {
            convert(*value).unwrap_or_else(|reason| {
                if values.is_valid(row) {
                    outcomes.push((row, Outcome::Nulled(reason)));
                }
                O::Native::default()
            })
        })
        .collect();
    let nulls = with_nulls(values.nulls(), values.len(), &outcomes);
    Cast { array: Arc::new(PrimitiveArray::<O>::new(converted.into(), nulls)), outcomes }
}
