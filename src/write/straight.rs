//! Large loads straight into their table: no temporary table, no merge, and nothing that is the same for all rows.
//!
//! That is for rows that are only added, into a table where nothing of the user's comes in between, with generation and sync id
//! as defaults of their columns while the sync runs. Whatever the server does not take that way goes through a temporary
//! table.

use std::time::Instant;

use super::fence::{self, Expect};
use super::indexes::KeyIndex;
use super::link::Link;
use super::summary::Loaded;
use super::{Target, fill, introspect};
use crate::batch::Rows as Window;
use crate::copy::{CopyChunks, CopyColumns};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::load_strategy::Rows;
use crate::pg::{Session, Type, value};
use crate::schema::{ExistingTable, META, META_COLUMNS, TableName};
use crate::sql::{is_same, straight as sql};

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

/// Whether these rows may go straight into the table.
pub(super) fn fits(target: &Target, rows: &Window) -> bool {
    let keys = rows.keys;
    target.ways.is_some_and(|ways| ways.straight)
        && is_large(rows)
        && !rows.has_changes
        && match target.strategy.rows {
            Rows::Added => true,
            Rows::Merged => {
                target.key_index == KeyIndex::NotYet && !keys.duplicates && !keys.seen_before && !keys.deletions
            }
        }
}

/// Brings the rows into the table, inside a transaction; answers what was loaded once it commits.
pub(super) async fn copy(session: &Session, target: &Target, rows: &Window) -> Result<Loaded> {
    let began = Instant::now();
    let chunks = CopyChunks::new(rows, &target.types, CopyColumns { changes: false, arrival: false });
    let copy = sql::copy_into(&target.table, &target.schema);
    let doing = fill::doing(target);
    let taken = session.copy_in(&copy, chunks, &doing).await?;
    fill::expect_rows(target, taken, rows.count)?;
    let loaded = Loaded { merged: taken, copying: began.elapsed(), ..Loaded::default() };
    // Somebody may have changed them, or the server has failed over to one that never heard of them.
    if session.ask(&sql::has_defaults(&target.table, target.sync_id, target.generation), &doing).await? {
        return Ok(loaded);
    }
    let text = format!("the defaults that the load has set on table {} are not there any more", target.table);
    Err(Error::new(ErrorKind::Internal, text))
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

/// What we send for each column is what it reads.
fn takes_our_bytes(existing: &ExistingTable, target: &Target) -> bool {
    let meta = META_COLUMNS.iter().map(|c| (c.name, c.column_type));
    let user = target.schema.columns.iter().map(|c| (c.name.as_str(), c.column_type));
    !target.schema.raw
        && meta.chain(user).all(|(name, column_type)| {
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
