//! One commit window -> the tables, in one short transaction a group of streams.
//!
//! The window stays in memory until its commit, so a load can be repeated from the start whatever happened to it.

use std::sync::Arc;

use super::indexes::{self, KeyIndex};
use super::{Context, Target};
use crate::batch::{KeyFacts, Rows as Window};
use crate::copy::{CopyChunks, CopyColumns};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::load_strategy::Rows;
use crate::pg::Session;
use crate::sql::merge::{Merge, Source};
use crate::sql::{Statement, ddl};

/// The rows of one stream in one window.
pub(super) struct StreamLoad {
    /// Position of the stream in the catalog.
    pub stream: usize,
    pub rows: Window,
}

/// Loads windows; owns the session and what is known of the tables.
pub(super) struct Loader {
    pub cx: Arc<Context>,
    pub session: Session,
    pub targets: Vec<Target>,
}

impl Loader {
    /// Loads a window; when it answers, every row is durable.
    pub async fn load(&mut self, loads: &[StreamLoad]) -> Result<()> {
        for group in loads.chunks(limits::STREAMS_PER_TRANSACTION) {
            // Each turn gives up the indexes of another stream, so there are at most as many as streams.
            loop {
                match self.load_group(group).await {
                    Err(error) if error.sqlstate() == Some("54000") && self.drop_indexes(group, &error).await? => {}
                    outcome => break outcome?,
                }
            }
        }
        Ok(())
    }

    async fn load_group(&mut self, group: &[StreamLoad]) -> Result<()> {
        // Idle between windows, the server or the network may have hung up; nothing was under way then.
        if self.session.is_closed() {
            self.session = self.cx.connector.session().await?;
        }
        self.session.begin().await?;
        let mut key_indexes = Vec::with_capacity(group.len());
        let mut outcome = Ok(());
        for load in group {
            match self.load_stream(load).await {
                Ok(key_index) => key_indexes.push(key_index),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.session.end(outcome).await?;
        for (load, key_index) in group.iter().zip(key_indexes) {
            if let Some(target) = self.targets.get_mut(load.stream) {
                target.key_index = key_index;
                target.stored += load.rows.count;
            }
        }
        Ok(())
    }

    /// Loads the rows of one stream inside the transaction; answers the key index that holds once it commits.
    async fn load_stream(&self, load: &StreamLoad) -> Result<KeyIndex> {
        let Some(target) = self.targets.get(load.stream) else {
            return Err(Error::new(ErrorKind::Internal, "a load names a stream that the catalog does not have"));
        };
        self.load_target(target, load)
            .await
            .map_err(|e| e.with_stream(target.name.namespace.as_deref(), &target.name.name))
    }

    async fn load_target(&self, target: &Target, load: &StreamLoad) -> Result<KeyIndex> {
        let rows = &load.rows;
        let table = format!("_airbyte_load_{}", load.stream);
        let doing = format!("loading rows into table {}", target.table);
        let columns = CopyColumns { changes: rows.has_changes, arrival: rows.keys.duplicates };
        let create = ddl::create_load_table(&table, &target.schema, columns.changes, columns.arrival);
        self.session.execute(&create, &doing).await?;
        let chunks = CopyChunks::new(rows, &target.types, columns);
        let taken = self.session.copy_in(&ddl::copy_into_load_table(&table), chunks, &doing).await?;
        if taken != rows.count {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("the server took {taken} rows of {} for table {}", rows.count, target.table),
            ));
        }
        let mut key_index = target.key_index;
        if key_index == KeyIndex::NotYet && rows.keys.seen_before {
            key_index = indexes::ensure_key(&self.cx, &self.session, target).await?;
        }
        let source = Source::load_table(&table, target.sync_id, target.generation, rows.has_changes, rows.keys);
        let merge = Merge { target: &target.table, schema: &target.schema, source: &source };
        for statement in merge_statements(target.strategy.rows, key_index, rows.keys, &merge) {
            self.session.execute(&statement, &doing).await?;
        }
        Ok(key_index)
    }

    /// After "the index entry is too long": gives up the indexes of the group's tables. False when there were none.
    async fn drop_indexes(&mut self, group: &[StreamLoad], error: &Error) -> Result<bool> {
        if !error.message().contains("index") {
            return Ok(false);
        }
        let mut dropped = false;
        for load in group {
            let Some(target) = self.targets.get_mut(load.stream) else { continue };
            let named = error.stream().is_none_or(|name| *name == target.name);
            if !named || target.indexes_given_up {
                continue;
            }
            self.session.begin().await?;
            let done = indexes::drop_all(&self.session, target).await;
            self.session.end(done).await?;
            target.indexes_given_up = true;
            if target.strategy.rows == Rows::Merged {
                target.key_index = KeyIndex::None;
            }
            self.cx.output.warn(&format!(
                "Table {}: a value is too long for an index, so its indexes were dropped.",
                target.table
            ));
            dropped = true;
        }
        Ok(dropped)
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
