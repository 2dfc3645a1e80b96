//! Every bound of the connector, in one place.

use std::time::Duration;

/// Longest line accepted on stdin, in bytes.
pub const LINE_BYTES: usize = 256 << 20;
/// What one read from stdin asks for, in bytes.
pub const READ_BYTES: usize = 256 << 10;
/// Chunks of stdin that wait between the reading thread and the pipeline.
pub const CHUNKS_QUEUED: usize = 4;
/// Bytes from which on a chunk of stdin does not wait in the queue.
pub const CHUNK_BYTES: usize = 4 << 20;
/// Deepest nesting stored in `jsonb`, in levels; Postgres's own limit depends on its stack.
pub const JSON_DEPTH: usize = 2_000;
/// Digits after the decimal point that `numeric` holds.
pub const NUMERIC_SCALE: usize = 16_383;
/// Largest text of a `jsonb` value, in bytes: `jsonb` cannot hold more than 268,435,455 bytes of anything.
pub const JSONB_BYTES: usize = 268_435_455;
/// Largest text field, in bytes; Postgres's bound is 1 GB for a whole row.
pub const TEXT_BYTES: usize = 256 << 20;
/// Rows of one record batch.
pub const BATCH_ROWS: usize = 8_192;
/// Bytes of one record batch.
pub const BATCH_BYTES: usize = 4 << 20;
/// Bytes of buffered rows at which a commit window is closed.
pub const WINDOW_BYTES: usize = 24 << 20;
/// Bytes of one CopyData message.
pub const COPY_CHUNK_BYTES: usize = 128 << 10;
/// Streams loaded in one transaction: each temporary table holds locks until the commit.
pub const STREAMS_PER_TRANSACTION: usize = 64;
/// Keys remembered for a first load before its unique index is built, over all streams.
pub const FIRST_LOAD_KEYS: usize = 1 << 20;
/// Longest identifier of Postgres, in bytes.
pub const IDENTIFIER_BYTES: usize = 63;
/// Columns of a Postgres table.
pub const TABLE_COLUMNS: usize = 1_600;
/// How long a connection may take to be established.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a lock is waited for.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the commit after SIGTERM may take.
pub const TERMINATE_GRACE: Duration = Duration::from_secs(8);
/// Undeclared change entries kept per record.
pub const ERROR_TEXT_BYTES: usize = 4_096;
/// How long each half of `check` may take: reaching the server, and trying things there.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(14);
