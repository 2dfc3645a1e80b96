//! Settles where one stream's rows go, and what the merge can count on there, inside the caller's transaction.

use super::fence::{self, Expect, Fence};
use super::fill::Step;
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::plan::StreamPlan;
use super::straight::Taker;
use super::{Context, Target, evolve, fill, introspect, load, publish, shapes, straight};
use crate::error::Result;
use crate::load_strategy::{Earlier, Rows};
use crate::pg::Session;
use crate::schema::{ExistingTable, GENERATION_ID, KeyFacts, Shape, TableName, TableSchema};
use crate::sql::merge::{Merge, Source};
use crate::sql::{self, Statement, ddl};
use std::collections::HashMap;

/// Where the rows of a stream go.
#[derive(Clone, Copy)]
enum Place {
    /// Into the final table, which is there.
    Final,
    /// Into the final table, which is to be made.
    NewFinal,
    /// Into the next generation, which an interrupted sync left behind.
    Next,
    /// Into a next generation that is to be made.
    NewNext,
}

/// Settles one stream.
pub(super) async fn settle(
    cx: &Context,
    session: &Session,
    plan: &StreamPlan,
    schema: TableSchema,
    fence: &Fence,
    existing: &HashMap<TableName, ExistingTable>,
) -> Result<Target> {
    let table = existing.get(&plan.table);
    let mut next = existing.get(&plan.next);
    let generation = plan.stream.generation.map_or(0, |g| g.id);
    let merged = plan.strategy.rows == Rows::Merged;
    let doing = format!("reading table {}", plan.table);
    let matters = merged || plan.strategy.earlier != Earlier::Kept;
    let filled = table.is_some() && matters && session.ask(&ddl::has_rows(&plan.table), &doing).await?;
    if let Some(left_over) = next {
        let continued = plan.strategy.earlier == Earlier::ReplacedUnlessSameGeneration
            && publish::generation_of(session, left_over).await? == generation;
        if plan.strategy.earlier != Earlier::Kept && !continued {
            session.execute(&ddl::drop_table(&plan.next, false), "dropping an abandoned refresh").await?;
            cx.output.info(&format!("Stream {}: dropped what an abandoned refresh had left.", plan.stream.name));
            next = None;
        }
    }
    let place = match (plan.strategy.earlier, table, next) {
        (Earlier::ReplacedUnlessSameGeneration, _, Some(_)) => Place::Next,
        (_, None, _) => Place::NewFinal,
        (Earlier::Kept, Some(_), _) => Place::Final,
        (_, Some(_), _) if !filled => Place::Final,
        (Earlier::ReplacedUnlessSameGeneration, Some(old), _) if holds(session, old, generation).await? => Place::Final,
        _ => Place::NewNext,
    };
    let at = if matches!(place, Place::Next | Place::NewNext) { &plan.next } else { &plan.table };
    let mut target = Target::new(plan, schema, at.clone(), generation, fence.clone());
    match place {
        Place::Final => {
            shapes::remark(cx, &target, table);
            change(cx, session, table, &target, !filled && matters).await?;
        }
        Place::Next => {
            cx.output.info(&format!("Stream {}: continuing the interrupted refresh.", plan.stream.name));
            change(cx, session, next, &target, false).await?;
            keep_checks(session, &target, table, next).await?;
        }
        Place::NewFinal | Place::NewNext => create(cx, session, &target, table).await?,
    }
    let there = match place {
        Place::Final => table,
        Place::Next => next,
        Place::NewFinal | Place::NewNext => None,
    };
    target.defaults = there.is_some_and(straight::may_have_defaults);
    let has_rows = match place {
        Place::Final => filled,
        Place::Next => merged && session.ask(&ddl::has_rows(at), &doing).await?,
        Place::NewFinal | Place::NewNext => false,
    };
    if target.schema.is_open() {
        return Ok(target);
    }
    if matches!(place, Place::Final | Place::Next) {
        indexes::drop_outdated_key(session, &target).await?;
    }
    settle_keys(cx, session, plan, &mut target, has_rows, next).await?;
    Ok(target)
}

/// Takes in what an interrupted refresh left behind, and settles what the merge can count on.
async fn settle_keys(
    cx: &Context,
    session: &Session,
    plan: &StreamPlan,
    target: &mut Target,
    mut has_rows: bool,
    next: Option<&ExistingTable>,
) -> Result<()> {
    if plan.strategy.rows == Rows::Merged
        && let Some(existing) = introspect::one(session, &target.table).await?
    {
        target.rows_stay = existing.rows_stay();
        identify(cx, session, target, &existing).await?;
    }
    if let (Earlier::Kept, Some(left_over)) = (plan.strategy.earlier, next) {
        adopt_left_over(cx, session, target, left_over).await?;
        has_rows = true;
    }
    if plan.strategy.rows == Rows::Merged {
        target.key_index = if has_rows { indexes::ensure_key(cx, session, target).await? } else { KeyIndex::NotYet };
    }
    Ok(())
}

/// Gives a stream that declares no fields the columns that its plan has now, before its first rows.
pub(super) async fn open(cx: &Context, link: &mut Link, plan: &StreamPlan, target: &Target) -> Result<Target> {
    link.repeat(async |session| match open_once(cx, session, plan, target).await {
        Err(error) => Err(load::explain_lock(cx, &target.fence, &target.table, error).await),
        opened => opened,
    })
    .await
}

async fn open_once(cx: &Context, session: &Session, plan: &StreamPlan, target: &Target) -> Result<Target> {
    fence::begin(session, &[(&target.fence, &target.table, Expect::Ours)]).await?;
    let opened = async {
        let tables = introspect::tables(session, &[target.table.clone(), plan.next.clone()]).await?;
        let existing = tables.get(&target.table);
        let schema = plan.schema(&cx.config, existing)?;
        if let Some(existing) = existing {
            evolve::refuse_unusable(existing, &schema, cx.role())?;
        }
        let types = schema.columns.iter().map(|c| c.column_type).collect();
        let mut opened = Target { schema, types, ways: None, taker: Taker::default(), ..target.clone() };
        let doing = format!("reading table {}", target.table);
        let has_rows = session.ask(&ddl::has_rows(&target.table), &doing).await?;
        change(cx, session, existing, &opened, !has_rows).await?;
        indexes::drop_outdated_key(session, &opened).await?;
        let left_over = tables.get(&plan.next).filter(|next| next.table != target.table);
        settle_keys(cx, session, plan, &mut opened, has_rows, left_over).await?;
        Ok(opened)
    };
    session.end(opened.await).await
}

/// Whether a table's rows are all of this generation or later.
async fn holds(session: &Session, table: &ExistingTable, generation: i64) -> Result<bool> {
    if table.column(GENERATION_ID).is_none() {
        return Ok(false);
    }
    let table = &table.table;
    let doing = format!("reading the generation of table {table}");
    let rows = session.query(ddl::any_generation(table), &[], &doing).await?;
    let one: i64 = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(0);
    Ok(one >= generation && !session.ask(&ddl::has_older_generation(table, generation), &doing).await?)
}

async fn change(
    cx: &Context,
    session: &Session,
    existing: Option<&ExistingTable>,
    target: &Target,
    emptied: bool,
) -> Result<()> {
    let Some(existing) = existing else { return Ok(()) };
    if evolve::is_current(cx, existing, &target.schema) {
        return Ok(());
    }
    evolve::evolve(cx, session, existing, &target.schema, emptied).await
}

async fn create(cx: &Context, session: &Session, target: &Target, old: Option<&ExistingTable>) -> Result<()> {
    let plainly = creation(cx, target, old, None);
    match shapes::wanted(cx, target, old)? {
        Some(shape) => {
            let shaped = creation(cx, target, old, Some(shape));
            shapes::create(cx, session, target, shape, shaped, &plainly).await?;
        }
        None => {
            for statement in plainly {
                session.execute(&statement, &format!("creating table {}", target.table)).await?;
            }
        }
    }
    keep_checks(session, target, old, None).await?;
    if !target.is_next() {
        cx.output.info(&format!("Created table {}.", target.table));
    }
    Ok(())
}

/// What gives the next generation the CHECK constraints of the table: it refuses at once what the publishing would refuse.
pub(super) fn checks(target: &Target, old: Option<&ExistingTable>, next: Option<&ExistingTable>) -> Vec<Statement> {
    if !target.is_next() {
        return Vec::new();
    }
    let wanted = old.map_or(&[][..], |old| &old.checks);
    let there = next.map_or(&[][..], |next| &next.checks);
    let dropped = there.iter().filter(|check| !wanted.contains(check));
    let dropped = dropped.map(|(name, _)| ddl::drop_check(&target.table, name));
    let added = wanted.iter().filter(|check| !there.contains(check));
    dropped.chain(added.map(|(name, definition)| ddl::add_check(&target.table, name, definition))).collect()
}

/// Where a constraint refers to what the new columns are not, or refuses rows that are there, it is for the publishing to tell.
async fn keep_checks(
    session: &Session,
    target: &Target,
    old: Option<&ExistingTable>,
    next: Option<&ExistingTable>,
) -> Result<()> {
    for check in checks(target, old, next) {
        match session.try_execute(&check, &format!("giving table {} constraints", target.table)).await {
            Err(error) if error.sqlstate().is_none() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What makes the table that a stream's rows go to.
pub(super) fn creation(
    cx: &Context,
    target: &Target,
    old: Option<&ExistingTable>,
    shape: Option<&Shape>,
) -> Vec<Statement> {
    // The next generation also gets the columns whose field is gone: they outlive the swap.
    let mut kept = Vec::new();
    if let Some(old) = old.filter(|_| !cx.config.drop_removed_columns) {
        let ours = old.field_columns();
        for column in old.columns.iter().filter(|c| c.builtin && ours.values().any(|name| *name == c.name)) {
            if !target.schema.columns.iter().any(|c| c.name == column.name) {
                kept.push((column.name.clone(), ddl::builtin_type(&column.typname)));
            }
        }
    }
    let mapping = match old {
        Some(old) => evolve::mapping(cx, old, &target.schema),
        None => evolve::new_mapping(&target.schema),
    };
    let create = ddl::create_table(&target.table, &target.schema, &kept);
    let create = shape.map_or_else(|| create.clone(), |shape| sql::shape::shaped(&create, shape));
    let mut statements =
        vec![create.then(&target.fence.note(&target.table)), ddl::comment_mapping(&target.table, &mapping)];
    if target.is_next() {
        let comment = publish::next_comment(&target.schema.table, target.generation);
        statements.push(ddl::comment_table(&target.table, &comment));
    }
    statements.extend(cx.config.reader_roles.iter().map(|role| ddl::grant_select(&target.table, role)));
    statements
}

/// The rows of an interrupted refresh were acknowledged: a sync that keeps everything takes them in.
async fn adopt_left_over(
    cx: &Context,
    session: &Session,
    target: &mut Target,
    left_over: &ExistingTable,
) -> Result<()> {
    let doing = format!("taking in the rows of an interrupted refresh of table {}", target.table);
    if !evolve::is_current(cx, left_over, &target.schema) {
        evolve::evolve(cx, session, left_over, &target.schema, false).await?;
    }
    let merged = target.strategy.rows == Rows::Merged;
    let keys = KeyFacts { duplicates: merged, nulls: true, seen_before: true, deletions: true };
    if merged {
        target.key_index = indexes::ensure_key(cx, session, target).await?;
    }
    let source = Source::table(&left_over.table, keys);
    let merge = Merge { target: &target.table, schema: &target.schema, source: &source };
    match merge_all(session, &fill::merge_steps(target, target.key_index, keys, &merge), &doing).await {
        // As in a load: what is too long for the index is merged without one.
        Err(error) if error.sqlstate() == Some("54000") => {
            indexes::drop_all(session, target).await?;
            merge_all(session, &fill::merge_steps(target, KeyIndex::None, keys, &merge), &doing).await?;
        }
        merged => merged?,
    }
    session.execute(&ddl::drop_table(&left_over.table, false), &doing).await?;
    cx.output.info(&format!("Table {}: took in the rows of an interrupted refresh.", target.table));
    Ok(())
}

async fn merge_all(session: &Session, steps: &[Step], doing: &str) -> Result<()> {
    for Step::Merge(statement) | Step::Delete(statement) | Step::Clear(statement) in steps {
        session.try_execute(statement, doing).await?;
    }
    Ok(())
}

/// A table whose updates and deletions are published needs a replica identity, or the merge would be refused.
pub(super) async fn identify(cx: &Context, session: &Session, target: &Target, existing: &ExistingTable) -> Result<()> {
    let Some(publication) = &existing.unidentified_in_publication else { return Ok(()) };
    let doing = format!("giving table {} a replica identity, which publication \"{publication}\" needs", target.table);
    session.execute(&ddl::replica_identity_full(&target.table), &doing).await?;
    cx.output.info(&format!(
        "Table {} is published by \"{publication}\": its replica identity is now the full row.",
        target.table
    ));
    Ok(())
}
