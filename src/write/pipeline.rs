//! stdin -> batches -> windows -> acknowledgements, in one task; the window that loads does so on a thread.
//!
//! Invariants: at most two windows are in memory, one that fills and one that loads; while both are full nothing is
//! read from stdin; no transaction is open while the source is waited for.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::input::{Chunk, TOO_LONG};
use super::ledger::{Ledger, Waiting};
use super::load::{Loader, StreamLoad};
use super::manifest::{self, Held, Piece};
use super::progress::Progress;
use super::{Context, Target};
use crate::arrow_source::{Inline, Roots};
use crate::batch::Router;
use crate::error::{Error, ErrorKind, Result, StreamName};
use crate::limits;
use crate::protocol::{self, BatchRows, Message, Status};
use crate::signals::{Signal, Termination};

/// Harmless before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How the input ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// stdin was closed.
    Input,
    /// We were told to stop.
    Terminated(Signal),
}

/// What a source says of its streams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Completion {
    pub complete: bool,
    pub incomplete: bool,
}

/// What is left when the input has ended and every state is acknowledged.
pub(super) struct Finished {
    pub loader: Box<Loader>,
    pub completion: Vec<Completion>,
    pub end: End,
}

/// The run from the first line to the last commit.
pub(super) struct Pipeline {
    cx: Arc<Context>,
    router: Router,
    ledger: Ledger,
    completion: Vec<Completion>,
    progress: Progress,
    /// Bytes of the window that fills.
    bytes: usize,
    /// When the window's first row or state arrived.
    since: Option<Instant>,
    lines: u64,
    roots: Roots,
    /// The message that stdin waits behind.
    batch: Option<Batch>,
    /// The window that fills has a large row of the batch: nothing more is read before it is loaded.
    held: Option<Held>,
    /// By stream, for those that declare no fields.
    open: Vec<Option<Open>>,
}

/// A BATCH whose rows are being taken in.
struct Batch {
    stream: usize,
    name: StreamName,
    emitted_at_ms: i64,
    pieces: mpsc::Receiver<Result<Piece>>,
    /// The file that is being read.
    file: String,
    /// The columns of this file are to become the stream's, once nothing else is under way.
    opening: bool,
    /// What stdin holds behind the message, as far as it was read.
    rest: Bytes,
}

/// What is too large to be taken in beside other rows.
enum Large {
    Chunk(Bytes),
    Piece(Piece),
}

/// A stream that declares no fields.
struct Open {
    /// Its rows are merged by a key, which nobody knows before the columns are known.
    keyed: bool,
    /// Its first file and the columns of that.
    columns: Option<(String, SchemaRef)>,
}

/// A window on its way, with the loader that carries it; in the end with the states that hold, and how it ended.
type Loading = JoinHandle<(Box<Loader>, Vec<Waiting>, Result<()>)>;

impl Pipeline {
    pub fn new(cx: Arc<Context>, router: Router, targets: &[Target]) -> Self {
        Self {
            ledger: Ledger::new(targets.len()),
            completion: vec![Completion::default(); targets.len()],
            progress: Progress::new(Arc::clone(&cx)),
            roots: Roots::from_environment(),
            batch: None,
            held: None,
            open: targets
                .iter()
                .map(|t| t.schema.is_open().then_some(Open { keyed: t.is_merged(), columns: None }))
                .collect(),
            cx,
            router,
            bytes: 0,
            since: None,
            lines: 0,
        }
    }

    /// Runs until the input ends, everything is durable and every state is acknowledged.
    pub async fn run(
        mut self,
        loader: Box<Loader>,
        mut chunks: mpsc::Receiver<Chunk>,
        mut termination: Termination,
    ) -> Result<Finished> {
        let interval = Duration::from_secs(self.cx.config.commit_interval_seconds);
        let mut idle = Some(loader);
        let mut loading: Option<Loading> = None;
        let mut outcome = Ok(End::Input);
        let mut large: Option<Large> = None;
        loop {
            let opening = self.batch.as_ref().is_some_and(|batch| batch.opening);
            let due = self.bytes >= limits::WINDOW_BYTES
                || self.since.is_some_and(|since| since.elapsed() >= interval)
                || ((opening || large.is_some() || self.held.is_some()) && self.bytes > 0);
            if due && let Some(loader) = idle.take() {
                loading = Some(self.start(loader));
                continue;
            }
            if loading.is_none()
                && let Some(large) = large.take()
            {
                let taken = match large {
                    Large::Chunk(chunk) => self.take_in(&chunk),
                    Large::Piece(piece) => self.take_in_piece(Ok(piece)),
                };
                if let Err(error) = taken {
                    outcome = Err(error);
                    break;
                }
                continue;
            }
            if opening
                && loading.is_none()
                && self.bytes == 0
                && let Some(loader) = &mut idle
            {
                tokio::select! {
                    biased;
                    signal = termination.requested() => {
                        outcome = Ok(End::Terminated(signal));
                        break;
                    }
                    opened = self.open(loader) => {
                        if let Err(error) = opened {
                            outcome = Err(error);
                            break;
                        }
                    }
                }
                continue;
            }
            let deadline = self.since.map_or_else(|| Instant::now() + interval, |since| since + interval);
            tokio::select! {
                biased;
                signal = termination.requested() => {
                    outcome = Ok(End::Terminated(signal));
                    break;
                }
                done = finished(&mut loading), if loading.is_some() => {
                    loading = None;
                    let (loader, states, result) = done?;
                    idle = Some(loader);
                    if let Err(error) = self.acknowledge(&states).and(result) {
                        outcome = Err(error);
                        break;
                    }
                }
                input = next(&self.cx, &mut self.batch, &mut chunks),
                    if !opening && large.is_none() && (self.bytes < limits::WINDOW_BYTES || idle.is_some()) =>
                {
                    let taken = match input {
                        Input::Chunk(None) => break,
                        Input::Chunk(Some(Ok(chunk))) if chunk.len() >= limits::LARGE_CHUNK_BYTES => {
                            large = Some(Large::Chunk(chunk.into()));
                            Ok(())
                        }
                        Input::Chunk(Some(Ok(chunk))) => self.take_in(&chunk.into()),
                        Input::Chunk(Some(Err(error))) => Err(error.context(&cannot_be_used(self.lines + 1))),
                        Input::Piece(Some(Ok(piece @ Piece::Large(..)))) => {
                            large = Some(Large::Piece(piece));
                            Ok(())
                        }
                        Input::Piece(Some(piece)) => self.take_in_piece(piece),
                        Input::Piece(None) => self.batch.take().map_or(Ok(()), |batch| self.take_in(&batch.rest)),
                    };
                    if let Err(error) = taken {
                        outcome = Err(error);
                        break;
                    }
                }
                () = tokio::time::sleep_until(deadline), if self.since.is_some() && idle.is_some() => {}
            }
        }
        // What was under way is brought to its end: its states are good whatever happened since.
        if let Some(handle) = loading {
            let (loader, states, result) = joined(handle.await)?;
            idle = Some(loader);
            let acknowledged = self.acknowledge(&states).and(result);
            // Nothing is loaded after a window that was not, whatever the input is like.
            if outcome
                .as_ref()
                .map_or_else(|error| matches!(error.kind(), ErrorKind::Batch | ErrorKind::Input), |_| true)
            {
                outcome = acknowledged.and(outcome);
            }
        }
        // Lines before one that cannot be used are good, so they are committed like those before the end of input.
        let (end, bad_input) = match outcome {
            Ok(end) => (end, None),
            Err(error) if matches!(error.kind(), ErrorKind::Batch | ErrorKind::Input) => (End::Input, Some(error)),
            Err(error) => return Err(error),
        };
        let Some(loader) = idle else {
            return Err(Error::new(ErrorKind::Internal, "the loader is gone"));
        };
        let last = self.start(loader);
        let (loader, states, result) = joined(last.await)?;
        self.acknowledge(&states).and(result)?;
        match bad_input {
            Some(error) => Err(error),
            None => Ok(Finished { loader, completion: self.completion, end }),
        }
    }

    /// Closes the window and loads it on a thread of its own.
    fn start(&mut self, mut loader: Box<Loader>) -> Loading {
        let states = self.ledger.close_window();
        let load = |(stream, rows)| StreamLoad::new(&self.cx, stream, rows, &states);
        let loads: Vec<StreamLoad> = self.router.take().into_iter().map(load).collect();
        for StreamLoad { stream, .. } in &loads {
            self.cx.summary.nulled(*stream, &self.router.take_nulled(*stream));
        }
        self.bytes = 0;
        self.since = None;
        let held = self.held.take();
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let (states, result) = runtime.block_on(loader.load(&loads, states));
            drop(loads);
            drop(held);
            (loader, states, result)
        })
    }

    fn acknowledge(&mut self, states: &[Waiting]) -> Result<()> {
        states.iter().try_for_each(|state| self.cx.output.line(&state.acknowledgement()))
    }

    /// Takes in a chunk of whole lines, up to a BATCH: its rows come first.
    fn take_in(&mut self, chunk: &Bytes) -> Result<()> {
        let cx = Arc::clone(&self.cx);
        let _time = cx.summary.parses();
        let now = protocol::now_ms();
        self.router.set_time(u64::try_from(now).unwrap_or(0));
        let marks = if self.lines == 0 {
            chunk.chunks_exact(BYTE_ORDER_MARK.len()).take_while(|bytes| *bytes == BYTE_ORDER_MARK).count()
        } else {
            0
        };
        let unmarked = chunk.get(marks * BYTE_ORDER_MARK.len()..).unwrap_or_default();
        let taken = if let Ok(text) = simdutf8::basic::from_utf8(unmarked) {
            self.take_in_lines(text, now)?
        } else {
            let line = unmarked
                .split(|&byte| byte == b'\n')
                .position(|line| simdutf8::basic::from_utf8(line).is_err())
                .unwrap_or(0);
            let good = unmarked.split(|&byte| byte == b'\n').take(line).map(|l| l.len() + 1).sum::<usize>();
            // The lines before it still count.
            let good = std::str::from_utf8(unmarked.get(..good).unwrap_or_default()).unwrap_or_default();
            let taken = self.take_in_lines(good, now)?;
            if self.batch.is_none() {
                self.lines += 1;
                return Err(self.refuse(&BadLine::from("it is not valid UTF-8".to_owned())));
            }
            taken
        };
        if let Some(batch) = &mut self.batch {
            // A copy: the line of the batch may be large, and what follows it in a chunk is not.
            batch.rest = Bytes::copy_from_slice(unmarked.get(taken..).unwrap_or_default());
        }
        Ok(())
    }

    /// Takes in lines up to a BATCH, and answers how many bytes.
    fn take_in_lines(&mut self, text: &str, now: i64) -> Result<usize> {
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
        for end in ends {
            let line = text.get(start..end).unwrap_or_default().trim_ascii();
            if end < text.len() || start < end {
                self.lines += 1;
            }
            start = end + 1;
            if line.len() > limits::LINE_BYTES {
                return Err(self.refuse(&BadLine::from(TOO_LONG.to_owned())));
            }
            if !line.is_empty() {
                self.take_in_line(line, now).map_err(|mut bad| {
                    if end == text.len() {
                        bad.reason.push_str(", and the input ends in it: was the source cut off?");
                    }
                    self.refuse(&bad)
                })?;
            }
            if self.batch.is_some() {
                break;
            }
        }
        let taken = start.min(text.len());
        self.progress.tick(taken);
        self.wait_from_now();
        Ok(taken)
    }

    /// Gives the batch's stream the columns of its file.
    async fn open(&mut self, loader: &mut Loader) -> Result<()> {
        let Some(batch) = &mut self.batch else { return Ok(()) };
        let columns = self.open.get(batch.stream).and_then(Option::as_ref).and_then(|open| open.columns.as_ref());
        if let Some((file, columns)) = columns {
            let layout = loader.open(batch.stream, file, columns).await.map_err(|error| {
                error.context(&format!("line {} of the input", self.lines)).with_stream(&batch.name)
            })?;
            self.router.renew(batch.stream, layout);
        }
        batch.opening = false;
        Ok(())
    }

    /// The window's first row or state has arrived, unless one had before.
    fn wait_from_now(&mut self) {
        if self.since.is_none() && self.bytes > 0 {
            self.since = Some(Instant::now());
        }
    }

    /// Takes in what was read for a BATCH.
    fn take_in_piece(&mut self, piece: Result<Piece>) -> Result<()> {
        let cx = Arc::clone(&self.cx);
        let _time = cx.summary.parses();
        let Some(batch) = &mut self.batch else { return Ok(()) };
        let name = batch.name.clone();
        let at = |error: Error| error.context(&format!("line {} of the input", self.lines)).with_stream(&name);
        let rows = match piece.map_err(at)? {
            Piece::Opened { name, schema } => {
                if let Some(open) = self.open.get_mut(batch.stream).and_then(Option::as_mut) {
                    if let Some((file, columns)) = &open.columns {
                        manifest::refuse_change(file, columns, &name, &schema).map_err(at)?;
                    } else {
                        open.columns = Some((name.clone(), schema));
                        batch.opening = true;
                    }
                }
                batch.file = name;
                return Ok(());
            }
            Piece::Rows(rows) => rows,
            Piece::Large(rows, held) => {
                self.held = Some(held);
                rows
            }
        };
        self.router.set_time(u64::try_from(protocol::now_ms()).unwrap_or(0));
        let bytes = self
            .router
            .append_batch(batch.stream, &rows, batch.emitted_at_ms)
            .map_err(|unfit| at(Error::new(ErrorKind::Batch, format!("{}: {unfit}", batch.file))))?;
        self.bytes += bytes;
        self.ledger.records(batch.stream, rows.num_rows() as u64);
        self.cx.summary.read(batch.stream, rows.num_rows() as u64, bytes);
        self.progress.tick(bytes);
        self.wait_from_now();
        Ok(())
    }

    fn take_in_line(&mut self, line: &str, now: i64) -> std::result::Result<(), BadLine> {
        match protocol::parse_line(line, &mut self.router)? {
            Message::Record(record) => {
                self.refuse_unkeyed(&record)?;
                let (stream, bytes) = self.router.append(&record, line, now).map_err(|reason| BadLine {
                    reason,
                    stream: Some(StreamName::new(record.namespace.as_deref(), &record.stream)),
                })?;
                self.bytes += bytes;
                self.ledger.records(stream, 1);
                self.cx.summary.read(stream, 1, line.len());
            }
            Message::Batch(batch) => {
                let name = StreamName::new(batch.namespace.as_deref(), &batch.stream);
                let Some(stream) = self.router.find(batch.namespace.as_deref(), &batch.stream) else {
                    let reason = format!("it is a batch of stream {name}, which is not in the configured catalog");
                    return Err(BadLine { reason, stream: Some(name) });
                };
                let rows = match batch.rows {
                    BatchRows::Files(format, urls) => manifest::Rows::Files(format, urls),
                    BatchRows::Inline(data) => manifest::Rows::Inline(Inline::decode(&data)),
                };
                // Where nothing is declared, nothing is left out: a new column is an error.
                let declared = self.open.get(stream).is_none_or(Option::is_none);
                let wanted = if declared { self.router.wanted(stream) } else { None };
                let pieces = manifest::spawn(rows, wanted, &self.roots);
                let emitted_at_ms = batch.emitted_at_ms.unwrap_or(now);
                self.batch = Some(Batch {
                    stream,
                    name,
                    emitted_at_ms,
                    pieces,
                    file: String::new(),
                    opening: false,
                    rest: Bytes::new(),
                });
            }
            Message::State(state) => {
                let stream = match &state.scope {
                    protocol::StateScope::Stream(name) => self.router.find(name.namespace.as_deref(), &name.name),
                    protocol::StateScope::Global => None,
                };
                self.bytes += line.len();
                self.ledger.state(state, stream);
            }
            Message::Status(name, status) => {
                // A status of another stream says nothing about ours.
                let number = self.router.find(name.namespace.as_deref(), &name.name);
                if let Some(completion) = number.and_then(|number| self.completion.get_mut(number)) {
                    match status {
                        Status::Complete => completion.complete = true,
                        Status::Incomplete => completion.incomplete = true,
                        Status::Other => {}
                    }
                }
            }
            Message::Ignored => {}
        }
        Ok(())
    }

    /// A record cannot be merged by a key that is not known.
    fn refuse_unkeyed(&self, record: &protocol::Record<'_>) -> std::result::Result<(), BadLine> {
        let stream = self.router.find(record.namespace.as_deref(), &record.stream);
        match stream.and_then(|stream| self.open.get(stream)).and_then(Option::as_ref) {
            Some(Open { keyed: true, columns: None }) => {
                let name = StreamName::new(record.namespace.as_deref(), &record.stream);
                let reason = format!(
                    "stream {name} has a primary key but declares no fields, so its records cannot be stored before its \
                     first BATCH: declare its fields in the catalog"
                );
                Err(BadLine { reason, stream: Some(name) })
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, bad: &BadLine) -> Error {
        let error = Error::new(ErrorKind::Input, &*bad.reason).context(&cannot_be_used(self.lines));
        match &bad.stream {
            Some(name) => error.with_stream(name),
            None => error,
        }
    }
}

fn cannot_be_used(line: u64) -> String {
    format!("line {line} of the input cannot be used")
}

/// Why a line cannot be used, and whose it is where the line says so.
struct BadLine {
    reason: String,
    stream: Option<StreamName>,
}

impl From<String> for BadLine {
    fn from(reason: String) -> Self {
        Self { reason, stream: None }
    }
}

/// What comes next: of a BATCH, or else of stdin.
enum Input {
    Chunk(Option<Chunk>),
    Piece(Option<Result<Piece>>),
}

async fn next(cx: &Context, batch: &mut Option<Batch>, chunks: &mut mpsc::Receiver<Chunk>) -> Input {
    let _time = cx.summary.waits_for_input();
    match batch {
        Some(batch) => Input::Piece(batch.pieces.recv().await),
        None => Input::Chunk(chunks.recv().await),
    }
}

async fn finished(loading: &mut Option<Loading>) -> Result<(Box<Loader>, Vec<Waiting>, Result<()>)> {
    match loading {
        Some(handle) => joined(handle.await),
        None => std::future::pending().await,
    }
}

fn joined<T>(joined: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    joined.map_err(|e| Error::new(ErrorKind::Internal, "the task that loads rows failed").with_source(e))
}
