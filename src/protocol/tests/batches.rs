//! BATCH messages: the examples of `spec/`, which `integration_tests/arrow` holds against their JSON schema as well.

use std::fs;
use std::path::PathBuf;

use super::*;

fn examples(kind: &str) -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/examples/batch").join(kind);
    let files = fs::read_dir(folder).expect("examples").map(|entry| entry.expect("a file").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| (path.clone(), fs::read_to_string(path).expect("text").trim().to_owned())).collect()
}

#[test]
fn valid_examples_are_taken() {
    let examples = examples("valid");
    assert_eq!(examples.len(), 6);
    for (path, line) in examples {
        let Ok(Message::Batch(batch)) = parse(&line) else { panic!("{path:?}") };
        assert_eq!(batch.stream, "orders");
        let name = path.file_stem().expect("a name").to_str().expect("text").to_owned();
        let namespace = (name == "parquet").then_some("shop");
        assert_eq!(batch.namespace.as_deref(), namespace, "{name}");
        let want = (name == "parquet").then_some(1_700_000_000_000);
        assert_eq!(batch.emitted_at_ms, want, "{name}");
        match (name.as_str(), batch.rows) {
            ("parquet", BatchRows::Files(BatchFormat::Parquet, urls)) => {
                assert_eq!(urls, ["file:///data/orders-1.parquet", "file:///data/orders%202.parquet"]);
            }
            ("arrow_file", BatchRows::Files(BatchFormat::ArrowFile, urls)) => {
                assert_eq!(urls, ["file://localhost/data/orders.arrow"]);
            }
            ("arrow_stream", BatchRows::Files(BatchFormat::ArrowStream, urls)) => assert_eq!(urls.len(), 1),
            ("no_files", BatchRows::Files(BatchFormat::Parquet, urls)) => assert!(urls.is_empty()),
            ("inline" | "inline_with_format", BatchRows::Inline(data)) => assert_eq!(data, "/////wAAAAA="),
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn invalid_examples_are_refused_with_their_sentence() {
    let examples = examples("invalid");
    assert_eq!(examples.len(), 13);
    for (path, line) in examples {
        let want = fs::read_to_string(path.with_extension("txt")).expect("the sentence");
        assert_eq!(reason(&line), want.trim(), "{path:?}");
    }
}

#[test]
fn members_come_in_any_order_and_spelling() {
    let line =
        r#"{"batch":{"\u0064ata":"a\/b","stream":"old","str\u0065am":"n\u0065w","namespace":""},"type":"BATCH"}"#;
    let Ok(Message::Batch(batch)) = parse(line) else { panic!("no batch") };
    let BatchRows::Inline(data) = &batch.rows else { panic!("{batch:?}") };
    assert_eq!((&*batch.stream, batch.namespace.as_deref(), &**data), ("new", None, "a/b"));
}
