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
        let (found, text) = explain_refusal(&Refusal { code, routine: "", said }, &config, true);
        assert_eq!(found, kind, "{code} {said}: {text}");
        assert!(!text.contains("s3cret"));
    }
}

#[test]
fn the_line_that_lets_us_in() {
    let text = r#"{"host":"db","database":"d","username":"a \"b\"","schema":"public"}"#;
    let config = Config::parse(text).expect("configuration");
    let line = |said, encrypted| {
        let refusal = Refusal { code: "28000", routine: "ClientAuthentication", said };
        let (_, text) = explain_refusal(&refusal, &config, encrypted);
        text.rsplit_once("pg_reload_conf(): ").map(|(_, line)| line.to_owned())
    };
    for (said, encrypted, expected) in [
        (
            r#"no pg_hba.conf entry for host "10.1.2.3", user "a", database "d", no encryption"#,
            false,
            r#"host "d" "a ""b""" 10.1.2.3/32 scram-sha-256"#,
        ),
        (
            r#"pg_hba.conf rejects connection for host "2001:db8::a", user "a", database "d", SSL on"#,
            true,
            r#"hostssl "d" "a ""b""" 2001:db8::a/128 scram-sha-256"#,
        ),
        (
            "kein pg_hba.conf-Eintrag für Host »10.1.2.3«, Benutzer »a«, Datenbank »d«, SSL aus",
            false,
            r#"host "d" "a ""b""" 10.1.2.3/32 scram-sha-256"#,
        ),
    ] {
        assert_eq!(line(said, encrypted).as_deref(), Some(expected));
    }
    assert_eq!(line(r#"no pg_hba.conf entry for host "[local]", user "a", database "d""#, false), None);
}
