//! Rows that the database refuses for a reason of its own: a constraint, a trigger, a domain, a policy.
//!
//! They are found by halving, in one transaction. A part that is refused is undone and halved, the earlier half first, so that
//! the parts that hold come in their order of arrival; to the table they are so many small windows. What a row costs
//! grows with the logarithm of the window. Only errors that say that a row was refused lead here; any other ends the
//! attempt, which is then made again as every other.
//!
//! With `rejected_rows: fail` the transaction is rolled back once the first refused row of each stream is known; the loader
//! then loads what came before it up to the last state. With `set_aside` the refused rows go to a table of their own in the same
//! transaction as the others.

use std::collections::HashSet;
use std::ops::Range;

use super::indexes::KeyIndex;
use super::load::StreamLoad;
use super::summary::Loaded;
use super::{Context, Target, fill, rejected};
use crate::batch::Rows;
use crate::config::RejectedRows;
use crate::error::{Error, ErrorKind, RefusedAt, Result};
use crate::limits;
use crate::pg::Session;
use crate::sql::rejected as sql;

/// A row that was refused.
pub(super) struct Refused {
    /// Its place among the stream's rows of the window, from 0.
    pub row: u64,
    pub error: Error,
}

/// What became of the rows of one stream.
pub(super) enum Fate {
    /// They are in the transaction, those that were refused in the table of rejected rows. Also the index that holds then, and
    /// what was loaded.
    Loaded(KeyIndex, Vec<Refused>, Loaded),
    /// None is, because of this row, or of a row of another stream of the transaction. Also the index that holds without
    /// them.
    Stopped(KeyIndex, Option<Refused>),
    /// None is, since a row lacks another that a session beside this one may be about to commit. Also the index that holds
    /// without them.
    Waits(KeyIndex),
}

/// What the attempts of a group of streams have shown so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lessons {
    /// Rows are refused: halve.
    pub halve: bool,
    /// Only at the commit: have constraints checked at once.
    pub deferred: bool,
    /// Entries too long for an index are refused by an index that is not ours.
    pub too_long: bool,
}

impl Lessons {
    /// Learns from a failed attempt; false when it holds nothing new.
    pub fn learn(&mut self, error: &Error, too_long_for_theirs: bool) -> bool {
        let Some(refusal) = error.refusal() else { return false };
        let before = (self.halve, self.deferred, self.too_long);
        self.halve = true;
        self.deferred |= refusal.at == RefusedAt::Commit;
        self.too_long |= too_long_for_theirs;
        before != (self.halve, self.deferred, self.too_long)
    }
}

/// A row lacks another one that it refers to, or others still refer to it: that may be different later in the window.
pub(super) fn may_hold_later(error: &Error) -> bool {
    error.sqlstate() == Some("23503") && error.refusal().is_some()
}

/// A value was too long for an index, which is to be given up if it is ours.
pub(super) fn is_too_long(error: &Error) -> bool {
    error.sqlstate() == Some("54000") && error.message().contains(": an index entry is too long: ")
}

/// One stream within the transaction.
struct Share<'a> {
    /// As it is at this point of the transaction.
    target: Target,
    /// The index before the transaction.
    key_index: KeyIndex,
    load: &'a StreamLoad,
    refused: Vec<Refused>,
    stop: Option<Refused>,
    loaded: Loaded,
}

/// Brings the rows of a group of streams into an open transaction as far as the server takes them.
pub(super) struct Sift<'a> {
    pub cx: &'a Context,
    pub session: &'a Session,
    pub lessons: Lessons,
    /// Other sessions load what rows may refer to: an error that they can cure ends the attempt.
    pub patience: bool,
}

impl Sift<'_> {
    /// What becomes of each stream; all of them stop when one does. The caller then rolls back, else commits.
    pub async fn sift(
        &self,
        group: &[&StreamLoad],
        targets: &[&Target],
        keyless: &HashSet<usize>,
    ) -> Result<Vec<Fate>> {
        if self.lessons.deferred {
            self.session.execute(&sql::check_at_once(), "checking constraints at once").await?;
        }
        let mut room = limits::REJECTED_ROWS.saturating_sub(self.cx.rejected.count());
        let mut shares = Vec::with_capacity(group.len());
        for (load, target) in group.iter().zip(targets) {
            let key_index = if keyless.contains(&load.stream) { KeyIndex::None } else { target.key_index };
            let target = Target { key_index, ..(*target).clone() };
            let mut share =
                Share { target, key_index, load, refused: Vec::new(), stop: None, loaded: Loaded::default() };
            self.stream(&mut share, &mut room).await.map_err(|error| error.with_stream(&share.target.name))?;
            shares.push(share);
        }
        self.once_more(&mut shares).await?;
        for share in &mut shares {
            // What lacks another row may lack it because the search ended.
            let ended_it = share.stop.as_ref().is_some_and(|stop| !self.may_hold_later(stop));
            if self.fails() && !ended_it && !share.refused.is_empty() {
                share.stop = Some(share.refused.remove(0));
            }
        }
        if shares.iter().any(|share| share.stop.is_some()) {
            return Ok(shares.into_iter().map(|share| Fate::Stopped(share.key_index, share.stop)).collect());
        }
        for share in shares.iter().filter(|share| !share.refused.is_empty()) {
            let set_aside = rejected::set_aside(self.cx, self.session, &share.target, share.load, &share.refused).await;
            set_aside.map_err(|error| error.with_stream(&share.target.name))?;
        }
        let fate = |share: Share<'_>| Fate::Loaded(share.target.key_index, share.refused, share.loaded);
        Ok(shares.into_iter().map(fate).collect())
    }

    fn fails(&self) -> bool {
        self.cx.config.rejected_rows == RejectedRows::Fail
    }

    async fn stream(&self, share: &mut Share<'_>, room: &mut u64) -> Result<()> {
        fill::create_load_table(self.session, &share.target, share.load).await?;
        let mut pending: Vec<Range<u64>> = std::iter::once(0..share.load.rows.count).collect();
        while let Some(part) = pending.pop() {
            let Some(error) = self.attempt(share, &share.load.rows.part(part.clone())).await? else { continue };
            if self.patience && may_hold_later(&error) {
                return Err(error);
            }
            let middle = part.start + (part.end - part.start) / 2;
            if middle > part.start {
                pending.push(middle..part.end);
                pending.push(part.start..middle);
                continue;
            }
            let refused = Refused { row: part.start, error };
            let on_its_way = refused.error.refusal().is_some_and(|refusal| refusal.at == RefusedAt::Copy);
            if on_its_way || (self.fails() && !self.may_hold_later(&refused)) || *room == 0 {
                share.stop = Some(refused);
                break;
            }
            *room -= 1;
            share.refused.push(refused);
        }
        Ok(())
    }

    /// Loads some rows; when the server refuses them the transaction is as before, and the answer is why.
    async fn attempt(&self, share: &mut Share<'_>, rows: &Rows) -> Result<Option<Error>> {
        let doing = fill::doing(&share.target);
        let table = fill::load_table(share.load.stream);
        // Outside of the savepoint, where the table was made, it is emptied in place.
        self.session.execute(&sql::empty_load_table(&table).then(&sql::begin_part()), &doing).await?;
        match fill::fill_and_merge(self.cx, self.session, &share.target, &table, rows).await {
            Ok((key_index, loaded)) => {
                self.session.execute(&sql::keep_part(), &doing).await?;
                share.target.key_index = key_index;
                share.loaded += loaded;
                Ok(None)
            }
            Err(error) if error.refusal().is_some() && (self.lessons.too_long || !is_too_long(&error)) => {
                self.session.execute(&sql::undo_part(), &doing).await?;
                Ok(Some(error))
            }
            Err(error) => Err(error),
        }
    }

    /// A constraint that is to be checked at the commit may be met by a row that comes later, too.
    fn may_hold_later(&self, refused: &Refused) -> bool {
        self.lessons.deferred || may_hold_later(&refused.error)
    }

    /// Gives rows that only lacked others, which came later in the window, a second chance, and others that lacked these.
    async fn once_more(&self, shares: &mut [Share<'_>]) -> Result<()> {
        for _ in 0..limits::SECOND_CHANCES {
            let mut taken = false;
            // What they lack mostly came after them.
            for share in shares.iter_mut().rev() {
                taken |= self.second_chance(share).await.map_err(|error| error.with_stream(&share.target.name))?;
            }
            if !taken {
                break;
            }
        }
        Ok(())
    }

    /// Tries the refused rows of a stream again; answers whether one was taken.
    async fn second_chance(&self, share: &mut Share<'_>) -> Result<bool> {
        if !share.refused.iter().any(|refused| self.may_hold_later(refused)) {
            return Ok(false);
        }
        // Of rows of one key the later one must stay the later one: it is merged again.
        let mut keys = Vec::new();
        if share.load.rows.keys.duplicates {
            let key = |&column: &usize| Some((column, *share.target.types.get(column)?));
            let key: Vec<_> = share.target.schema.key.iter().filter_map(key).collect();
            let Some(hashes) = share.load.rows.key_hashes(&key) else { return Ok(false) };
            keys = hashes;
        }
        let mut left = std::mem::take(&mut share.refused);
        let before = left.len();
        for at in (0..before).rev() {
            let Some(refused) = left.get(at) else { continue };
            if !self.may_hold_later(refused) {
                continue;
            }
            let mut rows = vec![refused.row];
            let hash = usize::try_from(refused.row).ok().and_then(|row| keys.get(row));
            let later = (0..).zip(&keys).filter(|(row, other)| *row > refused.row && Some(*other) == hash);
            rows.extend(later.map(|(row, _)| row).filter(|row| !left.iter().any(|refused| refused.row == *row)));
            if self.attempt(share, &share.load.rows.pick(&rows)).await?.is_none() {
                left.remove(at);
            }
        }
        share.refused = left;
        Ok(share.refused.len() < before)
    }
}

/// Which record of the stream in this sync a row of the window that loads is, counted from 1.
pub(super) fn position(target: &Target, row: u64) -> u64 {
    target.stored + target.rejected + row + 1
}

/// Says so when rows were refused and then, in parts or at another time, each of them was taken.
pub(super) fn explain_taken(cx: &Context, fates: &[Fate], refusal: Option<Error>) {
    let taken = |fate: &Fate| matches!(fate, Fate::Loaded(_, refused, _) if refused.is_empty());
    if let Some(error) = refusal.filter(|_| fates.iter().all(taken)) {
        cx.output.warn(&format!(
            "{}. Tried again in parts the database took every row, so none is missing.",
            error.message()
        ));
    }
}

/// The error that ends the sync at a row.
pub(super) fn error(cx: &Context, target: &Target, refused: Refused) -> Error {
    let Refused { row, error } = refused;
    let on_its_way = error.refusal().is_some_and(|refusal| refusal.at == RefusedAt::Copy);
    let kind = if on_its_way { error.kind() } else { ErrorKind::ObjectInTheWay };
    let way_out = match cx.config.rejected_rows {
        _ if on_its_way => String::new(),
        RejectedRows::Fail => ", or let such records be set aside (`rejected_rows`)".to_owned(),
        RejectedRows::SetAside => {
            format!(". More than {} rows are not set aside in one sync", limits::REJECTED_ROWS)
        }
    };
    error
        .with_kind(kind)
        .context(&format!(
            "the database refuses record {} of stream {} in this sync",
            position(target, row),
            target.name
        ))
        .remark(&format!("change the record at its source, or what refuses it in the database{way_out}"))
        .with_stream(&target.name)
}
