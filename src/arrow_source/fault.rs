//! What is wrong with a file, before its name is put to it.

use std::error::Error as StdError;
use std::io::ErrorKind as IoErrorKind;

use arrow::error::ArrowError;
use flatbuffers::InvalidFlatbuffer;
use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind};
use crate::limits;

/// What reading a file answers.
pub(super) type Reading<T> = Result<T, Fault>;

/// A sentence about a file, and its cause.
#[derive(Debug)]
pub(super) struct Fault {
    what: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// `what` is said of the file as "it".
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// What it holds does not fit together.
    pub fn corrupt() -> Self {
        Self::new("it is corrupt: write it again")
    }

    /// Its types are nested too deeply.
    pub fn too_deep() -> Self {
        Self::new(format!("it is nested deeper than {} levels", limits::ARROW_DEPTH))
    }

    /// It ends before its end.
    pub fn cut_off() -> Self {
        Self::new("it is cut off: it ends before its contents do")
    }

    /// Adds the cause, for us.
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Names the column.
    pub fn in_column(mut self, column: Option<&str>) -> Self {
        if let Some(column) = column {
            self.what = format!("column \"{column}\": {}", self.what);
        }
        self
    }

    /// The error of the file `name`.
    pub fn into_error(self, kind: ErrorKind, name: &str) -> Error {
        let error = Error::new(kind, format!("{name}: {}", self.what));
        match self.cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

impl From<InvalidFlatbuffer> for Fault {
    fn from(error: InvalidFlatbuffer) -> Self {
        match error {
            InvalidFlatbuffer::DepthLimitReached => Self::too_deep(),
            error => Self::corrupt().because(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            IoErrorKind::UnexpectedEof => Self::cut_off().because(error),
            _ => Self::new(format!("it cannot be read ({})", error.kind())).because(error),
        }
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => error.into(),
            ArrowError::NotYetImplemented(_) => {
                Self::new("it uses a part of the format that this connector does not know").because(error)
            }
            error => Self::corrupt().because(error),
        }
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::ArrowError(text) if text.ends_with("DepthLimitReached") => Self::too_deep(),
            ParquetError::EOF(_) => Self::cut_off().because(error),
            ParquetError::NYI(_) => {
                Self::new("it uses a part of the format that this connector does not know").because(error)
            }
            error => Self::corrupt().because(error),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Fault {}
