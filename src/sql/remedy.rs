//! Statements for the administrator: shown in messages, never sent.

use super::{Statement, quote, quote_table};
use crate::schema::TableName;
use crate::types::ColumnType;

/// Gives a role privileges on a database.
pub fn grant_on_database(privileges: &str, database: &str, role: &str) -> Statement {
    Statement::new(format!("GRANT {privileges} ON DATABASE {} TO {}", quote(database), quote(role)))
}

/// Gives a role privileges on a schema.
pub fn grant_on_schema(privileges: &str, schema: &str, role: &str) -> Statement {
    Statement::new(format!("GRANT {privileges} ON SCHEMA {} TO {}", quote(schema), quote(role)))
}

/// Makes a role a member of another.
pub fn grant_role(role: &str, member: &str) -> Statement {
    Statement::new(format!("GRANT {} TO {}", quote(role), quote(member)))
}

/// Makes a role that only holds privileges.
pub fn create_role(role: &str) -> Statement {
    Statement::new(format!("CREATE ROLE {}", quote(role)))
}

/// Makes a role that may log in.
pub fn allow_login(role: &str) -> Statement {
    Statement::new(format!("ALTER ROLE {} LOGIN", quote(role)))
}

/// Sets a role's password, which the administrator fills in.
pub fn set_password(role: &str) -> Statement {
    Statement::new(format!("ALTER ROLE {} PASSWORD '…'", quote(role)))
}

/// Lets a role have as many connections as the server has.
pub fn lift_role_limit(role: &str) -> Statement {
    Statement::new(format!("ALTER ROLE {} CONNECTION LIMIT -1", quote(role)))
}

/// Lets a database have as many connections as the server has.
pub fn lift_database_limit(database: &str) -> Statement {
    Statement::new(format!("ALTER DATABASE {} CONNECTION LIMIT -1", quote(database)))
}

/// Lets a database be connected to.
pub fn allow_connections(database: &str) -> Statement {
    Statement::new(format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quote(database)))
}

/// Lets a role's sessions write, whatever the defaults of the server, the database and the role are.
pub fn allow_writes(role: &str, database: &str) -> Statement {
    let (role, database) = (quote(role), quote(database));
    Statement::new(format!("ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = off"))
}

/// Makes a database that can hold every text.
pub fn create_database(database: &str) -> Statement {
    Statement::new(format!("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", quote(database)))
}

/// Lets a role add rows to a table.
pub fn grant_insert(table: &TableName, role: &str) -> Statement {
    Statement::new(format!("GRANT INSERT ON {} TO {}", quote_table(table), quote(role)))
}

/// Gives a table to a role.
pub fn own_table(table: &TableName, role: &str) -> Statement {
    Statement::new(format!("ALTER TABLE {} OWNER TO {}", quote_table(table), quote(role)))
}

/// Gives a column of texts the database's own collation.
pub fn plain_collation(table: &TableName, column: &str) -> Statement {
    let (table, column) = (quote_table(table), quote(column));
    Statement::new(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {}", ColumnType::String.sql()))
}
