//! A private PostgreSQL server for one test process, and a database of its own for each test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::{env, fs};

use serde_json::{Value, json};

use super::keeper::Keeper;
use super::sql::{Sql, quote_identifier, quote_literal};

/// What the databases of the tests are copied from.
const TEMPLATE: &str = "test_template";

/// Holds characters that break connection strings, since any password must work.
const WRITER_PASSWORD: &str = "w@[/?#\"\\+ &:%]$1'";

/// The server of this process, once a test asked for it.
static SHARED: Mutex<Option<TestServer>> = Mutex::new(None);

/// A running server. It lives as long as this value, and no longer than this process: the script that started it holds
/// the other end of a pipe, and stops it when the pipe closes, be it by a drop, a panic or a kill.
pub struct TestServer {
    directory: PathBuf,
    port: u16,
    major: u32,
    /// Held until the end.
    _keeper: Keeper,
}

/// Where a server listens; cheap to copy, and valid while its [`TestServer`] lives.
#[derive(Clone, Debug)]
pub struct Address {
    /// The directory of its socket.
    pub socket_directory: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its major version.
    pub major: u32,
}

/// A database of one test, with a writer role that holds exactly the privileges of the destination guide.
/// Both are dropped with this value.
pub struct TestDatabase {
    address: Address,
    /// The database's name.
    pub name: String,
    /// The role of the connector.
    pub writer: String,
}

impl TestServer {
    /// Starts a server of the major in `PG_MAJOR` (default: the one on the machine).
    ///
    /// # Panics
    /// When no server can be started, with what the script said on stderr above it.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more settings (`name=value`).
    ///
    /// # Panics
    /// When no server can be started.
    pub fn start_with(settings: &[&str]) -> Self {
        // Another process can take a port between our look and the server's bind.
        (0..3).find_map(|_| Self::try_start(settings)).expect("a PostgreSQL server starts (see stderr)")
    }

    fn try_start(settings: &[&str]) -> Option<Self> {
        let port = free_port();
        // not inside the checkout: the server runs as another user, who may not be able to enter it
        let directory = env::temp_dir().join(format!("pgtest-{}-{port}", std::process::id()));
        let major = env::var("PG_MAJOR").unwrap_or_else(|_| "any".into());
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres"));
        script.arg("run").arg(&directory).args([&major, &port.to_string()]);
        let (keeper, line) = Keeper::start(script.args(["fsync=off", "max_connections=200"]).args(settings));
        if line != "ready" {
            return None;
        }
        let major = Self::prepare(&directory, port).expect("the template database is made");
        Some(Self { directory, port, major, _keeper: keeper })
    }

    /// Makes the template and returns the server's major version.
    fn prepare(directory: &Path, port: u16) -> Result<u32, String> {
        let sql = Sql::superuser(directory, port, "postgres")?;
        sql.run(&format!("CREATE DATABASE {TEMPLATE}"))?;
        // Before 15 everybody may create in `public`; the guide's role may not on a server of today.
        Sql::superuser(directory, port, TEMPLATE)?.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")?;
        let version = sql.value("SHOW server_version_num")?;
        version.parse::<u32>().map(|v| v / 10_000).map_err(|e| e.to_string())
    }

    /// Stops it as a crash would, or a power cut: nothing is finished, the next start recovers.
    ///
    /// # Panics
    /// When the script cannot be run.
    pub fn crash(&self) {
        self.script(&["stop", &self.directory.to_string_lossy(), "immediate"]);
    }

    /// Starts it again, on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let (directory, port) = (self.directory.to_string_lossy(), self.port.to_string());
        let major = env::var("PG_MAJOR").unwrap_or_else(|_| "any".into());
        self.script(&["start", &directory, &major, &port, "fsync=off", "max_connections=200"]);
    }

    fn script(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
        let status = Command::new(script).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.expect("scripts/postgres runs").success(), "scripts/postgres {arguments:?} fails");
    }

    /// The server that all tests of this process share, started at the first call.
    pub fn shared() -> Address {
        shared().get_or_insert_with(Self::start).address()
    }

    /// Starts the shared server with more settings (`name=value`), before anybody asks for it.
    ///
    /// # Panics
    /// As [`TestServer::start_with`].
    pub fn share_with(settings: &[&str]) {
        *shared() = Some(Self::start_with(settings));
    }

    /// Stops the shared server, if any, and waits until its files are gone. For a `main` of our own; where there is
    /// none, the end of the process does the same a moment later.
    pub fn stop_shared() {
        drop(shared().take());
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address { socket_directory: self.directory.clone(), port: self.port, major: self.major }
    }
}

impl Address {
    /// A session of the superuser.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn superuser(&self, database: &str) -> Result<Sql, String> {
        Sql::superuser(&self.socket_directory, self.port, database)
    }

    /// Makes a database and its writer role.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn database(&self) -> Result<TestDatabase, String> {
        self.database_like(&format!("TEMPLATE {TEMPLATE}"))
    }

    /// As [`Address::database`], with these options of CREATE DATABASE.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn database_like(&self, options: &str) -> Result<TestDatabase, String> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // Two databases cannot be copied from one template at once on every version.
        static COPYING: Mutex<()> = Mutex::new(());

        // Names that stand out: the fixture runner replaces them in what it compares.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (name, writer) = (format!("test_db_{number:04}"), format!("test_writer_{number:04}"));
        let sql = self.superuser("postgres")?;
        let copying = COPYING.lock().unwrap_or_else(|broken| broken.into_inner());
        sql.run(&format!("CREATE DATABASE {name} {options}"))?;
        drop(copying);
        sql.run(&format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             CREATE USER {writer} PASSWORD {password};
             GRANT CONNECT ON DATABASE {name} TO {writer};
             GRANT CREATE, TEMPORARY ON DATABASE {name} TO {writer}",
            password = quote_literal(WRITER_PASSWORD),
        ))?;
        Ok(TestDatabase { address: self.clone(), name, writer })
    }
}

impl TestDatabase {
    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.address.major
    }

    /// The server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// Its server.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A session of the superuser in this database.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn superuser(&self) -> Result<Sql, String> {
        self.address.superuser(&self.name)
    }

    /// A session of the writer in this database.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn writer(&self) -> Result<Sql, String> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.address.socket_directory).port(self.port());
        Sql::connect(config.user(&self.writer).password(WRITER_PASSWORD).dbname(&self.name))
    }

    /// A connector configuration that writes here, into the schema `airbyte`.
    pub fn config(&self) -> Value {
        json!({
            "host": "127.0.0.1",
            "port": self.port(),
            "database": self.name,
            "schema": "airbyte",
            "username": self.writer,
            "password": WRITER_PASSWORD,
            "ssl": false,
        })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, writer) = (quote_identifier(&self.name), quote_identifier(&self.writer));
        let Ok(sql) = self.address.superuser("postgres") else { return };
        // A killed connector's session may still be there; WITH (FORCE) exists only since 13.
        let _ = sql.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        let datname = quote_literal(&self.name);
        let _ = sql.run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {datname}"));
        for _ in 0..50 {
            if sql.run(&format!("DROP DATABASE {name}")).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = sql.run(&format!("DROP ROLE {writer}"));
    }
}

fn shared() -> MutexGuard<'static, Option<TestServer>> {
    SHARED.lock().unwrap_or_else(|broken| broken.into_inner())
}

/// A port nobody listens on, below the range from which the kernel takes ports for outgoing connections.
pub fn free_port() -> u16 {
    let reserved = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first: u16 = reserved.split_whitespace().next().and_then(|p| p.parse().ok()).unwrap_or(32_768);
    let range = if first > 15_000 { 10_000..first } else { 40_000..60_000 };
    (0..1_000)
        .map(|_| fastrand::u16(range.clone()))
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("one of a thousand ports is free")
}
