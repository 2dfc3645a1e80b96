use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;

use super::super::report::Event;
use super::*;

const SERVER: Peer = Peer { what: "the server", fields: "`host` and `port`", listens: "it listens" };

fn steps() -> (Report, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    (Report::new(move |event: Event<'_>| kept.lock().expect("lock").push(format!("{event:?}"))), seen)
}

#[tokio::test]
async fn connections_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let soon = || Instant::now() + Duration::from_secs(10);
    let (report, seen) = steps();
    // `localhost` may resolve to ::1 first, where nothing listens.
    for host in ["127.0.0.1", "localhost"] {
        let stream = tcp((host, port), None, soon(), &SERVER, &report).await.expect(host);
        assert!(stream.nodelay().expect("option"));
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_keepalive_time().expect("option"), limits::TCP_KEEPALIVE_IDLE);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().expect("option"), Some(limits::TCP_USER_TIMEOUT));
    }
    let connected = format!(r#"Done(Connect, "to 127.0.0.1:{port}, from 127.0.0.1 as this machine sees itself")"#);
    let expected =
        ["Begun(Resolve)", r#"Done(Resolve, "127.0.0.1 is an address")"#, "Begun(Connect)", connected.as_str()];
    assert_eq!(seen.lock().expect("lock")[..4], expected);
    drop(listener);
    let refused = tcp(("127.0.0.1", port), None, soon(), &SERVER, &report).await.expect_err("refused");
    assert!(refused.kind() == ErrorKind::Connection && refused.message().contains("refuses the connection"));
    assert!(refused.message().contains("from this connector (127.0.0.1, "), "{refused}");
    let unknown = tcp(("no-such-host.invalid", port), None, soon(), &SERVER, &report).await.expect_err("unknown");
    assert!(matches!(unknown.kind(), ErrorKind::UnknownHost | ErrorKind::Connection), "{unknown}");
}

#[test]
fn addresses() {
    assert_eq!(address("db", 5432), "db:5432");
    assert_eq!(address("::1", 5432), "[::1]:5432");
}

#[tokio::test]
async fn the_source_is_one_of_this_machine_and_of_the_same_kind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let soon = || Instant::now() + Duration::from_secs(10);
    let (report, _) = steps();
    let from = |source: &str| Some(source.parse::<IpAddr>().expect("an address"));
    let stream = tcp(("localhost", port), from("127.0.0.7"), soon(), &SERVER, &report).await.expect("connected");
    assert_eq!(stream.local_addr().expect("address").ip(), from("127.0.0.7").expect("an address"));
    let foreign = tcp(("127.0.0.1", port), from("192.0.2.1"), soon(), &SERVER, &report).await.expect_err("foreign");
    assert!(foreign.kind() == ErrorKind::Config && foreign.message().contains("192.0.2.1 is not an address of"));
    if UdpSocket::bind(("::1", 0)).is_ok() {
        let other = tcp(("127.0.0.1", port), from("::1"), soon(), &SERVER, &report).await.expect_err("another kind");
        assert!(other.kind() == ErrorKind::Config && other.message().contains("has no IPv6 address"), "{other}");
    }
    drop(listener);
    let refused = tcp(("127.0.0.1", port), from("127.0.0.7"), soon(), &SERVER, &report).await.expect_err("refused");
    assert!(refused.message().contains("from this connector (127.0.0.7, "), "{refused}");
}
