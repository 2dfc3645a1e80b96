//! COPY straight into a table. While large loads are under way, what is the same for all rows of a sync does not travel: two of the
//! meta columns have it as their default.

use super::{Statement, from_classes, literal, quote, quote_list, quote_table};
use crate::limits::{DEFAULTS_LOCK_TIMEOUT, LOCK_TIMEOUT};
use crate::schema::{EXTRACTED_AT, GENERATION_ID, META, META_COLUMNS, RAW_ID, TableName, TableSchema, meta_object};

/// How a default of ours for [`META`] begins, as the server shows it.
const OURS: &str = "'{\"changes\": [], \"sync_id\": ";

/// What [`META`] holds in a row without changes.
pub(super) fn unchanged(sync_id: i64) -> String {
    meta_object("[]", sync_id)
}

/// `$1 oid`, `$2 text[]` the key columns in order of their bytes: whether a load straight into the table and its partitions does what an
/// INSERT does (`plain`), whether sessions that load different keys never wait for each other (`independent`), both never where a partition
/// is on another server, and whether the meta columns have defaults, of ours (`ours`) or of anybody (`any_default`).
pub fn facts() -> Statement {
    Statement::new(format!(
        "WITH RECURSIVE tree (oid) AS (SELECT $1 \
           UNION ALL SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid) \
         SELECT c.relkind IN ('r', 'p') AND (c.relkind = 'p' OR NOT c.relhassubclass) \
           AND NOT (c.relhasrules OR c.relrowsecurity OR r.are_there OR t.are_there OR f.are_there) AS plain, \
         NOT (r.are_there OR t.are_there OR f.are_there) AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i \
           WHERE i.indrelid IN (SELECT oid FROM tree) \
           AND (i.indisexclusion OR i.indisunique AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR \
             ARRAY(SELECT a.attname::text COLLATE \"C\" FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k \
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY 1) \
             <> $2::pg_catalog.text[]))) AS independent, \
         COALESCE(pg_catalog.starts_with(d.meta, {}), false) AS ours, \
         d.generation IS NOT NULL OR d.meta IS NOT NULL AS any_default \
         FROM pg_catalog.pg_class c, \
         LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_class f ON f.oid = tree.oid WHERE f.relkind = 'f') \
           AS are_there) r, \
         LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.oid \
           WHERE NOT t.tgisinternal) AS are_there) t, \
         LATERAL (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_constraint k ON k.conrelid = tree.oid \
           WHERE k.contype = 'f' OR k.condeferrable) AS are_there) f, \
         LATERAL (SELECT \
           pg_catalog.max(pg_catalog.pg_get_expr(f.adbin, f.adrelid)) FILTER (WHERE a.attname = {}) AS meta, \
           pg_catalog.max(pg_catalog.pg_get_expr(f.adbin, f.adrelid)) FILTER (WHERE a.attname = {}) AS generation \
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum \
           WHERE a.attrelid = c.oid) d \
         WHERE c.oid = $1",
        literal(OURS),
        literal(META),
        literal(GENERATION_ID),
    ))
}

/// Takes the lock that [`set_defaults`] and [`drop_defaults`] need; of a partitioned table, whose own defaults hold for all rows that
/// come through it, not those of its partitions. Whoever comes later waits behind us, so we wait for a moment only.
pub fn lock(table: &TableName) -> Statement {
    Statement::new(format!(
        "SET LOCAL lock_timeout = {}; LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE; SET LOCAL lock_timeout = {}",
        DEFAULTS_LOCK_TIMEOUT.as_millis(),
        quote_table(table),
        LOCK_TIMEOUT.as_millis(),
    ))
}

/// From the commit on, rows of this sync and generation need not say so.
pub fn set_defaults(table: &TableName, sync_id: i64, generation: i64) -> Statement {
    Statement::new(format!(
        "ALTER TABLE ONLY {} ALTER COLUMN {} SET DEFAULT {}, ALTER COLUMN {} SET DEFAULT {generation}",
        quote_table(table),
        quote(META),
        literal(&unchanged(sync_id)),
        quote(GENERATION_ID),
    ))
}

/// Whether the defaults are those of [`set_defaults`]. What has been copied holds the lock that keeps them as they are.
pub fn has_defaults(table: &TableName, sync_id: i64, generation: i64) -> Statement {
    let is = |column: &str, value: &str| {
        format!(
            "pg_catalog.count(*) FILTER (WHERE a.attname = {} AND pg_catalog.btrim(pg_catalog.split_part( \
             pg_catalog.pg_get_expr(f.adbin, f.adrelid), '::', 1), E'\\'') = {}) = 1",
            literal(column),
            literal(value),
        )
    };
    Statement::new(format!(
        "SELECT {} AND {} FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum \
         WHERE a.attrelid = {}::pg_catalog.regclass",
        is(META, &unchanged(sync_id)),
        is(GENERATION_ID, &generation.to_string()),
        literal(&quote_table(table)),
    ))
}

/// The table is again as it was.
pub fn drop_defaults(table: &TableName) -> Statement {
    Statement::new(format!(
        "ALTER TABLE ONLY {} ALTER COLUMN {} DROP DEFAULT, ALTER COLUMN {} DROP DEFAULT",
        quote_table(table),
        quote(META),
        quote(GENERATION_ID),
    ))
}

/// For each of the tables in their order whether a COPY does just what an INSERT does (`plain`), whether it has neither partitions nor
/// foreign keys, and the database no engine that spreads tables (`single`), and its `columns` of Postgres's own types: a JSON array of
/// their names, types and type modifiers. What has been copied holds the lock that keeps that as it is.
pub fn takers(tables: &[&TableName]) -> Statement {
    Statement::new(format!(
        "SELECT COALESCE(c.relkind IN ('r', 'p') AND NOT (c.relhasrules OR c.relrowsecurity OR c.relhastriggers AND EXISTS \
           (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)), false) AS plain, \
         COALESCE(c.relkind = 'r' AND NOT (c.relhassubclass OR c.relhastriggers), false) AND NOT EXISTS \
           (SELECT FROM pg_catalog.pg_extension e WHERE e.extname IN ('citus', 'timescaledb')) AS single, \
         (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, t.typname, a.atttypmod)) \
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
           AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace) AS columns \
         {} ORDER BY w.i",
        from_classes(tables),
    ))
}

/// Takes rows with all of their columns.
pub fn copy_whole(table: &TableName, schema: &TableSchema) -> Statement {
    copy(table, META_COLUMNS.iter().map(|c| c.name), schema)
}

/// Takes rows whose constant columns have defaults.
pub fn copy_into(table: &TableName, schema: &TableSchema) -> Statement {
    copy(table, [RAW_ID, EXTRACTED_AT].into_iter(), schema)
}

fn copy<'a>(table: &TableName, meta: impl Iterator<Item = &'a str>, schema: &'a TableSchema) -> Statement {
    let columns = meta.chain(schema.columns.iter().map(|c| c.name.as_str()));
    Statement::new(format!("COPY {} ({}) FROM STDIN (FORMAT binary)", quote_table(table), quote_list(columns)))
}
