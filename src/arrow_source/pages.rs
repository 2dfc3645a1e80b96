//! The pages of one column chunk of a Parquet file, none of them larger than what is allowed.
//!
//! The library believes the sizes in a page's header, and of some formats of compression not even those bound what comes out.

use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::fault::Fault;
use super::thrift;
use crate::limits;

/// How many bytes of pages may be in memory: those that are read for one record batch, and those that are held since before.
#[derive(Clone, Default)]
pub(super) struct Budget(Arc<Mutex<Spending>>);

#[derive(Default)]
struct Spending {
    most: u64,
    left: u64,
    /// Of each column chunk the pages that its reader holds.
    held: Vec<Held>,
    /// What was refused: the library loses it on the way.
    refusal: Option<Fault>,
}

/// Bytes of a dictionary and of the page of values that was read last.
#[derive(Clone, Copy, Default)]
struct Held {
    dictionary: u64,
    values: u64,
}

impl Budget {
    /// A new record batch begins. Its values may refer to any page that is read for it, but to none that was let go before.
    pub fn renew(&self, bytes: u64) {
        let mut spending = self.spending();
        let held = spending.held.iter().fold(0, |sum: u64, held| sum.saturating_add(held.dictionary + held.values));
        spending.most = bytes;
        spending.left = bytes.saturating_sub(held);
        spending.refusal = None;
    }

    /// No column chunk is read any more.
    pub fn forget(&self) {
        self.spending().held.clear();
    }

    /// The number of another column chunk that is read.
    fn chunk(&self) -> usize {
        let mut spending = self.spending();
        spending.held.push(Held::default());
        spending.held.len() - 1
    }

    fn hold(&self, chunk: usize, page: &Page) {
        if let Some(held) = self.spending().held.get_mut(chunk) {
            let bytes = page.buffer().len() as u64;
            if page.is_dictionary_page() { held.dictionary = bytes } else { held.values = bytes }
        }
    }

    /// Why the library was stopped, if it was here.
    pub fn refusal(&self) -> Option<Fault> {
        self.spending().refusal.take()
    }

    fn spending(&self) -> MutexGuard<'_, Spending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: u64) -> Result<()> {
        let left = self.spending().left.checked_sub(bytes);
        if let Some(left) = left {
            self.spending().left = left;
            return Ok(());
        }
        let most = self.spending().most >> 20;
        Err(self.refuse(Fault::new(format!("its pages take more than {most} MiB at once: write smaller pages"))))
    }

    fn refuse(&self, fault: Fault) -> ParquetError {
        let error = ParquetError::General(fault.to_string());
        self.spending().refusal = Some(fault);
        error
    }
}

/// Reads the pages of a column chunk.
pub(super) struct Pages {
    inner: SerializedPageReader<Chunk>,
    budget: Budget,
    /// Its number in the budget.
    chunk: usize,
    /// Bytes that a value takes where few bytes can stand for many values: in lists.
    width: u64,
}

impl Pages {
    pub fn new(file: Arc<File>, column: &ColumnChunkMetaData, rows: usize, budget: Budget) -> Result<Self> {
        // What the deprecated LZ4 holds is not guessed at, since a guess has no bounds.
        let properties = ReaderProperties::builder().set_backward_compatible_lz4(false).build();
        let (start, length) = column.byte_range();
        let chunk = Chunk { file, start, length, compression: column.compression(), budget: budget.clone() };
        let repeated = column.column_descr().max_rep_level() > 0;
        Ok(Self {
            inner: SerializedPageReader::new_with_properties(
                Arc::new(chunk),
                column,
                rows,
                None,
                Arc::new(properties),
            )?,
            chunk: budget.chunk(),
            budget,
            width: if repeated { value_width(column) } else { 0 },
        })
    }
}

/// Bytes that a value of the column takes in an array.
pub(super) fn value_width(column: &ColumnChunkMetaData) -> u64 {
    use parquet::basic::Type;
    match column.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::BYTE_ARRAY => 16,
        Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.column_descr().type_length()).unwrap_or(0).max(1),
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        if let Some(page) = &page {
            self.budget.hold(self.chunk, page);
            self.budget.take(u64::from(page.num_values()).saturating_mul(self.width))?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

/// One column chunk's pages, as an iterator over the chunks of one.
pub(super) struct OneChunk(pub Option<Pages>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for OneChunk {}

/// The bytes of a column chunk, which is known to lie within the file.
struct Chunk {
    file: Arc<File>,
    start: u64,
    length: u64,
    compression: Compression,
    budget: Budget,
}

impl Chunk {
    fn left(&self, at: u64) -> Result<u64> {
        let end = self.start + self.length;
        let inside = at >= self.start && at <= end;
        if inside { Ok(end - at) } else { Err(ParquetError::EOF("a page is outside of its column chunk".into())) }
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.length
    }
}

impl ChunkReader for Chunk {
    type T = Header;

    /// Called for the header of a page; but also where the header is known already, and then nothing is read.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let part = Part { file: Arc::clone(&self.file), at: start, left: self.left(start)? };
        Ok(Header { part, start: Cursor::default(), budget: Some(self.budget.clone()) })
    }

    /// Called for what is in a page.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if length as u64 > self.left(start)? {
            return Err(ParquetError::EOF("a page is longer than its column chunk".into()));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start).map_err(|error| self.budget.refuse(error.into()))?;
        if is_bomb(self.compression, &bytes) {
            return Err(self.budget.refuse(too_large()));
        }
        Ok(bytes.into())
    }
}

/// Whether more comes out of a page than may, where the library takes all that does.
fn is_bomb(compression: Compression, bytes: &[u8]) -> bool {
    /// The most that a byte of DEFLATE can stand for.
    const DEFLATE: usize = 1_032;
    let most = limits::SOURCE_PAGE_BYTES as u64;
    // A page that does not decompress is the library's to refuse.
    let count = |reader: &mut dyn Read| std::io::copy(&mut reader.take(most + 1), &mut std::io::sink()).unwrap_or(0);
    match compression {
        Compression::GZIP(_) if bytes.len() > limits::SOURCE_PAGE_BYTES / DEFLATE => {
            count(&mut flate2::read::MultiGzDecoder::new(bytes)) > most
        }
        Compression::BROTLI(_) => count(&mut brotli::Decompressor::new(bytes, 4_096)) > most,
        _ => false,
    }
}

fn too_large() -> Fault {
    let most = limits::SOURCE_PAGE_BYTES >> 20;
    Fault::new(format!("a page is larger than this connector accepts ({most} MiB): write smaller pages"))
}

/// The header of a page, whose sizes are looked at before anybody else sees them.
pub(super) struct Header {
    part: Part,
    /// What was read of it, all of the header at least.
    start: Cursor<Vec<u8>>,
    /// Of the sizes that were not looked at yet.
    budget: Option<Budget>,
}

impl Header {
    fn look(&mut self, budget: &Budget) -> std::io::Result<()> {
        const FIRST: usize = 8 << 10;
        let refuse = |fault| std::io::Error::other(budget.refuse(fault));
        let start = self.start.get_mut();
        let mut most = FIRST;
        let uncompressed = loop {
            (&mut self.part).take((most - start.len()) as u64).read_to_end(start)?;
            match thrift::page_bytes(start) {
                Ok(bytes) => break bytes,
                // Statistics can be long.
                Err(_) if start.len() == most && most < limits::SOURCE_PAGE_HEADER_BYTES => most *= 2,
                Err(fault) => return Err(refuse(fault)),
            }
        };
        if uncompressed > limits::SOURCE_PAGE_BYTES as u64 {
            return Err(refuse(too_large()));
        }
        budget.take(uncompressed).map_err(std::io::Error::other)
    }
}

impl Read for Header {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(budget) = self.budget.take() {
            self.look(&budget)?;
        }
        match self.start.read(buffer)? {
            0 => self.part.read(buffer),
            read => Ok(read),
        }
    }
}

/// A piece of a file.
pub(super) struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
