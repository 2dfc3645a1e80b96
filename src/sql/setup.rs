//! The scripts that an administrator runs: one lets the connector's user in, the other one takes that back.
//!
//! They go to a person and not to a session of ours, so they depend on no setting of the server and on no feature of
//! psql. Comments hold no names: a name could end a comment.

use super::{Statement, literal, quote, quote_list};

/// Whom to let in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The database to load into.
    pub database: &'a str,
    /// The user that logs in.
    pub user: &'a str,
    /// What the server shall keep of its password (`SCRAM-SHA-256$…`); none: the administrator sets the password.
    pub verifier: Option<&'a str>,
    /// The role that the user takes on, other than the user itself; it owns what is loaded.
    pub role: Option<&'a str>,
    /// Schemas of the destination.
    pub schemas: &'a [String],
    /// Roles that may read what is loaded.
    pub readers: &'a [String],
}

const SETTINGS: &str = "BEGIN;\nSET LOCAL search_path = '';\nSET LOCAL client_encoding = 'UTF8';\n";

impl Setup<'_> {
    /// Makes the user and gives it what it needs: CREATE and TEMPORARY on the database, or, where `own_schemas` is
    /// false, TEMPORARY alone and everything on schemas that the script makes beforehand.
    pub fn script(&self, own_schemas: bool) -> Statement {
        let mut text = String::from(
            "-- Lets destination-postgres load into this database with the least privileges. Run it in that database, as its\n\
             -- owner with CREATEROLE or as a superuser. It can be run again; it changes nothing that is right already.\n",
        );
        text.push_str(match self.verifier {
            Some(_) => {
                "-- It does not hold the password, only the SCRAM-SHA-256 verifier that the server keeps of it.\n"
            }
            None => "-- It sets no password: do that afterwards, in psql with \\password.\n",
        });
        text.push_str(SETTINGS);
        text.push_str(&self.roles());
        text.push_str(&if own_schemas { self.grants_on_database() } else { self.grants_on_schemas() });
        if !self.readers.is_empty() {
            text.push_str(&self.reader_grants(own_schemas));
        }
        text.push_str("\nCOMMIT;\n");
        text.push_str(&self.hardening());
        Statement::new(text)
    }

    fn roles(&self) -> String {
        let password = self.verifier.map(|verifier| format!(" PASSWORD {}", literal(verifier))).unwrap_or_default();
        let mut body = self.only_here();
        body.push_str(&unless_role(self.user, &format!("CREATE USER {}{password}", quote(self.user))));
        if let Some(role) = self.role {
            body.push_str(&unless_role(role, &format!("CREATE ROLE {} NOLOGIN", quote(role))));
        }
        let mut text = String::from("\n-- The user that logs in. One that is there already keeps its password.\n");
        if self.role.is_some() {
            text.push_str("-- The role that it takes on owns everything that is loaded.\n");
        }
        text.push_str(&block("", &body));
        if !password.is_empty() {
            text.push_str("-- To give that one the password of the configuration:\n");
            text.push_str(&commented(&format!("ALTER USER {}{password};\n", quote(self.user))));
        }
        if let Some(role) = self.role {
            text.push_str(&format!("GRANT {} TO {};\n", quote(role), quote(self.user)));
        }
        text
    }

    fn grants_on_database(&self) -> String {
        format!(
            "\n-- CREATE is for its schemas, TEMPORARY for the tables that rows pass through, CONNECT for databases where\n\
             -- PUBLIC does not have it.\n{}",
            self.database_privileges("CREATE, TEMPORARY")
        )
    }

    fn grants_on_schemas(&self) -> String {
        let grantee = quote(self.grantee());
        let mut text = format!(
            "\n-- TEMPORARY is for the tables that rows pass through, CONNECT for databases where PUBLIC does not have it.\n\
             -- It needs no CREATE on the database, since its schemas are made here.\n{}\
             REVOKE CREATE ON DATABASE {} FROM {grantee};\n",
            self.database_privileges("TEMPORARY"),
            quote(self.database),
        );
        for schema in self.schemas {
            let schema = quote(schema);
            text.push_str(&format!(
                "CREATE SCHEMA IF NOT EXISTS {schema};\nGRANT ALL ON SCHEMA {schema} TO {grantee};\n"
            ));
        }
        text
    }

    fn database_privileges(&self, privileges: &str) -> String {
        let (database, user) = (quote(self.database), quote(self.user));
        match self.role {
            None => format!("GRANT CONNECT, {privileges} ON DATABASE {database} TO {user};\n"),
            Some(role) => format!(
                "GRANT CONNECT ON DATABASE {database} TO {user};\nGRANT {privileges} ON DATABASE {database} TO {};\n",
                quote(role)
            ),
        }
    }

    fn reader_grants(&self, own_schemas: bool) -> String {
        let owner = self.grantee();
        let readers = quote_list(self.readers.iter().map(String::as_str));
        let mut text = String::from("\n-- Readers: what is loaded from now on, and what was loaded before.\n");
        // Both need a member of the owner, which a superuser always counts as.
        text.push_str(&block("", &take_on(owner, "  ")));
        let defaults = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {}", quote(owner));
        if own_schemas {
            text.push_str(&format!("{defaults} GRANT USAGE ON SCHEMAS TO {readers};\n"));
            text.push_str(&format!("{defaults} GRANT SELECT ON TABLES TO {readers};\n"));
        } else {
            for schema in self.schemas {
                let schema = quote(schema);
                text.push_str(&format!("GRANT USAGE ON SCHEMA {schema} TO {readers};\n"));
                text.push_str(&format!("{defaults} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {readers};\n"));
            }
        }
        let body = format!(
            "  FOR grant_to IN\n    \
             SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO ', n.nspname) FROM pg_catalog.pg_namespace n\n    \
             WHERE pg_catalog.pg_get_userbyid(n.nspowner) = {owner}\n    \
             UNION ALL\n    \
             SELECT pg_catalog.format('GRANT SELECT ON TABLE %I.%I TO ', n.nspname, c.relname)\n    \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n    \
             WHERE pg_catalog.pg_get_userbyid(c.relowner) = {owner} AND c.relkind IN ('r', 'p', 'v', 'm')\n    \
             AND c.relpersistence <> 't'\n  \
             LOOP\n    EXECUTE grant_to || {};\n  END LOOP;\n",
            literal(&readers),
            owner = literal(owner),
        );
        text.push_str(&block("DECLARE\n  grant_to text;\n", &body));
        text
    }

    fn hardening(&self) -> String {
        let mut text = String::from(
            "\n-- Worth a thought: by default everybody may connect, and before PostgreSQL 15 everybody may create in public.\n\
             -- Others lose what they have by PUBLIC alone.\n",
        );
        text.push_str(&commented(&format!("REVOKE ALL ON DATABASE {} FROM PUBLIC;\n", quote(self.database))));
        text.push_str(&commented("REVOKE CREATE ON SCHEMA public FROM PUBLIC;\n"));
        if !self.readers.is_empty() {
            let readers = quote_list(self.readers.iter().map(String::as_str));
            text.push_str(&commented(&format!("GRANT CONNECT ON DATABASE {} TO {readers};\n", quote(self.database))));
        }
        text
    }

    /// Removes the user and its privileges; what it has loaded stays, and belongs to whoever runs the script.
    pub fn undo(&self) -> Statement {
        let user = quote(self.user);
        let mut body = self.only_here();
        body.push_str(&format!(
            "  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {}) THEN\n{}    \
             REASSIGN OWNED BY {user} TO CURRENT_USER;\n    \
             DROP OWNED BY {user};\n    \
             BEGIN\n      DROP ROLE {user};\n    \
             EXCEPTION WHEN dependent_objects_still_exist THEN\n      \
             RAISE NOTICE USING MESSAGE = 'the user stays: it owns something in another database';\n    END;\n  END IF;\n",
            literal(self.user),
            take_on(self.user, "    "),
        ));
        // Everybody's schema is nobody's to drop.
        let schemas = self.schemas.iter().filter(|schema| *schema != "public");
        for schema in schemas.clone() {
            body.push_str(&format!(
                "  BEGIN\n    DROP SCHEMA IF EXISTS {};\n  \
                 EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN\n    \
                 RAISE NOTICE USING MESSAGE = {};\n  END;\n",
                quote(schema),
                literal(&format!("schema {} stays: it holds something, or is not yours", quote(schema))),
            ));
        }
        let mut text = format!(
            "-- Takes back what setup-sql gave. Run it in the same database, as its owner with CREATEROLE or as a superuser,\n\
             -- when no sync is running. It can be run again.\n\
             -- What was loaded stays and becomes the property of the role that runs this; a schema that holds nothing goes.\n\
             -- The user loses its privileges on every database: it is meant to be the user of this destination alone.\n\
             {SETTINGS}\n{}\nCOMMIT;\n",
            block("", &body)
        );
        if let Some(role) = self.role.map(quote) {
            text.push_str("\n-- The role that owns what was loaded may serve others too, so it stays. Without it:\n");
            text.push_str(&commented(&format!(
                "REASSIGN OWNED BY {role} TO CURRENT_USER;\nDROP OWNED BY {role};\nDROP ROLE {role};\n"
            )));
        }
        if schemas.clone().next().is_some() {
            text.push_str("\n-- Without what was loaded:\n");
        }
        for schema in schemas {
            text.push_str(&commented(&format!("DROP SCHEMA IF EXISTS {} CASCADE;\n", quote(schema))));
        }
        Statement::new(text)
    }

    /// Who holds the privileges and owns what is loaded.
    fn grantee(&self) -> &str {
        self.role.unwrap_or(self.user)
    }

    /// Stops a script in the wrong database, where it would do the right thing to the wrong schemas.
    fn only_here(&self) -> String {
        format!(
            "  IF pg_catalog.current_database() <> {} THEN\n    RAISE EXCEPTION USING MESSAGE = {};\n  END IF;\n",
            literal(self.database),
            literal(&format!("connect to database {} first", quote(self.database))),
        )
    }
}

fn unless_role(role: &str, statement: &str) -> String {
    let role = literal(role);
    format!(
        "  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {role}) THEN\n    {statement};\n  END IF;\n"
    )
}

/// Makes whoever runs the script a member of `role`, unless that is so already.
fn take_on(role: &str, indent: &str) -> String {
    format!(
        "{indent}IF NOT pg_catalog.pg_has_role({}, 'USAGE') THEN\n\
         {indent}  GRANT {} TO CURRENT_USER;\n\
         {indent}END IF;\n",
        literal(role),
        quote(role)
    )
}

/// An anonymous block; its quotes hold whatever the body says.
fn block(declarations: &str, body: &str) -> String {
    let body = format!("{declarations}BEGIN\n{body}END\n");
    let mut tag = String::from("$setup$");
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("DO {tag}\n{body}{tag};\n")
}

/// `statements` as comments: also what follows a line break within a name.
fn commented(statements: &str) -> String {
    let ended = statements.trim_end_matches('\n');
    format!("-- {}\n", ended.replace('\n', "\n-- ").replace('\r', "\r-- "))
}
