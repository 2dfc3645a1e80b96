//! Names and addresses that lead nowhere, alone and beside one that leads to the server.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::json;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{BOUND, config, judge};
use crate::support::connector::Connector;
use crate::support::postgres::TestServer;

/// Connections that are enough to fill the queue of a socket on which nobody accepts any.
const CROWD: usize = 64;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("hostile::addresses::each_failure_has_its_words", each_failure_has_its_words),
        Trial::test("hostile::addresses::the_live_one_is_found", the_live_one_is_found),
    ]
}

/// A socket that answers nobody: its queue is full.
struct Silent {
    address: SocketAddr,
    _listener: Socket,
    _crowd: Vec<Socket>,
}

impl Silent {
    fn new(address: SocketAddr) -> Result<Self, std::io::Error> {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        listener.bind(&SockAddr::from(address))?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().expect("an address of TCP");
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            let one = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            one.set_nonblocking(true)?;
            // It is under way, or waits for ever.
            let _ = one.connect(&SockAddr::from(address));
            crowd.push(one);
        }
        std::thread::sleep(Duration::from_millis(100));
        let silent = TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_err();
        assert!(silent, "a socket with a full queue does not answer");
        Ok(Self { address, _listener: listener, _crowd: crowd })
    }
}

fn each_failure_has_its_words() -> Result<(), Failed> {
    let refused = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let silent = Silent::new("127.0.0.1:0".parse()?)?;
    let mode = json!({"mode": "prefer"});
    for (host, port, wanted) in [
        (
            "127.0.0.1",
            refused,
            "the server at 127.0.0.1:5432 refuses the connection: nothing listens there, or a firewall",
        ),
        (
            "127.0.0.1",
            silent.address.port(),
            "the server at 127.0.0.1:5432 does not answer: a firewall or security group",
        ),
        ("nobody.example.com", refused, "the host name `nobody.example.com` of the server cannot be resolved; check"),
    ] {
        let mut config = config(port, &mode);
        config["host"] = json!(host);
        let begun = Instant::now();
        let outcome = Connector::check(&config).hosts("127.0.0.1 localhost").run(b"");
        assert!(begun.elapsed() < BOUND, "{host}:{port} took {:?}", begun.elapsed());
        let said = judge(&outcome, &config)?;
        assert!(said.starts_with(wanted), "{said}");
    }
    Ok(())
}

fn the_live_one_is_found() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let silent = Silent::new(SocketAddr::from(([127, 0, 0, 3], database.port())))?;
    for (what, dead) in
        [("refused", "127.0.0.2"), ("silent", &*silent.address.ip().to_string()), ("of the other family", "::1")]
    {
        let mut config = database.config();
        config["host"] = json!("db.example.com");
        let hosts = format!("{dead} db.example.com\n127.0.0.1 db.example.com");
        let outcome = Connector::check(&config).hosts(&hosts).run(b"");
        assert_eq!(outcome.checked(), Ok(()), "{what}: {outcome:?}");
    }
    Ok(())
}
