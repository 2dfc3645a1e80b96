//! The server's errors -> our kinds and sentences.
//!
//! Invariant: nothing that can hold a row's value is passed on: neither DETAIL (but for lists of objects) nor CONTEXT, not the text of errors
//! about data, and of what a function of the customer's raises only what no row led to.

use tokio_postgres::error::DbError;

use super::clean;
use super::driver::reason;
use crate::error::{Error, ErrorKind, Refusal, RefusedAt};

/// The error for a `statement` that failed while `doing` something ("creating table \"a\".\"b\"").
/// `end`: why the connection has broken, if it has.
pub fn statement_error(error: tokio_postgres::Error, doing: &str, statement: &str, end: Option<&str>) -> Error {
    let Some(db) = error.as_db_error() else {
        let why = reason(&error).or(end.map(str::to_owned)).map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("the connection to the database was lost while {doing}{why}");
        return Error::new(ErrorKind::Connection, text).with_source(error);
    };
    let code = db.code().code().to_owned();
    let raised = customers(db, statement);
    let kind = match db.constraint() {
        _ if raised.is_some() => raised_kind(&code),
        // Two sessions made the same object at the same time.
        Some(constraint) if constraint.starts_with("pg_") => ErrorKind::Locked,
        _ => kind(&code),
    };
    let refusal = refusal(db, statement, raised.is_some());
    let text = raised.map_or_else(|| describe(db), |function| describe_raised(db, &function, statement));
    let advice = advice(&code).map(|a| format!(": {a}")).unwrap_or_default();
    // The source is left out: its Debug form holds the server's DETAIL.
    Error::new(kind, format!("{doing} failed: {text} (SQLSTATE {code}){advice}"))
        .with_sqlstate(&code)
        .with_refusal(refusal)
}

/// What refused a row, when it is a row that was refused: another attempt with the same row would fail as well.
fn refusal(db: &DbError, statement: &str, raised: bool) -> Option<Refusal> {
    let starts_with = |words: &[&str]| words.iter().any(|word| statement.starts_with(word));
    let at = match statement {
        "COMMIT" => RefusedAt::Commit,
        _ if starts_with(&["COPY "]) => RefusedAt::Copy,
        _ if starts_with(&["INSERT ", "UPDATE ", "DELETE "]) => RefusedAt::Statement,
        _ => return None,
    };
    let code = db.code().code();
    let about_a_row = match code.get(..2) {
        // A policy; a missing privilege has the same code.
        _ if code == "42501" => db.routine() == Some("ExecWithCheckOptions"),
        _ if code == "54000" => true,
        Some("22" | "23" | "44") => db.constraint().is_none_or(|name| !name.starts_with("pg_")),
        Some("08" | "25" | "40" | "53" | "54" | "55" | "57" | "58" | "XX") => false,
        _ => raised,
    };
    about_a_row.then(|| Refusal {
        at,
        // What a function raises, it also names: by a value of the row, if it likes.
        constraint: db.constraint().filter(|_| !raised).map(str::to_owned),
        column: db.column().filter(|_| !raised).map(str::to_owned),
    })
}

/// The function of the customer's (of a trigger, a constraint, a policy) that ended in this error, if one did.
fn customers(db: &DbError, statement: &str) -> Option<String> {
    let code = db.code().code();
    let context = db.where_().unwrap_or_default();
    let raised = ["P0", "38", "39"].iter().any(|class| code.starts_with(class))
        || db.routine().is_some_and(|routine| routine.starts_with("exec_stmt_raise") || routine == "exec_stmt_assert")
        // Python's `plpy.error` chooses its code as well.
        || db.routine().is_some_and(|routine| routine.starts_with("PLy_"));
    // What a COPY fills has no triggers, be it a temporary table or not, and its CONTEXT holds values.
    let inside = !statement.starts_with("COPY ") && (context.contains("PL/") || context.contains("SQL function"));
    // What the server says of itself, of locks and of privileges it says alike inside of functions.
    let servers_own =
        ["40", "53", "54", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || code == "42501";
    if !raised && (!inside || servers_own) {
        return None;
    }
    // Its last line is about the outermost function, and only the server writes there.
    let outermost = context.lines().next_back().and_then(|line| line.strip_prefix("PL/pgSQL function "));
    let name = outermost.and_then(|rest| rest.split_once(')')).map(|(name, _)| format!(" {})", clean(name, &[])));
    Some(format!("the function{}", name.unwrap_or_default()))
}

/// The kind of an error in a function of the customer's: a code that it chose itself says little.
fn raised_kind(code: &str) -> ErrorKind {
    match kind(code) {
        ErrorKind::Statement => ErrorKind::ObjectInTheWay,
        ErrorKind::Locked if code.starts_with("42") => ErrorKind::ObjectInTheWay,
        known => known,
    }
}

fn describe_raised(db: &DbError, function: &str, statement: &str) -> String {
    // Statements that no row takes part in: what is raised there is about the statement.
    let definitions = ["CREATE SCHEMA ", "CREATE TABLE ", "CREATE TEMP", "COMMENT ON ", "GRANT ", "DROP "];
    if definitions.iter().any(|start| statement.starts_with(start)) {
        return format!("{function} in the database refuses it: {}", clean(db.message(), &[]));
    }
    format!(
        "{function} in the database ends in an error, whose text is in the server's log (it is not repeated here, since it \
         may hold values of rows): correct the function, or drop what calls it"
    )
}

/// The kind of an SQLSTATE.
fn kind(code: &str) -> ErrorKind {
    match code {
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => ErrorKind::ServerUnavailable,
        // The last two: another sync made or replaced the table at the same time.
        "40001" | "40P01" | "55P03" | "57014" | "42P01" | "42P07" => ErrorKind::Locked,
        // 42704: the only objects that a configuration names beside the database are roles.
        "42501" | "42704" | "3D000" | "25006" => ErrorKind::Permission,
        "2BP01" | "42710" | "42809" | "42939" | "54000" | "55000" => ErrorKind::ObjectInTheWay,
        _ => match code.get(..2) {
            Some("08") => ErrorKind::Connection,
            Some("53" | "58") => ErrorKind::ServerUnavailable,
            Some("28") => ErrorKind::Permission,
            Some("23") => ErrorKind::ObjectInTheWay,
            _ => ErrorKind::Statement,
        },
    }
}

/// `dependent_objects_still_exist`.
const DEPENDENT_OBJECTS: &str = "2BP01";

fn describe(db: &DbError) -> String {
    let code = db.code().code();
    let mut text = match code.get(..2) {
        // Who asks for the word would not find it in the language of `lc_messages`, which only a superuser may set.
        _ if code == "54000" && db.routine().is_some_and(is_about_an_index) => {
            format!("an index entry is too long: {}", clean(db.message(), &[]))
        }
        // Data exceptions and constraint violations quote values.
        Some("22") => "the server refused a value".to_owned(),
        Some("23") => "a constraint was violated".to_owned(),
        _ => clean(db.message(), &[]),
    };
    // Here DETAIL lists objects, not values.
    if let (DEPENDENT_OBJECTS, Some(detail)) = (code, db.detail()) {
        text.push_str(&format!(" ({})", detail.replace('\n', "; ")));
    }
    for (what, name) in
        [("constraint", db.constraint()), ("column", db.column()), ("table", db.table()), ("type", db.datatype())]
    {
        if let Some(name) = name.filter(|name| !text.contains(*name)) {
            text.push_str(&format!(", {what} \"{name}\""));
        }
    }
    text
}

/// Whether an error comes from one of the server's functions that make index entries.
fn is_about_an_index(routine: &str) -> bool {
    ["_bt_", "index_form_tuple", "_hash_", "Gin", "gist", "spg", "brin"].iter().any(|start| routine.starts_with(start))
}

/// What to do about an error of the server.
pub(super) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "25006" => "the server is read-only; connect to the primary",
        "53100" => "the server's disk is full; make room",
        "53200" => {
            "the server is out of memory; where its table of locks is full, raise max_locks_per_transaction in postgresql.conf"
        }
        "53300" => "raise the connection limit of the role or the server, or lower max_connections of this connector",
        "54000" => "a row must fit into 8160 bytes, not counting large values, which are stored apart: deselect fields",
        "55P03" => "another session holds a lock on the table for too long",
        _ => return None,
    })
}
