//! A table made, filled by COPY, read and dropped, as a write would do it.

use super::checklist::{Checklist, Item};
use super::rights::Target;
use crate::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream};
use crate::config::Config;
use crate::copy::{CopyChunks, CopyColumns};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::protocol::{Message, StreamName, parse_line};
use crate::schema::{Column, KeyFacts, TableName, TableSchema};
use crate::sql::ddl;
use crate::sql::merge::{Merge, Source};
use crate::types::ColumnType;

const LOAD_TABLE: &str = "_airbyte_load_0";
const FIELD: &str = "checked";
const RECORD: &str = r#"{"type":"RECORD","record":{"stream":"check","emitted_at":0,"data":{"checked":"yes"}}}"#;

/// Tries all of it in the caller's transaction.
///
/// # Errors
/// What the server refuses, though the privileges are there.
pub(super) async fn run(config: &Config, session: &Session, list: &Checklist, target: &Target) -> Result<()> {
    let schema = &target.name;
    list.begin(Item::Create);
    if !target.exists {
        session.execute(&ddl::create_schema(schema), &format!("creating schema \"{schema}\"")).await?;
    }
    let unique = format!("{:032x}", fastrand::u128(..));
    let table = TableName { schema: schema.clone(), table: format!("_airbyte_connection_test_{unique}") };
    let definition = TableSchema {
        table: table.clone(),
        columns: vec![Column { field: FIELD.into(), name: FIELD.into(), column_type: ColumnType::String }],
        raw: false,
        key: Vec::new(),
        cursor: None,
        deleted_at: None,
    };
    let doing = format!("creating a test table in schema \"{schema}\"");
    session.execute(&ddl::create_table(&table, &definition, &[]), &doing).await?;
    for role in &config.reader_roles {
        if !target.exists {
            session.execute(&ddl::grant_usage(schema, role), "letting the reader roles in").await?;
        }
        session.execute(&ddl::grant_select(&table, role), "letting the reader roles read").await?;
    }
    list.ok(Item::Create, &format!("in schema \"{schema}\""));

    list.begin(Item::Load);
    let doing = "loading a row into a temporary table";
    session.execute(&ddl::create_load_table(LOAD_TABLE, &definition, false, false), doing).await?;
    for (_, rows) in one_row()?.take() {
        let columns = CopyColumns::of_load_table(false, false);
        let chunks = CopyChunks::new(&rows, &[ColumnType::String], columns);
        session.copy_in(&ddl::copy_into_load_table(LOAD_TABLE), chunks, doing).await?;
    }
    list.ok(Item::Load, "one row");

    list.begin(Item::Insert);
    let source = Source::load_table(LOAD_TABLE, 0, 0, false, KeyFacts::default());
    let merge = Merge { target: &table, schema: &definition, source: &source };
    session.execute(&merge.insert(), "writing a row into the test table").await?;
    if !session.ask(&ddl::has_rows(&table), "reading the row back").await? {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!(
                "the row written to a test table in schema \"{schema}\" cannot be read back: a rule or a row-security \
                 policy that the database gives new tables hides it"
            ),
        ));
    }
    list.ok(Item::Insert, "one row, the same row");

    list.begin(Item::Drop);
    session.execute(&ddl::drop_table(&table, false), "dropping the test table").await?;
    list.ok(Item::Drop, "and nothing is left behind");
    Ok(())
}

/// The row of a record, made as in a write.
fn one_row() -> Result<Router> {
    let layout = Layout {
        columns: vec![LayoutColumn { field: FIELD.into(), column_type: ColumnType::String }],
        raw: false,
        key: Vec::new(),
        deleted_at: None,
        first_load: false,
    };
    let broken = |reason: String| Error::new(ErrorKind::Internal, reason);
    let mut router = Router::new(vec![RouterStream::new(StreamName::new(None, "check"), layout)], RawIds::new());
    if let Message::Record(record) = parse_line(RECORD, &mut router).map_err(broken)? {
        router.append(&record, RECORD, 0).map_err(broken)?;
    }
    Ok(router)
}
