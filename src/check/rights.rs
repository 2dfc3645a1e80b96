//! What the server is and what our role may do there: looked at, not tried.

use super::checklist::{Checklist, Item};
use crate::config::Config;
use crate::error::{ErrorKind, Result};
use crate::naming;
use crate::pg::{Session, Type, value};
use crate::privileges::{self, Schema, Server, receipts};
use crate::schema::{EXTRACTED_AT, RAW_ID, TableName};
use crate::sql::{introspect, remedy, spread};

/// Tables of other owners that are named.
const FOREIGN_TABLES: usize = 5;

/// The schema that a write would use.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) exists: bool,
}

/// Looks at everything that can be missing, then refuses all that is.
///
/// # Errors
/// [`crate::error::ErrorKind::Permission`] naming every privilege that is missing; what the server is unfit for.
pub(super) async fn look(config: &Config, session: &Session, list: &Checklist) -> Result<Target> {
    list.begin(Item::Server);
    let server = Server::ask(session).await?;
    server.refuse_unusable()?;
    let seen = server.client_address.as_deref().map_or_else(String::new, |at| format!("; it sees us at {at}"));
    let mut flavour = String::new();
    for row in &session.query(spread::engines(), &[], "asking for extensions").await? {
        flavour.push_str(&format!(" with {} {}", value::<String>(row, "engine")?, value::<String>(row, "version")?));
    }
    list.ok(Item::Server, &format!("PostgreSQL {}{flavour}, {}{seen}", server.version, server.encoding));
    let mut missing = Vec::new();

    list.begin(Item::Database);
    match server.missing_on_database() {
        None => list.ok(Item::Database, &format!("CONNECT and TEMPORARY on \"{}\"", server.database)),
        Some(lacks) => {
            list.failed(Item::Database, &lacks);
            missing.push(lacks);
        }
    }

    list.begin(Item::Schema);
    let (target, found) = schema(config, session).await?;
    match (server.missing_on_schema(&target.name, found.as_ref()), &found) {
        (Some(lacks), _) => {
            list.failed(Item::Schema, &lacks);
            missing.push(lacks);
        }
        (None, Some(schema)) => {
            list.ok(Item::Schema, &format!("USAGE and CREATE on \"{}\", owner \"{}\"", schema.name, schema.owner));
        }
        (None, None) => {
            let text = format!("CREATE on \"{}\"; the first sync makes \"{}\"", server.database, target.name);
            list.ok(Item::Schema, &text);
        }
    }

    if !config.reader_roles.is_empty() {
        list.begin(Item::Readers);
        let lacks = privileges::missing_readers(session, &config.reader_roles).await?;
        if lacks.is_empty() {
            readers(config, session, list, &target).await?;
        } else {
            list.failed(Item::Readers, &lacks.join("; "));
            missing.extend(lacks);
        }
    }

    list.begin(Item::Owners);
    owners(&server, session, list, &target).await?;
    if config.load_receipts {
        missing.extend(load_receipts(&server, session, list, &target).await?);
    }
    privileges::refuse(&missing)?;
    Ok(target)
}

/// The schema that a write would use, and what it is if it exists.
async fn schema(config: &Config, session: &Session) -> Result<(Target, Option<Schema>)> {
    let (name, found) = if config.raw_tables_only {
        let name = naming::raw_schema(config.raw_data_schema.as_deref());
        let found = privileges::schemas(session, std::slice::from_ref(&name)).await?.into_iter().next();
        (name, found)
    } else {
        privileges::default_schema(session, &config.schema).await?
    };
    Ok((Target { name, exists: found.is_some() }, found))
}

/// What keeps us from leaving load receipts.
async fn load_receipts(
    server: &Server,
    session: &Session,
    list: &Checklist,
    target: &Target,
) -> Result<Option<String>> {
    list.begin(Item::Receipts);
    match receipts::find(session, &receipts::table_of(&target.name), &server.role).await {
        Ok(found) => {
            let place = if found.lsn { "" } else { "; they will lack the `lsn`, which this role may not ask for" };
            let what = if found.exists { "it is there, and takes rows of ours" } else { "the first sync makes it" };
            list.ok(Item::Receipts, &format!("{what}{place}"));
            Ok(None)
        }
        Err(error) if matches!(error.kind(), ErrorKind::Permission | ErrorKind::ObjectInTheWay) => {
            list.failed(Item::Receipts, error.message());
            Ok(Some(error.message().to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// What we make is granted by us; a schema that was there is not ours to open.
async fn readers(config: &Config, session: &Session, list: &Checklist, target: &Target) -> Result<()> {
    let params: [(&(dyn crate::pg::ToSql + Sync), Type); 2] =
        [(&target.name, Type::TEXT), (&config.reader_roles, Type::TEXT_ARRAY)];
    let rows = session.query(introspect::shut_out(), &params, "looking for the reader roles").await?;
    let mut lacks = Vec::new();
    for row in &rows {
        let role: String = value(row, "role")?;
        let grant = remedy::grant_on_schema("USAGE", &target.name, &role);
        lacks.push(format!(
            "role \"{role}\" may not use schema \"{}\", so it cannot read its tables: {grant}",
            target.name
        ));
    }
    if target.exists && !lacks.is_empty() {
        list.doubtful(Item::Readers, &lacks.join("; "));
        return Ok(());
    }
    let names: Vec<String> = config.reader_roles.iter().map(|role| format!("\"{role}\"")).collect();
    list.ok(Item::Readers, &format!("{} get SELECT on every table that is made", names.join(", ")));
    Ok(())
}

/// Tables that look like ours and belong to somebody else: a sync that writes one of them is refused.
async fn owners(server: &Server, session: &Session, list: &Checklist, target: &Target) -> Result<()> {
    let params: [(&(dyn crate::pg::ToSql + Sync), Type); 3] =
        [(&target.name, Type::TEXT), (&RAW_ID, Type::TEXT), (&EXTRACTED_AT, Type::TEXT)];
    let rows = session.query(introspect::foreign_tables(), &params, "looking for the owners of tables").await?;
    let Some(first) = rows.first() else {
        let none = "no table of this connector belongs to somebody else";
        list.ok(Item::Owners, if target.exists { none } else { "none yet, as there is no schema" });
        return Ok(());
    };
    let table = TableName { schema: target.name.clone(), table: value(first, "name")? };
    let mut text = privileges::foreign_table(&table, &value::<String>(first, "owner")?, &server.role);
    let others = rows.iter().skip(1).map(|row| value::<String>(row, "name")).collect::<Result<Vec<_>>>()?;
    if !others.is_empty() {
        let named: Vec<String> = others.iter().take(FOREIGN_TABLES).map(|name| format!("\"{name}\"")).collect();
        let more = if others.len() > named.len() { ", …" } else { "" };
        text.push_str(&format!(". The same holds for {} more there: {}{more}", others.len(), named.join(", ")));
    }
    list.doubtful(Item::Owners, &format!("a sync that writes there will be refused: {text}"));
    Ok(())
}
