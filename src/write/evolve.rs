//! Brings a table that is there to what its stream needs, losing nothing.
//!
//! Everything here runs inside the caller's transaction: a table is never seen half changed.

use std::collections::HashSet;

use super::Context;
use super::views;
use crate::error::{Error, ErrorKind, Result};
use crate::naming::with_suffix;
use crate::pg::Session;
use crate::schema::{
    DATA, EXTRACTED_AT, ExistingColumn, ExistingTable, GENERATION_ID, LOADED_AT, META, META_COLUMNS, RAW_ID,
    TableSchema, mapping_comment,
};
use crate::sql::{conversion, ddl, is_same};
use crate::types::ColumnType;

/// Whether a table needs no change at all.
pub(super) fn is_current(cx: &Context, existing: &ExistingTable, schema: &TableSchema) -> bool {
    let has = |name: &str| existing.column(name).is_some();
    META_COLUMNS.iter().all(|c| has(c.name))
        && (!schema.raw || has(LOADED_AT))
        && schema.columns.iter().all(|c| existing.column(&c.name).is_some_and(|old| keeps_type(old, c.column_type)))
        && removed(cx, existing, schema).is_empty()
        && existing.column(META).and_then(|c| c.comment.as_deref()) == Some(&*mapping(cx, existing, schema))
}

/// Refuses, before any row is read, what no load into the table could survive.
///
/// # Errors
/// [`ErrorKind::ObjectInTheWay`] naming the object, [`ErrorKind::Permission`] naming the owner.
pub(super) fn refuse_unusable(existing: &ExistingTable, schema: &TableSchema) -> Result<()> {
    let table = &existing.table;
    let what = match existing.kind {
        'r' | 'p' => None,
        'v' => Some("a view"),
        'm' => Some("a materialized view"),
        'f' => Some("a foreign table"),
        'S' => Some("a sequence"),
        'i' | 'I' => Some("an index"),
        'c' => Some("a composite type"),
        _ => Some("not a table"),
    };
    if let Some(what) = what {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!(
                "{table} is {what}, so the stream cannot be written there: rename or drop it, or rename the stream"
            ),
        ));
    }
    if !existing.owned {
        return Err(Error::new(
            ErrorKind::Permission,
            format!(
                "table {table} belongs to role \"{owner}\": run ALTER TABLE {table} OWNER TO the connector's role, or \
                 GRANT \"{owner}\" to it",
                owner = existing.owner
            ),
        ));
    }
    if existing.column(RAW_ID).is_none() || existing.column(EXTRACTED_AT).is_none() {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!(
                "table {table} exists but was not made by this connector (it has no {RAW_ID} and {EXTRACTED_AT}): \
                 rename it, or choose another schema"
            ),
        ));
    }
    let filled: HashSet<&str> = [RAW_ID, EXTRACTED_AT, META, GENERATION_ID, LOADED_AT, DATA]
        .into_iter()
        .chain(schema.columns.iter().map(|c| c.name.as_str()))
        .collect();
    if let Some(column) =
        existing.columns.iter().find(|c| c.not_null && !c.has_default && !filled.contains(c.name.as_str()))
    {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!(
                "column \"{}\" of table {table} is NOT NULL without a default and the stream has no field for it: give \
                 it a default or drop the NOT NULL",
                column.name
            ),
        ));
    }
    Ok(())
}

/// Makes the table fit. `emptied` says that no row is left whose values would matter.
///
/// # Errors
/// What the server refuses; a view that cannot be put back is [`ErrorKind::ObjectInTheWay`].
pub(super) async fn evolve(
    cx: &Context,
    session: &Session,
    existing: &ExistingTable,
    schema: &TableSchema,
    emptied: bool,
) -> Result<()> {
    let table = &existing.table;
    let doing = format!("changing the columns of table {table}");
    // Names that a column which is set aside must not take, those of new fields included.
    let mut names: HashSet<String> =
        existing.columns.iter().map(|c| &c.name).chain(schema.columns.iter().map(|c| &c.name)).cloned().collect();
    for column in &META_COLUMNS {
        if existing.column(column.name).is_none() {
            session.execute(&ddl::add_column(table, column.name, column.column_type), &doing).await?;
        }
    }
    if schema.raw && existing.column(LOADED_AT).is_none() {
        session.execute(&ddl::add_column(table, LOADED_AT, ColumnType::TimestampTz), &doing).await?;
    }
    let mut taken_down = None;
    for column in &schema.columns {
        let Some(old) = existing.column(&column.name) else {
            session.execute(&ddl::add_column(table, &column.name, column.column_type), &doing).await?;
            cx.output.info(&format!("Table {table}: added column \"{}\".", column.name));
            continue;
        };
        if keeps_type(old, column.column_type) {
            continue;
        }
        let converted = convert(cx, session, existing, old, column.column_type, emptied, &mut taken_down).await?;
        if !converted {
            set_aside(cx, session, existing, old, column.column_type, &mut names).await?;
        }
    }
    for column in removed(cx, existing, schema) {
        session.execute(&ddl::drop_column(table, &column, cx.config.drop_cascade), &doing).await?;
        cx.output.warn(&format!("Table {table}: dropped column \"{column}\", which the stream no longer has."));
    }
    if let Some(views) = taken_down {
        views::restore(cx, session, table, views).await?;
    }
    let comment = mapping(cx, existing, schema);
    if existing.column(META).and_then(|c| c.comment.as_deref()) != Some(&*comment) {
        session.execute(&ddl::comment_mapping(table, &comment), &doing).await?;
    }
    Ok(())
}

fn keeps_type(old: &ExistingColumn, new: ColumnType) -> bool {
    old.builtin && is_same(&old.typname, old.typmod, new)
}

/// Changes a column's type in place; false when a stored value stands against it.
async fn convert(
    cx: &Context,
    session: &Session,
    existing: &ExistingTable,
    old: &ExistingColumn,
    new: ColumnType,
    emptied: bool,
    taken_down: &mut Option<Vec<crate::sql::dependents::View>>,
) -> Result<bool> {
    let table = &existing.table;
    let doing = format!("changing the type of column \"{}\" of table {table}", old.name);
    let statement = if emptied {
        ddl::retype_empty_column(table, &old.name, new)
    } else {
        let Some(conversion) = (if old.builtin { conversion(&old.name, &old.typname, new) } else { None }) else {
            return Ok(false);
        };
        if let Some(guard) = &conversion.guard
            && session.ask(&ddl::has_unconvertible(table, &old.name, guard), &doing).await?
        {
            return Ok(false);
        }
        ddl::convert_column(table, &old.name, new, &conversion)
    };
    let mut outcome = session.try_execute(&statement, &doing).await;
    let blocked = |e: &Error| matches!(e.sqlstate(), Some("0A000" | "2BP01"));
    if outcome.as_ref().is_err_and(blocked) && taken_down.is_none() {
        *taken_down = Some(views::take_down(session, existing).await?);
        outcome = session.try_execute(&statement, &doing).await;
    }
    match outcome {
        Ok(()) => {
            cx.output.info(&format!(
                "Table {table}: column \"{}\" is now {} (was {}).",
                old.name,
                new.typname(),
                old.typname
            ));
            Ok(true)
        }
        // A value that does not convert: data exceptions.
        Err(error) if error.sqlstate().is_some_and(|code| code.starts_with("22")) => Ok(false),
        Err(error) if blocked(&error) => Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!("{}; drop what depends on the column, or refresh the stream after doing so", error.message()),
        )),
        Err(error) => Err(error),
    }
}

/// Keeps the old column under `<name>_<old type>` and makes a new one in its place.
async fn set_aside(
    cx: &Context,
    session: &Session,
    existing: &ExistingTable,
    old: &ExistingColumn,
    new: ColumnType,
    names: &mut HashSet<String>,
) -> Result<()> {
    let table = &existing.table;
    let doing = format!("changing the type of column \"{}\" of table {table}", old.name);
    let mut aside = with_suffix(&old.name, &format!("_{}", old.typname));
    let mut number = 1;
    while !names.insert(aside.clone()) {
        number += 1;
        aside = with_suffix(&old.name, &format!("_{}_{number}", old.typname));
    }
    session.execute(&ddl::rename_column(table, &old.name, &aside), &doing).await?;
    if old.not_null {
        session.execute(&ddl::drop_not_null(table, &aside), &doing).await?;
    }
    session.execute(&ddl::add_column(table, &old.name, new), &doing).await?;
    cx.output.warn(&format!(
        "Table {table}: the values of column \"{}\" do not all convert from {} to {}: they stay in column \"{aside}\", \
         new rows go to a new column \"{}\".",
        old.name,
        old.typname,
        new.typname(),
        old.name
    ));
    Ok(())
}

/// Columns of ours whose field is gone, where the configuration asks for them to be dropped.
fn removed(cx: &Context, existing: &ExistingTable, schema: &TableSchema) -> Vec<String> {
    if !cx.config.drop_removed_columns {
        return Vec::new();
    }
    let wanted: HashSet<&str> = schema.columns.iter().map(|c| c.name.as_str()).collect();
    let mut removed: Vec<String> =
        existing.field_columns().into_values().filter(|column| !wanted.contains(column.as_str())).collect();
    removed.sort_unstable();
    removed
}

/// The comment that records the columns of all fields that the table has or had.
pub(super) fn mapping(cx: &Context, existing: &ExistingTable, schema: &TableSchema) -> String {
    let mut known = existing.field_columns();
    if cx.config.drop_removed_columns {
        known.clear();
    }
    known.extend(schema.columns.iter().filter(|_| !schema.raw).map(|c| (c.field.clone(), c.name.clone())));
    let mapping = mapping_comment(known.iter().map(|(field, column)| (field.as_str(), column.as_str())));
    match existing.note() {
        Some(note) => format!("{note}\n{mapping}"),
        None => mapping,
    }
}

/// The comment for a table that is made now.
pub(super) fn new_mapping(schema: &TableSchema) -> String {
    mapping_comment(schema.columns.iter().filter(|_| !schema.raw).map(|c| (c.field.as_str(), c.name.as_str())))
}
