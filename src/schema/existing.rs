//! What the server says of a table that is there.

use std::collections::HashMap;

use super::{META, TableName};

/// A relation under a name that we want.
#[derive(Clone, Debug)]
pub struct ExistingTable {
    /// Its name.
    pub table: TableName,
    /// `pg_class.oid`.
    pub oid: u32,
    /// `pg_class.relkind`: `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table, …
    pub kind: char,
    /// Owner's name.
    pub owner: String,
    /// We have the owner's rights.
    pub owned: bool,
    /// A publication sends its updates or deletions, but it has no replica identity.
    pub unidentified_in_publication: Option<String>,
    /// Its CHECK constraints: name, and definition in SQL.
    pub checks: Vec<(String, String)>,
    /// Comment on the table.
    pub comment: Option<String>,
    /// Columns in their order.
    pub columns: Vec<ExistingColumn>,
    /// Indexes.
    pub indexes: Vec<ExistingIndex>,
    /// Its rows are in other tables.
    pub spread: Option<Spread>,
}

/// How the rows of a table are spread over others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Spread {
    /// The extension that does it, if it is not Postgres itself: `citus`, `timescaledb`.
    pub engine: Option<String>,
    /// The columns that decide where a row is.
    pub columns: Vec<String>,
    /// Expressions decide, too.
    pub expressions: bool,
    /// The partitions that are foreign tables, each with its server.
    pub foreign: Vec<(TableName, String)>,
}

impl Spread {
    /// Whether there can be a unique index on these columns: nobody looks into two partitions for it.
    pub fn can_be_unique(&self, key: &[&str]) -> bool {
        self.foreign.is_empty() && !self.expressions && self.columns.iter().all(|c| key.contains(&c.as_str()))
    }

    /// Whether an UPDATE leaves a row where it is, though its new values belong elsewhere.
    pub fn rows_stay(&self) -> bool {
        self.engine.is_some() || !self.foreign.is_empty()
    }
}

/// A column that is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExistingColumn {
    /// Name.
    pub name: String,
    /// `pg_type.typname`.
    pub typname: String,
    /// The type is one of `pg_catalog`.
    pub builtin: bool,
    /// `atttypmod`: -1 without precision or length.
    pub typmod: i32,
    /// NOT NULL.
    pub not_null: bool,
    /// Filled by itself: a default, an identity or a generation expression.
    pub has_default: bool,
    /// Always filled by the database: no row may bring a value for it.
    pub generated: bool,
    /// Its collation takes some different texts for equal.
    pub nondeterministic: bool,
    /// Comment.
    pub comment: Option<String>,
}

/// An index that is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExistingIndex {
    /// Name.
    pub name: String,
    /// Columns in their order; empty for an index on expressions or with a condition.
    pub columns: Vec<String>,
    /// Unique, valid, and checked at once: good for ON CONFLICT.
    pub unique: bool,
    /// NULLs count as equal.
    pub nulls_not_distinct: bool,
    /// Some different texts count as equal.
    pub nondeterministic: bool,
    /// Belongs to a constraint.
    pub constraint: bool,
    /// Comment.
    pub comment: Option<String>,
}

impl ExistingTable {
    /// As [`Spread::rows_stay`].
    pub fn rows_stay(&self) -> bool {
        self.spread.as_ref().is_some_and(Spread::rows_stay)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ExistingColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Field -> column as recorded when the columns were made; empty for tables that we did not make.
    pub fn field_columns(&self) -> HashMap<String, String> {
        let recorded = self.column(META).and_then(|c| c.comment.as_deref()).and_then(parse_mapping);
        let mut mapping = recorded.unwrap_or_default();
        mapping.retain(|_, column| self.columns.iter().any(|c| c.name == *column));
        mapping
    }

    /// What the user has written before the mapping.
    pub fn note(&self) -> Option<&str> {
        let comment = self.column(META)?.comment.as_deref()?;
        Some(split_comment(comment).0.trim_end()).filter(|note| !note.is_empty())
    }
}

/// Key under which the comment on `_airbyte_meta` holds the mapping.
const MAPPING: &str = "columns of fields";

/// The comment that records which column holds which field.
pub(crate) fn mapping_comment<'a>(mapping: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let sorted: std::collections::BTreeMap<_, _> = mapping.collect();
    serde_json::json!({ MAPPING: sorted }).to_string()
}

/// A comment of the user, if any, and the mapping behind it.
fn split_comment(comment: &str) -> (&str, &str) {
    let start = comment.rfind(&format!("{{\"{MAPPING}\"")).unwrap_or(comment.len());
    comment.split_at(start)
}

fn parse_mapping(comment: &str) -> Option<HashMap<String, String>> {
    let mut value: serde_json::Value = serde_json::from_str(split_comment(comment).1).ok()?;
    serde_json::from_value(value.get_mut(MAPPING)?.take()).ok()
}
