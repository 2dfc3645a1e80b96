//! Statements about the session and its transactions.

use super::{Statement, literal, quote};
use crate::limits;

/// Opens a transaction in which nothing depends on the settings of the role, the database or a pooler's last client.
///
/// Everything is `SET LOCAL`, so that it also holds behind a pooler in transaction mode.
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
    set("tcp_keepalives_idle", "30");
    set("tcp_keepalives_interval", "10");
    set("tcp_keepalives_count", "3");
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
         WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')",
    );
    Statement::new(text)
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

/// Who blocks a session: pid, application and how long its transaction has run. For the message of a lock time-out.
pub fn blockers(schema: &str, table: &str) -> Statement {
    Statement::new(format!(
        "SELECT a.pid, pg_catalog.left(a.application_name, 60) AS application FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.granted AND a.pid <> pg_catalog.pg_backend_pid() AND n.nspname = {} AND c.relname = {} \
         ORDER BY a.xact_start LIMIT 3",
        literal(schema),
        literal(table)
    ))
}
