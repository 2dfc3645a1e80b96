//! How the database connection is encrypted.

use std::fmt;

use super::raw::{RawSslMode, SslWord};
use super::{filled, pem, refuse};
use crate::error::Result;
use crate::secret::Secret;

/// Encryption of the database connection; the modes mean what they mean to libpq.
#[derive(Clone, Eq, PartialEq)]
pub enum SslMode {
    /// Never encrypt.
    Disable,
    /// Encrypt only when the server refuses to talk otherwise.
    Allow,
    /// Encrypt when the server can.
    Prefer,
    /// Always encrypt, verify nothing.
    Require,
    /// Always encrypt, verify who signed the server's certificate.
    VerifyCa {
        /// PEM text of one or more CA certificates, never blank.
        ca_certificate: String,
        /// Accepted as the form has it; without a client key there is nothing to decrypt.
        client_key_password: Option<Secret>,
    },
    /// Always encrypt, verify who signed the server's certificate and for which host name.
    VerifyFull {
        /// PEM text of one or more CA certificates, never blank.
        ca_certificate: String,
        /// PEM text; given if and only if `client_key` is.
        client_certificate: Option<Secret>,
        /// PEM text; given if and only if `client_certificate` is.
        client_key: Option<Secret>,
        /// Passphrase of `client_key`.
        client_key_password: Option<Secret>,
    },
}

impl SslMode {
    /// The mode that `ssl`, `ssl_mode` and the `sslmode` of the URL parameters add up to.
    pub(super) fn resolve(ssl: Option<bool>, mode: Option<RawSslMode>, param: Option<SslWord>) -> Result<Self> {
        match (ssl, mode) {
            (Some(true) | None, Some(mode)) => Self::from_raw(mode),
            (Some(true), None) => Ok(Self::plain(param).unwrap_or(Self::Require)),
            (Some(false), _) | (None, None) => Ok(Self::plain(param).unwrap_or(Self::Prefer)),
        }
    }

    /// The mode's name, as in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa { .. } => "verify-ca",
            Self::VerifyFull { .. } => "verify-full",
        }
    }

    /// Whether no unencrypted connection is ever made.
    pub fn always_encrypts(&self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa { .. } | Self::VerifyFull { .. })
    }

    fn plain(word: Option<SslWord>) -> Option<Self> {
        match word? {
            SslWord::Disable => Some(Self::Disable),
            SslWord::Allow => Some(Self::Allow),
            SslWord::Prefer => Some(Self::Prefer),
            SslWord::Require => Some(Self::Require),
            SslWord::VerifyCa | SslWord::VerifyFull => None,
        }
    }

    fn from_raw(raw: RawSslMode) -> Result<Self> {
        if let Some(plain) = Self::plain(Some(raw.mode)) {
            return Ok(plain);
        }
        let ca_certificate = pem(raw.ca_certificate)
            .ok_or_else(|| refuse("ssl_mode.ca_certificate", "is missing; paste the PEM text of the CA certificate"))?;
        let ca_certificate = ca_certificate.expose().to_owned();
        let client_key_password = filled(raw.client_key_password);
        if raw.mode == SslWord::VerifyCa {
            return Ok(Self::VerifyCa { ca_certificate, client_key_password });
        }
        let (client_certificate, client_key) = (pem(raw.client_certificate), pem(raw.client_key));
        match (&client_certificate, &client_key) {
            (Some(_), None) => Err(refuse("ssl_mode.client_key", "is missing; the client certificate needs its key")),
            (None, Some(_)) => {
                Err(refuse("ssl_mode.client_certificate", "is missing; the client key needs its certificate"))
            }
            _ => Ok(Self::VerifyFull { ca_certificate, client_certificate, client_key, client_key_password }),
        }
    }

    /// All texts of secret fields.
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::VerifyCa { ca_certificate, client_key_password } => {
                let secret = client_key_password.as_ref().map(Secret::expose);
                secret.into_iter().chain([ca_certificate.as_str()]).collect()
            }
            Self::VerifyFull { ca_certificate, client_certificate, client_key, client_key_password } => {
                let secrets = [client_certificate, client_key, client_key_password];
                let secrets = secrets.into_iter().flatten().map(Secret::expose);
                secrets.chain([ca_certificate.as_str()]).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Only the mode's name: the certificates are secret fields of the form.
impl fmt::Debug for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
