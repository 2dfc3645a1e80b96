//! Tables whose rows are in other tables: partitions, here or on other servers, and the shards and chunks of extensions.

use super::{Statement, quote_list, quote_table};
use crate::schema::TableName;

/// `$1 oid[]` partitioned tables: the columns that they are partitioned by, on all levels, whether expressions are among them, and the
/// partitions that are foreign tables, with their servers.
pub fn partitioned() -> Statement {
    Statement::new(
        "WITH RECURSIVE tree (root, oid) AS ( \
           SELECT o, o FROM pg_catalog.unnest($1::pg_catalog.oid[]) o \
           UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid) \
         SELECT t.root AS table_oid, \
         COALESCE(pg_catalog.bool_or(0 = ANY (p.partattrs::pg_catalog.int2[])), false) AS expressions, \
         ARRAY(SELECT DISTINCT a.attname::text FROM tree u JOIN pg_catalog.pg_partitioned_table q ON q.partrelid = u.oid \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = u.oid AND (a.attnum = ANY (q.partattrs::pg_catalog.int2[]) \
                 OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                   AND d.refclassid = d.classid AND d.objid = u.oid AND d.refobjid = u.oid AND d.deptype = 'i' \
                   AND a.attnum IN (d.objsubid, d.refobjsubid))) \
               WHERE u.root = t.root AND a.attnum > 0 ORDER BY 1) AS columns, \
         pg_catalog.array_agg(n.nspname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS schemas, \
         pg_catalog.array_agg(c.relname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS names, \
         pg_catalog.array_agg(s.srvname::text ORDER BY t.oid) FILTER (WHERE c.relkind = 'f') AS servers \
         FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = t.oid \
         LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = t.oid \
         LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver \
         GROUP BY t.root",
    )
}

/// The extensions of this database that spread tables in ways of their own.
pub fn engines() -> Statement {
    Statement::new(
        "SELECT e.extname::text AS engine, e.extversion AS version FROM pg_catalog.pg_extension e \
         WHERE e.extname IN ('citus', 'timescaledb') ORDER BY 1",
    )
}

/// `$1 oid[]`: those that Citus distributes, with the column that it does it by; none for a reference table.
pub fn distributed() -> Statement {
    Statement::new(
        "SELECT p.logicalrelid::pg_catalog.oid AS table_oid, \
         pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) AS column_name \
         FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid::pg_catalog.oid = ANY ($1)",
    )
}

/// `$1 oid[]`: those that are hypertables of TimescaleDB, a row for each column that they are spread by.
pub fn hypertables() -> Statement {
    Statement::new(
        "SELECT c.oid AS table_oid, d.column_name::text AS column_name FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN _timescaledb_catalog.hypertable h ON h.schema_name = n.nspname AND h.table_name = c.relname \
         LEFT JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id WHERE c.oid = ANY ($1)",
    )
}

/// Reads columns of a row. Of a foreign table this tells whether its server has them.
pub fn read(table: &TableName, columns: &[&str]) -> Statement {
    Statement::new(format!("SELECT {} FROM {} LIMIT 1", quote_list(columns.iter().copied()), quote_table(table)))
}
