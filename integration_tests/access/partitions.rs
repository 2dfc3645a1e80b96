//! Tables that are partitioned, on one server or over several: every sync mode leaves in them what it leaves in a plain table.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::{Address, TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::workload::{Stream, catalog, complete, record, state, succeeded};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("partitions::as_in_a_plain_table::by_range", || as_in_a_plain_table(BY_RANGE)),
        Trial::test("partitions::as_in_a_plain_table::by_the_key", || as_in_a_plain_table(BY_KEY)),
        Trial::test("partitions::as_in_a_plain_table::in_two_levels", || as_in_a_plain_table(IN_TWO_LEVELS)),
        Trial::test("partitions::as_in_a_plain_table::on_other_servers", on_other_servers),
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
