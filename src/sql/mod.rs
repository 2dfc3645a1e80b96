//! All SQL text of the connector.
//!
//! Invariants: only this module makes a [`Statement`]; every identifier goes through [`quote`]; no value of a record is
//! ever in a statement; every object is schema-qualified, temporary tables as `pg_temp.<name>`.

pub mod ddl;
pub mod dependents;
pub mod fence;
pub mod introspect;
pub mod merge;
pub mod receipts;
pub mod rejected;
pub mod remedy;
pub mod session;
pub mod setup;
pub mod shape;
pub mod spread;
pub mod straight;

mod conversion;
#[cfg(test)]
mod tests;

pub use conversion::{Conversion, conversion, is_same};

use std::fmt;

use crate::schema::TableName;

/// SQL text that this module made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement(String);

impl Statement {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// This statement and then another one, in one round trip.
    #[must_use]
    pub fn then(self, next: &Self) -> Self {
        Self(format!("{}; {}", self.0, next.0))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A quoted identifier. NUL, which no identifier can hold, is dropped.
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('\0', "").replace('"', "\"\""))
}

/// A quoted, qualified table.
fn quote_table(table: &TableName) -> String {
    format!("{}.{}", quote(&table.schema), quote(&table.table))
}

/// A quoted text literal that means the same whatever `standard_conforming_strings` says: a message is read as a whole
/// before what stands in it is set.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\0', "").replace('\\', "\\\\").replace('\'', "''"))
}

/// A FROM clause: a row of `pg_class` as `c` for each of the tables, NULL for one that is not there. `w.i` is its place among them.
fn from_classes(tables: &[&TableName]) -> String {
    let texts = |of: fn(&TableName) -> &str| tables.iter().map(|t| literal(of(t))).collect::<Vec<_>>().join(", ");
    format!(
        "FROM ROWS FROM (pg_catalog.unnest(ARRAY[{}]::pg_catalog.name[]), pg_catalog.unnest(ARRAY[{}]::pg_catalog.name[])) \
         WITH ORDINALITY AS w (s, t, i) LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.s \
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t",
        texts(|t| &t.schema),
        texts(|t| &t.table),
    )
}

/// Quoted identifiers, separated by commas.
fn quote_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}
