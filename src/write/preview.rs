//! The `plan` command: what a write would do to the database, told without doing any of it.
//!
//! What decides is the code of a write. Its session asks in transactions that cannot write, and holds every other statement back
//! for the answer; what it would log is in the answer too.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::fence::Fence;
use super::indexes::{self, KeyIndex};
use super::link::Link;
use super::plan::{self, StreamPlan};
use super::receipts::{self, Receipts};
use super::rejected::Rejected;
use super::summary::Summary;
use super::together::Together;
use super::{Context, Target, introspect, one_table, prepare, publish};
use crate::config::{CdcDeletion, Config};
use crate::error::Result;
use crate::load_strategy::{Earlier, Publish, Rows};
use crate::pg::{Connector, Session};
use crate::protocol::{ConfiguredCatalog, Output};
use crate::schema::{ExistingTable, META_COLUMNS, TableName};
use crate::sql::{Statement, ddl};

/// The statements and the strategy of a write with this configuration and catalog, as text for a person.
///
/// # Errors
/// Whatever would keep the write from beginning.
pub async fn preview(config: Config, catalog: &ConfiguredCatalog) -> Result<String> {
    let config = Arc::new(config);
    let log = Log::default();
    let output = Output::new(Box::new(log.clone())).redacting(config.secrets());
    let connector = Connector::new(Arc::clone(&config), |_| {})?;
    let (outage, rejected) = (Arc::default(), Rejected::default());
    let cx = Arc::new(Context {
        config,
        output,
        connector,
        outage,
        rejected,
        receipts: Receipts::default(),
        together: Together::default(),
        summary: Summary::new(),
    });
    let mut link = Link::new(Arc::clone(&cx));
    let default_schema = prepare::default_schema(&mut link, &cx.config.schema).await?;
    let plans = plan::plan(&cx.config, catalog, &default_schema)?;
    link.repeat(async |session| {
        log.take();
        Rehearsal { cx: &cx, session, log: &log }.all(&plans).await
    })
    .await
}

/// What would be logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The texts since the last time.
    fn take(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let messages = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        messages.filter_map(|message| message["log"]["message"].as_str().map(str::to_owned)).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Rehearsal<'a> {
    cx: &'a Context,
    session: &'a Session,
    log: &'a Log,
}

impl Rehearsal<'_> {
    async fn all(&self, plans: &[StreamPlan]) -> Result<String> {
        let mut text = self.schemas(plans).await?;
        let names = prepare::names(plans);
        let (existing, _) = self.session.rehearse(introspect::tables(self.session, &names)).await?;
        for plan in plans {
            let told = self.stream(plan, &existing).await.map_err(|e| e.with_stream(&plan.stream.name))?;
            text.push_str(&told);
        }
        Ok(text)
    }

    /// The schemas that would be made, and the tables of load receipts in them.
    async fn schemas(&self, plans: &[StreamPlan]) -> Result<String> {
        let wanted: BTreeSet<&str> = plans.iter().map(|plan| plan.table.schema.as_str()).collect();
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        // It asks whether the transaction may write, so it has an ordinary one.
        self.session.begin().await?;
        let found = self.session.end(prepare::look(self.cx, self.session, &wanted).await).await?;
        let mut text = String::new();
        for name in wanted.iter().filter(|name| !found.iter().any(|schema| schema.name == **name)) {
            _ = writeln!(text, "schema \"{name}\" is missing\n  statements");
            list(&mut text, &ddl::create_schema(name));
            for role in &self.cx.config.reader_roles {
                list(&mut text, &ddl::grant_usage(name, role));
            }
            text.push('\n');
        }
        let wanted = if self.cx.config.load_receipts { receipts::tables(plans)? } else { Vec::new() };
        for table in &wanted {
            let (_, statements) = self.session.rehearse(receipts::make_table(self.cx, self.session, table)).await?;
            if statements.is_empty() {
                continue;
            }
            _ = writeln!(text, "table {table} for load receipts is missing\n  statements");
            for statement in &statements {
                list(&mut text, statement);
            }
            text.push('\n');
        }
        Ok(text)
    }

    async fn stream(&self, plan: &StreamPlan, existing: &HashMap<TableName, ExistingTable>) -> Result<String> {
        let schema = prepare::schema_of(self.cx, plan, existing)?;
        let fence = Fence::new(&plan.table, "<token of the sync>", "<its beginning>");
        let prepared = one_table::settle(self.cx, self.session, plan, schema, &fence, existing);
        let (target, statements) = self.session.rehearse(prepared).await?;
        let table = existing.get(&plan.table);
        let mut text = format!("stream {}\n", plan.stream.name);
        let mut line = |name: &str, what: &str| _ = writeln!(text, "  {name:<10} {what}");
        line("table", &format!("{}, which {}", plan.table, if table.is_some() { "is there" } else { "is to be made" }));
        line("rows", &rows(self.cx, &target));
        line("go to", &place(plan, &target, existing));
        if let Some(merge) = merge(&target) {
            line("merge", merge);
        }
        line("visible", visible(&target));
        if let Some(old) = table.filter(|_| target.is_next()) {
            line("publish", &self.publication(old, &target).await?);
        }
        for note in self.log.take() {
            line("log", &note);
        }
        _ = writeln!(text, "  statements before the first row{}", if statements.is_empty() { ": none" } else { "" });
        for statement in &statements {
            list(&mut text, statement);
        }
        let indexes = if target.schema.is_open() {
            Vec::new()
        } else {
            let there = existing.get(&target.table);
            indexes::missing(self.session.version(), &target, there)
        };
        if !indexes.is_empty() {
            text.push_str("  statements after the last row, where nothing of theirs is in the way\n");
        }
        for statement in &indexes {
            list(&mut text, statement);
        }
        text.push('\n');
        Ok(text)
    }

    /// What becomes of the old table.
    async fn publication(&self, old: &ExistingTable, target: &Target) -> Result<String> {
        let ours = |name: &str| {
            META_COLUMNS.iter().any(|column| column.name == name)
                || target.schema.columns.iter().any(|column| column.name == name)
        };
        // As far as it can be told of a table that is not there.
        let mut next = ExistingTable { oid: 0, ..old.clone() };
        next.columns.retain(|column| ours(&column.name));
        let (reasons, _) = self.session.rehearse(publish::reasons_to_keep(self.session, old, &next)).await?;
        Ok(if reasons.is_empty() {
            "the next generation takes the place and the name of the old table, which is dropped".to_owned()
        } else {
            format!("the old table is refilled in one transaction, for it has {}", reasons.join(", "))
        })
    }
}

/// A statement, one part a line.
fn list(text: &mut String, statement: &Statement) {
    _ = writeln!(text, "    {statement};");
}

fn rows(cx: &Context, target: &Target) -> String {
    let schema = &target.schema;
    match target.strategy.rows {
        Rows::Added => "every record is a row".to_owned(),
        Rows::Merged if schema.is_open() => {
            "the newest record of each key is a row; the first BATCH brings the columns".to_owned()
        }
        Rows::Merged => {
            let cursor = schema.cursor_name().map_or_else(String::new, |cursor| format!("by \"{cursor}\", then "));
            let deleted = match (schema.deleted_at, cx.config.cdc_deletion) {
                (Some(_), CdcDeletion::Hard) => "; deletions remove it",
                _ => "",
            };
            format!(
                "the newest record of each key (\"{}\") is a row: {cursor}by extraction time, then by arrival{deleted}",
                schema.key_names().join("\", \"")
            )
        }
    }
}

fn place(plan: &StreamPlan, target: &Target, existing: &HashMap<TableName, ExistingTable>) -> String {
    match (target.is_next(), plan.strategy.earlier) {
        (true, _) if existing.contains_key(&plan.next) && plan.strategy.earlier != Earlier::Replaced => {
            format!("{}, the next generation, which an interrupted refresh left behind", target.table)
        }
        (true, _) => format!("{}, a next generation beside the table", target.table),
        (false, _) => "the table".to_owned(),
    }
}

fn merge(target: &Target) -> Option<&'static str> {
    match (target.is_merged() && !target.schema.is_open(), target.key_index) {
        (false, _) => None,
        (true, KeyIndex::NotYet) => Some(
            "plain INSERT as long as no key comes twice, for the table is empty; the unique index is built at the end",
        ),
        (true, KeyIndex::Unique { nulls_equal: true }) => Some("INSERT … ON CONFLICT by the unique index on the key"),
        (true, KeyIndex::Unique { nulls_equal: false }) => {
            Some("INSERT … ON CONFLICT by the unique index on the key; rows with a NULL in it by UPDATE and INSERT")
        }
        (true, KeyIndex::None) => Some("UPDATE and INSERT without a unique index, which is slower"),
    }
}

fn visible(target: &Target) -> &'static str {
    match (target.strategy.publish, target.is_next()) {
        (_, false) | (Publish::AtEachCommit, _) => "at each commit",
        (Publish::AtEndOfInput, true) => "all at once, at a clean end of input",
        (Publish::AtComplete, true) => "all at once, when the source says COMPLETE",
    }
}
