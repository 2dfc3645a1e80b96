//! Columns that say when a row was read and what was changed in it.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("meta::a_time_of_any_type_is_the_time_of_its_row", a_time_of_any_type_is_the_time_of_its_row),
        Trial::test("meta::changes_of_any_type_are_those_of_their_row", changes_of_any_type_are_those_of_their_row),
        Trial::test("meta::names_of_our_other_columns_are_fields", names_of_our_other_columns_are_fields),
        Trial::test("meta::what_says_nothing_is_an_error_of_its_column", what_says_nothing_is_an_error_of_its_column),
    ]
}

fn a_time_of_any_type_is_the_time_of_its_row() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "meta");
    let database = TestServer::shared().database()?;
    let [at, half, day] = [
        ["2024-01-09 01:02:03.456+00", "1969-12-31 23:59:59.5+00"],
        ["2024-01-09 01:02:03.4565+00", "1969-12-31 23:59:59.5005+00"],
        ["2024-01-09 00:00:00+00", "1969-12-31 00:00:00+00"],
    ];
    let (from_1970, float) =
        ([at[0], "1970-01-01 00:00:00+00"], ["2004-11-03 19:53:47.776+00", "1970-01-01 00:00:00+00"]);
    for (name, [first, third]) in [
        ("double", half),
        ("decimal", half),
        ("text", at),
        ("words", at),
        ("nanos", at),
        ("local", at),
        ("runs", at),
        ("decimal256", at),
        ("date", day),
        ("uint64", from_1970),
        ("float", float),
    ] {
        good(&database, &catalog(json!({})), &files, &batch_of(&files, &[&format!("at_{name}.arrow")]));
        let query = "SELECT id, _airbyte_extracted_at FROM airbyte.t ORDER BY id";
        let want = [format!("1|{first}"), "2|2023-11-14 22:13:20+00".into(), format!("3|{third}")];
        assert_eq!(rows(&database, query)?, want, "{name}");
        database.superuser()?.run("DROP TABLE airbyte.t")?;
    }
    Ok(())
}

fn changes_of_any_type_are_those_of_their_row() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "meta");
    let database = TestServer::shared().database()?;
    let change = r#"[{"field": "f", "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"}]"#;
    for name in ["struct", "map", "text", "json"] {
        good(&database, &catalog(json!({})), &files, &batch_of(&files, &[&format!("meta_{name}.arrow")]));
        let query = "SELECT id, _airbyte_meta -> 'changes' FROM airbyte.t ORDER BY id";
        assert_eq!(rows(&database, query)?, [format!("1|{change}"), "2|[]".into(), "3|[]".into()], "{name}");
        database.superuser()?.run("DROP TABLE airbyte.t")?;
    }
    Ok(())
}

fn names_of_our_other_columns_are_fields() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "meta");
    let database = TestServer::shared().database()?;
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["names.arrow"]));
    let theirs = "SELECT key ~ '^_airbyte_(raw|generation)_id_[0-9a-f]+$', value FROM airbyte.t, jsonb_each_text(to_jsonb(t)) WHERE value IN ('7', 'theirs') ORDER BY value";
    assert_eq!(rows(&database, theirs)?, ["t|7", "t|theirs"]);
    Ok(())
}

fn what_says_nothing_is_an_error_of_its_column() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "meta");
    let database = TestServer::shared().database()?;
    let time = "column \"_airbyte_extracted_at\": it holds a value that is no time: a timestamp, a date, ISO 8601 or milliseconds";
    let object = "column \"_airbyte_meta\": it holds a value that is no object, nor a text of one";
    let list = "column \"_airbyte_meta\": it holds an object whose `changes` are no list";
    let at = ["nan", "word", "flag", "struct", "clock", "far"].map(|name| (format!("at_{name}.arrow"), time));
    let meta = [("word", object), ("number", object), ("list", list)];
    for (name, want) in at.into_iter().chain(meta.map(|(name, want)| (format!("meta_{name}.arrow"), want))) {
        let (kind, text) = failure(&write(&database, &catalog(json!({})), &files, &batch_of(&files, &[&name])));
        assert_eq!(kind, "config_error", "{name}");
        assert!(text.ends_with(&format!("{name}: {want}")), "{text}");
        assert!(!text.contains("yesterday"), "{text}");
    }
    Ok(())
}
