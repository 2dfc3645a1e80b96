//! A server that answers as a test tells it to, message by message, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Identity;

/// What a client sends to ask for TLS, behind the length.
const TLS_REQUEST: [u8; 4] = [4, 210, 22, 47];

/// Longer than any connector under test stays.
const HOLD: Duration = Duration::from_secs(90);

/// The server; it stops accepting when it is dropped.
pub struct HostilePostgres {
    port: u16,
    received: Arc<Mutex<Vec<u8>>>,
    stopped: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// One connection of a client.
pub struct Guest {
    transport: Transport,
    /// The first packet, without its length.
    startup: Vec<u8>,
    received: Arc<Mutex<Vec<u8>>>,
}

/// A connection, encrypted or not.
pub enum Transport {
    Plain(TcpStream),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl HostilePostgres {
    /// Listens on 127.0.0.1; each connection is given to `script`, in a thread of its own, and closed after it.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(script: impl Fn(&mut Guest) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (received, stopped) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicBool>::default());
        let script = Arc::new(script);
        let acceptor = std::thread::spawn({
            let (received, stopped) = (Arc::clone(&received), Arc::clone(&stopped));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let (script, received) = (Arc::clone(&script), Arc::clone(&received));
                    // A client that goes away in the middle is what most scripts end with.
                    std::thread::spawn(move || {
                        let _ = stream.set_nodelay(true);
                        script(&mut Guest { transport: Transport::Plain(stream), startup: Vec::new(), received })
                    });
                }
            }
        });
        Self { port, received, stopped, acceptor: Some(acceptor) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that clients have sent so far, decrypted.
    ///
    /// # Panics
    /// When a script panicked.
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().expect("no script panics").clone()
    }
}

impl Drop for HostilePostgres {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Guest {
    /// Reads the first packet, which has no tag: the question for TLS (true) or the start of a session.
    ///
    /// # Errors
    /// The client went away.
    pub fn asks_for_tls(&mut self) -> io::Result<bool> {
        let length = self.length()?;
        self.startup = self.bytes(length)?;
        Ok(self.startup == TLS_REQUEST)
    }

    /// Agrees to TLS, if it is asked for, and reads the start of the session.
    ///
    /// # Errors
    /// The client went away, or the handshake failed.
    pub fn session(&mut self, tls: Option<&Arc<ServerConfig>>) -> io::Result<()> {
        while self.asks_for_tls()? {
            match tls {
                Some(config) => {
                    self.send(b"S")?;
                    self.handshake(config)?;
                }
                None => self.send(b"N")?,
            }
        }
        Ok(())
    }

    /// The packet that started the session.
    ///
    /// # Panics
    /// When it is too long to have a length.
    pub fn startup(&self) -> Vec<u8> {
        let length = u32::try_from(self.startup.len() + 4).expect("a short packet");
        [&length.to_be_bytes()[..], &self.startup].concat()
    }

    /// Makes the handshake, on a connection without TLS so far.
    ///
    /// # Errors
    /// The handshake failed.
    ///
    /// # Panics
    /// When there is TLS already.
    pub fn handshake(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        let Transport::Plain(stream) = &self.transport else { panic!("TLS twice") };
        let mut stream = stream.try_clone()?;
        let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        self.transport = Transport::Server(Box::new(StreamOwned::new(connection, stream)));
        Ok(())
    }

    /// One message with its tag.
    ///
    /// # Errors
    /// The client went away.
    pub fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let tag = self.bytes(1)?[0];
        let length = self.length()?;
        Ok((tag, self.bytes(length)?))
    }

    /// # Errors
    /// The client went away.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.transport.write_all(bytes)?;
        self.transport.flush()
    }

    /// Lets the client in without a word.
    ///
    /// # Errors
    /// The client went away.
    pub fn welcome(&mut self) -> io::Result<()> {
        let parameters = [("server_version", "17.0"), ("client_encoding", "UTF8"), ("server_encoding", "UTF8")];
        let parameters = parameters.iter().flat_map(|(name, value)| parameter(name, value)).collect();
        self.send(&[authentication(0, b""), parameters, frame(b'K', &[0; 8]), frame(b'Z', b"I")].concat())
    }

    /// Says nothing more, until the client goes or the test is over.
    ///
    /// # Errors
    /// None that matters.
    pub fn hold(&mut self) -> io::Result<()> {
        let until = Instant::now() + HOLD;
        self.transport.socket().set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut buffer = [0; 4096];
        while Instant::now() < until {
            match self.transport.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => self.note(&buffer[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The connection itself, for a script that does more than answer.
    pub fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }

    fn length(&mut self) -> io::Result<usize> {
        let length = self.bytes(4)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        usize::try_from(length).ok().and_then(|length| length.checked_sub(4)).ok_or(io::ErrorKind::InvalidData.into())
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.transport.read_exact(&mut bytes)?;
        self.note(&bytes);
        Ok(bytes)
    }

    fn note(&self, bytes: &[u8]) {
        self.received.lock().expect("no script panics").extend_from_slice(bytes);
    }
}

impl Transport {
    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Server(stream) => &stream.sock,
            Self::Client(stream) => &stream.sock,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
            Self::Client(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
            Self::Client(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
            Self::Client(stream) => stream.flush(),
        }
    }
}

/// A server's side of TLS with this certificate.
///
/// # Panics
/// When the certificate or its key cannot be used.
pub fn server_tls(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).map(|found| found.expect("PEM"));
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key);
    Arc::new(config.expect("a certificate and its key"))
}

/// A message of the server.
///
/// # Panics
/// When it is too long to have a length.
pub fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A message of the login.
pub fn authentication(kind: u32, more: &[u8]) -> Vec<u8> {
    frame(b'R', &[&kind.to_be_bytes(), more].concat())
}

/// A setting that the server tells of.
pub fn parameter(name: &str, value: &str) -> Vec<u8> {
    frame(b'S', format!("{name}\0{value}\0").as_bytes())
}

/// An error (`E`) or a notice (`N`).
pub fn refusal(tag: u8, sqlstate: &str, text: &str) -> Vec<u8> {
    frame(tag, format!("SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0").as_bytes())
}
