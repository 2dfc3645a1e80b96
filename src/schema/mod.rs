//! What a table should look like, what it looks like, and nothing of how that is said in SQL.
//!
//! Invariant: pure; no SQL text, no I/O.

mod existing;
mod shape;

use std::fmt;

pub(crate) use existing::mapping_comment;
pub use existing::{ExistingColumn, ExistingIndex, ExistingTable, Spread};
pub use shape::Shape;

use crate::types::ColumnType;

/// A table's name; quoting is `sql`'s business.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableName {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\".\"{}\"", self.schema, self.table)
    }
}

/// Columns that every table has before the user's.
pub const META_COLUMNS: [MetaColumn; 4] = [
    MetaColumn { name: RAW_ID, column_type: ColumnType::String },
    MetaColumn { name: EXTRACTED_AT, column_type: ColumnType::TimestampTz },
    MetaColumn { name: META, column_type: ColumnType::Json },
    MetaColumn { name: GENERATION_ID, column_type: ColumnType::Integer },
];
/// Columns of a record batch that say something of each row and are no fields, unless they are declared.
pub const META_OF_BATCHES: [&str; 2] = [EXTRACTED_AT, META];
/// Identifies a row of a load.
pub const RAW_ID: &str = "_airbyte_raw_id";
/// When the source read the record.
pub const EXTRACTED_AT: &str = "_airbyte_extracted_at";
/// Sync id and change entries.
pub const META: &str = "_airbyte_meta";
/// Generation of the row.
pub const GENERATION_ID: &str = "_airbyte_generation_id";
/// Raw mode only: always NULL.
pub const LOADED_AT: &str = "_airbyte_loaded_at";
/// Raw mode only: the record.
pub const DATA: &str = "_airbyte_data";
/// The field whose presence marks a deletion.
pub const CDC_DELETED_AT: &str = "_ab_cdc_deleted_at";

/// What [`META`] holds of a row with these change entries, a JSON array.
pub fn meta_object(changes: &str, sync_id: i64) -> String {
    format!("{{\"changes\": {changes}, \"sync_id\": {sync_id}}}")
}

/// A column of ours.
#[derive(Clone, Copy, Debug)]
pub struct MetaColumn {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub column_type: ColumnType,
}

/// A column for a declared field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// The field in the records.
    pub field: String,
    /// The column in the table.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
}

/// The table that a stream needs.
#[derive(Clone, Debug)]
pub struct TableSchema {
    /// Where published rows are.
    pub table: TableName,
    /// User columns in the catalog's order; in raw mode the one that takes the record.
    pub columns: Vec<Column>,
    /// Raw mode.
    pub raw: bool,
    /// Key columns by position; empty where rows are only added.
    pub key: Vec<usize>,
    /// Cursor column by position.
    pub cursor: Option<usize>,
    /// By position, the column that marks a deletion which is carried out.
    pub deleted_at: Option<usize>,
}

impl TableSchema {
    /// The stream declares no fields: its columns become known with its first BATCH.
    pub fn is_open(&self) -> bool {
        self.columns.is_empty() && !self.raw
    }

    /// Name of the column at a position.
    pub fn name(&self, position: usize) -> &str {
        self.columns.get(position).map(|c| c.name.as_str()).unwrap_or_default()
    }

    /// Names of the key columns.
    pub fn key_names(&self) -> Vec<&str> {
        self.key.iter().map(|&i| self.name(i)).collect()
    }

    /// Name of the cursor column.
    pub fn cursor_name(&self) -> Option<&str> {
        self.cursor.map(|i| self.name(i))
    }
}

/// What is known of the keys of one stream's rows in one window.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyFacts {
    /// Two rows may have the same key.
    pub duplicates: bool,
    /// Some key holds a NULL.
    pub nulls: bool,
    /// A key may have been loaded by an earlier window of this first load.
    pub seen_before: bool,
    /// Some row marks a deletion.
    pub deletions: bool,
}
