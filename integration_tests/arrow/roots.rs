//! Which files a source may name.

use std::os::unix::fs::symlink;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("roots::files_are_read_below_the_roots_alone", files_are_read_below_the_roots_alone),
        Trial::test("roots::what_cannot_be_read_is_named", what_cannot_be_read_is_named),
    ]
}

fn files_are_read_below_the_roots_alone() -> Result<(), Failed> {
    let (files, others) = (Files::made(SCRIPT, "people"), Files::made(SCRIPT, "people"));
    let database = TestServer::shared().database()?;
    symlink(others.path().join("one.parquet"), files.path().join("link.parquet"))?;
    let write = |roots: Option<String>, url: String| {
        let connector = Connector::write(&database.config(), &catalog(json!({})));
        let connector = match &roots {
            Some(roots) => connector.env("DESTINATION_BATCH_ROOTS", roots),
            None => connector,
        };
        connector.run(batch("parquet", &[url]).as_bytes())
    };
    let root = files.path().display().to_string();
    let two = format!("/nonexistent:{root}:{}", others.path().display());
    for (roots, url, want) in [
        (
            None,
            files.url("one.parquet"),
            "no file may be opened: set DESTINATION_BATCH_ROOTS in the connector's environment",
        ),
        (Some(String::new()), files.url("one.parquet"), "no file may be opened: set DESTINATION_BATCH_ROOTS"),
        (Some(root.clone()), others.url("one.parquet"), "it is not below a directory of DESTINATION_BATCH_ROOTS"),
        (
            Some(root.clone()),
            files.url("link.parquet"),
            "its symbolic links lead out of the directories of DESTINATION_BATCH_ROOTS",
        ),
        (Some(root.clone()), "file:///etc/passwd".into(), "it is not below a directory of DESTINATION_BATCH_ROOTS"),
        (Some(root.clone()), "https://example.com/x.parquet".into(), "does not begin with file://"),
    ] {
        let (kind, text) = failure(&write(roots.clone(), url));
        assert_eq!(kind, "config_error", "{roots:?}");
        assert!(text.contains(want) && text.starts_with("line 1 of the input: "), "{roots:?}: {text}");
    }
    for (roots, url) in [(root, files.url("one.parquet")), (two, files.url("link.parquet"))] {
        let outcome = write(Some(roots), url);
        assert_eq!(outcome.code(), 0, "{outcome:#?}");
    }
    assert_eq!(rows(&database, "SELECT count(*) FROM airbyte.t")?, ["6"]);
    Ok(())
}

fn what_cannot_be_read_is_named() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "people");
    let database = TestServer::shared().database()?;
    let pipe = files.path().join("pipe.arrow");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status()?.success());
    std::fs::create_dir(files.path().join("directory.arrow"))?;
    for (name, want) in [
        ("missing.arrow", "there is no such file"),
        ("directory.arrow", "it is a directory: name each of its files"),
        ("pipe.arrow", "it is not a regular file"),
    ] {
        let input = record(json!({}))
            + &state(1)
            + &batch_of(&files, &["one.arrow"])
            + &state(2)
            + &batch_of(&files, &[name])
            + &state(3);
        let outcome = write(&database, &catalog(json!({})), &files, &input);
        let (kind, text) = failure(&outcome);
        assert_eq!(kind, "config_error", "{name}");
        assert_eq!(text, format!("line 5 of the input: file {}: {want}", files.path().join(name).display()));
        // What came before is stored and acknowledged.
        assert_eq!(acknowledged(&outcome), [1.0, 3.0]);
    }
    Ok(())
}
