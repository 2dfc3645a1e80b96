//! What cannot be changed in a table whose rows are spread over others.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::schema::{ExistingColumn, ExistingTable, Spread};
use crate::sql::{ddl, spread as sql};
use crate::types::ColumnType;

/// Whether a column decides where the rows are.
pub(super) fn decides(existing: &ExistingTable, column: &str) -> bool {
    existing.spread.as_ref().is_some_and(|spread| spread.columns.iter().any(|name| name == column))
}

/// Refuses another type for a column that decides where rows are, or that other servers have too.
///
/// # Errors
/// [`ErrorKind::ObjectInTheWay`] naming the column.
pub(super) fn refuse_other_type(existing: &ExistingTable, old: &ExistingColumn, new: ColumnType) -> Result<()> {
    let change = format!(
        "column \"{}\" of table {} would change its type from {} to {}",
        old.name,
        existing.table,
        old.typname,
        new.typname()
    );
    let text = match existing.spread.as_ref().and_then(|spread| spread.foreign.first()) {
        _ if decides(existing, &old.name) => format!(
            "{change}, but it decides in which partition a row is, so it cannot: give the field its old type in the \
             source, or drop the table and refresh the stream"
        ),
        Some((part, server)) => format!(
            "{change}, but partition {part} is a table of server \"{server}\", where we cannot change it: change the \
             column there, then here (ALTER TABLE … ALTER COLUMN … TYPE …), and sync again"
        ),
        None => return Ok(()),
    };
    Err(Error::new(ErrorKind::ObjectInTheWay, text))
}

/// Makes sure that the other servers have the columns that were added here.
///
/// # Errors
/// [`ErrorKind::ObjectInTheWay`] naming the first table that lacks one, with what adds it.
pub(super) async fn confirm_added(
    session: &Session,
    spread: &Spread,
    added: &[(&str, ColumnType)],
    doing: &str,
) -> Result<()> {
    for (part, server) in &spread.foreign {
        for (name, column_type) in added {
            session.execute(&sql::read(part, &[name]), doing).await.map_err(|error| match error.sqlstate() {
                Some("42703") => Error::new(
                    ErrorKind::ObjectInTheWay,
                    format!(
                        "the stream has a new field, but the table behind partition {part} on server \"{server}\" has no \
                         column \"{name}\": add it there ({}, with the name that the table has there) and sync again",
                        ddl::add_column(part, name, *column_type)
                    ),
                ),
                _ => error,
            })?;
        }
    }
    Ok(())
}
