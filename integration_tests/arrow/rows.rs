//! Rows of messages: their order among records and states, counts, times and changes.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("rows::states_count_batches_like_records", states_count_batches_like_records),
        Trial::test("rows::data_may_be_in_the_message", data_may_be_in_the_message),
        Trial::test(
            "rows::a_row_may_say_when_it_was_read_and_what_was_changed",
            a_row_may_say_when_it_was_read_and_what_was_changed,
        ),
        Trial::test("rows::lines_that_are_no_batch_are_refused", lines_that_are_no_batch_are_refused),
    ]
}

fn states_count_batches_like_records() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let properties = json!({"id": {"type": "integer"}, "name": {"type": "string"}});
    let mut declared = stream(json!({"stream": {"name": "t", "json_schema": {"properties": properties}}}));
    let mut other = declared.clone();
    other["stream"]["name"] = json!("u");
    declared["sync_id"] = json!(1);
    let both = json!({"streams": [declared, other]});
    let of_u = |line: String| line.replace("\"stream\":\"t\"", "\"stream\":\"u\"");
    let json = |id: u32| record(json!({"id": id, "name": "json"}));
    let global =
        json!({"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}}})
            .to_string()
            + "\n";
    let input = [
        state(1),
        json(10),
        batch_of(&files, &["one.parquet"]),
        json(11),
        state(2),
        of_u(batch_of(&files, &["one.arrow", "two.arrow"])),
        batch_of(&files, &["two.arrows"]),
        state(3),
        batch("parquet", &[]),
        state(4),
        json(12),
        of_u(json(13)),
        batch_of(&files, &["one.arrow"]),
        global,
        batch_of(&files, &["one.arrow"]),
    ];
    let outcome = good(&database, &both, &files, &input.concat());
    assert_eq!(acknowledged(&outcome), [0.0, 5.0, 3.0, 0.0, 11.0]);
    // In their order within the stream, which the raw ids tell: they were made one after the other.
    assert_eq!(
        rows(&database, "SELECT string_agg(id || coalesce(name, ''), ' ' ORDER BY ctid) FROM airbyte.t")?,
        ["10json 1a 2b 3c 11json 2B 4d 2old 12json 1a 2b 3c 1a 2b 3c"]
    );
    assert_eq!(rows(&database, "SELECT count(*) FROM airbyte.u")?, ["7"]);
    Ok(())
}

fn data_may_be_in_the_message() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let data: Value = serde_json::from_str(&files.text("inline.json"))?;
    let database = TestServer::shared().database()?;
    // No directory needs to be allowed for that.
    let input = [
        message(json!({"data": data["one"], "stream": "t", "more": [1]})),
        message(json!({"encoding": {"format": "arrow_stream"}, "stream": "t", "namespace": null, "data": data["one"]})),
        state(1),
    ];
    let outcome = Connector::write(&database.config(), &catalog(json!({}))).run(input.concat().as_bytes());
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    assert_eq!(acknowledged(&outcome), [6.0]);
    assert_eq!(
        rows(&database, "SELECT id, name, at FROM airbyte.t ORDER BY id LIMIT 1")?,
        ["1|a|2024-01-01 00:00:00+00"]
    );
    // Without emitted_at it is now.
    let recent = "SELECT count(*) FROM airbyte.t WHERE _airbyte_extracted_at > now() - interval '10 minutes'";
    assert_eq!(rows(&database, recent)?, ["6"]);
    let broken = message(json!({"stream": "t", "data": "not base64!"}));
    let (kind, text) = failure(&Connector::write(&database.config(), &catalog(json!({}))).run(broken.as_bytes()));
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("config_error", "line 1 of the input: the data of the message: it is not base64")
    );
    Ok(())
}

fn a_row_may_say_when_it_was_read_and_what_was_changed() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["meta.parquet"]));
    let meta = "SELECT id, _airbyte_extracted_at, _airbyte_meta FROM airbyte.t ORDER BY id";
    let change = r#"{"field": "name", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"}"#;
    assert_eq!(
        rows(&database, meta)?,
        [
            r#"1|2024-01-09 00:00:00+00|{"changes": [], "sync_id": 7}"#.to_owned(),
            format!(r#"2|2023-11-14 22:13:20+00|{{"changes": [{change}], "sync_id": 7}}"#),
            r#"3|2024-01-08 00:00:00+00|{"changes": [], "sync_id": 7}"#.to_owned(),
        ]
    );
    let database = TestServer::shared().database()?;
    good(&database, &catalog(json!({})), &files, &batch_of(&files, &["numbers.arrow"]));
    assert_eq!(
        rows(&database, "SELECT id, _airbyte_extracted_at FROM airbyte.t ORDER BY id")?,
        ["1|2023-11-14 22:13:20+00", "2|2023-11-14 22:13:20+00", "3|1970-01-01 00:00:00+00"]
    );
    Ok(())
}

fn lines_that_are_no_batch_are_refused() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    for (line, want) in [
        (json!({"type": "BATCH"}).to_string(), "a BATCH message has no `batch` object"),
        (message(json!({"stream": "t"})), "the batch of stream t has neither a `manifest` nor `data`"),
        (
            message(json!({"stream": "x", "data": ""})),
            "it is a batch of stream x, which is not in the configured catalog",
        ),
    ] {
        let outcome = Connector::write(&database.config(), &catalog(json!({}))).run(line.as_bytes());
        assert_eq!(outcome.code(), 1);
        let traces = outcome.messages_of("TRACE");
        let error = &traces[0]["trace"]["error"];
        let text = error["message"].as_str().expect("a message");
        assert!(text.starts_with(&format!("line 1 of the input cannot be used: {want}")), "{text}");
        assert_eq!(error["failure_type"], "system_error");
    }
    Ok(())
}
