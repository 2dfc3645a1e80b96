use tokio::net::TcpListener;

use super::*;
use crate::error::ErrorKind;

#[test]
fn two_failures_in_one_message() {
    let error = |kind, text: &str| Error::new(kind, text);
    let alike = both(Policy::IfOffered, error(ErrorKind::Connection, "first"), error(ErrorKind::Connection, "second"));
    assert_eq!(alike.message(), "first");
    let refusal = |text| error(ErrorKind::Permission, text).with_sqlstate("28000");
    for (first, words) in [
        (Policy::Never, "second (this was with TLS; without TLS, tried first: first)"),
        (Policy::IfOffered, "first (this was with TLS; without TLS, tried next: second)"),
    ] {
        assert_eq!(both(first, refusal("first"), refusal("second")).message(), words);
        assert_eq!(both(first, refusal("same"), refusal("same")).message(), "same");
    }
    let unlike = both(Policy::IfOffered, error(ErrorKind::Config, "no TLS"), refusal("refused"));
    assert_eq!(unlike.message(), "refused (this was without TLS; with TLS, tried first: no TLS)");
    assert_eq!((unlike.kind(), unlike.sqlstate()), (ErrorKind::Permission, Some("28000")));
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await);
        }
    });
    for mode in ["disable", "prefer"] {
        let text = format!(
            r#"{{"host":"127.0.0.1","port":{port},"database":"d","username":"u","schema":"public",
                "ssl_mode":{{"mode":"{mode}"}},"jdbc_url_params":"connectTimeout=1"}}"#
        );
        let connector =
            Connector::new(Arc::new(Config::parse(&text).expect("configuration")), |_| {}).expect("connector");
        let error = connector.connect(None).await.err().expect("time is up");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().contains("accepts the connection"), "{error}");
    }
    silent.abort();
}
