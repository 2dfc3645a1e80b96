//! Before the first record: schemas and tables are there, and it is settled where each stream's rows go.

use std::collections::{BTreeSet, HashMap};

use super::fence::{self, Expect, Fence};
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::plan::StreamPlan;
use super::{Context, Target, evolve, fill, introspect, load, publish};
use crate::error::Result;
use crate::limits;
use crate::load_strategy::{Earlier, Rows};
use crate::pg::Session;
use crate::privileges::{self, Schema, Server};
use crate::schema::{ExistingTable, GENERATION_ID, KeyFacts, TableName, TableSchema};
use crate::sql::merge::{Merge, Source};
use crate::sql::{Statement, ddl};

/// The configured schema as it is in Postgres.
pub(super) async fn default_schema(link: &mut Link, configured: &str) -> Result<String> {
    link.repeat(async |session| {
        session.begin().await?;
        session.end(privileges::default_schema(session, configured).await).await.map(|(name, _)| name)
    })
    .await
}

/// Makes everything ready.
pub(super) async fn prepare(cx: &Context, link: &mut Link, plans: &[StreamPlan]) -> Result<Vec<Target>> {
    link.repeat(async |session| make_schemas(cx, session, plans).await).await?;
    let existing = link
        .repeat(async |session| {
            session.begin().await?;
            session.end(introspect::tables(session, &names(plans)).await).await
        })
        .await?;
    // First everything that can be refused, so that a sync that cannot work changes nothing.
    for plan in plans {
        let name = &plan.stream.name;
        schema_of(cx, plan, &existing).map_err(|e| e.with_stream(name))?;
    }
    let token = format!("{:032x}", fastrand::u128(..));
    let mut began = None;
    let mut targets = Vec::with_capacity(plans.len());
    for plans in plans.chunks(limits::STREAMS_PER_TRANSACTION) {
        let claimed = link.repeat(async |session| {
            let claimed = claim(session, &token, &mut began, plans).await;
            if claimed.as_ref().is_err_and(|e| e.sqlstate() == Some("55P03")) {
                let keys: Vec<i64> = plans.iter().map(|plan| Fence::new(&plan.table, &token, "").key()).collect();
                session.end_idle_holders(&keys).await?;
            }
            claimed
        });
        let claimed = claimed.await?;
        let (fences, mut existing) = (claimed.fences, Some(claimed.existing));
        for (plan, fence) in plans.iter().zip(fences) {
            let name = &plan.stream.name;
            let target = link.repeat(async |session| {
                let mut outcome = prepare_stream(cx, session, plan, &fence, existing.as_ref()).await;
                if let Err(error) = &outcome {
                    // What another attempt finds may be what this one left.
                    existing = None;
                    // The row type of a table that another sync has just made, or a type of the user's: looking again tells.
                    if error.sqlstate() == Some("42710") {
                        outcome = prepare_stream(cx, session, plan, &fence, None).await;
                    }
                }
                match outcome {
                    Err(error) => Err(load::explain_lock(cx, &fence, &plan.table, error).await),
                    target => target,
                }
            });
            targets.push(target.await.map_err(|e| e.with_stream(name))?);
        }
    }
    Ok(targets)
}

pub(super) fn names(plans: &[StreamPlan]) -> Vec<TableName> {
    plans.iter().flat_map(|p| [p.table.clone(), p.next.clone()]).collect()
}

/// The table that a stream needs, unless what is there, or what an interrupted refresh left of it, stands against it.
pub(super) fn schema_of(
    cx: &Context,
    plan: &StreamPlan,
    existing: &HashMap<TableName, ExistingTable>,
) -> Result<TableSchema> {
    let schema = plan.schema(&cx.config, existing.get(&plan.table).or(existing.get(&plan.next)))?;
    if let Some(table) = existing.get(&plan.table) {
        evolve::refuse_unusable(table, &schema, cx.role())?;
    }
    if let Some(left_over) = existing.get(&plan.next) {
        evolve::refuse_foreign(left_over, cx.role())?;
    }
    Ok(schema)
}

/// Streams that are ours from now on.
struct Claimed {
    fences: Vec<Fence>,
    /// What is there. No other sync changes it any more, but for making what is missing.
    existing: HashMap<TableName, ExistingTable>,
}

/// Leaves our note on the tables that are there, in one transaction: it waits for the commit of an older sync, which
/// then finds the note at its next one. `began` is the beginning of the sync's first transaction of this kind: in later ones a
/// sync that has begun since is a newer one.
async fn claim(session: &Session, token: &str, began: &mut Option<String>, plans: &[StreamPlan]) -> Result<Claimed> {
    let expect = if began.is_some() { Expect::NobodyNewers } else { Expect::Anything };
    let first = began.as_deref().unwrap_or_default();
    let unclaimed: Vec<Fence> = plans.iter().map(|plan| Fence::new(&plan.table, token, first)).collect();
    let held: Vec<_> = unclaimed.iter().zip(plans).map(|(fence, plan)| (fence, &plan.table, expect)).collect();
    let found = fence::begin(session, &held).await?;
    let began = began.get_or_insert_with(|| session.transaction().map(|t| t.began().to_owned()).unwrap_or_default());
    let mut fences: Vec<Fence> = plans.iter().map(|plan| Fence::new(&plan.table, token, began)).collect();
    for (fence, found) in fences.iter_mut().zip(&found) {
        fence.keep(found.as_deref());
    }
    let claimed = async {
        let existing = introspect::tables(session, &names(plans)).await?;
        leave_notes(session, &fences, plans, &existing).await?;
        Ok(existing)
    };
    let existing = session.end(claimed.await).await?;
    Ok(Claimed { fences, existing })
}

async fn leave_notes(
    session: &Session,
    fences: &[Fence],
    plans: &[StreamPlan],
    existing: &HashMap<TableName, ExistingTable>,
) -> Result<()> {
    let notes = fences.iter().zip(plans).flat_map(|(fence, plan)| {
        let there = [&plan.table, &plan.next].into_iter().filter(|table| existing.contains_key(*table));
        there.map(|table| fence.note(table))
    });
    let Some(notes) = notes.reduce(|all, note| all.then(&note)) else { return Ok(()) };
    session.execute(&notes, "leaving the sync's note on its tables").await
}

/// Settles one stream in a transaction. What is there is read and claimed again when nothing is `known`.
async fn prepare_stream(
    cx: &Context,
    session: &Session,
    plan: &StreamPlan,
    fence: &Fence,
    known: Option<&HashMap<TableName, ExistingTable>>,
) -> Result<Target> {
    let held = [(fence, &plan.table, Expect::NobodyNewers), (fence, &plan.next, Expect::NobodyNewers)];
    fence::begin(session, &held).await?;
    let prepared = async {
        let read;
        let existing = if let Some(existing) = known {
            existing
        } else {
            let (fences, plans) = (std::slice::from_ref(fence), std::slice::from_ref(plan));
            read = introspect::tables(session, &names(plans)).await?;
            leave_notes(session, fences, plans, &read).await?;
            &read
        };
        let schema = schema_of(cx, plan, existing)?;
        stream(cx, session, plan, schema, fence, existing).await
    };
    session.end(prepared.await).await
}

/// Refuses a role that lacks something, before any row is read, and makes the schemas that are missing.
async fn make_schemas(cx: &Context, session: &Session, plans: &[StreamPlan]) -> Result<()> {
    let wanted: BTreeSet<&str> = plans.iter().map(|p| p.table.schema.as_str()).collect();
    let names: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    session.begin().await?;
    let found = session.end(look(cx, session, &names).await).await?;
    for name in names.iter().filter(|name| !found.iter().any(|schema| schema.name == **name)) {
        let doing = format!("creating schema \"{name}\"");
        session.begin().await?;
        let mut created = session.execute(&ddl::create_schema(name), &doing).await;
        for role in &cx.config.reader_roles {
            if created.is_ok() {
                created = session.execute(&ddl::grant_usage(name, role), &doing).await;
            }
        }
        match session.end(created).await {
            Ok(()) => cx.output.info(&format!("Created schema \"{name}\".")),
            // Somebody else made it in the meantime.
            Err(error) if matches!(error.sqlstate(), Some("42P06" | "23505")) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Looks at all that can be missing, and refuses what is.
pub(super) async fn look(cx: &Context, session: &Session, schemas: &[String]) -> Result<Vec<Schema>> {
    let server = Server::ask(session).await?;
    server.refuse_unusable()?;
    let found = privileges::schemas(session, schemas).await?;
    let mut missing: Vec<String> = server.missing_on_database().into_iter().collect();
    missing.extend(schemas.iter().filter_map(|name| {
        let schema = found.iter().find(|schema| schema.name == *name);
        server.missing_on_schema(name, schema)
    }));
    missing.extend(privileges::missing_readers(session, &cx.config.reader_roles).await?);
    privileges::refuse(&missing)?;
    Ok(found)
}

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

/// Settles one stream, inside the caller's transaction.
pub(super) async fn stream(
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
        Place::Final => change(cx, session, table, &target, !filled && matters).await?,
        Place::Next => {
            cx.output.info(&format!("Stream {}: continuing the interrupted refresh.", plan.stream.name));
            change(cx, session, next, &target, false).await?;
        }
        Place::NewFinal | Place::NewNext => create(cx, session, &target, table).await?,
    }
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
    if let (Earlier::Kept, Some(left_over)) = (plan.strategy.earlier, next) {
        adopt_left_over(cx, session, target, left_over).await?;
        has_rows = true;
    }
    if plan.strategy.rows == Rows::Merged {
        identify(cx, session, target).await?;
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
        let mut opened = Target { schema, types, ..target.clone() };
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
    let doing = format!("creating table {}", target.table);
    let create = ddl::create_table(&target.table, &target.schema, &kept).then(&target.fence.note(&target.table));
    session.execute(&create, &doing).await?;
    let mapping = match old {
        Some(old) => evolve::mapping(cx, old, &target.schema),
        None => evolve::new_mapping(&target.schema),
    };
    session.execute(&ddl::comment_mapping(&target.table, &mapping), &doing).await?;
    if target.is_next() {
        let comment = publish::next_comment(&target.schema.table, target.generation);
        session.execute(&ddl::comment_table(&target.table, &comment), &doing).await?;
    } else {
        cx.output.info(&format!("Created table {}.", target.table));
    }
    for role in &cx.config.reader_roles {
        session.execute(&ddl::grant_select(&target.table, role), &doing).await?;
    }
    Ok(())
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
    let rows = target.strategy.rows;
    match merge_all(session, &fill::merge_statements(rows, target.key_index, keys, &merge), &doing).await {
        // As in a load: what is too long for the index is merged without one.
        Err(error) if error.sqlstate() == Some("54000") => {
            indexes::drop_all(session, target).await?;
            merge_all(session, &fill::merge_statements(rows, KeyIndex::None, keys, &merge), &doing).await?;
        }
        merged => merged?,
    }
    session.execute(&ddl::drop_table(&left_over.table, false), &doing).await?;
    cx.output.info(&format!("Table {}: took in the rows of an interrupted refresh.", target.table));
    Ok(())
}

async fn merge_all(session: &Session, statements: &[Statement], doing: &str) -> Result<()> {
    for statement in statements {
        session.try_execute(statement, doing).await?;
    }
    Ok(())
}

/// A table whose updates and deletions are published needs a replica identity, or the merge would be refused.
async fn identify(cx: &Context, session: &Session, target: &Target) -> Result<()> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(()) };
    let Some(publication) = existing.unidentified_in_publication else { return Ok(()) };
    let doing = format!("giving table {} a replica identity, which publication \"{publication}\" needs", target.table);
    session.execute(&ddl::replica_identity_full(&target.table), &doing).await?;
    cx.output.info(&format!(
        "Table {} is published by \"{publication}\": its replica identity is now the full row.",
        target.table
    ));
    Ok(())
}
