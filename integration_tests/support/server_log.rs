//! What a server has logged of one database.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::postgres::TestDatabase;

/// The setting that [`refusals`] needs: SQLSTATE, database and user before each message.
pub const PREFIX: &str = "log_line_prefix=%e|%d|%u|";

/// The SQLSTATEs of what the server has refused in this database, to whomever but the superuser, each with its first
/// message. A message in full may hold a value; it is for the reader of a failed test only.
///
/// # Errors
/// There is no log.
pub fn refusals(database: &TestDatabase) -> Result<BTreeSet<(String, String)>, String> {
    let path: PathBuf = database.address().socket_directory.join("data/server.log");
    let log = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let log = String::from_utf8_lossy(&log);
    let mut found = BTreeSet::new();
    for line in log.lines() {
        let mut parts = line.splitn(4, '|');
        let (Some(code), Some(name), Some(user), Some(text)) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let refused = ["ERROR:", "FATAL:", "PANIC:"].iter().any(|severity| text.starts_with(severity));
        if name == database.name && user != "postgres" && refused {
            found.insert((code.to_owned(), text.to_owned()));
        }
    }
    Ok(found)
}
