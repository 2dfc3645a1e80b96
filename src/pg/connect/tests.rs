use std::sync::Mutex;

use tokio::net::TcpListener;

use super::*;

fn config(more: &str) -> Config {
    let text = format!(r#"{{"host":"db","database":"d","username":"u","schema":"public","password":"s3cret"{more}}}"#);
    Config::parse(&text).expect("configuration")
}

fn warnings() -> (Warn, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    (Warn(Arc::new(move |text| kept.lock().expect("lock").push(text.to_owned()))), said)
}

#[test]
fn parameters_of_the_url() {
    let (warn, said) = warnings();
    let (plain, patience) = login(&config(""), &warn);
    assert_eq!((plain.get_application_name(), patience), (Some(APPLICATION_NAME), limits::CONNECT_TIMEOUT));
    assert_eq!((plain.get_user(), plain.get_dbname(), plain.get_options()), (Some("u"), Some("d"), None));
    assert!(said.lock().expect("lock").is_empty());
    let more = r#","jdbc_url_params":"ApplicationName=my%20app&connectTimeout=3&options=-c%20x&x%0Ay=s3cret""#;
    let (given, patience) = login(&config(more), &warn);
    assert_eq!((given.get_application_name(), patience), (Some("my app"), Duration::from_secs(3)));
    assert_eq!(given.get_options(), None);
    let said = said.lock().expect("lock");
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with("`options`, `x y`") && !said[0].contains("s3cret"), "{said:?}");
}

#[test]
fn time_limits_have_a_limit() {
    let (warn, said) = warnings();
    for (value, seconds) in [("0", 600), ("7", 7), ("99999999999", 600), ("soon", 20), ("-1", 20)] {
        let more = format!(r#","jdbc_url_params":"connectTimeout={value}""#);
        assert_eq!(login(&config(&more), &warn).1, Duration::from_secs(seconds), "{value}");
    }
    assert_eq!(said.lock().expect("lock").len(), 2);
}

#[test]
fn refusals_by_their_code() {
    let config = config("");
    for (code, said, kind) in [
        ("28P01", "password authentication failed", ErrorKind::Permission),
        ("28000", "no pg_hba.conf entry", ErrorKind::Permission),
        ("3D000", "database does not exist", ErrorKind::Permission),
        ("42501", "permission denied", ErrorKind::Permission),
        ("53300", "too many clients", ErrorKind::ServerUnavailable),
        ("57P03", "the database system is starting up", ErrorKind::ServerUnavailable),
        ("53200", "out of memory", ErrorKind::ServerUnavailable),
        ("08P01", "password authentication failed", ErrorKind::Permission),
        ("08P01", "no such database: d", ErrorKind::Permission),
        ("XX000", "Tenant or user not found", ErrorKind::Permission),
        ("08P01", "server_login_retry", ErrorKind::Connection),
    ] {
        let (found, text) = explain_refusal(code, said, &config, true);
        assert_eq!(found, kind, "{code} {said}: {text}");
        assert!(!text.contains("s3cret"));
    }
}

#[test]
fn which_failures_lead_to_a_second_attempt() {
    let failed = |stage| Failed { error: Error::new(ErrorKind::Permission, "no"), stage };
    for (stage, prefer, allow) in [
        (Stage::Tls, true, false),
        (Stage::Refused { encrypted: true }, true, true),
        (Stage::Refused { encrypted: false }, false, true),
        (Stage::Other, false, false),
    ] {
        assert_eq!(failed(stage).worth_another(Policy::IfOffered), prefer, "{stage:?}");
        assert_eq!(failed(stage).worth_another(Policy::Never), allow, "{stage:?}");
        assert!(!failed(stage).worth_another(Policy::Always));
    }
}

#[test]
fn two_failures_in_one_message() {
    let error = |kind, text: &str| Error::new(kind, text);
    let alike = both(Policy::IfOffered, error(ErrorKind::Connection, "first"), error(ErrorKind::Connection, "second"));
    assert_eq!(alike.message(), "first");
    let refusal = error(ErrorKind::Permission, "refused").with_sqlstate("28000");
    let unlike = both(Policy::IfOffered, error(ErrorKind::Config, "no TLS"), refusal);
    assert_eq!(unlike.message(), "refused (this was without TLS; with TLS, tried first: no TLS)");
    assert_eq!((unlike.kind(), unlike.sqlstate()), (ErrorKind::Permission, Some("28000")));
}

#[tokio::test]
async fn connections_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let soon = || Instant::now() + Duration::from_secs(10);
    // `localhost` may resolve to ::1 first, where nothing listens.
    for host in ["127.0.0.1", "localhost"] {
        assert!(tcp(host, port, soon(), &SERVER).await.expect(host).nodelay().expect("option"));
    }
    drop(listener);
    let refused = tcp("127.0.0.1", port, soon(), &SERVER).await.expect_err("refused");
    assert!(refused.kind() == ErrorKind::Connection && refused.message().contains("refuses the connection"));
    let unknown = tcp("no-such-host.invalid", port, soon(), &SERVER).await.expect_err("unknown");
    assert!(matches!(unknown.kind(), ErrorKind::Config | ErrorKind::Connection), "{unknown}");
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
        let error = connector.connect().await.expect_err("time is up");
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().contains("accepts the connection"), "{error}");
    }
    silent.abort();
}

#[test]
fn addresses() {
    assert_eq!(address("db", 5432), "db:5432");
    assert_eq!(address("::1", 5432), "[::1]:5432");
}
