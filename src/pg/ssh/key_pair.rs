//! A new key pair for the way through a bastion.

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// An Ed25519 key pair in OpenSSH's forms.
#[derive(Debug)]
pub struct KeyPair {
    /// Text of the private-key file.
    pub private: Secret,
    /// The public key as one line, without line break: kind, key, comment.
    pub public: String,
    /// `SHA256:…`, as ssh-keygen and the bastion's log show it.
    pub fingerprint: String,
}

impl KeyPair {
    /// Makes one; `comment` must be one line.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the key cannot be encrypted or written.
    pub fn generate(comment: &str, passphrase: Option<&Secret>) -> Result<Self> {
        let failed = |e| Error::new(ErrorKind::Internal, "the key pair cannot be made").with_source(e);
        let mut key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(failed)?;
        key.set_comment(comment);
        let public = key.public_key().to_openssh().map_err(failed)?;
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if let Some(passphrase) = passphrase {
            key = key.encrypt(&mut safe_rng(), passphrase.expose()).map_err(failed)?;
        }
        let private = Secret::new(key.to_openssh(LineEnding::LF).map_err(failed)?.as_str());
        Ok(Self { private, public, fingerprint })
    }
}
