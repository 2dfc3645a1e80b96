//! The `write` command: prepare the tables, load the windows, publish what is complete.

mod evolve;
mod fence;
mod fill;
mod indexes;
pub mod input;
mod introspect;
mod ledger;
mod link;
mod load;
mod manifest;
mod many_tables;
mod one_table;
mod pipeline;
mod plan;
mod poison;
mod prepare;
pub mod preview;
mod progress;
mod publish;
mod reader;
mod receipts;
mod rejected;
mod report;
mod retry;
mod shapes;
mod split;
mod spread;
mod straight;
mod summary;
mod together;
mod views;

use std::io::Read;
use std::sync::Arc;

use crate::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream};
use crate::config::Config;
use crate::error::{Error, Result, StreamName};
use crate::load_strategy::{LoadStrategy, Publish, Rows};
use crate::pg::{Connector, Event};
use crate::protocol::{ConfiguredCatalog, Output};
use crate::schema::{TableName, TableSchema};
use crate::signals::{Signal, Termination};
use crate::types::ColumnType;

use fence::Fence;
use indexes::KeyIndex;
use link::Link;
use load::Loader;
use pipeline::{Completion, End, Pipeline};
use plan::StreamPlan;
use receipts::Receipts;
use rejected::Rejected;
use straight::{Taker, Ways};
use summary::Summary;
use together::Together;

/// How a write ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The input was read to its end.
    AtEndOfInput,
    /// A signal asked for an end; what was buffered is committed and acknowledged.
    By(Signal),
}

/// What every part of a write needs.
pub(crate) struct Context {
    pub config: Arc<Config>,
    pub output: Output,
    pub connector: Connector,
    pub outage: Arc<retry::Outage>,
    pub rejected: Rejected,
    pub receipts: Receipts,
    pub together: Together,
    pub summary: Summary,
}

impl Context {
    /// The role that statements run as, and that owns what they make.
    fn role(&self) -> &str {
        self.config.role.as_deref().unwrap_or(&self.config.username)
    }
}

/// One stream, ready to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub name: StreamName,
    pub strategy: LoadStrategy,
    /// The stream's table once everything is published.
    pub schema: TableSchema,
    /// Where the rows go now: the final table or the next generation.
    pub table: TableName,
    pub types: Vec<ColumnType>,
    pub generation: i64,
    pub sync_id: i64,
    pub key_index: KeyIndex,
    /// No UPDATE moves a row to another partition of the table.
    pub rows_stay: bool,
    /// How large loads get into the table; none until one comes.
    pub ways: Option<Ways>,
    /// Whether it takes rows straight.
    pub taker: Taker,
    /// Columns of the table have, or may have, defaults of ours.
    pub defaults: bool,
    pub fence: Fence,
    /// Rows committed by this sync.
    pub stored: u64,
    /// Rows set aside by this sync.
    pub rejected: u64,
}

impl Target {
    fn new(plan: &StreamPlan, schema: TableSchema, table: TableName, generation: i64, fence: Fence) -> Self {
        Self {
            name: plan.stream.name.clone(),
            strategy: plan.strategy,
            types: schema.columns.iter().map(|c| c.column_type).collect(),
            schema,
            table,
            generation,
            sync_id: plan.stream.sync_id,
            key_index: KeyIndex::None,
            rows_stay: false,
            ways: None,
            taker: Taker::default(),
            defaults: false,
            fence,
            stored: 0,
            rejected: 0,
        }
    }

    /// The rows go to a next generation that waits to be published.
    fn is_next(&self) -> bool {
        self.table != self.schema.table
    }

    /// Rows of one key become one row.
    fn is_merged(&self) -> bool {
        self.strategy.rows == Rows::Merged
    }

    fn layout(&self) -> Layout {
        Layout {
            columns: self
                .schema
                .columns
                .iter()
                .map(|c| LayoutColumn { field: c.field.clone(), column_type: c.column_type })
                .collect(),
            raw: self.schema.raw,
            key: self.schema.key.clone(),
            deleted_at: self.schema.deleted_at,
            first_load: self.key_index == KeyIndex::NotYet,
        }
    }
}

/// Writes the messages of `source` to the database, as long as somebody reads `output`.
///
/// # Errors
/// Whatever keeps a record from being stored; states acknowledged before stay valid.
pub async fn run(
    config: Config,
    catalog: &ConfiguredCatalog,
    source: impl Read + Send + 'static,
    output: Output,
    termination: Termination,
) -> Result<Ended> {
    tokio::select! {
        // What nobody learns of is not to be committed.
        gone = reader::gone(&output) => Err(gone),
        ended = write(config, catalog, source, output.clone(), termination) => ended,
    }
}

async fn write(
    config: Config,
    catalog: &ConfiguredCatalog,
    source: impl Read + Send + 'static,
    output: Output,
    termination: Termination,
) -> Result<Ended> {
    let config = Arc::new(config);
    let warnings = output.clone();
    let connector = Connector::new(Arc::clone(&config), move |event| {
        if let Event::Warning(text) = event {
            warnings.warn(text);
        }
    })?;
    let cx = Arc::new(Context {
        config,
        output,
        connector,
        outage: Arc::default(),
        rejected: Rejected::default(),
        receipts: Receipts::default(),
        together: Together::default(),
        summary: Summary::new(),
    });
    let ended = tokio::select! {
        never = report::now_and_then(&cx) => match never {},
        ended = load_and_publish(&cx, catalog, source, termination) => ended,
    };
    cx.rejected.report(&cx.output);
    report::last(&cx);
    ended
}

async fn load_and_publish(
    cx: &Arc<Context>,
    catalog: &ConfiguredCatalog,
    source: impl Read + Send + 'static,
    termination: Termination,
) -> Result<Ended> {
    if catalog.streams.iter().all(|s| s.generation.is_none()) {
        cx.output.warn(
            "The catalog has no generation ids: the orchestrator does not know that this destination supports \
             refreshes. An overwrite is published when the input ends, also when the source failed. In Airbyte: set \
             supports_refreshes to true for this connector's version in table actor_definition_version.",
        );
    }
    // A signal before the first record or after the last ends the program at once: the server rolls back what is open.
    let mut early_or_late = termination.clone();
    let ready = async {
        let mut link = Link::new(Arc::clone(cx));
        let default_schema = prepare::default_schema(&mut link, &cx.config.schema).await?;
        let plans = plan::plan(&cx.config, catalog, &default_schema)?;
        announce_names(cx, &plans);
        let targets = prepare::prepare(cx, &mut link, &plans).await?;
        Ok((link, plans, targets))
    };
    let (link, plans, targets) = tokio::select! {
        signal = early_or_late.requested() => return Ok(Ended::By(signal)),
        ready = ready => ready?,
    };
    let streams = targets.iter().map(|t| RouterStream::new(t.name.clone(), t.layout())).collect();
    cx.summary.of(targets.iter().map(|t| t.name.clone()));
    let router = Router::new(streams, RawIds::new());
    let pipeline = Pipeline::new(Arc::clone(cx), router, &targets);
    let loader = Box::new(Loader::new(Arc::clone(cx), link, plans, targets));
    let finished = pipeline.run(loader, input::spawn(source), termination).await?;
    match finished.end {
        End::Input => {
            let mut loader = finished.loader;
            tokio::select! {
                signal = early_or_late.requested() => Ok(Ended::By(signal)),
                done = finish(cx, &mut loader, &finished.completion) => done.map(|()| Ended::AtEndOfInput),
            }
        }
        End::Terminated(signal) => {
            cx.output.info(&format!("Stopped by {}: what was read is stored, no stream is published.", signal.name()));
            Ok(Ended::By(signal))
        }
    }
}

fn announce_names(cx: &Context, plans: &[StreamPlan]) {
    for plan in plans.iter().filter(|p| p.table.table != p.stream.name.name) {
        cx.output.info(&format!("Stream {} is written to table {}.", plan.stream.name, plan.table));
    }
}

/// Publishes every stream that is complete. A stream that cannot be published does not keep the others from it.
async fn finish(cx: &Context, loader: &mut Loader, completion: &[Completion]) -> Result<()> {
    let indexed = many_tables::build_indexes(cx, &mut loader.link, &mut loader.targets).await;
    let mut failed: Option<Error> = None;
    for ((target, seen), indexed) in loader.targets.iter_mut().zip(completion).zip(indexed) {
        let complete = match target.strategy.publish {
            Publish::AtEachCommit => true,
            Publish::AtEndOfInput => seen.complete || !seen.incomplete,
            Publish::AtComplete => seen.complete,
        };
        let name = target.name.clone();
        if let Err(error) = publish::finish(cx, &mut loader.link, target, complete, indexed).await {
            cx.output.warn(&format!("Stream {name} is not published: {}", error.message()));
            failed.get_or_insert(error.with_stream(&name));
            continue;
        }
        cx.output.info(&format!(
            "Stream {name}: {} {} stored in table {}.",
            target.stored,
            if target.stored == 1 { "record" } else { "records" },
            target.schema.table
        ));
    }
    failed.map_or(Ok(()), Err)
}
