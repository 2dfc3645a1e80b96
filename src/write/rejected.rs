//! The table of rows that the database refused, and the count of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::load::StreamLoad;
use super::poison::{Refused, position};
use super::{Context, Target, fill, introspect};
use crate::copy::CopyChunks;
use crate::error::{Error, ErrorKind, Result, StreamName};
use crate::pg::Session;
use crate::protocol::Output;
use crate::schema::TableName;
use crate::sql::ddl;
use crate::sql::merge::Source;
use crate::sql::rejected::{self as sql, RejectedRow};

/// The table of a schema that takes its streams' refused rows.
const TABLE: &str = "_airbyte_rejected_rows";
const COMMENT: &str = "Rows that the database refused and that destination-postgres set aside, since `rejected_rows` is \
                       set_aside: when, why, and the record by column name. Nothing reads this table; it may be emptied or \
                       dropped at any time.";

/// Brings refused rows of a stream into the table for them, inside the transaction of the others.
pub(super) async fn set_aside(
    cx: &Context,
    session: &Session,
    target: &Target,
    load: &StreamLoad,
    refused: &[Refused],
) -> Result<()> {
    let rejected = rejected_table(target);
    let doing = format!("setting rows aside in table {rejected}");
    make_table(cx, session, &rejected, &doing).await?;
    let mut rows = load.rows.part(0..0);
    let mut ids = Vec::with_capacity(refused.len());
    for Refused { row, .. } in refused {
        let one = load.rows.part(*row..row + 1);
        ids.push(one.raw_id(0).unwrap_or_default().to_string());
        rows.append(one);
    }
    let table = fill::load_table(load.stream);
    session.execute(&sql::empty_load_table(&table), &doing).await?;
    let chunks = CopyChunks::new(&rows, &target.types, fill::copy_columns(&rows));
    session.copy_in(&ddl::copy_into_load_table(&table), chunks, &doing).await?;
    let described: Vec<RejectedRow<'_>> = refused
        .iter()
        .zip(&ids)
        .map(|(Refused { row, error }, raw_id)| RejectedRow {
            raw_id,
            position: position(target, *row),
            sqlstate: error.sqlstate().unwrap_or_default(),
            constraint: error.refusal().and_then(|refusal| refusal.constraint.as_deref()),
            column: error.refusal().and_then(|refusal| refusal.column.as_deref()),
        })
        .collect();
    let source = Source::load_table(&table, target.sync_id, target.generation, rows.has_changes, rows.keys);
    let name = (target.name.namespace.as_deref(), target.name.name.as_str());
    let insert = sql::insert(&rejected, &source, &target.schema, name, &described);
    if session.ask(&insert, &doing).await? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ObjectInTheWay, format!("{doing} failed: it does not take each of them; drop it")))
}

async fn make_table(cx: &Context, session: &Session, table: &TableName, doing: &str) -> Result<()> {
    if let Some(found) = introspect::one(session, table).await? {
        let lacking = sql::COLUMNS.iter().find(|(name, _)| found.column(name).is_none());
        return lacking.map_or(Ok(()), |(name, _)| {
            Err(Error::new(
                ErrorKind::ObjectInTheWay,
                format!("{doing} failed: it has no column \"{name}\", so it is not ours: rename or drop it"),
            ))
        });
    }
    session.execute(&sql::create(table).then(&ddl::comment_table(table, COMMENT)), doing).await?;
    for role in &cx.config.reader_roles {
        session.execute(&ddl::grant_select(table, role), doing).await?;
    }
    Ok(())
}

fn rejected_table(target: &Target) -> TableName {
    TableName { schema: target.schema.table.schema.clone(), table: TABLE.to_owned() }
}

/// The rows that were set aside in a sync.
#[derive(Default)]
pub(crate) struct Rejected(Mutex<BTreeMap<StreamName, Count>>);

#[derive(Default)]
struct Count {
    table: String,
    rows: u64,
    causes: BTreeMap<String, u64>,
}

impl Rejected {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(|count| count.rows).sum()
    }

    /// Adds those of a window that is committed.
    pub(super) fn add(&self, target: &Target, refused: &[Refused]) {
        if refused.is_empty() {
            return;
        }
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(target.name.clone()).or_default();
        count.table = rejected_table(target).to_string();
        count.rows += refused.len() as u64;
        for Refused { error, .. } in refused {
            *count.causes.entry(cause(error)).or_default() += 1;
        }
    }

    /// Says how many there are of each stream.
    pub(super) fn report(&self, output: &Output) {
        /// Causes that are named.
        const NAMED: usize = 3;
        for (name, count) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut causes: Vec<(&String, &u64)> = count.causes.iter().collect();
            causes.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
            let more = if causes.len() > NAMED { ", …" } else { "" };
            let causes: Vec<String> =
                causes.into_iter().take(NAMED).map(|(cause, rows)| format!("{cause}: {rows}")).collect();
            output.warn(&format!(
                "Stream {name}: the database refused {} {}, set aside in table {} ({}{more}).",
                count.rows,
                if count.rows == 1 { "record" } else { "records" },
                count.table,
                causes.join(", ")
            ));
        }
    }
}

fn cause(error: &Error) -> String {
    let code = error.sqlstate().unwrap_or_default();
    let refusal = error.refusal();
    match (refusal.and_then(|r| r.constraint.as_ref()), refusal.and_then(|r| r.column.as_ref())) {
        (Some(constraint), _) => format!("constraint \"{constraint}\""),
        (None, Some(column)) => format!("column \"{column}\", SQLSTATE {code}"),
        (None, None) => format!("SQLSTATE {code}"),
    }
}
