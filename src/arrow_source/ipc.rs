//! Arrow IPC: messages out of a stream, a file or bytes, and record batches out of messages.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{RecordBatchDecoder, read_dictionary, read_footer_length};
use arrow::ipc::{self, Block, MessageHeader};

use super::Batches;
use super::fault::{Fault, Reading};
use crate::limits;

const CONTINUATION: [u8; 4] = [0xFF; 4];
const MAGIC: &[u8] = b"ARROW1";
/// The magic with its padding, at the start of a file.
const HEAD_BYTES: usize = 8;
/// The footer's length and the magic, at the end of a file.
const TAIL_BYTES: usize = 10;

/// Metadata (a flatbuffer) and body.
type Message = (Vec<u8>, Buffer);

/// What opening a source answers.
type Opening<M> = Reading<(SchemaRef, Ipc<M>)>;

/// Opens a file in the streaming format.
pub(super) fn stream(file: File) -> Reading<(SchemaRef, Ipc<Stream<BufReader<File>>>)> {
    let length = file.metadata()?.len();
    Ipc::open(Stream { input: BufReader::new(file), left: length, ended: false })
}

/// Opens bytes in the streaming format.
pub(super) fn bytes(bytes: Vec<u8>) -> Opening<Stream<Buffer>> {
    let left = bytes.len() as u64;
    Ipc::open(Stream { input: Buffer::from_vec(bytes), left, ended: false })
}

/// Opens a file in the file format.
pub(super) fn file(file: File) -> Reading<(SchemaRef, Ipc<Blocks>)> {
    let length = file.metadata()?.len();
    let mut head = [0; HEAD_BYTES];
    if length >= HEAD_BYTES as u64 {
        file.read_exact_at(&mut head, 0)?;
    }
    if !head.starts_with(MAGIC) {
        return Err(not_this("arrow_file", &head));
    }
    let end =
        length.checked_sub(TAIL_BYTES as u64).filter(|end| *end >= HEAD_BYTES as u64).ok_or_else(Fault::cut_off)?;
    let mut tail = [0; TAIL_BYTES];
    file.read_exact_at(&mut tail, end)?;
    let footer_length = read_footer_length(tail).map_err(|error| Fault::cut_off().because(error))?;
    let start = end.checked_sub(footer_length as u64).ok_or_else(Fault::corrupt)?;
    if footer_length > limits::SOURCE_METADATA_BYTES {
        return Err(too_large("its footer"));
    }
    let mut footer = vec![0; footer_length];
    file.read_exact_at(&mut footer, start)?;
    let footer = ipc::root_as_footer(&footer)?;
    let schema = schema_of(footer.schema().ok_or_else(Fault::corrupt)?)?;
    let dictionaries: Vec<Block> = footer.dictionaries().iter().flatten().copied().collect();
    let batches: Vec<Block> = footer.recordBatches().ok_or_else(Fault::corrupt)?.iter().copied().collect();
    let mut decoder = Decoder::new(schema);
    let blocks = Blocks { file, end: start, batches: batches.into_iter() };
    for block in dictionaries {
        let (metadata, body) = blocks.read(&block)?;
        if decoder.take(&metadata, &body)?.is_some() {
            return Err(Fault::corrupt());
        }
    }
    let schema = Arc::clone(&decoder.schema);
    Ok((schema, Ipc { messages: blocks, decoder, last: None }))
}

/// Where messages come from.
pub(super) trait Messages: Send {
    /// The next message, or none behind the last.
    fn next(&mut self) -> Reading<Option<Message>>;
}

/// Reads record batches.
pub(super) struct Ipc<M> {
    messages: M,
    decoder: Decoder,
    /// The message that was read last.
    last: Option<Message>,
}

impl<I: Input> Ipc<Stream<I>> {
    fn open(mut messages: Stream<I>) -> Reading<(SchemaRef, Self)> {
        let Some((metadata, _)) = messages.next()? else { return Err(Fault::new("it holds no schema")) };
        let message = message_of(&metadata)?;
        let schema = message.header_as_schema().ok_or_else(|| Fault::new("it does not begin with a schema"))?;
        let decoder = Decoder::new(schema_of(schema)?);
        Ok((Arc::clone(&decoder.schema), Self { messages, decoder, last: None }))
    }
}

impl<M: Messages> Batches for Ipc<M> {
    fn project(&mut self, columns: &[usize]) {
        self.decoder.projection = Some(columns.to_vec());
    }

    fn next(&mut self) -> Reading<Option<RecordBatch>> {
        loop {
            self.last = None;
            let Some(message) = self.messages.next()? else { return Ok(None) };
            let (metadata, body) = self.last.insert(message);
            if let Some(batch) = self.decoder.take(metadata, body)? {
                return Ok(Some(batch));
            }
        }
    }

    fn culprit(&mut self) -> Option<usize> {
        let (metadata, body) = self.last.as_ref()?;
        let columns = match &self.decoder.projection {
            Some(columns) => columns.clone(),
            None => (0..self.decoder.schema.fields().len()).collect(),
        };
        let decoder = &mut self.decoder;
        let mut fails = |columns| {
            decoder.projection = Some(columns);
            super::guarded(|| decoder.take(metadata, body)).is_err()
        };
        // What is broken without any column is no column's.
        if fails(Vec::new()) {
            return None;
        }
        columns.into_iter().position(|column| fails(vec![column]))
    }

    fn shares_memory(&self) -> bool {
        self.decoder.bytes > limits::SOURCE_SHARED_BYTES
    }
}

/// The streaming format: one message behind the other, then a marker of the end.
pub(super) struct Stream<I> {
    input: I,
    /// Bytes that were not read yet.
    left: u64,
    ended: bool,
}

/// Where a stream is.
pub(super) trait Input: Send {
    /// So many bytes that are known to be there.
    fn take(&mut self, length: usize) -> Reading<Buffer>;
}

impl Input for BufReader<File> {
    fn take(&mut self, length: usize) -> Reading<Buffer> {
        let mut bytes = Vec::with_capacity(length);
        let read = Read::take(self, length as u64).read_to_end(&mut bytes)?;
        if read == length { Ok(Buffer::from_vec(bytes)) } else { Err(Fault::cut_off()) }
    }
}

/// In memory, which the arrays share.
impl Input for Buffer {
    fn take(&mut self, length: usize) -> Reading<Buffer> {
        let bytes = self.slice_with_length(0, length);
        self.advance(length);
        Ok(bytes)
    }
}

impl<I: Input> Stream<I> {
    fn word(&mut self) -> Reading<[u8; 4]> {
        self.bytes(4)?.as_slice().try_into().map_err(|_| Fault::cut_off())
    }

    /// So many bytes, which are known to be there before memory is taken for them.
    fn bytes(&mut self, length: usize) -> Reading<Buffer> {
        self.left = self.left.checked_sub(length as u64).ok_or_else(Fault::cut_off)?;
        self.input.take(length)
    }
}

impl<I: Input> Messages for Stream<I> {
    fn next(&mut self) -> Reading<Option<Message>> {
        if self.ended {
            return Ok(None);
        }
        if self.left == 0 {
            return Err(Fault::new(
                "it ends without the marker of its end, so that rows may be missing: close its writer, or write it again",
            ));
        }
        let mut word = self.word()?;
        // Before Arrow 0.15 the length came first.
        if word == CONTINUATION {
            word = self.word()?;
        } else if let Some(other) = format_of(&word) {
            return Err(Fault::new(format!("it is not an arrow_stream but {other}")));
        }
        let length = i32::from_le_bytes(word);
        if length == 0 {
            self.ended = true;
            if self.left > 0 {
                return Err(Fault::new("something follows behind its end: one file can hold one stream"));
            }
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| Fault::corrupt())?;
        if length > limits::SOURCE_METADATA_BYTES {
            return Err(if length as u64 > self.left {
                not_this("arrow_stream", &word)
            } else {
                too_large("a message")
            });
        }
        let metadata = self.bytes(length)?.to_vec();
        let body_length = body_length(&metadata)?;
        let body = self.bytes(body_length)?;
        Ok(Some((metadata, body)))
    }
}

/// The file format: the footer says where each message is.
pub(super) struct Blocks {
    file: File,
    /// Where the footer begins.
    end: u64,
    batches: std::vec::IntoIter<Block>,
}

impl Blocks {
    fn read(&self, block: &Block) -> Reading<Message> {
        let number = |n: i64| u64::try_from(n).map_err(|_| Fault::corrupt());
        let (start, metadata, body) =
            (number(block.offset())?, number(block.metaDataLength().into())?, number(block.bodyLength())?);
        let end = start.checked_add(metadata).and_then(|n| n.checked_add(body)).ok_or_else(Fault::corrupt)?;
        if end > self.end {
            return Err(Fault::corrupt());
        }
        if body > limits::SOURCE_BYTES as u64 {
            return Err(too_large("a record batch"));
        }
        if metadata > limits::SOURCE_METADATA_BYTES as u64 {
            return Err(too_large("a message"));
        }
        let read = |at: u64, length: u64| {
            let mut bytes = vec![0; usize::try_from(length).map_err(|_| Fault::corrupt())?];
            self.file.read_exact_at(&mut bytes, at)?;
            Ok::<_, Fault>(bytes)
        };
        let mut header = read(start, metadata)?;
        let prefix = if header.starts_with(&CONTINUATION) { 8 } else { 4 };
        let header = if header.len() >= prefix { header.split_off(prefix) } else { return Err(Fault::corrupt()) };
        if body_length(&header)? as u64 != body {
            return Err(Fault::corrupt());
        }
        Ok((header, Buffer::from_vec(read(start + metadata, body)?)))
    }
}

impl Messages for Blocks {
    fn next(&mut self) -> Reading<Option<Message>> {
        self.batches.next().map(|block| self.read(&block)).transpose()
    }
}

/// Turns messages into record batches.
struct Decoder {
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
    projection: Option<Vec<usize>>,
    /// What the last record batch takes when it is decompressed.
    bytes: usize,
}

impl Decoder {
    fn new(schema: SchemaRef) -> Self {
        Self { schema, dictionaries: HashMap::new(), projection: None, bytes: 0 }
    }

    /// The record batch of a message, or none when it is a dictionary's.
    fn take(&mut self, metadata: &[u8], body: &Buffer) -> Reading<Option<RecordBatch>> {
        let message = message_of(metadata)?;
        let version = message.version();
        match message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch().ok_or_else(Fault::corrupt)?;
                self.bytes = check(&batch, body)?;
                let batch =
                    RecordBatchDecoder::try_new(body, batch, Arc::clone(&self.schema), &self.dictionaries, &version)?
                        .with_projection(self.projection.as_deref())
                        .read_record_batch()?;
                Ok(Some(batch))
            }
            MessageHeader::DictionaryBatch => {
                let dictionary = message.header_as_dictionary_batch().ok_or_else(Fault::corrupt)?;
                check(&dictionary.data().ok_or_else(Fault::corrupt)?, body)?;
                read_dictionary(body, dictionary, &self.schema, &mut self.dictionaries, &version)?;
                let bytes: usize = self.dictionaries.values().map(|values| values.get_array_memory_size()).sum();
                if bytes > limits::SOURCE_BYTES {
                    return Err(too_large("its dictionaries"));
                }
                Ok(None)
            }
            MessageHeader::Schema => Err(Fault::new("it holds a second schema: one stream can hold one")),
            _ => Err(Fault::new("it holds something else than record batches, which this connector does not know")),
        }
    }
}

/// Checks every size that a record batch states against what is there, before anything is decoded -> the bytes that it takes then.
fn check(batch: &ipc::RecordBatch<'_>, body: &Buffer) -> Reading<usize> {
    let rows = usize::try_from(batch.length()).map_err(|_| Fault::corrupt())?;
    if rows > limits::SOURCE_ROWS {
        return Err(too_large("a record batch"));
    }
    // A value takes no less than a bit, but for those that are nothing at all.
    let most = (limits::SOURCE_BYTES as i64) * 8;
    let nodes = batch.nodes().ok_or_else(Fault::corrupt)?;
    if nodes
        .iter()
        .any(|node| !(0..=most).contains(&node.length()) || !(0..=node.length()).contains(&node.null_count()))
    {
        return Err(Fault::corrupt());
    }
    let compressed = batch.compression().is_some();
    let mut bytes: usize = 0;
    for buffer in batch.buffers().ok_or_else(Fault::corrupt)? {
        let start = usize::try_from(buffer.offset()).map_err(|_| Fault::corrupt())?;
        let length = usize::try_from(buffer.length()).map_err(|_| Fault::corrupt())?;
        let end = start.checked_add(length).ok_or_else(Fault::corrupt)?;
        let buffer = body.as_slice().get(start..end).ok_or_else(Fault::corrupt)?;
        let mut length = length;
        if compressed && let Some(prefix) = buffer.first_chunk() {
            let stated = i64::from_le_bytes(*prefix);
            // -1: stored as it is.
            if stated != -1 {
                length = usize::try_from(stated).map_err(|_| Fault::corrupt())?;
            }
        }
        bytes = bytes.saturating_add(length);
    }
    if bytes > limits::SOURCE_BYTES {
        return Err(too_large("a record batch"));
    }
    Ok(bytes.max(body.len()))
}

fn message_of(metadata: &[u8]) -> Reading<ipc::Message<'_>> {
    Ok(ipc::root_as_message(metadata)?)
}

fn body_length(metadata: &[u8]) -> Reading<usize> {
    let length = usize::try_from(message_of(metadata)?.bodyLength()).map_err(|_| Fault::corrupt())?;
    if length > limits::SOURCE_BYTES { Err(too_large("a record batch")) } else { Ok(length) }
}

fn schema_of(schema: ipc::Schema<'_>) -> Reading<SchemaRef> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err(Fault::new("its numbers are in the byte order of another kind of machine: write it little-endian"));
    }
    Ok(Arc::new(ipc::convert::try_fb_to_schema(schema)?))
}

fn too_large(what: &str) -> Fault {
    let most = limits::SOURCE_BYTES >> 20;
    Fault::new(format!("{what} is larger than this connector accepts ({most} MiB): write smaller record batches"))
}

fn not_this(format: &str, start: &[u8]) -> Fault {
    match format_of(start) {
        Some(other) => Fault::new(format!("it is not an {format} but {other}")),
        None => Fault::new(format!("it is not an {format}")),
    }
}

/// What a file that begins so is.
fn format_of(start: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 4] = [
        (b"ARRO", "an arrow_file"),
        (b"PAR1", "parquet"),
        (b"PARE", "parquet"),
        (b"FEA1", "a file of Feather's first version"),
    ];
    if start.starts_with(&CONTINUATION) {
        return Some("an arrow_stream");
    }
    FORMATS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| *name)
}
