//! The `check` command: everything that a write will need, tried for real and taken back.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::naming;
use crate::pg::{Connector, Event, Session, Type, value};
use crate::protocol::Output;
use crate::schema::{Column, KeyFacts, TableName, TableSchema};
use crate::sql::{ddl, introspect};
use crate::types::ColumnType;

/// Oldest server that is tried at all.
const OLDEST_SERVER: i32 = 120_000;

/// Checks the configuration against the server; each step is one LOG line.
///
/// # Errors
/// The first step that failed, with what mends it.
pub async fn run(config: Config, output: &Output) -> Result<bool> {
    let config = std::sync::Arc::new(config);
    let warnings = output.clone();
    let connector = Connector::new(std::sync::Arc::clone(&config), move |event| {
        if let Event::Warning(text) = event {
            warnings.warn(text);
        }
    })?;
    let session = tokio::time::timeout(crate::limits::CHECK_TIMEOUT, connector.session())
        .await
        .map_err(|_| unreachable_in_time(&config))??;
    output.info(&format!("ok: connected to {}:{} as \"{}\"", config.host, config.port, config.username));
    let steps = steps(&config, &session, output);
    tokio::time::timeout(crate::limits::CHECK_TIMEOUT, steps).await.map_err(|_| unreachable_in_time(&config))??;
    Ok(true)
}

fn unreachable_in_time(config: &Config) -> Error {
    Error::new(
        ErrorKind::Connection,
        format!(
            "{}:{} did not answer within {} seconds: check host, port and firewall",
            config.host,
            config.port,
            crate::limits::CHECK_TIMEOUT.as_secs()
        ),
    )
}

async fn steps(config: &Config, session: &Session, output: &Output) -> Result<()> {
    session.begin().await?;
    let outcome = inside(config, session, output).await;
    // Nothing is left behind: what the steps made is rolled back, success or not.
    let undone: Result<()> = Err(Error::new(ErrorKind::Internal, "the check rolls back"));
    drop(session.end(undone).await);
    outcome
}

async fn inside(config: &Config, session: &Session, output: &Output) -> Result<()> {
    let rows = session.query(introspect::server(), &[], "asking the server about itself").await?;
    let Some(server) = rows.first() else {
        return Err(Error::new(ErrorKind::Internal, "the server did not say what it is"));
    };
    let number: i32 = value(server, "version_number")?;
    let version: String = value(server, "version")?;
    let role: String = value(server, "role")?;
    let database: String = value(server, "database")?;
    if number < OLDEST_SERVER {
        return Err(Error::new(
            ErrorKind::Config,
            format!("the server is PostgreSQL {version}; 13 or later is supported, 12 is tried: upgrade the server"),
        ));
    }
    output.info(&format!("ok: PostgreSQL {version}, database \"{database}\""));
    let encoding: String = value(server, "encoding")?;
    if encoding != "UTF8" {
        return Err(Error::new(
            ErrorKind::Config,
            format!(
                "database \"{database}\" has encoding {encoding}, which cannot hold every text: use a database with encoding UTF8"
            ),
        ));
    }
    output.info("ok: encoding UTF8");
    if value::<bool>(server, "standby")? {
        return Err(Error::new(ErrorKind::Config, "the server is a read-only standby: connect to the primary"));
    }
    if value::<bool>(server, "read_only")? {
        return Err(Error::new(
            ErrorKind::Permission,
            format!(
                "sessions of role \"{role}\" are read-only: ALTER ROLE \"{role}\" SET default_transaction_read_only = off"
            ),
        ));
    }
    // Every missing privilege is named at once, so that one visit of the administrator is enough.
    let mut missing = Vec::new();
    if value::<bool>(server, "can_temporary")? {
        output.info(&format!("ok: TEMPORARY on database \"{database}\""));
    } else {
        missing.push(format!(
            "role \"{role}\" may not create temporary tables: GRANT TEMPORARY ON DATABASE \"{database}\" TO \"{role}\""
        ));
    }
    let schema = match schema(config, session, output, value(server, "can_create")?, &database, &role).await {
        Ok(schema) if missing.is_empty() => schema,
        Err(error) if error.kind() != ErrorKind::Permission => return Err(error),
        outcome => {
            missing.extend(outcome.err().map(|error| error.message().to_owned()));
            return Err(Error::new(ErrorKind::Permission, missing.join("; ")));
        }
    };
    try_tables(session, &schema).await?;
    output.info(&format!("ok: create, load by binary COPY, insert, select and drop in schema \"{schema}\""));
    Ok(())
}

/// The schema that a write would use, made for the moment when it is missing.
async fn schema(
    config: &Config,
    session: &Session,
    output: &Output,
    can_create: bool,
    database: &str,
    role: &str,
) -> Result<String> {
    let (mangled, names) = if config.raw_tables_only {
        let name = naming::raw_schema(config.raw_data_schema.as_deref());
        (name.clone(), vec![name])
    } else {
        let mangled = naming::postgres_name(&config.schema);
        (mangled.clone(), vec![config.schema.clone(), mangled])
    };
    let rows = session.query(introspect::schemas(), &[(&names, Type::TEXT_ARRAY)], "looking for the schema").await?;
    for name in &names {
        for row in &rows {
            if value::<String>(row, "schema")? != *name {
                continue;
            }
            if !(value::<bool>(row, "usable")? && value::<bool>(row, "creatable")?) {
                return Err(Error::new(
                    ErrorKind::Permission,
                    format!(
                        "role \"{role}\" may not create tables in schema \"{name}\": GRANT ALL ON SCHEMA \"{name}\" TO \"{role}\""
                    ),
                ));
            }
            output.info(&format!("ok: CREATE and USAGE on schema \"{name}\""));
            return Ok(name.clone());
        }
    }
    if !can_create {
        return Err(Error::new(
            ErrorKind::Permission,
            format!(
                "schema \"{mangled}\" does not exist and role \"{role}\" may not create it: GRANT CREATE ON DATABASE \
                 \"{database}\" TO \"{role}\", or create the schema and GRANT ALL ON SCHEMA \"{mangled}\" TO \"{role}\""
            ),
        ));
    }
    session.execute(&ddl::create_schema(&mangled), &format!("creating schema \"{mangled}\"")).await?;
    output.info(&format!("ok: CREATE on database \"{database}\" (schema \"{mangled}\" is made by the first sync)"));
    Ok(mangled)
}

/// Creates a table, loads one row through a temporary one, reads it back and drops the table.
async fn try_tables(session: &Session, schema: &str) -> Result<()> {
    use crate::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream};
    use crate::protocol::{Message, StreamName, parse_line};
    use crate::sql::merge::{Merge, Source};

    const LOAD_TABLE: &str = "_airbyte_load_0";
    let column = Column { field: "checked".into(), name: "checked".into(), column_type: ColumnType::String };
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let table = TableName { schema: schema.to_owned(), table: format!("_airbyte_connection_test_{unique}") };
    let definition = TableSchema {
        table: table.clone(),
        columns: vec![column],
        raw: false,
        key: Vec::new(),
        cursor: None,
        deleted_at: None,
    };
    let layout = Layout {
        columns: vec![LayoutColumn { field: "checked".into(), column_type: ColumnType::String }],
        raw: false,
        key: Vec::new(),
        deleted_at: None,
        first_load: false,
    };
    let mut router = Router::new(vec![RouterStream::new(StreamName::new(None, "check"), layout)], RawIds::new());
    let line = r#"{"type":"RECORD","record":{"stream":"check","emitted_at":0,"data":{"checked":"yes"}}}"#;
    let broken = |reason: String| Error::new(ErrorKind::Internal, reason);
    if let Message::Record(record) = parse_line(line, &mut router).map_err(broken)? {
        router.append(&record, line, 0).map_err(broken)?;
    }
    let doing = format!("trying table {table}");
    session.execute(&ddl::create_table(&table, &definition, &[]), &doing).await?;
    session.execute(&ddl::create_load_table(LOAD_TABLE, &definition, false, false), &doing).await?;
    for (_, rows) in router.take() {
        let types = [ColumnType::String];
        let columns = crate::copy::CopyColumns { changes: false, arrival: false };
        let chunks = crate::copy::CopyChunks::new(&rows, &types, columns);
        session.copy_in(&ddl::copy_into_load_table(LOAD_TABLE), chunks, &doing).await?;
    }
    let source = Source::load_table(LOAD_TABLE, 0, 0, false, KeyFacts::default());
    let merge = Merge { target: &table, schema: &definition, source: &source };
    session.execute(&merge.insert(), &doing).await?;
    if !session.ask(&ddl::has_rows(&table), &doing).await? {
        return Err(Error::new(
            ErrorKind::ObjectInTheWay,
            format!("the row written to table {table} cannot be read back: a rule or policy of the database hides it"),
        ));
    }
    session.execute(&ddl::drop_table(&table, false), &doing).await
}
