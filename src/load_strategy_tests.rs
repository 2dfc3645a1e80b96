use serde_json::json;

use super::*;
use crate::error::FailureType;
use crate::protocol::ConfiguredCatalog;

/// The module's own text: its table is the specification.
const SOURCE: &str = include_str!("load_strategy.rs");

/// The cells of the table's rows, heading and rule aside.
fn table() -> Vec<Vec<&'static str>> {
    let text = SOURCE.split("//! ```text\n").nth(1).and_then(|rest| rest.split("//! ```").next()).expect("the table");
    let mut lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let heading: Vec<&str> = lines.next().expect("a heading").split('|').map(str::trim).collect();
    assert_eq!(heading, ["destination_sync_mode", "minimum_generation_id", "rows are", "earlier rows", "published"]);
    assert!(lines.next().expect("a rule").starts_with("---"));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

fn choose(mode: &str, generation: Option<i64>, minimum: Option<i64>) -> Result<LoadStrategy> {
    let catalog = json!({"streams": [{
        "stream": {"name": "s", "namespace": "n", "json_schema": {"properties": {"id": {"type": "integer"}}}},
        "destination_sync_mode": mode, "primary_key": [["id"]],
        "generation_id": generation, "minimum_generation_id": minimum,
    }]});
    let catalog = ConfiguredCatalog::parse(&catalog.to_string()).expect("a catalog");
    LoadStrategy::choose(catalog.streams.first().expect("one stream"))
}

/// Generation and minimum ids that a cell of the table stands for.
fn ids(cell: &str) -> Vec<(Option<i64>, Option<i64>)> {
    match cell {
        "0 or absent" => {
            vec![
                (None, None),
                (Some(0), Some(0)),
                (Some(7), Some(0)),
                (Some(7), None),
                (None, Some(0)),
                (Some(0), None),
            ]
        }
        "= generation_id" => vec![(Some(1), Some(1)), (Some(7), Some(7)), (Some(i64::MAX), Some(i64::MAX))],
        "anything else" => {
            vec![(Some(7), Some(6)), (Some(7), Some(8)), (Some(7), Some(-1)), (None, Some(1)), (Some(0), Some(1))]
        }
        _ => panic!("the table has an unknown minimum_generation_id: {cell}"),
    }
}

const MODES: [&str; 4] = ["append", "append_dedup", "overwrite", "overwrite_dedup"];

#[test]
fn every_row_of_the_table_is_what_the_code_does() {
    let mut covered = Vec::new();
    for row in table() {
        let [mode, minimum, rest @ ..] = row.as_slice() else { panic!("a short row: {row:?}") };
        let modes = if *mode == "any" { MODES.to_vec() } else { vec![*mode] };
        for mode in modes {
            covered.push((mode, *minimum));
            for (generation, minimum) in ids(minimum) {
                let context = format!("{mode} with {generation:?} and {minimum:?}");
                let chosen = choose(mode, generation, minimum);
                let [rows, earlier, published] = rest else {
                    assert_eq!(rest, ["error: hybrid refresh is not supported"]);
                    assert!(chosen.is_err(), "{context}");
                    continue;
                };
                let want = LoadStrategy {
                    rows: match *rows {
                        "added" => Rows::Added,
                        "merged" => Rows::Merged,
                        other => panic!("rows are {other}"),
                    },
                    earlier: match *earlier {
                        "kept" => Earlier::Kept,
                        "replaced" => Earlier::Replaced,
                        "of this generation kept" => Earlier::ReplacedUnlessSameGeneration,
                        other => panic!("earlier rows are {other}"),
                    },
                    publish: match *published {
                        "at each commit" => Publish::AtEachCommit,
                        "at a clean end of input" => Publish::AtEndOfInput,
                        "at COMPLETE" => Publish::AtComplete,
                        other => panic!("published {other}"),
                    },
                };
                assert_eq!(chosen.expect(&context), want, "{context}");
            }
        }
    }
    covered.sort_unstable();
    let mut all: Vec<_> =
        MODES.iter().flat_map(|m| ["0 or absent", "= generation_id", "anything else"].map(|cell| (*m, cell))).collect();
    all.sort_unstable();
    assert_eq!(covered, all, "each mode and each meaning of the minimum has exactly one row");
}

#[test]
fn hybrid_refreshes_are_refused_by_name() {
    let error = choose("append", Some(7), Some(6)).expect_err("a hybrid refresh");
    assert_eq!(
        error.message(),
        "stream n.s has minimum_generation_id 6 and generation_id 7: hybrid refreshes are not supported, the minimum \
         must be 0 or the generation itself"
    );
    assert_eq!((error.kind(), error.kind().failure_type()), (ErrorKind::Catalog, FailureType::ConfigError));
    assert_eq!(error.stream().map(|s| s.name.as_str()), Some("s"));
    let absent = choose("append", None, Some(6)).expect_err("a minimum without a generation");
    assert!(absent.message().contains("minimum_generation_id 6 and generation_id 0:"), "{absent}");
}
