//! Before the first record: schemas and tables are there, and it is settled where each stream's rows go.

use std::collections::{BTreeSet, HashMap};

use super::fence::{self, Expect, Fence};
use super::link::Link;
use super::plan::StreamPlan;
use super::together::is_out_of_memory;
use super::{Context, Target, evolve, introspect, load, many_tables, one_table, receipts};
use crate::error::Result;
use crate::pg::Session;
use crate::privileges::{self, Schema, Server};
use crate::schema::{ExistingTable, TableName, TableSchema};
use crate::sql::ddl;

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
    receipts::make_tables(cx, link, plans).await?;
    let token = format!("{:032x}", fastrand::u128(..));
    let mut began = None;
    let mut targets = Vec::with_capacity(plans.len());
    let mut left = plans;
    while !left.is_empty() {
        let (group, later) = left.split_at(cx.together.streams().min(left.len()));
        match prepare_group(cx, link, &token, &mut began, group).await {
            Err(error) if cx.together.fewer(&cx.output, &error, group.len()) => {}
            prepared => {
                targets.extend(prepared?);
                left = later;
            }
        }
    }
    Ok(targets)
}

/// Makes some streams ours and settles them: together where that is easy, else each on its own.
async fn prepare_group(
    cx: &Context,
    link: &mut Link,
    token: &str,
    began: &mut Option<String>,
    plans: &[StreamPlan],
) -> Result<Vec<Target>> {
    let claimed = link.repeat(async |session| {
        let claimed = claim(session, token, began, plans).await;
        if claimed.as_ref().is_err_and(|e| e.sqlstate() == Some("55P03")) {
            let keys: Vec<i64> = plans.iter().map(|plan| Fence::new(&plan.table, token, "").key()).collect();
            session.end_idle_holders(&keys).await?;
        }
        match claimed {
            // Not to be tried again as it is.
            Err(error) if is_out_of_memory(&error) && plans.len() > 1 => Ok(Err(error)),
            claimed => claimed.map(Ok),
        }
    });
    let Claimed { fences, existing } = claimed.await??;
    let settled = many_tables::settle(cx, link, plans, &fences, &existing).await;
    // What an attempt that failed has left is not known.
    let mut existing = Some(existing).filter(|_| settled.is_some());
    let mut settled = settled.unwrap_or_default();
    let mut targets = Vec::with_capacity(plans.len());
    for (place, (plan, fence)) in plans.iter().zip(fences).enumerate() {
        if let Some(target) = settled.remove(&place) {
            targets.push(target);
            continue;
        }
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
        one_table::settle(cx, session, plan, schema, fence, existing).await
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
