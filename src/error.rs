//! The one error type, and the table that decides how the orchestrator treats each kind of failure.
//!
//! Owns: what failed ([`ErrorKind`]), whose turn it is ([`FailureType`]), the sentence for the user.
//! Invariant: no message holds a record's value or a secret, only names, counts, lengths and positions.

use std::error::Error as StdError;
use std::fmt;

/// `failure_type` of a TRACE ERROR.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailureType {
    /// The user must change something; the orchestrator stops retrying.
    ConfigError,
    /// A retry can cure it.
    TransientError,
    /// A bug of ours, or input that breaks the protocol.
    SystemError,
}

impl FailureType {
    /// The protocol's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigError => "config_error",
            Self::TransientError => "transient_error",
            Self::SystemError => "system_error",
        }
    }
}

/// What went wrong, in the terms of this connector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// A file or the data of a BATCH message cannot be read at all.
    Batch,
    /// The server or the network refused or dropped the connection.
    Connection,
    /// The configuration file is unreadable or invalid.
    Config,
    /// The configured catalog is unreadable or cannot be loaded.
    Catalog,
    /// A line on stdin breaks the protocol.
    Input,
    /// Our own assumption did not hold.
    Internal,
    /// Somebody else holds a lock for longer than we wait.
    Locked,
    /// An object of the user stands in the way (a view, a NOT NULL column, a foreign key).
    ObjectInTheWay,
    /// The server lost what it had confirmed as durable.
    Lost,
    /// stdout was closed or could not be written.
    Output,
    /// The role lacks a privilege, or the server refuses its login.
    Permission,
    /// The server cannot do it now: starting, stopping, out of disk, memory or connections.
    ServerUnavailable,
    /// The server refused a statement for a reason not in the list above.
    Statement,
    /// A newer sync has taken over the table.
    Superseded,
    /// No name service knows the host, now.
    UnknownHost,
}

impl ErrorKind {
    /// How the orchestrator should treat this kind.
    pub fn failure_type(self) -> FailureType {
        match self {
            Self::Batch
            | Self::Config
            | Self::Catalog
            | Self::Lost
            | Self::ObjectInTheWay
            | Self::Permission
            | Self::UnknownHost => FailureType::ConfigError,
            Self::Connection | Self::Locked | Self::Output | Self::ServerUnavailable | Self::Superseded => {
                FailureType::TransientError
            }
            Self::Input | Self::Internal | Self::Statement => FailureType::SystemError,
        }
    }
}

/// A failure with a sentence for the user, the cause for us, and the stream where known.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    sqlstate: Option<String>,
    refusal: Option<Refusal>,
    stream: Option<StreamName>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What of the database refused a row, as the server names it; no value is among it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// When it was refused.
    pub at: RefusedAt,
    /// The constraint.
    pub constraint: Option<String>,
    /// The column.
    pub column: Option<String>,
}

/// When a row was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedAt {
    /// On its way to the server.
    Copy,
    /// On its way into its table.
    Statement,
    /// By a constraint that is checked at the commit.
    Commit,
}

/// Name and namespace of the stream an error belongs to, as the catalog spells them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamName {
    /// Namespace, or none for the default schema.
    pub namespace: Option<String>,
    /// Stream name.
    pub name: String,
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` with a sentence that tells the user what happened and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            sqlstate: None,
            refusal: None,
            stream: None,
            source: None,
        }))
    }

    /// Adds the underlying cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the server's SQLSTATE.
    #[must_use]
    pub fn with_sqlstate(mut self, code: &str) -> Self {
        self.0.sqlstate = Some(code.to_owned());
        self
    }

    /// Says that the server refused rows, and for what.
    #[must_use]
    pub fn with_refusal(mut self, refusal: Option<Refusal>) -> Self {
        self.0.refusal = refusal;
        self
    }

    /// Names the stream, unless an inner step named one already.
    #[must_use]
    pub fn with_stream(mut self, name: &StreamName) -> Self {
        self.0.stream.get_or_insert_with(|| name.clone());
        self
    }

    /// The same failure, treated as of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Adds a remark to the message.
    #[must_use]
    pub fn remark(mut self, remark: &str) -> Self {
        self.0.message = format!("{}; {remark}", self.0.message);
        self
    }

    /// Puts `context` and a colon before the message.
    #[must_use]
    pub fn context(mut self, context: &str) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence for the user.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's SQLSTATE, when the server refused a statement.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// What refused a row, when this is about rows.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The stream that failed, where known.
    pub fn stream(&self) -> Option<&StreamName> {
        self.0.stream.as_ref()
    }

    /// Message and chain of causes, for `internal_message`.
    pub fn chain(&self) -> String {
        let mut text = format!("{:?}: {}", self.0.kind, self.0.message);
        if let Some(code) = &self.0.sqlstate {
            text.push_str(&format!(" [SQLSTATE {code}]"));
        }
        let mut cause: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|e| &**e as &(dyn StdError + 'static))
    }
}
