//! The end of a stream: the next generation takes the place of the old rows, and indexes are built.
//!
//! Where nothing hangs on the old table the new one takes its name, which is the shortest lock. Else the rows are
//! replaced inside the old table in one transaction, so that views, grants, policies and the like never notice.

use super::fence::{self, Expect};
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::{Context, Target, evolve, introspect, load, receipts, straight};
use crate::error::{Error, ErrorKind, Result};
use crate::load_strategy::Rows;
use crate::pg::{Commit, Session, Type, value};
use crate::schema::{ExistingTable, META_COLUMNS, TableName};
use crate::sql::{ddl, dependents, merge};

const COMMENT: &str = "destination-postgres is loading generation ";

/// The comment that tells a person what a next-generation table is.
pub(super) fn next_comment(table: &TableName, generation: i64) -> String {
    format!(
        "{COMMENT}{generation} of {table} here. The table takes its place when the refresh is complete; a refresh that \
         is given up leaves it for the next sync, which drops or uses it."
    )
}

/// The generation that a next-generation table holds.
pub(super) async fn generation_of(session: &Session, next: &ExistingTable) -> Result<i64> {
    let noted = next.comment.as_deref().and_then(|c| c.strip_prefix(COMMENT)?.split(' ').next()?.parse().ok());
    if let Some(generation) = noted {
        return Ok(generation);
    }
    let rows = session.query(ddl::any_generation(&next.table), &[], "reading the generation of a refresh").await?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(0))
}

/// Builds what a load leaves to its end, unless the table is `indexed`, and publishes the next generation when there is one.
pub(super) async fn finish(
    cx: &Context,
    link: &mut Link,
    target: &mut Target,
    complete: bool,
    indexed: bool,
) -> Result<()> {
    if !indexed {
        target.key_index = link
            .repeat(async |session| {
                fence::begin(session, &[(&target.fence, &target.table, Expect::Ours)]).await?;
                session.end(build_indexes(cx, session, target).await).await
            })
            .await?;
    }
    if std::mem::take(&mut target.defaults) {
        link.repeat(async |session| {
            fence::begin(session, &[(&target.fence, &target.table, Expect::Ours)]).await?;
            session.end(straight::tidy(session, &target.table).await).await
        })
        .await?;
    }
    if !target.is_next() {
        return Ok(());
    }
    if !complete {
        cx.output.warn(&format!(
            "Stream {}: the source did not finish, so table {} keeps its old rows. What was loaded waits in table {} \
             for the next attempt.",
            target.name, target.schema.table, target.table
        ));
        return Ok(());
    }
    loop {
        let outcome = match link.session().await {
            Ok(session) => attempt(cx, session, target).await,
            Err(error) => Err(error),
        };
        let error = match outcome {
            Ok(Commit::Done) => break,
            Ok(Commit::Unknown(cause)) => {
                if fence::settle(link, &target.fence, &target.schema.table, Expect::NobodyElses, &cause).await? {
                    break;
                }
                cause
            }
            Err(error) => load::explain_lock(cx, &target.fence, &target.schema.table, error).await,
        };
        link.recover(error).await?;
    }
    target.fence.committed();
    link.progress();
    Ok(())
}

async fn attempt(cx: &Context, session: &Session, target: &Target) -> Result<Commit> {
    let (next, table) = (&target.table, &target.schema.table);
    let held = [(&target.fence, next, Expect::Ours), (&target.fence, table, Expect::NobodyElses)];
    fence::begin(session, &held).await?;
    let published = async {
        publish(cx, session, target).await?;
        receipts::leave_for_publication(cx, session, target).await?;
        session.execute(&target.fence.next_note(table), "publishing").await
    };
    match published.await {
        Ok(()) => Ok(session.commit().await),
        Err(error) => {
            session.rollback().await;
            Err(error)
        }
    }
}

async fn build_indexes(cx: &Context, session: &Session, target: &Target) -> Result<KeyIndex> {
    let keyed = target.strategy.rows == Rows::Merged && !target.schema.is_open();
    let key_index = if keyed && target.key_index == KeyIndex::NotYet {
        indexes::ensure_key(cx, session, target).await?
    } else {
        target.key_index
    };
    indexes::ensure_secondary(session, target).await?;
    Ok(key_index)
}

async fn publish(cx: &Context, session: &Session, target: &Target) -> Result<()> {
    let (next, table) = (&target.table, &target.schema.table);
    let doing = format!("publishing the refreshed rows of table {table}");
    let Some(mut old) = introspect::one(session, table).await? else {
        return swap(session, target, None, &doing).await;
    };
    session.execute(&ddl::lock_table(table, old.spread.is_none()), &doing).await?;
    // Somebody may have hung something on it, or have dropped it, while we waited for the lock.
    if let Some(now) = introspect::one(session, table).await? {
        old = now;
    }
    evolve::refuse_unusable(&old, &target.schema, cx.role())?;
    // What an interrupted sync may have left is not the user's.
    straight::tidy(session, table).await?;
    let Some(new) = introspect::one(session, next).await? else {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!("table {next}, which held the refreshed rows of {table}, was dropped by somebody: sync again"),
        ));
    };
    let reasons = reasons_to_keep(session, &old, &new).await?;
    if reasons.is_empty() {
        return swap(session, target, Some(&new), &doing).await;
    }
    cx.output.info(&format!("Table {table} is refilled in place: it has {}.", reasons.join(", ")));
    if new.spread.is_some() && old.spread.is_none() {
        cx.output.warn(&format!("Table {table} is not made anew for that, so `table_options` has no effect on it."));
    }
    refill(cx, session, target, &old, &doing).await
}

/// Everything that a swap would lose, each as "kind name".
pub(super) async fn reasons_to_keep(
    session: &Session,
    old: &ExistingTable,
    new: &ExistingTable,
) -> Result<Vec<String>> {
    let doing = format!("looking for what depends on table {}", old.table);
    let rows =
        session.query(dependents::reasons_to_keep(), &[(&old.oid, Type::OID), (&new.oid, Type::OID)], &doing).await?;
    let mut reasons = Vec::new();
    for row in &rows {
        reasons.push(format!("{} {}", value::<String>(row, "kind")?, value::<String>(row, "name")?));
    }
    if let Some(engine) = old.spread.as_ref().and_then(|spread| spread.engine.as_ref()) {
        reasons.push(format!("distribution by {engine}"));
    }
    for index in old.indexes.iter().filter(|i| !i.constraint && !indexes::is_ours(&old.table, i)) {
        reasons.push(format!("index {}", index.name));
    }
    let ours = old.field_columns();
    for column in &old.columns {
        let known = new.column(&column.name).is_some() || ours.values().any(|name| *name == column.name);
        let not_null_of_user = column.not_null && !META_COLUMNS.iter().any(|c| c.name == column.name);
        if !known || not_null_of_user {
            reasons.push(format!("column {}", column.name));
        }
    }
    Ok(reasons)
}

async fn swap(session: &Session, target: &Target, new: Option<&ExistingTable>, doing: &str) -> Result<()> {
    let (next, table) = (&target.table, &target.schema.table);
    session.execute(&ddl::uncomment_table(next), doing).await?;
    if new.is_some() {
        session.execute(&ddl::drop_table(table, false), doing).await?;
    }
    session.execute(&ddl::rename_table(next, &table.table), doing).await?;
    if let Some(renamed) = introspect::one(session, table).await? {
        indexes::rename_all(session, table, &renamed.indexes).await?;
    }
    Ok(())
}

async fn refill(cx: &Context, session: &Session, target: &Target, old: &ExistingTable, doing: &str) -> Result<()> {
    let (next, table) = (&target.table, &target.schema.table);
    let mut published = target.clone();
    published.table = table.clone();
    if !published.schema.is_open() {
        indexes::drop_outdated_key(session, &published).await?;
    }
    let keys = session.query(dependents::inbound_foreign_keys(), &[(&old.oid, Type::OID)], doing).await?;
    let columns: Vec<&str> = META_COLUMNS
        .iter()
        .map(|c| c.name)
        .chain(target.schema.raw.then_some(crate::schema::LOADED_AT))
        .chain(target.schema.columns.iter().map(|c| c.name.as_str()))
        .collect();
    match keys.first() {
        None => {
            empty(session, old, doing).await?;
            // Built again below: at once, and without what a value is too long for.
            indexes::drop_all(session, &published).await?;
            evolve::evolve(cx, session, old, &target.schema, true).await?;
            session.execute(&merge::copy_rows(next, table, &columns), doing).await?;
        }
        Some(row) => {
            let name: String = value(row, "name")?;
            let referencing: String = value(row, "referencing")?;
            let key: Vec<String> = value(row, "columns")?;
            evolve::evolve(cx, session, old, &target.schema, false).await?;
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            if session.ask(&merge::repeats_key(next, table, &key), doing).await? {
                return Err(repeated(table, &key, &name, &referencing));
            }
            for statement in merge::replace_by_key(next, table, &columns, &key) {
                session.execute(&statement, doing).await.map_err(|error| match error.sqlstate() {
                    Some("23503" | "23001") => Error::new(
                        ErrorKind::ObjectInTheWay,
                        format!(
                            "the refreshed rows of table {table} break foreign key \"{name}\" of {referencing}: rows \
                             that it points at are gone. Remove the referencing rows or the foreign key; the old rows \
                             stay until then"
                        ),
                    ),
                    Some("23505") => repeated(table, &key, &name, &referencing),
                    _ => error,
                })?;
            }
        }
    }
    session.execute(&ddl::drop_table(next, false), doing).await?;
    if published.strategy.rows == Rows::Merged && !published.schema.is_open() {
        indexes::ensure_key(cx, session, &published).await?;
    }
    indexes::ensure_secondary(session, &published).await
}

/// Removes all rows. Foreign partitions can be truncated from 14 on, if their servers and options let us.
async fn empty(session: &Session, old: &ExistingTable, doing: &str) -> Result<()> {
    let truncate = ddl::truncate(&old.table, old.spread.is_none());
    if old.spread.as_ref().is_none_or(|spread| spread.foreign.is_empty()) {
        return session.execute(&truncate, doing).await;
    }
    match session.try_execute(&truncate, doing).await {
        Err(error) if error.sqlstate().is_some() => session.execute(&ddl::delete_all(&old.table), doing).await,
        emptied => emptied,
    }
}

fn repeated(table: &TableName, key: &[&str], name: &str, referencing: &str) -> Error {
    Error::new(
        ErrorKind::ObjectInTheWay,
        format!(
            "the refreshed rows of table {table} hold a value of {} twice, but foreign key \"{name}\" of {referencing} \
             needs it to be unique; the old rows stay",
            key.join(", ")
        ),
    )
}
