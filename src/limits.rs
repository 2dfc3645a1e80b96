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
/// Bytes from which on a chunk of stdin has the memory to itself: what came before it is loaded before it is read.
pub const LARGE_CHUNK_BYTES: usize = 16 << 20;
/// Deepest nesting stored in `jsonb`, in levels; Postgres's own limit depends on its stack.
pub const JSON_DEPTH: usize = 2_000;
/// Digits after the decimal point that `numeric` holds.
pub const NUMERIC_SCALE: usize = 16_383;
/// Largest text of a `jsonb` value, in bytes: `jsonb` cannot hold more than 268,435,455 bytes of anything.
pub const JSONB_BYTES: usize = 268_435_455;
/// Largest text field, in bytes; Postgres's bound is 1 GB for a whole row.
pub const TEXT_BYTES: usize = 256 << 20;
/// Deepest nesting of a column's type in Arrow and Parquet, in levels. A description of 64 tables within one another is the most that
/// the library reads, and a few of them are around the columns.
pub const ARROW_DEPTH: usize = 50;
/// Rows of one record batch.
pub const BATCH_ROWS: usize = 8_192;
/// Bytes of one record batch.
pub const BATCH_BYTES: usize = 4 << 20;
/// Bytes of buffered rows at which a commit window is closed.
pub const WINDOW_BYTES: usize = 24 << 20;
/// Largest record batch of Arrow IPC, and most bytes of Parquet pages read for one record batch.
pub const SOURCE_BYTES: usize = 1 << 30;
/// Largest page of a Parquet file, uncompressed, in bytes.
pub const SOURCE_PAGE_BYTES: usize = 512 << 20;
/// Longest header of a page of a Parquet file, with its statistics, in bytes.
pub const SOURCE_PAGE_HEADER_BYTES: usize = 1 << 20;
/// Largest description of an Arrow or Parquet file (footer or message header), in bytes.
pub const SOURCE_METADATA_BYTES: usize = 64 << 20;
/// Rows of one record batch or row group of a file.
pub const SOURCE_ROWS: usize = 1 << 31;
/// Largest record batch whose memory may stay as a whole while any of its rows waits for its commit, in bytes.
pub const SOURCE_SHARED_BYTES: usize = 8 << 20;
/// Record batches that wait between the thread that reads a file and the pipeline. From [`LARGE_CHUNK_BYTES`] on one has the memory to
/// itself as well, and nothing is read until it is loaded.
pub const SOURCE_QUEUED: usize = 2;
/// Bytes of one `CopyData` message.
pub const COPY_CHUNK_BYTES: usize = 128 << 10;
/// Streams loaded in one transaction: each temporary table holds locks until the commit.
pub const STREAMS_PER_TRANSACTION: usize = 64;
/// Rows of a sync from which on the indexes of a table are built in a transaction of their own: until the commit nobody else can write to
/// the tables of it.
pub const ROWS_INDEXED_TOGETHER: u64 = 100_000;
/// Bytes of a window for which a further session is worth while.
pub const LANE_BYTES: usize = 2 << 20;
/// Bytes of rows that are loaded in the time that a stream takes to begin with.
pub const STREAM_BYTES: usize = 32 << 10;
/// How often in a row loading one stream by several sessions may fail until it is not tried any more.
pub const FAILED_SPLITS: u32 = 2;
/// Keys remembered for a first load before its unique index is built, over all streams.
pub const FIRST_LOAD_KEYS: usize = 1 << 20;
/// Longest identifier of Postgres, in bytes.
pub const IDENTIFIER_BYTES: usize = 63;
/// Columns of a Postgres table.
pub const TABLE_COLUMNS: usize = 1_600;
/// How long a connection may take to be established.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest `connectTimeout` that is honoured.
pub const CONNECT_TIMEOUT_MAX: Duration = Duration::from_mins(10);
/// How long an address of a host may be silent before the next one is tried beside it.
pub const CONNECT_STAGGER: Duration = Duration::from_millis(250);
/// Addresses of one host name that are tried.
pub const CONNECT_ADDRESSES: usize = 16;
/// How long a TCP connection may be idle before the first probe.
pub const TCP_KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Pause between TCP probes.
pub const TCP_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// TCP probes without an answer that end a connection.
pub const TCP_KEEPALIVE_RETRIES: u32 = 3;
/// How long bytes may stay without an acknowledgement by TCP. Longer than [`SILENCE`] and what follows it: a server that takes no
/// bytes for a while, since it is busy, counts here as well.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_mins(2);
/// Silence of the bastion after which it is asked for a sign of life, and the pause between such questions.
pub const SSH_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Such questions that may stay without an answer; at the next one the session ends, 30 seconds after the last byte.
pub const SSH_KEEPALIVE_UNANSWERED: usize = 2;
/// How long an SSH session may stand still while nobody can be asked for signs of life: before the login, and when the
/// bastion takes no bytes.
pub const SSH_IDLE: Duration = Duration::from_secs(30);
/// How long a new channel of an SSH session may be without any answer until the session is used no more.
pub const SSH_CHANNEL_SILENCE: Duration = Duration::from_secs(10);
/// How often a handshake that the bastion breaks is tried again.
pub const SSH_HANDSHAKE_REPEATS: usize = 3;
/// Pause before that.
pub const SSH_HANDSHAKE_PAUSE: Duration = Duration::from_secs(1);
/// Bytes in flight in each direction of an SSH channel.
pub const SSH_WINDOW_BYTES: u32 = 2 << 20;
/// Rounds of questions of a keyboard-interactive login.
pub const SSH_PROMPT_ROUNDS: usize = 8;
/// Rounds of bcrypt, and of PBKDF2, that a private key may ask for before its passphrase can be tried: seconds.
pub const KEY_BCRYPT_ROUNDS: u32 = 4_096;
/// See [`KEY_BCRYPT_ROUNDS`].
pub const KEY_PBKDF2_ROUNDS: u32 = 10_000_000;
/// Memory that it may ask for, by scrypt, in bytes.
pub const KEY_SCRYPT_BYTES: u64 = 64 << 20;
/// How often it may ask for that.
pub const KEY_SCRYPT_TIMES: u16 = 16;
/// Largest private-key file, in bytes.
pub const KEY_FILE_BYTES: u64 = 64 << 10;
/// Longest message that a server may send, in bytes: ours ask for nothing large.
pub const SERVER_MESSAGE_BYTES: usize = 64 << 20;
/// Bytes that a server may send until the login has ended.
pub const LOGIN_BYTES: usize = 1 << 20;
/// Bytes that a server may send in answer to one of our statements.
pub const SERVER_ANSWER_BYTES: usize = 256 << 20;
/// Characters kept of a text that a server made.
pub const SERVER_TEXT_CHARS: usize = 300;
/// How long a lock is waited for.
pub const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
/// How long may be asked who holds it.
pub const EXPLAIN_LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the lock of a stream is waited for at once, which another sync holds while it commits.
pub const FENCE_LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the lock for the swap of a table is waited for at once: whoever comes later waits behind us.
pub const SWAP_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the lock for setting or dropping defaults of a table is waited for: whoever comes later waits behind us.
pub const DEFAULTS_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a session that loads a part of a stream waits for any lock: no other part should hold one.
pub const PART_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the beginning of a transaction may take, the wait for a pooler's free connection included.
pub const BEGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the server may be silent before a second connection asks how it is.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How much longer, when it does not seem to work for us.
pub const SILENCE_IN_DOUBT: Duration = Duration::from_secs(15);
/// How long it may stay unknown whether the server works for us, because nobody lets us look.
pub const SILENCE_UNKNOWN: Duration = Duration::from_mins(30);
/// How long such a question may take, the login included.
pub const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before the second attempt at something that failed; it doubles with each.
pub const RETRY_FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two attempts.
pub const RETRY_LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Attempts after the first one that the time spent does not take away.
pub const RETRIES_AT_LEAST: u32 = 2;
/// How long the first connection of a run is tried for.
pub const FIRST_CONNECTION_PATIENCE: Duration = Duration::from_secs(15);
/// How long the end after a signal may take, the last commit and a stdout that is not read included.
pub const TERMINATE_GRACE: Duration = Duration::from_secs(8);
/// How often the error of a panic asks for its turn on stdout.
pub const LAST_ERROR_TRIES: usize = 2_000;
/// Pause after each.
pub const LAST_ERROR_PAUSE: Duration = Duration::from_millis(1);
/// Rows that are set aside in one sync.
pub const REJECTED_ROWS: u64 = 1_000;
/// How often rows of a window that may only have lacked others are tried once more, as long as that helps any.
pub const SECOND_CHANCES: usize = 8;
/// Longest text of a LOG or an error, in bytes.
pub const ERROR_TEXT_BYTES: usize = 4_096;
/// How long a whole `check` may take; [`CONNECT_TIMEOUT`] of it until the login has ended.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(27);
/// How often a sync says how far it is, where nobody sees its bars.
pub const REPORT_PERIOD: Duration = Duration::from_secs(30);
/// Streams that a report names one by one: the largest.
pub const REPORTED_STREAMS: usize = 20;
/// Fields whose values became NULL that a report names of a stream.
pub const REPORTED_FIELDS: usize = 5;
/// Characters of a name in a report.
pub const REPORTED_NAME: usize = 200;
/// Fields whose values became NULL that are told apart.
pub const NULLED_FIELDS: usize = 2_000;
