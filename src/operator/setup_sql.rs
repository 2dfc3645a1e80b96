//! `setup-sql`: from the configuration to the script for the database's administrator.

use super::Answer;
use crate::cli::SetupSql;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::IDENTIFIER_BYTES;
use crate::naming;
use crate::pg;
use crate::sql::setup::Setup;

/// The script that `options` ask for.
///
/// # Errors
/// [`ErrorKind::Config`] for a configuration that cannot be used, or a name that the server cannot hold.
pub fn setup_sql(options: &SetupSql) -> Result<Answer> {
    let config = options.config.as_deref().map(Config::from_file).transpose()?;
    let config = config.as_ref();
    let given = |option: &Option<String>, field: fn(&Config) -> &String| {
        option.clone().or_else(|| config.map(field).cloned()).unwrap_or_default()
    };
    let database = given(&options.database, |config| &config.database);
    let user = given(&options.username, |config| &config.username);
    let role = options.role.clone().or_else(|| config.and_then(|config| config.role.clone()));
    let schemas = if options.schema.is_empty() { schemas(config, options.undo) } else { options.schema.clone() };
    let readers = match config {
        Some(config) if options.reader.is_empty() => config.reader_roles.clone(),
        _ => options.reader.clone(),
    };

    name("database", &database)?;
    for schema in &schemas {
        name("schema", schema)?;
        refuse_if(schema.starts_with("pg_"), "schema", schema, "begins with pg_, which is reserved for the server")?;
    }
    for role in [&user].into_iter().chain(&role).chain(&readers) {
        role_name(role)?;
    }

    // Only for the user that the password belongs to.
    let password = config.filter(|config| config.username == user).and_then(|config| config.password.as_ref());
    let verifier = password.map(pg::password_verifier);
    let setup = Setup {
        database: &database,
        user: &user,
        verifier: verifier.as_deref(),
        role: role.as_deref().filter(|role| *role != user),
        schemas: &schemas,
        readers: &readers,
    };
    let script = if options.undo { setup.undo() } else { setup.script(!options.existing_schema) };
    Ok(Answer { text: script.as_str().to_owned(), advice: String::new() })
}

/// The schema that the connector uses: the configured one if there is one of that name, else the one that it makes.
fn schemas(config: Option<&Config>, undo: bool) -> Vec<String> {
    let Some(config) = config else { return Vec::new() };
    if config.raw_tables_only {
        return vec![naming::raw_schema(config.raw_data_schema.as_deref())];
    }
    let made = naming::postgres_name(&config.schema);
    if undo && made != config.schema { vec![config.schema.clone(), made] } else { vec![config.schema.clone()] }
}

fn role_name(role: &str) -> Result<()> {
    name("role", role)?;
    let reserved = role.starts_with("pg_") || ["public", "none"].contains(&role);
    refuse_if(reserved, "role", role, "has a name that is reserved for the server")
}

/// A name that the server takes as it is. Longer ones it would cut, and then it would be another name.
fn name(kind: &str, name: &str) -> Result<()> {
    refuse_if(name.is_empty(), kind, name, "has an empty name")?;
    refuse_if(name.len() > IDENTIFIER_BYTES, kind, name, &format!("has a name of more than {IDENTIFIER_BYTES} bytes"))
}

fn refuse_if(wrong: bool, kind: &str, name: &str, what: &str) -> Result<()> {
    if wrong { Err(Error::new(ErrorKind::Config, format!("{kind} \"{name}\" {what}"))) } else { Ok(()) }
}
