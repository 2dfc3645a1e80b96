//! Tables that are made otherwise than plainly: names are quoted here, all other text is that of whoever asked for it.

use super::{Statement, quote, quote_table};
use crate::schema::{Shape, TableName};

/// Adds to `create`, which makes a table, what a shape wants of it.
pub fn shaped(create: &Statement, shape: &Shape) -> Statement {
    let by = shape.partition_by.as_ref().map(|by| format!(" PARTITION BY {by}")).unwrap_or_default();
    // A partitioned table stores nothing itself.
    let storage = if shape.partition_by.is_some() { String::new() } else { storage(shape) };
    Statement::new(format!("{create}{by}{storage}{}", tablespace(shape)))
}

/// Makes a partition; without bounds the one for all other rows.
pub fn partition(table: &TableName, name: &TableName, bounds: Option<&str>, shape: &Shape) -> Statement {
    Statement::new(format!(
        "CREATE TABLE {} PARTITION OF {} {}{}{}",
        quote_table(name),
        quote_table(table),
        bounds.unwrap_or("DEFAULT"),
        storage(shape),
        tablespace(shape),
    ))
}

/// A statement that is to be run behind the making of `table`, whose name [`Shape::take`] lets pass.
pub fn after_create(table: &TableName, statement: &str) -> Statement {
    let named = statement.replace(Shape::TABLE, &quote_table(table)).replace(Shape::SCHEMA, &quote(&table.schema));
    Statement::new(named.trim_end().trim_end_matches(';'))
}

fn storage(shape: &Shape) -> String {
    shape.storage_parameters.as_ref().map(|text| format!(" WITH ({text})")).unwrap_or_default()
}

fn tablespace(shape: &Shape) -> String {
    shape.tablespace.as_ref().map(|name| format!(" TABLESPACE {}", quote(name))).unwrap_or_default()
}
