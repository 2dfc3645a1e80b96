//! The private keys that log us in, in any form that people have.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use russh::keys::ssh_key::Kdf;
use russh::keys::{Algorithm, PrivateKey, decode_secret_key};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::pem;
use crate::secret::Secret;

/// Names the file with the private key, when the configuration has none.
const KEY_FILE: &str = "DESTINATION_SSH_KEY_FILE";
/// The field with the private key.
const SSH_KEY: &str = "tunnel_method.ssh_key";

/// The keys in the field of the configuration.
///
/// # Errors
/// [`ErrorKind::Config`] saying what is wrong with them.
pub(super) fn from_form(key: &Secret, passphrase: Option<&Secret>) -> Result<Vec<PrivateKey>> {
    read_keys(key.expose(), passphrase, &format!("configuration: `{SSH_KEY}`"))
}

/// The keys in the file that the environment names, the first to be shown first; none when it names none.
///
/// # Errors
/// [`ErrorKind::Config`] saying what is wrong with them.
pub(super) fn from_environment(passphrase: Option<&Secret>) -> Result<Option<Vec<PrivateKey>>> {
    let Some(path) = std::env::var_os(KEY_FILE).filter(|path| !path.is_empty()) else { return Ok(None) };
    let path = Path::new(&path);
    let place = format!("the private key in `{}` (from {KEY_FILE})", path.display());
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limits::KEY_FILE_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        Error::new(ErrorKind::Config, format!("{place} cannot be read ({})", error.kind())).with_source(error)
    })?;
    read_keys(&text, passphrase, &place).map(Some)
}

/// There is a key neither in the configuration nor in the environment.
pub(super) fn missing() -> Error {
    Error::new(ErrorKind::Config, format!("configuration: `{SSH_KEY}` is missing; paste the private key"))
}

/// Private keys in any form of PEM, one or more. `place` begins each message.
pub(super) fn read_keys(text: &str, passphrase: Option<&Secret>, place: &str) -> Result<Vec<PrivateKey>> {
    let mut blocks = pem::blocks(text);
    blocks.retain(|block| block.label.ends_with("PRIVATE KEY"));
    if blocks.is_empty() {
        let what = if text.trim_start().starts_with("ssh-") || text.trim_start().starts_with("ecdsa-") {
            "is a public key; the private one belongs here"
        } else if text.trim_start().starts_with("PuTTY-") {
            "is in PuTTY's form; export it in the OpenSSH form"
        } else {
            "holds no private key; it must begin with -----BEGIN and end with -----END ... PRIVATE KEY-----"
        };
        return Err(Error::new(ErrorKind::Config, format!("{place} {what}")));
    }
    let several = blocks.len() > 1;
    let keys = blocks.iter().enumerate().map(|(at, block)| {
        let place = if several { format!("{place}, key {},", at + 1) } else { place.to_owned() };
        read_key(block, passphrase, &place)
    });
    keys.collect()
}

fn read_key(block: &pem::Block, passphrase: Option<&Secret>, place: &str) -> Result<PrivateKey> {
    const CONVERT: &str = "convert it with `ssh-keygen -p -f FILE`";
    let bad = |what: &str| Error::new(ErrorKind::Config, format!("{place} {what}"));
    if block.legacy_encrypted && !block.text.expose().contains("DEK-Info: AES-128-CBC,") {
        return Err(bad(&format!("is encrypted in a way that is not supported; {CONVERT}")));
    }
    let says_encrypted = block.legacy_encrypted || block.label == "ENCRYPTED PRIVATE KEY";
    // A passphrase for a key that is not encrypted would be taken for an error.
    let may_use = says_encrypted || block.label == "OPENSSH PRIVATE KEY";
    let passphrase = passphrase.map(Secret::expose).filter(|_| may_use);
    if says_encrypted && passphrase.is_none() {
        return Err(bad(LOCKED));
    }
    if passphrase.is_some() && is_too_costly(block) {
        return Err(bad(&format!("{} (`ssh-keygen -p -f FILE`)", pem::TOO_COSTLY)));
    }
    let key = decode_secret_key(block.text.expose(), passphrase).map_err(|error| match error {
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

/// Whether the key asks for more work before its passphrase can be tried than it may.
fn is_too_costly(block: &pem::Block) -> bool {
    match PrivateKey::from_openssh(block.text.expose()).as_ref().map(PrivateKey::kdf) {
        Ok(Kdf::Bcrypt { rounds, .. }) => *rounds > limits::KEY_BCRYPT_ROUNDS,
        _ => block.is_too_costly(),
    }
}

const LOCKED: &str = "is encrypted; fill in `tunnel_method.ssh_key_passphrase`";
const WRONG_PASSPHRASE: &str = "cannot be decrypted: `tunnel_method.ssh_key_passphrase` is wrong";
