//! The rules of the tree, kept by reading it: who may use whom, and what may be said only in one place.
//!
//! The table of layers is in the documentation of `src/lib.rs`. It needs no server.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{File, tree};

/// Modules that are pure: no task, no socket, no clock.
const PURE: [&str; 13] = [
    "batch",
    "cli",
    "copy",
    "error",
    "json",
    "limits",
    "load_strategy",
    "naming",
    "numeric",
    "protocol",
    "schema",
    "sql",
    "types",
];

/// Words that a pure module does not say, and the files that say one nevertheless.
const IMPURE: [(&str, &[&str]); 6] = [
    ("async", &[]),
    ("await", &[]),
    ("tokio", &[]),
    ("TcpStream", &[]),
    ("Instant", &[]),
    // The time of a TRACE.
    ("SystemTime", &["protocol/output.rs"]),
];

/// One line of the table: what a module may use, and which of that goes against the order.
struct Layer {
    module: String,
    uses: BTreeSet<String>,
    against: BTreeSet<String>,
}

fn table() -> Vec<Layer> {
    let lib = source::read("src/lib.rs");
    let block = lib.split("//! ```layers\n").nth(1).and_then(|rest| rest.split("//! ```").next());
    let lines = block.expect("a block ```layers in src/lib.rs").lines();
    lines
        .map(|line| {
            let line = line.trim_start_matches("//!").trim();
            let (module, uses) = line.split_once(':').unwrap_or_else(|| panic!("a layer without a colon: {line}"));
            let against =
                uses.split_whitespace().filter_map(|name| name.strip_suffix('!')).map(str::to_owned).collect();
            let uses = uses.split_whitespace().map(|name| name.trim_end_matches('!').to_owned()).collect();
            Layer { module: module.trim().to_owned(), uses, against }
        })
        .collect()
}

/// Module -> modules that it uses, each with the files that do.
fn edges(files: &[File]) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut edges: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for file in files {
        let from = edges.entry(file.module()).or_default();
        for to in file.used_modules().into_iter().filter(|to| *to != file.module()) {
            from.entry(to).or_default().insert(file.path.clone());
        }
    }
    edges
}

#[test]
fn modules_use_what_the_table_allows_and_nothing_is_stale() {
    let mut wrong = Vec::new();
    let edges = edges(&tree());
    let table = table();
    for (module, used) in &edges {
        let Some(layer) = table.iter().find(|layer| layer.module == *module) else {
            wrong.push(format!("module {module} is not in the table"));
            continue;
        };
        for (to, files) in used.iter().filter(|(to, _)| !layer.uses.contains(*to)) {
            wrong.push(format!("{module} may not use {to}, but {files:?} do"));
        }
        for to in layer.uses.iter().filter(|to| !used.contains_key(*to)) {
            wrong.push(format!("{module} does not use {to} any more: take it out of the table"));
        }
    }
    for layer in table.iter().filter(|layer| !edges.contains_key(&layer.module)) {
        wrong.push(format!("there is no module {}", layer.module));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_goes_upwards_but_where_it_says_otherwise() {
    let table = table();
    let mut below = BTreeSet::new();
    for layer in &table {
        for to in &layer.uses {
            assert_eq!(
                layer.against.contains(to),
                !below.contains(to),
                "{} uses {to}: a `!` stands exactly where a module uses one that is listed after it",
                layer.module
            );
        }
        assert!(below.insert(layer.module.clone()), "{} is listed twice", layer.module);
    }
}

#[test]
fn modules_are_reached_through_the_root() {
    for file in tree() {
        assert!(!file.code.contains("super::super::"), "{}", file.path);
        assert!(!file.is_root() || !file.code.contains("super::"), "{}: crate:: says it better", file.path);
    }
}

#[test]
fn only_the_session_knows_the_client() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tree().iter().filter(|file| file.module() != "pg") {
        let items = file.items_of("tokio_postgres");
        if !items.is_empty() {
            found.insert(file.path.clone(), items);
        }
    }
    assert_eq!(found, BTreeMap::new());
}

#[test]
fn only_output_writes_to_stdout() {
    let mut found = BTreeSet::new();
    for file in tree() {
        for word in ["println", "print", "dbg", "stdout"] {
            let said = file.places_of(word).into_iter().any(|at| {
                let (before, after) = file.code.split_at(at);
                match word {
                    "stdout" => !before.ends_with("Output::") && !before.ends_with("pub fn "),
                    "print" => after.starts_with("print!") || before.ends_with('.'),
                    _ => true,
                }
            });
            if said {
                found.insert((file.path.clone(), word));
            }
        }
    }
    // clap prints usage and help before there is an output.
    let allowed = [("main.rs".to_owned(), "print"), ("protocol/output.rs".to_owned(), "stdout")];
    assert_eq!(found, BTreeSet::from(allowed));
}

#[test]
fn pure_modules_wait_for_nothing() {
    for (word, exceptions) in IMPURE {
        let found: Vec<String> = tree()
            .into_iter()
            .filter(|file| PURE.contains(&file.module().as_str()) && !file.places_of(word).is_empty())
            .map(|file| file.path)
            .collect();
        assert_eq!(found, exceptions, "{word}");
    }
}

#[test]
fn nothing_is_unsafe_and_nothing_unwrapped() {
    for file in tree() {
        assert!(file.places_of("unsafe").is_empty(), "{} holds unsafe code", file.path);
        assert!(!file.code.contains(".unwrap()"), "{}: say with expect why it holds", file.path);
    }
}

#[test]
fn the_reader_of_sources_sees_code_alone() {
    let code = source::strip(
        "use crate::a; // crate::b\n/* crate::c /* nested */ */ let x = \"crate::d \\\" crate::e\";\n\
         let y = r#\"crate::f \" \"#; let q = '\"'; let z: &'a str = b\"crate::g\"; crate::{h, i::{j, k}, l};",
    );
    let file = File { path: "write/x.rs".into(), code };
    assert_eq!(file.used_modules(), ["a", "h", "i", "l"].map(str::to_owned).into());
    assert_eq!(file.module(), "write");
    let client = File { path: "x.rs".into(), code: "use client::types::{A, B}; client::Row client::{C, d::E}".into() };
    assert_eq!(client.items_of("client"), ["C", "Row", "d::E", "types::A", "types::B"].map(str::to_owned).into());
    assert_eq!(client.module(), "x");
}

#[test]
fn tests_are_left_out_and_sources_are_not() {
    let files = tree();
    assert!(files.iter().any(|file| file.path == "types/calendar.rs" && file.code.contains("fn parse_date")));
    assert!(files.iter().all(|file| !file.path.contains("tests")));
    assert!(files.iter().any(|file| file.path == "cli.rs" && !file.code.contains("fn grammar_is_sound")));
    assert!(files.len() > 40, "{}", files.len());
}
