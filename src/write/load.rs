//! One commit window -> the tables, in one short transaction a group of streams.
//!
//! The window stays in memory until its commit, so a load can be repeated from the start whatever happened to it.

use std::collections::HashSet;
use std::sync::Arc;

use super::fence::{self, Expect, Fence};
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::{Context, Target};
use crate::batch::Rows as Window;
use crate::copy::{CopyChunks, CopyColumns};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::load_strategy::Rows;
use crate::pg::{Commit, Session, value};
use crate::schema::{KeyFacts, TableName};
use crate::sql::merge::{Merge, Source};
use crate::sql::{self, Statement, ddl};

/// The rows of one stream in one window.
pub(super) struct StreamLoad {
    /// Position of the stream in the catalog.
    pub stream: usize,
    pub rows: Window,
}

/// Loads windows; owns the sessions and what is known of the tables.
pub(super) struct Loader {
    pub cx: Arc<Context>,
    pub link: Link,
    /// More sessions, opened when a window has work for them.
    more: Vec<Link>,
    /// How many sessions there may be; fewer than configured once the server has refused one.
    most: usize,
    pub targets: Vec<Target>,
}

impl Loader {
    /// A loader that starts with one session.
    pub fn new(cx: Arc<Context>, link: Link, targets: Vec<Target>) -> Self {
        Self { most: cx.config.max_connections, cx, link, more: Vec::new(), targets }
    }

    /// Loads a window; when it answers, every row is durable.
    pub async fn load(&mut self, loads: &[StreamLoad]) -> Result<()> {
        let shares = self.share_out(loads).await?;
        let Self { cx, link, more, targets, .. } = self;
        let links = std::iter::once(link).chain(more);
        let lanes = shares.iter().zip(links).map(|(loads, link)| Lane { cx, targets, link }.load(loads));
        let outcomes = futures_util::future::join_all(lanes).await;
        // Every lane is waited for; what one committed holds even when another failed.
        let mut failed = None;
        for (loads, outcome) in shares.iter().zip(outcomes) {
            match outcome {
                Ok(changes) => self.note(loads, changes),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Shares the streams of a window out over sessions, the largest first to the session with the least to do.
    async fn share_out<'a>(&mut self, loads: &'a [StreamLoad]) -> Result<Vec<Vec<&'a StreamLoad>>> {
        let total: usize = loads.iter().map(|load| load.rows.size).sum();
        let wanted = (total / limits::LANE_BYTES).clamp(1, self.most).min(loads.len().max(1));
        self.more.retain(|link| !link.is_closed());
        while self.more.len() + 1 < wanted {
            let mut link = Link::new(Arc::clone(&self.cx));
            match link.session().await.map(drop) {
                Ok(()) => self.more.push(link),
                Err(error) => {
                    // Where the first session finds no server either, it waits for one, with patience.
                    if error.kind() != ErrorKind::Connection {
                        self.most = self.more.len() + 1;
                        self.cx.output.info(&format!("Loading with {} sessions: {}.", self.most, error.message()));
                    }
                    break;
                }
            }
        }
        let mut lanes: Vec<(usize, Vec<&StreamLoad>)> = vec![(0, Vec::new()); wanted.min(self.more.len() + 1)];
        let mut order: Vec<&StreamLoad> = loads.iter().collect();
        order.sort_by_key(|load| std::cmp::Reverse(load.rows.size));
        for load in order {
            if let Some((bytes, lane)) = lanes.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes += load.rows.size;
                lane.push(load);
            }
        }
        Ok(lanes.into_iter().map(|(_, lane)| lane).collect())
    }

    fn note(&mut self, loads: &[&StreamLoad], loaded: Vec<KeyIndex>) {
        for (load, key_index) in loads.iter().zip(loaded) {
            if let Some(target) = self.targets.get_mut(load.stream) {
                target.key_index = key_index;
                target.stored += load.rows.count;
                target.fence.committed();
            }
        }
    }
}

/// One session and the streams that it loads one after the other, in groups of one transaction each.
struct Lane<'a> {
    cx: &'a Context,
    targets: &'a [Target],
    link: &'a mut Link,
}

impl Lane<'_> {
    /// Loads everything; answers what is now known of the indexes. What is committed is never sent again: only the
    /// group that failed is repeated.
    async fn load(mut self, loads: &[&StreamLoad]) -> Result<Vec<KeyIndex>> {
        let mut loaded = Vec::with_capacity(loads.len());
        for group in loads.chunks(limits::STREAMS_PER_TRANSACTION) {
            loaded.extend(self.load_group(group).await?);
            self.link.progress();
        }
        Ok(loaded)
    }

    async fn load_group(&mut self, group: &[&StreamLoad]) -> Result<Vec<KeyIndex>> {
        let mut keyless = HashSet::new();
        loop {
            let error = match self.attempt(group, &keyless).await {
                Ok((loaded, Commit::Done)) => return Ok(loaded),
                Ok((loaded, Commit::Unknown(cause))) => {
                    let Some(target) = group.first().and_then(|load| self.targets.get(load.stream)) else {
                        return Ok(loaded);
                    };
                    if fence::settle(self.link, &target.fence, &target.table, Expect::Ours, &cause).await? {
                        return Ok(loaded);
                    }
                    cause
                }
                Err(error) => error,
            };
            let too_long = error.sqlstate() == Some("54000") && error.message().contains("index");
            if too_long && self.give_one_up(group, &error, &mut keyless).await? {
                continue;
            }
            self.link.recover(error).await?;
        }
    }

    async fn attempt(&mut self, group: &[&StreamLoad], keyless: &HashSet<usize>) -> Result<(Vec<KeyIndex>, Commit)> {
        let targets: Vec<&Target> = group.iter().filter_map(|load| self.targets.get(load.stream)).collect();
        if targets.len() != group.len() {
            return Err(Error::new(ErrorKind::Internal, "a load names a stream that the catalog does not have"));
        }
        let held: Vec<_> = targets.iter().map(|target| (&target.fence, &target.table, Expect::Ours)).collect();
        let session = self.link.session().await?;
        if let (Err(error), [target, ..]) = (fence::begin(session, &held).await, &*targets) {
            return Err(explain_lock(self.cx, &target.fence, &target.table, error).await);
        }
        let mut loaded = Vec::with_capacity(group.len());
        for (load, target) in group.iter().zip(targets) {
            match load_target(self.cx, session, target, load, keyless.contains(&load.stream)).await {
                Ok(key_index) => loaded.push(key_index),
                Err(error) => {
                    session.rollback().await;
                    let error = explain_lock(self.cx, &target.fence, &target.table, error).await;
                    return Err(error.with_stream(target.name.namespace.as_deref(), &target.name.name));
                }
            }
        }
        Ok((loaded, session.commit().await))
    }

    /// After "the index entry is too long": drops one of our indexes on the table of the group that it was about, and
    /// notes when that was the key's. False when there was none to drop.
    async fn give_one_up(
        &mut self,
        group: &[&StreamLoad],
        error: &Error,
        keyless: &mut HashSet<usize>,
    ) -> Result<bool> {
        let mut any = false;
        for load in group {
            let Some(target) = self.targets.get(load.stream) else { continue };
            if error.stream().is_some_and(|name| *name != target.name) {
                continue;
            }
            let mut dropped_before = false;
            let dropped = self.link.repeat(async |session| {
                // Of an attempt whose commit was not answered nobody knows what it dropped; without the key's index the rows are
                // merged right in any case.
                let again = std::mem::replace(&mut dropped_before, true);
                fence::begin(session, &[(&target.fence, &target.table, Expect::Ours)]).await?;
                let dropped = session.end(indexes::give_one_up(session, target).await).await?;
                Ok(dropped.map(|(index, was_key)| (index, was_key || again)))
            });
            let Some((index, was_key)) = dropped.await? else {
                // The index was to be built within the load that failed: then it is not built.
                any |= target.key_index == KeyIndex::NotYet && keyless.insert(load.stream);
                continue;
            };
            if was_key {
                keyless.insert(load.stream);
            }
            self.cx.output.warn(&format!(
                "Table {}: a value is too long for an index, so index \"{index}\" was dropped.",
                target.table
            ));
            any = true;
        }
        Ok(any)
    }
}

/// Loads the rows of one stream inside the transaction; answers the key index that holds once it commits.
async fn load_target(
    cx: &Context,
    session: &Session,
    target: &Target,
    load: &StreamLoad,
    keyless: bool,
) -> Result<KeyIndex> {
    let rows = &load.rows;
    let table = format!("_airbyte_load_{}", load.stream);
    let doing = format!("loading rows into table {}", target.table);
    let columns = CopyColumns { changes: rows.has_changes, arrival: rows.keys.duplicates };
    let create = ddl::create_load_table(&table, &target.schema, columns.changes, columns.arrival);
    session.execute(&create.then(&target.fence.next_note(&target.table)), &doing).await?;
    let chunks = CopyChunks::new(rows, &target.types, columns);
    let taken = session.copy_in(&ddl::copy_into_load_table(&table), chunks, &doing).await?;
    if taken != rows.count {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("the server took {taken} rows of {} for table {}", rows.count, target.table),
        ));
    }
    let mut key_index = if keyless { KeyIndex::None } else { target.key_index };
    if key_index == KeyIndex::NotYet && rows.keys.seen_before {
        key_index = indexes::ensure_key(cx, session, target).await?;
    }
    let source = Source::load_table(&table, target.sync_id, target.generation, rows.has_changes, rows.keys);
    let merge = Merge { target: &target.table, schema: &target.schema, source: &source };
    for statement in merge_statements(target.strategy.rows, key_index, rows.keys, &merge) {
        session.execute(&statement, &doing).await?;
    }
    Ok(key_index)
}

/// Adds who holds the lock, be it the table's or the stream's, to the error of a lock that was not to be had.
pub(super) async fn explain_lock(cx: &Context, fence: &Fence, table: &TableName, error: Error) -> Error {
    if error.sqlstate() != Some("55P03") {
        return error;
    }
    let blockers = async {
        let session = cx.connector.session().await?;
        session.begin().await?;
        let rows = session.query(sql::session::blockers(table, fence.key()), &[], "looking for locks").await;
        let mut names = Vec::new();
        for row in session.end(rows).await? {
            let application: Option<String> = value(&row, "application")?;
            names.push(format!(
                "process {}{}",
                value::<i32>(&row, "pid")?,
                application.filter(|a| !a.is_empty()).map(|a| format!(" of application \"{a}\"")).unwrap_or_default()
            ));
        }
        Ok::<_, Error>(names)
    };
    // A pool may have no connection for us for a long time.
    match tokio::time::timeout(limits::EXPLAIN_LOCK_TIMEOUT, blockers).await {
        Ok(Ok(names)) if !names.is_empty() => error.context(&format!("blocked by {}", names.join(", "))),
        _ => error,
    }
}

/// The statements that bring a source's rows into the target, for what is known of the keys.
pub(super) fn merge_statements(rows: Rows, key_index: KeyIndex, keys: KeyFacts, merge: &Merge<'_>) -> Vec<Statement> {
    let delete = || if keys.deletions { merge.delete() } else { None };
    match (rows, key_index) {
        (Rows::Added, _) => vec![merge.insert()],
        (Rows::Merged, KeyIndex::NotYet) => vec![merge.insert_newest()],
        (Rows::Merged, KeyIndex::Unique { nulls_equal }) if nulls_equal || !keys.nulls => {
            delete().into_iter().chain([merge.on_conflict()]).collect()
        }
        (Rows::Merged, _) => [merge.update()].into_iter().chain(delete()).chain([merge.insert_absent()]).collect(),
    }
}
