//! Certificates and keys as pasted into the configuration -> what a handshake takes.
//!
//! Invariant: every failure names the field of the configuration, and holds nothing of what is in it.

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::public_key;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::pem;
use crate::secret::Secret;

pub(super) fn refuse(path: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("configuration: `{path}` {what}"))
}

pub(super) fn certificates(path: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for block in pem::blocks(text).iter().filter(|block| block.label == "CERTIFICATE") {
        let certificate = CertificateDer::from_pem_slice(block.text.expose().as_bytes())
            .map_err(|_| refuse(path, &format!("is damaged in certificate number {}", found.len() + 1)))?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(refuse(path, "holds no certificate; paste the PEM text from -----BEGIN CERTIFICATE----- on"));
    }
    Ok(found)
}

pub(super) fn client_identity(
    chain: &Secret,
    key: &Secret,
    password: Option<&Secret>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey> {
    let chain = certificates("ssl_mode.client_certificate", chain.expose())?;
    let key = private_key(key.expose(), password)?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        refuse("ssl_mode.client_key", "cannot be used; it must be an RSA, ECDSA or Ed25519 key").with_source(error)
    })?;
    let certified = chain.first().and_then(|certificate| public_key(certificate));
    let matches = match (certified, key.public_key()) {
        (Some(certified), Some(own)) => certified.as_ref() == own.as_ref(),
        _ => true,
    };
    if !matches {
        return Err(refuse(
            "ssl_mode.client_key",
            "is not the key of the certificate in `ssl_mode.client_certificate`",
        ));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// The private key in `text`: PKCS#8, also encrypted, PKCS#1 or SEC1.
fn private_key(text: &str, password: Option<&Secret>) -> Result<PrivateKeyDer<'static>> {
    const PATH: &str = "ssl_mode.client_key";
    const CONVERT: &str =
        "is encrypted in a way that is not supported; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`";
    let blocks = pem::blocks(text);
    let block = blocks
        .iter()
        .find(|block| block.label.ends_with("PRIVATE KEY"))
        .ok_or_else(|| refuse(PATH, "holds no private key; paste the PEM text from -----BEGIN on"))?;
    if block.legacy_encrypted {
        return Err(refuse(PATH, CONVERT));
    }
    if block.label != "ENCRYPTED PRIVATE KEY" {
        return PrivateKeyDer::from_pem_slice(block.text.expose().as_bytes())
            .map_err(|_| refuse(PATH, "is damaged or not in the form PKCS#8, PKCS#1 or SEC1"));
    }
    let Some(password) = password else {
        return Err(refuse(PATH, "is encrypted; fill in `ssl_mode.client_key_password`"));
    };
    if block.is_too_costly() {
        return Err(refuse(PATH, &format!("{} (`openssl pkcs8 -topk8 -v2 aes-256-cbc`)", pem::TOO_COSTLY)));
    }
    let (_, document) = SecretDocument::from_pem(block.text.expose()).map_err(|_| refuse(PATH, "is damaged"))?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| refuse(PATH, CONVERT))?;
    let plain = encrypted.decrypt(password.expose()).map_err(|_| {
        refuse(
            PATH,
            "cannot be decrypted: `ssl_mode.client_key_password` is wrong, or the cipher is not supported \
        (convert the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc`)",
        )
    })?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}
