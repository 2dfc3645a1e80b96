//! A PostgreSQL server whose certificate, pg_hba.conf and versions of TLS change while it runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::certificates::Identity;
use super::postgres::{Address, TestDatabase, TestServer};
use super::sql::quote_literal;

/// How long the server may take to read its files again.
const RELOAD: Duration = Duration::from_secs(20);

/// The server and one database in it.
pub struct TlsServer {
    // dropped first: its drop needs the server
    database: TestDatabase,
    data: PathBuf,
    next: AtomicU32,
    _server: TestServer,
}

/// What a server is to be like.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Its certificate, with the chain behind it, and its key; none: no TLS.
    pub identity: Option<Identity>,
    /// The authorities whose clients it accepts; when given, it asks for certificates.
    pub client_authority: Option<String>,
    /// The newest version of TLS (`TLSv1.1`), empty for any.
    pub newest_tls: &'static str,
    /// pg_hba.conf for TCP.
    pub hba: &'static str,
}

impl TlsServer {
    /// # Panics
    /// When no server can be started.
    pub fn start() -> Self {
        let server = TestServer::start_with(&["log_connections=on", "ssl_min_protocol_version=TLSv1"]);
        let address = server.address();
        let database = address.database().expect("a database");
        let data = address.socket_directory.join("data");
        Self { database, data, next: AtomicU32::new(1), _server: server }
    }

    /// The database of the tests.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// What the server has logged so far.
    ///
    /// # Panics
    /// When there is no log.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.data.join("server.log")).expect("the server's log")).into_owned()
    }

    /// Gives the server new files and waits until it uses them.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn set_up(&self, setup: &Setup) -> Result<(), String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        fs::write(self.data.join("pg_hba.conf"), format!("local all all trust\n{}\n", setup.hba))
            .map_err(|e| e.to_string())?;
        let identity = setup.identity.as_ref();
        let certificate = self.file(number, "crt", identity.map(|identity| identity.certificate.as_str()))?;
        let key = self.file(number, "key", identity.map(|identity| identity.key.as_str()))?;
        let authority = self.file(number, "ca", setup.client_authority.as_deref())?;
        let sql = self.database.superuser()?;
        // The prefix tells a new session that the files behind it have been read too.
        let prefix = format!("setup {number}: ");
        for (name, value) in [
            ("ssl", if identity.is_some() { "on" } else { "off" }),
            ("ssl_cert_file", &certificate),
            ("ssl_key_file", &key),
            ("ssl_ca_file", &authority),
            ("ssl_max_protocol_version", setup.newest_tls),
            ("log_line_prefix", &prefix),
        ] {
            sql.run(&format!("ALTER SYSTEM SET {name} = {}", quote_literal(value)))?;
        }
        let before = self.log().len();
        sql.run("SELECT pg_reload_conf()")?;
        let deadline = Instant::now() + RELOAD;
        while self.database.superuser()?.value("SHOW log_line_prefix")? != prefix {
            if Instant::now() > deadline {
                return Err("the server does not read its files again".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = self.log();
        let new = log.get(before..).unwrap_or_default();
        if new.contains("SSL configuration was not reloaded") || new.contains("pg_hba.conf was not reloaded") {
            return Err(format!("the server refuses its files: {new}"));
        }
        Ok(())
    }

    /// Writes a file for the server, and answers its path; empty for none.
    fn file(&self, number: u32, what: &str, text: Option<&str>) -> Result<String, String> {
        text.map_or(Ok(String::new()), |text| private_file(&self.data, &format!("{number}.{what}"), text))
    }
}

/// Gives a server that has had no certificate this one, and waits until it uses it.
///
/// # Errors
/// The server's refusal, as text.
pub fn use_identity(server: &Address, identity: &Identity) -> Result<(), String> {
    let data = server.socket_directory.join("data");
    let sql = server.superuser("postgres")?;
    for (name, text) in [("cert", &identity.certificate), ("key", &identity.key)] {
        let path = private_file(&data, &format!("given.{name}"), text)?;
        sql.run(&format!("ALTER SYSTEM SET ssl_{name}_file = {}", quote_literal(&path)))?;
    }
    sql.run("ALTER SYSTEM SET ssl = on")?;
    sql.run("SELECT pg_reload_conf()")?;
    let deadline = Instant::now() + RELOAD;
    while server.superuser("postgres")?.value("SHOW ssl")? != "on" {
        if Instant::now() > deadline {
            return Err("the server does not use its certificate".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Writes a file that only the server's user may read, and answers its path.
fn private_file(data: &Path, name: &str, text: &str) -> Result<String, String> {
    let path = data.join(name);
    let written = || {
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(data)?;
        chown(&path, Some(owner.uid()), Some(owner.gid()))
    };
    written().map_err(|e| e.to_string())?;
    Ok(path.display().to_string())
}
