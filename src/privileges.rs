//! What the server is and what our role may do there, asked before anything is tried.
//!
//! Owns: the sentence for each thing that is missing, with the statement that mends it. Everything missing is named at
//! once, so that one visit of the administrator is enough.

pub mod receipts;

use crate::error::{Error, ErrorKind, Result};
use crate::naming;
use crate::pg::{Session, Type, value};
use crate::schema::TableName;
use crate::sql::{ddl, introspect, remedy};

/// Oldest server that is tried at all.
const OLDEST_SERVER: i32 = 120_000;

/// The server, as our role sees it.
pub struct Server {
    /// `server_version_num`.
    pub number: i32,
    /// The version as the server spells it.
    pub version: String,
    /// The database.
    pub database: String,
    /// The database's encoding.
    pub encoding: String,
    /// The role that we act as.
    pub role: String,
    /// The address that the server sees us come from; none on a socket.
    pub client_address: Option<String>,
    standby: bool,
    read_only: bool,
    can_create: bool,
    can_temporary: bool,
    not_inherited: Vec<String>,
}

/// A schema that exists.
pub struct Schema {
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    usable: bool,
    creatable: bool,
}

impl Server {
    /// Asks the server, in the caller's transaction.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn ask(session: &Session) -> Result<Self> {
        let rows = session.query(introspect::server(), &[], "asking the server about itself").await?;
        let Some(row) = rows.first() else {
            return Err(Error::new(ErrorKind::Internal, "the server did not say what it is"));
        };
        Ok(Self {
            number: value(row, "version_number")?,
            version: value(row, "version")?,
            database: value(row, "database")?,
            encoding: value(row, "encoding")?,
            role: value(row, "role")?,
            client_address: value(row, "client_address")?,
            standby: value(row, "standby")?,
            read_only: value(row, "read_only")?,
            can_create: value(row, "can_create")?,
            can_temporary: value(row, "can_temporary")?,
            not_inherited: value(row, "not_inherited")?,
        })
    }

    /// Refuses a server that cannot be written to whatever the role may do.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] or [`ErrorKind::Permission`], with what mends it.
    pub fn refuse_unusable(&self) -> Result<()> {
        let (kind, text) = if self.number < OLDEST_SERVER {
            let text = format!(
                "the server is PostgreSQL {}; 13 or later is supported, 12 is tried: upgrade the server",
                self.version
            );
            (ErrorKind::Config, text)
        } else if self.encoding != "UTF8" {
            let text = format!(
                "database \"{}\" has encoding {}, which cannot hold every text: use a database with encoding UTF8, \
                 made by {}",
                self.database,
                self.encoding,
                remedy::create_database("name")
            );
            (ErrorKind::Config, text)
        } else if self.standby {
            (ErrorKind::Config, "the server is a read-only standby: connect to the primary".to_owned())
        } else if self.read_only {
            let text = format!(
                "sessions of role \"{}\" are read-only: {}",
                self.role,
                remedy::allow_writes(&self.role, &self.database)
            );
            (ErrorKind::Permission, text)
        } else {
            return Ok(());
        };
        Err(Error::new(kind, text))
    }

    /// What keeps the role from making temporary tables.
    pub fn missing_on_database(&self) -> Option<String> {
        if self.can_temporary {
            return None;
        }
        let grant = remedy::grant_on_database("TEMPORARY", &self.database, &self.role);
        Some(format!("role \"{}\" may not create temporary tables: {grant}{}", self.role, self.other_roles()))
    }

    /// What keeps the role from making tables in the schema of this name, `found` if it exists.
    pub fn missing_on_schema(&self, name: &str, found: Option<&Schema>) -> Option<String> {
        let Self { role, database, .. } = self;
        let Some(found) = found else {
            if self.can_create {
                return None;
            }
            let on_database = remedy::grant_on_database("CREATE", database, role);
            let create = ddl::create_schema(name);
            let on_schema = remedy::grant_on_schema("ALL", name, role);
            return Some(format!(
                "schema \"{name}\" does not exist and role \"{role}\" may not create it: {on_database}; or {create} and \
                 {on_schema}{}",
                self.other_roles()
            ));
        };
        let lacks = match (found.usable, found.creatable) {
            (true, true) => return None,
            (false, true) => "USAGE",
            (true, false) => "CREATE",
            (false, false) => "USAGE and CREATE",
        };
        Some(format!(
            "role \"{role}\" may not create tables in schema \"{name}\" (owner \"{}\"), it lacks {lacks}: {}{}",
            found.owner,
            remedy::grant_on_schema("ALL", name, role),
            self.other_roles()
        ))
    }

    /// Privileges of roles that ours does not inherit from do not count until it acts as one of them.
    fn other_roles(&self) -> String {
        if self.not_inherited.is_empty() {
            return String::new();
        }
        let names: Vec<String> = self.not_inherited.iter().map(|name| format!("\"{name}\"")).collect();
        format!(" (or set `role` to one that may; it can act as {}, but inherits nothing from it)", names.join(" or "))
    }
}

/// The configured schema as it is in Postgres, and what it is if it exists: exactly as spelled when that exists, else
/// mangled like a namespace.
///
/// # Errors
/// As [`Session::query`].
pub async fn default_schema(session: &Session, configured: &str) -> Result<(String, Option<Schema>)> {
    let mangled = naming::postgres_name(configured);
    let found = schemas(session, &[configured.to_owned(), mangled.clone()]).await?.into_iter().next();
    Ok((found.as_ref().map_or(mangled, |schema| schema.name.clone()), found))
}

/// Those of the schemas `names` that exist, in the order of `names`.
///
/// # Errors
/// As [`Session::query`].
pub async fn schemas(session: &Session, names: &[String]) -> Result<Vec<Schema>> {
    let rows = session.query(introspect::schemas(), &[(&names, Type::TEXT_ARRAY)], "looking for schemas").await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push(Schema {
            name: value(row, "schema")?,
            owner: value(row, "owner")?,
            usable: value(row, "usable")?,
            creatable: value(row, "creatable")?,
        });
    }
    found.sort_by_key(|schema| names.iter().position(|name| *name == schema.name));
    Ok(found)
}

/// Those of `names` that are roles of the server; the others are answered as what is missing.
///
/// # Errors
/// As [`Session::query`].
pub async fn missing_readers(session: &Session, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        session.query(introspect::roles(), &[(&names, Type::TEXT_ARRAY)], "looking for the reader roles").await?;
    let found = rows.iter().map(|row| value(row, "role")).collect::<Result<Vec<String>>>()?;
    let missing = names.iter().filter(|name| !found.contains(name));
    Ok(missing
        .map(|name| {
            format!(
                "role \"{name}\" of `reader_roles` does not exist: correct the name, or {}",
                remedy::create_role(name)
            )
        })
        .collect())
}

/// How a table of another owner is refused.
pub fn foreign_table(table: &TableName, owner: &str, role: &str) -> String {
    format!(
        "table {table} belongs to role \"{owner}\", and only its owner can change it: {}; or {} and, unless it inherits \
         that, set `role` to \"{owner}\"",
        remedy::own_table(table, role),
        remedy::grant_role(owner, role)
    )
}

/// The error that names everything missing.
///
/// # Errors
/// [`ErrorKind::Permission`] when something is.
pub fn refuse(missing: &[String]) -> Result<()> {
    if missing.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::Permission, missing.join("; "))) }
}
