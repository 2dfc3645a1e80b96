//! BATCH, our extension of the protocol: rows that come as Arrow record batches. `spec/batch.json` is its JSON schema.

use std::borrow::Cow;

use super::message::{millis, string};
use super::state::Members;
use crate::json::{Kind, Scanner, Token};

/// Rows of one stream, in files or in the line itself.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Stream name.
    pub stream: Cow<'a, str>,
    /// Namespace; empty is none.
    pub namespace: Option<Cow<'a, str>>,
    /// `emitted_at` in milliseconds since 1970, or none when the line does not say.
    pub emitted_at_ms: Option<i64>,
    /// Where the rows are.
    pub rows: BatchRows<'a>,
}

/// Where the rows of a batch are.
#[derive(Debug)]
pub enum BatchRows<'a> {
    /// In files of one format, in this order.
    Files(BatchFormat, Vec<String>),
    /// In the line: one Arrow IPC stream, as base64.
    Inline(Cow<'a, str>),
}

/// `encoding.format`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BatchFormat {
    /// Arrow IPC, streaming format.
    ArrowStream,
    /// Arrow IPC, file format.
    ArrowFile,
    /// Parquet.
    Parquet,
}

impl BatchFormat {
    const ALL: [Self; 3] = [Self::ArrowStream, Self::ArrowFile, Self::Parquet];

    /// The spelling in the message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArrowStream => "arrow_stream",
            Self::ArrowFile => "arrow_file",
            Self::Parquet => "parquet",
        }
    }
}

/// Parses the `batch` object of a BATCH message.
pub(super) fn parse(text: &str) -> Result<Batch<'_>, String> {
    let mut members = [Token::MISSING; 6];
    let [stream, namespace, emitted_at, encoding, manifest, data] = &mut members;
    let mut scanner = Scanner::new(text);
    let syntax = |_| "its `batch` is not valid JSON".to_owned();
    scanner.enter_object().map_err(syntax)?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first).map_err(syntax)? {
        first = false;
        let value = scanner.value().map_err(syntax)?;
        match &*string(key, text) {
            "stream" => *stream = value,
            "namespace" => *namespace = value,
            "emitted_at" => *emitted_at = value,
            "encoding" => *encoding = value,
            "manifest" => *manifest = value,
            "data" => *data = value,
            _ => {}
        }
    }
    let [stream, namespace, emitted_at, encoding, manifest, data] = members;
    if stream.kind != Kind::String {
        return Err("the batch has no `stream`".into());
    }
    let name = string(stream, text);
    let refuse = |what: &str| Err(format!("the batch of stream {name} {what}"));
    let given = |token: Token| !matches!(token.kind, Kind::Missing | Kind::Null);
    let format = match format(encoding, text) {
        Ok(format) => format,
        Err(what) => return refuse(what),
    };
    let rows = match (given(manifest), given(data), format) {
        (true, true, _) => return refuse("has both a `manifest` and `data`: it can have one of them"),
        (false, false, _) => return refuse("has neither a `manifest` nor `data`"),
        (true, false, None) => {
            return refuse("does not say in `encoding.format` what its files are: arrow_stream, arrow_file or parquet");
        }
        (true, false, Some(format)) => match serde_json::from_str(manifest.text(text)) {
            Ok(urls) if manifest.kind == Kind::Array => BatchRows::Files(format, urls),
            _ => return refuse("has a `manifest` that is not a list of file:// URLs"),
        },
        (false, true, None | Some(BatchFormat::ArrowStream)) if data.kind == Kind::String => {
            BatchRows::Inline(string(data, text))
        }
        (false, true, None | Some(BatchFormat::ArrowStream)) => return refuse("has `data` that is not a string"),
        (false, true, Some(_)) => {
            return refuse("has `data`, which can only be an arrow_stream; `encoding.format` says otherwise");
        }
    };
    Ok(Batch {
        namespace: (namespace.kind == Kind::String)
            .then(|| string(namespace, text))
            .filter(|namespace| !namespace.is_empty()),
        emitted_at_ms: (emitted_at.kind == Kind::Number).then(|| millis(emitted_at.text(text))).flatten(),
        stream: name,
        rows,
    })
}

/// The format that `encoding` names, or none when it names none.
fn format(encoding: Token, text: &str) -> Result<Option<BatchFormat>, &'static str> {
    const UNKNOWN: &str = "has an `encoding.format` that is not arrow_stream, arrow_file or parquet";
    if matches!(encoding.kind, Kind::Missing | Kind::Null) {
        return Ok(None);
    }
    let members = Members::read(encoding.text(text)).ok_or("has an `encoding` that is not an object")?;
    let Some(format) = members.get("format").filter(|format| *format != "null") else { return Ok(None) };
    let name: String = serde_json::from_str(format).map_err(|_| UNKNOWN)?;
    BatchFormat::ALL.into_iter().find(|format| format.as_str() == name).map(Some).ok_or(UNKNOWN)
}
