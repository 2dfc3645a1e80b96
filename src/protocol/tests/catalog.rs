//! What a configured catalog may say, and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind, FailureType};

/// A configured stream `users` with fields id, at and name, changed by `more`.
fn configured(more: &Value) -> Value {
    let mut stream = json!({
        "stream": {"name": "users", "namespace": "shop", "json_schema": {"type": "object", "properties": {
            "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "name": {"type": "string"},
        }}},
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
    });
    for (key, value) in more.as_object().expect("an object") {
        stream[key] = value.clone();
    }
    stream
}

fn catalog(streams: &[Value]) -> Result<ConfiguredCatalog, Error> {
    ConfiguredCatalog::parse(&json!({"streams": streams}).to_string())
}

fn one(more: Value) -> ConfiguredStream {
    let mut catalog = catalog(&[configured(&more)]).unwrap_or_else(|e| panic!("{more}: {e}"));
    assert_eq!(catalog.streams.len(), 1);
    catalog.streams.remove(0)
}

fn refused(catalog: Result<ConfiguredCatalog, Error>) -> Error {
    let error = catalog.expect_err("a catalog that cannot be used");
    assert_eq!(error.kind(), ErrorKind::Catalog, "{error}");
    assert_eq!(error.kind().failure_type(), FailureType::ConfigError, "{error}");
    error
}

#[test]
fn what_the_catalog_says_is_kept() {
    let stream = one(json!({
        "destination_sync_mode": "append_dedup",
        "primary_key": [["id"], ["name", "first"], ["id"]],
        "cursor_field": ["at", "inner"],
        "generation_id": 7, "minimum_generation_id": 0, "sync_id": 41,
        "include_files": false, "destination_object_name": "x",
    }));
    assert_eq!(stream.name, name(Some("shop"), "users"));
    assert_eq!(stream.mode, DestinationSyncMode::AppendDedup);
    assert_eq!(stream.primary_key, ["id", "name"]);
    assert_eq!(stream.cursor.as_deref(), Some("at"));
    assert_eq!(stream.generation, Some(Generation { id: 7, minimum: 0 }));
    assert_eq!(stream.sync_id, 41);
}

#[test]
fn every_mode_is_read() {
    use DestinationSyncMode::{Append, AppendDedup, Overwrite, OverwriteDedup};
    let modes = [
        ("append", Append),
        ("append_dedup", AppendDedup),
        ("overwrite", Overwrite),
        ("overwrite_dedup", OverwriteDedup),
    ];
    for (text, mode) in modes {
        assert_eq!(one(json!({"destination_sync_mode": text, "primary_key": [["id"]]})).mode, mode);
    }
}

#[test]
fn absent_and_null_ids_mean_none_or_zero() {
    let cases = [
        (json!({}), None, 0),
        (json!({"generation_id": null, "minimum_generation_id": null, "sync_id": null}), None, 0),
        (json!({"generation_id": 3}), Some((3, 0)), 0),
        (json!({"minimum_generation_id": 3, "sync_id": 5}), Some((0, 3)), 5),
        (json!({"generation_id": 0, "minimum_generation_id": 0}), Some((0, 0)), 0),
        (json!({"generation_id": 1, "minimum_generation_id": 1, "sync_id": 1}), Some((1, 1)), 1),
    ];
    for (more, generation, sync_id) in cases {
        let stream = one(more.clone());
        assert_eq!(stream.generation.map(|g| (g.id, g.minimum)), generation, "{more}");
        assert_eq!(stream.sync_id, sync_id, "{more}");
    }
}

#[test]
fn other_members_may_be_null() {
    let stream = one(json!({
        "stream": {"name": "users", "namespace": null, "json_schema": null, "is_resumable": null},
        "cursor_field": null, "primary_key": null,
    }));
    assert_eq!(stream.name, name(None, "users"));
    assert!(stream.properties.is_empty() && stream.primary_key.is_empty() && stream.cursor.is_none());
    for schema in [json!({}), json!({"properties": null}), json!({"properties": {}}), json!(true), json!("any")] {
        let stream = one(json!({"stream": {"name": "users", "namespace": "", "json_schema": schema}}));
        assert!(stream.properties.is_empty(), "{schema}");
        assert_eq!(stream.name.namespace, None);
    }
}

#[test]
fn properties_keep_the_order_of_the_text() {
    let text = r#"{"streams":[{"destination_sync_mode":"append","stream":{"json_schema":{"properties":
        {"z":{"type":"string"},"a":{"type":"integer"},"m":true,"\u0041":{},"z":{"type":"number"},"b":{}},"type":"object"},
        "name":"s"}}]}"#;
    let catalog = ConfiguredCatalog::parse(text).expect("a catalog");
    let properties = &catalog.streams.first().expect("one stream").properties;
    let names: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m", "A", "b"]);
    assert_eq!(properties.first().expect("z").1, json!({"type": "number"}), "the last of two members counts");
}

#[test]
fn streams_keep_their_order_and_their_namespaces() {
    let named = |namespace: Value, name: &str| {
        configured(&json!({"stream": {"name": name, "namespace": namespace, "json_schema": {}}}))
    };
    let streams = [named(json!("b"), "s"), named(json!("a"), "s"), named(json!(null), "s"), named(json!("a"), "S")];
    let names: Vec<String> = catalog(&streams).expect("a catalog").streams.iter().map(|s| s.name.to_string()).collect();
    assert_eq!(names, ["b.s", "a.s", "s", "a.S"]);
}

#[test]
fn modes_that_only_add_need_no_sound_key_or_cursor() {
    for mode in ["append", "overwrite"] {
        let stream = one(json!({
            "destination_sync_mode": mode, "primary_key": [["gone"], ["id"]], "cursor_field": ["gone"],
        }));
        assert_eq!((stream.primary_key.as_slice(), stream.cursor), (["id".to_owned()].as_slice(), None), "{mode}");
    }
}

#[test]
fn empty_cursor_lists_mean_no_cursor() {
    for cursor in [json!([]), json!(null)] {
        let stream =
            one(json!({"destination_sync_mode": "append_dedup", "primary_key": [["id"]], "cursor_field": cursor}));
        assert_eq!(stream.cursor, None);
    }
}

#[test]
fn streams_that_cannot_be_merged_are_refused_by_name() {
    let no_key = "stream shop.users asks for append_dedup but has no primary key: choose one, or another sync mode";
    let cases = [
        (json!({}), no_key),
        (json!({"primary_key": null}), no_key),
        (json!({"primary_key": []}), no_key),
        (
            json!({"primary_key": [["id"], ["gone"]]}),
            "the primary key field \"gone\" of stream shop.users is not in its schema",
        ),
        (json!({"primary_key": [["Id"]]}), "the primary key field \"Id\" of stream shop.users is not in its schema"),
        (json!({"primary_key": [[]]}), "the primary key field \"\" of stream shop.users is not in its schema"),
        (
            json!({"primary_key": [["id"]], "cursor_field": ["gone"]}),
            "the cursor field \"gone\" of stream shop.users is not in its schema",
        ),
    ];
    for mode in ["append_dedup", "overwrite_dedup"] {
        for (more, message) in &cases {
            let mut stream = configured(more);
            stream["destination_sync_mode"] = json!(mode);
            let error = refused(catalog(&[stream]));
            assert_eq!(error.message(), *message);
            assert_eq!(error.stream(), Some(&name(Some("shop"), "users")));
        }
    }
}

#[test]
fn catalogs_without_streams_or_with_one_twice_are_refused() {
    assert_eq!(refused(catalog(&[])).message(), "the configured catalog must have at least one stream");
    let twice = refused(catalog(&[configured(&json!({})), configured(&json!({"sync_mode": "full_refresh"}))]));
    assert_eq!(twice.message(), "the configured catalog has stream shop.users twice");
    assert_eq!(twice.stream(), Some(&name(Some("shop"), "users")));
    let unnamed = |namespace: Value| configured(&json!({"stream": {"name": "s", "namespace": namespace}}));
    let twice = refused(catalog(&[unnamed(json!(null)), unnamed(json!(""))]));
    assert_eq!(twice.message(), "the configured catalog has stream s twice");
    assert_eq!(twice.stream(), Some(&name(None, "s")));
}

#[test]
fn texts_that_are_no_catalog_are_refused_with_what_is_wrong() {
    let mode_missing = json!({"streams": [{"stream": {"name": "s"}}]}).to_string();
    let mode_unknown =
        json!({"streams": [{"stream": {"name": "s"}, "destination_sync_mode": "soft_delete"}]}).to_string();
    let name_missing = json!({"streams": [{"stream": {}, "destination_sync_mode": "append"}]}).to_string();
    let id_text = json!({"streams": [configured(&json!({"generation_id": "7"}))]}).to_string();
    let flat_key = json!({"streams": [configured(&json!({"primary_key": ["id"]}))]}).to_string();
    let properties =
        json!({"streams": [configured(&json!({"stream": {"name": "s", "json_schema": {"properties": [1]}}}))]});
    let cases = [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "expected struct RawCatalog"),
        ("{}", "missing field `streams`"),
        (r#"{"streams":null}"#, "invalid type: null"),
        (r#"{"streams":[]} x"#, "trailing characters"),
        (&mode_missing, "missing field `destination_sync_mode`"),
        (&mode_unknown, "unknown variant `soft_delete`"),
        (&name_missing, "missing field `name`"),
        (&id_text, "expected i64"),
        (&flat_key, "expected a sequence"),
        (&properties.to_string(), "expected an object of property schemas"),
    ];
    for (text, what) in cases {
        let message = refused(ConfiguredCatalog::parse(text)).message().to_owned();
        assert!(
            message.starts_with("the configured catalog is not valid: ") && message.contains(what),
            "{text}: {message}"
        );
    }
}

#[test]
fn unreadable_files_are_named() {
    let error = refused(ConfiguredCatalog::from_file(Path::new("/nowhere/catalog.json")));
    assert_eq!(error.message(), "cannot read the catalog file /nowhere/catalog.json");
    assert!(error.chain().contains("No such file"), "{}", error.chain());
}
