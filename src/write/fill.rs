//! The rows of one stream -> its temporary table -> its table, inside an open transaction.

use std::collections::HashSet;
use std::time::Instant;

use super::indexes::{self, KeyIndex};
use super::load::StreamLoad;
use super::poison::Fate;
use super::summary::Loaded;
use super::{Context, Target, straight};
use crate::batch::{Rows as Window, Share};
use crate::copy::{CopyChunks, CopyColumns};
use crate::error::{Error, ErrorKind, Result};
use crate::load_strategy::Rows;
use crate::pg::Session;
use crate::schema::KeyFacts;
use crate::sql::merge::{Merge, Source};
use crate::sql::{Statement, ddl};

/// Loads the rows of some streams inside the transaction; those that can go `straight` into their tables do so if wanted.
pub(super) async fn load_targets(
    cx: &Context,
    session: &Session,
    group: &[&StreamLoad],
    targets: &[&Target],
    keyless: &HashSet<usize>,
    straight: bool,
) -> Result<Vec<Fate>> {
    let mut fates = Vec::with_capacity(group.len());
    let open = if straight { straight::choose(session, group, targets).await? } else { HashSet::new() };
    for (load, target) in group.iter().zip(targets) {
        let loaded = async {
            if open.contains(&load.stream) {
                return Ok((target.key_index, straight::copy(session, target, &load.rows).await?));
            }
            create_load_table(session, target, load).await?;
            let table = load_table(load.stream);
            if keyless.contains(&load.stream) {
                let target = Target { key_index: KeyIndex::None, ..(*target).clone() };
                return fill_and_merge(cx, session, &target, &table, &load.rows).await;
            }
            fill_and_merge(cx, session, target, &table, &load.rows).await
        };
        let (key_index, loaded) = loaded.await.map_err(|error| error.with_stream(&target.name))?;
        fates.push(Fate::Loaded(key_index, Vec::new(), loaded));
    }
    let straight = group.iter().zip(targets).filter(|(load, _)| open.contains(&load.stream));
    let straight: Vec<&Target> = straight.map(|(_, target)| *target).collect();
    let notes = straight.iter().map(|target| target.fence.next_note(&target.table)).reduce(|all, note| all.then(&note));
    straight::verify(session, &straight, notes).await?;
    Ok(fates)
}

/// What is being done, for errors.
pub(super) fn doing(target: &Target) -> String {
    format!("loading rows into table {}", target.table)
}

/// The temporary table of a stream.
pub(super) fn load_table(stream: usize) -> String {
    format!("_airbyte_load_{stream}")
}

/// The columns that rows bring along.
pub(super) fn copy_columns(rows: &Window) -> CopyColumns {
    CopyColumns::of_load_table(rows.has_changes, rows.keys.duplicates)
}

/// Makes the temporary table of a stream for its rows or parts of them, and leaves the note on the stream's table.
pub(super) async fn create_load_table(session: &Session, target: &Target, load: &StreamLoad) -> Result<()> {
    let create = load_table_statement(target, load);
    session.execute(&create.then(&target.fence.next_note(&target.table)), &doing(target)).await
}

/// The statement that makes the temporary table of a stream for its rows.
pub(super) fn load_table_statement(target: &Target, load: &StreamLoad) -> Statement {
    let (changes, arrival) = (load.rows.has_changes, load.rows.keys.duplicates);
    ddl::create_load_table(&load_table(load.stream), &target.schema, changes, arrival)
}

/// Brings rows through the stream's empty temporary table into its table; answers the key index that holds, and what
/// was loaded, once the transaction commits.
pub(super) async fn fill_and_merge(
    cx: &Context,
    session: &Session,
    target: &Target,
    table: &str,
    rows: &Window,
) -> Result<(KeyIndex, Loaded)> {
    let mut loaded = fill(session, target, table, rows, Share::ALL).await?;
    let mut key_index = target.key_index;
    if key_index == KeyIndex::NotYet && rows.keys.seen_before {
        key_index = indexes::ensure_key(cx, session, target).await?;
    }
    loaded += merge(session, target, table, rows, key_index).await?;
    Ok((key_index, loaded))
}

/// Brings what is in the stream's temporary table into its table.
pub(super) async fn merge(
    session: &Session,
    target: &Target,
    table: &str,
    rows: &Window,
    key_index: KeyIndex,
) -> Result<Loaded> {
    let source = Source::load_table(table, target.sync_id, target.generation, rows.has_changes, rows.keys);
    let merge = Merge { target: &target.table, schema: &target.schema, source: &source };
    run(session, &merge_steps(target, key_index, rows.keys, &merge), &doing(target)).await
}

/// Brings some of the rows into the stream's empty temporary table.
pub(super) async fn fill(
    session: &Session,
    target: &Target,
    table: &str,
    rows: &Window,
    share: Share,
) -> Result<Loaded> {
    let began = Instant::now();
    let chunks = CopyChunks::of_share(rows, &target.types, copy_columns(rows), share);
    let taken = session.copy_in(&ddl::copy_into_load_table(table), chunks, &doing(target)).await?;
    expect_rows(target, taken, rows.count_of(share))?;
    Ok(Loaded { copying: began.elapsed(), ..Loaded::default() })
}

/// The server says that it took all rows that it was sent.
pub(super) fn expect_rows(target: &Target, taken: u64, sent: u64) -> Result<()> {
    if taken == sent {
        return Ok(());
    }
    let text = format!("the server took {taken} rows of {sent} for table {}", target.table);
    Err(Error::new(ErrorKind::Internal, text))
}

/// A statement on the way of rows into their table.
pub(super) enum Step {
    /// It adds or replaces rows.
    Merge(Statement),
    /// It deletes rows.
    Delete(Statement),
    /// It makes room for rows that come anew.
    Clear(Statement),
}

/// Runs the steps; answers what they did.
async fn run(session: &Session, steps: &[Step], doing: &str) -> Result<Loaded> {
    let began = Instant::now();
    let mut loaded = Loaded::default();
    for step in steps {
        match step {
            Step::Merge(statement) => loaded.merged += session.affect(statement, doing).await?,
            Step::Delete(statement) => loaded.deleted += session.affect(statement, doing).await?,
            Step::Clear(statement) => session.execute(statement, doing).await?,
        }
    }
    Ok(Loaded { merging: began.elapsed(), ..loaded })
}

/// The steps that bring a source's rows into the target, for what is known of the keys.
pub(super) fn merge_steps(target: &Target, key_index: KeyIndex, keys: KeyFacts, merge: &Merge<'_>) -> Vec<Step> {
    let delete = || if keys.deletions { merge.delete() } else { None }.map(Step::Delete);
    match (target.strategy.rows, key_index) {
        (Rows::Added, _) => vec![Step::Merge(merge.insert())],
        (Rows::Merged, KeyIndex::NotYet) => vec![Step::Merge(merge.insert_newest())],
        (Rows::Merged, KeyIndex::Unique { nulls_equal }) if nulls_equal || !keys.nulls => {
            delete().into_iter().chain([Step::Merge(merge.on_conflict())]).collect()
        }
        (Rows::Merged, _) if target.rows_stay => {
            let anew = [Step::Clear(merge.delete_older()), Step::Merge(merge.insert_absent())];
            delete().into_iter().chain(anew).collect()
        }
        (Rows::Merged, _) => {
            let update = Step::Merge(merge.update());
            [update].into_iter().chain(delete()).chain([Step::Merge(merge.insert_absent())]).collect()
        }
    }
}
