//! Before the first record: schemas and tables are there, and it is settled where each stream's rows go.

use std::collections::{BTreeSet, HashMap};

use super::indexes::{self, KeyIndex};
use super::introspect;
use super::plan::StreamPlan;
use super::{Context, Target, evolve, load, publish};
use crate::error::{Error, Result};
use crate::load_strategy::{Earlier, Rows};
use crate::pg::Session;
use crate::privileges::{self, Schema, Server};
use crate::schema::{ExistingTable, GENERATION_ID, KeyFacts, TableName, TableSchema};
use crate::sql::merge::{Merge, Source};
use crate::sql::{Statement, ddl};

/// The configured schema as it is in Postgres: exactly as spelled when it exists, else mangled like a namespace.
pub(super) async fn default_schema(session: &Session, configured: &str) -> Result<String> {
    session.begin().await?;
    let found = session.end(privileges::schemas(session, &[configured.to_owned()]).await).await?;
    Ok(if found.is_empty() { crate::naming::postgres_name(configured) } else { configured.to_owned() })
}

/// Makes everything ready.
pub(super) async fn prepare(cx: &Context, session: &Session, plans: &[StreamPlan]) -> Result<Vec<Target>> {
    make_schemas(cx, session, plans).await?;
    let names: Vec<TableName> = plans.iter().flat_map(|p| [p.table.clone(), p.next.clone()]).collect();
    session.begin().await?;
    let existing = session.end(introspect::tables(session, &names).await).await?;
    // First everything that can be refused, so that a sync that cannot work changes nothing.
    let mut schemas = Vec::with_capacity(plans.len());
    for plan in plans {
        let name = &plan.stream.name;
        let at = |e: Error| e.with_stream(name.namespace.as_deref(), &name.name);
        let schema = plan.schema(&cx.config, existing.get(&plan.table).or(existing.get(&plan.next))).map_err(at)?;
        refuse(cx, plan, &schema, &existing).map_err(at)?;
        schemas.push(schema);
    }
    let mut targets = Vec::with_capacity(plans.len());
    for (plan, schema) in plans.iter().zip(schemas) {
        let name = &plan.stream.name;
        session.begin().await?;
        let prepared = stream(cx, session, plan, schema, &existing).await;
        let mut prepared = session.end(prepared).await;
        // The table, or the row type that every table has.
        if prepared.as_ref().is_err_and(|error| matches!(error.sqlstate(), Some("42P07" | "42710" | "23505"))) {
            session.begin().await?;
            let again = stream_as_it_is_now(cx, session, plan).await;
            prepared = session.end(again).await;
        }
        match prepared {
            Ok(target) => targets.push(target),
            Err(error) => {
                let error = load::explain_lock(cx, &plan.table, error).await;
                return Err(error.with_stream(name.namespace.as_deref(), &name.name));
            }
        }
    }
    Ok(targets)
}

/// Refuses a stream whose table, or what an interrupted refresh left of it, we cannot change.
fn refuse(
    cx: &Context,
    plan: &StreamPlan,
    schema: &TableSchema,
    existing: &HashMap<TableName, ExistingTable>,
) -> Result<()> {
    if let Some(table) = existing.get(&plan.table) {
        evolve::refuse_unusable(table, schema, cx.role())?;
    }
    existing.get(&plan.next).map_or(Ok(()), |left_over| evolve::refuse_foreign(left_over, cx.role()))
}

/// Settles a stream whose table another sync made since we looked.
async fn stream_as_it_is_now(cx: &Context, session: &Session, plan: &StreamPlan) -> Result<Target> {
    let existing = introspect::tables(session, &[plan.table.clone(), plan.next.clone()]).await?;
    let schema = plan.schema(&cx.config, existing.get(&plan.table).or(existing.get(&plan.next)))?;
    refuse(cx, plan, &schema, &existing)?;
    stream(cx, session, plan, schema, &existing).await
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
async fn look(cx: &Context, session: &Session, schemas: &[String]) -> Result<Vec<Schema>> {
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
async fn stream(
    cx: &Context,
    session: &Session,
    plan: &StreamPlan,
    schema: TableSchema,
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
    let mut target = Target::new(plan, schema, at.clone(), generation);
    match place {
        Place::Final => change(cx, session, table, &target, !filled && matters).await?,
        Place::Next => {
            cx.output.info(&format!("Stream {}: continuing the interrupted refresh.", plan.stream.name));
            change(cx, session, next, &target, false).await?;
        }
        Place::NewFinal | Place::NewNext => create(cx, session, &target, table).await?,
    }
    if matches!(place, Place::Final | Place::Next) {
        indexes::drop_outdated_key(session, &target).await?;
    }
    let mut has_rows = match place {
        Place::Final => filled,
        Place::Next => merged && session.ask(&ddl::has_rows(at), &doing).await?,
        Place::NewFinal | Place::NewNext => false,
    };
    if let (Earlier::Kept, Some(left_over)) = (plan.strategy.earlier, next) {
        adopt_left_over(cx, session, &mut target, left_over).await?;
        has_rows = true;
    }
    if merged {
        identify(cx, session, &target).await?;
        target.key_index = if has_rows { indexes::ensure_key(cx, session, &target).await? } else { KeyIndex::NotYet };
    }
    Ok(target)
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
    session.execute(&ddl::create_table(&target.table, &target.schema, &kept), &doing).await?;
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
    match merge_all(session, &load::merge_statements(rows, target.key_index, keys, &merge), &doing).await {
        // As in a load: what is too long for the index is merged without one.
        Err(error) if error.sqlstate() == Some("54000") => {
            indexes::drop_all(session, target).await?;
            merge_all(session, &load::merge_statements(rows, KeyIndex::None, keys, &merge), &doing).await?;
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
