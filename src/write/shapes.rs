//! Tables that are made as `table_options` says.

use std::collections::HashSet;

use super::{Context, Target, indexes};
use crate::error::{Error, ErrorKind, Result};
use crate::naming::{hash, with_suffix};
use crate::pg::Session;
use crate::schema::{ExistingTable, Shape, TableName};
use crate::sql::{Statement, shape as sql};

/// Names that are tried for a partition.
const NAMES: u32 = 4;

fn configured<'a>(cx: &'a Context, target: &Target) -> Option<&'a Shape> {
    cx.config.shape(target.name.namespace.as_deref(), &target.name.name)
}

/// How the table of a stream, which is to be made, shall be; a next generation plainly where the old table is spread over others, for it
/// is the old one that stays.
///
/// # Errors
/// [`ErrorKind::Config`] for a name that cannot be put into the configured statements.
pub(super) fn wanted<'a>(cx: &'a Context, target: &Target, old: Option<&ExistingTable>) -> Result<Option<&'a Shape>> {
    let Some(shape) = configured(cx, target).filter(|_| old.is_none_or(|old| old.spread.is_none())) else {
        return Ok(None);
    };
    for table in [&target.table, &target.schema.table] {
        shape.take(table).map_err(|what| {
            Error::new(ErrorKind::Config, format!("`table_options` of stream {}: {what}", target.name))
        })?;
    }
    Ok(Some(shape))
}

/// Says that a table which is there stays as it is.
pub(super) fn remark(cx: &Context, target: &Target, there: Option<&ExistingTable>) {
    let partitioned = configured(cx, target).is_some_and(|shape| shape.partition_by.is_some());
    if partitioned && there.is_some_and(|table| table.spread.is_none()) {
        cx.output.warn(&format!(
            "Table {} is there and not partitioned: `table_options` holds for a table that is made, by a refresh of the \
             stream or after it was dropped.",
            target.table
        ));
    }
}

/// Makes the table by `statements`, with its partitions and what follows; `plainly` is how it is made otherwise.
///
/// # Errors
/// [`ErrorKind::Config`] with what the server says of the shape.
pub(super) async fn create(
    cx: &Context,
    session: &Session,
    target: &Target,
    shape: &Shape,
    mut statements: Vec<Statement>,
    plainly: &[Statement],
) -> Result<()> {
    let doing = format!("creating table {}", target.table);
    let names = partition_names(session, target, shape).await?;
    for (name, bounds) in names.iter().zip(shape.partitions()) {
        statements.push(sql::partition(&target.table, name, bounds, shape));
    }
    statements.extend(shape.after_create.iter().map(|text| sql::after_create(&target.table, text)));
    let blamed = |error: Error| blame(error, &target.name.to_string());
    if !target.is_next() {
        for statement in &statements {
            session.execute(statement, &doing).await.map_err(blamed)?;
        }
        return Ok(());
    }
    let Some(all) = statements.into_iter().reduce(|all, one| all.then(&one)) else { return Ok(()) };
    match session.try_execute(&all, &doing).await {
        // Of what the configured statements name there can be one only, and the old table has it.
        Err(error) if matches!(error.sqlstate(), Some("42P07" | "42710")) => {
            cx.output.info(&format!(
                "Stream {}: its next generation is made without `table_options`, which names what is there already.",
                target.name
            ));
            for statement in plainly {
                session.execute(statement, &doing).await?;
            }
            Ok(())
        }
        created => created.map_err(blamed),
    }
}

/// Names that no relation has, for the partitions: not those that another stream's table could have.
async fn partition_names(session: &Session, target: &Target, shape: &Shape) -> Result<Vec<TableName>> {
    let table = &target.schema.table;
    let candidates: Vec<Vec<String>> = shape
        .partitions()
        .enumerate()
        .map(|(number, bounds)| {
            let what = bounds.map_or_else(|| "rest".to_owned(), |_| (number + 1).to_string());
            let name = |round| {
                with_suffix(&table.table, &format!("_{what}_{}", hash(&format!("{table} partition {what} {round}"))))
            };
            (0..NAMES).map(name).collect()
        })
        .collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let taken: HashSet<String> = indexes::taken_names(session, &table.schema, &candidates.concat()).await?;
    let named = candidates.iter().map(|names| TableName {
        schema: table.schema.clone(),
        table: names.iter().find(|name| !taken.contains(*name)).or(names.last()).cloned().unwrap_or_default(),
    });
    Ok(named.collect())
}

/// An error of the server's about what the configuration asks for is the configuration's.
fn blame(error: Error, stream: &str) -> Error {
    let about_it = ["0A", "22", "23", "2B", "42", "54", "55000", "HV", "P0", "TS"];
    if error.sqlstate().is_some_and(|code| about_it.iter().any(|class| code.starts_with(class))) {
        return error.with_kind(ErrorKind::Config).context(&format!("`table_options` of stream {stream}"));
    }
    error
}
