//! The text of every statement, beside the tests, for names that try to be something else.

use std::fmt::Write;

use super::*;

/// `-- function` and its statement, for each. A line of a statement that goes on starts with four blanks.
/// `UPDATE=1 cargo test --lib golden` writes the file; read it then.
const GOLDEN: &str = include_str!("golden.sql");

fn rendered() -> String {
    let mut text = String::new();
    for (name, statement) in statements::all(&Names::nasty()) {
        writeln!(text, "-- {name}\n{}\n", statement.replace('\n', "\n    ")).expect("memory");
    }
    text
}

#[test]
fn statements_are_those_on_record() {
    let rendered = rendered();
    if std::env::var_os("UPDATE").is_some_and(|value| !value.is_empty() && value != "0") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/tests/golden.sql");
        std::fs::write(path, &rendered).expect("golden.sql can be written");
        return;
    }
    let changed = rendered.split("\n\n").zip(GOLDEN.split("\n\n")).find(|(now, then)| now != then);
    if let Some((now, then)) = changed {
        panic!("a statement differs from golden.sql; now:\n{now}\non record:\n{then}\nall:\n{rendered}");
    }
    assert_eq!(rendered.len(), GOLDEN.len(), "a statement more or less than in golden.sql:\n{rendered}");
}

#[test]
fn every_public_function_is_on_record() {
    let sources = [
        ("ddl", include_str!("../ddl.rs")),
        ("dependents", include_str!("../dependents.rs")),
        ("introspect", include_str!("../introspect.rs")),
        ("merge", include_str!("../merge.rs")),
        ("rejected", include_str!("../rejected.rs")),
        ("remedy", include_str!("../remedy.rs")),
        ("session", include_str!("../session.rs")),
        ("setup", include_str!("../setup.rs")),
        ("shape", include_str!("../shape.rs")),
        ("spread", include_str!("../spread.rs")),
        ("straight", include_str!("../straight.rs")),
    ];
    // These make no statement themselves.
    let parts = ["merge::load_table", "merge::table"];
    for (module, source) in sources {
        for line in source.lines() {
            let Some(rest) = line.trim().strip_prefix("pub fn ") else { continue };
            let function = format!("{module}::{}", rest.split(['(', '<']).next().expect("a name"));
            let on_record = GOLDEN
                .lines()
                .filter(|line| line.starts_with("-- "))
                .any(|line| line[3..].split(' ').any(|word| word == function));
            assert!(on_record || parts.contains(&function.as_str()), "{function} is not in golden.sql");
        }
    }
}

#[test]
fn only_what_this_connector_says_is_outside_of_quotes() {
    let nasty = statements::all(&Names::nasty());
    let plain = statements::all(&Names::plain());
    assert_eq!(nasty.len(), plain.len());
    for ((name, nasty), (_, plain)) in nasty.iter().zip(&plain) {
        assert_eq!(quoting::skeleton(nasty), quoting::skeleton(plain), "{name}");
    }
}

#[test]
fn objects_are_qualified() {
    /// Words of SQL that are written as calls but are none, or that name no function.
    const SYNTAX: [&str; 25] = [
        "and", "any", "array", "as", "check", "coalesce", "conflict", "exists", "filter", "from", "in", "join",
        "lateral", "not", "on", "operator", "or", "range", "select", "stdin", "to", "using", "values", "where", "with",
    ];
    /// Names of rows with a list of their columns.
    const ROWS: [&str; 6] = ["dependent", "f", "r", "t", "tree", "w"];
    let mut wrong = Vec::new();
    for (name, statement) in statements::all(&Names::plain()) {
        let skeleton = quoting::skeleton(&statement);
        for (at, _) in skeleton.match_indices('(') {
            let before = skeleton[..at].trim_end();
            let word =
                before.rsplit(|c: char| !(c.is_alphanumeric() || "_.\"?".contains(c))).next().unwrap_or_default();
            let called = word.to_ascii_lowercase();
            let allowed = called.is_empty()
                || called.contains("pg_catalog.")
                || called.ends_with('"')
                || SYNTAX.contains(&called.as_str())
                || ROWS.contains(&called.as_str());
            if !allowed {
                wrong.push(format!("{name}: {word}( is not qualified"));
            }
        }
        for word in ["FROM ", "JOIN ", "INTO ", "UPDATE ", "USING "] {
            for (at, _) in skeleton.match_indices(word) {
                let object = &skeleton[at + word.len()..];
                let first = object.split([' ', ')', ';']).next().unwrap_or_default();
                let line = skeleton[..at].lines().next_back().unwrap_or_default();
                let qualified = first.contains('.')
                    || line.trim_start_matches(['-', ' ']).starts_with("REVOKE")
                    || first.starts_with('(')
                    || ["STDIN", "LATERAL", "MESSAGE", "ROWS", "SET", "aside", "dependent", "tree", "EXCLUSIVE", ""]
                        .contains(&first)
                    || skeleton[..at].ends_with("DISTINCT ");
                if !qualified {
                    wrong.push(format!("{name}: {word}{first} is not qualified"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
