//! The golden bytes of `src/copy/fixtures` are what this server sends for their queries. `UPDATE=1` stores what it sends.

use std::env;
use std::fs;
use std::path::Path;

use crate::support::postgres::TestServer;
use crate::table::session;

/// Compares every `.copy` with the server's answer to the `.sql` beside it.
pub fn check() -> Result<(), String> {
    let database = TestServer::shared().database()?;
    let sql = session(&database)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/copy/fixtures");
    let update = env::var_os("UPDATE").is_some_and(|value| value == "1");
    let mut queries = 0;
    for entry in fs::read_dir(&folder).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        queries += 1;
        let query = fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let query = query.trim().trim_end_matches(';');
        let sent = sql.copy_out(&format!("COPY ({query}) TO STDOUT (FORMAT binary)"))?;
        let golden = path.with_extension("copy");
        if update {
            fs::write(&golden, &sent).map_err(|e| e.to_string())?;
        } else if fs::read(&golden).map_err(|e| format!("{}: {e}", golden.display()))? != sent {
            return Err(format!("{} is not what PostgreSQL {} sends", golden.display(), database.major()));
        }
    }
    if queries == 0 {
        return Err(format!("no queries in {}", folder.display()));
    }
    Ok(())
}
