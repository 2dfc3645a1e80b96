//! Rows of a load table (or of an unfinished next generation) -> the target table.
//!
//! A row is *newer* than another of its key when its cursor is greater, or, with equal cursors, when it was extracted
//! later or at the same time: what arrives later wins ties. A NULL cursor is older than any other. NULLs in a key are
//! equal.

use super::ddl::{ARRIVAL, CHANGES};
use super::{Statement, quote, quote_list, quote_table, straight};
use crate::schema::{EXTRACTED_AT, GENERATION_ID, KeyFacts, META, RAW_ID, TableName, TableSchema};
use crate::types::ColumnType;

/// Where the rows come from.
#[derive(Clone, Debug)]
pub struct Source {
    relation: String,
    meta: String,
    generation: String,
    has_arrival: bool,
    /// Rows of one key may compete.
    pub duplicates: bool,
    /// A key may hold a NULL.
    pub null_keys: bool,
}

impl Source {
    /// The load table of one window. What is the same for all its rows is added here and does not travel with each.
    pub fn load_table(table: &str, sync_id: i64, generation: i64, has_changes: bool, keys: KeyFacts) -> Self {
        let unchanged = format!("'{}'::pg_catalog.jsonb", straight::unchanged(sync_id));
        let changes = format!("s.{}", quote(CHANGES));
        Self {
            relation: format!("pg_temp.{}", quote(table)),
            meta: if has_changes {
                format!(
                    "CASE WHEN {changes} IS NULL THEN {unchanged} ELSE \
                     pg_catalog.jsonb_build_object('sync_id', {sync_id}, 'changes', {changes}) END"
                )
            } else {
                unchanged
            },
            generation: format!("{generation}::pg_catalog.int8"),
            has_arrival: keys.duplicates,
            duplicates: keys.duplicates,
            null_keys: keys.nulls,
        }
    }

    pub(super) fn relation(&self) -> &str {
        &self.relation
    }

    pub(super) fn meta(&self) -> &str {
        &self.meta
    }

    pub(super) fn generation(&self) -> &str {
        &self.generation
    }

    /// A table of ours that has the meta columns itself.
    pub fn table(table: &TableName, keys: KeyFacts) -> Self {
        Self {
            relation: quote_table(table),
            meta: format!("s.{}", quote(META)),
            generation: format!("s.{}", quote(GENERATION_ID)),
            has_arrival: false,
            duplicates: keys.duplicates,
            null_keys: keys.nulls,
        }
    }
}

/// Moves rows from a source into a target.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// The table that gets the rows.
    pub target: &'a TableName,
    /// Its columns, key and cursor.
    pub schema: &'a TableSchema,
    /// The rows.
    pub source: &'a Source,
}

impl Merge<'_> {
    /// Adds every row.
    pub fn insert(&self) -> Statement {
        Statement::new(format!("{} FROM {} s", self.insert_select(), self.source.relation))
    }

    /// Adds the newest row of each key to a table that holds none of the keys.
    pub fn insert_newest(&self) -> Statement {
        let live = self.live().map(|live| format!(" WHERE {live}")).unwrap_or_default();
        Statement::new(format!("{} FROM {} s{live}", self.insert_select(), self.newest()))
    }

    /// Adds or replaces rows by the unique index on the key.
    pub fn on_conflict(&self) -> Statement {
        let live = self.live().unwrap_or_else(|| "true".into());
        let set: Vec<String> = self.columns().iter().map(|c| format!("{c} = EXCLUDED.{c}", c = quote(c))).collect();
        Statement::new(format!(
            "{} FROM {} s WHERE {live} ON CONFLICT ({}) DO UPDATE SET {} WHERE {}",
            self.insert_select(),
            self.newest(),
            quote_list(self.schema.key_names()),
            set.join(", "),
            self.newer("EXCLUDED"),
        ))
    }

    /// Replaces the rows that are there and older; needs no index.
    pub fn update(&self) -> Statement {
        let live = self.live().map(|live| format!(" AND {live}")).unwrap_or_default();
        let values = [
            (RAW_ID, format!("s.{}", quote(RAW_ID))),
            (EXTRACTED_AT, format!("s.{}", quote(EXTRACTED_AT))),
            (META, self.source.meta.clone()),
            (GENERATION_ID, self.source.generation.clone()),
        ];
        let set: Vec<String> = values
            .iter()
            .map(|(c, value)| format!("{} = {value}", quote(c)))
            .chain(self.schema.columns.iter().map(|c| format!("{c} = s.{c}", c = quote(&c.name))))
            .collect();
        Statement::new(format!(
            "UPDATE {} AS t SET {} FROM {} s WHERE {} AND {}{live}",
            quote_table(self.target),
            set.join(", "),
            self.newest(),
            self.is_the_row(),
            self.newer("s"),
        ))
    }

    /// Adds the rows whose key is not there; needs no index.
    pub fn insert_absent(&self) -> Statement {
        let live = self.live().map(|live| format!("{live} AND ")).unwrap_or_default();
        Statement::new(format!(
            "{} FROM {} s WHERE {live}NOT EXISTS (SELECT FROM {} t WHERE {})",
            self.insert_select(),
            self.newest(),
            quote_table(self.target),
            self.is_the_row(),
        ))
    }

    /// Deletes the rows that are there and older, whether their keys are deleted or come anew; needs no index.
    pub fn delete_older(&self) -> Statement {
        Statement::new(format!(
            "DELETE FROM {} AS t USING {} s WHERE {} AND {}",
            quote_table(self.target),
            self.newest(),
            self.is_the_row(),
            self.newer("s"),
        ))
    }

    /// Deletes the rows that are there, older, and marked as deleted by the source; none where deletions are kept.
    pub fn delete(&self) -> Option<Statement> {
        let deleted_at = self.schema.deleted_at?;
        Some(Statement::new(format!(
            "DELETE FROM {} AS t USING {} s WHERE s.{} IS NOT NULL AND {} AND {}",
            quote_table(self.target),
            self.newest(),
            quote(self.schema.name(deleted_at)),
            self.is_the_row(),
            self.newer("s"),
        )))
    }

    fn columns(&self) -> Vec<&str> {
        [RAW_ID, EXTRACTED_AT, META, GENERATION_ID]
            .into_iter()
            .chain(self.schema.columns.iter().map(|c| c.name.as_str()))
            .collect()
    }

    fn insert_select(&self) -> String {
        let user = self.schema.columns.iter().map(|c| {
            let column = quote(&c.name);
            // A record that is more than jsonb holds is NULL by now, which the raw table's column is not.
            if self.schema.raw { format!("COALESCE(s.{column}, '{{}}')") } else { format!("s.{column}") }
        });
        let meta = [
            format!("s.{}", quote(RAW_ID)),
            format!("s.{}", quote(EXTRACTED_AT)),
            self.source.meta.clone(),
            self.source.generation.clone(),
        ];
        let values: Vec<String> = meta.into_iter().chain(user).collect();
        format!(
            "INSERT INTO {} AS t ({}) SELECT {}",
            quote_table(self.target),
            quote_list(self.columns()),
            values.join(", "),
        )
    }

    /// The source, or its newest row of each key where rows of one key may compete.
    fn newest(&self) -> String {
        if !self.source.duplicates {
            return self.source.relation.clone();
        }
        let key = quote_list(self.schema.key_names());
        let cursor = self.schema.cursor_name().map(|c| format!("{} DESC NULLS LAST, ", quote(c))).unwrap_or_default();
        let arrival = if self.source.has_arrival { format!(", {} DESC", quote(ARRIVAL)) } else { String::new() };
        format!(
            "(SELECT DISTINCT ON ({key}) * FROM {} ORDER BY {key}, {cursor}{} DESC{arrival})",
            self.source.relation,
            quote(EXTRACTED_AT),
        )
    }

    /// The row is not a deletion; none where deletions are kept as rows.
    fn live(&self) -> Option<String> {
        self.schema.deleted_at.map(|i| format!("s.{} IS NULL", quote(self.schema.name(i))))
    }

    fn same_key(&self, t: &str) -> String {
        // Only the plain comparison can be hashed or sought in an index.
        let equal = |c: &&str| {
            let c = quote(c);
            if self.source.null_keys {
                format!("({t}.{c} = s.{c} OR ({t}.{c} IS NULL AND s.{c} IS NULL))")
            } else {
                format!("{t}.{c} = s.{c}")
            }
        };
        self.schema.key_names().iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// The row `t` is the one of the key of `s`. Where several rows share a key that holds a NULL, as when the column is
    /// new or was set aside, none of them is: one record must not replace them all.
    fn is_the_row(&self) -> String {
        let same = self.same_key("t");
        if !self.source.null_keys {
            return same;
        }
        let null = self.schema.key_names().iter().map(|c| format!("s.{} IS NULL", quote(c))).collect::<Vec<_>>();
        format!(
            "{same} AND NOT (({}) AND EXISTS (SELECT FROM {} other WHERE {} AND \
             (other.tableoid, other.ctid) <> (t.tableoid, t.ctid)))",
            null.join(" OR "),
            quote_table(self.target),
            self.same_key("other"),
        )
    }

    fn newer(&self, s: &str) -> String {
        let extracted = format!("{s}.{e} >= t.{e}", e = quote(EXTRACTED_AT));
        let Some(cursor) = self.schema.cursor.and_then(|i| self.schema.columns.get(i)) else { return extracted };
        let c = quote(&cursor.name);
        // Texts are in one order only: that of the load table, where no user can have given the column another.
        let order = if cursor.column_type == ColumnType::String { " COLLATE pg_catalog.\"default\"" } else { "" };
        format!(
            "(({s}.{c} > t.{c}{order}) OR (t.{c} IS NULL AND {s}.{c} IS NOT NULL) OR \
             (({s}.{c} = t.{c}{order} OR ({s}.{c} IS NULL AND t.{c} IS NULL)) AND {extracted}))"
        )
    }
}

/// Fills a table with the rows of its next generation: all columns that both have.
pub fn copy_rows(from: &TableName, to: &TableName, columns: &[&str]) -> Statement {
    let columns = quote_list(columns.iter().copied());
    Statement::new(format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {}", quote_table(to), quote_table(from)))
}

/// Whether a key without NULLs is in `from` more than once, as `to` compares keys.
pub fn repeats_key(from: &TableName, to: &TableName, key: &[&str]) -> Statement {
    let present = key.iter().map(|c| format!("{} IS NOT NULL", quote(c))).collect::<Vec<_>>().join(" AND ");
    let columns = quote_list(key.iter().copied());
    Statement::new(format!(
        // Of the empty half comes the collation.
        "SELECT EXISTS (SELECT FROM (SELECT {columns} FROM {} UNION ALL SELECT {columns} FROM {} WHERE false) k \
         WHERE {present} GROUP BY {columns} HAVING pg_catalog.count(*) > 1)",
        quote_table(from),
        quote_table(to),
    ))
}

/// Replaces the rows of `to` by those of `from` without ever removing a row whose `key` stays, so that foreign keys
/// that point at it hold: rows known by `key` are updated, new ones added, the others deleted.
pub fn replace_by_key(from: &TableName, to: &TableName, columns: &[&str], key: &[&str]) -> [Statement; 3] {
    let (source, target) = (quote_table(from), quote_table(to));
    let on = key.iter().map(|c| format!("t.{c} = s.{c}", c = quote(c))).collect::<Vec<_>>().join(" AND ");
    let set = columns.iter().map(|c| format!("{c} = s.{c}", c = quote(c))).collect::<Vec<_>>().join(", ");
    let list = quote_list(columns.iter().copied());
    let values = columns.iter().map(|c| format!("s.{}", quote(c))).collect::<Vec<_>>().join(", ");
    [
        Statement::new(format!("UPDATE {target} AS t SET {set} FROM {source} s WHERE {on}")),
        Statement::new(format!("DELETE FROM {target} AS t WHERE NOT EXISTS (SELECT FROM {source} s WHERE {on})")),
        Statement::new(format!(
            "INSERT INTO {target} ({list}) SELECT {values} FROM {source} s \
             WHERE NOT EXISTS (SELECT FROM {target} t WHERE {on})"
        )),
    ]
}
