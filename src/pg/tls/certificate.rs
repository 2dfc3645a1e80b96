//! What rustls does not tell of a certificate, or does not read at all: version 1, the common name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, Error, OtherError};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::oid::db::rfc5912::RSA_ENCRYPTION;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The public key in a certificate of any version.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    Some(SubjectPublicKeyInfoDer::from(parsed.tbs_certificate.subject_public_key_info.to_der().ok()?))
}

pub(super) fn verify_with_key(
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let kind = value(&key.algorithm);
    algorithms
        .iter()
        .filter(|algorithm| Some(algorithm.public_key_alg_id().as_ref()) == kind.as_deref())
        .any(|algorithm| algorithm.verify_signature(key.subject_public_key.raw_bytes(), message, signature).is_ok())
}

/// The contents of a short DER sequence, without its tag and length.
pub(super) fn value(sequence: &impl Encode) -> Option<Vec<u8>> {
    let der = sequence.to_der().ok()?;
    (der.get(1)? & 0x80 == 0).then(|| der.get(2..).map(<[u8]>::to_vec)).flatten()
}

pub(super) fn verify_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = &certificate.tbs_certificate.validity;
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// An RSA key of a length with which nothing is verified.
#[derive(Debug)]
pub(super) struct KeyLength {
    /// Its length.
    pub(super) bits: usize,
}

/// Lengths of RSA keys that can be used, in bits.
pub(super) const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Refuses RSA keys that are too short, or longer than what the library verifies with.
pub(super) fn verify_key_length(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    match Certificate::from_der(certificate).ok().and_then(|parsed| rsa_bits(&parsed)) {
        Some(bits) if !RSA_BITS.contains(&bits) => {
            Err(CertificateError::Other(OtherError(Arc::new(KeyLength { bits }))).into())
        }
        _ => Ok(()),
    }
}

/// The length of the key, if it is an RSA key.
fn rsa_bits(certificate: &Certificate) -> Option<usize> {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    if key.algorithm.oid != RSA_ENCRYPTION {
        return None;
    }
    let modulus = SliceReader::new(key.subject_public_key.raw_bytes()).ok()?.sequence(|pair| {
        let modulus = UintRef::decode(pair)?;
        UintRef::decode(pair)?;
        Ok(modulus)
    });
    let bytes = modulus.ok()?;
    let (first, others) = bytes.as_bytes().split_first()?;
    Some(others.len() * 8 + usize::try_from(u8::BITS - first.leading_zeros()).ok()?)
}

impl fmt::Display for KeyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RSA key of {} bits", self.bits)
    }
}

impl std::error::Error for KeyLength {}

/// Whether a certificate may sign others; one of version 1 cannot say so, and may when it is given as a CA.
pub(super) fn may_sign(certificate: &Certificate) -> bool {
    if certificate.tbs_certificate.version == Version::V1 {
        return true;
    }
    matches!(certificate.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, BasicConstraints { ca: true, .. }))))
}

/// Whether a name that rustls does not look at is for `host`. Like in libpq the common name counts only where no
/// alternative name is of the host's kind.
pub(super) fn a_name_is_for(certificate: &Certificate, host: &str, is_address: bool) -> bool {
    let names = match certificate.tbs_certificate.get::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names,
        Ok(None) => Vec::new(),
        Err(_) => return false,
    };
    // An address that was taken for a name, as it often is.
    let as_name =
        |name: &GeneralName| matches!(name, GeneralName::DnsName(name) if is_address && name.as_str() == host);
    if names.iter().any(as_name) {
        return true;
    }
    let counts = names.iter().any(|name| match name {
        GeneralName::DnsName(_) => !is_address,
        GeneralName::IpAddress(_) => is_address,
        _ => false,
    });
    if counts {
        return false;
    }
    let attributes = certificate.tbs_certificate.subject.0.iter().flat_map(|name| name.0.iter());
    let common = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    common.take(1).any(|attribute| {
        std::str::from_utf8(attribute.value.value()).is_ok_and(|name| name_is_for(name, host, is_address))
    })
}

/// Whether a name in a certificate is for `host`; a leading `*` stands for one label.
fn name_is_for(name: &str, host: &str, is_address: bool) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    if is_address {
        return false;
    }
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((first, domain))) => {
            !first.is_empty() && rest.contains(|c| c != '.') && rest.eq_ignore_ascii_case(domain)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_star() {
        for (name, host) in [("db.example.com", "DB.example.COM"), ("*.example.com", "db.example.com")] {
            assert!(name_is_for(name, host, false), "{name} {host}");
        }
        for (name, host) in [
            ("*.example.com", "a.db.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", ".example.com"),
            ("*", "localhost"),
            ("*.", "a."),
            ("d*.example.com", "db.example.com"),
            ("", "db"),
        ] {
            assert!(!name_is_for(name, host, false), "{name} {host}");
        }
        assert!(name_is_for("10.0.0.1", "10.0.0.1", true));
        assert!(!name_is_for("*.0.0.1", "10.0.0.1", true));
    }
}
