//! The table of load receipts: what each commit brought.

use super::{Statement, literal, quote, quote_list, quote_table};
use crate::schema::TableName;

/// Its columns, with their types.
pub const COLUMNS: [(&str, &str); 18] = [
    ("stream_namespace", "text"),
    ("stream_name", "text"),
    ("table_name", "text"),
    ("event", "text"),
    ("sync_id", "int8"),
    ("generation_id", "int8"),
    ("sync_token", "text"),
    ("commit_number", "int8"),
    ("rows", "int8"),
    ("merged", "int8"),
    ("deleted", "int8"),
    ("set_aside", "int8"),
    ("bytes", "int8"),
    ("state_sha256", "text"),
    ("lsn", "pg_lsn"),
    ("started_at", "timestamptz"),
    ("committed_at", "timestamptz"),
    ("connector_version", "text"),
];

/// What a commit brings of one stream.
#[derive(Clone, Debug)]
pub struct Receipt<'a> {
    /// The stream, with its namespace.
    pub stream: (Option<&'a str>, &'a str),
    /// The table that the rows go to.
    pub table: &'a TableName,
    /// The sync.
    pub sync_id: i64,
    /// The generation of the rows.
    pub generation: i64,
    /// Tells this run from others of the same sync.
    pub token: &'a str,
    /// Which commit of the stream in this run, from 1.
    pub commit: u64,
    /// What was loaded; none where a generation is published.
    pub load: Option<Load<'a>>,
}

/// The amounts of a load.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// Rows that came in, without those set aside.
    pub rows: u64,
    /// Rows inserted or updated.
    pub merged: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows set aside.
    pub set_aside: u64,
    /// About how many bytes all of them take in memory.
    pub bytes: u64,
    /// Of the STATE behind the rows, in hexadecimal digits.
    pub state: Option<&'a str>,
}

/// What is there under the name ($1 schema, $2 table), and what our role may do. One row: `found`, `owner`, `may_insert`,
/// `columns`, `lsn`.
pub fn facts() -> Statement {
    Statement::new(
        "SELECT c.oid IS NOT NULL AS found, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner, \
         COALESCE(pg_catalog.has_table_privilege(c.oid, 'INSERT'), false) AS may_insert, \
         ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, \
         pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE') AS lsn \
         FROM (SELECT) one LEFT JOIN (pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1) ON c.relname = $2",
    )
}

/// Creates the table.
pub fn create(table: &TableName) -> Statement {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, of)| format!("{} pg_catalog.{of}", quote(name))).collect();
    Statement::new(format!("CREATE TABLE {} ({})", quote_table(table), columns.join(", ")))
}

/// Adds receipts, with the place in the write-ahead log where the role may ask for it.
pub fn insert(table: &TableName, receipts: &[Receipt<'_>], lsn: bool) -> Statement {
    let columns = quote_list(COLUMNS.iter().map(|(name, _)| *name));
    let lsn = if lsn { "pg_catalog.pg_current_wal_insert_lsn()" } else { "NULL" };
    let rows: Vec<String> = receipts.iter().map(|receipt| values(receipt, lsn)).collect();
    Statement::new(format!("INSERT INTO {} ({columns}) VALUES {}", quote_table(table), rows.join(", ")))
}

fn values(receipt: &Receipt<'_>, lsn: &str) -> String {
    let text = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), literal);
    let number =
        |of: fn(&Load<'_>) -> u64| receipt.load.as_ref().map_or("NULL".to_owned(), |load| of(load).to_string());
    format!(
        "({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {lsn}, pg_catalog.transaction_timestamp(), \
         pg_catalog.clock_timestamp(), {})",
        text(receipt.stream.0),
        literal(receipt.stream.1),
        literal(&receipt.table.table),
        if receipt.load.is_some() { "'load'" } else { "'publish'" },
        receipt.sync_id,
        receipt.generation,
        literal(receipt.token),
        receipt.commit,
        number(|load| load.rows),
        number(|load| load.merged),
        number(|load| load.deleted),
        number(|load| load.set_aside),
        number(|load| load.bytes),
        text(receipt.load.as_ref().and_then(|load| load.state)),
        literal(env!("CARGO_PKG_VERSION")),
    )
}
