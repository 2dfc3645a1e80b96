//! A TCP proxy that misbehaves on order: it cuts, stalls or swallows at an exact byte or statement.
//!
//! It listens on 127.0.0.1 and is controlled while it runs. It understands the messages of a Postgres client as long as
//! nothing is encrypted; of anything else it counts the bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Pause between two looks at what was ordered.
const TICK: Duration = Duration::from_millis(5);

/// Bytes that go alone in [`Act::Trickle`], and the delay of everything behind them.
const TRICKLED: usize = 200;
const SLOW: Duration = Duration::from_millis(20);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// Where a fault happens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Point {
    /// After so many bytes more in one direction, over all connections.
    Bytes(Way, u64),
    /// At the next statement that begins with these words, before the server gets it.
    Before(String),
    /// At the next statement that begins with these words, when the server has answered and the client has no byte of it.
    Answered(String),
}

/// What happens there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// Both sides get a TCP reset.
    Reset,
    /// Both sides get a proper end.
    Close,
    /// Nothing moves any more, both sockets stay open.
    Stall,
    /// What either side sends is taken and thrown away.
    Swallow,
    /// This direction ends properly, the other one goes on. At a byte of this direction only.
    End(Way),
    /// Nothing moves for so many milliseconds, then it goes on; at a byte only.
    Pause(u64),
    /// Some single bytes, then a slow line; at a byte only.
    Trickle,
    /// One bit of the byte is turned; at a byte only.
    Corrupt,
}

/// A fault that is to happen so many times.
#[derive(Clone, Debug)]
struct Fault {
    point: Point,
    act: Act,
    /// Such points that pass before the first one.
    spared: u32,
    times: u32,
}

/// A proxy in front of one address. Its connections end with it.
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
    up: AtomicU64,
    down: AtomicU64,
    refuse: AtomicBool,
    stall_all: AtomicBool,
    /// Delay of what is passed on, and its bytes per second.
    slow: Mutex<Option<(Duration, u32)>>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Orders {
    faults: Vec<Fault>,
    fired: usize,
    statements: Vec<String>,
    live: Vec<Arc<Pair>>,
}

/// The two sockets of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    fate: Mutex<Option<Act>>,
    /// The point of an [`Point::Answered`] was sent to the server.
    awaits_answer: Mutex<Option<Act>>,
}

impl FaultProxy {
    /// A proxy in front of `target`.
    ///
    /// # Panics
    /// When no port can be listened on.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port to listen on");
        let port = listener.local_addr().expect("its port").port();
        listener.set_nonblocking(true).expect("a socket that does not block");
        let shared = Arc::new(Shared::default());
        let all = Arc::clone(&shared);
        spawn(move || accept(&listener, target, &all));
        Self { port, shared }
    }

    /// A proxy in front of a port of 127.0.0.1.
    pub fn before(port: u16) -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Orders a fault at the next `times` such points.
    pub fn order(&self, point: Point, act: Act, times: u32) {
        self.add(point, act, 0, times);
    }

    /// Orders a fault at the `nth` such point alone.
    pub fn order_nth(&self, point: Point, act: Act, nth: u32) {
        self.add(point, act, nth - 1, 1);
    }

    fn add(&self, point: Point, act: Act, spared: u32, times: u32) {
        let point = match point {
            Point::Bytes(way, count) => Point::Bytes(way, self.bytes(way) + count),
            point => point,
        };
        self.shared.orders().faults.push(Fault { point, act, spared, times });
    }

    /// Forgets the faults that have not happened.
    pub fn forgive(&self) {
        self.shared.orders().faults.clear();
    }

    /// How many faults have happened.
    pub fn fired(&self) -> usize {
        self.shared.orders().fired
    }

    /// Waits for that many faults.
    ///
    /// # Errors
    /// A sentence when they do not happen in time.
    pub fn wait_fired(&self, count: usize, timeout: Duration) -> Result<(), String> {
        let orders = self.shared.orders();
        let (orders, over) = self
            .shared
            .changed
            .wait_timeout_while(orders, timeout, |orders| orders.fired < count)
            .unwrap_or_else(|broken| broken.into_inner());
        if over.timed_out() { Err(format!("{} faults of {count} happened", orders.fired)) } else { Ok(()) }
    }

    /// Bytes that went one way, over all connections.
    pub fn bytes(&self, way: Way) -> u64 {
        self.shared.count(way).load(Ordering::SeqCst)
    }

    /// The statements that clients sent, in order.
    pub fn statements(&self) -> Vec<String> {
        self.shared.orders().statements.clone()
    }

    /// Connections are (or are no more) reset as soon as they are made.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuse.store(refuse, Ordering::SeqCst);
    }

    /// Nothing moves any more (or again) on any connection, new ones included.
    pub fn stall(&self, stall: bool) {
        self.shared.stall_all.store(stall, Ordering::SeqCst);
    }

    /// From now on each direction takes so long and so many bytes a second.
    pub fn slow(&self, delay: Duration, bytes_per_second: u32) {
        *self.shared.slow.lock().unwrap_or_else(|broken| broken.into_inner()) = Some((delay, bytes_per_second));
    }

    /// Resets every connection that is there.
    pub fn cut(&self) {
        for pair in self.shared.orders().live.drain(..) {
            pair.meet(Act::Reset);
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.cut();
    }
}

impl Shared {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    fn count(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    /// The first fault that `is_here` says is due; it has happened then.
    fn take(&self, is_here: impl Fn(&Point) -> bool) -> Option<Fault> {
        let mut orders = self.orders();
        let at = orders.faults.iter().position(|fault| is_here(&fault.point))?;
        if orders.faults[at].spared > 0 {
            orders.faults[at].spared -= 1;
            return None;
        }
        let fault = orders.faults[at].clone();
        orders.faults[at].times -= 1;
        if orders.faults[at].times == 0 {
            orders.faults.remove(at);
        }
        orders.fired += 1;
        self.changed.notify_all();
        Some(fault)
    }
}

impl Pair {
    fn fate(&self) -> Option<Act> {
        *self.fate.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    fn meet(&self, act: Act) {
        *self.fate.lock().unwrap_or_else(|broken| broken.into_inner()) = Some(act);
        for socket in [&self.client, &self.server] {
            match act {
                Act::Reset => {
                    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
                    // Both pumps see the end and drop their sockets, which resets them.
                    let _ = socket.shutdown(Shutdown::Read);
                }
                Act::Close => drop(socket.shutdown(Shutdown::Both)),
                Act::Stall | Act::Swallow | Act::End(_) | Act::Pause(_) | Act::Trickle | Act::Corrupt => {}
            }
        }
    }

    fn take_awaited(&self) -> Option<Act> {
        self.awaits_answer.lock().unwrap_or_else(|broken| broken.into_inner()).take()
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, shared: &Arc<Shared>) {
    while !shared.stop.load(Ordering::SeqCst) {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sleep(TICK);
                continue;
            }
            Err(_) => continue,
        };
        let _ = client.set_nonblocking(false);
        let server = if shared.refuse.load(Ordering::SeqCst) { None } else { TcpStream::connect(target).ok() };
        let Some(server) = server else {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            continue;
        };
        for socket in [&client, &server] {
            let _ = socket.set_nodelay(true);
            let _ = socket.set_read_timeout(Some(TICK * 4));
        }
        let pair = Arc::new(Pair { client, server, fate: Mutex::default(), awaits_answer: Mutex::default() });
        shared.orders().live.push(Arc::clone(&pair));
        for way in [Way::Up, Way::Down] {
            let (pair, shared) = (Arc::clone(&pair), Arc::clone(shared));
            spawn(move || {
                pump(way, &pair, &shared);
                // The end of one direction is passed on; the other one notices by itself.
                let to = if way == Way::Up { &pair.server } else { &pair.client };
                if pair.fate() != Some(Act::Reset) {
                    let _ = to.shutdown(Shutdown::Write);
                }
                shared.orders().live.retain(|other| !Arc::ptr_eq(other, &pair));
            });
        }
    }
}

/// Moves the bytes of one direction until either end closes or a fault ends it.
fn pump(way: Way, pair: &Pair, shared: &Shared) {
    let (mut from, to) = match way {
        Way::Up => (&pair.client, &pair.server),
        Way::Down => (&pair.server, &pair.client),
    };
    let mut messages = Messages::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let stalled = shared.stall_all.load(Ordering::SeqCst) || pair.fate() == Some(Act::Stall);
        if shared.stop.load(Ordering::SeqCst) || matches!(pair.fate(), Some(Act::Reset | Act::Close)) {
            return;
        }
        if pair.fate() == Some(Act::End(way)) {
            return;
        }
        if pair.fate() == Some(Act::Trickle) {
            sleep(SLOW);
        }
        if stalled {
            sleep(TICK);
            continue;
        }
        let read = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => return,
        };
        if pair.fate() == Some(Act::Swallow) {
            continue;
        }
        let bytes = &buffer[..read];
        let slow = *shared.slow.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some((delay, bytes_per_second)) = slow {
            sleep(delay + Duration::from_secs(1) * bytes.len() as u32 / bytes_per_second);
        }
        if way == Way::Down {
            // The answer to a statement begins here; the rest of it is behind the fault as well.
            if let Some(act) = pair.take_awaited() {
                if !answered_to_the_end(from, bytes) {
                    return;
                }
                pair.meet(act);
                continue;
            }
            if !pass(way, bytes, to, pair, shared) && pair.fate().is_none() {
                return;
            }
            continue;
        }
        messages.take_in(bytes);
        while let Some(message) = messages.next() {
            if let Some(statement) = statement(&message) {
                shared.orders().statements.push(statement.clone());
                let due = shared.take(|point| match point {
                    Point::Before(words) | Point::Answered(words) => statement.starts_with(words.as_str()),
                    Point::Bytes(..) => false,
                });
                match due {
                    Some(Fault { point: Point::Before(_), act, .. }) => {
                        pair.meet(act);
                        break;
                    }
                    Some(Fault { act, .. }) => {
                        *pair.awaits_answer.lock().unwrap_or_else(|broken| broken.into_inner()) = Some(act);
                    }
                    None => {}
                }
            }
            if !pass(way, &message, to, pair, shared) {
                break;
            }
        }
    }
}

/// Passes bytes on, up to a fault that is due among them; false when there was one.
fn pass(way: Way, bytes: &[u8], mut to: &TcpStream, pair: &Pair, shared: &Shared) -> bool {
    let before = shared.count(way).fetch_add(bytes.len() as u64, Ordering::SeqCst);
    let after = before + bytes.len() as u64;
    let due = shared.take(|point| matches!(point, Point::Bytes(w, at) if *w == way && *at < after));
    let Some(Fault { point: Point::Bytes(_, at), act, .. }) = due else {
        return to.write_all(bytes).is_ok();
    };
    let until = usize::try_from(at.saturating_sub(before)).unwrap_or(0).min(bytes.len());
    let _ = to.write_all(&bytes[..until]);
    match act {
        Act::Corrupt => {
            let mut rest = bytes[until..].to_vec();
            rest.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            to.write_all(&rest).is_ok()
        }
        Act::Pause(millis) => {
            pair.meet(Act::Stall);
            sleep(Duration::from_millis(millis));
            let mut fate = pair.fate.lock().unwrap_or_else(|broken| broken.into_inner());
            *fate = fate.take().filter(|fate| *fate != Act::Stall);
            drop(fate);
            to.write_all(&bytes[until..]).is_ok()
        }
        Act::Trickle => {
            pair.meet(act);
            let (single, rest) = bytes[until..].split_at(TRICKLED.min(bytes.len() - until));
            let alone = single.iter().try_for_each(|byte| {
                sleep(Duration::from_millis(1));
                to.write_all(&[*byte])
            });
            alone.and_then(|()| to.write_all(rest)).is_ok()
        }
        _ => {
            pair.meet(act);
            false
        }
    }
}

/// Reads on until the server is ready for the next statement: what it was asked has happened then.
fn answered_to_the_end(mut from: &TcpStream, first: &[u8]) -> bool {
    let ready = |bytes: &[u8]| bytes.windows(6).any(|w| w[..5] == [b'Z', 0, 0, 0, 5] && b"ITE".contains(&w[5]));
    let mut all = first.to_vec();
    let mut buffer = [0; 4096];
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready(&all) && Instant::now() < deadline {
        match from.read(&mut buffer) {
            Ok(0) => return true,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return true,
        }
    }
    true
}

/// Bytes of a client -> whole messages; what is no Postgres client passes as it comes.
#[derive(Default)]
struct Messages {
    pending: Vec<u8>,
    typed: bool,
    opaque: bool,
}

impl Messages {
    fn take_in(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        const PROTOCOL_3: u32 = 3 << 16;
        const TLS_REQUEST: u32 = 80_877_103;
        if self.pending.is_empty() {
            return None;
        }
        if self.opaque {
            return Some(std::mem::take(&mut self.pending));
        }
        let word =
            |at: usize| self.pending.get(at..at + 4).map(|w| u32::from_be_bytes(w.try_into().expect("four bytes")));
        let head = usize::from(self.typed);
        let length = word(head)? as usize + head;
        if !self.typed {
            let code = word(4)?;
            if code & 0xffff_0000 != PROTOCOL_3 && code != TLS_REQUEST {
                self.opaque = true;
                return Some(std::mem::take(&mut self.pending));
            }
            if self.pending.len() >= length {
                self.typed = code != TLS_REQUEST;
            }
        }
        (self.pending.len() >= length).then(|| self.pending.drain(..length).collect())
    }
}

/// The text of a simple query, or of a statement that is parsed.
fn statement(message: &[u8]) -> Option<String> {
    let body = message.get(5..)?;
    let text = match message[0] {
        b'Q' => body,
        // Behind the name of the statement, which is empty.
        b'P' => body.get(body.iter().position(|&b| b == 0)? + 1..)?,
        _ => return None,
    };
    let end = text.iter().position(|&b| b == 0)?;
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}
