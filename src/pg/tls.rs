//! Encryption of the database connection: the six modes, as libpq means them.
//!
//! Owns: the question for TLS, the handshake, what is verified, and what must not be sent in clear text. The question
//! is asked here and not by tokio-postgres, which takes every answer but `S` for "no".
//! Invariant: a mode that verifies never falls back to one that does not.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use postgres_protocol::message::frontend;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pem;
use super::verify::{Check, Verifier};
use crate::config::SslMode;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// What is needed for a handshake, made once from the configuration.
pub(super) struct Tls {
    connector: MakeRustlsConnect,
    server_name: String,
}

/// Whether a connection is to be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Policy {
    /// Do not ask for it.
    Never,
    /// Ask, and go on without if the server has none.
    IfOffered,
    /// Go on with it only.
    Always,
}

/// Asks for TLS and makes the handshake: what [`tokio_postgres::Config::connect_raw`] is given.
pub(super) struct Negotiation<'a> {
    /// Present unless the mode is `disable`.
    pub(super) tls: Option<&'a Tls>,
    /// What to ask for.
    pub(super) policy: Policy,
    /// When to give up.
    pub(super) deadline: Instant,
    /// Whether a password may be sent in clear text over an unencrypted connection.
    pub(super) clear_password: bool,
    /// Set when the handshake succeeds.
    pub(super) encrypted: &'a AtomicBool,
    /// The server, for messages.
    pub(super) place: &'a str,
}

/// A failure before the login began.
#[derive(Debug)]
pub(super) struct TlsError {
    /// What to tell the user.
    pub(super) error: Error,
    /// Whether `prefer` may go on without encryption.
    pub(super) optional: bool,
}

type Encrypted<S> = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;

/// A connection to the server, encrypted or not.
pub(super) enum PgStream<S, E> {
    /// With TLS.
    Encrypted(Box<E>),
    /// Without.
    Plain(Guard<S>),
}

/// An unencrypted connection that breaks when the server asks for the password in clear text.
pub(super) struct Guard<S> {
    stream: S,
    clear_password: bool,
    head: [u8; CLEAR_TEXT_QUESTION.len()],
    seen: usize,
}

/// AuthenticationCleartextPassword, always the first message where it is used.
const CLEAR_TEXT_QUESTION: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];

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
            Ok(_) => host.to_owned(),
            Err(_) if matches!(check, Check::ChainAndName(_)) => {
                let text = format!(
                    "`host`: the certificate of `{host}` cannot be checked, as this is no DNS name in ASCII; write \
                    the name with xn--"
                );
                return Err(Error::new(ErrorKind::Config, text));
            }
            // An address is never sent to the server, so this stands for "no name".
            Err(_) => "0.0.0.0".to_owned(),
        };
        let given = ca.map(|text| certificates("ssl_mode.ca_certificate", text)).transpose()?.unwrap_or_default();
        let mut roots = RootCertStore::empty();
        for (at, certificate) in given.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| {
                refuse(
                    "ssl_mode.ca_certificate",
                    &format!("holds a certificate that cannot be used (number {})", at + 1),
                )
                .with_source(error)
            })?;
        }
        let verifier: Arc<dyn ServerCertVerifier> =
            Arc::new(Verifier::new(check, roots, given, provider.signature_verification_algorithms));
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
        Ok(Some(Self { connector: MakeRustlsConnect::new(config), server_name }))
    }

    fn handshake<S>(&self, stream: S) -> impl Future<Output = io::Result<Encrypted<S>>> + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(connect) = MakeTlsConnect::<S>::make_tls_connect(&mut self.connector.clone(), &self.server_name);
        connect.connect(stream)
    }
}

fn refuse(path: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("configuration: `{path}` {what}"))
}

fn certificates(path: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
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

fn client_identity(
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
    let certified = chain.first().and_then(|certificate| super::verify::public_key(certificate));
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

impl<'a, S> TlsConnect<S> for Negotiation<'a>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = PgStream<S, Encrypted<S>>;
    type Error = TlsError;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<PgStream<S, Encrypted<S>>, TlsError>> + Send + 'a>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(self.run(stream))
    }
}

impl Negotiation<'_> {
    async fn run<S>(self, mut stream: S) -> std::result::Result<PgStream<S, Encrypted<S>>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = self.tls.filter(|_| self.policy != Policy::Never) else {
            return Ok(PgStream::Plain(Guard::new(stream, self.clear_password)));
        };
        let place = self.place;
        let fail = |kind, text: String, optional| TlsError { error: Error::new(kind, text), optional };
        match timeout_at(self.deadline, ask(&mut stream)).await {
            Ok(Ok(b'S')) => {}
            Ok(Ok(b'N')) if self.policy == Policy::IfOffered => {
                return Ok(PgStream::Plain(Guard::new(stream, self.clear_password)));
            }
            Ok(Ok(b'N')) => {
                let text = format!(
                    "{place} does not offer TLS, but `ssl_mode` asks for it; switch it on in the server (`ssl = on`) \
                    or choose another mode"
                );
                return Err(fail(ErrorKind::Config, text, false));
            }
            Ok(Ok(b'E')) => {
                let text = format!("{place} answers the question for TLS with an error; it may be out of resources");
                return Err(fail(ErrorKind::ServerUnavailable, text, true));
            }
            Ok(Ok(_)) => {
                let text = format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`");
                return Err(fail(ErrorKind::Config, text, false));
            }
            Ok(Err(error)) => {
                let text = format!(
                    "{place} closes the connection when it is asked for TLS; a firewall or proxy may be in the way, \
                    or the server is overloaded"
                );
                let error = Error::new(ErrorKind::Connection, text).with_source(error);
                return Err(TlsError { error, optional: true });
            }
            Err(_) => {
                let text = format!(
                    "{place} accepts the connection but does not answer in time; check that `port` is that of \
                    PostgreSQL"
                );
                return Err(fail(ErrorKind::Connection, text, true));
            }
        }
        match timeout_at(self.deadline, tls.handshake(stream)).await {
            Ok(Ok(stream)) => {
                self.encrypted.store(true, Ordering::Relaxed);
                Ok(PgStream::Encrypted(Box::new(stream)))
            }
            Ok(Err(error)) => {
                let optional =
                    !matches!(cause(&error), Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)));
                Err(TlsError { error: handshake_failed(error, place), optional })
            }
            Err(_) => {
                Err(fail(ErrorKind::Connection, format!("the TLS handshake with {place} does not end in time"), true))
            }
        }
    }
}

/// Sends the question for TLS and reads exactly the one byte of the answer.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<u8> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    stream.flush().await?;
    stream.read_u8().await
}

fn handshake_failed(error: io::Error, place: &str) -> Error {
    match cause(&error) {
        Some(known) => {
            let (kind, text) = explain(known, place);
            Error::new(kind, text).with_source(error)
        }
        None => {
            let text = format!(
                "{place} closes the connection during the TLS handshake; a firewall or proxy may be in the way, or \
                its TLS set-up is broken"
            );
            Error::new(ErrorKind::Connection, text).with_source(error)
        }
    }
}

/// The TLS failure inside an input/output error, if it is one.
pub(super) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What a TLS failure means for the user.
pub(super) fn explain(error: &rustls::Error, place: &str) -> (ErrorKind, String) {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(reason) => (ErrorKind::Config, certificate_refused(reason, place)),
        Tls::AlertReceived(alert) => alert_received(*alert, place),
        Tls::PeerIncompatible(reason) => {
            let text = format!(
                "{place} and this connector have no TLS version and cipher in common ({reason:?}); the server must \
                offer TLS 1.2 or 1.3"
            );
            (ErrorKind::Config, text)
        }
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (ErrorKind::Config, format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`"))
        }
        _ => (ErrorKind::Connection, format!("the TLS connection with {place} breaks; what arrives is not valid TLS")),
    }
}

fn certificate_refused(reason: &CertificateError, place: &str) -> String {
    use CertificateError as C;
    match reason {
        C::UnknownIssuer | C::BadSignature => {
            format!(
                "the certificate of {place} is not signed by the CA in `ssl_mode.ca_certificate`; paste the \
                certificate of the CA that signed it"
            )
        }
        C::Expired | C::ExpiredContext { .. } => {
            format!("the certificate of {place}, or one that signed it, has expired; renew it")
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            format!("the certificate of {place}, or one that signed it, is not valid yet; check the clocks")
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            let names = match reason {
                C::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let names: Vec<String> =
                        presented.iter().take(5).map(|name| super::clean(bare(name), &[])).collect();
                    format!(" (it is for {})", names.join(", "))
                }
                _ => String::new(),
            };
            format!(
                "the certificate of {place} is not for the name in `host`{names}; use a name that it is for, or the \
                mode verify-ca"
            )
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            format!("the certificate of {place} is not meant for servers; issue it with the purpose serverAuth")
        }
        _ => format!("the certificate of {place} cannot be accepted ({})", super::clean(&reason.to_string(), &[])),
    }
}

/// The name in rustls's `DnsName("name")` and `IpAddress(name)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn alert_received(alert: AlertDescription, place: &str) -> (ErrorKind, String) {
    use AlertDescription as A;
    let text = match alert {
        A::CertificateRequired => format!(
            "{place} asks for a client certificate; choose the mode verify-full and fill in the client certificate \
            and key"
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied
        | A::DecryptError => format!("{place} refuses the client certificate ({alert:?})"),
        A::ProtocolVersion => {
            format!("{place} speaks only TLS 1.1 or older, which is not safe; switch on TLS 1.2 or 1.3")
        }
        A::HandshakeFailure | A::InsufficientSecurity => {
            format!("{place} and this connector have no cipher in common, or the server wants a client certificate")
        }
        A::UnrecognisedName => format!("{place} does not know the name in `host`"),
        _ => {
            let text = format!("{place} breaks off the TLS handshake ({alert:?})");
            return (ErrorKind::Connection, text);
        }
    };
    (ErrorKind::Config, text)
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for TlsError {}

impl<S> Guard<S> {
    fn new(stream: S, clear_password: bool) -> Self {
        Self { stream, clear_password, head: [0; CLEAR_TEXT_QUESTION.len()], seen: 0 }
    }

    fn look(&mut self, arrived: &[u8]) -> io::Result<()> {
        let missing = self.head.iter_mut().skip(self.seen);
        self.seen += missing.zip(arrived).map(|(kept, byte)| *kept = *byte).count();
        if self.head == CLEAR_TEXT_QUESTION && !self.clear_password {
            let text = "the server asks for the password in clear text over a connection that is not encrypted; it \
            was not \
                        sent. Use an `ssl_mode` that encrypts, or scram-sha-256 in pg_hba.conf";
            return Err(io::Error::other(Error::new(ErrorKind::Config, text)));
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.seen == CLEAR_TEXT_QUESTION.len() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.look(buf.filled().get(before..).unwrap_or_default()))
    }
}

impl<S, E> AsyncRead for PgStream<S, E>
where
    S: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Plain(guard) => Pin::new(guard).poll_read(cx, buf),
        }
    }
}

impl<S, E> AsyncWrite for PgStream<S, E>
where
    S: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Plain(guard) => Pin::new(&mut guard.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Self::Plain(guard) => Pin::new(&mut guard.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Plain(guard) => Pin::new(&mut guard.stream).poll_shutdown(cx),
        }
    }
}

impl<S, E> TlsStream for PgStream<S, E>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: TlsStream + Unpin,
{
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Self::Encrypted(stream) => stream.channel_binding(),
            Self::Plain(_) => ChannelBinding::none(),
        }
    }
}

#[cfg(test)]
mod tests;
