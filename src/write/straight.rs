//! Rows straight into their table: no temporary table and no merge.
//!
//! That is for rows that are only added, into a table where nothing of the user's comes in between. Large loads leave out what
//! is the same for all rows: generation and sync id are defaults of their columns while the sync runs. Whatever the server does not
//! take that way goes through a temporary table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use super::fence::{self, Expect};
use super::indexes::KeyIndex;
use super::link::Link;
use super::load::StreamLoad;
use super::summary::Loaded;
use super::{Target, fill, introspect};
use crate::batch::Rows as Window;
use crate::copy::{CopyChunks, CopyColumns, Meta};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::load_strategy::Rows;
use crate::pg::{Session, Type, text, value};
use crate::schema::{ExistingTable, META, META_COLUMNS, TableName};
use crate::sql::{Statement, is_same, straight as sql};
use crate::types::ColumnType;

/// Whether a table takes rows straight, as far as it is known. Clones share what they learn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taker(Arc<AtomicU8>);

impl Taker {
    const UNKNOWN: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;

    fn is(&self, known: u8) -> bool {
        self.0.load(Ordering::Relaxed) == known
    }

    /// From now on rows go through a temporary table.
    pub fn refuses(&self) {
        self.0.store(Self::NO, Ordering::Relaxed);
    }
}

/// How large loads get into a table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ways {
    /// Rows that are only added may go straight into it; its defaults are set.
    pub straight: bool,
    /// Sessions that load different rows never wait for each other.
    pub independent: bool,
}

/// So many rows that looking for the best way is worth while.
pub(super) fn is_large(rows: &Window) -> bool {
    rows.size >= limits::LANE_BYTES
}

/// Whether these rows are a large load for the defaults of the table.
pub(super) fn fits(target: &Target, rows: &Window) -> bool {
    target.ways.is_some_and(|ways| ways.straight) && is_large(rows) && !rows.has_changes && may(target, rows)
}

/// Whether these rows may go straight into the table, for all that is known.
pub(super) fn may(target: &Target, rows: &Window) -> bool {
    let keys = rows.keys;
    !target.schema.raw
        && !target.taker.is(Taker::NO)
        && match target.strategy.rows {
            Rows::Added => true,
            Rows::Merged => {
                target.key_index == KeyIndex::NotYet && !keys.duplicates && !keys.seen_before && !keys.deletions
            }
        }
}

/// Whether the table is known to take these rows.
pub(super) fn is_open(target: &Target, rows: &Window) -> bool {
    fits(target, rows) || target.taker.is(Taker::YES) && may(target, rows)
}

/// The streams of a group whose rows go straight into their tables, inside a transaction.
pub(super) async fn choose(session: &Session, group: &[&StreamLoad], targets: &[&Target]) -> Result<HashSet<usize>> {
    let all = || group.iter().zip(targets);
    let unknown = all().filter(|(load, t)| t.taker.is(Taker::UNKNOWN) && may(t, &load.rows) && !fits(t, &load.rows));
    let unknown: Vec<&Target> = unknown.map(|(_, target)| *target).collect();
    for (target, found) in unknown.iter().zip(takers(session, &unknown, None).await?) {
        let takes = found.plain && found.single && found.ours;
        target.taker.0.store(if takes { Taker::YES } else { Taker::NO }, Ordering::Relaxed);
    }
    Ok(all().filter(|(load, target)| is_open(target, &load.rows)).map(|(load, _)| load.stream).collect())
}

/// Brings the rows into the table, inside a transaction; answers what was loaded once it commits.
pub(super) async fn copy(session: &Session, target: &Target, rows: &Window) -> Result<Loaded> {
    let began = Instant::now();
    let constant = fits(target, rows);
    let (copy, meta) = if constant {
        (sql::copy_into(&target.table, &target.schema), Meta::Nothing)
    } else {
        let whole = Meta::Whole { sync_id: target.sync_id, generation: target.generation };
        (sql::copy_whole(&target.table, &target.schema), whole)
    };
    let chunks = CopyChunks::new(rows, &target.types, CopyColumns { meta, arrival: false });
    let doing = fill::doing(target);
    let taken = session.copy_in(&copy, chunks, &doing).await?;
    fill::expect_rows(target, taken, rows.count)?;
    let loaded = Loaded { merged: taken, copying: began.elapsed(), ..Loaded::default() };
    // Somebody may have changed them, or the server has failed over to one that never heard of them.
    if !constant || session.ask(&sql::has_defaults(&target.table, target.sync_id, target.generation), &doing).await? {
        return Ok(loaded);
    }
    let text = format!("the defaults that the load has set on table {} are not there any more", target.table);
    Err(Error::new(ErrorKind::Internal, text))
}

/// Looks whether each of the tables that rows were copied into still is what they were made for, after a `last` statement.
pub(super) async fn verify(session: &Session, targets: &[&Target], last: Option<Statement>) -> Result<()> {
    let found = takers(session, targets, last).await?;
    let changed = targets.iter().zip(&found).find(|(_, found)| !(found.plain && found.ours));
    let Some((target, _)) = changed else { return Ok(()) };
    let text = format!("table {} was changed during the sync", target.table);
    Err(Error::new(ErrorKind::Internal, text).with_stream(&target.name))
}

/// What a table is now.
struct Found {
    /// A COPY does just what an INSERT does.
    plain: bool,
    /// It has neither partitions nor foreign keys, and the database no engine that spreads tables in its own way.
    single: bool,
    /// What we send for each column is what it reads.
    ours: bool,
}

/// Looks at the tables of targets, after another statement in the same round trip.
async fn takers(session: &Session, targets: &[&Target], before: Option<Statement>) -> Result<Vec<Found>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let tables: Vec<&TableName> = targets.iter().map(|target| &target.table).collect();
    let ask = sql::takers(&tables);
    let ask = before.map_or_else(|| ask.clone(), |before| before.then(&ask));
    let rows = session.rows(&ask, "looking at the tables of a load").await?;
    let found = |(row, target): (&_, &&Target)| {
        let columns: Vec<(String, String, i32)> =
            serde_json::from_str(text(row, "columns")?.unwrap_or("[]")).unwrap_or_default();
        let columns: HashMap<String, (String, i32)> = columns.into_iter().map(|(name, t, m)| (name, (t, m))).collect();
        let is_there = |(name, column_type): (&str, ColumnType)| {
            columns.get(name).is_some_and(|(typname, typmod)| is_same(typname, *typmod, column_type))
        };
        let says = |name| text(row, name).map(|answer| answer == Some("t"));
        Ok(Found { plain: says("plain")?, single: says("single")?, ours: columns_of(target).all(is_there) })
    };
    rows.iter().zip(targets).map(found).collect()
}

/// Finds the ways into a table, and sets its defaults where that helps and nobody has to wait for it.
pub(super) async fn find(link: &mut Link, target: &Target) -> Result<Ways> {
    link.repeat(async |session| {
        fence::begin(session, &[(&target.fence, &target.table, Expect::Ours)]).await?;
        session.end(look(session, target).await).await
    })
    .await
}

async fn look(session: &Session, target: &Target) -> Result<Ways> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(Ways::default()) };
    if existing.spread.as_ref().is_some_and(|spread| spread.engine.is_some()) {
        return Ok(Ways::default());
    }
    let mut key = target.schema.key_names();
    key.sort_unstable();
    let doing = format!("looking at table {}", target.table);
    let facts = session.query(sql::facts(), &[(&existing.oid, Type::OID), (&key, Type::TEXT_ARRAY)], &doing).await?;
    let Some(facts) = facts.first() else { return Ok(Ways::default()) };
    let defaults_are_free = value(facts, "ours")? || !value::<bool>(facts, "any_default")?;
    let mut ways = Ways {
        straight: value::<bool>(facts, "plain")? && defaults_are_free && takes_our_bytes(&existing, target),
        independent: value(facts, "independent")?,
    };
    if ways.straight {
        let set = sql::lock(&target.table).then(&sql::set_defaults(&target.table, target.sync_id, target.generation));
        let doing = format!("setting defaults of table {}", target.table);
        if let Err(error) = session.try_execute(&set, &doing).await {
            if error.sqlstate().is_none() {
                return Err(error);
            }
            ways.straight = false;
        }
    }
    Ok(ways)
}

/// The columns that we send, with the types that we send them as.
fn columns_of(target: &Target) -> impl Iterator<Item = (&str, ColumnType)> {
    let meta = META_COLUMNS.iter().map(|c| (c.name, c.column_type));
    meta.chain(target.schema.columns.iter().map(|c| (c.name.as_str(), c.column_type)))
}

/// What we send for each column is what it reads.
fn takes_our_bytes(existing: &ExistingTable, target: &Target) -> bool {
    !target.schema.raw
        && columns_of(target).all(|(name, column_type)| {
            existing.column(name).is_some_and(|old| old.builtin && is_same(&old.typname, old.typmod, column_type))
        })
}

/// Whether an interrupted sync may have left defaults of ours.
pub(super) fn may_have_defaults(existing: &ExistingTable) -> bool {
    existing.column(META).is_some_and(|meta| meta.has_default)
}

/// Drops defaults of ours, if there are any and nobody has to wait for it.
pub(super) async fn tidy(session: &Session, table: &TableName) -> Result<()> {
    let Some(existing) = introspect::one(session, table).await? else { return Ok(()) };
    let doing = format!("dropping defaults of table {table}");
    let key: Vec<&str> = Vec::new();
    let facts = session.query(sql::facts(), &[(&existing.oid, Type::OID), (&key, Type::TEXT_ARRAY)], &doing).await?;
    let ours = facts.first().map(|facts| value::<bool>(facts, "ours")).transpose()?.unwrap_or(false);
    if ours {
        match session.try_execute(&sql::lock(table).then(&sql::drop_defaults(table)), &doing).await {
            Err(error) if error.sqlstate().is_none() => return Err(error),
            // A later sync drops them; they are of no harm.
            _ => {}
        }
    }
    Ok(())
}
