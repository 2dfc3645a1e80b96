//! Finds the stream of a record and appends the record to its batch.

use arrow::array::RecordBatch;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::decoder::RecordDecoder;
use super::foreign::{self, Unfit};
use super::keys::FirstLoad;
use super::meta::RawIds;
use super::nulled::Nulled;
use super::stream_batch::{Layout, Rows, StreamBatch};
use crate::json::{Kind, Scanner, SyntaxError, Token};
use crate::protocol::{DataReader, Record, StreamName};
use crate::schema::META_OF_BATCHES;

/// The batches of all streams.
pub struct Router {
    streams: Vec<RouterStream>,
    by_name: HashMap<String, Vec<usize>, RandomState>,
    ids: RawIds,
    first_load: FirstLoad,
    /// The stream whose decoder has scanned the line's data.
    scanned: Option<usize>,
    data: Token,
    /// Streams that hold rows, in order of their first.
    filled: Vec<usize>,
}

/// One stream of the router.
pub struct RouterStream {
    name: StreamName,
    layout: Layout,
    decoder: RecordDecoder,
    batch: StreamBatch,
    filled: bool,
}

impl RouterStream {
    /// A stream without rows.
    pub fn new(name: StreamName, layout: Layout) -> Self {
        Self { name, decoder: RecordDecoder::new(&layout), batch: StreamBatch::new(&layout), layout, filled: false }
    }
}

impl Router {
    /// A router over `streams`; their positions are the stream numbers it answers.
    pub fn new(streams: Vec<RouterStream>, ids: RawIds) -> Self {
        let mut by_name: HashMap<String, Vec<usize>, RandomState> = HashMap::default();
        for (i, stream) in streams.iter().enumerate() {
            by_name.entry(stream.name.name.clone()).or_default().push(i);
        }
        Self {
            streams,
            by_name,
            ids,
            first_load: FirstLoad::new(),
            scanned: None,
            data: Token::MISSING,
            filled: Vec::new(),
        }
    }

    /// The stream of that name, if the catalog has it.
    pub fn find(&self, namespace: Option<&str>, name: &str) -> Option<usize> {
        let is_it = |number: &usize| {
            self.streams
                .get(*number)
                .is_some_and(|stream| stream.name.name == name && stream.name.namespace.as_deref() == namespace)
        };
        // Mostly it is the one that was scanned.
        if let Some(scanned) = self.scanned.filter(is_it) {
            return Some(scanned);
        }
        self.by_name.get(name)?.iter().copied().find(is_it)
    }

    /// Sets the time that new raw ids carry, in milliseconds since 1970.
    pub fn set_time(&mut self, millis: u64) {
        self.ids.set_time(millis);
    }

    /// Appends a record that was parsed from `line` with this router as its reader; answers the stream's number and the
    /// bytes of the row. `now_ms` stands in for a missing `emitted_at`.
    ///
    /// # Errors
    /// A sentence when the stream is not in the catalog or the data are not JSON.
    pub fn append(&mut self, record: &Record<'_>, line: &str, now_ms: i64) -> Result<(usize, usize), String> {
        let Some(number) = self.find(record.namespace.as_deref(), &record.stream) else {
            let name = StreamName::new(record.namespace.as_deref(), &record.stream);
            return Err(format!("it is a record of stream {name}, which is not in the configured catalog"));
        };
        let Some(stream) = self.streams.get_mut(number) else { return Err("no such stream".into()) };
        if self.scanned != Some(number) {
            let mut scanner = Scanner::at(line, self.data);
            stream.decoder.scan(&mut scanner).map_err(|e| e.to_string())?;
        }
        let bytes = stream.batch.append(
            &stream.layout,
            stream.decoder.tokens(line),
            stream.decoder.left_out(),
            record.emitted_at_ms.unwrap_or(now_ms),
            record.changes.as_deref(),
            &mut self.ids,
            &mut self.first_load,
        );
        stream.decoder.shrink();
        if !stream.filled {
            stream.filled = true;
            self.filled.push(number);
        }
        Ok((number, bytes))
    }

    /// Appends the rows of a record batch to a stream; answers their bytes. `emitted_at_ms` is for rows that do not say when they
    /// were read.
    ///
    /// # Errors
    /// A sentence when a column cannot become its stream's column, whatever its values.
    pub fn append_batch(&mut self, number: usize, batch: &RecordBatch, emitted_at_ms: i64) -> Result<usize, Unfit> {
        let Some(stream) = self.streams.get_mut(number) else { return Ok(0) };
        let rows = foreign::fit(&stream.layout, batch, emitted_at_ms, &mut self.ids)?;
        let bytes = rows.bytes;
        if rows.batch.num_rows() > 0 {
            stream.batch.append_batch(rows, &mut self.first_load);
            if !stream.filled {
                stream.filled = true;
                self.filled.push(number);
            }
        }
        Ok(bytes)
    }

    /// The columns of a record batch that a stream has a use for; none when it is all of them.
    pub fn wanted(&self, number: usize) -> Option<Vec<String>> {
        let layout = &self.streams.get(number)?.layout;
        let fields = layout.columns.iter().map(|column| column.field.clone());
        let of_the_row = META_OF_BATCHES.map(str::to_owned);
        (!layout.raw).then(|| fields.chain(of_the_row).collect())
    }

    /// Gives a stream that holds no rows another layout.
    pub fn renew(&mut self, number: usize, layout: Layout) {
        if let Some(stream) = self.streams.get_mut(number) {
            debug_assert!(!stream.filled, "rows of another layout");
            *stream = RouterStream::new(stream.name.clone(), layout);
        }
    }

    /// What became NULL in the rows of a stream since this was asked last.
    pub fn take_nulled(&mut self, number: usize) -> Nulled {
        self.streams.get_mut(number).map(|stream| stream.batch.take_nulled()).unwrap_or_default()
    }

    /// Takes the rows of all streams, in the order in which the streams got their first.
    pub fn take(&mut self) -> Vec<(usize, Rows)> {
        let filled = std::mem::take(&mut self.filled);
        filled
            .into_iter()
            .filter_map(|number| {
                let stream = self.streams.get_mut(number)?;
                stream.filled = false;
                Some((number, stream.batch.take(&mut self.first_load)?))
            })
            .collect()
    }
}

impl DataReader for Router {
    fn read_data(&mut self, stream: Option<&str>, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        let mark = scanner.mark();
        let is_it = |number: &usize| self.streams.get(*number).is_some_and(|s| stream == Some(&*s.name.name));
        let only = || match &**self.by_name.get(stream?)? {
            [only] => Some(*only),
            _ => None,
        };
        // Mostly it is that of the record before.
        self.scanned = self.scanned.filter(is_it).or_else(only);
        match self.scanned.and_then(|number| self.streams.get_mut(number)) {
            Some(stream) => {
                stream.decoder.scan(scanner)?;
                self.data = scanner.object_since(mark);
            }
            None => self.data = scanner.value()?,
        }
        debug_assert_eq!(self.data.kind, Kind::Object);
        Ok(())
    }
}
