//! The server's errors -> our kinds and sentences.
//!
//! Invariant: nothing that can hold a row's value is passed on: neither DETAIL (but for lists of objects) nor CONTEXT, and not the text of errors
//! about data.

use tokio_postgres::error::DbError;

use crate::error::{Error, ErrorKind};

/// The error for a statement that failed while `doing` something ("creating table \"a\".\"b\"").
pub fn statement_error(error: tokio_postgres::Error, doing: &str) -> Error {
    let Some(db) = error.as_db_error() else {
        return Error::new(ErrorKind::Connection, format!("the connection to the database was lost while {doing}"))
            .with_source(error);
    };
    let code = db.code().code().to_owned();
    let kind = match db.constraint() {
        // Two sessions made the same object at the same time.
        Some(constraint) if constraint.starts_with("pg_") => ErrorKind::Locked,
        _ => kind(&code),
    };
    let text = describe(db);
    let advice = advice(&code).map(|a| format!(": {a}")).unwrap_or_default();
    // The source is left out: its Debug form holds the server's DETAIL.
    Error::new(kind, format!("{doing} failed: {text} (SQLSTATE {code}){advice}")).with_sqlstate(&code)
}

/// The kind of an SQLSTATE.
pub fn kind(code: &str) -> ErrorKind {
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
            format!("an index entry is too long: {}", db.message())
        }
        // Data exceptions and constraint violations quote values.
        Some("22") => "the server refused a value".to_owned(),
        Some("23") => "a constraint was violated".to_owned(),
        _ => db.message().to_owned(),
    };
    // Here DETAIL lists objects, not values.
    if let (DEPENDENT_OBJECTS, Some(detail)) = (code, db.detail()) {
        text.push_str(&format!(" ({})", detail.replace('\n', "; ")));
    }
    for (what, name) in [("constraint", db.constraint()), ("column", db.column()), ("table", db.table())] {
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

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "25006" => "the server is read-only; connect to the primary",
        "53100" => "the server's disk is full; make room",
        "53300" => "raise the connection limit of the role or the server, or lower max_connections of this connector",
        "54000" => "a row or an index entry is larger than Postgres can store",
        "55P03" => "another session holds a lock on the table for too long",
        _ => return None,
    })
}
