//! Somebody between the connector and a real server, who reads every message and may change it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use super::certificates::Identity;
use super::hostile_postgres::{Guest, HostilePostgres, Transport};

/// How long one side may be silent before the other one is asked.
const TURN: Duration = Duration::from_millis(2);

/// Who sent a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    Connector,
    Server,
}

/// What becomes of a message.
pub enum Verdict {
    Pass,
    /// These bytes go on in its place.
    Replace(Vec<u8>),
    /// Both connections end.
    HangUp,
}

/// TLS on both sides.
pub struct Tls {
    /// The certificate that the connector sees.
    pub shown: Arc<ServerConfig>,
    /// Who signed the certificate of the server, whose name must be `localhost`.
    pub authority: Identity,
}

/// Passes connections on to the server at `port`; every message, but for the first packet, is shown to `judge` with its
/// tag and body.
pub fn meddle(
    port: u16,
    tls: Option<Tls>,
    judge: impl Fn(Sender, u8, &[u8]) -> Verdict + Send + Sync + 'static,
) -> HostilePostgres {
    HostilePostgres::start(move |guest| {
        guest.session(tls.as_ref().map(|tls| &tls.shown))?;
        let mut server = connect(port, tls.as_ref())?;
        server.write_all(&guest.startup())?;
        server.flush()?;
        relay(guest, &mut server, &judge)
    })
}

fn connect(port: u16, tls: Option<&Tls>) -> io::Result<Transport> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Transport::Plain(stream)) };
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, *b"S", "the server has TLS");
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(tls.authority.certificate.as_bytes()).expect("PEM");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Transport::Client(Box::new(StreamOwned::new(connection, stream))))
}

fn relay(guest: &mut Guest, server: &mut Transport, judge: &dyn Fn(Sender, u8, &[u8]) -> Verdict) -> io::Result<()> {
    let connector = guest.transport();
    connector.socket().set_read_timeout(Some(TURN))?;
    server.socket().set_read_timeout(Some(TURN))?;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    loop {
        pump(Sender::Connector, connector, server, &mut up, judge)?;
        pump(Sender::Server, server, connector, &mut down, judge)?;
    }
}

/// Reads what there is and passes on the messages that are complete.
fn pump(
    sender: Sender,
    from: &mut Transport,
    to: &mut Transport,
    pending: &mut Vec<u8>,
    judge: &dyn Fn(Sender, u8, &[u8]) -> Verdict,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    match from.read(&mut buffer) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => pending.extend_from_slice(&buffer[..length]),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(()),
        Err(error) => return Err(error),
    }
    while let Some(end) = complete(pending) {
        let message: Vec<u8> = pending.drain(..end).collect();
        match judge(sender, message[0], &message[5..]) {
            Verdict::Pass => to.write_all(&message)?,
            Verdict::Replace(bytes) => to.write_all(&bytes)?,
            Verdict::HangUp => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
    to.flush()
}

/// Where the first message ends, if all of it is here.
fn complete(pending: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(pending.get(1..5)?.try_into().ok()?) as usize;
    (pending.len() > length).then_some(length + 1)
}
