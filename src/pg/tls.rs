//! Encryption of the database connection: the six modes, as libpq means them.
//!
//! Owns: what a handshake is made with. `negotiation` asks for it and makes it, `verify` judges the server's certificate,
//! `failure` says what went wrong.
//! Invariant: a mode that verifies never falls back to one that does not.

mod certificate;
mod channel_binding;
mod failure;
mod frames;
mod identity;
mod negotiation;
mod stream;
mod verify;

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{Connect, TlsConnector};

use self::identity::{certificates, client_identity, refuse};
use self::verify::{Check, Verifier};
use crate::config::SslMode;
use crate::error::{Error, ErrorKind, Result};

pub(super) use self::failure::{cause, explain};
pub(super) use self::frames::Method;
pub(super) use self::negotiation::{Negotiation, Policy, TlsError};

/// What is needed for a handshake, made once from the configuration.
pub(super) struct Tls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
    /// What is verified of the server's certificate, in words.
    judged: &'static str,
    identified: bool,
}

impl Tls {
    /// Reads certificates and keys. None for the mode `disable`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the field that cannot be read.
    pub(super) fn new(mode: &SslMode, host: &str) -> Result<Option<Self>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (check, ca, client) = match mode {
            SslMode::Disable => return Ok(None),
            SslMode::Allow | SslMode::Prefer | SslMode::Require => (Check::Nothing, None, None),
            SslMode::VerifyCa { ca_certificate, .. } => (Check::Chain, Some(ca_certificate), None),
            SslMode::VerifyFull { ca_certificate, client_certificate, client_key, client_key_password } => {
                let client = client_certificate.as_ref().zip(client_key.as_ref());
                let client = client
                    .map(|(chain, key)| client_identity(chain, key, client_key_password.as_ref(), &provider))
                    .transpose()?;
                (Check::ChainAndName(host.to_owned()), Some(ca_certificate), client)
            }
        };
        let server_name = match ServerName::try_from(host) {
            Ok(name) => name.to_owned(),
            Err(_) if matches!(check, Check::ChainAndName(_)) => {
                let text = format!(
                    "`host`: the certificate of `{host}` cannot be checked, as this is no DNS name in ASCII; write \
                    the name with xn--"
                );
                return Err(Error::new(ErrorKind::Config, text));
            }
            // An address is never sent to the server, so this stands for "no name".
            Err(_) => ServerName::from(Ipv4Addr::UNSPECIFIED),
        };
        let judged = check.in_words();
        let identified = client.is_some();
        let given = ca.map(|text| certificates("ssl_mode.ca_certificate", text)).transpose()?.unwrap_or_default();
        for (at, certificate) in given.iter().enumerate() {
            RootCertStore::empty().add(certificate.clone()).map_err(|error| {
                let what = format!("holds a certificate that cannot be used (number {})", at + 1);
                refuse("ssl_mode.ca_certificate", &what).with_source(error)
            })?;
        }
        let verifier: Arc<dyn ServerCertVerifier> =
            Arc::new(Verifier::new(check, given, provider.signature_verification_algorithms));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").with_source(error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match client {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Some(Self { connector: Arc::new(config).into(), server_name, judged, identified }))
    }

    /// Whether there is a client certificate for a server that asks for one.
    pub(super) fn has_client_certificate(&self) -> bool {
        self.identified
    }

    /// Makes the handshake on a stream on which the server has agreed to it.
    fn handshake<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Connect<S> {
        self.connector.connect(self.server_name.clone(), stream)
    }

    /// What a handshake led to, for the user.
    fn describe<S>(&self, stream: &TlsStream<S>) -> String {
        let connection: &ClientConnection = stream.get_ref().1;
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        // rustls alone writes the version into the names of 1.3.
        let cipher = cipher.replace("TLS13_", "TLS_");
        format!("encrypted with {version}, {cipher}; {}", self.judged)
    }
}

#[cfg(test)]
mod tests;
