//! Host name and port -> a TCP connection.
//!
//! Owns: which addresses are tried, in which order and how long, and the sentence for each way in which that can fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
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
/// one, but not given up before the deadline. With a `source` the connection leaves from that address of this machine.
///
/// # Errors
/// [`ErrorKind::UnknownHost`] for a name that does not exist, [`ErrorKind::Config`] for a source that this machine
/// cannot use, else [`ErrorKind::Connection`].
pub(super) async fn tcp(
    (host, port): (&str, u16),
    source: Option<IpAddr>,
    deadline: Instant,
    peer: &Peer,
    report: &Report,
) -> Result<TcpStream> {
    let mut addresses = resolve(host, port, deadline, peer, report).await?;
    report.begun(Step::Connect);
    if let Some(source) = source {
        addresses.retain(|address| address.is_ipv4() == source.is_ipv4());
        usable(source, host, &addresses, peer)?;
    }
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter().copied();
    let mut failure: Option<io::Error> = None;
    loop {
        let more = match rest.next() {
            Some(next) => {
                attempts.spawn(async move { tuned(dial(source, next).await?) });
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
    let own = source.or_else(|| addresses.first().and_then(own_address));
    Err(unreached(&failure, host, port, own, peer).with_source(failure))
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

/// Whether this machine has the address and the other side can be reached from its kind.
fn usable(source: IpAddr, host: &str, addresses: &[SocketAddr], peer: &Peer) -> Result<()> {
    if let Err(error) = UdpSocket::bind((source, 0)) {
        let text = format!(
            "`source_address`: {source} is not an address of the machine or container that runs this connector; give it \
             one of its addresses, or leave the field empty"
        );
        return Err(Error::new(ErrorKind::Config, text).with_source(error));
    }
    if addresses.is_empty() {
        let family = if source.is_ipv4() { "IPv4" } else { "IPv6" };
        let text = format!("`source_address` is {family}, but `{host}`, {}, has no {family} address", peer.what);
        return Err(Error::new(ErrorKind::Config, text));
    }
    Ok(())
}

async fn dial(source: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect(to).await };
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind((source, 0).into())?;
    socket.connect(to).await
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

fn unreached(failure: &io::Error, host: &str, port: u16, own: Option<IpAddr>, peer: &Peer) -> Error {
    let Peer { what, fields, listens } = peer;
    let place = format!("{what} at {}", address(host, port));
    let us =
        own.map_or_else(|| "this connector".to_owned(), |own| format!("this connector ({own}, or its NAT's address)"));
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
