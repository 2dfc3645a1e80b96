//! Which sync a stream's tables belong to.
//!
//! At its start a sync leaves a note with a token of its own on each stream's tables. Every later transaction that touches
//! them takes the stream's lock first and then finds its own note there, or gives up: so an older sync that is still
//! alive stops at its next transaction. The note also counts the transactions that committed rows; they are in it
//! together or not at all. That settles a COMMIT whose answer was lost, and shows when a server has lost what it had confirmed.
//!
//! What somebody else has written there is kept, above the note.
//!
//! The status of the transaction's id would not do: after a fail-over the new primary gives the same ids to others.

use super::link::Link;
use crate::error::{Error, ErrorKind, Result};
use crate::naming::lock_key;
use crate::pg::{Session, text};
use crate::schema::TableName;
use crate::sql::Statement;
use crate::sql::fence::{self as sql, Hold};

const BEGINNING: &str = "destination-postgres: sync ";
const BEGAN: &str = " began at ";
const COMMITS: &str = ", commits: ";
/// Between somebody else's words and the note.
const BELOW: &str = "\n\n";

/// A stream's place in this sync.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    key: i64,
    token: String,
    began: String,
    /// Transactions that committed rows.
    commits: u64,
    /// Somebody else's words in the same place.
    kept: String,
}

/// What a table has to say of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Expect {
    /// Our note with our count.
    Ours,
    /// Our note with our count or a higher one: other sessions of ours load at the same time.
    OursGrowing,
    /// Our note, whatever its count; also a table without any, or no table.
    NobodyElses,
    /// As before, or the note of an older sync, which made the table after we had begun.
    NobodyNewers,
    /// Nothing: it is about to become ours.
    Anything,
}

impl Fence {
    /// The place of the stream of a final table. `token` and `began` are those of the sync.
    pub fn new(table: &TableName, token: &str, began: &str) -> Self {
        Self {
            key: lock_key(&table.schema, &table.table),
            token: token.to_owned(),
            began: began.to_owned(),
            commits: 0,
            kept: String::new(),
        }
    }

    /// Keeps what somebody else wrote beside the note that was found, on every table that gets ours.
    pub fn keep(&mut self, found: Option<&str>) {
        self.kept = found.map(|found| Note::split(found).0.to_owned()).unwrap_or_default();
    }

    /// The key of its lock.
    pub fn key(&self) -> i64 {
        self.key
    }

    /// What tells this sync from others.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The number of the next transaction that commits rows, from 1.
    pub fn next_commit(&self) -> u64 {
        self.commits + 1
    }

    /// Leaves our note on a table that is there.
    pub fn note(&self, table: &TableName) -> Statement {
        sql::note(table, &self.text(self.commits))
    }

    /// Leaves the note that will hold once the transaction commits; [`Fence::committed`] is due then.
    pub fn next_note(&self, table: &TableName) -> Statement {
        sql::note(table, &self.text(self.commits + 1))
    }

    /// A transaction with [`Fence::next_note`] has committed.
    pub fn committed(&mut self) {
        self.commits += 1;
    }

    fn text(&self, commits: u64) -> String {
        let Self { token, began, kept, .. } = self;
        let below = if kept.is_empty() { "" } else { BELOW };
        format!(
            "{kept}{below}{BEGINNING}{token}{BEGAN}{began}{COMMITS}{commits}. The next sync of this table replaces this note, and an \
             older one that still runs stops when it finds it replaced. It may be removed when no sync runs."
        )
    }

    fn verify(&self, table: &TableName, note: Option<&str>, expect: Expect) -> Result<()> {
        let found = note.and_then(Note::read);
        match (expect, found) {
            (Expect::Anything, _) | (Expect::NobodyElses | Expect::NobodyNewers, None) => Ok(()),
            (Expect::NobodyElses | Expect::NobodyNewers, Some(found)) if found.token == self.token => Ok(()),
            // The server writes its time so that the texts are in order.
            (Expect::NobodyNewers, Some(found)) if (found.began, found.token) < (&*self.began, &*self.token) => Ok(()),
            (Expect::Ours, Some(found)) if found.token == self.token && found.commits == self.commits => Ok(()),
            (Expect::OursGrowing, Some(found)) if found.token == self.token && found.commits >= self.commits => Ok(()),
            (_, Some(found)) if found.token == self.token => Err(Error::new(
                ErrorKind::Lost,
                format!(
                    "table {table} has lost rows that the server had confirmed as durable ({} of {} commits are left): it \
                     may have failed over to a replica that lagged behind, or was restored. Refresh the stream",
                    found.commits, self.commits
                ),
            )),
            (_, Some(found)) => Err(Error::new(
                ErrorKind::Superseded,
                format!(
                    "another sync of table {table} began at {}, so this one stops; what it has acknowledged is there",
                    found.began
                ),
            )),
            (_, None) => Err(Error::new(
                ErrorKind::Superseded,
                format!(
                    "table {table}, or the sync's note in the comment on its row type, was dropped or replaced by \
                     somebody during the sync: sync again"
                ),
            )),
        }
    }
}

/// A note as it is read again.
struct Note<'a> {
    token: &'a str,
    began: &'a str,
    commits: u64,
}

impl<'a> Note<'a> {
    /// Somebody else's words, and the note below them.
    fn split(text: &str) -> (&str, &str) {
        let Some(at) = text.rfind(BEGINNING) else { return (text, "") };
        let (kept, note) = text.split_at(at);
        (kept.strip_suffix(BELOW).unwrap_or(kept), note)
    }

    /// None for a text without one.
    fn read(text: &'a str) -> Option<Self> {
        let (token, rest) = Self::split(text).1.strip_prefix(BEGINNING)?.split_once(BEGAN)?;
        let (began, rest) = rest.split_once(COMMITS)?;
        let commits = rest.split('.').next()?.parse().ok()?;
        Some(Self { token, began, commits })
    }
}

/// Begins a transaction on the tables of some streams: takes their locks, then looks for our notes, and answers what it found
/// there. No round trip more than to begin.
///
/// # Errors
/// [`ErrorKind::Superseded`] or [`ErrorKind::Lost`] when a table is not as expected; nothing is open then.
pub(super) async fn begin(session: &Session, held: &[(&Fence, &TableName, Expect)]) -> Result<Vec<Option<String>>> {
    begin_as(session, held, Hold::Alone).await
}

/// As [`begin`], on a table that other sessions of this sync load rows into at the same time.
///
/// # Errors
/// As [`begin`].
pub(super) async fn begin_together(session: &Session, fence: &Fence, table: &TableName) -> Result<()> {
    begin_as(session, &[(fence, table, Expect::OursGrowing)], Hold::Together).await.map(drop)
}

async fn begin_as(session: &Session, held: &[(&Fence, &TableName, Expect)], with: Hold) -> Result<Vec<Option<String>>> {
    let notes = begin_and_read(session, held, with).await?;
    for ((fence, table, expect), note) in held.iter().zip(&notes) {
        if let Err(error) = fence.verify(table, note.as_deref(), *expect) {
            session.rollback().await;
            return Err(error);
        }
    }
    Ok(notes)
}

async fn begin_and_read(
    session: &Session,
    held: &[(&Fence, &TableName, Expect)],
    with: Hold,
) -> Result<Vec<Option<String>>> {
    let mut keys: Vec<i64> = held.iter().map(|(fence, ..)| fence.key).collect();
    // In one order everywhere, or two syncs of the same tables could wait for each other.
    keys.sort_unstable();
    keys.dedup();
    let tables: Vec<&TableName> = held.iter().map(|(_, table, _)| *table).collect();
    let rows = session.begin_with(&[sql::hold(&keys, &tables, with)]).await?;
    let answers = rows.iter().filter(|row| row.columns().iter().any(|c| c.name() == sql::NOTE));
    let notes: Vec<Option<String>> =
        answers.map(|row| Ok(text(row, sql::NOTE)?.map(str::to_owned))).collect::<Result<_>>()?;
    if notes.len() != held.len() {
        session.rollback().await;
        return Err(Error::new(ErrorKind::Internal, "the server did not tell whose the tables are"));
    }
    Ok(notes)
}

/// Whether a COMMIT without an answer, of a transaction with [`Fence::next_note`] on `table`, took place. `before` is what
/// the table says if not.
///
/// # Errors
/// When it cannot be known within the time there is for attempts, or another sync has taken over.
pub(super) async fn settle(
    link: &mut Link,
    fence: &Fence,
    table: &TableName,
    before: Expect,
    cause: &Error,
) -> Result<bool> {
    let unknown = |error: Error| {
        let before = cause.message();
        error.context(&format!("it is not known whether the last rows are stored, since {before}, and asking failed"))
    };
    let mut after = fence.clone();
    after.committed();
    link.note_failure(cause);
    link.ask(async |session| {
        let held = [(fence, table, Expect::NobodyElses)];
        let notes = begin_and_read(session, &held, Hold::Alone).await?;
        let note = notes.first().and_then(Option::as_deref);
        let took_place = after.verify(table, note, Expect::Ours);
        let outcome = match took_place {
            // Written once more: where a standby has to confirm commits, this one confirms that one.
            Ok(()) => session.execute(&after.note(table), "settling a commit").await.map(|()| true),
            Err(_) => fence.verify(table, note, before).map(|()| false),
        };
        session.end(outcome).await
    })
    .await
    .map_err(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName { schema: "s".into(), table: "t".into() }
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let mut fence = Fence::new(&table(), "0190-ab", "2026-11-23 09:06:00.123456+00");
        fence.committed();
        let text = fence.text(17);
        let note = Note::read(&text).expect("a note");
        assert_eq!((note.token, note.began, note.commits), ("0190-ab", "2026-11-23 09:06:00.123456+00", 17));
        assert!(Note::read("somebody's own words").is_none());
    }

    #[test]
    fn the_words_of_others_are_kept_once() {
        for words in ["Ask Finance before you change this.", "two\n\nparagraphs\n", "", "\n\n"] {
            let mut fence = Fence::new(&table(), "a", "then");
            fence.keep((!words.is_empty()).then_some(words));
            let first = fence.text(1);
            assert!(first.starts_with(words), "{first}");
            let mut next = Fence::new(&table(), "b", "later");
            next.keep(Some(&first));
            assert_eq!(next.kept, words);
            assert_eq!(Note::read(&next.text(0)).map(|note| note.token.to_owned()).as_deref(), Some("b"));
        }
    }

    #[test]
    fn only_our_own_note_with_our_count_lets_us_go_on() {
        let mut fence = Fence::new(&table(), "a", "then");
        fence.committed();
        let other = Fence::new(&table(), "b", "later").text(1);
        let verify = |note: Option<&str>, expect| fence.verify(&table(), note, expect).map_err(|e| e.kind());
        assert_eq!(verify(Some(&fence.text(1)), Expect::Ours), Ok(()));
        assert_eq!(verify(Some(&fence.text(0)), Expect::Ours), Err(ErrorKind::Lost));
        assert_eq!(verify(Some(&other), Expect::Ours), Err(ErrorKind::Superseded));
        assert_eq!(verify(Some(&fence.text(2)), Expect::Ours), Err(ErrorKind::Lost));
        assert_eq!(verify(Some(&fence.text(1)), Expect::OursGrowing), Ok(()));
        assert_eq!(verify(Some(&fence.text(2)), Expect::OursGrowing), Ok(()), "another session of ours");
        assert_eq!(verify(Some(&fence.text(0)), Expect::OursGrowing), Err(ErrorKind::Lost));
        assert_eq!(verify(Some(&other), Expect::OursGrowing), Err(ErrorKind::Superseded));
        assert_eq!(verify(None, Expect::Ours), Err(ErrorKind::Superseded));
        assert_eq!(verify(Some(&fence.text(0)), Expect::NobodyElses), Ok(()));
        assert_eq!(verify(Some("free words"), Expect::NobodyElses), Ok(()));
        assert_eq!(verify(None, Expect::NobodyElses), Ok(()));
        assert_eq!(verify(Some(&other), Expect::NobodyElses), Err(ErrorKind::Superseded));
        assert_eq!(verify(Some(&other), Expect::Anything), Ok(()));
        assert_eq!(verify(Some(&other), Expect::NobodyNewers), Ok(()));
        let newer = Fence::new(&table(), "a", "then!").text(1);
        assert_eq!(verify(Some(&newer), Expect::NobodyNewers), Ok(()), "it is ours");
        let newer = Fence::new(&table(), "b", "then").text(1);
        assert_eq!(verify(Some(&newer), Expect::NobodyNewers), Err(ErrorKind::Superseded));
    }
}
