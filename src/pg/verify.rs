//! What is verified of a server's certificate.
//!
//! rustls's own verifier decides first. Where it refuses what libpq accepts, the leniencies of libpq follow: a name in
//! the common name only, a self-signed certificate that is itself the given CA, and a certificate of version 1 (what
//! the recipe in PostgreSQL's documentation makes) that the given CA signed directly.
//! Invariant: the signature of the handshake is verified in every mode, so that channel binding means something.

use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// How much is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Check {
    /// Nothing but that the server holds the key of its certificate.
    Nothing,
    /// That a given CA signed it.
    Chain,
    /// That a given CA signed it for this host name or address.
    ChainAndName(String),
}

/// The verifier for one mode and one host.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    roots: RootCertStore,
    given: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// `roots` and `given` hold the same CA certificates, in two forms.
    pub(super) fn new(
        check: Check,
        roots: RootCertStore,
        given: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { check, roots, given, algorithms }
    }

    fn verify_chain(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let strict = ParsedCertificate::try_from(certificate).and_then(|parsed| {
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, self.algorithms.all)
        });
        let Err(refusal) = strict else { return Ok(()) };
        let Ok(parsed) = Certificate::from_der(certificate) else { return Err(refusal) };
        let (issuer, subject) = (&parsed.tbs_certificate.issuer, &parsed.tbs_certificate.subject);
        let self_signed = issuer == subject;
        let version_1 = parsed.tbs_certificate.version == Version::V1;
        let itself = self.given.iter().any(|given| given.as_ref() == certificate.as_ref());
        if self_signed && itself {
            return verify_dates(&parsed, now);
        }
        if version_1 && let Some(issuer) = self.direct_issuer(&parsed) {
            verify_dates(&issuer, now)?;
            return verify_dates(&parsed, now);
        }
        Err(if self_signed || version_1 { CertificateError::UnknownIssuer.into() } else { refusal })
    }

    /// The given CA that signed this certificate, with none in between.
    fn direct_issuer(&self, certificate: &Certificate) -> Option<Certificate> {
        let signed = certificate.tbs_certificate.to_der().ok()?;
        let how = value(&certificate.signature_algorithm)?;
        let algorithms: Vec<_> =
            self.algorithms.all.iter().copied().filter(|known| known.signature_alg_id().as_ref() == how).collect();
        self.given.iter().filter_map(|given| Certificate::from_der(given).ok()).find(|issuer| {
            let key = &issuer.tbs_certificate.subject_public_key_info;
            issuer.tbs_certificate.subject == certificate.tbs_certificate.issuer
                && may_sign(issuer)
                && verify_with_key(&algorithms, key, &signed, certificate.signature.raw_bytes())
        })
    }

    fn verify_host(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>, host: &str) -> Result<(), Error> {
        let strict = ParsedCertificate::try_from(certificate).and_then(|parsed| verify_server_name(&parsed, name));
        let Err(refusal) = strict else { return Ok(()) };
        let is_address = matches!(name, ServerName::IpAddress(_));
        match Certificate::from_der(certificate) {
            Ok(parsed) if common_name_is_for(&parsed, host, is_address) => Ok(()),
            Ok(parsed) if parsed.tbs_certificate.version == Version::V1 => {
                Err(CertificateError::NotValidForName.into())
            }
            _ => Err(refusal),
        }
    }

    fn algorithms_of(&self, scheme: SignatureScheme) -> &[&'static dyn SignatureVerificationAlgorithm] {
        let known = self.algorithms.mapping.iter().find(|(known, _)| *known == scheme);
        known.map(|(_, algorithms)| *algorithms).unwrap_or_default()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.check {
            Check::Nothing => {}
            Check::Chain => self.verify_chain(end_entity, intermediates, now)?,
            Check::ChainAndName(host) => {
                self.verify_chain(end_entity, intermediates, now)?;
                self.verify_host(end_entity, server_name, host)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return verify_tls12_signature(message, cert, dss, &self.algorithms);
        }
        let algorithms = self.algorithms_of(dss.scheme);
        if algorithms.is_empty() {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let parsed = Certificate::from_der(cert).map_err(|_| CertificateError::BadEncoding)?;
        let key = &parsed.tbs_certificate.subject_public_key_info;
        if verify_with_key(algorithms, key, message, dss.signature()) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(cert).is_ok() {
            return verify_tls13_signature(message, cert, dss, &self.algorithms);
        }
        let key = public_key(cert).ok_or(CertificateError::BadEncoding)?;
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The public key in a certificate of any version.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    Some(SubjectPublicKeyInfoDer::from(parsed.tbs_certificate.subject_public_key_info.to_der().ok()?))
}

fn verify_with_key(
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
fn value(sequence: &impl Encode) -> Option<Vec<u8>> {
    let der = sequence.to_der().ok()?;
    (der.get(1)? & 0x80 == 0).then(|| der.get(2..).map(<[u8]>::to_vec)).flatten()
}

fn verify_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
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

/// Whether a certificate may sign others; one of version 1 cannot say so, and may when it is given as a CA.
fn may_sign(certificate: &Certificate) -> bool {
    if certificate.tbs_certificate.version == Version::V1 {
        return true;
    }
    matches!(certificate.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, BasicConstraints { ca: true, .. }))))
}

/// Whether the common name is for `host`. Like in libpq it counts only where no alternative name is of the host's kind.
fn common_name_is_for(certificate: &Certificate, host: &str, is_address: bool) -> bool {
    let names = match certificate.tbs_certificate.get::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names,
        Ok(None) => Vec::new(),
        Err(_) => return false,
    };
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
