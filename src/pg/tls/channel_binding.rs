//! What ties a login by SCRAM to the TLS session in which it happens: the hash of the server's certificate (RFC 5929,
//! tls-server-end-point).

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912 as oid;

/// The hash that the certificate is signed with, of the certificate. None where the signature names no hash (Ed25519): then
/// the server cannot bind either.
pub(super) fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    hash(parsed.signature_algorithm.oid, certificate)
}

fn hash(signature: ObjectIdentifier, text: &[u8]) -> Option<Vec<u8>> {
    Some(match signature {
        // The first two are too weak by themselves, so SHA-256 stands in for them.
        oid::MD_5_WITH_RSA_ENCRYPTION
        | oid::SHA_1_WITH_RSA_ENCRYPTION
        | oid::SHA_256_WITH_RSA_ENCRYPTION
        | oid::ECDSA_WITH_SHA_256 => Sha256::digest(text).to_vec(),
        oid::SHA_384_WITH_RSA_ENCRYPTION | oid::ECDSA_WITH_SHA_384 => Sha384::digest(text).to_vec(),
        oid::SHA_512_WITH_RSA_ENCRYPTION | oid::ECDSA_WITH_SHA_512 => Sha512::digest(text).to_vec(),
        _ => return None,
    })
}
