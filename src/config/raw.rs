//! The configuration file as the user writes it, after [`super::form`] has checked it against the specification.
//!
//! Owns: the names of the fields and of the words they take. Every field is optional here: what a missing one means is
//! decided in [`super::Config`]. A test keeps names and words equal to those of `spec/spec.json`.

use serde::Deserialize;

use super::{CdcDeletion, RejectedRows};
use crate::secret::Secret;

/// Top level of the configuration file.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawConfig {
    pub(super) host: Option<String>,
    pub(super) port: Option<u64>,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) ssl: Option<bool>,
    pub(super) ssl_mode: Option<RawSslMode>,
    pub(super) cdc_deletion_mode: Option<CdcDeletion>,
    /// May hold a password, so it is no plain text.
    pub(super) jdbc_url_params: Option<Secret>,
    pub(super) raw_data_schema: Option<String>,
    pub(super) disable_type_dedupe: Option<bool>,
    pub(super) drop_cascade: Option<bool>,
    pub(super) unconstrained_number: Option<bool>,
    pub(super) tunnel_method: Option<RawTunnel>,
    pub(super) drop_removed_columns: Option<bool>,
    pub(super) role: Option<String>,
    pub(super) reader_roles: Option<Vec<String>>,
    pub(super) commit_interval_seconds: Option<u64>,
    pub(super) max_connections: Option<u64>,
    pub(super) retry_timeout_seconds: Option<u64>,
    pub(super) rejected_rows: Option<RejectedRows>,
    pub(super) load_receipts: Option<bool>,
    pub(super) source_address: Option<String>,
    pub(super) table_options: Option<Vec<RawTableOptions>>,
}

/// An entry of `table_options`.
#[derive(Debug, Deserialize)]
pub(super) struct RawTableOptions {
    pub(super) stream: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) partition_by: Option<String>,
    pub(super) partitions: Option<Vec<String>>,
    pub(super) tablespace: Option<String>,
    pub(super) storage_parameters: Option<String>,
    pub(super) after_create: Option<Vec<String>>,
}

/// `ssl_mode`: the members of all its options.
#[derive(Debug, Deserialize)]
pub(super) struct RawSslMode {
    pub(super) mode: SslWord,
    pub(super) ca_certificate: Option<Secret>,
    pub(super) client_certificate: Option<Secret>,
    pub(super) client_key: Option<Secret>,
    pub(super) client_key_password: Option<Secret>,
}

/// `ssl_mode.mode`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SslWord {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// `tunnel_method`: the members of all its options.
#[derive(Debug, Deserialize)]
pub(super) struct RawTunnel {
    pub(super) tunnel_method: TunnelWord,
    pub(super) tunnel_host: Option<String>,
    pub(super) tunnel_port: Option<u64>,
    pub(super) tunnel_user: Option<String>,
    pub(super) ssh_key: Option<Secret>,
    pub(super) ssh_key_passphrase: Option<Secret>,
    pub(super) tunnel_user_password: Option<Secret>,
    pub(super) tunnel_host_key: Option<String>,
}

/// `tunnel_method.tunnel_method`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum TunnelWord {
    NoTunnel,
    SshKeyAuth,
    SshPasswordAuth,
}
