//! The table of load receipts: whether it is there, and of use to us.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Session, Type, value};
use crate::schema::TableName;
use crate::sql::{receipts as sql, remedy};

/// Its name in each schema.
pub const TABLE: &str = "_airbyte_load_receipts";

/// What the server says of it.
pub struct Receipts {
    /// It is there.
    pub exists: bool,
    /// We may ask for the place in the write-ahead log.
    pub lsn: bool,
}

/// The table of a schema.
pub fn table_of(schema: &str) -> TableName {
    TableName { schema: schema.to_owned(), table: TABLE.to_owned() }
}

/// Looks for the table, in the caller's transaction, as `role`.
///
/// # Errors
/// [`ErrorKind::Permission`] or [`ErrorKind::ObjectInTheWay`] when it is there and takes no receipts of ours.
pub async fn find(session: &Session, table: &TableName, role: &str) -> Result<Receipts> {
    let doing = format!("looking for table {table}");
    let rows = session.query(sql::facts(), &[(&table.schema, Type::TEXT), (&table.table, Type::TEXT)], &doing).await?;
    let Some(row) = rows.first() else {
        return Err(Error::new(
            ErrorKind::Internal,
            "the server did not say whether there is a table of load receipts",
        ));
    };
    let found = Receipts { exists: value(row, "found")?, lsn: value(row, "lsn")? };
    if !found.exists {
        return Ok(found);
    }
    let columns: Vec<String> = value(row, "columns")?;
    if let Some((lacking, _)) = sql::COLUMNS.iter().find(|(name, _)| !columns.iter().any(|column| column == name)) {
        let text = format!(
            "table {table}, which `load_receipts` asks for, has no column \"{lacking}\", so it is not ours: rename or drop it"
        );
        return Err(Error::new(ErrorKind::ObjectInTheWay, text));
    }
    if !value::<bool>(row, "may_insert")? {
        let owner: Option<String> = value(row, "owner")?;
        let text = format!(
            "role \"{role}\" may not add rows to table {table} (owner \"{}\"), as `load_receipts` asks for: {}",
            owner.unwrap_or_default(),
            remedy::grant_insert(table, role)
        );
        return Err(Error::new(ErrorKind::Permission, text));
    }
    Ok(found)
}
