//! Load receipts: a row for each stream and commit, in the transaction of the rows themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::link::Link;
use super::load::StreamLoad;
use super::plan::StreamPlan;
use super::poison::Fate;
use super::summary::Loaded;
use super::{Context, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::privileges::receipts::{self, table_of};
use crate::schema::TableName;
use crate::sql::ddl;
use crate::sql::receipts::{self as sql, Load, Receipt};

const COMMENT: &str = "What each commit of destination-postgres brought, since `load_receipts` is on: a row for each stream and \
                       commit, in the same transaction as the data. Nothing reads this table; rows may be deleted at any time.";

/// Whether receipts may name the place in the write-ahead log; nothing before the tables are there, or where none are wanted.
#[derive(Default)]
pub(crate) struct Receipts(OnceLock<bool>);

/// Makes the tables of receipts that are missing.
pub(super) async fn make_tables(cx: &Context, link: &mut Link, plans: &[StreamPlan]) -> Result<()> {
    if !cx.config.load_receipts {
        return Ok(());
    }
    for table in tables(plans)? {
        let lsn = link
            .repeat(async |session| {
                session.begin().await?;
                session.end(make_table(cx, session, &table).await).await
            })
            .await?;
        cx.receipts.0.get_or_init(|| lsn);
    }
    Ok(())
}

/// The tables of receipts that these streams need.
///
/// # Errors
/// [`ErrorKind::Config`] when one of them is a stream's own.
pub(super) fn tables(plans: &[StreamPlan]) -> Result<Vec<TableName>> {
    let schemas: BTreeSet<&str> = plans.iter().map(|plan| plan.table.schema.as_str()).collect();
    let tables: Vec<TableName> = schemas.into_iter().map(table_of).collect();
    let Some(plan) = plans.iter().find(|plan| tables.contains(&plan.table)) else { return Ok(tables) };
    let text = format!(
        "stream {} would be written to table {}, which takes the load receipts: switch `load_receipts` off, or give the \
         connection a prefix for its streams",
        plan.stream.name, plan.table
    );
    Err(Error::new(ErrorKind::Config, text).with_stream(&plan.stream.name))
}

/// Makes the table unless it is there; answers whether the place in the write-ahead log is to be had.
pub(super) async fn make_table(cx: &Context, session: &Session, table: &TableName) -> Result<bool> {
    let found = receipts::find(session, table, cx.role()).await?;
    if !found.exists {
        let doing = format!("creating table {table} for load receipts");
        let create = sql::create(table).then(&ddl::comment_table(table, COMMENT));
        session.execute(&create, &doing).await.map_err(|error| match error.sqlstate() {
            // Another sync makes it at the same time.
            Some("23505" | "42710") => error.with_refusal(None).with_sqlstate("42P07").with_kind(ErrorKind::Locked),
            _ => error,
        })?;
        for role in &cx.config.reader_roles {
            session.execute(&ddl::grant_select(table, role), &doing).await?;
        }
    }
    Ok(found.lsn)
}

/// What one transaction brings of a stream: so many of the rows of a load.
pub(super) struct Brought<'a> {
    pub target: &'a Target,
    pub load: &'a StreamLoad,
    pub rows: u64,
    pub set_aside: u64,
    pub loaded: Loaded,
    /// The rows before the STATE are complete with it.
    pub last: bool,
    /// Which commit of the stream it is.
    pub commit: u64,
}

/// Leaves receipts for what a transaction brings; to be called before its commit.
pub(super) async fn leave(cx: &Context, session: &Session, brought: &[Brought<'_>]) -> Result<()> {
    let receipts = brought.iter().map(|Brought { target, load, rows, set_aside, loaded, last, commit }| {
        let bytes = load.rows.size as u64 * (rows + set_aside) / load.rows.count.max(1);
        let state = if *last { load.state.as_deref() } else { None };
        let (merged, deleted) = (loaded.merged, loaded.deleted);
        receipt(target, *commit, Some(Load { rows: *rows, merged, deleted, set_aside: *set_aside, bytes, state }))
    });
    insert(cx, session, receipts).await
}

/// Leaves receipts for the rows of a group of streams, unless the transaction is to be rolled back.
pub(super) async fn leave_for_group(
    cx: &Context,
    session: &Session,
    group: &[&StreamLoad],
    targets: &[&Target],
    fates: &[Fate],
) -> Result<()> {
    let brought = group.iter().zip(targets).zip(fates).map(|((load, target), fate)| match fate {
        Fate::Loaded(_, refused, loaded) => {
            let set_aside = refused.len() as u64;
            let (rows, commit) = (load.rows.count - set_aside, target.fence.next_commit());
            Some(Brought { target, load, rows, set_aside, loaded: *loaded, last: true, commit })
        }
        Fate::Stopped(..) | Fate::Waits(_) => None,
    });
    match brought.collect::<Option<Vec<_>>>() {
        Some(brought) => leave(cx, session, &brought).await,
        None => Ok(()),
    }
}

/// Leaves the receipt of a publication.
pub(super) async fn leave_for_publication(cx: &Context, session: &Session, target: &Target) -> Result<()> {
    let published = Receipt { table: &target.schema.table, ..receipt(target, target.fence.next_commit(), None) };
    insert(cx, session, std::iter::once(published)).await
}

fn receipt<'a>(target: &'a Target, commit: u64, load: Option<Load<'a>>) -> Receipt<'a> {
    Receipt {
        stream: (target.name.namespace.as_deref(), &target.name.name),
        table: &target.table,
        sync_id: target.sync_id,
        generation: target.generation,
        token: target.fence.token(),
        commit,
        load,
    }
}

async fn insert<'a>(cx: &Context, session: &Session, receipts: impl Iterator<Item = Receipt<'a>>) -> Result<()> {
    let Some(lsn) = cx.receipts.0.get() else { return Ok(()) };
    let mut by_schema: BTreeMap<&str, Vec<Receipt<'a>>> = BTreeMap::new();
    for receipt in receipts {
        by_schema.entry(&receipt.table.schema).or_default().push(receipt);
    }
    for (schema, receipts) in by_schema {
        let table = table_of(schema);
        let doing = format!("leaving load receipts in table {table}");
        session.execute(&sql::insert(&table, &receipts, *lsn), &doing).await.map_err(|error| own(error, &table))?;
    }
    Ok(())
}

/// What refuses a receipt says nothing of the rows.
fn own(error: Error, table: &TableName) -> Error {
    if error.refusal().is_none() {
        return error;
    }
    let text = format!("{}; remove from table {table} what refuses it, or rename the table", error.message());
    Error::new(ErrorKind::ObjectInTheWay, text).with_source(error)
}

/// The SHA-256 of a STATE's text, in hexadecimal digits.
pub(super) fn sha256(state: &str) -> String {
    Sha256::digest(state.as_bytes()).iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}
