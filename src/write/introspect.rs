//! Reads what is there, for all tables of the catalog in two queries.

use std::collections::HashMap;

use crate::error::Result;
use crate::pg::{Row, Session, Type, value};
use crate::schema::{ExistingColumn, ExistingIndex, ExistingTable, Spread, TableName};
use crate::sql::{introspect, spread};

const DOING: &str = "reading the catalog of the database";

/// The relations under `names` that exist.
pub(super) async fn tables(session: &Session, names: &[TableName]) -> Result<HashMap<TableName, ExistingTable>> {
    let schemas: Vec<&str> = names.iter().map(|n| n.schema.as_str()).collect();
    let tables: Vec<&str> = names.iter().map(|n| n.table.as_str()).collect();
    let rows = session
        .query(introspect::tables(), &[(&schemas, Type::TEXT_ARRAY), (&tables, Type::TEXT_ARRAY)], DOING)
        .await?;
    let mut by_oid: HashMap<u32, ExistingTable> = HashMap::new();
    for row in &rows {
        let oid: u32 = value(row, "oid")?;
        if let std::collections::hash_map::Entry::Vacant(e) = by_oid.entry(oid) {
            e.insert(table(row, oid)?);
        }
        let name: Option<String> = value(row, "column_name")?;
        if let (Some(name), Some(table)) = (name, by_oid.get_mut(&oid)) {
            table.columns.push(ExistingColumn {
                name,
                typname: value(row, "typname")?,
                builtin: value(row, "builtin")?,
                typmod: value(row, "typmod")?,
                not_null: value(row, "not_null")?,
                has_default: value(row, "has_default")?,
                generated: value(row, "generated")?,
                nondeterministic: value(row, "nondeterministic")?,
                comment: value(row, "column_comment")?,
            });
        }
    }
    let oids: Vec<u32> = by_oid.keys().copied().collect();
    if !oids.is_empty() {
        for row in &session.query(introspect::indexes(), &[(&oids, Type::OID_ARRAY)], DOING).await? {
            let index = ExistingIndex {
                name: value(row, "name")?,
                columns: value(row, "columns")?,
                unique: value(row, "is_unique")?,
                nulls_not_distinct: value(row, "nulls_not_distinct")?,
                nondeterministic: value(row, "nondeterministic")?,
                constraint: value(row, "is_constraint")?,
                comment: value(row, "comment")?,
            };
            if let Some(table) = by_oid.get_mut(&value::<u32>(row, "table_oid")?) {
                table.indexes.push(index);
            }
        }
    }
    if let Some(row) = rows.first() {
        spreads(session, &value::<Vec<String>>(row, "engines")?, &mut by_oid).await?;
    }
    Ok(by_oid.into_values().map(|table| (table.table.clone(), table)).collect())
}

/// The relation under one name.
pub(super) async fn one(session: &Session, name: &TableName) -> Result<Option<ExistingTable>> {
    Ok(tables(session, std::slice::from_ref(name)).await?.remove(name))
}

fn table(row: &Row, oid: u32) -> Result<ExistingTable> {
    let kind: String = value(row, "kind")?;
    let (check_names, checks): (Vec<String>, Vec<String>) = (value(row, "check_names")?, value(row, "checks")?);
    Ok(ExistingTable {
        table: TableName { schema: value(row, "schema")?, table: value(row, "name")? },
        oid,
        kind: kind.chars().next().unwrap_or('r'),
        owner: value(row, "owner")?,
        owned: value(row, "owned")?,
        unidentified_in_publication: value(row, "unidentified")?,
        checks: check_names.into_iter().zip(checks).collect(),
        comment: value(row, "comment")?,
        columns: Vec::new(),
        indexes: Vec::new(),
        spread: None,
    })
}

/// Reads how rows are spread over other tables, by Postgres and by the `engines` that the database has.
async fn spreads(session: &Session, engines: &[String], tables: &mut HashMap<u32, ExistingTable>) -> Result<()> {
    let partitioned: Vec<u32> = tables.values().filter(|table| table.kind == 'p').map(|table| table.oid).collect();
    if !partitioned.is_empty() {
        for row in &session.query(spread::partitioned(), &[(&partitioned, Type::OID_ARRAY)], DOING).await? {
            let names = |column| value::<Option<Vec<String>>>(row, column).map(Option::unwrap_or_default);
            let foreign = names("schemas")?.into_iter().zip(names("names")?).zip(names("servers")?);
            let spread = Spread {
                engine: None,
                columns: value(row, "columns")?,
                expressions: value(row, "expressions")?,
                foreign: foreign.map(|((schema, table), server)| (TableName { schema, table }, server)).collect(),
            };
            if let Some(table) = tables.get_mut(&value::<u32>(row, "table_oid")?) {
                table.spread = Some(spread);
            }
        }
    }
    let oids: Vec<u32> = tables.keys().copied().collect();
    for engine in engines {
        let question = if engine == "citus" { spread::distributed() } else { spread::hypertables() };
        for row in &session.query(question, &[(&oids, Type::OID_ARRAY)], DOING).await? {
            if let Some(table) = tables.get_mut(&value::<u32>(row, "table_oid")?) {
                let spread = table.spread.get_or_insert_default();
                spread.engine = Some(engine.clone());
                spread.columns.extend(value::<Option<String>>(row, "column_name")?);
            }
        }
    }
    Ok(())
}
