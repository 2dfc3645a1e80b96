//! The server's messages, looked at before the client library sees them: their kinds and lengths, and what a login asks for.
//!
//! The library would answer a question for the password in clear text, and would keep whatever arrives in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Tag and length.
const HEADER: usize = 5;
/// Tag and length of an authentication message and what it asks for.
const QUESTION: usize = 9;
const AUTHENTICATION: u8 = b'R';
const CLEAR_TEXT_PASSWORD: [u8; 4] = [0, 0, 0, 3];
const MD5_PASSWORD: [u8; 4] = [0, 0, 0, 5];
const SASL: [u8; 4] = [0, 0, 0, 10];
const ERROR: u8 = b'E';
const NOTICE: u8 = b'N';
const READY_FOR_QUERY: u8 = b'Z';

/// How the server wanted to be shown who we are: what it asked for last.
#[derive(Debug, Default)]
pub(in crate::pg) struct Method(AtomicU32);

impl Method {
    /// The name that pg_hba.conf has for it; none where it asked for nothing.
    pub(in crate::pg) fn name(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed).to_be_bytes() {
            CLEAR_TEXT_PASSWORD => Some("password"),
            MD5_PASSWORD => Some("md5"),
            SASL => Some("scram-sha-256"),
            _ => None,
        }
    }
}

/// Follows the bytes that a server sends from the first message on.
pub(super) struct Frames {
    /// Whether a password may be sent in clear text.
    clear_password: bool,
    method: Arc<Method>,
    /// The server, for messages.
    place: String,
    head: [u8; QUESTION],
    seen: usize,
    /// Bytes that the message has behind its head.
    rest: usize,
    logged_in: bool,
    /// Bytes since the login began, later since the last ReadyForQuery.
    answer: usize,
}

impl Frames {
    pub(super) fn new(clear_password: bool, method: Arc<Method>, place: &str) -> Self {
        Self {
            clear_password,
            method,
            place: place.to_owned(),
            head: [0; QUESTION],
            seen: 0,
            rest: 0,
            logged_in: false,
            answer: 0,
        }
    }

    /// Takes note of what has arrived.
    ///
    /// # Errors
    /// Why the connection must not be used any more.
    pub(super) fn arrived(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some((first, others)) = bytes.split_first() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.seen) {
                *place = *first;
            }
            self.seen += 1;
            bytes = others;
            if self.seen == if self.head[0] == AUTHENTICATION { QUESTION } else { HEADER } {
                self.message()?;
            }
        }
        Ok(())
    }

    /// The head of a message is complete.
    fn message(&mut self) -> Result<()> {
        let [tag, a, b, c, d, question @ ..] = self.head;
        let seen = std::mem::take(&mut self.seen);
        let length = usize::try_from(i32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some(rest) = length.saturating_add(1).checked_sub(seen).filter(|_| length <= limits::SERVER_MESSAGE_BYTES)
        else {
            return Err(self.no_message(tag));
        };
        if tag == AUTHENTICATION && question == CLEAR_TEXT_PASSWORD && !self.clear_password {
            let text = format!(
                "{} asks for the password in clear text over a connection that is not encrypted; it was not sent. Use \
                an `ssl_mode` that encrypts, or scram-sha-256 in pg_hba.conf",
                self.place
            );
            return Err(Error::new(ErrorKind::Permission, text));
        }
        if tag == AUTHENTICATION && [CLEAR_TEXT_PASSWORD, MD5_PASSWORD, SASL].contains(&question) {
            self.method.0.store(u32::from_be_bytes(question), Ordering::Relaxed);
        }
        self.rest = rest;
        if tag == READY_FOR_QUERY {
            (self.logged_in, self.answer) = (true, 0);
        } else if tag != NOTICE || !self.logged_in {
            // After the login notices are dropped as they come: they take no memory, and triggers may raise many.
            self.answer = self.answer.saturating_add(length);
        }
        let bound = if self.logged_in { limits::SERVER_ANSWER_BYTES } else { limits::LOGIN_BYTES };
        if self.answer > bound {
            let text = format!("{} sends more than {} MiB in one answer; it may be broken", self.place, bound >> 20);
            return Err(Error::new(ErrorKind::Connection, text));
        }
        Ok(())
    }

    fn no_message(&self, tag: u8) -> Error {
        let place = &self.place;
        let (kind, text) = match (self.logged_in, tag) {
            (true, _) => (ErrorKind::Connection, format!("{place} sends what is no message of PostgreSQL")),
            // How a postmaster that cannot start another process answers: text as before protocol 3.
            (false, ERROR) => (
                ErrorKind::ServerUnavailable,
                format!("{place} answers with an error before the login; it may be out of memory or processes"),
            ),
            (false, _) => {
                (ErrorKind::Config, format!("{place} does not speak the PostgreSQL protocol; check `host` and `port`"))
            }
        };
        Error::new(kind, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    const OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";

    /// The first error when the parts arrive one after the other, with the bytes of each in pieces of any size.
    fn outcome(clear_password: bool, parts: &[&[u8]]) -> Option<(ErrorKind, String)> {
        let whole = parts.concat();
        let outcomes: Vec<_> = [1, 2, 3, 5, 7, 64, whole.len().max(1)]
            .into_iter()
            .map(|size| {
                let mut frames = Frames::new(clear_password, Arc::default(), "the server");
                let refused = whole.chunks(size).find_map(|chunk| frames.arrived(chunk).err());
                refused.map(|error| (error.kind(), error.message().to_owned()))
            })
            .collect();
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{outcomes:?}");
        outcomes[0].clone()
    }

    #[test]
    fn no_password_in_clear_text() {
        let notice: &[u8] = b"N\0\0\0\x05\0";
        for parts in [&[CLEAR][..], &[notice, CLEAR], &[OK, READY, CLEAR]] {
            let (kind, text) = outcome(false, parts).expect("refused");
            assert!(kind == ErrorKind::Permission && text.contains("it was not sent"), "{text}");
            assert_eq!(outcome(true, parts), None);
        }
        let md5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
        for parts in [&[md5, OK, READY][..], &[OK, READY], &[b"R"], &[b""]] {
            assert_eq!(outcome(false, parts), None, "{parts:?}");
        }
    }

    #[test]
    fn what_the_server_asks_for() {
        let (md5, sasl): (&[u8], &[u8]) = (b"R\0\0\0\x0c\0\0\0\x05salt", b"R\0\0\0\x0a\0\0\0\x0aX\0");
        let more: &[u8] = b"R\0\0\0\x08\0\0\0\x0b";
        for (parts, name) in [
            (&[OK, READY][..], None),
            (&[CLEAR, OK], Some("password")),
            (&[md5, OK], Some("md5")),
            (&[sasl, more, OK, READY], Some("scram-sha-256")),
        ] {
            let method = Arc::new(Method::default());
            Frames::new(true, Arc::clone(&method), "the server").arrived(&parts.concat()).expect("messages");
            assert_eq!(method.name(), name);
        }
    }

    #[test]
    fn what_is_no_message() {
        for (parts, kind) in [
            (&[&b"HTTP/1.1 400 Bad Request"[..]][..], ErrorKind::Config),
            (&[b"SSH-2.0-OpenSSH_9.2\r\n"], ErrorKind::Config),
            (&[b"R\0\0\0\x03\0\0\0\0"], ErrorKind::Config),
            (&[b"R\0\0\0\x07\0\0\0\0"], ErrorKind::Config),
            (&[b"Z\xff\xff\xff\xff"], ErrorKind::Config),
            (&[b"EFATAL:  could not fork new process\0"], ErrorKind::ServerUnavailable),
            (&[OK, READY, b"D\x7f\xff\xff\xff"], ErrorKind::Connection),
        ] {
            assert_eq!(outcome(true, parts).expect("refused").0, kind, "{parts:?}");
        }
    }

    #[test]
    fn floods() {
        let mut big = vec![b'N', 0, 1, 0, 4];
        big.resize(65_541, 0);
        let flood = vec![big.as_slice(); 40];
        assert_eq!(outcome(true, &flood).expect("refused").0, ErrorKind::Connection);
        let after: Vec<&[u8]> = [OK, READY].into_iter().chain(flood).collect();
        assert_eq!(outcome(true, &after), None);

        let mut frames = Frames::new(true, Arc::default(), "the server");
        frames.arrived(&[OK, READY].concat()).expect("login");
        big[0] = b'D';
        let messages = (0..).take_while(|_| frames.arrived(&big).is_ok()).count();
        assert_eq!(messages, limits::SERVER_ANSWER_BYTES / 65_540);
    }
}
