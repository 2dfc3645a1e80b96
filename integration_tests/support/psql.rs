//! psql, as the word of libpq on what should happen.

use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// How long a connection of psql may take, in seconds.
const TIMEOUT: &str = "20";

/// A connection to be.
pub struct Psql {
    environment: Vec<(&'static str, String)>,
    files: TempDir,
}

impl Psql {
    /// The server, database and role of a connector's configuration; `address` is where the host is.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new(config: &Value, address: &str) -> Self {
        let text = |name: &str| config[name].as_str().map_or_else(|| config[name].to_string(), str::to_owned);
        let files = TempDir::new().expect("a temporary directory");
        let home = files.path().display().to_string();
        let environment = vec![
            ("PGHOST", text("host")),
            ("PGHOSTADDR", address.to_owned()),
            ("PGPORT", text("port")),
            ("PGDATABASE", text("database")),
            ("PGUSER", text("username")),
            ("PGPASSWORD", text("password")),
            ("PGCONNECT_TIMEOUT", TIMEOUT.to_owned()),
            ("PGGSSENCMODE", "disable".to_owned()),
            // No certificates of the user who runs the tests.
            ("HOME", home),
        ];
        Self { environment, files }
    }

    /// The same connection in an `sslmode`.
    #[must_use]
    pub fn mode(&self, mode: &str) -> Self {
        let environment = self.environment.iter().cloned().chain([("PGSSLMODE", mode.to_owned())]).collect();
        Self { environment, files: TempDir::new().expect("a temporary directory") }
    }

    /// Gives it certificates of authorities.
    #[must_use]
    pub fn authority(self, certificates: &str) -> Self {
        self.file("PGSSLROOTCERT", certificates)
    }

    /// Gives it a certificate of its own.
    #[must_use]
    pub fn client(self, certificate: &str, key: &str) -> Self {
        self.file("PGSSLCERT", certificate).file("PGSSLKEY", key)
    }

    fn file(mut self, name: &'static str, text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = self.files.path().join(name);
        std::fs::write(&path, text).expect("a temporary file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
        self.environment.push((name, path.display().to_string()));
        self
    }

    /// Logs in and answers whether the connection has TLS.
    ///
    /// # Errors
    /// What psql says.
    ///
    /// # Panics
    /// When there is no psql.
    pub fn encrypted(&self) -> Result<bool, String> {
        let query = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";
        let mut psql = Command::new("psql");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            psql.env_remove(name);
        }
        psql.args(["-X", "-w", "-A", "-t", "-c", query]).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        let output = psql.output().expect("psql is installed (package postgresql-client)");
        match String::from_utf8_lossy(&output.stdout).trim() {
            "t" => Ok(true),
            "f" => Ok(false),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}
