//! What is there: schemas, tables, columns, indexes, privileges.

use super::Statement;

/// `$1 text[]`: those of the schemas that exist, with whether we may use them and create in them.
pub fn schemas() -> Statement {
    Statement::new(
        "SELECT n.nspname::text AS schema, pg_catalog.pg_get_userbyid(n.nspowner)::text AS owner, \
         pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable, \
         pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS creatable \
         FROM pg_catalog.pg_namespace n WHERE n.nspname::text = ANY ($1)",
    )
}

/// `$1 text[]`: those that are roles.
pub fn roles() -> Statement {
    Statement::new(
        "SELECT r.rolname::text AS role FROM pg_catalog.pg_roles r WHERE r.rolname::text = ANY ($1) ORDER BY 1",
    )
}

/// `$1 text` schema, `$2 text` and `$3 text` columns: the tables there that have both and belong to a role whose rights
/// ours does not have.
pub fn foreign_tables() -> Statement {
    Statement::new(
        "SELECT c.relname::text AS name, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname::text = $1 AND c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') \
         AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid \
              AND a.attname::text IN ($2, $3) AND NOT a.attisdropped) = 2 ORDER BY 1",
    )
}

/// `$1 text` schema, `$2 text[]` roles: those that may not use it.
pub fn shut_out() -> Statement {
    Statement::new(
        "SELECT r.rolname::text AS role FROM pg_catalog.pg_roles r \
         JOIN pg_catalog.pg_namespace n ON n.nspname::text = $1 \
         WHERE r.rolname::text = ANY ($2) AND NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE') ORDER BY 1",
    )
}

/// Version, database, encoding, role and database privileges.
pub fn server() -> Statement {
    Statement::new(
        "SELECT pg_catalog.current_setting('server_version_num')::int4 AS version_number, \
         pg_catalog.current_setting('server_version') AS version, \
         pg_catalog.current_setting('server_encoding') AS encoding, \
         pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only, \
         pg_catalog.pg_is_in_recovery() AS standby, \
         pg_catalog.current_database()::text AS database, CURRENT_USER::text AS role, \
         pg_catalog.host(pg_catalog.inet_client_addr()) AS client_address, \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS can_create, \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY') AS can_temporary, \
         ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'MEMBER') \
           AND NOT pg_catalog.pg_has_role(r.oid, 'USAGE') ORDER BY 1) AS not_inherited",
    )
}

/// `$1 text[]` schemas, `$2 text[]` names: the relations under those names, one row a column (one row with a NULL
/// column for a relation without columns).
pub fn tables() -> Statement {
    Statement::new(
        "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid AS oid, c.relkind::text AS kind, \
         pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, \
         pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, \
         pg_catalog.obj_description(c.oid, 'pg_class') AS comment, \
         ARRAY(SELECT e.extname::text FROM pg_catalog.pg_extension e WHERE e.extname IN ('citus', 'timescaledb')) AS engines, \
         (SELECT p.pubname::text FROM pg_catalog.pg_publication_tables pt \
          JOIN pg_catalog.pg_publication p ON p.pubname = pt.pubname AND (p.pubupdate OR p.pubdelete) \
          WHERE pt.schemaname = n.nspname AND pt.tablename = c.relname \
          AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS \
              (SELECT FROM pg_catalog.pg_index pk WHERE pk.indrelid = c.oid AND pk.indisprimary)) \
          ORDER BY 1 LIMIT 1) AS unidentified, \
         ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k \
           WHERE k.conrelid = c.oid AND k.contype = 'c' ORDER BY k.conname) AS check_names, \
         ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k \
           WHERE k.conrelid = c.oid AND k.contype = 'c' ORDER BY k.conname) AS checks, \
         a.attname::text AS column_name, t.typname::text AS typname, tn.nspname = 'pg_catalog' AS builtin, \
         a.atttypmod AS typmod, a.attnotnull AS not_null, \
         (a.atthasdef OR a.attidentity <> '') AS has_default, \
         (a.attgenerated <> '' OR a.attidentity = 'a') AS generated, \
         EXISTS (SELECT FROM pg_catalog.pg_collation o WHERE o.oid = a.attcollation AND NOT o.collisdeterministic) \
           AS nondeterministic, \
         pg_catalog.col_description(c.oid, a.attnum) AS column_comment \
         FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w (s, r) \
         JOIN pg_catalog.pg_namespace n ON n.nspname = w.s::pg_catalog.name \
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.r::pg_catalog.name \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace \
         ORDER BY c.oid, a.attnum",
    )
}

/// `$1 oid[]`: the indexes of those tables.
pub fn indexes() -> Statement {
    Statement::new(
        "SELECT i.indrelid AS table_oid, c.relname::text AS name, \
         CASE WHEN i.indpred IS NULL AND i.indexprs IS NULL AND am.amname = 'btree' THEN \
           ARRAY(SELECT a.attname::text FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY k) \
         ELSE '{}' END AS columns, \
         i.indisunique AND i.indisvalid AND i.indimmediate AS is_unique, \
         COALESCE((pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')::pg_catalog.bool, false) \
           AS nulls_not_distinct, \
         EXISTS (SELECT FROM pg_catalog.pg_collation o WHERE o.oid = ANY (i.indcollation) AND NOT o.collisdeterministic) \
           AS nondeterministic, \
         pg_catalog.obj_description(i.indexrelid, 'pg_class') AS comment, \
         EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype <> 'f') \
           AS is_constraint \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_am am ON am.oid = c.relam \
         WHERE i.indrelid = ANY ($1) ORDER BY i.indrelid, c.relname",
    )
}

/// `$1 text` schema, `$2 text[]` names: those that a relation of the schema has.
pub fn taken_names() -> Statement {
    Statement::new(
        "SELECT c.relname::text AS name FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1::pg_catalog.name AND c.relname = ANY ($2::pg_catalog.name[])",
    )
}
