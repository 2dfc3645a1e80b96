//! The configuration, valid by construction.
//!
//! Owns: what every field of the configuration file means, and what it means when it is missing. The file is parsed,
//! fitted to the form ([`form`]), read into [`raw`] types and turned into [`Config`]; nothing after that asks again.
//! Invariant: no message and no `Debug` output holds a value of a secret field; messages hold no value at all.

use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::schema::Shape;
use crate::secret::Secret;

pub use self::spec::specification;
pub use self::ssl::SslMode;
pub use self::table_options::TableOptions;
pub use self::tunnel::Tunnel;

mod form;
mod params;
mod raw;
mod spec;
mod ssl;
mod table_options;
mod tunnel;

/// Everything the user can set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Host name or IP address of the server, never empty, no brackets around an IPv6 address.
    pub host: String,
    /// Port of the server; 5432 when not given.
    pub port: u16,
    /// Database, never empty.
    pub database: String,
    /// Schema for streams without a namespace; `public` when not given.
    pub schema: String,
    /// Role to log in as, never empty.
    pub username: String,
    /// Password of that role; an empty one counts as none.
    pub password: Option<Secret>,
    /// Encryption. `ssl_mode` decides when `ssl` is true or absent; when `ssl` is false it is not looked at, as in
    /// Airbyte's destination. Where it does not decide, an `sslmode` among the URL parameters does. Else `ssl: true`
    /// means `require`, and false or absent means `prefer` and not `disable`: that is what the driver of Airbyte's
    /// destination does unless told otherwise, and a server that takes encrypted connections only keeps working.
    pub ssl_mode: SslMode,
    /// What a deletion in a change-data-capture source does.
    pub cdc_deletion: CdcDeletion,
    /// `jdbc_url_params` as decoded pairs, in the order written; of a repeated key only the last. Pairs that another
    /// field decides (`user`, `currentSchema`, `ssl`, `sslmode`, every kind of password) are not in it.
    pub jdbc_url_params: Vec<(String, String)>,
    /// Schema of the raw tables, when the user chose one.
    pub raw_data_schema: Option<String>,
    /// Write raw tables and no typed ones (`disable_type_dedupe`).
    pub raw_tables_only: bool,
    /// Drop with CASCADE.
    pub drop_cascade: bool,
    /// Accepted and without effect: numbers are always unconstrained.
    pub unconstrained_number: bool,
    /// The way to the server.
    pub tunnel: Tunnel,
    /// Drop the column of a field that is gone from the source.
    pub drop_removed_columns: bool,
    /// Role to switch to after the login.
    pub role: Option<String>,
    /// Roles that may read what we make; no blanks, no repetitions.
    pub reader_roles: Vec<String>,
    /// Longest wait of a row for its commit, 1 to 900 seconds; 15 when not given.
    pub commit_interval_seconds: u64,
    /// Sessions that load side by side, 1 to 32; 4 when not given.
    pub max_connections: usize,
    /// How long a failure that another attempt can cure is met by attempts without any progress, 0 (none) to 3,600
    /// seconds; 120 when not given.
    pub retry_timeout_seconds: u64,
    /// What a row that the database refuses does.
    pub rejected_rows: RejectedRows,
    /// Each commit leaves a row in a table of receipts.
    pub load_receipts: bool,
    /// The address of this machine from which connections leave, when it has several and firewalls know but one.
    pub source_address: Option<IpAddr>,
    /// How the tables of some streams are to be made; one entry a stream and namespace.
    pub table_options: Vec<TableOptions>,
    /// Passwords among the URL parameters: unused, but not to be shown either.
    unused_secrets: Vec<Secret>,
}

/// What a deletion in a change-data-capture source does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum CdcDeletion {
    /// Removes the row.
    #[default]
    #[serde(rename = "Hard delete")]
    Hard,
    /// Keeps the row with the time of its deletion.
    #[serde(rename = "Soft delete")]
    Soft,
}

/// What a row does that the database refuses: a constraint, a trigger, a policy.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum RejectedRows {
    /// Ends the sync with an error.
    #[default]
    Fail,
    /// Goes to the table of rejected rows; all others are loaded.
    SetAside,
}

const DEFAULT_PORT: u64 = 5432;
const DEFAULT_SCHEMA: &str = "public";
const DEFAULT_COMMIT_INTERVAL_SECONDS: u64 = 15;
const DEFAULT_MAX_CONNECTIONS: u64 = 4;
const DEFAULT_RETRY_TIMEOUT_SECONDS: u64 = 120;

impl Config {
    /// Reads the configuration file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the file cannot be read, and as [`Config::parse`] does.
    pub fn from_file(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| {
            let text = format!("configuration: cannot read the file `{}` ({})", path.display(), error.kind());
            Error::new(ErrorKind::Config, text).with_source(error)
        })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::new(ErrorKind::Config, "configuration: the file is not UTF-8 text"))?;
        Self::parse(text)
    }

    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the JSON path and what is wrong there.
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = if error.is_eof() { "ends too early" } else { "is not valid JSON" };
            Error::new(ErrorKind::Config, format!("configuration: the file {what} ({place})"))
        })?;
        let mut given = match parsed {
            Value::Object(given) => given,
            other => {
                let text = format!("configuration: the file must hold a JSON object, found {}", form::a_kind(&other));
                return Err(Error::new(ErrorKind::Config, text));
            }
        };
        if given.get("ssl").is_some_and(|ssl| *ssl == false || *ssl == "false") {
            given.remove("ssl_mode");
        }
        let fitted = form::fit(&spec::properties()?, given)?;
        // The cause could quote a value, so it is not kept.
        let raw = serde_json::from_value(Value::Object(fitted)).map_err(|_| {
            Error::new(ErrorKind::Internal, "the configuration fits the specification but not our types; report this")
        })?;
        Self::from_raw(raw)
    }

    /// All texts that must never be shown, the longest first: the values of secret fields and, of those with several
    /// lines, the lines. A redactor that replaces them in this order leaves no part of any.
    pub fn secrets(&self) -> Vec<&str> {
        let whole = self.password.iter().chain(&self.unused_secrets).map(Secret::expose);
        let whole = whole.chain(self.ssl_mode.secrets()).chain(self.tunnel.secrets());
        let mut texts: Vec<&str> =
            whole.flat_map(|text| [text, text.trim()].into_iter().chain(key_lines(text))).collect();
        // A secret that is a public value as well is hidden by nobody, and its marks in a text would tell what it is.
        let public = self.public();
        texts.retain(|text| !text.is_empty() && !public.contains(text));
        texts.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        texts.dedup();
        texts
    }

    /// How the table of a stream is to be made, where not plainly.
    pub fn shape(&self, namespace: Option<&str>, stream: &str) -> Option<&Shape> {
        let mut of_name = self.table_options.iter().filter(|options| options.stream == stream);
        let exact =
            of_name.clone().find(|options| options.namespace.is_some() && options.namespace.as_deref() == namespace);
        exact.or_else(|| of_name.find(|options| options.namespace.is_none())).map(|options| &options.shape)
    }

    /// The names that messages need.
    fn public(&self) -> Vec<&str> {
        let names = [&self.host, &self.database, &self.schema, &self.username];
        let names = names.into_iter().chain(&self.role).chain(&self.reader_roles).map(String::as_str);
        names.chain(self.tunnel.public()).collect()
    }

    fn from_raw(raw: raw::RawConfig) -> Result<Self> {
        let params = raw.jdbc_url_params.as_ref().map(|text| params::UrlParams::parse(text.expose())).transpose()?;
        let params = params.unwrap_or_default();
        let password = filled(raw.password);
        if password.as_ref().is_some_and(|password| password.expose().contains('\0')) {
            return Err(refuse("password", NUL));
        }
        Ok(Self {
            host: host_name("host", raw.host)?,
            port: port_number("port", raw.port.unwrap_or(DEFAULT_PORT))?,
            database: required("database", raw.database, "name the database to load into")?,
            schema: without_nul("schema", nonblank_as_is(raw.schema).unwrap_or_else(|| DEFAULT_SCHEMA.to_owned()))?,
            username: required("username", raw.username, "name the role to log in as")?,
            password,
            ssl_mode: SslMode::resolve(raw.ssl, raw.ssl_mode, params.ssl)?,
            cdc_deletion: raw.cdc_deletion_mode.unwrap_or_default(),
            jdbc_url_params: params.pairs,
            raw_data_schema: optional("raw_data_schema", raw.raw_data_schema)?,
            raw_tables_only: raw.disable_type_dedupe.unwrap_or_default(),
            drop_cascade: raw.drop_cascade.unwrap_or_default(),
            unconstrained_number: raw.unconstrained_number.unwrap_or_default(),
            tunnel: Tunnel::from_raw(raw.tunnel_method)?,
            drop_removed_columns: raw.drop_removed_columns.unwrap_or_default(),
            role: optional("role", raw.role)?,
            reader_roles: reader_roles(raw.reader_roles.unwrap_or_default())?,
            commit_interval_seconds: raw.commit_interval_seconds.unwrap_or(DEFAULT_COMMIT_INTERVAL_SECONDS),
            max_connections: usize::try_from(raw.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS))
                .map_err(|_| refuse("max_connections", "is too large"))?,
            retry_timeout_seconds: raw.retry_timeout_seconds.unwrap_or(DEFAULT_RETRY_TIMEOUT_SECONDS),
            rejected_rows: raw.rejected_rows.unwrap_or_default(),
            load_receipts: raw.load_receipts.unwrap_or_default(),
            source_address: source_address(raw.source_address)?,
            table_options: table_options::from_raw(raw.table_options.unwrap_or_default())?,
            unused_secrets: params.secrets,
        })
    }
}

const NUL: &str = "must not contain a NUL character";

/// An error about the field at `path`.
fn refuse(path: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("configuration: `{path}` {what}"))
}

fn reader_roles(given: Vec<String>) -> Result<Vec<String>> {
    let mut roles: Vec<String> = Vec::with_capacity(given.len());
    for (at, role) in given.into_iter().enumerate() {
        let role = required(&format!("reader_roles[{at}]"), Some(role), "name a role or remove the entry")?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(roles)
}

fn source_address(given: Option<String>) -> Result<Option<IpAddr>> {
    let parsed = nonblank(given).map(|text| text.parse());
    parsed.transpose().map_err(|_| refuse("source_address", "must be an IPv4 or IPv6 address of this machine"))
}

fn host_name(path: &str, given: Option<String>) -> Result<String> {
    let host = nonblank(given).ok_or_else(|| refuse(path, "is missing; name the server"))?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.to_owned(),
        None => host,
    };
    if host.contains("://") || host.contains(char::is_whitespace) {
        return Err(refuse(path, "must be a host name or an IP address alone, no URL and no blanks"));
    }
    without_nul(path, host)
}

fn port_number(path: &str, given: u64) -> Result<u16> {
    let port = u16::try_from(given).ok().filter(|port| *port != 0);
    port.ok_or_else(|| refuse(path, "must be a port that can be connected to, from 1 to 65535"))
}

/// A name that must be given. Blanks are kept: they can be part of a name.
fn required(path: &str, given: Option<String>, remedy: &str) -> Result<String> {
    match given.filter(|text| !text.is_empty()) {
        Some(text) => without_nul(path, text),
        None => Err(refuse(path, &format!("is missing or empty; {remedy}"))),
    }
}

fn optional(path: &str, given: Option<String>) -> Result<Option<String>> {
    nonblank_as_is(given).map(|text| without_nul(path, text)).transpose()
}

fn without_nul(path: &str, text: String) -> Result<String> {
    if text.contains('\0') { Err(refuse(path, NUL)) } else { Ok(text) }
}

fn nonblank(given: Option<String>) -> Option<String> {
    given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn nonblank_as_is(given: Option<String>) -> Option<String> {
    given.filter(|text| !text.trim().is_empty())
}

fn filled(given: Option<Secret>) -> Option<Secret> {
    given.filter(|secret| !secret.expose().is_empty())
}

/// A key or certificate, with a literal `\n` turned into a line end, as forms of one line make people write it.
fn pem(given: Option<Secret>) -> Option<Secret> {
    let text = given?.expose().replace("\\r\\n", "\n").replace("\\n", "\n").replace("\r\n", "\n");
    (!text.trim().is_empty()).then(|| Secret::new(format!("{}\n", text.trim())))
}

/// The lines of a text of several lines, without the boundaries that every PEM text has.
fn key_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).filter(|line| line.len() >= 8 && !line.starts_with("-----"));
    lines.filter(move |_| text.trim().contains('\n'))
}

#[cfg(test)]
mod tests;
