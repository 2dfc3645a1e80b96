//! Tests of the text of statements.

mod conversions;
mod golden;
mod quoting;
mod statements;

use super::*;
use crate::schema::{Column, KeyFacts, TableSchema};
use crate::types::{ColumnType, DecimalSize, Scalar};

/// Names of a table and of its columns.
#[derive(Clone, Debug)]
struct Names {
    table: TableName,
    key: String,
    cursor: String,
    deleted: String,
    other: String,
}

impl Names {
    /// Names that try to be something else than names.
    fn nasty() -> Self {
        Self {
            table: TableName { schema: "sch\"e.ma\n$1".into(), table: "ta'b\"le;--".into() },
            key: "\"key\"".into(),
            cursor: "cur.sor\\".into(),
            deleted: "de\nleted".into(),
            other: "$1 /* ' */".into(),
        }
    }

    fn plain() -> Self {
        Self {
            table: TableName { schema: "s".into(), table: "t".into() },
            key: "k".into(),
            cursor: "c".into(),
            deleted: "d".into(),
            other: "o".into(),
        }
    }

    /// A table with a key, a cursor, a deletion mark and one more column.
    fn schema(&self) -> TableSchema {
        let column =
            |name: &String, column_type| Column { field: format!("field {name}"), name: name.clone(), column_type };
        TableSchema {
            table: self.table.clone(),
            columns: vec![
                column(&self.key, ColumnType::Integer),
                column(&self.cursor, ColumnType::TimestampTz),
                column(&self.deleted, ColumnType::TimestampTz),
                column(&self.other, ColumnType::String),
            ],
            raw: false,
            key: vec![0, 3],
            cursor: Some(1),
            deleted_at: Some(2),
        }
    }
}

const NO_FACTS: KeyFacts = KeyFacts { duplicates: false, nulls: false, seen_before: false, deletions: false };
