//! Many streams at once by a few statements, where little is to be decided: tables that are new or as they should be, and indexes that
//! are missing. Whatever goes wrong here is undone and left to the way of single streams, which also knows what to say of it.

use std::collections::HashMap;

use super::fence::{self, Expect, Fence};
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::plan::StreamPlan;
use super::{Context, Target, evolve, introspect, one_table, prepare, straight};
use crate::error::{Error, Result};
use crate::limits;
use crate::load_strategy::Earlier;
use crate::pg::{Session, value};
use crate::schema::{ExistingTable, TableName};
use crate::sql::{Statement, ddl};

/// Settles those of the streams that are easy, in one transaction; answers their targets by their places, or nothing when that failed.
pub(super) async fn settle(
    cx: &Context,
    link: &mut Link,
    plans: &[StreamPlan],
    fences: &[Fence],
    existing: &HashMap<TableName, ExistingTable>,
) -> Option<HashMap<usize, Target>> {
    let streams = plans.iter().zip(fences).enumerate();
    let mut easy: Vec<Easy<'_>> =
        streams.filter_map(|(place, (plan, fence))| Easy::new(cx, place, plan, fence, existing)).collect();
    if easy.len() < 2 {
        return Some(HashMap::new());
    }
    let outcome = match link.session().await {
        Ok(session) => settle_all(cx, session, &mut easy).await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        give_up(cx, link, &error, easy.len());
        return None;
    }
    link.progress();
    Some(easy.into_iter().map(|stream| (stream.place, stream.target)).collect())
}

fn give_up(cx: &Context, link: &mut Link, error: &Error, streams: usize) {
    link.note_failure(error);
    cx.together.fewer(&cx.output, error, streams);
}

/// A stream without a next generation whose table is not there, or is as it should be.
struct Easy<'a> {
    place: usize,
    plan: &'a StreamPlan,
    old: Option<&'a ExistingTable>,
    target: Target,
    /// The table of the target is to be made.
    is_new: bool,
}

impl<'a> Easy<'a> {
    fn new(
        cx: &Context,
        place: usize,
        plan: &'a StreamPlan,
        fence: &Fence,
        existing: &'a HashMap<TableName, ExistingTable>,
    ) -> Option<Self> {
        let schema = prepare::schema_of(cx, plan, existing).ok()?;
        let old = existing.get(&plan.table);
        let as_it_should_be = |old: &ExistingTable| {
            let key = schema.key_names();
            evolve::is_current(cx, old, &schema)
                && !indexes::has_outdated_key(old, &key)
                && (key.is_empty() || indexes::existing_key_index(old, &key).is_some())
                && old.unidentified_in_publication.is_none()
                && plan.strategy.earlier != Earlier::ReplacedUnlessSameGeneration
        };
        let shaped = cx.config.shape(plan.stream.name.namespace.as_deref(), &plan.stream.name.name).is_some();
        if shaped || existing.contains_key(&plan.next) || schema.is_open() || !old.is_none_or(as_it_should_be) {
            return None;
        }
        let generation = plan.stream.generation.map_or(0, |g| g.id);
        let mut target = Target::new(plan, schema, plan.table.clone(), generation, fence.clone());
        target.defaults = old.is_some_and(straight::may_have_defaults);
        target.rows_stay = old.is_some_and(ExistingTable::rows_stay);
        Some(Self { place, plan, old, target, is_new: old.is_none() })
    }

    /// Now that it is known whether there are rows.
    fn decide(&mut self, filled: bool) {
        let Some(old) = self.old else { return };
        if filled && self.plan.strategy.earlier != Earlier::Kept {
            self.target.table = self.plan.next.clone();
            self.target.rows_stay = false;
            self.is_new = true;
        } else if filled && self.target.is_merged() {
            let known = indexes::existing_key_index(old, &self.target.schema.key_names());
            self.target.key_index = known.unwrap_or(KeyIndex::None);
        }
    }
}

async fn settle_all(cx: &Context, session: &Session, easy: &mut [Easy<'_>]) -> Result<()> {
    let tables = easy.iter().flat_map(|stream| {
        [&stream.plan.table, &stream.plan.next].map(|table| (stream.target.fence.clone(), table, Expect::NobodyNewers))
    });
    let tables: Vec<_> = tables.collect();
    let held: Vec<_> = tables.iter().map(|(fence, table, expect)| (fence, *table, *expect)).collect();
    fence::begin(session, &held).await?;
    session.end(settle_within(cx, session, easy).await).await?;
    for stream in easy.iter().filter(|stream| stream.is_new && !stream.target.is_next()) {
        cx.output.info(&format!("Created table {}.", stream.target.table));
    }
    Ok(())
}

async fn settle_within(cx: &Context, session: &Session, easy: &mut [Easy<'_>]) -> Result<()> {
    let doing = "making tables ready";
    let there: Vec<&TableName> = easy.iter().filter_map(|stream| stream.old.map(|old| &old.table)).collect();
    let mut filled = Vec::new();
    if !there.is_empty() {
        let rows = session.query(ddl::have_rows(&there), &[], doing).await?;
        filled = rows.first().map_or(Ok(Vec::new()), |row| value::<Vec<bool>>(row, "filled"))?;
    }
    let mut filled = filled.into_iter();
    for stream in easy.iter_mut() {
        if stream.target.is_merged() {
            stream.target.key_index = KeyIndex::NotYet;
        }
        if stream.old.is_some() {
            stream.decide(filled.next().unwrap_or(true));
        }
    }
    let created = easy.iter().filter(|stream| stream.is_new);
    let creation = |stream: &Easy<'_>| {
        let (target, old) = (&stream.target, stream.old);
        one_table::creation(cx, target, old, None).into_iter().chain(one_table::checks(target, old, None))
    };
    let creations = created.clone().flat_map(creation);
    let Some(script) = creations.reduce(|all, one| all.then(&one)) else { return Ok(()) };
    session.execute(&script, doing).await?;
    let merged: Vec<&Target> = created.map(|stream| &stream.target).filter(|target| target.is_merged()).collect();
    let names: Vec<TableName> = merged.iter().map(|target| target.table.clone()).collect();
    let made = if names.is_empty() { HashMap::new() } else { introspect::tables(session, &names).await? };
    for target in merged {
        if let Some(table) = made.get(&target.table) {
            one_table::identify(cx, session, target, table).await?;
        }
    }
    Ok(())
}

/// Builds the indexes that loads leave to their end, those of a group of streams in one transaction; answers which streams have theirs.
pub(super) async fn build_indexes(cx: &Context, link: &mut Link, targets: &mut [Target]) -> Vec<bool> {
    let mut built = vec![false; targets.len()];
    let small = targets.iter().enumerate().filter(|(_, target)| target.stored < limits::ROWS_INDEXED_TOGETHER);
    let mut left: &[usize] = &small.map(|(place, _)| place).collect::<Vec<_>>();
    while !left.is_empty() {
        let (group, later) = left.split_at(cx.together.streams().min(left.len()));
        left = later;
        let members: Vec<&Target> = group.iter().filter_map(|&place| targets.get(place)).collect();
        let outcome = match link.session().await {
            Ok(session) => build_all(session, &members).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(key_indexes) => {
                link.progress();
                for (&place, key_index) in group.iter().zip(key_indexes) {
                    if let (Some(key_index), Some(target), Some(built)) =
                        (key_index, targets.get_mut(place), built.get_mut(place))
                    {
                        target.key_index = key_index;
                        *built = true;
                    }
                }
            }
            Err(error) => give_up(cx, link, &error, group.len()),
        }
    }
    built
}

async fn build_all(session: &Session, targets: &[&Target]) -> Result<Vec<Option<KeyIndex>>> {
    let held: Vec<_> = targets.iter().map(|target| (&target.fence, &target.table, Expect::Ours)).collect();
    fence::begin(session, &held).await?;
    session.end(build_within(session, targets).await).await
}

async fn build_within(session: &Session, targets: &[&Target]) -> Result<Vec<Option<KeyIndex>>> {
    let names: Vec<TableName> = targets.iter().map(|target| target.table.clone()).collect();
    let existing = introspect::tables(session, &names).await?;
    let missing: Vec<Option<indexes::ToBuild<'_>>> =
        targets.iter().map(|target| indexes::to_build(session, target, existing.get(&target.table)?)).collect();
    let wanted: Vec<_> = missing.iter().flatten().flat_map(|missing| &missing.wanted).collect();
    let statements = indexes::create_all(session, &wanted).await?;
    if let Some(script) = statements.into_iter().reduce(|all: Statement, one| all.then(&one)) {
        session.execute(&script, "creating indexes").await?;
    }
    Ok(missing.into_iter().map(|missing| Some(missing?.key_index)).collect())
}
