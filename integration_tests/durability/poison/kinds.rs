//! What people put on a table that refuses rows.

/// A way to refuse a row. `%` stands for the table.
pub struct Kind {
    pub name: &'static str,
    pub script: &'static str,
    /// Words of the error.
    pub says: &'static str,
    pub pad: Pad,
}

/// The refused row's text.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Pad {
    Value,
    Null,
    /// The value is in the table already.
    Again,
    /// Longer than an entry of an index.
    Long,
}

pub static KINDS: &[Kind] = &[
    Kind {
        name: "check",
        script: "ALTER TABLE airbyte.% ADD CONSTRAINT tame CHECK (pad NOT LIKE 'POISON%')",
        says: "constraint \"tame\"",
        pad: Pad::Value,
    },
    Kind {
        name: "trigger",
        script: "CREATE FUNCTION airbyte.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.pad LIKE 'POISON%' THEN RAISE EXCEPTION 'not %', NEW.pad; END IF; RETURN NEW; END $$;
            CREATE TRIGGER t BEFORE INSERT OR UPDATE ON airbyte.% FOR EACH ROW EXECUTE FUNCTION airbyte.refuse()",
        says: "airbyte.refuse()",
        pad: Pad::Value,
    },
    Kind {
        name: "trigger_with_a_code",
        script: "CREATE FUNCTION airbyte.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.pad LIKE 'POISON%' THEN
                    RAISE EXCEPTION 'not %', NEW.pad USING ERRCODE = 'AB123', DETAIL = NEW.pad, HINT = NEW.pad;
                END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE ON airbyte.% FOR EACH ROW EXECUTE FUNCTION airbyte.refuse()",
        says: "AB123",
        pad: Pad::Value,
    },
    Kind {
        name: "domain",
        script: "CREATE DOMAIN airbyte.tame AS text CONSTRAINT mild CHECK (VALUE NOT LIKE 'POISON%');
            ALTER TABLE airbyte.% ADD COLUMN seen airbyte.tame GENERATED ALWAYS AS (pad) STORED",
        says: "type \"tame\"",
        pad: Pad::Value,
    },
    Kind {
        name: "policy",
        script: "ALTER TABLE airbyte.% ENABLE ROW LEVEL SECURITY; ALTER TABLE airbyte.% FORCE ROW LEVEL SECURITY;
            CREATE POLICY harmless ON airbyte.% USING (true) WITH CHECK (pad NOT LIKE 'POISON%')",
        says: "row-level security policy",
        pad: Pad::Value,
    },
    Kind {
        name: "not_null",
        script: "ALTER TABLE airbyte.% ALTER COLUMN pad SET NOT NULL",
        says: "column \"pad\"",
        pad: Pad::Null,
    },
    Kind {
        name: "foreign_key",
        script: "CREATE TABLE airbyte.known AS SELECT generate_series(0, 4000) AS id;
            ALTER TABLE airbyte.known ADD PRIMARY KEY (id);
            ALTER TABLE airbyte.% ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES airbyte.known (id)",
        says: "constraint \"known\"",
        pad: Pad::Value,
    },
    Kind {
        name: "deferred_foreign_key",
        script: "CREATE TABLE airbyte.known AS SELECT generate_series(0, 4000) AS id;
            ALTER TABLE airbyte.known ADD PRIMARY KEY (id);
            ALTER TABLE airbyte.% ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES airbyte.known (id)
                DEFERRABLE INITIALLY DEFERRED",
        says: "constraint \"known\"",
        pad: Pad::Value,
    },
    Kind {
        name: "unique",
        script: "ALTER TABLE airbyte.% ADD CONSTRAINT once UNIQUE (pad)",
        says: "constraint \"once\"",
        pad: Pad::Again,
    },
    Kind {
        name: "exclusion",
        script: "ALTER TABLE airbyte.% ADD CONSTRAINT alone EXCLUDE USING btree (pad WITH =)",
        says: "constraint \"alone\"",
        pad: Pad::Again,
    },
    Kind {
        name: "partition",
        script: "ALTER TABLE airbyte.% RENAME TO old;
            CREATE TABLE airbyte.% (LIKE airbyte.old INCLUDING COMMENTS) PARTITION BY RANGE (id);
            CREATE TABLE airbyte.one PARTITION OF airbyte.% FOR VALUES FROM (0) TO (4000);
            INSERT INTO airbyte.% SELECT * FROM airbyte.old; DROP TABLE airbyte.old;
            ALTER TABLE airbyte.% OWNER TO @; ALTER TABLE airbyte.one OWNER TO @",
        says: "SQLSTATE 23514",
        pad: Pad::Value,
    },
    Kind {
        name: "generated_column",
        script: "ALTER TABLE airbyte.% ADD COLUMN inverse bigint GENERATED ALWAYS AS (1 / (id - 471147114)) STORED",
        says: "SQLSTATE 22012",
        pad: Pad::Value,
    },
    Kind {
        name: "index_expression",
        script: "CREATE INDEX inverse ON airbyte.% ((1 / (id - 471147114)))",
        says: "SQLSTATE 22012",
        pad: Pad::Value,
    },
    Kind {
        name: "length",
        script: "ALTER TABLE airbyte.% ADD COLUMN brief varchar(12) GENERATED ALWAYS AS (pad) STORED",
        says: "SQLSTATE 22001",
        pad: Pad::Value,
    },
    Kind {
        name: "index_entry",
        script: "CREATE INDEX theirs ON airbyte.% (pad)",
        says: "index entry is too long",
        pad: Pad::Long,
    },
];
