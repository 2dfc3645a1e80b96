//! Arrow IPC and Parquet -> record batches of bounded size, one at a time.
//!
//! Owns: which files may be opened ([`Roots`]), the formats ([`ipc`], [`parquet`]), and how much of a file is in memory.
//! Invariants: what a file says of its own sizes is checked before anything is allocated for it; every array is validated before
//! it leaves; a panic of the libraries on a corrupt file is an error of the file; no message holds a value.

mod fault;
mod ipc;
mod pages;
mod parquet;
mod roots;
mod slices;
#[cfg(test)]
mod tests;
mod thrift;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};

use crate::error::{ErrorKind, Result};
use crate::limits;
use crate::panics;
use crate::protocol::BatchFormat;
use fault::{Fault, Reading};
pub use roots::Roots;
use slices::Slices;
pub use slices::size;

/// Reads the record batches of one file or of one message's data.
pub struct Source {
    /// What it is, for messages.
    name: String,
    schema: SchemaRef,
    reader: Box<dyn Batches>,
    slices: Option<Slices>,
    broken: bool,
}

/// The data of a message: its bytes, or why it has none.
pub struct Inline(Reading<Vec<u8>>);

impl Inline {
    /// Decodes base64.
    pub fn decode(base64: &str) -> Self {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
        Self(bytes.map_err(|error| Fault::new("it is not base64").because(error)))
    }
}

/// One format.
trait Batches: Send {
    /// Leaves out all columns but these, by position.
    fn project(&mut self, columns: &[usize]);

    /// The next record batch, or none behind the last.
    fn next(&mut self) -> Reading<Option<RecordBatch>>;

    /// Which column of what [`Batches::next`] has just failed at is the broken one, by position.
    fn culprit(&mut self) -> Option<usize>;

    /// The memory of a record batch is one piece, of which any column holds all.
    fn shares_memory(&self) -> bool;
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ErrorKind::Batch`] for a URL that may not be opened, and for a file that cannot be read or is not of that format.
    pub fn file(url: &str, format: BatchFormat, roots: &Roots) -> Result<Self> {
        let opened = roots.open(url)?;
        let (file, path) = (opened.file, opened.path);
        Self::open(format!("file {path}"), || match format {
            BatchFormat::ArrowStream => boxed(ipc::stream(file)),
            BatchFormat::ArrowFile => boxed(ipc::file(file)),
            BatchFormat::Parquet => boxed(parquet::open(file)),
        })
    }

    /// Opens one Arrow IPC stream that came in a message.
    ///
    /// # Errors
    /// [`ErrorKind::Batch`] when it is none.
    pub fn inline(data: Inline) -> Result<Self> {
        Self::open("the data of the message".into(), || boxed(ipc::bytes(data.0?)))
    }

    fn open(name: String, open: impl FnOnce() -> Reading<Opened>) -> Result<Self> {
        match guarded(open) {
            Ok((schema, reader)) => Ok(Self { name, schema, reader, slices: None, broken: false }),
            Err(fault) => Err(fault.into_error(ErrorKind::Batch, &name)),
        }
    }

    /// What it is, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Leaves out every column but those that are wanted.
    pub fn project(&mut self, wanted: impl Fn(&str) -> bool) {
        let columns: Vec<usize> =
            (0..self.schema.fields().len()).filter(|&i| wanted(self.schema.field(i).name())).collect();
        if columns.len() < self.schema.fields().len() {
            let fields: Vec<FieldRef> = columns.iter().filter_map(|&i| self.schema.fields().get(i).cloned()).collect();
            self.schema = Arc::new(Schema::new(fields));
            self.reader.project(&columns);
        }
    }

    /// The next rows, at most [`crate::limits::BATCH_ROWS`] of them and about [`crate::limits::BATCH_BYTES`]; none behind the last.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when the file turns out to be broken; there is nothing more then.
    pub fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        if self.broken {
            return Ok(None);
        }
        let next = guarded(|| {
            loop {
                if let Some(slice) = self.slices.as_mut().map(Slices::next_slice).transpose()?.flatten() {
                    return Ok(Some(slice));
                }
                self.slices = None;
                let Some(batch) = self.reader.next()? else { return Ok(None) };
                self.slices = Some(Slices::of(batch, self.reader.shares_memory()));
            }
        });
        next.map_err(|fault| {
            self.broken = true;
            let column = guarded(|| Ok(self.reader.culprit())).ok().flatten();
            let column = column.and_then(|i| self.schema.fields().get(i)).map(|field| field.name().as_str());
            fault.in_column(column).into_error(ErrorKind::Input, &self.name)
        })
    }
}

/// What opening a format answers.
type Opened = (SchemaRef, Box<dyn Batches>);

fn boxed<B: Batches + 'static>(opened: Reading<(SchemaRef, B)>) -> Reading<Opened> {
    let (schema, reader) = opened?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = schema.fields().iter().find(|field| !seen.insert(field.name())) {
        return Err(Fault::new(format!("it has two columns of the name \"{}\": rename one of them", twice.name())));
    }
    if let Some(deep) = schema.fields().iter().find(|field| depth(field.data_type()) > limits::ARROW_DEPTH) {
        return Err(Fault::too_deep().in_column(Some(deep.name())));
    }
    Ok((schema, Box::new(reader)))
}

/// The levels of a type below its first.
fn depth(data_type: &DataType) -> usize {
    use DataType as D;
    let deepest = match data_type {
        D::Dictionary(_, value) => Some(depth(value)),
        D::RunEndEncoded(_, inner)
        | D::List(inner)
        | D::LargeList(inner)
        | D::ListView(inner)
        | D::LargeListView(inner)
        | D::FixedSizeList(inner, _)
        | D::Map(inner, _) => Some(depth(inner.data_type())),
        D::Struct(fields) => fields.iter().map(|field| depth(field.data_type())).max(),
        D::Union(fields, _) => fields.iter().map(|(_, field)| depth(field.data_type())).max(),
        _ => None,
    };
    deepest.map_or(0, |levels| levels + 1)
}

/// Runs what calls the libraries. They check most of what they read, but not all.
fn guarded<T>(read: impl FnOnce() -> Reading<T>) -> Reading<T> {
    panics::contained(read).unwrap_or_else(|| Err(Fault::corrupt().because("a library panicked")))
}
