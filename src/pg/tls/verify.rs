//! What is verified of a server's certificate.
//!
//! rustls's own verifier decides first. Where it refuses what libpq accepts, the leniencies of libpq follow: a name in
//! the common name only, a self-signed certificate that is itself the given CA, and a certificate of version 1 (what
//! the recipe in PostgreSQL's documentation makes) that the given CA signed directly. Where rustls accepts what libpq
//! refuses, libpq wins too: a CA must be within its own dates.
//! Invariant: the signature of the handshake is verified in every mode, so that channel binding means something.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::{Decode, Encode};

use super::certificate::{
    a_name_is_for, may_sign, public_key, value, verify_dates, verify_key_length, verify_with_key,
};

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

impl Check {
    /// What it comes to, for the user.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Nothing => "the certificate is not verified",
            Self::Chain => "the certificate is verified, its name is not",
            Self::ChainAndName(_) => "the certificate and its name are verified",
        }
    }
}

/// The verifier for one mode and one host.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    given: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// `given` are the CA certificates.
    pub(super) fn new(
        check: Check,
        given: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { check, given, algorithms }
    }

    /// What rustls says, with the dates of the CA looked at as well.
    fn verify_strictly(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let signed_by = |given: &[&CertificateDer<'static>]| {
            let mut roots = RootCertStore::empty();
            given.iter().try_for_each(|certificate| roots.add((*certificate).clone()))?;
            verify_server_cert_signed_by_trust_anchor(&parsed, &roots, intermediates, now, self.algorithms.all)
        };
        let in_time = |given: &CertificateDer<'_>| {
            Certificate::from_der(given).map_or(Ok(()), |parsed| verify_dates(&parsed, now))
        };
        let (good, others): (Vec<_>, Vec<_>) = self.given.iter().partition(|given| in_time(given).is_ok());
        let refusal = match signed_by(&good) {
            Err(refusal) if !others.is_empty() => refusal,
            outcome => return outcome,
        };
        match signed_by(&others) {
            Ok(()) => Err(others.iter().find_map(|given| in_time(given).err()).unwrap_or(refusal)),
            Err(_) => Err(refusal),
        }
    }

    fn verify_chain(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let strict = self.verify_strictly(certificate, intermediates, now);
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
        if self_signed || version_1 {
            return Err(CertificateError::UnknownIssuer.into());
        }
        if matches!(refusal, Error::InvalidCertificate(CertificateError::BadSignature)) {
            // A signature by a short key is not even looked at.
            intermediates.iter().chain(&self.given).try_for_each(verify_key_length)?;
        }
        Err(refusal)
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

    fn algorithms_of(&self, scheme: SignatureScheme) -> &[&'static dyn SignatureVerificationAlgorithm] {
        let known = self.algorithms.mapping.iter().find(|(known, _)| *known == scheme);
        known.map(|(_, algorithms)| *algorithms).unwrap_or_default()
    }
}

/// The names in the certificate are looked at as rustls does, then as libpq does beyond that.
fn verify_host(certificate: &CertificateDer<'_>, name: &ServerName<'_>, host: &str) -> Result<(), Error> {
    let strict = ParsedCertificate::try_from(certificate).and_then(|parsed| verify_server_name(&parsed, name));
    let Err(refusal) = strict else { return Ok(()) };
    let is_address = matches!(name, ServerName::IpAddress(_));
    match Certificate::from_der(certificate) {
        Ok(parsed) if a_name_is_for(&parsed, host, is_address) => Ok(()),
        Ok(parsed) if parsed.tbs_certificate.version == Version::V1 => Err(CertificateError::NotValidForName.into()),
        _ => Err(refusal),
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
        verify_key_length(end_entity)?;
        match &self.check {
            Check::Nothing => {}
            Check::Chain => self.verify_chain(end_entity, intermediates, now)?,
            Check::ChainAndName(host) => {
                self.verify_chain(end_entity, intermediates, now)?;
                verify_host(end_entity, server_name, host)?;
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
