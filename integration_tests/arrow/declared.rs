//! Streams that declare their fields: columns by name, each cast to the type that is declared.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("declared::columns_become_what_is_declared", columns_become_what_is_declared)]
}

fn columns_become_what_is_declared() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "declared");
    let properties = json!({
        "whole": {"type": ["null", "integer"]},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
        "words": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "object": {"type": "object"},
        "array": {"type": "array"},
        "missing": {"type": "string"},
    });
    let stream = catalog(json!({"stream": {"name": "t", "json_schema": {"properties": properties}}}));
    for name in ["rows.parquet", "rows.arrow", "rows.arrows"] {
        let database = TestServer::shared().database()?;
        good(&database, &stream, &files, &batch_of(&files, &[name]));
        let values = "SELECT whole, number, flag, words, day, object, \"array\", missing FROM airbyte.t ORDER BY words COLLATE \"C\"";
        assert_eq!(
            rows(&database, values)?,
            [
                "-|-2.00|-|-8|-|-|[]|-",
                r#"1|1.10|-|7|2024-01-02|{"a": 1}|[1, 2]|-"#,
                r#"-|-|-|-|2024-03-04|{"a": null}|-|-"#,
            ],
            "{name}"
        );
        let changes = "SELECT c ->> 'field', c ->> 'change', c ->> 'reason' FROM airbyte.t, jsonb_array_elements(_airbyte_meta -> 'changes') c ORDER BY 1, 3";
        assert_eq!(
            rows(&database, changes)?,
            [
                // A text is no boolean, as in JSON.
                "flag|NULLED|DESTINATION_SERIALIZATION_ERROR",
                "flag|NULLED|DESTINATION_SERIALIZATION_ERROR",
                "whole|NULLED|DESTINATION_SERIALIZATION_ERROR",
                "whole|NULLED|DESTINATION_SERIALIZATION_ERROR",
            ],
            "{name}"
        );
        let columns =
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'airbyte.t'::regclass AND attname = 'undeclared'";
        assert_eq!(rows(&database, columns)?, ["0"], "{name}");
    }
    Ok(())
}
