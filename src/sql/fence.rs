//! Which sync a table belongs to: a lock while a transaction works on it, and a note that outlives it.
//!
//! The note is the comment on the table's row type. It needs no other privilege than to own the table, takes no lock on the table (a
//! VACUUM or an index build of somebody else does not hold it up), goes with the table when it is renamed or dropped, is
//! in no dump, and no listing shows it to a person who does not look for it.

use super::{Statement, from_classes, literal, quote_table};
use crate::limits::{FENCE_LOCK_TIMEOUT, LOCK_TIMEOUT};
use crate::schema::TableName;

/// Column of the notes in the answer to [`hold`].
pub const NOTE: &str = "note";

/// Who else may hold a stream's lock at the same time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// Nobody.
    Alone,
    /// Other sessions of the same sync, which load other rows of the stream.
    Together,
}

/// Takes the advisory locks `keys` in their order, for this transaction, and then reads the notes of `tables` in their
/// order: one row each, NULL for none. The notes are read by a statement of their own, whose snapshot is younger than the locks.
pub fn hold(keys: &[i64], tables: &[&TableName], hold: Hold) -> Statement {
    let shared = if hold == Hold::Together { "_shared" } else { "" };
    let keys = keys.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    Statement::new(format!(
        "SET LOCAL lock_timeout = {}; \
         SELECT pg_catalog.pg_advisory_xact_lock{shared}(k) FROM pg_catalog.unnest('{{{keys}}}'::pg_catalog.int8[]) AS k; \
         SET LOCAL lock_timeout = {}; \
         SELECT pg_catalog.obj_description(c.reltype, 'pg_type') AS {NOTE} {} ORDER BY w.i",
        FENCE_LOCK_TIMEOUT.as_millis(),
        LOCK_TIMEOUT.as_millis(),
        from_classes(tables),
    ))
}

/// Leaves a note on a table.
pub fn note(table: &TableName, text: &str) -> Statement {
    Statement::new(format!("COMMENT ON TYPE {} IS {}", quote_table(table), literal(text)))
}
