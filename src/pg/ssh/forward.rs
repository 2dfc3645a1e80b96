//! A channel of the session that the bastion connects to the database server.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client;
use russh::{ChannelOpenFailure, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Bastion, Session};
use crate::error::{Error, ErrorKind};
use crate::pg::report::Step;
use crate::pg::tcp::address;

/// How long the bastion's words about a refusal are waited for.
const FORWARD_TEXT_WAIT: Duration = Duration::from_millis(200);

/// Why there is no channel, and whether the session is of no more use.
pub(super) struct ForwardFailed {
    pub(super) error: Error,
    pub(super) session_is_dead: bool,
}

/// A channel to the database server, and the session that it belongs to.
pub(in crate::pg) struct Forwarded {
    stream: ChannelStream<client::Msg>,
    session: Arc<Session>,
}

impl AsyncRead for Forwarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.session.silence.end();
        }
        read
    }
}

impl AsyncWrite for Forwarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Bastion {
    /// A stream to the database server over `session`.
    pub(super) async fn forward(
        &self,
        session: &Arc<Session>,
        deadline: Instant,
    ) -> std::result::Result<Forwarded, ForwardFailed> {
        let (host, port) = (&self.target.0, self.target.1);
        let server = address(host, port);
        self.report.begun(Step::Forward);
        session.silence.begin();
        let opened = session.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let error = match timeout_at(deadline, opened).await {
            Ok(Ok(channel)) => {
                self.report.done(Step::Forward, &format!("the bastion reaches {server}"));
                return Ok(Forwarded { stream: channel.into_stream(), session: Arc::clone(session) });
            }
            Ok(Err(error)) => error,
            Err(_) => {
                let text =
                    format!("does not reach the database server at {server} in time; a firewall may be in between");
                let error = self.error(ErrorKind::Connection, &text);
                return Err(ForwardFailed { error, session_is_dead: true });
            }
        };
        let russh::Error::ChannelOpenFailure(reason) = &error else {
            let error = self.error(ErrorKind::Connection, "has ended the SSH session").with_source(error);
            return Err(ForwardFailed { error, session_is_dead: true });
        };
        session.silence.end();
        let said = match reason {
            // The text follows the reason at once, but by another way.
            ChannelOpenFailure::ConnectFailed => {
                let _ = timeout(FORWARD_TEXT_WAIT, session.events.forward_refused.notified()).await;
                session.events.forward_refusal.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
            }
            _ => String::new(),
        };
        let (kind, text) = forward_refused(reason, &said, &server);
        Err(ForwardFailed { error: self.error(kind, &text).with_source(error), session_is_dead: false })
    }
}

/// What it means that the bastion does not forward. `said` is its explanation, already clean.
pub(super) fn forward_refused(reason: &ChannelOpenFailure, said: &str, server: &str) -> (ErrorKind, String) {
    let lower = said.to_lowercase();
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => {
            let text = format!(
                "does not allow this user to reach {server}; its administrator must allow it (AllowTcpForwarding, \
                PermitOpen)"
            );
            (ErrorKind::Config, text)
        }
        ChannelOpenFailure::ConnectFailed
            if ["name or service", "not known", "resolve", "no address", "nodename"]
                .iter()
                .any(|t| lower.contains(t)) =>
        {
            (
                ErrorKind::UnknownHost,
                format!("cannot resolve the host name of the database server at {server}; check `host` ({said})"),
            )
        }
        ChannelOpenFailure::ConnectFailed => {
            let said = if said.is_empty() { "no reason given" } else { said };
            (
                ErrorKind::Connection,
                format!("cannot reach the database server at {server} ({said}); check `host` and `port`"),
            )
        }
        ChannelOpenFailure::UnknownChannelType => {
            (ErrorKind::Config, "does not know how to forward connections; use another SSH server".to_owned())
        }
        ChannelOpenFailure::ResourceShortage => {
            (ErrorKind::ServerUnavailable, format!("has no resources left to reach {server}"))
        }
        ChannelOpenFailure::Other { code, .. } => {
            (ErrorKind::Connection, format!("does not reach the database server at {server} (code {code})"))
        }
    }
}
