use super::*;

fn config(more: &str) -> Config {
    let text = format!(r#"{{"host":"db","database":"d","username":"u","schema":"public","password":"s3cret"{more}}}"#);
    Config::parse(&text).expect("configuration")
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
