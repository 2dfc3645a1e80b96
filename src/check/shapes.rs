//! `table_options`, each tried on a table without rows.

use super::checklist::{Checklist, Item};
use super::rights::Target;
use crate::config::{Config, TableOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::naming;
use crate::pg::{Session, ToSql, Type};
use crate::schema::{Column, META_COLUMNS, TableName, TableSchema};
use crate::sql::{ddl, introspect, shape as sql};
use crate::types::ColumnType;

/// What the columns that a table is partitioned by are taken for: which types they have only a catalog tells. Bounds of most types
/// can be read as texts, too.
const TYPES: [ColumnType; 3] = [ColumnType::String, ColumnType::TimestampTz, ColumnType::Integer];

/// Makes a table by each entry in the caller's transaction, which rolls back.
///
/// # Errors
/// [`ErrorKind::Config`] naming the stream, with what the server says.
pub(super) async fn run(config: &Config, session: &Session, list: &Checklist, target: &Target) -> Result<()> {
    for (number, options) in config.table_options.iter().enumerate() {
        list.begin(Item::Options);
        // A schema of a namespace may not be there yet, and is no other place for this.
        let name = format!("_airbyte_connection_test_{number}_{:032x}", fastrand::u128(..));
        one(session, list, options, &TableName { schema: target.name.clone(), table: name }).await?;
    }
    Ok(())
}

async fn one(session: &Session, list: &Checklist, options: &TableOptions, table: &TableName) -> Result<()> {
    let stream = &options.stream;
    let blamed = |error: Error| {
        if error.sqlstate().is_none() { error } else { error.with_kind(ErrorKind::Config) }
            .context(&format!("`table_options` of stream {stream}"))
    };
    options.shape.take(table).map_err(|what| blamed(Error::new(ErrorKind::Config, what)))?;
    let mut errors: Vec<Error> = Vec::new();
    for column_type in TYPES {
        match make(session, options, table, column_type).await {
            Ok(()) => {
                errors.clear();
                break;
            }
            Err(error) if error.sqlstate().is_none() => return Err(error),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        // What depends on the type of a column may be right.
        let alike = errors.iter().all(|error| error.sqlstate() == errors.first().and_then(Error::sqlstate));
        let Some(error) = errors.pop() else { return Ok(()) };
        if alike {
            return Err(blamed(error));
        }
        let text =
            format!("stream {stream}: not to be tried before the stream's columns are known: {}", error.message());
        list.doubtful(Item::Options, &text);
        return Ok(());
    }
    let made = format!("a table for stream {stream} as `table_options` says");
    if options.shape.after_create.is_empty() {
        list.ok(Item::Options, &made);
        return Ok(());
    }
    // What the statements name besides the table may be there with the table.
    let names = vec![naming::postgres_name(stream)];
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table.schema, Type::TEXT), (&names, Type::TEXT_ARRAY)];
    if !session.query(introspect::taken_names(), &parameters, "looking for the stream's table").await?.is_empty() {
        list.ok(Item::Options, &format!("{made}; `after_create` is not tried, as the stream's table is there"));
        return Ok(());
    }
    for statement in &options.shape.after_create {
        let doing = format!("running the statement of `after_create` that begins with `{}`", beginning(statement));
        match session.try_execute(&sql::after_create(table, statement), &doing).await {
            Err(error) if error.sqlstate() == Some("42703") => {
                let text = format!(
                    "{made}; `after_create` only as far as it can be tried without the stream's columns: {}",
                    error.message()
                );
                list.ok(Item::Options, &text);
                return Ok(());
            }
            done => done.map_err(blamed)?,
        }
    }
    list.ok(Item::Options, &format!("{made}, and `after_create`"));
    Ok(())
}

/// Makes the table and its partitions, or nothing.
async fn make(session: &Session, options: &TableOptions, table: &TableName, column_type: ColumnType) -> Result<()> {
    let shape = &options.shape;
    let columns = shape.partition_by.as_deref().map(columns).unwrap_or_default();
    let columns = columns.into_iter().map(|name| Column { field: name.clone(), name, column_type });
    let schema = TableSchema {
        table: table.clone(),
        columns: columns.collect(),
        raw: false,
        key: Vec::new(),
        cursor: None,
        deleted_at: None,
    };
    let mut all = sql::shaped(&ddl::create_table(table, &schema, &[]), shape);
    for (number, bounds) in shape.partitions().enumerate() {
        let name = TableName { schema: table.schema.clone(), table: format!("{}_{number}", table.table) };
        all = all.then(&sql::partition(table, &name, bounds, shape));
    }
    session.try_execute(&all, "creating a table").await
}

/// The names in `RANGE (lower(a), "B")` that can be columns: `a` and `B`. Of functions and types that a table has columns of, too,
/// nothing changes.
fn columns(partition_by: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let inside = partition_by.split_once('(').map_or("", |(_, inside)| inside);
    let mut rest = inside;
    while let Some(first) = rest.chars().next() {
        let (name, after) = if first == '"' || first == '\'' {
            let end = rest.get(1..).and_then(|text| text.find(first)).map_or(rest.len(), |end| end + 2);
            (
                rest.get(1..end.saturating_sub(1)).filter(|_| first == '"').unwrap_or_default().to_owned(),
                rest.get(end..),
            )
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (rest.get(..end).unwrap_or_default().to_lowercase(), rest.get(end..))
        } else {
            (String::new(), rest.get(first.len_utf8()..))
        };
        rest = after.unwrap_or_default();
        let is_function = rest.trim_start().starts_with('(');
        let is_ours = META_COLUMNS.iter().any(|column| column.name == name);
        if !name.is_empty() && !is_function && !is_ours && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Enough of a statement to know it by.
fn beginning(statement: &str) -> String {
    statement.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_of_a_partition_key() {
        for (text, names) in [
            ("RANGE (created_at)", &["created_at"][..]),
            ("LIST (lower(Country), \"Year\")", &["country", "Year"]),
            ("RANGE ((date_part('day', at)), at)", &["at"]),
            ("HASH (_airbyte_raw_id)", &[]),
            ("RANGE", &[]),
            ("RANGE (\"open", &["ope"]),
        ] {
            assert_eq!(columns(text), names, "{text}");
        }
    }
}
