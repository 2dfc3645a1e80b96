//! The way to the database: direct, or through an SSH bastion.

use super::raw::{RawTunnel, TunnelWord};
use super::{filled, host_name, nonblank, nonblank_as_is, pem, port_number, refuse, without_nul};
use crate::error::Result;
use crate::secret::Secret;

const DEFAULT_SSH_PORT: u64 = 22;

/// Whether and how to go through an SSH bastion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tunnel {
    /// Connect to the database directly.
    None,
    /// Log in to the bastion with a private key.
    Key {
        /// Host of the bastion.
        host: String,
        /// Port of its SSH server.
        port: u16,
        /// User there.
        user: String,
        /// Private key; when absent, the environment has to provide it (`DESTINATION_SSH_KEY_FILE`).
        key: Option<Secret>,
        /// Passphrase of the key.
        passphrase: Option<Secret>,
        /// Password of the user, for a bastion that wants one beside the key.
        password: Option<Secret>,
        /// `known_hosts` line or SHA256 fingerprint the bastion must match.
        host_key: Option<String>,
    },
    /// Log in to the bastion with a password, and with the key of the environment where the bastion wants both.
    Password {
        /// Host of the bastion.
        host: String,
        /// Port of its SSH server.
        port: u16,
        /// User there.
        user: String,
        /// Password of that user.
        password: Secret,
        /// `known_hosts` line or SHA256 fingerprint the bastion must match.
        host_key: Option<String>,
    },
}

impl Tunnel {
    pub(super) fn from_raw(raw: Option<RawTunnel>) -> Result<Self> {
        let Some(raw) = raw.filter(|raw| raw.tunnel_method != TunnelWord::NoTunnel) else { return Ok(Self::None) };
        let host = host_name("tunnel_method.tunnel_host", raw.tunnel_host)?;
        let port = port_number("tunnel_method.tunnel_port", raw.tunnel_port.unwrap_or(DEFAULT_SSH_PORT))?;
        // No account has a line end in its name, but what is pasted has one behind it.
        let user = nonblank_as_is(raw.tunnel_user)
            .map(|user| user.trim_matches(['\r', '\n']).to_owned())
            .ok_or_else(|| refuse("tunnel_method.tunnel_user", "is missing; name the user to log in as"))?;
        let user = without_nul("tunnel_method.tunnel_user", user)?;
        let host_key = nonblank(raw.tunnel_host_key);
        let password = filled(raw.tunnel_user_password);
        if raw.tunnel_method == TunnelWord::SshKeyAuth {
            let (key, passphrase) = (pem(raw.ssh_key), filled(raw.ssh_key_passphrase));
            return Ok(Self::Key { host, port, user, key, passphrase, password, host_key });
        }
        let password = password
            .ok_or_else(|| refuse("tunnel_method.tunnel_user_password", "is missing; fill in the user's password"))?;
        Ok(Self::Password { host, port, user, password, host_key })
    }

    /// Host and user of the bastion.
    pub(super) fn public(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Key { host, user, .. } | Self::Password { host, user, .. } => vec![host, user],
        }
    }

    /// All texts of secret fields.
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Key { key, passphrase, password, .. } => {
                [key, passphrase, password].into_iter().flatten().map(Secret::expose).collect()
            }
            Self::Password { password, .. } => vec![password.expose()],
        }
    }
}
