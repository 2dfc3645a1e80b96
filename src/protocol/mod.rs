//! The Airbyte protocol: the configured catalog, messages in, messages out.
//!
//! Invariants: [`Output`] is the only owner of stdout; a record's `data` is never turned into a tree here.

mod batch;
mod catalog;
mod message;
mod output;
mod state;
#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchFormat, BatchRows};
pub use catalog::{ConfiguredCatalog, ConfiguredStream, DestinationSyncMode, Generation};
pub use message::{DataReader, Message, Record, Status, parse_line};
pub(crate) use output::now_ms;
pub use output::{Level, Output, nobody_reads};
pub use state::{State, StateScope};

pub use crate::error::StreamName;

impl StreamName {
    /// A stream's name; an empty namespace is the same as none.
    pub fn new(namespace: Option<&str>, name: &str) -> Self {
        Self { namespace: namespace.filter(|n| !n.is_empty()).map(Into::into), name: name.to_owned() }
    }
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
