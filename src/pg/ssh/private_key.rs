//! The private key that logs us in, in any form that people have.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use russh::keys::{Algorithm, PrivateKey, decode_secret_key};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::pem;
use crate::secret::Secret;

/// Names the file with the private key, when the configuration has none.
const KEY_FILE: &str = "DESTINATION_SSH_KEY_FILE";
/// The field with the private key.
const SSH_KEY: &str = "tunnel_method.ssh_key";

/// The key of the configuration, or else the one in the file that the environment names.
///
/// # Errors
/// [`ErrorKind::Config`] saying what is wrong with it.
pub(super) fn load(key: Option<&Secret>, passphrase: Option<&Secret>) -> Result<PrivateKey> {
    match key {
        Some(key) => read_key(key.expose(), passphrase, &format!("configuration: `{SSH_KEY}`")),
        None => key_from_environment(passphrase),
    }
}

fn key_from_environment(passphrase: Option<&Secret>) -> Result<PrivateKey> {
    let Some(path) = std::env::var_os(KEY_FILE).filter(|path| !path.is_empty()) else {
        let text = format!("configuration: `{SSH_KEY}` is missing; paste the private key");
        return Err(Error::new(ErrorKind::Config, text));
    };
    let path = Path::new(&path);
    let place = format!("the private key in `{}` (from {KEY_FILE})", path.display());
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limits::KEY_FILE_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        Error::new(ErrorKind::Config, format!("{place} cannot be read ({})", error.kind())).with_source(error)
    })?;
    read_key(&text, passphrase, &place)
}

/// A private key in any form of PEM. `place` begins each message.
pub(super) fn read_key(text: &str, passphrase: Option<&Secret>, place: &str) -> Result<PrivateKey> {
    const CONVERT: &str = "convert it with `ssh-keygen -p -f FILE`";
    let bad = |what: &str| Error::new(ErrorKind::Config, format!("{place} {what}"));
    let blocks = pem::blocks(text);
    let Some(block) = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY")) else {
        return Err(bad(if text.trim_start().starts_with("ssh-") || text.trim_start().starts_with("ecdsa-") {
            "is a public key; the private one belongs here"
        } else if text.trim_start().starts_with("PuTTY-") {
            "is in PuTTY's form; export it in the OpenSSH form"
        } else {
            "holds no private key; it must begin with -----BEGIN and end with -----END ... PRIVATE KEY-----"
        }));
    };
    let pem = block.text.expose();
    if block.legacy_encrypted && !pem.contains("DEK-Info: AES-128-CBC,") {
        return Err(bad(&format!("is encrypted in a way that is not supported; {CONVERT}")));
    }
    let says_encrypted = block.legacy_encrypted || block.label == "ENCRYPTED PRIVATE KEY";
    // A passphrase for a key that is not encrypted would be taken for an error.
    let may_use = says_encrypted || block.label == "OPENSSH PRIVATE KEY";
    let passphrase = passphrase.map(Secret::expose).filter(|_| may_use);
    if says_encrypted && passphrase.is_none() {
        return Err(bad(LOCKED));
    }
    let key = decode_secret_key(pem, passphrase).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => bad(LOCKED),
        russh::keys::Error::SshKey(russh::keys::ssh_key::Error::Crypto) if passphrase.is_some() => {
            bad(WRONG_PASSPHRASE)
        }
        _ if says_encrypted => bad(&format!("{WRONG_PASSPHRASE}, or the cipher is not supported ({CONVERT})")),
        _ => bad("is damaged or of a kind that is not supported; use an Ed25519, ECDSA or RSA key"),
    })?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => Ok(key),
        other => Err(bad(&format!("is of the kind {other}, which is not supported; use an Ed25519, ECDSA or RSA key"))),
    }
}

const LOCKED: &str = "is encrypted; fill in `tunnel_method.ssh_key_passphrase`";
const WRONG_PASSPHRASE: &str = "cannot be decrypted: `tunnel_method.ssh_key_passphrase` is wrong";
