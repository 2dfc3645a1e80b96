//! What a sync has done so far, counted by stream.
//!
//! What is read is counted as it comes, what is loaded when its transaction has committed: work that is done again counts
//! once.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::Nulled;
use crate::error::StreamName;

/// What one transaction, or several, did to a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loaded {
    /// Rows that were inserted or updated.
    pub merged: u64,
    /// Rows that were deleted because the source had.
    pub deleted: u64,
    /// Time in COPY.
    pub copying: Duration,
    /// Time in the statements that bring rows from a temporary table into their own.
    pub merging: Duration,
}

impl AddAssign for Loaded {
    fn add_assign(&mut self, other: Self) {
        self.merged += other.merged;
        self.deleted += other.deleted;
        self.copying += other.copying;
        self.merging += other.merging;
    }
}

/// The counts of a sync.
pub(crate) struct Summary {
    began: Instant,
    streams: OnceLock<Vec<Stream>>,
    retries: AtomicU64,
    reconnects: AtomicU64,
    parsing: AtomicU64,
    waiting_for_input: AtomicU64,
}

/// The counts of a stream.
pub(crate) struct Stream {
    pub name: StreamName,
    rows: AtomicU64,
    bytes: AtomicU64,
    counts: Mutex<Counts>,
}

/// What is counted for a stream now and then.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub loaded: Loaded,
    pub set_aside: u64,
    pub commits: u64,
    pub retries: u64,
    pub nulled: Nulled,
}

impl Stream {
    /// Rows and bytes that were read.
    pub fn read(&self) -> (u64, u64) {
        (self.rows.load(Relaxed), self.bytes.load(Relaxed))
    }

    /// The other counts.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the time until it is dropped.
pub(crate) struct Timer<'a>(&'a AtomicU64, Instant);

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(u64::try_from(self.1.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Summary {
    /// Nothing yet; the sync begins now.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            streams: OnceLock::new(),
            retries: AtomicU64::default(),
            reconnects: AtomicU64::default(),
            parsing: AtomicU64::default(),
            waiting_for_input: AtomicU64::default(),
        }
    }

    /// These are the streams, by their numbers.
    pub fn of(&self, names: impl Iterator<Item = StreamName>) {
        let stream =
            |name| Stream { name, rows: AtomicU64::default(), bytes: AtomicU64::default(), counts: Mutex::default() };
        self.streams.get_or_init(|| names.map(stream).collect());
    }

    /// The streams; none before they are known.
    pub fn streams(&self) -> &[Stream] {
        self.streams.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Rows of a stream were read. Only one thread does so: then this is as cheap as a plain addition.
    #[inline]
    pub fn read(&self, stream: usize, rows: u64, bytes: usize) {
        if let Some(stream) = self.streams().get(stream) {
            stream.rows.store(stream.rows.load(Relaxed) + rows, Relaxed);
            stream.bytes.store(stream.bytes.load(Relaxed) + bytes as u64, Relaxed);
        }
    }

    /// Values of rows that were read became NULL.
    pub fn nulled(&self, stream: usize, nulled: &Nulled) {
        self.count(stream, |counts| counts.nulled.append(nulled));
    }

    /// A transaction with rows of a stream has committed.
    pub fn committed(&self, stream: usize, loaded: Loaded, set_aside: u64) {
        self.count(stream, |counts| {
            counts.loaded += loaded;
            counts.set_aside += set_aside;
            counts.commits += 1;
        });
    }

    /// A transaction with rows of a stream is tried again.
    pub fn retried_for(&self, stream: usize) {
        self.count(stream, |counts| counts.retries += 1);
    }

    /// Something is tried again.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// A session took the place of one that was lost.
    pub fn reconnected(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    /// Lines and record batches are parsed from now on.
    pub fn parses(&self) -> Timer<'_> {
        Timer(&self.parsing, Instant::now())
    }

    /// Input is waited for from now on.
    pub fn waits_for_input(&self) -> Timer<'_> {
        Timer(&self.waiting_for_input, Instant::now())
    }

    /// Attempts that were made again, and sessions that took the place of others.
    pub fn repeats(&self) -> (u64, u64) {
        (self.retries.load(Relaxed), self.reconnects.load(Relaxed))
    }

    /// Time since the beginning, in parsing, and in waiting for input.
    pub fn times(&self) -> [Duration; 3] {
        let time = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Relaxed));
        [self.began.elapsed(), time(&self.parsing), time(&self.waiting_for_input)]
    }

    fn count(&self, stream: usize, add: impl FnOnce(&mut Counts)) {
        if let Some(stream) = self.streams().get(stream) {
            add(&mut stream.counts());
        }
    }
}
