//! The permission checklist: one line an item, in LOG messages and on a terminal.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{Config, Tunnel};
use crate::pg::{Event, Step};
use crate::protocol::Output;

/// An item of the checklist, in the order in which they are tried.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Item {
    /// A step of the way to the session.
    Way(Step),
    /// The role that we switch to.
    Role,
    /// Version, encoding, read-only or not.
    Server,
    /// Privileges on the database.
    Database,
    /// The schema and our privileges on it.
    Schema,
    /// The roles that shall read.
    Readers,
    /// Tables of ours that somebody else owns.
    Owners,
    /// The table of load receipts.
    Receipts,
    /// A table in the schema.
    Create,
    /// A temporary table, and rows by COPY.
    Load,
    /// From the temporary table into the other, and back.
    Insert,
    /// The end of the table.
    Drop,
    /// Tables as `table_options` says.
    Options,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Way(Step::Resolve) => "name resolution",
            Self::Way(Step::Connect) => "TCP connection",
            Self::Way(Step::SshHandshake) => "SSH handshake",
            Self::Way(Step::SshLogin) => "SSH login",
            Self::Way(Step::Forward) => "forwarding to the database",
            Self::Way(Step::Tls) => "TLS",
            Self::Way(Step::Login) => "database login",
            Self::Role => "role to act as",
            Self::Server => "server version and encoding",
            Self::Database => "privileges on the database",
            Self::Schema => "schema and privileges on it",
            Self::Readers => "reader roles",
            Self::Owners => "owners of tables",
            Self::Receipts => "table of load receipts",
            Self::Create => "creating a table",
            Self::Load => "temporary table and binary COPY",
            Self::Insert => "insert and select",
            Self::Drop => "dropping the table",
            Self::Options => "table options",
        })
    }
}

/// The items of one run and what became of them.
pub(super) struct Checklist {
    output: Output,
    items: Vec<Item>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Option<Item>,
    tried: BTreeSet<Item>,
    failed: BTreeSet<Item>,
    said: Vec<String>,
}

impl Checklist {
    /// The items that `config` asks for; none is tried yet.
    pub(super) fn new(config: &Config, output: Output) -> Self {
        let tunnel = !matches!(config.tunnel, Tunnel::None);
        let way = [Step::Resolve, Step::Connect].into_iter();
        let way = way.chain([Step::SshHandshake, Step::SshLogin, Step::Forward].into_iter().filter(|_| tunnel));
        let items = way.chain([Step::Tls, Step::Login]).map(Item::Way);
        let items = items.chain(config.role.is_some().then_some(Item::Role));
        let items = items.chain([Item::Server, Item::Database, Item::Schema]);
        let items = items.chain((!config.reader_roles.is_empty()).then_some(Item::Readers));
        let items = items.chain([Item::Owners]);
        let items = items.chain(config.load_receipts.then_some(Item::Receipts));
        let items = items.chain([Item::Create, Item::Load, Item::Insert, Item::Drop]);
        let items = items.chain((!config.table_options.is_empty()).then_some(Item::Options));
        Self { output, items: items.collect(), state: Mutex::default() }
    }

    /// Takes note of what happens on the way to the session.
    pub(super) fn follow(&self, event: Event<'_>) {
        match event {
            Event::Begun(step) => self.begin(Item::Way(step)),
            Event::Done(step, how) => {
                self.ok(Item::Way(step), how);
                // The session's first question is asked at once, before whoever runs the check gets it.
                if step == Step::Login {
                    self.begin(Item::Server);
                }
            }
            // The other attempt begins at the beginning; what it does alike is not said twice.
            Event::Again(why) => {
                if let Some(item) = self.now() {
                    self.say(&format!("again, as `ssl_mode` allows: {item}: {why}"));
                }
            }
            Event::Warning(text) => self.output.warn(text),
        }
    }

    /// An item is being tried.
    pub(super) fn begin(&self, item: Item) {
        let mut state = self.state();
        state.now = Some(item);
        state.tried.insert(item);
    }

    /// The item that is being tried, or was the last.
    pub(super) fn now(&self) -> Option<Item> {
        self.state().now
    }

    /// An item is as it should be.
    pub(super) fn ok(&self, item: Item, how: &str) {
        self.begin(item);
        self.say(&format!("ok: {item}: {how}"));
    }

    /// An item keeps a sync from working.
    pub(super) fn failed(&self, item: Item, why: &str) {
        self.begin(item);
        if self.state().failed.insert(item) {
            self.say(&format!("failed: {item}: {why}"));
        }
    }

    /// An item keeps some syncs from working.
    pub(super) fn doubtful(&self, item: Item, why: &str) {
        self.begin(item);
        self.output.warn(&format!("check: {item}: {why}"));
        self.output.tell(&format!("warning: {item}: {why}"));
    }

    /// The end: `why` the check failed, if it did, and what was not tried for that.
    pub(super) fn end(&self, why: Option<&str>) {
        let unsaid = self.state().failed.is_empty();
        if let (Some(why), Some(item), true) = (why, self.now(), unsaid) {
            self.failed(item, why);
        }
        let tried = self.state().tried.clone();
        for item in self.items.iter().filter(|item| !tried.contains(item)) {
            self.say(&format!("not tried: {item}"));
        }
    }

    fn say(&self, line: &str) {
        let mut state = self.state();
        if state.said.iter().any(|said| said == line) {
            return;
        }
        state.said.push(line.to_owned());
        drop(state);
        self.output.info(&format!("check: {line}"));
        self.output.tell(line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
