//! Keys and certificates, made by the openssl command when a test needs them.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use tempfile::TempDir;

/// Times of a certificate that is valid for as long as anybody runs these tests.
const ALWAYS: (&str, &str) = ("20200101000000Z", "20991231235959Z");

/// A directory with everything that is made in it; it goes away with this value.
pub struct Workshop {
    directory: TempDir,
    next: Cell<u32>,
}

/// A certificate and its key, as PEM texts.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate alone.
    pub certificate: String,
    /// Its key, in PKCS#8 without a passphrase.
    pub key: String,
}

/// Kinds of keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    Rsa(u32),
    /// With the curve P-256.
    Ecdsa,
    Ed25519,
}

/// What a certificate is to say. Start from [`Subject::server`], [`Subject::client`] or [`Subject::authority`].
#[derive(Clone, Debug)]
pub struct Subject {
    common_name: String,
    extensions: String,
    key: KeyKind,
    digest: &'static str,
    valid: (&'static str, &'static str),
}

impl Subject {
    /// A server; the names are as in OpenSSL's configuration (`DNS:db.example.com`, `IP:127.0.0.1`).
    pub fn server(common_name: &str, alternative_names: &[&str]) -> Self {
        let names = alternative_names.join(",");
        let names = if names.is_empty() { names } else { format!("subjectAltName={names}\n") };
        Self::new(common_name, &format!("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n{names}"))
    }

    /// A client, whose role is the common name.
    pub fn client(role: &str) -> Self {
        Self::new(role, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
    }

    /// Somebody who may sign others.
    pub fn authority(common_name: &str) -> Self {
        Self::new(common_name, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
    }

    fn new(common_name: &str, extensions: &str) -> Self {
        Self {
            common_name: common_name.to_owned(),
            extensions: extensions.to_owned(),
            key: KeyKind::Ecdsa,
            digest: "sha256",
            valid: ALWAYS,
        }
    }

    #[must_use]
    pub fn key(self, key: KeyKind) -> Self {
        Self { key, ..self }
    }

    #[must_use]
    pub fn digest(self, digest: &'static str) -> Self {
        Self { digest, ..self }
    }

    #[must_use]
    pub fn expired(self) -> Self {
        Self { valid: ("20200101000000Z", "20210101000000Z"), ..self }
    }

    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        Self { valid: ("20980101000000Z", "20991231235959Z"), ..self }
    }
}

impl Workshop {
    /// # Panics
    /// When no temporary directory can be made.
    pub fn new() -> Self {
        Self { directory: TempDir::new().expect("a temporary directory"), next: Cell::new(1) }
    }

    /// A certificate signed by its own key.
    ///
    /// # Panics
    /// When openssl does not do it.
    pub fn self_signed(&self, subject: &Subject) -> Identity {
        self.make(subject, None)
    }

    /// A certificate signed by an authority.
    ///
    /// # Panics
    /// When openssl does not do it.
    pub fn signed(&self, subject: &Subject, by: &Identity) -> Identity {
        self.make(subject, Some(by))
    }

    fn make(&self, subject: &Subject, by: Option<&Identity>) -> Identity {
        let key = self.path("key");
        let mut generate = openssl("genpkey");
        generate.arg("-out").arg(&key);
        match subject.key {
            KeyKind::Rsa(bits) => {
                generate.args(["-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")]);
            }
            KeyKind::Ecdsa => {
                generate.args(["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
            }
            KeyKind::Ed25519 => {
                generate.args(["-algorithm", "ED25519"]);
            }
        }
        run(&mut generate);

        let request = self.path("request");
        let name = format!("/CN={}", subject.common_name);
        run(openssl("req").args(["-new", "-subj", &name, "-key"]).arg(&key).arg("-out").arg(&request));

        let (signer, signed_by) = match by {
            Some(authority) => {
                (self.write("key", &authority.key), Some(self.write("certificate", &authority.certificate)))
            }
            None => (key.clone(), None),
        };
        let certificate = self.path("certificate");
        let mut sign = openssl("ca");
        sign.arg("-config").arg(self.configuration());
        sign.args(["-batch", "-notext", "-md", subject.digest, "-startdate", subject.valid.0]);
        sign.args(["-enddate", subject.valid.1, "-keyfile"]).arg(signer);
        match signed_by {
            Some(issuer) => sign.arg("-cert").arg(issuer),
            None => sign.arg("-selfsign"),
        };
        sign.arg("-extfile").arg(self.write("extensions", &subject.extensions));
        run(sign.arg("-in").arg(request).arg("-out").arg(&certificate));
        Identity { certificate: read(&certificate), key: read(&key) }
    }

    /// The key in another form: arguments of `openssl pkey`, `pkcs8`, `rsa` or `ec` that come before input and output.
    ///
    /// # Panics
    /// When openssl does not do it.
    pub fn converted(&self, key: &str, command: &str, arguments: &[&str]) -> String {
        let (input, output) = (self.write("key", key), self.path("key"));
        run(openssl(command).args(arguments).arg("-in").arg(input).arg("-out").arg(&output));
        read(&output)
    }

    /// Writes a file and answers its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, what: &str, text: &str) -> PathBuf {
        let path = self.path(what);
        fs::write(&path, text).expect("a temporary file");
        #[cfg(unix)]
        restrict(&path).expect("a private file");
        path
    }

    fn path(&self, what: &str) -> PathBuf {
        let number = self.next.replace(self.next.get() + 1);
        self.directory.path().join(format!("{number}.{what}"))
    }

    /// What `openssl ca` keeps its books with.
    fn configuration(&self) -> PathBuf {
        let index = self.write("index", "");
        let folder = self.directory.path().display();
        let index = index.display();
        self.write(
            "config",
            &format!(
                "[ca]\ndefault_ca = here\n[here]\nnew_certs_dir = {folder}\ndatabase = {index}\nunique_subject = no\n\
                 rand_serial = yes\npolicy = anything\n[anything]\ncommonName = supplied\n"
            ),
        )
    }
}

/// psql refuses the key of a client when others may read it.
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

fn openssl(command: &str) -> Command {
    let mut process = Command::new("openssl");
    process.arg(command);
    process
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("openssl is installed (package openssl)");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file that openssl made")
}
