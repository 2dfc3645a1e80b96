//! A private PgBouncer in front of a test server.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};

use super::keeper::Keeper;
use super::postgres::{TestDatabase, free_port};
use super::sql::Sql;

/// The user of its console.
const ADMIN: &str = "bouncer_admin";

/// Runs it as a user without rights, which it insists on, until stdin is closed; then its files go.
const KEEPER: &str = r#"
    directory=$1 user=$2
    PATH=$PATH:/usr/sbin
    as_user=()
    if [ "$(id -u)" = 0 ]; then
        chown -R "$user" "$directory"
        as_user=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --)
    fi
    trap 'kill "$pid" 2>/dev/null; wait "$pid"; rm -rf "$directory"' EXIT
    pid=
    start() { "${as_user[@]}" pgbouncer -q "$directory/pgbouncer.ini" >>"$directory/log" 2>&1 & pid=$!; }
    start
    echo started
    while read -r word; do
        case $word in
            stop) kill "$pid"; wait "$pid" ;;
            start) start ;;
        esac
        echo "$word"
    done
"#;

/// A running PgBouncer; it goes with this value, or with this process.
pub struct PgBouncer {
    directory: PathBuf,
    port: u16,
    keeper: Keeper,
}

impl PgBouncer {
    /// One that lets the writer of `database` in. `pool_mode` is `transaction`, `session` or `statement`; everything that
    /// is not in `settings` (`name = value`) is as the package has it.
    ///
    /// # Panics
    /// When it does not start, with its log.
    pub fn start(database: &TestDatabase, pool_mode: &str, pool_size: usize, settings: &[&str]) -> Self {
        Self::start_before(database.port(), database, pool_mode, pool_size, settings)
    }

    /// As [`PgBouncer::start`], with its server at this port of 127.0.0.1.
    ///
    /// # Panics
    /// As [`PgBouncer::start`].
    pub fn start_before(
        port: u16,
        database: &TestDatabase,
        pool_mode: &str,
        pool_size: usize,
        settings: &[&str],
    ) -> Self {
        let password = database.config()["password"].as_str().expect("a password").to_owned();
        let server = ("127.0.0.1", port);
        Self::start_for(&[(&database.writer, &password)], server, database, pool_mode, pool_size, settings)
    }

    /// As [`PgBouncer::start`], but it knows nobody: `settings` must say how it finds the users. It reaches the server by
    /// the socket, where nobody is asked for a password.
    ///
    /// # Panics
    /// As [`PgBouncer::start`].
    pub fn start_asking(database: &TestDatabase, pool_mode: &str, pool_size: usize, settings: &[&str]) -> Self {
        let socket = database.address().socket_directory.display().to_string();
        Self::start_for(&[], (&socket, database.port()), database, pool_mode, pool_size, settings)
    }

    fn start_for(
        users: &[(&str, &str)],
        (server, server_port): (&str, u16),
        database: &TestDatabase,
        pool_mode: &str,
        pool_size: usize,
        settings: &[&str],
    ) -> Self {
        let installed = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        assert!(
            installed.iter().any(|path| fs::exists(path).unwrap_or(false)),
            "no pgbouncer on this machine: install the package pgbouncer"
        );
        let port = free_port();
        let directory = env::temp_dir().join(format!("pgbouncer-{}-{port}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let users: String = users
            .iter()
            .chain(&[(ADMIN, ADMIN)])
            .map(|(user, password)| format!("{} {}\n", quoted(user), quoted(password)))
            .collect();
        fs::write(directory.join("users"), users).expect("the file of users");
        let ini = format!(
            "[databases]\n{name} = host={server} port={server_port} dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {directory}/users\n\
             admin_users = {ADMIN}\npool_mode = {pool_mode}\ndefault_pool_size = {pool_size}\n{more}\n",
            name = database.name,
            directory = directory.display(),
            more = settings.join("\n"),
        );
        fs::write(directory.join("pgbouncer.ini"), ini).expect("the configuration");
        let user = if Command::new("id").args(["-u", "postgres"]).output().is_ok_and(|id| id.status.success()) {
            "postgres"
        } else {
            "nobody"
        };
        let mut script = Command::new("bash");
        let (keeper, _) = Keeper::start(script.args(["-c", KEEPER, "keeper"]).arg(&directory).arg(user));
        let bouncer = Self { directory, port, keeper };
        bouncer.wait_until_it_listens();
        bouncer
    }

    /// The port of 127.0.0.1 that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The configuration that leads through it.
    pub fn config(&self, database: &TestDatabase) -> Value {
        let mut config = database.config();
        config["port"] = json!(self.port);
        config
    }

    /// A session of the writer through it.
    ///
    /// # Errors
    /// Its refusal, as text.
    pub fn session(&self, database: &TestDatabase) -> Result<Sql, String> {
        let config = database.config();
        let mut login = tokio_postgres::Config::new();
        login.host("127.0.0.1").port(self.port).user(&database.writer).dbname(&database.name);
        Sql::connect(login.password(config["password"].as_str().unwrap_or_default()))
    }

    /// Sends a command (`PAUSE`, `RESUME`, `RECONNECT`, …) to its console.
    ///
    /// # Errors
    /// Its refusal, as text.
    pub fn command(&self, command: &str) -> Result<(), String> {
        let mut login = tokio_postgres::Config::new();
        login.host("127.0.0.1").port(self.port).user(ADMIN).dbname("pgbouncer").password(ADMIN);
        Sql::connect(&login)?.answers(command).map(drop)
    }

    /// Ends it at once, with all its connections.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
    }

    /// Starts it again, at the same port.
    pub fn start_again(&mut self) {
        self.keeper.tell("start");
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "pgbouncer does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
