//! Parquet: one row group after the other, a few pages of each column at a time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::slice::Iter;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema};
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::page::PageIterator;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr, SchemaDescriptor, Type as SchemaType, TypePtr};

use super::Batches;
use super::fault::{Fault, Reading};
use super::pages::{Budget, OneChunk, Pages, value_width};
use super::thrift;
use crate::limits;
use crate::types::arrow::{PARQUET_INTERVAL, PARQUET_SIGNED_INTERVAL};

const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Where Arrow keeps the name of an extension type.
const EXTENSION_TYPE_NAME_KEY: &str = "ARROW:extension:name";
/// The footer's length and the magic.
const TAIL_BYTES: u64 = 8;
/// Groups within one another: a list takes two of them, and the root is one.
const MOST_GROUPS: usize = 2 * limits::ARROW_DEPTH + 1;
/// Pages of a column that are in memory at once, at their usual size, in bytes: a page of values and a dictionary.
const COLUMN_BYTES: u64 = 4 << 20;

/// Opens a file.
pub(super) fn open(file: File) -> Reading<(SchemaRef, Parquet)> {
    open_within(file, limits::SOURCE_BYTES as u64, COLUMN_BYTES)
}

/// Opens a file of which so many bytes of pages may be in memory, or so many for each column where that is more.
pub(super) fn open_within(file: File, most: u64, most_each: u64) -> Reading<(SchemaRef, Parquet)> {
    let length = file.metadata()?.len();
    let mut magic = [0; 4];
    if length >= TAIL_BYTES {
        file.read_exact_at(&mut magic, 0)?;
    }
    if &magic == ENCRYPTED {
        return Err(encrypted());
    }
    if &magic != MAGIC {
        return Err(Fault::new("it is not parquet"));
    }
    let end = length.checked_sub(TAIL_BYTES).filter(|end| *end >= 4).ok_or_else(Fault::cut_off)?;
    let mut tail = [0; 8];
    file.read_exact_at(&mut tail, end)?;
    if tail.get(4..) == Some(ENCRYPTED) {
        return Err(encrypted());
    }
    if tail.get(4..) != Some(MAGIC) {
        return Err(Fault::cut_off());
    }
    let footer_length = tail.first_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
    let start = end.checked_sub(footer_length).filter(|start| *start >= 4).ok_or_else(Fault::corrupt)?;
    if footer_length > limits::SOURCE_METADATA_BYTES as u64 {
        return Err(Fault::new(format!(
            "its footer is larger than this connector accepts ({} MiB): write fewer row groups",
            limits::SOURCE_METADATA_BYTES >> 20
        )));
    }
    let mut footer = vec![0; usize::try_from(footer_length).map_err(|_| Fault::corrupt())?];
    file.read_exact_at(&mut footer, start)?;
    let facts = thrift::footer(&footer)?;
    if facts.encrypted {
        return Err(encrypted());
    }
    if facts.depth > MOST_GROUPS {
        return Err(Fault::too_deep());
    }
    let metadata = ParquetMetaDataReader::decode_metadata(&footer)?;
    check(&metadata, start)?;
    let description = without_intervals(&metadata)?;
    let schema = parquet_to_arrow_schema(&description, metadata.file_metadata().key_value_metadata())?;
    let schema = Arc::new(Schema::new_with_metadata(hints(schema.fields(), &metadata), schema.metadata().clone()));
    let parquet = Parquet {
        file: Arc::new(file),
        columns: (0..schema.fields().len()).collect(),
        schema: Arc::clone(&schema),
        metadata: Arc::new(metadata),
        description,
        group: 0,
        current: None,
        budget: Budget::default(),
        most,
        most_each,
    };
    Ok((schema, parquet))
}

fn encrypted() -> Fault {
    Fault::new("it is encrypted, and this connector has no key for it: write it without encryption")
}

/// Checks what the footer states of the row groups, whose data end before it.
fn check(metadata: &ParquetMetaData, end: u64) -> Reading<()> {
    for group in metadata.row_groups() {
        let rows = u64::try_from(group.num_rows()).map_err(|_| Fault::corrupt())?;
        if rows > limits::SOURCE_ROWS as u64 {
            return Err(Fault::new("it has a row group of more rows than this connector accepts: write smaller ones"));
        }
        for column in group.columns() {
            // `byte_range` insists on what is checked here.
            let first = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let start = u64::try_from(first.min(column.data_page_offset())).map_err(|_| Fault::corrupt())?;
            let length = u64::try_from(column.compressed_size()).map_err(|_| Fault::corrupt())?;
            let values = u64::try_from(column.num_values()).map_err(|_| Fault::corrupt())?;
            let flat = column.column_descr().max_rep_level() == 0;
            if start.checked_add(length).is_none_or(|last| last > end) || first < 0 || (flat && values != rows) {
                return Err(Fault::corrupt());
            }
        }
    }
    Ok(())
}

/// The schema to read by: intervals, of which the library loses a part, as the twelve bytes that they are.
fn without_intervals(metadata: &ParquetMetaData) -> Reading<SchemaDescPtr> {
    let description = metadata.file_metadata().schema_descr_ptr();
    if description.columns().iter().any(|leaf| leaf.converted_type() == ConvertedType::INTERVAL) {
        return Ok(Arc::new(SchemaDescriptor::new(plain(&description.root_schema_ptr())?)));
    }
    Ok(description)
}

fn plain(node: &TypePtr) -> Reading<TypePtr> {
    let info = node.get_basic_info();
    let id = info.has_id().then(|| info.id());
    let plain = match node.as_ref() {
        SchemaType::GroupType { fields, .. } => {
            let group = SchemaType::group_type_builder(node.name())
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_fields(fields.iter().map(plain).collect::<Reading<_>>()?)
                .with_id(id);
            if info.has_repetition() { group.with_repetition(info.repetition()) } else { group }.build()?
        }
        SchemaType::PrimitiveType { physical_type, type_length, .. }
            if info.converted_type() == ConvertedType::INTERVAL =>
        {
            SchemaType::primitive_type_builder(node.name(), *physical_type)
                .with_repetition(info.repetition())
                .with_length(*type_length)
                .with_id(id)
                .build()?
        }
        SchemaType::PrimitiveType { .. } => return Ok(Arc::clone(node)),
    };
    Ok(Arc::new(plain))
}

/// The types to read the columns as: texts and bytes as views, so that a dictionary is not written out; Spark's old timestamps
/// not in nanoseconds, which end in 2262; what Parquet knows to be a UUID or JSON as Arrow's, and its intervals as what they are.
fn hints(fields: &Fields, metadata: &ParquetMetaData) -> Fields {
    let file = metadata.file_metadata();
    let of_arrow =
        file.key_value_metadata().is_some_and(|pairs| pairs.iter().any(|pair| pair.key == ARROW_SCHEMA_META_KEY));
    let interval = if of_arrow { PARQUET_SIGNED_INTERVAL } else { PARQUET_INTERVAL };
    let mut hints = Hints { leaves: file.schema_descr().columns().iter(), interval };
    fields.iter().map(|field| hints.of(field)).collect()
}

struct Hints<'a> {
    /// Parquet's columns, in the order of Arrow's fields that hold no others.
    leaves: Iter<'a, ColumnDescPtr>,
    /// The extension type of intervals.
    interval: &'static str,
}

impl Hints<'_> {
    fn of(&mut self, field: &FieldRef) -> FieldRef {
        use DataType::{FixedSizeList, LargeList, List, Map, Struct};
        let data_type = match field.data_type() {
            List(element) => List(self.of(element)),
            LargeList(element) => LargeList(self.of(element)),
            FixedSizeList(element, length) => FixedSizeList(self.of(element), *length),
            Map(entries, sorted) => Map(self.of(entries), *sorted),
            Struct(fields) => Struct(fields.iter().map(|field| self.of(field)).collect()),
            _ => {
                let interval = self.interval;
                return self.leaves.next().map_or_else(|| Arc::clone(field), |leaf| leaf_hint(field, leaf, interval));
            }
        };
        Arc::new(Field::clone(field).with_data_type(data_type))
    }
}

fn leaf_hint(field: &FieldRef, leaf: &ColumnDescPtr, interval: &'static str) -> FieldRef {
    use DataType::{Binary, BinaryView, Dictionary, LargeBinary, LargeUtf8, Timestamp, Utf8, Utf8View};
    let plain = match field.data_type() {
        Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let data_type = match plain {
        Utf8 | LargeUtf8 => Utf8View,
        Binary | LargeBinary => BinaryView,
        Timestamp(_, zone) if leaf.physical_type() == Type::INT96 => Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => field.data_type().clone(),
    };
    let extension = match (leaf.logical_type_ref(), leaf.converted_type()) {
        (Some(LogicalType::Uuid), _) => Some("arrow.uuid"),
        (Some(LogicalType::Json), _) | (None, ConvertedType::JSON) => Some("arrow.json"),
        (_, ConvertedType::INTERVAL) => Some(interval),
        _ => None,
    };
    let mut metadata = field.metadata().clone();
    if let Some(extension) = extension
        && metadata.get(EXTENSION_TYPE_NAME_KEY).is_none()
    {
        metadata.insert(EXTENSION_TYPE_NAME_KEY.to_owned(), extension.to_owned());
    }
    Arc::new(Field::clone(field).with_data_type(data_type).with_metadata(metadata))
}

/// Reads a file.
pub(super) struct Parquet {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    /// The schema that the columns are read by.
    description: SchemaDescPtr,
    /// All columns.
    schema: SchemaRef,
    /// The columns to read, by position.
    columns: Vec<usize>,
    /// The next row group.
    group: usize,
    current: Option<Group>,
    budget: Budget,
    /// Bytes of pages that may be in memory, at most or for each column.
    most: u64,
    most_each: u64,
}

/// A row group that is being read.
struct Group {
    /// None when no column is read.
    reader: Option<ParquetRecordBatchReader>,
    rows_left: usize,
    budget: Budget,
}

impl Batches for Parquet {
    fn project(&mut self, columns: &[usize]) {
        self.columns = columns.to_vec();
    }

    fn next(&mut self) -> Reading<Option<RecordBatch>> {
        loop {
            self.budget.renew(self.most.max(self.most_each * self.columns.len() as u64));
            if let Some(group) = &mut self.current {
                if let Some(batch) = group.next()? {
                    return Ok(Some(batch));
                }
                self.current = None;
            }
            if self.group == self.metadata.num_row_groups() {
                return Ok(None);
            }
            self.current = Some(self.read(self.group, &self.columns)?);
            self.group += 1;
        }
    }

    fn culprit(&mut self) -> Option<usize> {
        let group = self.group.saturating_sub(1);
        let columns = std::mem::take(&mut self.columns);
        let broken = columns.iter().position(|&column| {
            let read = || {
                let mut group = self.read(group, &[column])?;
                loop {
                    self.budget.renew(self.most);
                    if group.next()?.is_none() {
                        return Ok(());
                    }
                }
            };
            super::guarded(read).is_err()
        });
        self.columns = columns;
        broken
    }

    fn shares_memory(&self) -> bool {
        false
    }
}

impl Parquet {
    fn read(&self, number: usize, columns: &[usize]) -> Reading<Group> {
        let metadata = self.metadata.row_group(number);
        let rows_left = usize::try_from(metadata.num_rows()).map_err(|_| Fault::corrupt())?;
        let mask = ProjectionMask::roots(&self.description, columns.iter().copied());
        let rows = batch_rows(metadata, &mask);
        let levels = parquet_to_arrow_field_levels(&self.description, mask, Some(self.schema.fields()))?;
        self.budget.forget();
        let group = RowGroup {
            file: Arc::clone(&self.file),
            metadata: Arc::clone(&self.metadata),
            number,
            budget: self.budget.clone(),
        };
        let reader = match columns {
            [] => None,
            _ => Some(ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, rows, None)?),
        };
        Ok(Group { reader, rows_left, budget: self.budget.clone() })
    }
}

impl Group {
    fn next(&mut self) -> Reading<Option<RecordBatch>> {
        if self.rows_left == 0 {
            return Ok(None);
        }
        let batch = if let Some(reader) = &mut self.reader {
            let batch = reader.next().ok_or_else(|| Fault::corrupt().because("rows are missing"))?;
            batch.map_err(|error| self.budget.refusal().unwrap_or_else(|| explain(error)))?
        } else {
            let rows = self.rows_left.min(limits::BATCH_ROWS);
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)?
        };
        self.rows_left = self
            .rows_left
            .checked_sub(batch.num_rows())
            .ok_or_else(|| Fault::corrupt().because("there are too many rows"))?;
        Ok(Some(batch))
    }
}

/// On the way through the library an error of its pages becomes a text.
fn explain(error: ArrowError) -> Fault {
    match error {
        ArrowError::ParquetError(text) if text.starts_with("EOF") => Fault::cut_off().because(text),
        ArrowError::ParquetError(text) if text.contains("CRC checksum mismatch") => {
            Fault::new("a page does not have the checksum that is noted for it: it is corrupt, write it again")
                .because(text)
        }
        error => error.into(),
    }
}

/// So many rows that a record batch has about the size of one of ours.
fn batch_rows(group: &RowGroupMetaData, mask: &ProjectionMask) -> usize {
    let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
    let columns = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
    let bytes = columns.map(|(_, column)| {
        let stated = u64::try_from(column.uncompressed_size()).unwrap_or(0);
        let values = u64::try_from(column.num_values()).unwrap_or(0);
        stated.max(values.saturating_mul(value_width(column)))
    });
    let bytes = bytes.fold(0, u64::saturating_add) / rows;
    usize::try_from(limits::BATCH_BYTES as u64 / bytes.max(1))
        .unwrap_or(limits::BATCH_ROWS)
        .clamp(1, limits::BATCH_ROWS)
}

/// A row group, for the library.
struct RowGroup {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    number: usize,
    budget: Budget,
}

impl RowGroups for RowGroup {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.number).num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let column = self.metadata.row_group(self.number).column(column);
        let pages = Pages::new(Arc::clone(&self.file), column, self.num_rows(), self.budget.clone())?;
        Ok(Box::new(OneChunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.number)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}
