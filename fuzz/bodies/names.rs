//! Names: what Postgres takes, never the same for two, and still themselves after quoting.
//!
//! Each line of the input behind the first byte is a name.

use std::collections::{HashMap, HashSet};

use destination_postgres::naming::{
    TableRequest, column_names, next_generation_table, postgres_name, raw_schema, raw_table, table_names, with_suffix,
};
use destination_postgres::schema::{Column, KeyFacts, TableName, TableSchema};
use destination_postgres::sql::merge::{Merge, Source};
use destination_postgres::sql::{Statement, ddl, quote, session};
use destination_postgres::types::ColumnType;

/// Names of Postgres and of ours that no user's column may have.
const RESERVED: [&str; 12] = [
    "ctid",
    "xmin",
    "cmin",
    "xmax",
    "cmax",
    "tableoid",
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
    "_airbyte_loaded_at",
    "_airbyte_data",
];

/// The first byte says how many of the names have a column already.
pub fn run(input: &[u8]) {
    let Some((&choice, input)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut names: Vec<&str> = text.split('\n').take(48).collect();
    for name in &names {
        check_name(name);
    }
    check_statements(&names);
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    check_columns(&names, usize::from(choice) % (names.len() + 1));
    check_tables(&names);
}

/// What Postgres takes; a minus is there only where a name was cut, in the number behind its 54 bytes.
fn assert_identifier(name: &str) {
    let first = name.chars().next().expect("a name is not empty");
    assert!(name.len() <= 63 && !first.is_ascii_digit(), "{name:?}");
    let fits = |(at, c): (usize, char)| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && at == 55);
    assert!(name.chars().enumerate().all(fits), "{name:?}");
}

fn check_name(name: &str) {
    let made = postgres_name(name);
    assert_identifier(&made);
    if !made.contains('-') {
        assert_eq!(postgres_name(&made), made, "a name that needs nothing is left alone");
    }
    assert_eq!(postgres_name(name), made);
    for made in [raw_schema(Some(name)), raw_table(name, &made), raw_table(&made, name), raw_table("", name)] {
        assert_identifier(&made);
        assert_eq!(made, made.to_lowercase());
    }
    for suffix in ["", "_12345678", "_timestamptz_2"] {
        let made = with_suffix(name, suffix);
        assert!(made.len() <= 63.max(suffix.len()) && made.ends_with(suffix));
        assert!(name.starts_with(made.strip_suffix(suffix).unwrap()));
    }
    let quoted = quote(name);
    assert_eq!(unquote(&quoted, '"'), Some((name.replace('\0', ""), "")), "{quoted}");
}

/// What stands in the quotes at the start of a text, and what follows them.
fn unquote(text: &str, mark: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.strip_prefix(mark)?.chars();
    while let Some(c) = chars.next() {
        if c == mark {
            if !chars.as_str().starts_with(mark) {
                return Some((inside, chars.as_str()));
            }
            chars.next();
        }
        inside.push(c);
    }
    None
}

/// A statement as the server cuts it: names and texts apart from the rest.
fn parts(statement: &str) -> (String, Vec<String>) {
    let (mut rest, mut skeleton, mut quoted) = (statement, String::new(), Vec::new());
    while let Some(c) = rest.chars().next() {
        skeleton.push(c);
        rest = &rest[c.len_utf8()..];
        if c == '"' || c == '\'' {
            let whole = &statement[statement.len() - rest.len() - 1..];
            let (inside, after) = unquote(whole, c).unwrap_or_else(|| panic!("an open quote in {statement}"));
            // In a text with E before it a backslash is written twice.
            let escapes = c == '\'' && skeleton.ends_with("E'");
            quoted.push(if escapes { inside.replace("\\\\", "\\") } else { inside });
            rest = after;
        }
    }
    (skeleton, quoted)
}

/// No name changes what a statement does, and each arrives as it was.
fn check_statements(names: &[&str]) {
    let given: [&str; 6] = std::array::from_fn(|at| names[at % names.len()]);
    let plain = ["a", "b", "c", "d", "e", "f"];
    for (hostile, harmless) in statements(given).iter().zip(statements(plain)) {
        let ((skeleton, found), (plain_skeleton, wanted)) = (parts(hostile.as_str()), parts(harmless.as_str()));
        assert_eq!(skeleton, plain_skeleton);
        assert!(!hostile.as_str().contains('\0'), "the wire protocol ends a text at a NUL");
        let renamed = |name: &String| plain.iter().position(|p| p == name).map(|at| given[at].replace('\0', ""));
        let wanted: Vec<String> = wanted.iter().map(|name| renamed(name).unwrap_or_else(|| name.clone())).collect();
        assert_eq!(found, wanted, "{}", hostile.as_str());
    }
}

fn statements([schema, table, key, cursor, deleted, other]: [&str; 6]) -> Vec<Statement> {
    let column = |name: &str, column_type| Column { field: "field".into(), name: name.into(), column_type };
    let name = TableName { schema: schema.into(), table: table.into() };
    let shape = TableSchema {
        table: name.clone(),
        columns: vec![
            column(key, ColumnType::Integer),
            column(cursor, ColumnType::TimestampTz),
            column(deleted, ColumnType::TimestampTz),
            column(other, ColumnType::String),
        ],
        raw: false,
        key: vec![0, 3],
        cursor: Some(1),
        deleted_at: Some(2),
    };
    let keys = KeyFacts { duplicates: true, nulls: true, seen_before: true, deletions: true };
    let source = Source::load_table(table, 1, 2, true, keys);
    let merge = Merge { target: &name, schema: &shape, source: &source };
    let mut made = vec![
        ddl::create_schema(schema),
        ddl::create_table(&name, &shape, &[(other.into(), ddl::builtin_type(cursor))]),
        ddl::create_load_table(table, &shape, true, true),
        ddl::copy_into_load_table(table),
        ddl::add_column(&name, other, ColumnType::Number),
        ddl::rename_column(&name, key, other),
        ddl::comment_mapping(&name, other),
        ddl::comment_table(&name, other),
        ddl::rename_table(&name, other),
        ddl::create_index(other, &name, &[key, cursor], true, true),
        ddl::comment_index(schema, key, other),
        ddl::grant_usage(schema, other),
        ddl::grant_select(&name, other),
        session::begin(170_004, Some(other)),
        merge.insert(),
        merge.insert_newest(),
        merge.on_conflict(),
        merge.update(),
        merge.insert_absent(),
    ];
    made.extend(merge.delete());
    made
}

fn check_columns(fields: &[&str], old: usize) {
    let (none, nobody) = (HashMap::new(), HashSet::new());
    let first = column_names(&fields[..old], &none, &nobody);
    assert_columns(&first);
    let known: HashMap<String, String> = fields.iter().map(|f| (*f).to_owned()).zip(first.iter().cloned()).collect();
    // Somebody has added columns under names that our new fields would have had.
    let wanted: Vec<String> = fields[old..].iter().step_by(2).map(|field| postgres_name(field)).collect();
    let foreign = wanted.iter().map(String::as_str).filter(|name| !first.iter().any(|ours| ours == name)).collect();
    let all = column_names(fields, &known, &foreign);
    assert_columns(&all);
    assert_eq!(all[..old], first, "columns that are there keep their fields");
    assert!(all.iter().all(|name| !foreign.contains(name.as_str())));
    let reversed: Vec<&str> = fields.iter().rev().copied().collect();
    let mut again = column_names(&reversed, &known, &foreign);
    again.reverse();
    assert_eq!(again, all, "the order of the fields means nothing");
}

fn assert_columns(names: &[String]) {
    names.iter().for_each(|name| assert_identifier(name));
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "two columns of one name in {names:?}");
    assert!(names.iter().all(|name| !RESERVED.contains(&name.as_str())), "{names:?}");
}

/// Three names in a row are a stream, its namespace and its schema's name; so the same stream comes in several.
fn check_tables(names: &[&str]) {
    let name = |at: usize| names[at % names.len()];
    let request = |at: usize| TableRequest {
        schema: if at.is_multiple_of(3) { "public".into() } else { postgres_name(name(at + 1)) },
        stream: name(at).to_owned(),
        namespace: name(at + 1).to_owned(),
    };
    let requests: HashSet<TableRequest> = (0..names.len() * 2).map(request).collect();
    let requests: Vec<TableRequest> = requests.into_iter().collect();
    let mangles: [fn(&TableRequest) -> String; 2] =
        [|request| postgres_name(&request.stream), |request| raw_table(&request.namespace, &request.stream)];
    for mangle in mangles {
        let made = table_names(&requests, mangle);
        let reversed: Vec<TableRequest> = requests.iter().rev().cloned().collect();
        let mut again = table_names(&reversed, mangle);
        again.reverse();
        assert_eq!(again, made, "the order of the streams means nothing");
        let mut tables = HashSet::new();
        for (request, table) in requests.iter().zip(&made) {
            let next = next_generation_table(&request.schema, table);
            for name in [table, &next] {
                assert_identifier(name);
                assert!(tables.insert((request.schema.as_str(), name.clone())), "two tables are named {name}");
            }
        }
    }
}
