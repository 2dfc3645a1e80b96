//! One type for a connection with and without TLS, watched by [`Frames`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::frames::Frames;

/// A connection to the server.
pub(in crate::pg) struct PgStream<S, E> {
    transport: Transport<S, E>,
    frames: Frames,
}

/// How the bytes travel.
pub(super) enum Transport<S, E> {
    /// With TLS.
    Encrypted(Box<E>),
    /// Without.
    Plain(S),
}

impl<S, E> PgStream<S, E> {
    /// Nothing of the server's messages has been read from `transport` yet.
    pub(super) fn new(transport: Transport<S, E>, frames: Frames) -> Self {
        Self { transport, frames }
    }
}

impl<S, E> AsyncRead for PgStream<S, E>
where
    S: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(match &mut this.transport {
            Transport::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
        })?;
        let arrived = buf.filled().get(before..).unwrap_or_default();
        Poll::Ready(this.frames.arrived(arrived).map_err(io::Error::other))
    }
}

impl<S, E> AsyncWrite for PgStream<S, E>
where
    S: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl<S, E> TlsStream for PgStream<S, E>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: TlsStream + Unpin,
{
    fn channel_binding(&self) -> ChannelBinding {
        match &self.transport {
            Transport::Encrypted(stream) => stream.channel_binding(),
            Transport::Plain(_) => ChannelBinding::none(),
        }
    }
}
