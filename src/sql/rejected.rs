//! Rows that the database refuses: undone part by part, and set aside in a table of their own.

use super::ddl::{ARRIVAL, CHANGES};
use super::merge::Source;
use super::{Statement, literal, quote, quote_list, quote_table};
use crate::schema::{DATA, EXTRACTED_AT, GENERATION_ID, META, META_COLUMNS, RAW_ID, TableName, TableSchema};
use crate::types::ColumnType;

/// Columns after the meta columns, with their types.
pub const COLUMNS: [(&str, ColumnType); 8] = [
    ("stream_namespace", ColumnType::String),
    ("stream_name", ColumnType::String),
    ("position", ColumnType::Integer),
    ("sqlstate", ColumnType::String),
    ("constraint_name", ColumnType::String),
    ("column_name", ColumnType::String),
    ("rejected_at", ColumnType::TimestampTz),
    ("record", ColumnType::Json),
];

/// A row that was refused.
#[derive(Clone, Copy, Debug)]
pub struct RejectedRow<'a> {
    /// Its raw id, as text.
    pub raw_id: &'a str,
    /// Which record of its stream in this sync, counted from 1.
    pub position: u64,
    /// Why.
    pub sqlstate: &'a str,
    /// The constraint, where the server names one.
    pub constraint: Option<&'a str>,
    /// The column, where the server names one.
    pub column: Option<&'a str>,
}

/// From here on constraints that could wait for the commit are checked by each statement.
pub fn check_at_once() -> Statement {
    Statement::new("SET CONSTRAINTS ALL IMMEDIATE")
}

/// Empties a load table.
pub fn empty_load_table(table: &str) -> Statement {
    Statement::new(format!("TRUNCATE TABLE pg_temp.{}", quote(table)))
}

/// Marks the point before a part. Other savepoints may come and go within it.
pub fn begin_part() -> Statement {
    Statement::new("SAVEPOINT airbyte_part")
}

/// Keeps a part.
pub fn keep_part() -> Statement {
    Statement::new("RELEASE SAVEPOINT airbyte_part")
}

/// Returns to the point before a part.
pub fn undo_part() -> Statement {
    Statement::new("ROLLBACK TO SAVEPOINT airbyte_part; RELEASE SAVEPOINT airbyte_part")
}

/// Creates the table of rejected rows.
pub fn create(table: &TableName) -> Statement {
    let meta = META_COLUMNS.iter().map(|c| format!("{} {} NOT NULL", quote(c.name), c.column_type.sql()));
    let columns = COLUMNS.iter().map(|(name, column_type)| format!("{} {}", quote(name), column_type.sql()));
    let columns: Vec<String> = meta.chain(columns).collect();
    Statement::new(format!("CREATE TABLE {} ({})", quote_table(table), columns.join(", ")))
}

/// Sets rows of a load table aside; answers whether they were as many as there are `rows`.
pub fn insert(
    table: &TableName,
    source: &Source,
    schema: &TableSchema,
    (namespace, name): (Option<&str>, &str),
    rows: &[RejectedRow<'_>],
) -> Statement {
    let text = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), literal);
    let columns = META_COLUMNS.iter().map(|c| c.name).chain(COLUMNS.iter().map(|(name, _)| *name));
    let record = if schema.raw {
        format!("s.{}", quote(DATA))
    } else {
        // `s` alone could be a column.
        let ours = [RAW_ID, EXTRACTED_AT, CHANGES, ARRIVAL].map(literal).join(", ");
        format!("pg_catalog.to_jsonb(s.*) - ARRAY[{ours}]::pg_catalog.text[]")
    };
    let values = rows.iter().map(|row| {
        format!(
            "({}, {}::pg_catalog.int8, {}, {}::pg_catalog.text, {}::pg_catalog.text)",
            literal(row.raw_id),
            row.position,
            literal(row.sqlstate),
            text(row.constraint),
            text(row.column),
        )
    });
    let [raw_id, extracted_at] = [RAW_ID, EXTRACTED_AT].map(|c| format!("s.{}", quote(c)));
    debug_assert_eq!(META_COLUMNS.map(|c| c.name), [RAW_ID, EXTRACTED_AT, META, GENERATION_ID]);
    Statement::new(format!(
        "WITH aside AS (INSERT INTO {} ({}) SELECT {raw_id}, {extracted_at}, {}, {}, {}, {}, r.position, r.sqlstate, r.constraint_name, \
         r.column_name, pg_catalog.clock_timestamp(), {record} FROM {} s JOIN (VALUES {}) r \
         (raw_id, position, sqlstate, constraint_name, column_name) ON r.raw_id = {raw_id} RETURNING 1) \
         SELECT pg_catalog.count(*) = {} FROM aside",
        quote_table(table),
        quote_list(columns),
        source.meta(),
        source.generation(),
        text(namespace),
        literal(name),
        source.relation(),
        values.collect::<Vec<_>>().join(", "),
        rows.len(),
    ))
}
