//! Tables that are partitioned, on one server or over several: every sync mode leaves in them what it leaves in a plain table.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{Address, TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::workload::{Stream, catalog, complete, merged, record, state, succeeded};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("partitions::as_in_a_plain_table::by_range", || as_in_a_plain_table(BY_RANGE)),
        Trial::test("partitions::as_in_a_plain_table::by_the_key", || as_in_a_plain_table(BY_KEY)),
        Trial::test("partitions::as_in_a_plain_table::in_two_levels", || as_in_a_plain_table(IN_TWO_LEVELS)),
        Trial::test("partitions::as_in_a_plain_table::on_other_servers", on_other_servers),
        Trial::test("partitions::as_in_a_plain_table::by_table_options", by_table_options),
        Trial::test("partitions::what_the_catalogs_of_extensions_say", catalogs_of_extensions),
        Trial::test("partitions::new_fields_and_types_of_other_servers", new_fields),
        Trial::test("partitions::a_refresh_partitions_a_plain_table", a_refresh_partitions),
        Trial::test("partitions::options_that_cannot_be", options_that_cannot_be),
        Trial::test("partitions::check_tries_the_options", check_tries),
        Trial::test("partitions::no_name_ends_a_statement", no_name_ends_a_statement),
    ]
}

/// The customer's own way to partition {t}, which is empty and owned by the writer.
const BY_RANGE: &str = "PARTITION BY RANGE (at);
    CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES FROM ('2026-01-01 UTC') TO ('2026-02-01 UTC');
    CREATE TABLE {t}_2 PARTITION OF {t} FOR VALUES FROM ('2026-02-01 UTC') TO ('2026-03-01 UTC');
    CREATE TABLE {t}_rest PARTITION OF {t} DEFAULT";
const BY_KEY: &str = "PARTITION BY HASH (id);
    CREATE TABLE {t}_0 PARTITION OF {t} FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
const IN_TWO_LEVELS: &str = "PARTITION BY LIST (date_part('month', at AT TIME ZONE 'UTC'));
    CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES IN (1) PARTITION BY HASH (id);
    CREATE TABLE {t}_1_0 PARTITION OF {t}_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE {t}_1_1 PARTITION OF {t}_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE {t}_rest PARTITION OF {t} DEFAULT";

/// The streams: each comes twice, into a plain table and into a partitioned one.
const TABLES: [&str; 4] = ["keyed_plain", "keyed_tree", "added_plain", "added_tree"];

/// One sync of all streams: its records are (id, day of 2026, version, deleted).
struct Sync<'a> {
    records: &'a [(Option<i64>, u32, i64, bool)],
    /// The mode, of the streams with a key and of those without.
    modes: [&'a str; 2],
    generation: i64,
    minimum: i64,
    /// The stream has one more field.
    more: bool,
}

fn day(number: u32) -> String {
    format!("2026-{:02}-{:02}T12:00:00Z", 1 + number / 28, 1 + number % 28)
}

fn sync(config: &Value, number: i64, sync: &Sync<'_>) -> Outcome {
    let mut properties = json!({
        "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "version": {"type": "integer"},
        "_ab_cdc_deleted_at": {"type": "string", "format": "date-time"},
    });
    if sync.more {
        properties["more"] = json!({"type": "string"});
    }
    let stream = |name: &'static str| {
        let keyed = name.starts_with("keyed");
        let key: &[&str] = if keyed { &["id"] } else { &[] };
        let mode = sync.modes[usize::from(!keyed)];
        Stream { name, properties: properties.clone(), mode, key, generation: sync.generation, minimum: sync.minimum }
    };
    let mut catalog = catalog(&TABLES.map(stream));
    for stream in catalog["streams"].as_array_mut().expect("streams") {
        if stream["stream"]["name"].as_str().is_some_and(|name| name.starts_with("keyed")) {
            stream["cursor_field"] = json!(["version"]);
        }
    }
    let mut input = String::new();
    for name in TABLES {
        for &(id, on, version, deleted) in sync.records {
            let mut data = json!({"id": id, "at": day(on), "version": version});
            if deleted {
                data["_ab_cdc_deleted_at"] = json!(day(on));
            }
            if sync.more {
                data["more"] = json!(format!("more of {version}"));
            }
            input.push_str(&record(name, &data));
        }
        input.push_str(&state(name, number));
    }
    input.extend(TABLES.map(complete));
    Connector::write(config, &catalog).run(input.as_bytes())
}

/// Runs syncs in all modes; after each of them `each` looks at the tables.
fn all_modes(config: &Value, mut each: impl FnMut(usize, &Outcome) -> Result<(), Failed>) -> Result<(), Failed> {
    let first: Vec<_> = (0..30).map(|id| (Some(id), id as u32 * 3, 1, false)).chain([(None, 5, 1, false)]).collect();
    // Rows that move to another partition, older ones, new ones, a key twice, a deletion, one of a key that comes again, NULL as a key.
    let second = [
        (Some(0), 40, 2, false),
        (Some(1), 3, 0, false),
        (Some(2), 80, 2, false),
        (Some(2), 6, 3, false),
        (Some(3), 50, 2, true),
        (Some(4), 70, 2, true),
        (Some(4), 71, 3, false),
        (Some(99), 30, 1, false),
        (None, 45, 2, false),
    ];
    let third = [(Some(0), 2, 3, false), (Some(100), 45, 1, false), (Some(99), 31, 1, true), (None, 1, 3, false)];
    let refreshed: Vec<_> = (10..20).map(|id| (Some(id), 100 - id as u32 * 4, 5, false)).collect();
    let modes = ["append_dedup", "append"];
    let syncs = [
        Sync { records: &first, modes, generation: 1, minimum: 0, more: false },
        Sync { records: &second, modes, generation: 1, minimum: 0, more: false },
        Sync { records: &third, modes, generation: 1, minimum: 0, more: true },
        Sync { records: &refreshed, modes, generation: 2, minimum: 2, more: true },
        Sync { records: &second, modes, generation: 2, minimum: 0, more: true },
        Sync { records: &refreshed, modes: ["overwrite"; 2], generation: 3, minimum: 3, more: true },
        Sync { records: &third, modes, generation: 3, minimum: 0, more: true },
    ];
    for (number, one) in syncs.iter().enumerate() {
        let outcome = sync(config, number as i64 + 1, one);
        succeeded(&outcome, TABLES.len()).map_err(|error| format!("sync {number}: {error}"))?;
        each(number, &outcome)?;
    }
    Ok(())
}

/// That both tables of a stream hold the same.
fn same(sql: &Sql, number: usize) -> Result<(), Failed> {
    for stream in ["keyed", "added"] {
        let rows = |table: &str| {
            let columns = "(to_jsonb(t) - '_airbyte_raw_id' - '_airbyte_meta' - '_airbyte_extracted_at')::text";
            sql.rows(&format!("SELECT {columns} FROM airbyte.{stream}_{table} t ORDER BY 1"))
        };
        let (plain, tree) = (rows("plain")?, rows("tree")?);
        if plain.is_empty() || plain != tree {
            return Err(format!("sync {number}: {stream}\n{plain:?}\n{tree:?}").into());
        }
    }
    Ok(())
}

/// Makes the tables by a sync without records, then partitions those that shall be.
fn partitioned(database: &TestDatabase, how: &str) -> Result<(), Failed> {
    let modes = ["append_dedup", "append"];
    let nothing = Sync { records: &[], modes, generation: 1, minimum: 0, more: false };
    succeeded(&sync(&database.config(), 0, &nothing), TABLES.len())?;
    let sql = database.writer()?;
    for table in ["keyed_tree", "added_tree"] {
        let table = format!("airbyte.{table}");
        let parts = how.replace("{t}", &table);
        sql.run(&format!(
            "CREATE TABLE airbyte.old (LIKE {table} INCLUDING COMMENTS); DROP TABLE {table};
             CREATE TABLE {table} (LIKE airbyte.old INCLUDING COMMENTS) {parts}; DROP TABLE airbyte.old"
        ))?;
    }
    Ok(())
}

/// The partitions, each with how many rows it holds.
fn parts(sql: &Sql, table: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let parts = sql.rows(&format!(
        "SELECT relid::regclass::text FROM pg_partition_tree('airbyte.{table}') WHERE isleaf ORDER BY 1"
    ))?;
    let counts = parts
        .iter()
        .flatten()
        .flatten()
        .map(|part| Ok(vec![Some(part.clone()), Some(sql.value(&format!("SELECT count(*) FROM {part}"))?)]));
    counts.collect()
}

fn as_in_a_plain_table(how: &str) -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    partitioned(&database, how)?;
    let sql = database.superuser()?;
    let before = parts(&sql, "keyed_tree")?;
    all_modes(&database.config(), |number, _| {
        let now = parts(&sql, "keyed_tree")?;
        let names = |parts: &[Vec<Option<String>>]| parts.iter().map(|part| part[0].clone()).collect::<Vec<_>>();
        assert_eq!(names(&before), names(&now), "sync {number}");
        same(&sql, number)
    })
}

fn with_options(config: &Value, options: Value) -> Value {
    merged(config, &json!({"table_options": options}))
}

/// What the tables of both streams that are to be partitioned get.
fn by_month(more: Value) -> Value {
    let one = |stream: &str| {
        let months = [
            "FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z')",
            "FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z')",
        ];
        merged(&json!({"stream": stream, "partition_by": "RANGE (at)", "partitions": months}), &more)
    };
    json!([one("keyed_tree"), one("added_tree")])
}

fn by_table_options() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let statements = json!(["CREATE INDEX ON {table} (version)", "COMMENT ON TABLE {table} IS 'of {schema} {table}'"]);
    let more = json!({"storage_parameters": "fillfactor = 77", "tablespace": "in place", "after_create": statements});
    let config = with_options(&database.config(), by_month(more));
    let sql = database.superuser()?;
    sql.run("SET allow_in_place_tablespaces = on")?;
    sql.run("CREATE TABLESPACE \"in place\" LOCATION ''")?;
    sql.run("GRANT CREATE ON TABLESPACE \"in place\" TO PUBLIC")?;
    let mut before = Vec::new();
    all_modes(&config, |number, _| {
        let now: Vec<_> = parts(&sql, "keyed_tree")?.into_iter().map(|part| part[0].clone()).collect();
        if number == 0 {
            before.clone_from(&now);
        }
        assert_eq!((now.len(), &now), (3, &before), "sync {number}");
        let made = sql.rows(
            "SELECT c.relkind, c.reloptions::text, obj_description(c.oid), EXISTS (SELECT FROM pg_index i
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND a.attname = 'version')
             FROM pg_partition_tree('airbyte.keyed_tree') t JOIN pg_class c ON c.oid = t.relid ORDER BY c.relkind",
        )?;
        let [tree, parts @ ..] = &*made else { panic!("no table") };
        let elsewhere =
            "SELECT count(*) FROM pg_partition_tree('airbyte.keyed_tree') t JOIN pg_class c ON c.oid = t.relid
                         WHERE reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = 'in place')";
        assert_eq!(sql.value(elsewhere)?, "4");
        let said = r#"of "airbyte" "airbyte"."keyed_tree""#;
        assert_eq!(tree.iter().map(Option::as_deref).collect::<Vec<_>>(), [Some("p"), None, Some(said), Some("t")]);
        assert!(parts.iter().all(|part| part[1].as_deref() == Some("{fillfactor=77}")), "{parts:?}");
        same(&sql, number)
    })
}

/// The options come when the tables are there already, with a view on one of them.
fn a_refresh_partitions() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let records: Vec<_> = (0..30).map(|id| (Some(id), id as u32 * 3, 1, false)).collect();
    let modes = ["append_dedup", "append"];
    let one = |generation, minimum| Sync { records: &records, modes, generation, minimum, more: false };
    succeeded(&sync(&database.config(), 1, &one(1, 0)), TABLES.len())?;
    let sql = database.superuser()?;
    sql.run("CREATE VIEW airbyte.v AS SELECT id FROM airbyte.added_tree")?;
    let config = with_options(&database.config(), by_month(json!({})));
    let said = |outcome: &Outcome, words: &str| outcome.stdout.iter().filter(|line| line.contains(words)).count();
    let kept = sync(&config, 2, &one(1, 0));
    succeeded(&kept, TABLES.len())?;
    assert_eq!(said(&kept, "is there and not partitioned: `table_options` holds for"), 2, "{kept:#?}");
    let refreshed = sync(&config, 3, &one(2, 2));
    succeeded(&refreshed, TABLES.len())?;
    assert_eq!(said(&refreshed, "so `table_options` has no effect on it"), 1, "{refreshed:#?}");
    same(&sql, 3)?;
    assert_eq!((parts(&sql, "keyed_tree")?.len(), parts(&sql, "added_tree")?.len()), (3, 0));
    sql.run("DROP VIEW airbyte.v")?;
    succeeded(&sync(&config, 4, &one(3, 3)), TABLES.len())?;
    same(&sql, 4)?;
    assert_eq!((parts(&sql, "keyed_tree")?.len(), parts(&sql, "added_tree")?.len()), (3, 3));
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE '%next%' OR relkind = 'r' AND NOT relispartition
                AND relnamespace = 'airbyte'::regnamespace AND relname NOT LIKE '%plain'";
    assert_eq!(sql.value(left)?, "0");
    Ok(())
}

/// Options, what is said of them, and whether a check can know it.
const IMPOSSIBLE: &[(&str, &str, bool)] = &[
    (r#"{"partition_by": "RANGE (nothing)"}"#, "42703", false),
    (r#"{"partition_by": "RANGE (at", "partitions": []}"#, "42601", true),
    (r#"{"partition_by": "RANGE (id)", "partitions": ["FOR VALUES FROM (1) TO (1)"]}"#, "42P17", false),
    (r#"{"tablespace": "no such"}"#, "42704", true),
    (r#"{"storage_parameters": "fillfactor = 7"}"#, "22023", true),
    (r#"{"after_create": ["SELECT create_hypertable('{table}', 'at')"]}"#, "42883", true),
    (r#"{"after_create": ["CREATE INDEX ON {table} (nothing)"]}"#, "42703", false),
];

fn options_that_cannot_be() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let modes = ["append_dedup", "append"];
    let nothing = Sync { records: &[], modes, generation: 1, minimum: 0, more: false };
    for (options, code, known) in IMPOSSIBLE {
        let mut options: Value = serde_json::from_str(options).expect("JSON");
        options["stream"] = json!("keyed_tree");
        let config = with_options(&database.config(), json!([options]));
        let outcome = sync(&config, 1, &nothing);
        let said = outcome.stdout.iter().find(|line| line.contains("failure_type")).cloned().unwrap_or_default();
        let words =
            ["`table_options` of stream keyed_tree", "config_error", &format!("SQLSTATE {code}"), "creating table"];
        assert!(words.iter().all(|word| said.contains(word)), "{options}: {outcome:#?}");
        assert_eq!(database.superuser()?.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'keyed_tree%'")?, "0");
        let check = Connector::check(&config).run(b"");
        let said = check.stdout.iter().find(|line| line.contains("CONNECTION_STATUS")).cloned().unwrap_or_default();
        let failed = ["FAILED", "`table_options` of stream keyed_tree", code].iter().all(|word| said.contains(word));
        assert_eq!((failed, said.contains("SUCCEEDED")), (*known, !known), "{options}: {check:#?}");
    }
    Ok(())
}

fn check_tries() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let options = json!([
        {"stream": "a", "partition_by": "RANGE (date_trunc('day', at))", "storage_parameters": "fillfactor = 70"},
        {"stream": "b", "partition_by": "HASH (id)", "partitions": ["FOR VALUES WITH (MODULUS 1, REMAINDER 0)"]},
        {"stream": "c", "after_create": ["CREATE TABLE {schema}.beside (); COMMENT ON TABLE {table} IS 'c'", "CREATE INDEX ON {table} (id)"]},
        {"stream": "d", "partition_by": "LIST (country)", "partitions": ["FOR VALUES IN ('CH', 'DE')"], "after_create": ["GRANT SELECT ON {table} TO PUBLIC"]},
    ]);
    let check = Connector::check(&with_options(&database.config(), options)).run(b"");
    let said = check.stdout.join("\n");
    for words in [
        "stream a: not to be tried before the stream's columns are known",
        "ok: table options: a table for stream b",
        "a table for stream c as `table_options` says; `after_create` only as far as it can be tried",
        "a table for stream d as `table_options` says, and `after_create`",
        "SUCCEEDED",
    ] {
        assert!(said.contains(words), "{words}: {check:#?}");
    }
    assert_eq!(sql.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'airbyte'")?, "0");
    Ok(())
}

/// Neither a stream's name nor a schema's ends the text it stands in.
fn no_name_ends_a_statement() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let schema = "x'); CREATE TABLE public.injected (); --";
    database.superuser()?.run(&format!("CREATE SCHEMA \"{schema}\" AUTHORIZATION {}", database.writer))?;
    let config = merged(&database.config(), &json!({"schema": schema}));
    let stream = Stream {
        name: schema,
        properties: json!({"id": {"type": "integer"}}),
        mode: "append",
        key: &[],
        generation: 1,
        minimum: 0,
    };
    let catalog = catalog(&[stream]);
    let parts = ["FOR VALUES WITH (MODULUS 1, REMAINDER 0)"];
    let options = json!([{"stream": schema, "partition_by": "HASH (id)", "partitions": parts}]);
    let mut with_statement = options.clone();
    with_statement[0]["after_create"] = json!(["SELECT pg_relation_size('{table}')"]);
    let with_statement = with_options(&config, with_statement);
    for refused in [Connector::write(&with_statement, &catalog).run(b""), Connector::check(&with_statement).run(b"")] {
        let words = "holds a character that could end a text in SQL";
        assert!(refused.stdout.join("").contains(words), "{refused:#?}");
    }
    succeeded(&Connector::write(&with_options(&config, options), &catalog).run(b""), 0)?;
    let tables = database.superuser()?.rows(
        "SELECT nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg%' AND nspname <> 'information_schema'",
    )?;
    assert!(tables.len() == 2 && tables.iter().flatten().flatten().all(|name| name == schema), "{tables:?}");
    Ok(())
}

/// No server here has Citus or TimescaleDB: their catalogs are made by hand, so this is about what is chosen, not about what they allow.
const ENGINES: &[(&str, &str)] = &[
    (
        "citus",
        "CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partkey text);
         GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC;
         CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
         INSERT INTO pg_catalog.pg_dist_partition VALUES ('airbyte.keyed_tree', 'at'), ('airbyte.added_tree', NULL)",
    ),
    (
        "timescaledb",
        "CREATE SCHEMA _timescaledb_catalog; GRANT USAGE ON SCHEMA _timescaledb_catalog TO PUBLIC;
         CREATE TABLE _timescaledb_catalog.hypertable (id int, schema_name name, table_name name);
         CREATE TABLE _timescaledb_catalog.dimension (hypertable_id int, column_name name);
         GRANT SELECT ON ALL TABLES IN SCHEMA _timescaledb_catalog TO PUBLIC;
         INSERT INTO _timescaledb_catalog.hypertable VALUES (1, 'airbyte', 'keyed_tree'), (2, 'airbyte', 'added_tree');
         INSERT INTO _timescaledb_catalog.dimension VALUES (1, 'at')",
    ),
];

fn catalogs_of_extensions() -> Result<(), Failed> {
    let server = TestServer::start_with(&["allow_system_table_mods=on", "log_statement=all"]);
    for (engine, catalogs) in ENGINES {
        let database = server.address().database()?;
        partitioned(&database, "")?;
        let sql = database.superuser()?;
        sql.run(catalogs)?;
        sql.run(&format!(
            "INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
             VALUES (99999, '{engine}', 10, 11, false, '1.2.3')"
        ))?;
        let oid = sql.value("SELECT 'airbyte.keyed_tree'::regclass::oid")?;
        all_modes(&database.config(), |number, outcome| {
            let refilled = outcome.stdout.iter().any(|line| line.contains(&format!("distribution by {engine}")));
            assert_eq!(refilled, number == 3 || number == 5, "sync {number}: {outcome:#?}");
            assert_eq!(sql.value("SELECT 'airbyte.keyed_tree'::regclass::oid")?, oid, "sync {number}");
            same(&sql, number)
        })?;
        let check = Connector::check(&database.config()).run(b"");
        assert!(check.stdout.join("").contains(&format!(" with {engine} 1.2.3, UTF8")), "{check:#?}");
    }
    let log = std::fs::read_to_string(server.address().socket_directory.join("data/server.log"))?;
    for words in
        ["UPDATE \"airbyte\".\"keyed_tree\"", "ONLY \"airbyte\".\"keyed_tree\"", "COPY \"airbyte\".\"keyed_tree\""]
    {
        assert!(!log.contains(words), "{words}");
    }
    assert!(log.contains("DELETE FROM \"airbyte\".\"keyed_tree\" AS t USING"));
    Ok(())
}

/// What a table's other server lacks is told before anything is changed.
fn new_fields() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    partitioned(&database, "PARTITION BY RANGE (at); CREATE TABLE {t}_rest PARTITION OF {t} DEFAULT")?;
    // The other server is this one: what is there is the same.
    let columns = "(_airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta jsonb, _airbyte_generation_id bigint,
                    id bigint, at timestamptz, version bigint, _ab_cdc_deleted_at timestamptz)";
    let config = database.config();
    let password = crate::support::sql::quote_literal(config["password"].as_str().expect("a password"));
    sql.run(&format!(
        "CREATE EXTENSION postgres_fdw;
         CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}', dbname '{name}');
         GRANT USAGE ON FOREIGN SERVER far TO {writer};
         CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user '{writer}', password {password})",
        port = database.port(),
        name = database.name,
        writer = database.writer,
    ))?;
    let writer = database.writer()?;
    writer.run(&format!(
        "CREATE SCHEMA far; CREATE TABLE far.away {columns};
         CREATE FOREIGN TABLE airbyte.keyed_tree_far PARTITION OF airbyte.keyed_tree
         FOR VALUES FROM ('2026-01-01Z') TO ('2026-03-01Z') SERVER far OPTIONS (schema_name 'far', table_name 'away')"
    ))?;
    let records = [(Some(1), 3, 1, false), (Some(2), 90, 1, false)];
    let modes = ["append_dedup", "append"];
    let one = |more| Sync { records: &records, modes, generation: 1, minimum: 0, more };
    succeeded(&sync(&config, 1, &one(false)), TABLES.len())?;
    let refused = sync(&config, 2, &one(true));
    let said = refused.stdout.join("");
    for words in ["config_error", "on server \\\"far\\\" has no column", "ADD COLUMN"] {
        assert!(said.contains(words), "{words}: {refused:#?}");
    }
    let added =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'airbyte.keyed_tree'::regclass AND attname = 'more'";
    assert_eq!(sql.value(added)?, "0");
    writer.run("ALTER TABLE far.away ADD COLUMN more varchar")?;
    succeeded(&sync(&config, 3, &one(true)), TABLES.len())?;
    assert_eq!(sql.value("SELECT string_agg(more, ' ') FROM airbyte.keyed_tree")?, "more of 1 more of 1");
    // Another type: of the column that decides, and of one that the other server has too.
    for (column, column_type, words) in
        [("at", "date", "it decides in which partition a row is"), ("version", "text", "is a table of server")]
    {
        let properties = merged(
            &json!({"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "version": {"type": "integer"}}),
            &json!({column: if column_type == "date" { json!({"type": "string", "format": "date"}) } else { json!({"type": "string"}) }}),
        );
        let stream =
            Stream { name: "keyed_tree", properties, mode: "append_dedup", key: &["id"], generation: 1, minimum: 0 };
        let refused = Connector::write(&config, &catalog(&[stream])).run(b"");
        let said = refused.stdout.join("");
        assert!(said.contains(words) && said.contains("config_error"), "{refused:#?}");
    }
    Ok(())
}

/// Two other servers of the same major, with a partition each; the third partition is local.
fn on_other_servers() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let others = [TestServer::start(), TestServer::start()];
    let addresses: Vec<Address> = others.iter().map(TestServer::address).collect();
    let far = addresses.iter().map(Address::database).collect::<Result<Vec<_>, _>>()?;
    let sql = database.superuser()?;
    partitioned(&database, "PARTITION BY RANGE (at); CREATE TABLE {t}_rest PARTITION OF {t} DEFAULT")?;
    sql.run(&format!(
        "CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {}",
        database.writer
    ))?;
    for (number, far) in far.iter().enumerate() {
        let config = far.config();
        let (user, password) =
            (config["username"].as_str().expect("a user"), config["password"].as_str().expect("a password"));
        far.superuser()?.run(&format!("CREATE SCHEMA airbyte AUTHORIZATION {user}"))?;
        sql.run(&format!(
            "CREATE SERVER far_{number} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}', dbname '{name}');
             GRANT USAGE ON FOREIGN SERVER far_{number} TO {writer};
             CREATE USER MAPPING FOR {writer} SERVER far_{number} OPTIONS (user '{user}', password {password});
             CREATE USER MAPPING FOR postgres SERVER far_{number} OPTIONS (user '{user}', password {password})",
            port = far.port(),
            name = far.name,
            writer = database.writer,
            password = crate::support::sql::quote_literal(password),
        ))?;
        for table in ["keyed_tree", "added_tree"] {
            let columns = sql.value(&format!(
                "SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
                 FROM pg_attribute WHERE attrelid = 'airbyte.{table}'::regclass AND attnum > 0"
            ))?;
            // The column that comes with the third sync is there already.
            far.writer()?.run(&format!("CREATE TABLE airbyte.{table} ({columns}, more varchar)"))?;
            let month = number + 1;
            database.writer()?.run(&format!(
                "CREATE FOREIGN TABLE airbyte.{table}_{number} PARTITION OF airbyte.{table}
                 FOR VALUES FROM ('2026-0{month}-01 UTC') TO ('2026-0{}-01 UTC') SERVER far_{number}
                 OPTIONS (schema_name 'airbyte', table_name '{table}')",
                month + 1
            ))?;
        }
    }
    all_modes(&database.config(), |number, _| {
        for part in parts(&sql, "keyed_tree")? {
            assert!(number == 3 || part[1].as_deref() != Some("0"), "sync {number}: {part:?} is empty");
        }
        same(&sql, number)?;
        let wrong = "SELECT count(*) FROM airbyte.keyed_tree WHERE tableoid::regclass::text <>
                     CASE date_part('month', at AT TIME ZONE 'UTC') WHEN 1 THEN 'airbyte.keyed_tree_0'
                     WHEN 2 THEN 'airbyte.keyed_tree_1' ELSE 'airbyte.keyed_tree_rest' END";
        assert_eq!(sql.value(wrong)?, "0", "sync {number}: rows in a partition that is not theirs");
        Ok(())
    })
}
