//! Sync modes, as one table. Nothing else in the tree interprets a mode or a generation id.
//!
//! ```text
//! destination_sync_mode         | minimum_generation_id | rows are | earlier rows          | published
//! ------------------------------+-----------------------+----------+-----------------------+-------------------------
//! append                        | 0 or absent           | added    | kept                  | at each commit
//! append_dedup                  | 0 or absent           | merged   | kept                  | at each commit
//! overwrite                     | 0 or absent           | added    | replaced              | at a clean end of input
//! overwrite_dedup               | 0 or absent           | merged   | replaced              | at a clean end of input
//! overwrite                     | = generation_id       | added    | replaced              | at COMPLETE
//! overwrite_dedup               | = generation_id       | merged   | replaced              | at COMPLETE
//! append                        | = generation_id       | added    | of this generation kept | at COMPLETE
//! append_dedup                  | = generation_id       | merged   | of this generation kept | at COMPLETE
//! any                           | anything else         | error: hybrid refresh is not supported
//! ```
//!
//! The dialect without refresh support has no COMPLETE, so there a clean end of input is all that can be waited for.

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ConfiguredStream, DestinationSyncMode, Generation};

/// What a stream's mode and generation ids mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoadStrategy {
    /// How a row meets the row of the same key.
    pub rows: Rows,
    /// What happens to the rows of earlier syncs.
    pub earlier: Earlier,
    /// When a replacement becomes visible.
    pub publish: Publish,
}

/// How a row meets the row of the same key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rows {
    /// Every row is added.
    Added,
    /// The newest row of a key stays.
    Merged,
}

/// What happens to the rows of earlier syncs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Earlier {
    /// They stay.
    Kept,
    /// They go, whatever their generation.
    Replaced,
    /// They go unless they are of this generation: an interrupted refresh is continued.
    ReplacedUnlessSameGeneration,
}

/// When a replacement becomes visible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Publish {
    /// Nothing is held back.
    AtEachCommit,
    /// When the input ends cleanly and no INCOMPLETE was seen.
    AtEndOfInput,
    /// When the stream's COMPLETE was seen.
    AtComplete,
}

impl LoadStrategy {
    /// The row of the table for `stream`.
    ///
    /// # Errors
    /// [`ErrorKind::Catalog`] for a minimum generation that is neither 0 nor the generation.
    pub fn choose(stream: &ConfiguredStream) -> Result<Self> {
        use DestinationSyncMode::{Append, AppendDedup, Overwrite, OverwriteDedup};
        let rows = match stream.mode {
            Append | Overwrite => Rows::Added,
            AppendDedup | OverwriteDedup => Rows::Merged,
        };
        let overwrite = matches!(stream.mode, Overwrite | OverwriteDedup);
        let (earlier, publish) = match stream.generation {
            None | Some(Generation { minimum: 0, .. }) if overwrite => (Earlier::Replaced, Publish::AtEndOfInput),
            None | Some(Generation { minimum: 0, .. }) => (Earlier::Kept, Publish::AtEachCommit),
            Some(Generation { id, minimum }) if id == minimum => {
                let earlier = if overwrite { Earlier::Replaced } else { Earlier::ReplacedUnlessSameGeneration };
                (earlier, Publish::AtComplete)
            }
            Some(Generation { id, minimum }) => {
                return Err(Error::new(
                    ErrorKind::Catalog,
                    format!(
                        "stream {} has minimum_generation_id {minimum} and generation_id {id}: hybrid refreshes are \
                         not supported, the minimum must be 0 or the generation itself",
                        stream.name
                    ),
                )
                .with_stream(&stream.name));
            }
        };
        Ok(Self { rows, earlier, publish })
    }
}

#[cfg(test)]
#[path = "load_strategy_tests.rs"]
mod tests;
