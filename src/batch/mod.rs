//! Records, and record batches of others -> Arrow record batches, one growing batch a stream.
//!
//! Data flow: [`Router`] finds a record's stream, its [`decoder::RecordDecoder`] picks the declared fields out of the
//! line, [`StreamBatch`] appends them to the column builders and freezes them into record batches of bounded size.
//! [`foreign`] makes record batches that came as such into ones like that.
//! Invariant: pure; a record adds exactly one row or none at all.

mod decoder;
mod foreign;
mod keys;
mod meta;
mod nulled;
mod router;
mod stream_batch;
#[cfg(test)]
mod tests;

pub use foreign::Unfit;
pub use keys::FirstLoad;
pub use meta::RawIds;
pub use nulled::Nulled;
pub use router::{Router, RouterStream};
pub use stream_batch::{Layout, LayoutColumn, Rows, Share};
