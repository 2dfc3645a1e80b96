//! Tables as text that two runs, two machines and two server versions agree on.

use std::collections::HashSet;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::sql::{Answer, Sql, quote_identifier, quote_literal};

/// Columns are padded up to this width, so that one long value does not push a whole table aside.
const PADDED_CHARS: usize = 40;

/// Longer values are shown by their beginning and their length.
const SHOWN_CHARS: usize = 400;

/// Tables with more rows are shown by their first rows and a digest of all.
const SHOWN_ROWS: usize = 300;

/// What the session must say before, so that values look the same everywhere.
const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = pg_catalog";

/// Every schema of the user with all its tables: columns, constraints, indexes, rows.
///
/// # Errors
/// The server's error, as text.
pub fn tables(sql: &Sql) -> Result<String, String> {
    sql.run(SETTINGS)?;
    let mut text = String::new();
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        ORDER BY nspname COLLATE \"C\"";
    for schema in sql.rows(schemas)?.into_iter().flatten().flatten() {
        let tables = sql.rows(&format!(
            "SELECT relname FROM pg_class WHERE relnamespace = {}::regnamespace AND relkind IN ('r', 'p', 'f')
             ORDER BY relname COLLATE \"C\"",
            quote_literal(&quote_identifier(&schema))
        ))?;
        if tables.is_empty() && schema != "public" {
            let _ = writeln!(text, "schema {schema}: no tables\n");
        }
        for table in tables.into_iter().flatten().flatten() {
            text.push_str(&self::table(sql, &schema, &table)?);
            text.push('\n');
        }
    }
    if text.is_empty() {
        return Ok("no tables\n".into());
    }
    text.truncate(text.trim_end().len() + 1);
    Ok(text)
}

/// One table: columns, constraints, indexes, number of rows, rows.
///
/// # Errors
/// The server's error, as text.
pub fn table(sql: &Sql, schema: &str, table: &str) -> Result<String, String> {
    sql.run(SETTINGS)?;
    let name = format!("{}.{}", quote_identifier(schema), quote_identifier(table));
    let oid = format!("{}::regclass", quote_literal(&name));
    let unlogged =
        sql.value(&format!("SELECT 'unlogged ' FROM pg_class WHERE oid = {oid} AND relpersistence = 'u'"))?;
    let mut text = format!("{unlogged}table {schema}.{table}\n");
    for line in columns(sql, &oid)?.into_iter().chain(constraints(sql, &oid)?).chain(indexes(sql, &oid)?) {
        let _ = writeln!(text, "  {line}");
    }
    let answer = sql.answers(&format!("SELECT * FROM ONLY {name}"))?.into_iter().next().unwrap_or_default();
    let _ = writeln!(text, "rows: {}", answer.rows.len());
    if !answer.rows.is_empty() {
        text.push_str(&rows(answer, true));
    }
    Ok(text)
}

/// The answers of a script, in the order in which the server gave them.
///
/// # Errors
/// The server's error, as text.
pub fn answers(sql: &Sql, script: &str) -> Result<String, String> {
    sql.run(SETTINGS)?;
    let texts: Vec<String> = sql.answers(script)?.into_iter().map(|answer| rows(answer, false)).collect();
    Ok(texts.join("\n"))
}

fn columns(sql: &Sql, oid: &str) -> Result<Vec<String>, String> {
    let query = format!(
        "SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
             || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
             || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    Ok(sql.rows(&query)?.into_iter().flatten().flatten().collect())
}

/// Foreign keys, checks and exclusions; unique ones are seen at their index. Not-null ones exist only since 18.
fn constraints(sql: &Sql, oid: &str) -> Result<Vec<String>, String> {
    let query = format!(
        "SELECT 'constraint ' || quote_ident(conname) || ': ' || pg_get_constraintdef(oid) FROM pg_constraint
         WHERE conrelid = {oid} AND contype IN ('c', 'f', 'x') ORDER BY conname COLLATE \"C\""
    );
    Ok(sql.rows(&query)?.into_iter().flatten().flatten().collect())
}

/// Without NULLS NOT DISTINCT, which only exists since 15: rows are the same on every version.
fn indexes(sql: &Sql, oid: &str) -> Result<Vec<String>, String> {
    let query = format!(
        "SELECT 'index ' || quote_ident(c.relname) || ': '
             || CASE WHEN i.indisprimary THEN 'primary key ' WHEN i.indisunique THEN 'unique ' ELSE '' END
             || regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING | NULLS NOT DISTINCT', '', 'g')
             || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
             || CASE WHEN i.indisreplident THEN ' (replica identity)' ELSE '' END
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = {oid} ORDER BY c.relname COLLATE \"C\""
    );
    Ok(sql.rows(&query)?.into_iter().flatten().flatten().collect())
}

/// Rows as aligned columns; `sorted` for those whose order means nothing.
fn rows(answer: Answer, sorted: bool) -> String {
    let mut raw_ids = HashSet::new();
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(answer.rows.len());
    for row in answer.rows {
        let cells = answer.columns.iter().zip(row);
        lines.push(cells.map(|(column, value)| cell(column, value, &mut raw_ids)).collect());
    }
    if sorted {
        lines.sort();
    }
    let rest = lines.len().saturating_sub(SHOWN_ROWS);
    let digest = (rest > 0).then(|| Sha256::digest(lines.concat().join("\0")));
    lines.truncate(SHOWN_ROWS);
    lines.insert(0, answer.columns);

    let mut widths = vec![0; lines[0].len()];
    for line in &lines {
        for (width, text) in widths.iter_mut().zip(line) {
            *width = text.chars().count().min(PADDED_CHARS).max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join(" | ").trim_end());
        text.push('\n');
    }
    if let Some(digest) = digest {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "… and {rest} more rows; SHA-256 of all: {hex}");
    }
    text
}

/// One value on one line: NULL is not the empty string, and what is random is shown as checked instead.
fn cell(column: &str, value: Option<String>, raw_ids: &mut HashSet<String>) -> String {
    let Some(value) = value else { return "∅".into() };
    if column == "_airbyte_raw_id" && uuid::Uuid::try_parse(&value).is_ok() && value.len() == 36 {
        return if raw_ids.insert(value) { "<uuid>".into() } else { "<uuid, not the first>".into() };
    }
    let mut text = String::with_capacity(value.len());
    for (index, character) in value.chars().enumerate() {
        if index == SHOWN_CHARS {
            let _ = write!(text, "… ({} characters, {} bytes)", value.chars().count(), value.len());
            break;
        }
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '∅' => text.push_str("\\∅"),
            c if c.is_control() => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    // A space at an end would be lost in the padding.
    if text.ends_with(' ') {
        text.replace_range(text.len() - 1.., "\\s");
    }
    if text.starts_with(' ') {
        text.replace_range(..1, "\\s");
    }
    text
}
