//! Client keys for SSH in every kind and file format, made by OpenSSH and OpenSSL once a process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The passphrase of the encrypted keys.
pub const PASSPHRASE: &str = "open $esame \"ssh\"";

/// A client key.
pub struct Key {
    /// The private half, as a file would hold it.
    pub private: String,
    /// The line for authorized_keys.
    pub public: String,
    /// Whether [`PASSPHRASE`] opens it.
    pub encrypted: bool,
}

/// All keys by name; every one of them is authorised at the bastions of the tests.
///
/// # Panics
/// When a tool is missing or fails.
pub fn all() -> &'static BTreeMap<&'static str, Key> {
    static KEYS: OnceLock<BTreeMap<&'static str, Key>> = OnceLock::new();
    KEYS.get_or_init(make)
}

/// One of them.
///
/// # Panics
/// When there is no key of this name.
pub fn key(name: &str) -> &'static Key {
    all().get(name).unwrap_or_else(|| panic!("no key {name}"))
}

/// The public lines of all keys.
pub fn authorized_keys() -> String {
    all().values().map(|key| key.public.as_str()).collect()
}

/// A new key in `file`, beside its public half in `file.pub`.
///
/// # Panics
/// When ssh-keygen is missing or fails.
pub fn generate(file: &Path, options: &[&str]) {
    run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "", "-f"]).arg(file).args(options));
}

/// A new Ed25519 key that nobody has authorised.
///
/// # Panics
/// As [`generate`].
pub fn stranger() -> Key {
    let directory = TempDir::new().expect("a temporary directory");
    let file = directory.path().join("key");
    generate(&file, &["-t", "ed25519"]);
    Key { private: read(&file), public: read(&file.with_extension("pub")), encrypted: false }
}

/// Name of the key, `ssh-keygen` options of its kind.
const KINDS: [(&str, &[&str]); 6] = [
    ("ed25519", &["-t", "ed25519"]),
    ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
    ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
    ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa2048", &["-t", "rsa", "-b", "2048"]),
    ("rsa4096", &["-t", "rsa", "-b", "4096"]),
];

/// Name of the copy, key that it is a copy of, whether it is encrypted, format. `Pem` is PKCS#1 of RSA keys and SEC1 of
/// ECDSA keys.
const FORMATS: [(&str, &str, bool, Format); 17] = [
    ("ed25519-openssh-encrypted", "ed25519", true, Format::OpenSsh),
    ("ecdsa256-openssh-encrypted", "ecdsa256", true, Format::OpenSsh),
    ("ecdsa521-openssh-encrypted", "ecdsa521", true, Format::OpenSsh),
    ("rsa2048-openssh-encrypted", "rsa2048", true, Format::OpenSsh),
    ("rsa2048-pkcs1", "rsa2048", false, Format::Pem),
    ("rsa4096-pkcs1", "rsa4096", false, Format::Pem),
    ("rsa2048-pkcs1-encrypted", "rsa2048", true, Format::Pem),
    ("ecdsa256-sec1", "ecdsa256", false, Format::Pem),
    ("ecdsa384-sec1", "ecdsa384", false, Format::Pem),
    ("ecdsa521-sec1", "ecdsa521", false, Format::Pem),
    ("rsa2048-pkcs8", "rsa2048", false, Format::Pkcs8),
    ("rsa2048-pkcs8-encrypted", "rsa2048", true, Format::Pkcs8),
    ("ecdsa256-pkcs8", "ecdsa256", false, Format::Pkcs8),
    ("ecdsa384-pkcs8", "ecdsa384", false, Format::Pkcs8),
    ("ecdsa521-pkcs8", "ecdsa521", false, Format::Pkcs8),
    ("ecdsa256-pkcs8-encrypted", "ecdsa256", true, Format::Pkcs8),
    ("ecdsa521-pkcs8-encrypted", "ecdsa521", true, Format::Pkcs8),
];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Format {
    OpenSsh,
    Pem,
    Pkcs8,
}

fn make() -> BTreeMap<&'static str, Key> {
    let directory = TempDir::new().expect("a temporary directory");
    let mut keys = BTreeMap::new();
    for (name, options) in KINDS {
        let file = directory.path().join(name);
        generate(&file, options);
        let public = read(&file.with_extension("pub"));
        keys.insert(name, Key { private: read(&file), public, encrypted: false });
    }
    for (name, of, encrypted, format) in FORMATS {
        let file = directory.path().join(name);
        fs::copy(directory.path().join(of), &file).expect("a copy");
        convert(&file, encrypted, format);
        keys.insert(name, Key { private: read(&file), public: keys[of].public.clone(), encrypted });
    }
    for (name, encrypted) in [("ed25519-pkcs8", false), ("ed25519-pkcs8-encrypted", true)] {
        let file = directory.path().join(name);
        let mut command = Command::new("openssl");
        command.args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&file);
        if encrypted {
            command.args(["-aes-256-cbc", "-pass"]).arg(format!("pass:{PASSPHRASE}"));
        }
        run(&mut command);
        keys.insert(name, Key { private: read(&file), public: ed25519_line(&file), encrypted });
    }
    keys
}

fn convert(file: &Path, encrypted: bool, format: Format) {
    // OpenSSL does not read OpenSSH's own format, so PKCS#8 goes by way of PEM.
    let passphrase = if encrypted && format != Format::Pkcs8 { PASSPHRASE } else { "" };
    let form: &[&str] = if format == Format::OpenSsh { &[] } else { &["-m", "PEM"] };
    run(Command::new("ssh-keygen")
        .args(["-q", "-p", "-a", "2", "-P", "", "-N", passphrase])
        .args(form)
        .arg("-f")
        .arg(file));
    if format == Format::Pkcs8 {
        let out = file.with_extension("out");
        let mut command = Command::new("openssl");
        command.args(["pkcs8", "-topk8", "-in"]).arg(file).arg("-out").arg(&out);
        if encrypted {
            command.args(["-v2", "aes-256-cbc", "-passout"]).arg(format!("pass:{PASSPHRASE}"));
        } else {
            command.arg("-nocrypt");
        }
        run(&mut command);
        fs::rename(out, file).expect("the converted key");
    }
}

/// The public line of an Ed25519 key in PKCS#8, which not every ssh-keygen reads.
fn ed25519_line(file: &Path) -> String {
    let mut command = Command::new("openssl");
    command.args(["pkey", "-pubout", "-outform", "DER", "-passin"]).arg(format!("pass:{PASSPHRASE}")).arg("-in");
    let der = run(command.arg(file));
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0 ".to_vec();
    blob.extend_from_slice(&der[der.len() - 32..]);
    let data = russh::keys::ssh_key::PublicKey::from_bytes(&blob).expect("a public key");
    format!("{}\n", data.to_openssh().expect("a line"))
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{:?} cannot run ({e}): please install it", command.get_program()));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a key file")
}
