//! One commit window -> the tables, in one short transaction a group of streams.
//!
//! The window stays in memory until its commit, so a load can be repeated from the start whatever happened to it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Schema;

use super::fence::{self, Expect, Fence};
use super::indexes::{self, KeyIndex};
use super::ledger::{self, Waiting};
use super::link::Link;
use super::plan::StreamPlan;
use super::poison::{self, Fate, Lessons, Refused, Sift};
use super::straight::{self, Ways};
use super::together::is_out_of_memory;
use super::{Context, Target, fill, one_table, receipts, split};
use crate::batch::{Layout, Rows as Window};
use crate::error::{Error, ErrorKind, FailureType, Result};
use crate::limits;
use crate::pg::{Commit, value};
use crate::schema::TableName;
use crate::sql;

/// The rows of one stream in one window. A clone shares their memory.
#[derive(Clone)]
pub(super) struct StreamLoad {
    /// Position of the stream in the catalog.
    pub stream: usize,
    /// Rows of the stream that came before in the same window, and are durable.
    pub before: u64,
    pub rows: Window,
    /// SHA-256 of the STATE that waits for all of them, for load receipts.
    pub state: Option<Arc<str>>,
}

impl StreamLoad {
    /// Rows of a window, and the states behind them.
    pub fn new(cx: &Context, stream: usize, rows: Window, states: &[Waiting]) -> Self {
        Self { stream, before: 0, rows, state: None }.with_state_of(cx, states)
    }

    fn with_state_of(self, cx: &Context, states: &[Waiting]) -> Self {
        let state = if cx.config.load_receipts { ledger::last_of(states, self.stream) } else { None };
        Self { state: state.map(|state| receipts::sha256(&state).into()), ..self }
    }

    /// What it takes to load it, as bytes of rows.
    fn effort(&self) -> usize {
        limits::STREAM_BYTES + self.rows.size
    }

    /// The rows between two of their places in the window, from 0; none where there are none.
    fn part(&self, places: Range<u64>) -> Option<Self> {
        let (from, to) = (places.start.checked_sub(self.before)?, places.end.checked_sub(self.before)?);
        let rows = self.rows.part(from..to);
        let state = self.state.clone().filter(|_| to == self.rows.count);
        (rows.count > 0).then_some(Self { stream: self.stream, before: places.start, rows, state })
    }
}

/// A stream of a window of which some rows were not loaded.
struct Stopped {
    stream: usize,
    /// How many of its first rows are durable nevertheless.
    before: u64,
    /// Because of this row behind them, unless it was one of another stream.
    refused: Option<Refused>,
}

/// Loads windows; owns the sessions and what is known of the tables.
pub(super) struct Loader {
    pub cx: Arc<Context>,
    pub link: Link,
    /// More sessions, opened when a window has work for them.
    more: Vec<Link>,
    /// How many sessions there may be; fewer than configured once the server has refused one.
    most: usize,
    /// How often in a row one stream could not be loaded by several sessions.
    failed_splits: u32,
    /// Of each target.
    plans: Vec<StreamPlan>,
    pub targets: Vec<Target>,
}

impl Loader {
    /// A loader that starts with one session.
    pub fn new(cx: Arc<Context>, link: Link, plans: Vec<StreamPlan>, targets: Vec<Target>) -> Self {
        Self { most: cx.config.max_connections, cx, link, more: Vec::new(), failed_splits: 0, plans, targets }
    }

    /// Gives a stream that declares no fields the columns of its first BATCH; answers what its rows look like now.
    pub async fn open(&mut self, stream: usize, file: &str, columns: &Schema) -> Result<Layout> {
        let (Some(plan), Some(target)) = (self.plans.get_mut(stream), self.targets.get_mut(stream)) else {
            return Err(Error::new(ErrorKind::Internal, "a batch names a stream that the catalog does not have"));
        };
        let opened = plan.with_columns_of(file, columns)?;
        *target = one_table::open(&self.cx, &mut self.link, &opened, target).await?;
        *plan = opened;
        Ok(target.layout())
    }

    /// Loads a window. Of its states it answers those whose rows are all durable; without an error that is each of them.
    pub async fn load(&mut self, loads: &[StreamLoad], states: Vec<Waiting>) -> (Vec<Waiting>, Result<()>) {
        match self.carry(loads).await {
            Ok(stopped) if stopped.is_empty() => (states, Ok(())),
            Ok(stopped) => self.load_up_to(loads, stopped, states).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// Loads what came before the rows that were refused, as far as a state covers it. The sync ends here.
    async fn load_up_to(
        &mut self,
        loads: &[StreamLoad],
        mut stopped: Vec<Stopped>,
        mut states: Vec<Waiting>,
    ) -> (Vec<Waiting>, Result<()>) {
        let mut error = Error::new(ErrorKind::Internal, "rows were refused, but nobody knows which");
        let mut known = false;
        while stopped.iter().any(|stopped| stopped.refused.is_some()) {
            let refused = stopped.iter().filter_map(|s| Some((s.stream, s.before + s.refused.as_ref()?.row))).collect();
            let (good, covered) = ledger::up_to(states, &refused);
            states = good;
            let part = |load: &StreamLoad| {
                let before = stopped.iter().find(|stopped| stopped.stream == load.stream)?.before;
                Some(load.part(before..*covered.get(&load.stream)?)?.with_state_of(&self.cx, &states))
            };
            let parts: Vec<StreamLoad> = loads.iter().filter_map(part).collect();
            if !std::mem::replace(&mut known, true) {
                // What lacks another row may lack it because of the other.
                stopped
                    .sort_by_key(|s| s.refused.as_ref().is_none_or(|refused| poison::may_hold_later(&refused.error)));
                let first = stopped.into_iter().find_map(|s| Some((self.targets.get(s.stream)?, s.refused?)));
                if let Some((target, refused)) = first {
                    error = poison::error(&self.cx, target, refused);
                }
            }
            stopped = match self.carry(&parts).await {
                Ok(stopped) if stopped.is_empty() => {
                    return (states, Err(error.remark("what came before it is stored up to the last STATE")));
                }
                // Rows may lack others that come after the last of the states.
                Ok(stopped) => stopped,
                Err(_) => break,
            };
        }
        (Vec::new(), Err(error))
    }

    /// Loads rows; when it answers, those of every stream are durable but for the streams that it names.
    async fn carry(&mut self, loads: &[StreamLoad]) -> Result<Vec<Stopped>> {
        self.find_ways(loads).await?;
        self.open_sessions(loads).await;
        let rest = self.split(loads).await?;
        let shares = self.share_out(&rest);
        let (mut stopped, waiting) = self.carry_side_by_side(&shares, true).await?;
        if stopped.is_empty() && !waiting.is_empty() {
            // What they may have waited for is there now.
            let again = rest.iter().filter(|load| waiting.contains(&load.stream)).collect();
            return Ok(self.carry_side_by_side(&[again], false).await?.0);
        }
        let waiting = rest.iter().filter(|load| waiting.contains(&load.stream));
        stopped.extend(waiting.map(|load| Stopped { stream: load.stream, before: load.before, refused: None }));
        Ok(stopped)
    }

    /// Loads each share by a session of its own; answers the streams that stopped, and with `patience` those that wait for others.
    async fn carry_side_by_side(
        &mut self,
        shares: &[Vec<&StreamLoad>],
        patience: bool,
    ) -> Result<(Vec<Stopped>, Vec<usize>)> {
        let Self { cx, link, more, targets, .. } = self;
        let links = std::iter::once(link).chain(more);
        let lanes = shares.iter().zip(links).map(|(loads, link)| Lane { cx, targets, link, patience }.load(loads));
        let outcomes = futures_util::future::join_all(lanes).await;
        // Every lane is waited for; what one committed holds even when another failed.
        let mut failed = None;
        let (mut stopped, mut waiting) = (Vec::new(), Vec::new());
        for (loads, outcome) in shares.iter().zip(outcomes) {
            match outcome {
                Ok(fates) => self.note(loads, fates, &mut stopped, &mut waiting),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok((stopped, waiting)), Err)
    }

    /// Looks how the first large load of a stream gets into its table best.
    async fn find_ways(&mut self, loads: &[StreamLoad]) -> Result<()> {
        for load in loads.iter().filter(|load| straight::is_large(&load.rows)) {
            let Some(target) = self.targets.get_mut(load.stream).filter(|target| target.ways.is_none()) else {
                continue;
            };
            let ways = straight::find(&mut self.link, target).await.map_err(|error| error.with_stream(&target.name))?;
            target.ways = Some(ways);
            target.defaults |= ways.straight;
        }
        Ok(())
    }

    /// Loads the streams that are worth all sessions, one after the other; answers what is left to load.
    async fn split(&mut self, loads: &[StreamLoad]) -> Result<Vec<StreamLoad>> {
        let mut rest = Vec::with_capacity(loads.len());
        for load in loads {
            // Where there is a stream for each session, they have enough to do.
            let busy = self.more.is_empty() || loads.len() > self.more.len();
            // A pool may have no connections for so many sessions at once.
            let busy = busy || self.failed_splits > limits::FAILED_SPLITS;
            let target = self.targets.get_mut(load.stream).filter(|target| !busy && split::fits(target, &load.rows));
            let Some(target) = target else {
                rest.push(load.clone());
                continue;
            };
            let mut links: Vec<&mut Link> = std::iter::once(&mut self.link).chain(&mut self.more).collect();
            let done = split::load(&self.cx, &mut links, target, load)
                .await
                .map_err(|error| error.with_stream(&target.name))?;
            for _ in 0..done.commits {
                target.fence.committed();
            }
            target.stored += done.rows;
            if done.rows == load.rows.count {
                self.failed_splits = 0;
                self.link.progress();
                continue;
            }
            self.failed_splits += 1;
            self.cx.summary.retried();
            self.cx.summary.retried_for(load.stream);
            // What a table refuses once it may refuse again.
            if done.failed.is_some_and(|error| error.kind().failure_type() != FailureType::TransientError) {
                target.taker.refuses();
                target.ways = Some(Ways::default());
            }
            rest.extend(load.part(load.before + done.rows..load.before + load.rows.count));
        }
        Ok(rest)
    }

    /// Opens the sessions that a window has work for.
    async fn open_sessions(&mut self, loads: &[StreamLoad]) {
        let total: usize = loads.iter().map(StreamLoad::effort).sum();
        let divisible = loads
            .iter()
            .any(|load| self.targets.get(load.stream).is_some_and(|target| split::fits(target, &load.rows)));
        let most = if divisible { self.most } else { self.most.min(loads.len().max(1)) };
        let wanted = (total / limits::LANE_BYTES).clamp(1, most);
        self.more.retain(|link| !link.is_closed());
        while self.more.len() + 1 < wanted {
            let mut link = Link::new(Arc::clone(&self.cx));
            match link.session().await.map(drop) {
                Ok(()) => self.more.push(link),
                Err(error) => {
                    // Where the first session finds no server either, it waits for one, with patience.
                    if error.kind() != ErrorKind::Connection || self.link.is_open() {
                        self.most = self.more.len() + 1;
                        self.cx.output.info(&format!("Loading with {} sessions: {}.", self.most, error.message()));
                    }
                    break;
                }
            }
        }
    }

    /// Shares the streams of a window out over sessions, the largest first to the session with the least to do. Each session
    /// loads its streams in their order of arrival: rows that others refer to mostly come first.
    fn share_out<'a>(&self, loads: &'a [StreamLoad]) -> Vec<Vec<&'a StreamLoad>> {
        let total: usize = loads.iter().map(StreamLoad::effort).sum();
        let wanted = (total / limits::LANE_BYTES).clamp(1, self.most).min(loads.len().max(1));
        let mut lanes: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); wanted.min(self.more.len() + 1)];
        let mut order: Vec<(usize, &StreamLoad)> = loads.iter().enumerate().collect();
        order.sort_by_key(|(_, load)| std::cmp::Reverse(load.effort()));
        for (place, load) in order {
            if let Some((bytes, lane)) = lanes.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes += load.effort();
                lane.push(place);
            }
        }
        let in_order = |mut places: Vec<usize>| {
            places.sort_unstable();
            places.into_iter().filter_map(|place| loads.get(place)).collect()
        };
        lanes.into_iter().map(|(_, places)| in_order(places)).collect()
    }

    /// Notes what is committed, and adds what is not to the others.
    fn note(&mut self, loads: &[&StreamLoad], fates: Vec<Fate>, stopped: &mut Vec<Stopped>, waiting: &mut Vec<usize>) {
        for (load, fate) in loads.iter().zip(fates) {
            let Some(target) = self.targets.get_mut(load.stream) else { continue };
            match fate {
                Fate::Loaded(key_index, refused, _) => {
                    target.key_index = key_index;
                    if !refused.is_empty() {
                        target.ways = Some(Ways::default());
                    }
                    target.stored += load.rows.count - refused.len() as u64;
                    target.rejected += refused.len() as u64;
                    target.fence.committed();
                }
                Fate::Stopped(key_index, refused) => {
                    target.key_index = key_index;
                    stopped.push(Stopped { stream: load.stream, before: load.before, refused });
                }
                Fate::Waits(key_index) => {
                    target.key_index = key_index;
                    waiting.push(load.stream);
                }
            }
        }
    }
}

/// One session and the streams that it loads one after the other, in groups of one transaction each.
struct Lane<'a> {
    cx: &'a Context,
    targets: &'a [Target],
    link: &'a mut Link,
    /// Other groups of streams may commit what rows of this one refer to.
    patience: bool,
}

impl Lane<'_> {
    /// Loads everything that the server takes; answers what became of each stream. What is committed is never sent again: only the
    /// group that failed is repeated.
    async fn load(mut self, loads: &[&StreamLoad]) -> Result<Vec<Fate>> {
        let mut loaded = Vec::with_capacity(loads.len());
        let mut left = loads;
        while !left.is_empty() {
            let (group, later) = left.split_at(self.cx.together.streams().min(left.len()));
            let fates = match self.load_group(group).await {
                Err(error) if self.cx.together.fewer(&self.cx.output, &error, group.len()) => continue,
                fates => fates?,
            };
            left = later;
            self.count(group, &fates);
            if !fates.iter().any(|fate| matches!(fate, Fate::Waits(_))) {
                self.link.progress();
            }
            loaded.extend(fates);
        }
        Ok(loaded)
    }

    /// At once, for the next group has only the room that is left.
    fn count(&self, group: &[&StreamLoad], fates: &[Fate]) {
        for (load, fate) in group.iter().zip(fates) {
            if let (Fate::Loaded(_, refused, loaded), Some(target)) = (fate, self.targets.get(load.stream)) {
                self.cx.rejected.add(target, refused);
                self.cx.summary.committed(load.stream, *loaded, refused.len() as u64);
            }
        }
    }

    async fn load_group(&mut self, group: &[&StreamLoad]) -> Result<Vec<Fate>> {
        let mut keyless = HashSet::new();
        let mut lessons = Lessons::default();
        let mut refusal = None;
        let mut straight = true;
        loop {
            let error = match self.attempt(group, &keyless, lessons, straight).await {
                Ok((loaded, None | Some(Commit::Done))) => {
                    poison::explain_taken(self.cx, &loaded, refusal);
                    return Ok(loaded);
                }
                Ok((loaded, Some(Commit::Unknown(cause)))) => {
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
            if is_out_of_memory(&error) && group.len() > 1 {
                return Err(error);
            }
            if self.patience && poison::may_hold_later(&error) {
                return Ok(self.waiting(group, &keyless));
            }
            let way = std::mem::replace(&mut straight, false);
            let too_long = poison::is_too_long(&error);
            if too_long && self.give_one_up(group, &error, &mut keyless).await? {
                continue;
            }
            // What does not go straight may go through a temporary table, and is refused there if not.
            if way && error.kind().failure_type() != FailureType::TransientError && self.went_straight(group, &error) {
                continue;
            }
            straight = way;
            if lessons.learn(&error, too_long) {
                refusal = Some(error);
                continue;
            }
            self.link.recover(error).await?;
            for load in group {
                self.cx.summary.retried_for(load.stream);
            }
        }
    }

    /// The streams of a group are to be loaded when all others are.
    fn waiting(&self, group: &[&StreamLoad], keyless: &HashSet<usize>) -> Vec<Fate> {
        let index = |load: &&StreamLoad| match self.targets.get(load.stream) {
            Some(target) if !keyless.contains(&load.stream) => target.key_index,
            _ => KeyIndex::None,
        };
        group.iter().map(|load| Fate::Waits(index(load))).collect()
    }

    /// Whether rows that the server refused may have gone straight into their table; they do not any more.
    fn went_straight(&self, group: &[&StreamLoad], error: &Error) -> bool {
        let targets = group.iter().filter_map(|load| Some((load, self.targets.get(load.stream)?)));
        let of_error = targets.filter(|(_, target)| error.stream().is_none_or(|name| *name == target.name));
        let straight = of_error.filter(|(load, target)| straight::may(target, &load.rows));
        straight.map(|(_, target)| target.taker.refuses()).count() > 0
    }

    /// One transaction; no commit where it was rolled back because of a refused row.
    async fn attempt(
        &mut self,
        group: &[&StreamLoad],
        keyless: &HashSet<usize>,
        lessons: Lessons,
        straight: bool,
    ) -> Result<(Vec<Fate>, Option<Commit>)> {
        let targets: Vec<&Target> = group.iter().filter_map(|load| self.targets.get(load.stream)).collect();
        if targets.len() != group.len() {
            return Err(Error::new(ErrorKind::Internal, "a load names a stream that the catalog does not have"));
        }
        let held: Vec<_> = targets.iter().map(|target| (&target.fence, &target.table, Expect::Ours)).collect();
        let session = self.link.session().await?;
        if let (Err(error), [target, ..]) = (fence::begin(session, &held).await, &*targets) {
            return Err(explain_lock(self.cx, &target.fence, &target.table, error).await);
        }
        let loaded = if lessons.halve {
            Sift { cx: self.cx, session, lessons, patience: self.patience }.sift(group, &targets, keyless).await
        } else {
            fill::load_targets(self.cx, session, group, &targets, keyless, straight).await
        };
        let loaded = match loaded {
            Ok(fates) => receipts::leave_for_group(self.cx, session, group, &targets, &fates).await.map(|()| fates),
            Err(error) => Err(error),
        };
        match loaded {
            Ok(fates) if fates.iter().all(|fate| matches!(fate, Fate::Loaded(..))) => {
                Ok((fates, Some(session.commit().await)))
            }
            Ok(fates) => {
                session.rollback().await;
                Ok((fates, None))
            }
            Err(error) => {
                session.rollback().await;
                let target = targets.iter().find(|target| error.stream() == Some(&target.name));
                match target {
                    Some(target) => Err(explain_lock(self.cx, &target.fence, &target.table, error).await),
                    None => Err(error),
                }
            }
        }
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
        let named = error.refusal().and_then(|refusal| refusal.constraint.as_deref());
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
                let dropped = session.end(indexes::give_one_up(session, target, named).await).await?;
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
