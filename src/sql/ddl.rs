//! CREATE, ALTER, COMMENT, GRANT, DROP.

use super::{Conversion, Statement, literal, quote, quote_list, quote_table};
use crate::limits;
use crate::schema::{EXTRACTED_AT, GENERATION_ID, LOADED_AT, META, META_COLUMNS, RAW_ID, TableName, TableSchema};
use crate::types::ColumnType;

/// Creates a schema. Only sent when the schema is missing: the server asks for CREATE on the database first of all.
pub fn create_schema(schema: &str) -> Statement {
    Statement::new(format!("CREATE SCHEMA {}", quote(schema)))
}

/// Creates `table` with the columns of `schema`, and `more` nullable columns after them.
pub fn create_table(table: &TableName, schema: &TableSchema, more: &[(String, String)]) -> Statement {
    let meta = META_COLUMNS.iter().map(|c| format!("{} {} NOT NULL", quote(c.name), c.column_type.sql()));
    let loaded_at = schema.raw.then(|| format!("{} {}", quote(LOADED_AT), ColumnType::TimestampTz.sql()));
    let not_null = if schema.raw { " NOT NULL" } else { "" };
    let user = schema.columns.iter().map(|c| format!("{} {}{not_null}", quote(&c.name), c.column_type.sql()));
    let more = more.iter().map(|(name, sql_type)| format!("{} {sql_type}", quote(name)));
    let columns: Vec<String> = meta.chain(loaded_at).chain(user).chain(more).collect();
    Statement::new(format!("CREATE TABLE {} ({})", quote_table(table), columns.join(", ")))
}

/// The temporary table that takes the rows of one load.
pub fn create_load_table(table: &str, schema: &TableSchema, changes: bool, arrival: bool) -> Statement {
    let mut columns = vec![
        format!("{} {}", quote(RAW_ID), ColumnType::String.sql()),
        format!("{} {}", quote(EXTRACTED_AT), ColumnType::TimestampTz.sql()),
    ];
    if changes {
        columns.push(format!("{} {}", quote(CHANGES), ColumnType::Json.sql()));
    }
    if arrival {
        columns.push(format!("{} {}", quote(ARRIVAL), ColumnType::Integer.sql()));
    }
    columns.extend(schema.columns.iter().map(|c| format!("{} {}", quote(&c.name), c.column_type.sql())));
    Statement::new(format!("CREATE TEMPORARY TABLE pg_temp.{} ({}) ON COMMIT DROP", quote(table), columns.join(", ")))
}

/// Change entries in a load table. The names cannot clash with a user's: see `naming`.
pub(super) const CHANGES: &str = "_airbyte_meta";
/// Position in order of arrival, in a load table.
pub(super) const ARRIVAL: &str = "_airbyte_loaded_at";

/// Takes the rows of one load.
pub fn copy_into_load_table(table: &str) -> Statement {
    Statement::new(format!("COPY pg_temp.{} FROM STDIN (FORMAT binary)", quote(table)))
}

/// Adds a nullable column.
pub fn add_column(table: &TableName, column: &str, column_type: ColumnType) -> Statement {
    Statement::new(format!("ALTER TABLE {} ADD COLUMN {} {}", quote_table(table), quote(column), column_type.sql()))
}

/// Drops a column.
pub fn drop_column(table: &TableName, column: &str, cascade: bool) -> Statement {
    let cascade = if cascade { " CASCADE" } else { "" };
    Statement::new(format!("ALTER TABLE {} DROP COLUMN {}{cascade}", quote_table(table), quote(column)))
}

/// Renames a column.
pub fn rename_column(table: &TableName, from: &str, to: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote_table(table), quote(from), quote(to)))
}

/// Changes a column's type in place.
pub fn convert_column(table: &TableName, column: &str, new: ColumnType, conversion: &Conversion) -> Statement {
    Statement::new(format!(
        "ALTER TABLE {table} ALTER COLUMN {column} TYPE {} USING {}",
        new.sql(),
        conversion.using,
        table = quote_table(table),
        column = quote(column),
    ))
}

/// Changes the type of a column whose values do not matter.
pub fn retype_empty_column(table: &TableName, column: &str, new: ColumnType) -> Statement {
    Statement::new(format!(
        "ALTER TABLE {table} ALTER COLUMN {column} TYPE {new} USING NULL::{new}",
        table = quote_table(table),
        column = quote(column),
        new = new.sql(),
    ))
}

/// Whether a stored value stands against a conversion.
pub fn has_unconvertible(table: &TableName, column: &str, guard: &str) -> Statement {
    Statement::new(format!(
        "SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL AND ({guard}) IS NOT TRUE)",
        quote_table(table),
        quote(column)
    ))
}

/// Whether a table holds a row.
pub fn has_rows(table: &TableName) -> Statement {
    Statement::new(format!("SELECT EXISTS (SELECT FROM {})", quote_table(table)))
}

/// Which of some tables hold a row, in their order.
pub fn have_rows(tables: &[&TableName]) -> Statement {
    let each: Vec<String> = tables.iter().map(|t| format!("EXISTS (SELECT FROM {})", quote_table(t))).collect();
    Statement::new(format!("SELECT ARRAY[{}] AS filled", each.join(", ")))
}

/// The generation of one row of a table (no row: nothing; NULL counts as 0).
pub fn any_generation(table: &TableName) -> Statement {
    Statement::new(format!("SELECT COALESCE({}, 0) FROM {} LIMIT 1", quote(GENERATION_ID), quote_table(table)))
}

/// Whether a table holds a row of an older generation.
pub fn has_older_generation(table: &TableName, generation: i64) -> Statement {
    Statement::new(format!(
        "SELECT EXISTS (SELECT FROM {} WHERE COALESCE({}, 0) < {generation})",
        quote_table(table),
        quote(GENERATION_ID)
    ))
}

/// Records which column holds which field, on the column that is ours in every table.
pub fn comment_mapping(table: &TableName, comment: &str) -> Statement {
    Statement::new(format!("COMMENT ON COLUMN {}.{} IS {}", quote_table(table), quote(META), literal(comment)))
}

/// Comments a table.
pub fn comment_table(table: &TableName, comment: &str) -> Statement {
    Statement::new(format!("COMMENT ON TABLE {} IS {}", quote_table(table), literal(comment)))
}

/// Removes the comment of a table.
pub fn uncomment_table(table: &TableName) -> Statement {
    Statement::new(format!("COMMENT ON TABLE {} IS NULL", quote_table(table)))
}

/// Drops a table of ours.
pub fn drop_table(table: &TableName, cascade: bool) -> Statement {
    let cascade = if cascade { " CASCADE" } else { "" };
    Statement::new(format!("DROP TABLE {}{cascade}", quote_table(table)))
}

/// Adds a CHECK constraint with a definition that the server has shown.
pub fn add_check(table: &TableName, name: &str, definition: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", quote_table(table), quote(name)))
}

/// Drops a constraint.
pub fn drop_check(table: &TableName, name: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} DROP CONSTRAINT {}", quote_table(table), quote(name)))
}

/// Renames a table within its schema.
pub fn rename_table(from: &TableName, to: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} RENAME TO {}", quote_table(from), quote(to)))
}

/// Takes the strongest lock on a table; `only` leaves alone the tables that inherit from it. It is waited for shortly:
/// until we have it, nobody who comes later gets any.
pub fn lock_table(table: &TableName, only: bool) -> Statement {
    let only = if only { "ONLY " } else { "" };
    Statement::new(format!(
        "SET LOCAL lock_timeout = {}; LOCK TABLE {only}{} IN ACCESS EXCLUSIVE MODE; SET LOCAL lock_timeout = {}",
        limits::SWAP_LOCK_TIMEOUT.as_millis(),
        quote_table(table),
        limits::LOCK_TIMEOUT.as_millis(),
    ))
}

/// Empties a table at once; `only` leaves alone the tables that inherit from it.
pub fn truncate(table: &TableName, only: bool) -> Statement {
    let only = if only { "ONLY " } else { "" };
    Statement::new(format!("TRUNCATE TABLE {only}{}", quote_table(table)))
}

/// Empties a table whose partitions cannot all be truncated.
pub fn delete_all(table: &TableName) -> Statement {
    Statement::new(format!("DELETE FROM {}", quote_table(table)))
}

/// Makes a table's updates and deletions identifiable for its publications.
pub fn replica_identity_full(table: &TableName) -> Statement {
    Statement::new(format!("ALTER TABLE {} REPLICA IDENTITY FULL", quote_table(table)))
}

/// Creates an index.
pub fn create_index(name: &str, table: &TableName, columns: &[&str], unique: bool, nulls_equal: bool) -> Statement {
    Statement::new(format!(
        "CREATE {}INDEX {} ON {} ({}){}",
        if unique { "UNIQUE " } else { "" },
        quote(name),
        quote_table(table),
        quote_list(columns.iter().copied()),
        if unique && nulls_equal { " NULLS NOT DISTINCT" } else { "" },
    ))
}

/// Comments an index.
pub fn comment_index(schema: &str, name: &str, comment: &str) -> Statement {
    Statement::new(format!("COMMENT ON INDEX {}.{} IS {}", quote(schema), quote(name), literal(comment)))
}

/// Drops an index of ours.
pub fn drop_index(schema: &str, name: &str) -> Statement {
    Statement::new(format!("DROP INDEX {}.{}", quote(schema), quote(name)))
}

/// Renames an index.
pub fn rename_index(schema: &str, from: &str, to: &str) -> Statement {
    Statement::new(format!("ALTER INDEX {}.{} RENAME TO {}", quote(schema), quote(from), quote(to)))
}

/// Lets a reader into a schema.
pub fn grant_usage(schema: &str, role: &str) -> Statement {
    Statement::new(format!("GRANT USAGE ON SCHEMA {} TO {}", quote(schema), quote(role)))
}

/// Lets a reader read a table.
pub fn grant_select(table: &TableName, role: &str) -> Statement {
    Statement::new(format!("GRANT SELECT ON TABLE {} TO {}", quote_table(table), quote(role)))
}

/// A name for SQL text: the type of a column whose `typname` we have from the server, e.g. of a removed field.
pub fn builtin_type(typname: &str) -> String {
    format!("pg_catalog.{}", quote(typname))
}

/// Lets a column hold NULL.
pub fn drop_not_null(table: &TableName, column: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", quote_table(table), quote(column)))
}
