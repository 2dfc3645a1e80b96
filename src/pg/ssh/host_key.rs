//! Who the bastion must be: the host keys that the user has pinned.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey, parse_public_key_base64};

use crate::error::{Error, ErrorKind, Result};

/// The field that pins the bastion's host key.
pub(super) const HOST_KEY: &str = "tunnel_method.tunnel_host_key";

/// The host keys that the bastion may have.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// Keys in full.
    pub(super) keys: Vec<PublicKey>,
    /// `SHA256:` and base64 without padding.
    pub(super) fingerprints: Vec<String>,
    /// Keys never to be trusted.
    pub(super) revoked: Vec<PublicKey>,
}

impl Pins {
    /// Reads fingerprints, known_hosts lines and public-key lines, one a line. Host names in them are not compared: the
    /// user has put the line in the field of this bastion.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the line that cannot be read.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut pins = Self::default();
        let text = text.replace("\\r", "\n").replace("\\n", "\n");
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for (at, line) in lines.enumerate() {
            let bad = |what: &str| {
                Error::new(ErrorKind::Config, format!("configuration: `{HOST_KEY}`, line {}: {what}", at + 1))
            };
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(fingerprint) = words.iter().find(|word| word.starts_with("SHA256:")) {
                let fingerprint = fingerprint.trim_end_matches('=');
                if fingerprint.len() != "SHA256:".len() + 43 {
                    return Err(bad("is not a whole SHA256 fingerprint"));
                }
                pins.fingerprints.push(fingerprint.to_owned());
                continue;
            }
            if words.iter().any(|word| word.starts_with("MD5:")) {
                return Err(bad("holds an MD5 fingerprint, which is not safe; use the SHA256 one"));
            }
            if words.first() == Some(&"@cert-authority") {
                return Err(bad("names a certificate authority, which is not supported; use the host key itself"));
            }
            // The key's base64 starts with the length of its type's name.
            let Some(key) = words.iter().find(|word| word.starts_with("AAAA")) else {
                return Err(bad("is neither a known_hosts line nor a SHA256 fingerprint"));
            };
            let key = parse_public_key_base64(key).map_err(|_| bad("holds a key that is damaged or not supported"))?;
            if words.first() == Some(&"@revoked") { &mut pins.revoked } else { &mut pins.keys }.push(key);
        }
        Ok(pins)
    }

    /// Whether any host key is fine.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.fingerprints.is_empty()
    }

    /// Whether this key is pinned.
    pub(super) fn accept(&self, key: &PublicKey) -> bool {
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        self.keys.iter().any(|pinned| pinned.key_data() == key.key_data()) || self.fingerprints.contains(&fingerprint)
    }

    /// What to ask for, so that a bastion with several keys shows one that is pinned.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let any = self.keys.is_empty() || !self.fingerprints.is_empty();
        let pinned =
            |algorithm: &&Algorithm| any || self.keys.iter().any(|key| kind_of(&key.algorithm()) == kind_of(algorithm));
        HOST_KEYS.iter().filter(pinned).cloned().collect()
    }
}

/// Host keys that are asked for, the best first; no RSA with SHA-1.
pub(super) const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// An algorithm without the hash that an RSA signature uses.
pub(super) fn kind_of(algorithm: &Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
        other => other.clone(),
    }
}
