//! The question for TLS and the handshake.
//!
//! The question is asked here and not by tokio-postgres, which takes every answer but `S` for "no". Exactly one byte of
//! the answer is read, so nothing that arrives before the handshake is ever believed.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::tls::TlsConnect;

use super::frames::{Frames, Method};
use super::stream::{PgStream, Transport};
use super::{Tls, failure};
use crate::error::Error;
use crate::pg::report::{Report, Step};

/// Whether a connection is to be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::pg) enum Policy {
    /// Do not ask for it.
    Never,
    /// Ask, and go on without if the server has none.
    IfOffered,
    /// Go on with it only.
    Always,
}

/// Asks for TLS and makes the handshake: what [`tokio_postgres::Config::connect_raw`] is given.
pub(in crate::pg) struct Negotiation<'a> {
    /// Present unless the mode is `disable`.
    pub(in crate::pg) tls: Option<&'a Tls>,
    /// What to ask for.
    pub(in crate::pg) policy: Policy,
    /// When to give up.
    pub(in crate::pg) deadline: Instant,
    /// Whether a password may be sent in clear text over an unencrypted connection.
    pub(in crate::pg) clear_password: bool,
    /// Set when the handshake succeeds.
    pub(in crate::pg) encrypted: &'a AtomicBool,
    /// Set to how the server wants to be shown who we are.
    pub(in crate::pg) method: &'a Arc<Method>,
    /// The server, for messages.
    pub(in crate::pg) place: &'a str,
    /// Learns when the login begins.
    pub(in crate::pg) report: &'a Report,
}

/// A failure before the login began.
#[derive(Debug)]
pub(in crate::pg) struct TlsError {
    /// What to tell the user.
    pub(in crate::pg) error: Error,
    /// Whether `prefer` may go on without encryption.
    pub(in crate::pg) optional: bool,
}

type Outcome<S> = std::result::Result<PgStream<S>, TlsError>;

impl<'a, S> TlsConnect<S> for Negotiation<'a>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = PgStream<S>;
    type Error = TlsError;
    type Future = Pin<Box<dyn Future<Output = Outcome<S>> + Send + 'a>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(self.run(stream))
    }
}

impl Negotiation<'_> {
    async fn run<S>(self, mut stream: S) -> Outcome<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = self.place;
        let plain = |stream, why: &str| {
            self.report.done(Step::Tls, &format!("not encrypted: {why}"));
            self.report.begun(Step::Login);
            PgStream::new(Transport::Plain(stream), Frames::new(self.clear_password, Arc::clone(self.method), place))
        };
        let Some(tls) = self.tls.filter(|_| self.policy != Policy::Never) else {
            return Ok(plain(stream, "not wanted by `ssl_mode`"));
        };
        match timeout_at(self.deadline, ask(&mut stream)).await {
            Ok(Ok(b'S')) => {}
            Ok(Ok(b'N')) if self.policy == Policy::IfOffered => {
                return Ok(plain(stream, "not offered by the server"));
            }
            Ok(Ok(answer)) => return Err(failure::not_agreed(answer, place)),
            Ok(Err(error)) => return Err(failure::hung_up(error, place)),
            Err(_) => return Err(failure::no_answer(place)),
        }
        match timeout_at(self.deadline, tls.handshake(stream)).await {
            Ok(Ok(stream)) => {
                self.encrypted.store(true, Ordering::Relaxed);
                self.report.done(Step::Tls, &tls.describe(&stream));
                self.report.begun(Step::Login);
                Ok(PgStream::new(
                    Transport::Encrypted(Box::new(stream)),
                    Frames::new(true, Arc::clone(self.method), place),
                ))
            }
            Ok(Err(error)) => Err(failure::handshake(error, place)),
            Err(_) => Err(failure::no_handshake(place)),
        }
    }
}

/// Sends the question for TLS and reads exactly the one byte of the answer.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<u8> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    stream.flush().await?;
    stream.read_u8().await
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for TlsError {}
