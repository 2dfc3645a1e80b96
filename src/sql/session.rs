//! Statements about the session and its transactions.

use super::{Statement, literal, quote};
use crate::limits;
use crate::schema::TableName;

/// Column of the server process, in the answer to [`begin`].
pub const PROCESS: &str = "process";
/// Column of the transaction's beginning, in the answer to [`begin`].
pub const BEGAN: &str = "began";

/// The server's version as a number.
pub fn version() -> Statement {
    Statement::new("SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4")
}

/// Opens a transaction in which nothing depends on the settings of the role, the database or a pooler's last client.
///
/// Everything is `SET LOCAL`, so that it also holds behind a pooler in transaction mode. The last row of the answer says
/// which transaction it is.
pub fn begin(server_version: u32, role: Option<&str>) -> Statement {
    let mut text = String::from("BEGIN ISOLATION LEVEL READ COMMITTED; ");
    let mut set = |name: &str, value: &str| text.push_str(&format!("SET LOCAL {name} = {value}; "));
    set("search_path", "''");
    set("standard_conforming_strings", "on");
    set("client_encoding", "'UTF8'");
    set("timezone", "'UTC'");
    set("datestyle", "'ISO, MDY'");
    set("intervalstyle", "'postgres'");
    set("extra_float_digits", "1");
    set("statement_timeout", "0");
    set("idle_in_transaction_session_timeout", "0");
    set("lock_timeout", &limits::LOCK_TIMEOUT.as_millis().to_string());
    // A connector that vanished holds its locks for 50 seconds.
    set("tcp_keepalives_idle", "20");
    set("tcp_keepalives_interval", "10");
    set("tcp_keepalives_count", "3");
    set("tcp_user_timeout", "50000");
    if server_version >= 140_000 {
        set("client_connection_check_interval", "'10s'");
    }
    if server_version >= 170_000 {
        set("transaction_timeout", "0");
    }
    if let Some(role) = role {
        text.push_str(&format!("SET LOCAL ROLE {}; ", quote(role)));
    }
    text.push_str(
        "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) \
         WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local'); ",
    );
    text.push_str(&format!(
        "SELECT pg_catalog.pg_backend_pid() AS {PROCESS}, pg_catalog.transaction_timestamp() AS {BEGAN}"
    ));
    Statement::new(text)
}

/// Keeps the transaction from writing anything but to temporary tables.
pub fn read_only() -> Statement {
    Statement::new("SET TRANSACTION READ ONLY")
}

/// A part of a stream that waits for a lock gives up soon.
pub fn wait_shortly() -> Statement {
    Statement::new(format!("SET LOCAL lock_timeout = {}", limits::PART_LOCK_TIMEOUT.as_millis()))
}

/// Commits.
pub fn commit() -> Statement {
    Statement::new("COMMIT")
}

/// Rolls back.
pub fn rollback() -> Statement {
    Statement::new("ROLLBACK")
}

/// Marks a point to return to.
pub fn savepoint() -> Statement {
    Statement::new("SAVEPOINT airbyte")
}

/// Returns to the last such point and forgets it.
pub fn rollback_to_savepoint() -> Statement {
    Statement::new("ROLLBACK TO SAVEPOINT airbyte; RELEASE SAVEPOINT airbyte")
}

/// Forgets the last such point.
pub fn release_savepoint() -> Statement {
    Statement::new("RELEASE SAVEPOINT airbyte")
}

/// Ends a server process if it still works on the transaction that began then.
pub fn end_process(process: i32, began: &str) -> Statement {
    outside_of_a_transaction(&format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid = {process} AND a.xact_start = {}::pg_catalog.timestamptz",
        literal(began)
    ))
}

/// Whether a server process works on the transaction that began then: neither idle nor waiting for its client; and whether it
/// waits for a standby to confirm its commit. No row when it is gone. Where the server does not track what its processes do, the process alone has to be enough.
pub fn is_working(process: i32, began: &str) -> Statement {
    outside_of_a_transaction(&format!(
        "SELECT a.state NOT LIKE 'idle%' AND a.wait_event_type IS DISTINCT FROM 'Client' AS working, \
         a.wait_event IS NOT DISTINCT FROM 'SyncRep' AS standby FROM pg_catalog.pg_stat_activity a WHERE a.pid = {process} \
         AND (a.xact_start = {}::pg_catalog.timestamptz OR a.state = 'disabled')",
        literal(began)
    ))
}

/// Ends the server processes that hold one of these advisory locks and wait for their clients: a frozen sync would hold
/// it for ever.
pub fn end_idle_holders(keys: &[i64]) -> Statement {
    let keys = keys.iter().map(|key| format!("({}, {})", key.cast_unsigned() >> 32, key.cast_unsigned() & 0xffff_ffff));
    outside_of_a_transaction(&format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database() \
         WHERE l.granted AND l.locktype = 'advisory' AND l.objsubid = 1 \
         AND (l.classid::pg_catalog.int8, l.objid::pg_catalog.int8) IN ({}) \
         AND (a.state LIKE 'idle%' OR a.wait_event_type = 'Client')",
        keys.collect::<Vec<_>>().join(", ")
    ))
}

/// A question that needs none of our settings but for what names mean.
fn outside_of_a_transaction(question: &str) -> Statement {
    Statement::new(format!("BEGIN; SET LOCAL search_path = ''; {question}; COMMIT"))
}

/// Who holds a lock on a table, or the advisory lock of its stream: pid and application. For the message of a lock
/// time-out.
pub fn blockers(table: &TableName, key: i64) -> Statement {
    Statement::new(format!(
        "SELECT a.pid, pg_catalog.left(a.application_name, 60) AS application FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.granted AND a.pid <> pg_catalog.pg_backend_pid() AND l.database = \
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) AND (l.relation = \
         (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
          WHERE n.nspname = {} AND c.relname = {}) \
         OR l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::pg_catalog.int8 = {} \
         AND l.objid::pg_catalog.int8 = {}) GROUP BY 1, 2 ORDER BY pg_catalog.min(a.xact_start) LIMIT 3",
        literal(&table.schema),
        literal(&table.table),
        key.cast_unsigned() >> 32,
        key.cast_unsigned() & 0xffff_ffff,
    ))
}
