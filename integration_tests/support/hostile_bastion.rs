//! SSH servers that misbehave. What they know of SSH is russh's; the rest is bytes.

use std::borrow::Cow;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{Auth, Handler, Msg, Session};
use russh::{Channel, ChannelOpenFailure, Disconnect, Limits, MethodKind, MethodSet, Preferred, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::ssh_keys;

/// What is sent instead of SSH.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Noise {
    /// Random bytes.
    Garbage,
    /// Lines before the version, without end.
    EndlessBanner,
    /// The beginning of a version line that does not end.
    EndlessLine,
    /// Nothing; the connection stays.
    Silence,
    /// A goodbye in plain words.
    Goodbye,
    /// A good version, and then a packet of four gigabytes.
    GiantPacket,
}

/// What happens on the way of the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The TCP connection breaks.
    Drop,
    /// The channel is closed, the session stays.
    Close,
    /// The SSH session takes all data and delivers none any more. It gives signs of life and opens new channels.
    Swallow,
    /// As [`Fault::Swallow`], and requests for new channels are left without an answer.
    Ignore,
}

/// How a server that speaks SSH misbehaves; by default not at all. Everybody may log in with anything.
#[derive(Clone, Default)]
pub struct Manners {
    /// What it allows; by default what russh does.
    pub preferred: Option<Preferred>,
    /// New keys after so many bytes.
    pub rekey_bytes: Option<usize>,
    /// Sent before the login.
    pub banner: Option<String>,
    /// Logins end with a disconnect of these words.
    pub goodbye: Option<String>,
    /// Asks this beside the password.
    pub question: Option<String>,
    /// Answer to forwarding requests.
    pub refusal: Option<(ChannelOpenFailure, String)>,
    /// After so many bytes of a channel.
    pub fault: Option<(usize, Fault)>,
    /// The fault comes in so many SSH sessions, the first ones; by default in all.
    pub faulty_sessions: Option<usize>,
    /// Login requests are left without an answer.
    pub silent_login: bool,
}

/// A server on 127.0.0.1, until it is dropped.
pub struct HostileBastion {
    /// Where it listens.
    pub port: u16,
    /// What it saw.
    pub seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

/// What a server saw.
#[derive(Default)]
pub struct Seen {
    /// TCP connections.
    pub connections: AtomicUsize,
    /// Login requests.
    pub logins: AtomicUsize,
    users: Mutex<Vec<(String, Option<String>)>>,
    /// Bytes of all channels.
    pub bytes: AtomicUsize,
}

impl Seen {
    /// Users of the login requests, and their passwords where they had one.
    pub fn users(&self) -> MutexGuard<'_, Vec<(String, Option<String>)>> {
        self.users.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl HostileBastion {
    /// A server that does not speak SSH.
    pub fn noisy(noise: Noise) -> Self {
        Self::listen(move |socket, _| async move { make_noise(socket, noise).await })
    }

    /// A server that speaks SSH.
    pub fn start(manners: Manners) -> Self {
        let key = russh::keys::decode_secret_key(&ssh_keys::stranger().private, None).expect("a host key");
        Self::listen(move |socket, seen| serve(socket, seen, manners.clone(), key.clone()))
    }

    fn listen<F>(serve: impl Fn(TcpStream, Arc<Seen>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, Arc::clone(&counted)));
            }
        });
        Self { port, seen, runtime: Some(runtime) }
    }
}

impl Drop for HostileBastion {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn make_noise(mut socket: TcpStream, noise: Noise) {
    let sent = match noise {
        Noise::Silence => Ok(()),
        Noise::Garbage => {
            let bytes: Vec<u8> = (0..1 << 20).map(|_| fastrand::u8(..)).collect();
            socket.write_all(&bytes).await
        }
        Noise::EndlessBanner => loop {
            if let Err(error) = socket.write_all(b"welcome to \x1b[31mthe bastion\r\n").await {
                break Err(error);
            }
        },
        Noise::EndlessLine => loop {
            if let Err(error) = socket.write_all(b"SSH-2.0-x").await {
                break Err(error);
            }
        },
        Noise::Goodbye => {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            return;
        }
        Noise::GiantPacket => {
            let mut bytes = b"SSH-2.0-OpenSSH_9.2\r\n".to_vec();
            bytes.extend(u32::MAX.to_be_bytes());
            bytes.extend([0; 64]);
            socket.write_all(&bytes).await
        }
    };
    if sent.is_ok() {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
}

/// Speaks SSH over an inner pipe, so that the outer connection can be cut or left alone.
async fn serve(socket: TcpStream, seen: Arc<Seen>, mut manners: Manners, key: PrivateKey) {
    let (outer, inner) = duplex(1 << 20);
    let mut config = server::Config {
        keys: vec![key],
        auth_rejection_time: Duration::ZERO,
        inactivity_timeout: None,
        nodelay: true,
        ..server::Config::default()
    };
    if let Some(preferred) = &manners.preferred {
        config.preferred = preferred.clone();
    }
    if manners.question.is_some() {
        config.methods = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
    }
    if let Some(bytes) = manners.rekey_bytes {
        config.limits = Limits::new(bytes, bytes, Duration::from_secs(3_600));
    }
    if manners.faulty_sessions.is_some_and(|most| seen.connections.load(Ordering::SeqCst) > most) {
        manners.fault = None;
    }
    let cut = Arc::new(Notify::new());
    let peer = Peer { seen, manners, cut: Arc::clone(&cut), stuck: Arc::default(), ignored: Vec::new(), asked: 0 };
    let session = server::run_stream(Arc::new(config), inner, peer);
    let relay = tokio::spawn(relay(socket, outer, cut));
    if let Ok(session) = session.await {
        let _ = session.await;
    }
    let _ = relay.await;
}

async fn relay(mut socket: TcpStream, mut inner: DuplexStream, cut: Arc<Notify>) {
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut socket, &mut inner) => {}
        () = cut.notified() => {}
    }
}

struct Peer {
    seen: Arc<Seen>,
    manners: Manners,
    cut: Arc<Notify>,
    /// The session moves no data any more.
    stuck: Arc<AtomicBool>,
    /// Requests that get no answer; one that is dropped would be refused.
    ignored: Vec<server::ChannelOpenHandle>,
    asked: usize,
}

impl Peer {
    /// What becomes of any login.
    async fn judge(&self, user: &str, password: Option<&str>) -> Result<Auth, russh::Error> {
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        self.seen.users().push((user.to_owned(), password.map(str::to_owned)));
        if self.manners.silent_login {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        Ok(Auth::Accept)
    }
}

impl Handler for Peer {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.manners.banner.clone())
    }

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::reject())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.judge(user, Some(password)).await
    }

    async fn auth_publickey(&mut self, user: &str, _key: server::VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.judge(user, None).await
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<server::Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let question = self.manners.question.clone().unwrap_or_default();
        self.asked += 1;
        let prompt = match self.asked {
            1 => "Password: ".to_owned(),
            _ => question,
        };
        Ok(Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Owned(vec![(Cow::Owned(prompt), false)]),
        })
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        match &self.manners.goodbye {
            Some(words) => session.disconnect(Disconnect::ByApplication, words, ""),
            None => Ok(()),
        }
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Some((reason, words)) = &self.manners.refusal {
            return session.channel_open_failure(channel.id(), reason.clone(), words, "");
        }
        if self.stuck.load(Ordering::SeqCst) && self.manners.fault.is_some_and(|(_, fault)| fault == Fault::Ignore) {
            self.ignored.push(reply);
            return Ok(());
        }
        let port = u16::try_from(port).unwrap_or_default();
        let Ok(database) = TcpStream::connect((host, port)).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        let (cut, stuck, seen) = (Arc::clone(&self.cut), Arc::clone(&self.stuck), Arc::clone(&self.seen));
        tokio::spawn(forward(channel, database, self.manners.fault, cut, stuck, seen));
        Ok(())
    }
}

async fn forward(
    channel: Channel<Msg>,
    mut database: TcpStream,
    fault: Option<(usize, Fault)>,
    cut: Arc<Notify>,
    stuck: Arc<AtomicBool>,
    seen: Arc<Seen>,
) {
    let (mut from_client, mut to_client) = tokio::io::split(channel.into_stream());
    let (mut from_database, mut to_database) = database.split();
    let up = async {
        let (mut passed, mut bytes) = (0, vec![0; 16 << 10]);
        while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
            passed += length;
            seen.bytes.fetch_add(length, Ordering::SeqCst);
            match fault.filter(|(after, _)| passed >= *after).map(|(_, fault)| fault) {
                _ if stuck.load(Ordering::SeqCst) => {}
                Some(Fault::Swallow | Fault::Ignore) => stuck.store(true, Ordering::SeqCst),
                Some(Fault::Close) => return,
                Some(Fault::Drop) => {
                    cut.notify_one();
                    std::future::pending::<()>().await;
                }
                None if to_database.write_all(&bytes[..length]).await.is_err() => return,
                None => {}
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(length @ 1..) = from_database.read(&mut bytes).await {
            if stuck.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if to_client.write_all(&bytes[..length]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = up => {} () = down => {} }
    let _ = to_client.shutdown().await;
}
