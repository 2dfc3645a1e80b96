//! A private OpenSSH server as a bastion, with an account of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::keeper::Keeper;
use super::postgres::free_port;
use super::ssh_keys;

/// Holds what breaks shells and URLs, since any password must work.
pub const PASSWORD: &str = "bastion p@ss:w0rd'\"$\\%";

/// The bastion of this process, once a test asked for it.
static SHARED: Mutex<Option<Arc<Bastion>>> = Mutex::new(None);

/// A running sshd; server, sessions and account go with this value, and no later than with this process.
pub struct Bastion {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The account that may log in, by every key of [`ssh_keys`] and by [`PASSWORD`].
    pub user: String,
    directory: PathBuf,
    keeper: Keeper,
}

impl Bastion {
    /// Starts a server; each option is `Name=value` of sshd_config and wins over those of `scripts/bastion`.
    ///
    /// # Panics
    /// When no server can be started, with what the script said on stderr above it.
    pub fn start(options: &[&str]) -> Self {
        Self::start_with_keys(options, &ssh_keys::authorized_keys())
    }

    /// As [`Bastion::start`], for these keys alone.
    ///
    /// # Panics
    /// As [`Bastion::start`].
    pub fn start_with_keys(options: &[&str], authorized_keys: &str) -> Self {
        // Another process can take a port between our look and the server's bind.
        (0..3).find_map(|_| Self::try_start(options, authorized_keys)).expect("a bastion starts (see stderr)")
    }

    fn try_start(options: &[&str], authorized_keys: &str) -> Option<Self> {
        let port = free_port();
        let directory = TempDir::with_prefix("bastion-").expect("a temporary directory").keep();
        fs::write(directory.join("password"), PASSWORD).expect("the password is written");
        fs::write(directory.join("authorized_keys"), authorized_keys).expect("the keys are written");
        for (name, contents) in host_keys() {
            fs::write(directory.join(name), contents).expect("a host key is written");
            // sshd takes no key that others can read.
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).expect("a host key is closed");
        }
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bastion"));
        let (keeper, line) = Keeper::start(script.arg("run").arg(&directory).arg(port.to_string()).args(options));
        let user = line.strip_prefix("ready ")?.to_owned();
        Some(Self { port, user, directory, keeper })
    }

    /// The bastion that all tests of this process share, one that allows what a usual bastion allows. Its log is full of
    /// other tests.
    ///
    /// # Panics
    /// As [`Bastion::start`].
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(|broken| broken.into_inner());
        Arc::clone(shared.get_or_insert_with(|| Arc::new(Self::start(&[]))))
    }

    /// Takes the shared bastion down, if any. For a `main` of our own.
    pub fn stop_shared() {
        drop(SHARED.lock().unwrap_or_else(|broken| broken.into_inner()).take());
    }

    /// Tells the script to `stop`, `start`, `kill` (sessions), `freeze` or `thaw`.
    ///
    /// # Panics
    /// When it does not do so.
    pub fn tell(&mut self, command: &str) {
        assert_eq!(self.keeper.tell(command), "done", "scripts/bastion {command}");
    }

    /// Everything the server logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// A public host key of the server (`ed25519`, `ecdsa` or `rsa`) as `TYPE BASE64`.
    ///
    /// # Panics
    /// When there is none.
    pub fn host_key(&self, kind: &str) -> String {
        let text = fs::read_to_string(self.host_key_file(kind)).expect("a host key");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// The file of that key.
    pub fn host_key_file(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("host_{kind}.pub"))
    }

    /// The line of a known_hosts file.
    pub fn known_hosts(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.host_key(kind))
    }

    /// Puts another host key of that kind in place; the server shows it from its next start.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn change_host_key(&self, kind: &str) {
        let file = self.directory.join(format!("host_{kind}"));
        fs::remove_file(&file).expect("a host key");
        let _ = fs::remove_file(self.host_key_file(kind));
        ssh_keys::generate(&file, &["-t", kind]);
    }

    /// A tunnel that logs in with `key`, at the pinned bastion.
    pub fn by_key(&self, key: &str) -> Value {
        json!({
            "tunnel_method": "SSH_KEY_AUTH",
            "tunnel_host": "127.0.0.1",
            "tunnel_port": self.port,
            "tunnel_user": self.user,
            "ssh_key": key,
            "tunnel_host_key": self.known_hosts("ed25519"),
        })
    }

    /// A tunnel that logs in with a password, at the pinned bastion.
    pub fn by_password(&self) -> Value {
        json!({
            "tunnel_method": "SSH_PASSWORD_AUTH",
            "tunnel_host": "127.0.0.1",
            "tunnel_port": self.port,
            "tunnel_user": self.user,
            "tunnel_user_password": PASSWORD,
            "tunnel_host_key": self.known_hosts("ed25519"),
        })
    }
}

/// Host keys by file name, made once: all bastions of a process show the same, unless one is changed.
fn host_keys() -> &'static Vec<(String, Vec<u8>)> {
    static KEYS: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let directory = TempDir::new().expect("a temporary directory");
        for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "2048")] {
            ssh_keys::generate(&directory.path().join(format!("host_{kind}")), &["-t", kind, "-b", bits]);
        }
        let files = fs::read_dir(directory.path()).expect("the keys").map(|entry| entry.expect("an entry"));
        files
            .map(|file| (file.file_name().into_string().expect("UTF-8"), fs::read(file.path()).expect("a key")))
            .collect()
    })
}
