//! The rows of one large stream over several sessions, side by side.
//!
//! Rows that are only added are cut into parts in their order of arrival; rows that are merged are dealt out by their key, so that
//! two sessions never touch the same row. No part commits before all of them have brought in their rows; then each counts its commit
//! in the note on the table, one after the other in their order. So a row that is refused lets nothing be stored, and where a
//! commit fails, what is stored is a beginning of the parts, and the note tells how many. A part that fails, for whatever
//! reason, ends it for those behind it: they roll back, and what is not stored is loaded in the ordinary way, which can do
//! everything that this cannot.

use tokio::sync::oneshot;

use super::fence::{self, Expect, Fence};
use super::indexes::KeyIndex;
use super::link::Link;
use super::load::StreamLoad;
use super::receipts::{self, Brought};
use super::summary::Loaded;
use super::{Context, Target, fill, straight};
use crate::batch::{Rows as Window, Share};
use crate::error::{Error, Result};
use crate::limits;
use crate::pg::{Commit, Session};
use crate::sql::session;

/// What became of the parts.
pub(super) struct Outcome {
    /// How many are durable, from the first on.
    pub commits: u64,
    /// How many rows need not be loaded again, from the first on.
    pub rows: u64,
    /// Why there are others.
    pub failed: Option<Error>,
}

/// How rows are dealt out.
enum Deal {
    /// Parts in order of arrival, each straight into the table.
    Straight,
    /// Shares by key, each through a temporary table.
    ByKey,
}

/// How the rows can be dealt out to several sessions, if at all.
fn deal(target: &Target, rows: &Window) -> Option<Deal> {
    if !target.ways.is_some_and(|ways| ways.independent) || rows.size < 2 * limits::LANE_BYTES {
        return None;
    }
    if straight::is_open(target, rows) {
        return Some(Deal::Straight);
    }
    let mergeable = matches!(target.key_index, KeyIndex::Unique { nulls_equal } if nulls_equal || !rows.keys.nulls);
    (target.is_merged() && mergeable && rows.shares.len() == rows.batches.len()).then_some(Deal::ByKey)
}

/// Whether these rows can be loaded by several sessions.
pub(super) fn fits(target: &Target, rows: &Window) -> bool {
    deal(target, rows).is_some()
}

/// Loads rows by all of these sessions, and counts what is committed.
pub(super) async fn load(cx: &Context, links: &mut [&mut Link], target: &Target, load: &StreamLoad) -> Result<Outcome> {
    let rows = &load.rows;
    let sessions = links.len().min(rows.size / limits::LANE_BYTES).max(1);
    let parts: Vec<Part<'_>> = match deal(target, rows) {
        Some(Deal::Straight) => {
            let at = |n: usize| rows.count * n as u64 / sessions as u64;
            (0..sessions).map(|n| Part::Straight(rows.part(at(n)..at(n + 1)))).collect()
        }
        Some(Deal::ByKey) => (0..sessions).map(|number| Part::Share(load, Share { number, of: sessions })).collect(),
        None => Vec::new(),
    };
    let (first, mut turn) = oneshot::channel();
    let mut all_ready = Vec::with_capacity(parts.len());
    let mut fence = target.fence.clone();
    let mut running = Vec::with_capacity(parts.len());
    for (number, (part, link)) in parts.iter().zip(links.iter_mut()).enumerate() {
        let (ready, is_ready) = oneshot::channel();
        let (next, following) = oneshot::channel();
        let place = Place { load, last: number + 1 == parts.len(), fence: fence.clone() };
        let turns = Turns { ready, mine: std::mem::replace(&mut turn, following), next };
        all_ready.push(is_ready);
        running.push(run(cx, link, target, place, part, turns));
        fence.committed();
    }
    let start = async {
        for ready in all_ready {
            // One that has failed: then `first` goes without a word, and so do all turns.
            if ready.await.is_err() {
                return;
            }
        }
        first.send(()).unwrap_or_default();
    };
    let (results, ()) = futures_util::future::join(futures_util::future::join_all(running), start).await;
    let mut outcome = Outcome { commits: 0, rows: 0, failed: None };
    let mut fence = target.fence.clone();
    let mut goes_on = true;
    for ((part, link), result) in parts.iter().zip(links.iter_mut()).zip(results) {
        let mut loaded = Loaded::default();
        goes_on &= match result {
            Ok(Some((Commit::Done, part))) => {
                loaded = part;
                true
            }
            Ok(Some((Commit::Unknown(cause), part))) => {
                loaded = part;
                // By now all others have ended their transactions, so the stream's lock is to be had.
                let durable = fence::settle(link, &fence, &target.table, Expect::Ours, &cause).await?;
                outcome.failed = Some(cause);
                durable
            }
            Ok(None) => false,
            Err(error) => {
                outcome.failed.get_or_insert(error);
                false
            }
        };
        if goes_on {
            outcome.commits += 1;
            cx.summary.committed(load.stream, loaded, 0);
            fence.committed();
            if let Part::Straight(part) = part {
                outcome.rows += part.count;
            }
        }
    }
    // Some of the shares are no beginning of the rows. Merging them once more changes nothing.
    if outcome.commits == parts.len() as u64 {
        outcome.rows = rows.count;
    }
    Ok(outcome)
}

/// The rows of one session.
enum Part<'a> {
    Straight(Window),
    Share(&'a StreamLoad, Share),
}

impl Part<'_> {
    fn count(&self) -> u64 {
        match self {
            Part::Straight(rows) => rows.count,
            Part::Share(load, share) => load.rows.count_of(*share),
        }
    }
}

/// Where a part is among the others.
struct Place<'a> {
    load: &'a StreamLoad,
    last: bool,
    /// The stream's as the part finds it when its turn has come.
    fence: Fence,
}

/// How a part and the others wait for each other. What is dropped without a word says that a part has failed.
struct Turns {
    /// The rows of this part are in its transaction.
    ready: oneshot::Sender<()>,
    /// All are ready, and those before it have committed.
    mine: oneshot::Receiver<()>,
    /// This one has.
    next: oneshot::Sender<()>,
}

/// One part, from the beginning of its transaction to its end; no commit where another part has failed.
async fn run(
    cx: &Context,
    link: &mut Link,
    target: &Target,
    place: Place<'_>,
    part: &Part<'_>,
    turns: Turns,
) -> Result<Option<(Commit, Loaded)>> {
    let Turns { ready, mine, next } = turns;
    let outcome = async {
        let session = link.session().await?;
        fence::begin_together(session, &target.fence, &target.table).await?;
        let done = async {
            let loaded = bring(session, target, part).await?;
            ready.send(()).unwrap_or_default();
            if mine.await.is_err() {
                return Ok(None);
            }
            let Place { load, last, fence } = place;
            let (rows, commit) = (part.count(), fence.next_commit());
            let brought = Brought { target, load, rows, set_aside: 0, loaded, last, commit };
            receipts::leave(cx, session, &[brought]).await?;
            session.execute(&fence.next_note(&target.table), &fill::doing(target)).await.map(|()| Some(loaded))
        };
        match done.await {
            Ok(Some(loaded)) => Ok(Some((session.commit().await, loaded))),
            Ok(None) => {
                session.rollback().await;
                Ok(None)
            }
            Err(error) => {
                session.rollback().await;
                Err(error)
            }
        }
    }
    .await;
    match &outcome {
        Ok(Some((Commit::Done, _))) => next.send(()).unwrap_or_default(),
        Ok(Some((Commit::Unknown(error), _))) | Err(error) => link.note_failure(error),
        Ok(None) => {}
    }
    outcome
}

/// Brings the rows of a part into the table.
async fn bring(session: &Session, target: &Target, part: &Part<'_>) -> Result<Loaded> {
    let doing = fill::doing(target);
    match part {
        Part::Straight(rows) => {
            session.execute(&session::wait_shortly(), &doing).await?;
            let loaded = straight::copy(session, target, rows).await?;
            straight::verify(session, &[target], None).await.map(|()| loaded)
        }
        Part::Share(load, share) => {
            let table = fill::load_table(load.stream);
            let create = session::wait_shortly().then(&fill::load_table_statement(target, load));
            session.execute(&create, &doing).await?;
            let mut loaded = fill::fill(session, target, &table, &load.rows, *share).await?;
            loaded += fill::merge(session, target, &table, &load.rows, target.key_index).await?;
            Ok(loaded)
        }
    }
}
