//! What a failure of TLS means for the user.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::certificate::{KeyLength, RSA_BITS};
use super::negotiation::TlsError;
use crate::error::{Error, ErrorKind};
use crate::pg::clean;

/// The server answered the question for TLS with something else than yes.
pub(super) fn not_agreed(answer: u8, place: &str) -> TlsError {
    let (kind, text, optional) = match answer {
        b'N' => (
            ErrorKind::Config,
            format!(
                "{place} does not offer TLS, but `ssl_mode` asks for it; switch it on in the server (`ssl = on`) or \
                choose another mode"
            ),
            false,
        ),
        b'E' => (
            ErrorKind::ServerUnavailable,
            format!("{place} answers the question for TLS with an error; it may be out of memory or processes"),
            true,
        ),
        _ => (ErrorKind::Config, not_postgres(place), false),
    };
    TlsError { error: Error::new(kind, text), optional }
}

/// The connection broke at the question for TLS.
pub(super) fn hung_up(error: io::Error, place: &str) -> TlsError {
    let text = format!(
        "{place} closes the connection when it is asked for TLS; a firewall or proxy may be in the way, or the server is \
        overloaded"
    );
    TlsError { error: Error::new(ErrorKind::Connection, text).with_source(error), optional: true }
}

/// The question for TLS has no answer.
pub(super) fn no_answer(place: &str) -> TlsError {
    let text =
        format!("{place} accepts the connection but does not answer in time; check that `port` is that of PostgreSQL");
    TlsError { error: Error::new(ErrorKind::Connection, text), optional: true }
}

/// The handshake began and stands still.
pub(super) fn no_handshake(place: &str) -> TlsError {
    let text = format!("the TLS handshake with {place} does not end in time");
    TlsError { error: Error::new(ErrorKind::Connection, text), optional: true }
}

/// The handshake failed.
pub(super) fn handshake(error: io::Error, place: &str) -> TlsError {
    let optional = !matches!(cause(&error), Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)));
    let (kind, text) = cause(&error).map_or_else(
        || {
            let text = format!(
                "{place} closes the connection during the TLS handshake; a firewall or proxy may be in the way, or its \
                TLS set-up is broken"
            );
            (ErrorKind::Connection, text)
        },
        |known| explain(known, place),
    );
    TlsError { error: Error::new(kind, text).with_source(error), optional }
}

fn not_postgres(place: &str) -> String {
    format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`")
}

/// The TLS failure inside an input/output error, if it is one.
pub(in crate::pg) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What a TLS failure means for the user.
pub(in crate::pg) fn explain(error: &rustls::Error, place: &str) -> (ErrorKind, String) {
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
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => (ErrorKind::Config, not_postgres(place)),
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
                    let names: Vec<String> = presented.iter().take(5).map(|name| clean(bare(name), &[])).collect();
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
        C::UnsupportedSignatureAlgorithmContext { .. } | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!(
                "the certificate of {place}, or one that signed it, is signed in a way that is not safe any more \
                (SHA-1 or MD5); issue it anew with SHA-256"
            )
        }
        C::Other(other) if other.0.is::<KeyLength>() => format!(
            "the certificate of {place}, or one that signed it, has an {}; issue it anew with {} to {} bits, or with an \
            ECDSA key",
            other.0,
            RSA_BITS.start(),
            RSA_BITS.end()
        ),
        C::BadEncoding => format!("the certificate of {place} is damaged; issue it anew"),
        C::UnhandledCriticalExtension => {
            format!("the certificate of {place} has a critical extension that is not known here; issue it without")
        }
        _ => format!("the certificate of {place} cannot be accepted ({})", clean(&reason.to_string(), &[])),
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
        A::UnknownCA => {
            format!("{place} refuses the client certificate: none of the authorities in its `ssl_ca_file` signed it")
        }
        A::CertificateExpired => {
            format!("{place} refuses the client certificate: it has expired; issue a new one")
        }
        A::CertificateRevoked => {
            format!("{place} refuses the client certificate: it has been revoked; issue a new one")
        }
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown | A::AccessDenied | A::DecryptError => {
            format!("{place} refuses the client certificate ({alert:?})")
        }
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
