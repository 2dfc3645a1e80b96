//! What users hang on a table: found before it is replaced or altered, put back where it has to be taken down.

use super::{Statement, literal, quote};
use crate::schema::TableName;

/// `$1 oid` the table, `$2 oid` the table that would take its place: everything that a swap would lose, as kind and
/// name.
pub fn reasons_to_keep() -> Statement {
    Statement::new(
        "SELECT k.kind, k.name FROM ( \
         SELECT 'view' AS kind, v.relname::text AS name FROM pg_catalog.pg_depend d \
           JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = r.ev_class \
           WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND r.ev_class <> $1 \
         UNION SELECT 'rule', r.rulename::text FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1 \
         UNION SELECT CASE contype WHEN 'f' THEN 'foreign key' ELSE 'constraint' END, conname::text \
           FROM pg_catalog.pg_constraint \
           WHERE (conrelid = $1 AND contype <> 'n') OR (confrelid = $1 AND contype = 'f') \
             OR (conrelid = $2 AND conrelid <> 0 AND contype = 'c') \
         UNION SELECT 'trigger', tgname::text FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal \
         UNION SELECT 'row security policy', polname::text FROM pg_catalog.pg_policy WHERE polrelid = $1 \
         UNION SELECT 'row security', relname::text FROM pg_catalog.pg_class \
           WHERE oid = $1 AND (relrowsecurity OR relforcerowsecurity) \
         UNION SELECT 'publication', p.pubname::text FROM pg_catalog.pg_publication_rel r \
           JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1 \
         UNION SELECT 'statistics object', stxname::text FROM pg_catalog.pg_statistic_ext WHERE stxrelid = $1 \
         UNION SELECT 'partition or inheritance', pg_catalog.pg_describe_object( \
             'pg_catalog.pg_class'::pg_catalog.regclass, CASE WHEN inhrelid = $1 THEN inhparent ELSE inhrelid END, 0) \
           FROM pg_catalog.pg_inherits WHERE inhrelid = $1 OR inhparent = $1 \
         UNION SELECT 'comment', pg_catalog.pg_describe_object(d.classoid, d.objoid, d.objsubid) \
           FROM pg_catalog.pg_description d \
           WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = $1 AND NOT EXISTS \
             (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum = d.objsubid \
              AND a.attname = '_airbyte_meta') \
         UNION SELECT 'grant', old.relname::text FROM pg_catalog.pg_class old, pg_catalog.pg_class new \
           WHERE old.oid = $1 AND new.oid = $2 AND old.relacl IS DISTINCT FROM new.relacl \
         UNION SELECT 'owner', pg_catalog.pg_get_userbyid(old.relowner)::text \
           FROM pg_catalog.pg_class old, pg_catalog.pg_class new \
           WHERE old.oid = $1 AND new.oid = $2 AND old.relowner <> new.relowner \
         UNION SELECT 'replica identity', old.relreplident::text FROM pg_catalog.pg_class old, pg_catalog.pg_class new \
           WHERE old.oid = $1 AND new.oid = $2 AND old.relreplident <> new.relreplident \
         UNION SELECT 'storage setting', relname::text FROM pg_catalog.pg_class WHERE oid = $1 \
           AND (reloptions IS NOT NULL OR reltablespace <> 0 OR relpersistence <> 'p' OR relkind <> 'r') \
         UNION SELECT 'column setting', a.attname::text FROM pg_catalog.pg_attribute a \
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
           WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attacl IS NOT NULL \
             OR a.atthasdef OR a.attidentity <> '' OR a.attoptions IS NOT NULL OR a.attstorage <> t.typstorage \
             OR COALESCE(a.attstattarget, -1) <> -1 OR a.attcollation <> t.typcollation) \
         UNION SELECT 'security label', provider FROM pg_catalog.pg_seclabel \
           WHERE classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objoid = $1 \
         UNION SELECT 'object', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) \
           FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = $1 \
           LEFT JOIN pg_catalog.pg_type t ON t.oid = c.reltype \
           WHERE d.deptype = 'n' \
             AND (d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
                  OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass) \
             AND ((d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1) \
               OR (d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass \
                   AND d.refobjid IN (c.reltype, t.typarray))) \
         ) k ORDER BY k.kind, k.name",
    )
}

/// `$1 oid`: the foreign keys that point at the table, with the columns they point at.
pub fn inbound_foreign_keys() -> Statement {
    Statement::new(
        "SELECT k.conname::text AS name, k.conrelid::pg_catalog.regclass::text AS referencing, \
         ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY f (n, i) \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.n ORDER BY f.i) AS columns \
         FROM pg_catalog.pg_constraint k \
         WHERE k.contype = 'f' AND k.confrelid = $1 AND k.conparentid = 0 ORDER BY k.conname",
    )
}

/// `$1 oid`: the views on a table, and the views on those, the nearest first.
pub fn views() -> Statement {
    Statement::new(
        "WITH RECURSIVE dependent (oid, depth) AS ( \
           SELECT r.ev_class, 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
           WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND r.ev_class <> $1 \
           UNION SELECT r.ev_class, dependent.depth + 1 FROM dependent \
           JOIN pg_catalog.pg_depend d ON d.refobjid = dependent.oid \
             AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
             AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
           JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE r.ev_class <> dependent.oid) \
         SELECT c.oid AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, \
         pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, \
         pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, \
         c.relowner = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER) AS mine, \
         pg_catalog.pg_get_viewdef(c.oid) AS definition, \
         pg_catalog.array_to_string(c.reloptions, ', ') AS options, c.relispopulated AS populated, \
         pg_catalog.obj_description(c.oid, 'pg_class') AS comment \
         FROM (SELECT oid, pg_catalog.max(depth) AS depth FROM dependent GROUP BY oid) v \
         JOIN pg_catalog.pg_class c ON c.oid = v.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         ORDER BY v.depth, c.relname",
    )
}

/// `$1 oid` table, `$2 text` column: whether a view uses the column, which then cannot change its type.
pub fn is_used_by_view() -> Statement {
    Statement::new(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
         AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1 AND a.attname::text = $2 \
         AND r.ev_class <> $1) AS used",
    )
}

/// `$1 oid`: a view's grants (grantee NULL is PUBLIC, column NULL is the whole view).
pub fn view_grants() -> Statement {
    Statement::new(
        "SELECT NULL::pg_catalog.text AS column_name, g.privilege_type AS privilege, g.is_grantable AS grantable, \
         CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END AS grantee \
         FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) g \
         WHERE c.oid = $1 AND g.grantee <> c.relowner \
         UNION ALL SELECT a.attname::text, g.privilege_type, g.is_grantable, \
         CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END \
         FROM pg_catalog.pg_attribute a, LATERAL pg_catalog.aclexplode(a.attacl) g \
         WHERE a.attrelid = $1 AND a.attnum > 0",
    )
}

/// `$1 text` schema, `$2 text` view: the roles other than its owner that have privileges on it (NULL is PUBLIC).
pub fn grantees() -> Statement {
    Statement::new(
        "SELECT DISTINCT CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END AS grantee \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
         LATERAL pg_catalog.aclexplode(c.relacl) g \
         WHERE n.nspname::text = $1 AND c.relname::text = $2 AND g.grantee <> c.relowner",
    )
}

/// `$1 oid`: statements that make again what hangs on a view (indexes, triggers, rules), and its columns' comments.
pub fn view_attachments() -> Statement {
    Statement::new(
        "SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, NULL::pg_catalog.text AS column_name, \
         NULL::pg_catalog.text AS comment FROM pg_catalog.pg_index i WHERE i.indrelid = $1 \
         UNION ALL SELECT pg_catalog.pg_get_triggerdef(t.oid), NULL, NULL FROM pg_catalog.pg_trigger t \
         WHERE t.tgrelid = $1 AND NOT t.tgisinternal \
         UNION ALL SELECT pg_catalog.pg_get_ruledef(r.oid), NULL, NULL FROM pg_catalog.pg_rewrite r \
         WHERE r.ev_class = $1 AND r.rulename <> '_RETURN' \
         UNION ALL SELECT NULL, a.attname::text, pg_catalog.col_description(a.attrelid, a.attnum) \
         FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 \
         AND pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL",
    )
}

/// A view to be taken down and put back.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: TableName,
    /// It is a materialized one.
    pub materialized: bool,
    /// The owner, when it is not us.
    pub owner: Option<String>,
    /// The query, as the server prints it.
    pub definition: String,
    /// Storage options, as the server prints them.
    pub options: Option<String>,
    /// A materialized view that holds data.
    pub populated: bool,
    /// Comment.
    pub comment: Option<String>,
    /// Grants to others.
    pub grants: Vec<Grant>,
    /// Statements that make its indexes, triggers and rules, as the server prints them.
    pub attachments: Vec<String>,
    /// Comments of its columns.
    pub column_comments: Vec<(String, String)>,
}

/// One privilege of one role.
#[derive(Clone, Debug)]
pub struct Grant {
    /// A privilege's keyword, as the server prints it.
    pub privilege: String,
    /// One column only.
    pub column: Option<String>,
    /// The role; none is PUBLIC.
    pub grantee: Option<String>,
    /// May be passed on.
    pub grantable: bool,
}

impl View {
    fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.name.schema), quote(&self.name.table))
    }

    fn kind(&self) -> &'static str {
        if self.materialized { "MATERIALIZED VIEW" } else { "VIEW" }
    }

    /// Takes the view down.
    pub fn drop_statement(&self) -> Statement {
        Statement::new(format!("DROP {} {}", self.kind(), self.quoted()))
    }

    /// Makes the view again, with the privileges that the schema gives to every new one.
    pub fn create_statement(&self) -> Statement {
        let (view, kind) = (self.quoted(), self.kind());
        let options = self.options.as_ref().map(|o| format!(" WITH ({o})")).unwrap_or_default();
        let no_data = if self.materialized && !self.populated { " WITH NO DATA" } else { "" };
        let definition = self.definition.trim_end().trim_end_matches(';');
        Statement::new(format!("CREATE {kind} {view}{options} AS {definition}{no_data}"))
    }

    /// Takes back what the schema gave to the new view by default; none is PUBLIC.
    pub fn revoke_statement(&self, grantee: Option<&str>) -> Statement {
        let grantee = grantee.map_or_else(|| "PUBLIC".to_owned(), quote);
        Statement::new(format!("REVOKE ALL ON TABLE {} FROM {grantee}", self.quoted()))
    }

    /// Puts back what hung on the view.
    pub fn restore_statements(&self) -> Vec<Statement> {
        let (view, kind) = (self.quoted(), self.kind());
        let mut statements: Vec<Statement> = self.attachments.iter().map(Statement::new).collect();
        if let Some(comment) = &self.comment {
            statements.push(Statement::new(format!("COMMENT ON {kind} {view} IS {}", literal(comment))));
        }
        for (column, comment) in &self.column_comments {
            statements.push(Statement::new(format!(
                "COMMENT ON COLUMN {view}.{} IS {}",
                quote(column),
                literal(comment)
            )));
        }
        for grant in &self.grants {
            let column = grant.column.as_ref().map(|c| format!(" ({})", quote(c))).unwrap_or_default();
            let grantee = grant.grantee.as_ref().map_or_else(|| "PUBLIC".to_owned(), |g| quote(g));
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            statements.push(Statement::new(format!(
                "GRANT {}{column} ON TABLE {view} TO {grantee}{option}",
                grant.privilege
            )));
        }
        if let Some(owner) = &self.owner {
            statements.push(Statement::new(format!("ALTER {kind} {view} OWNER TO {}", quote(owner))));
        }
        statements
    }
}
