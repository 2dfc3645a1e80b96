//! Values whose meaning others must confirm: clocks of zones by the server, intervals by DuckDB; and names that come again.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("values::clocks_of_zones_are_those_of_the_server", clocks_of_zones_are_those_of_the_server),
        Trial::test("values::intervals_of_parquet_are_those_of_duckdb", intervals_of_parquet_are_those_of_duckdb),
        Trial::test("values::names_that_come_again_leave_an_entry", names_that_come_again_leave_an_entry),
    ]
}

fn clocks_of_zones_are_those_of_the_server() -> Result<(), Failed> {
    // As Postgres calls those of the files: it counts the hours of a zone without a name to the west.
    const ZONES: [&str; 6] =
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "-05:30", "+03:00"];
    let files = Files::made(SCRIPT, "zones");
    let mut properties = json!({"utc": {"type": "string", "format": "date-time"}});
    for n in 0..ZONES.len() {
        properties[format!("clock{n}")] =
            json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"});
        properties[format!("text{n}")] = json!({"type": "string"});
    }
    let declared = catalog(json!({"stream": {"name": "t", "json_schema": {"properties": properties}}}));
    for name in ["rows.parquet", "rows.arrow"] {
        let database = TestServer::shared().database()?;
        good(&database, &declared, &files, &batch_of(&files, &[name]));
        for (n, zone) in ZONES.into_iter().enumerate() {
            let wrong = format!(
                "SELECT utc, clock{n}, text{n} FROM airbyte.t WHERE NOT coalesce(clock{n} = utc AT TIME ZONE '{zone}'
                 AND text{n}::timestamptz = utc AND substr(text{n}, 1, 26)::timestamp = clock{n}, false)"
            );
            assert_eq!(rows(&database, &wrong)?, Vec::<String>::new(), "{name} {zone}");
        }
        assert_eq!(rows(&database, "SELECT count(DISTINCT utc) FROM airbyte.t")?, ["73"]);
    }
    Ok(())
}

fn intervals_of_parquet_are_those_of_duckdb() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "intervals");
    let database = TestServer::shared().database()?;
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["rows.parquet"]));
    database.superuser()?.run(&files.text("expected.sql"))?;
    let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attname IN ('i', 'list', 'struct') ORDER BY attname";
    assert_eq!(rows(&database, types)?, ["interval", "interval[]", "jsonb"]);
    let wrong = "SELECT * FROM airbyte.t FULL JOIN expected e USING (id) WHERE t.i::text IS DISTINCT FROM e.i::text
        OR list::text IS DISTINCT FROM ARRAY[e.i, NULL]::text OR (struct ->> 'i')::interval::text IS DISTINCT FROM e.i::text";
    assert_eq!(rows(&database, wrong)?, Vec::<String>::new());
    assert_eq!(rows(&database, "SELECT count(*), count(i) FROM airbyte.t")?, ["6|5"]);
    Ok(())
}

fn names_that_come_again_leave_an_entry() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "again");
    for (name, structs) in [("rows.arrow", true), ("rows.parquet", false)] {
        let database = TestServer::shared().database()?;
        good(&database, &catalog(json!({})), &files, &batch_of(&files, &[name]));
        let query = "SELECT id, map, numbered FROM airbyte.t ORDER BY id";
        assert_eq!(
            rows(&database, query)?,
            [r#"1|{"a": 3, "b": 2}|[[1, 1], [1, 2]]"#, r#"2|{"a": 1}|[]"#, "3|-|-"],
            "{name}"
        );
        let changes = "SELECT string_agg(id || (c ->> 'field') || ' ' || (c ->> 'change') || ' ' || (c ->> 'reason'), ', ' ORDER BY c ->> 'field', id) FROM airbyte.t, jsonb_array_elements(_airbyte_meta -> 'changes') c";
        let entry = |id: u32, field: &str| format!("{id}{field} TRUNCATED DESTINATION_SERIALIZATION_ERROR");
        let mut want = vec![entry(1, "map")];
        if structs {
            want.extend((1..=3).map(|id| entry(id, "struct")));
            assert_eq!(
                rows(&database, "SELECT struct FROM airbyte.t ORDER BY id")?,
                [r#"{"a": "x"}"#, r#"{"a": "y"}"#, r#"{"a": null}"#]
            );
        }
        assert_eq!(rows(&database, changes)?, [want.join(", ")], "{name}");
    }
    Ok(())
}
