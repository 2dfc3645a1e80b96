//! One type for a connection with and without TLS, watched by [`Frames`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{self, ChannelBinding};
use tokio_rustls::client::TlsStream;

use super::channel_binding::end_point;
use super::frames::Frames;

/// A connection to the server.
pub(in crate::pg) struct PgStream<S> {
    transport: Transport<S>,
    frames: Frames,
}

/// How the bytes travel.
pub(super) enum Transport<S> {
    /// With TLS.
    Encrypted(Box<TlsStream<S>>),
    /// Without.
    Plain(S),
}

impl<S> PgStream<S> {
    /// Nothing of the server's messages has been read from `transport` yet.
    pub(super) fn new(transport: Transport<S>, frames: Frames) -> Self {
        Self { transport, frames }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PgStream<S> {
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PgStream<S> {
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

impl<S: AsyncRead + AsyncWrite + Unpin> tls::TlsStream for PgStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let Transport::Encrypted(stream) = &self.transport else { return ChannelBinding::none() };
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| end_point(chain.first()?));
        shown.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}
