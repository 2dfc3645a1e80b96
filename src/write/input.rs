//! stdin on a thread of its own: bytes -> chunks of whole lines.

use std::io::{ErrorKind as IoErrorKind, Read};

use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Whole lines; only the last line of the input may lack its newline.
pub type Chunk = Result<Vec<u8>>;

/// What is wrong with a line of more than [`limits::LINE_BYTES`].
pub const TOO_LONG: &str = "it is longer than 256 MiB, which is more than this connector accepts";

/// Reads `source` until its end and sends it in chunks of whole lines. The receiver's pace is the reader's pace.
pub fn spawn(source: impl Read + Send + 'static) -> mpsc::Receiver<Chunk> {
    let (sender, receiver) = mpsc::channel(limits::CHUNKS_QUEUED);
    std::thread::spawn(move || {
        if let Err(error) = read(source, &sender) {
            drop(sender.blocking_send(Err(error)));
        }
    });
    receiver
}

fn read(mut source: impl Read, sender: &mpsc::Sender<Chunk>) -> Result<()> {
    let mut buffer: Vec<u8> = Vec::new();
    // Bytes of the buffer in which no newline was found.
    let mut searched = 0;
    loop {
        let filled = buffer.len();
        // The buffer grows by doubling, but only what is read into is ever touched.
        buffer.resize(filled + limits::READ_BYTES, 0);
        let read = match source.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(read) => read,
            Err(e) if e.kind() == IoErrorKind::Interrupted => {
                buffer.truncate(filled);
                continue;
            }
            Err(e) => return Err(Error::new(ErrorKind::Input, "cannot read stdin").with_source(e)),
        };
        buffer.truncate(filled + read);
        if read == 0 {
            if !buffer.is_empty() {
                drop(sender.blocking_send(Ok(buffer)));
            }
            return Ok(());
        }
        match memchr::memrchr(b'\n', buffer.get(searched..).unwrap_or_default()) {
            Some(at) => {
                let rest = buffer.split_off(searched + at + 1);
                searched = rest.len();
                let chunk = std::mem::replace(&mut buffer, rest);
                let long = chunk.len() > limits::CHUNK_BYTES;
                if sender.blocking_send(Ok(chunk)).is_err() {
                    return Ok(());
                }
                // Long lines do not queue up: a full queue of empty chunks behind it, and one more, so it has been dealt with
                // before reading goes on.
                if long && (0..=limits::CHUNKS_QUEUED).any(|_| sender.blocking_send(Ok(Vec::new())).is_err()) {
                    return Ok(());
                }
            }
            None => searched = buffer.len(),
        }
        if buffer.len() > limits::LINE_BYTES {
            return Err(Error::new(ErrorKind::Input, TOO_LONG));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_the_limit() {
        assert!(TOO_LONG.contains(&format!("{} MiB", limits::LINE_BYTES >> 20)));
    }
}
