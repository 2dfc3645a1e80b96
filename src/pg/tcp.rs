//! Host name and port -> a TCP connection.
//!
//! Owns: which addresses are tried, in which order and how long, and the sentence for each way in which that can fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::report::{Report, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Somebody to whom TCP connections are made, for messages.
pub(super) struct Peer {
    /// Who it is.
    pub(super) what: &'static str,
    /// The fields that decide where it is.
    pub(super) fields: &'static str,
    /// What makes it listen for others than its own machine.
    pub(super) listens: &'static str,
}

/// Host and port as one text.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A TCP connection to the first address of `host` that answers. Addresses that are silent are left behind for the next
/// one, but not given up before the deadline.
///
/// # Errors
/// [`ErrorKind::UnknownHost`] for a name that does not exist, else [`ErrorKind::Connection`].
pub(super) async fn tcp(host: &str, port: u16, deadline: Instant, peer: &Peer, report: &Report) -> Result<TcpStream> {
    let addresses = resolve(host, port, deadline, peer, report).await?;
    report.begun(Step::Connect);
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter().copied();
    let mut failure: Option<io::Error> = None;
    loop {
        let more = match rest.next() {
            Some(next) => {
                attempts.spawn(async move { tuned(TcpStream::connect(next).await?) });
                rest.len() > 0
            }
            None => false,
        };
        let until = if more { deadline.min(Instant::now() + limits::CONNECT_STAGGER) } else { deadline };
        match timeout_at(until, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => {
                if let (Ok(to), Ok(from)) = (stream.peer_addr(), stream.local_addr()) {
                    report.done(Step::Connect, &format!("to {to}, from {} as this machine sees itself", from.ip()));
                }
                return Ok(stream);
            }
            Ok(Some(Ok(Err(error)))) => failure = Some(error),
            Ok(Some(Err(error))) => failure = Some(io::Error::other(error)),
            Ok(None) if !more => break,
            Err(_) if Instant::now() >= deadline => {
                failure = Some(io::ErrorKind::TimedOut.into());
                break;
            }
            Ok(None) | Err(_) => {}
        }
    }
    let failure = failure.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(unreached(&failure, host, port, addresses.first(), peer).with_source(failure))
}

async fn resolve(host: &str, port: u16, deadline: Instant, peer: &Peer, report: &Report) -> Result<Vec<SocketAddr>> {
    report.begun(Step::Resolve);
    let found: Vec<SocketAddr> = match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.take(limits::CONNECT_ADDRESSES).collect(),
        Ok(Err(error)) => return Err(unresolved(host, error, peer)),
        Err(_) => {
            let text = format!("the name service does not answer the question for `{host}` in time");
            return Err(Error::new(ErrorKind::Connection, text));
        }
    };
    if host.parse::<IpAddr>().is_ok() {
        report.done(Step::Resolve, &format!("{host} is an address"));
    } else {
        let addresses: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
        report.done(Step::Resolve, &format!("{host} is {}", addresses.join(", ")));
    }
    Ok(found)
}

fn unresolved(host: &str, error: io::Error, peer: &Peer) -> Error {
    let what = error.to_string();
    // The system has no error code for this in `io::Error`; glibc and musl say it so.
    let temporary = what.contains("Temporary failure") || what.contains("Try again");
    let (kind, text) = if temporary {
        (ErrorKind::Connection, format!("the name service cannot answer the question for `{host}` now"))
    } else {
        (
            ErrorKind::UnknownHost,
            format!("the host name `{host}` of {} cannot be resolved; check {}", peer.what, peer.fields),
        )
    };
    Error::new(kind, text).with_source(error)
}

fn unreached(failure: &io::Error, host: &str, port: u16, towards: Option<&SocketAddr>, peer: &Peer) -> Error {
    let Peer { what, fields, listens } = peer;
    let place = format!("{what} at {}", address(host, port));
    let us = towards
        .and_then(own_address)
        .map_or_else(|| "this connector".to_owned(), |own| format!("this connector ({own}, or its NAT's address)"));
    let text = match failure.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "{place} refuses the connection: nothing listens there, or a firewall rejects it; check {fields}, that \
             {listens}, and that its firewall allows incoming TCP connections to port {port} from {us}"
        ),
        io::ErrorKind::TimedOut => format!(
            "{place} does not answer: a firewall or security group drops the packets, or the address is wrong; check \
             {fields}, and allow incoming TCP connections to port {port} from {us}"
        ),
        kind => format!("{place} cannot be reached ({kind}); check {fields} and the network"),
    };
    Error::new(ErrorKind::Connection, text)
}

/// The address from which this machine sends to `towards`. Nothing is sent to find out.
fn own_address(towards: &SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if towards.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(towards).ok()?;
    socket.local_addr().ok().map(|own| own.ip())
}

fn tuned(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(limits::TCP_KEEPALIVE_IDLE)
        .with_interval(limits::TCP_KEEPALIVE_INTERVAL)
        .with_retries(limits::TCP_KEEPALIVE_RETRIES);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits::TCP_USER_TIMEOUT))?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
