//! Takes the views on a table down for a change of type, and puts them back as they were.

use super::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Session, ToSql, Type, value};
use crate::schema::{ExistingTable, TableName};
use crate::sql::dependents::{self, Grant, View};

/// Whether a view uses a column.
pub(super) async fn use_column(session: &Session, table: &ExistingTable, column: &String) -> Result<bool> {
    let doing = format!("looking for views on table {}", table.table);
    let rows =
        session.query(dependents::is_used_by_view(), &[(&table.oid, Type::OID), (column, Type::TEXT)], &doing).await?;
    rows.first().map_or(Ok(false), |row| value(row, "used"))
}

/// Drops the views on a table, the farthest first; answers them, the nearest first.
///
/// # Errors
/// [`ErrorKind::ObjectInTheWay`] for a view that belongs to somebody else.
pub(super) async fn take_down(session: &Session, table: &ExistingTable) -> Result<Vec<View>> {
    let doing = format!("reading the views on table {}", table.table);
    let rows = session.query(dependents::views(), &[(&table.oid, Type::OID)], &doing).await?;
    let mut views = Vec::new();
    for row in &rows {
        let name = TableName { schema: value(row, "schema")?, table: value(row, "name")? };
        let owner: String = value(row, "owner")?;
        if !value::<bool>(row, "owned")? {
            return Err(Error::new(
                ErrorKind::ObjectInTheWay,
                format!(
                    "a column of table {} must change its type, but view {name} uses it and belongs to role \"{owner}\": \
                     drop the view, or GRANT \"{owner}\" to the connector's role",
                    table.table
                ),
            ));
        }
        let oid: u32 = value(row, "oid")?;
        let mut view = View {
            name,
            materialized: value::<String>(row, "kind")? == "m",
            owner: (!value::<bool>(row, "mine")?).then_some(owner),
            definition: value(row, "definition")?,
            options: value(row, "options")?,
            populated: value(row, "populated")?,
            comment: value(row, "comment")?,
            grants: Vec::new(),
            attachments: Vec::new(),
            column_comments: Vec::new(),
        };
        for grant in &session.query(dependents::view_grants(), &[(&oid, Type::OID)], &doing).await? {
            view.grants.push(Grant {
                privilege: value(grant, "privilege")?,
                column: value(grant, "column_name")?,
                grantee: value(grant, "grantee")?,
                grantable: value(grant, "grantable")?,
            });
        }
        for attachment in &session.query(dependents::view_attachments(), &[(&oid, Type::OID)], &doing).await? {
            if let Some(definition) = value(attachment, "definition")? {
                view.attachments.push(definition);
            } else if let Some(column) = value(attachment, "column_name")? {
                view.column_comments.push((column, value(attachment, "comment")?));
            }
        }
        views.push(view);
    }
    for view in views.iter().rev() {
        session.execute(&view.drop_statement(), &format!("taking down view {}", view.name)).await?;
    }
    Ok(views)
}

/// Makes the views again.
///
/// # Errors
/// [`ErrorKind::ObjectInTheWay`] naming the view that does not fit the new type, unless `drop_cascade` gives it up.
pub(super) async fn restore(cx: &Context, session: &Session, table: &TableName, views: Vec<View>) -> Result<()> {
    for view in views {
        let doing = format!("putting back view {}", view.name);
        let mut statements = vec![view.create_statement()];
        statements.extend(view.restore_statements());
        for (step, statement) in statements.iter().enumerate() {
            let Err(error) = session.try_execute(statement, &doing).await else {
                if step == 0 {
                    revoke_defaults(session, &view, &doing).await?;
                }
                continue;
            };
            if !cx.config.drop_cascade {
                return Err(Error::new(
                    ErrorKind::ObjectInTheWay,
                    format!(
                        "a column of table {table} must change its type, but view {} cannot be made again on the new \
                         type ({}): change or drop the view, or set drop_cascade to drop it; nothing was changed",
                        view.name,
                        error.message()
                    ),
                ));
            }
            cx.output.warn(&format!(
                "View {} was dropped, as drop_cascade allows: it does not fit the new columns of table {table}.",
                view.name
            ));
            break;
        }
    }
    Ok(())
}

/// A new view has what default privileges give; the old one may have had less.
async fn revoke_defaults(session: &Session, view: &View, doing: &str) -> Result<()> {
    let names = [(&view.name.schema as &(dyn ToSql + Sync), Type::TEXT), (&view.name.table, Type::TEXT)];
    for row in &session.query(dependents::grantees(), &names, doing).await? {
        let grantee: Option<String> = value(row, "grantee")?;
        session.execute(&view.revoke_statement(grantee.as_deref()), doing).await?;
    }
    Ok(())
}
