//! Who reads stdout.

use std::fs::File;

use tokio::io::Interest;
use tokio::net::unix::pipe;

use crate::error::Error;
use crate::protocol::{Output, nobody_reads};

/// Completes when nobody reads stdout any more, be there something to write or not; never where that cannot be known, as
/// for a file.
pub(super) async fn gone(output: &Output) -> Error {
    let pipe = output.descriptor().map(|descriptor| pipe::Sender::from_file_unchecked(File::from(descriptor)));
    if let Some(Ok(pipe)) = pipe
        && pipe.ready(Interest::ERROR).await.is_ok()
    {
        return nobody_reads();
    }
    std::future::pending().await
}
