use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::*;

/// Every secret of the examples holds this word.
const MARK: &str = "s3cret";

fn examples(kind: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/examples").join(kind);
    let files = fs::read_dir(&folder).expect("the folder of examples").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    files.sort();
    files
}

fn with(more: serde_json::Value) -> Result<Config> {
    let mut config = json!({"host": "h", "port": 5432, "database": "d", "schema": "s", "username": "u"});
    for (name, value) in more.as_object().expect("an object") {
        config[name] = value.clone();
    }
    Config::parse(&config.to_string())
}

fn message(more: serde_json::Value) -> String {
    with(more).expect_err("an invalid configuration").message().to_owned()
}

#[test]
fn valid_examples_are_accepted() {
    let files = examples("valid");
    assert!(files.len() >= 8);
    for file in files {
        let config = Config::from_file(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(!format!("{config:?}").contains(MARK), "{}", file.display());
        let text = fs::read_to_string(&file).expect("the example");
        assert_eq!(text.contains(MARK), config.secrets().iter().any(|s| s.contains(MARK)), "{}", file.display());
    }
}

#[test]
fn invalid_examples_are_refused_with_their_message() {
    let files = examples("invalid");
    assert!(files.len() >= 8);
    for file in files {
        let error = Config::from_file(&file).expect_err(&file.display().to_string());
        let want = fs::read_to_string(file.with_extension("txt")).expect("the message beside the example");
        assert_eq!(error.message(), want.trim_end(), "{}", file.display());
        assert_eq!(error.kind(), ErrorKind::Config, "{}", file.display());
        assert!(!error.chain().contains(MARK), "{}", file.display());
    }
}

#[test]
fn unreadable_files_are_named() {
    let error = Config::from_file(Path::new("/nowhere/config.json")).expect_err("no such file");
    assert_eq!(error.message(), "configuration: cannot read the file `/nowhere/config.json` (entity not found)");
    assert_eq!(error.kind(), ErrorKind::Config);
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), b"{\"host\": \"\xff\"}").expect("written");
    let error = Config::from_file(file.path()).expect_err("not UTF-8");
    assert_eq!(error.message(), "configuration: the file is not UTF-8 text");
    for (text, want) in [
        ("", "configuration: the file ends too early (line 1, column 0)"),
        ("{\"host\": \"s3cret", "configuration: the file ends too early (line 1, column 16)"),
        ("{\n  \"password\": s3cret }", "configuration: the file is not valid JSON (line 2, column 15)"),
        ("{} {}", "configuration: the file is not valid JSON (line 1, column 4)"),
        ("[]", "configuration: the file must hold a JSON object, found an array"),
    ] {
        let error = Config::parse(text).expect_err(text);
        assert_eq!(error.message(), want);
        assert!(!error.chain().contains(MARK));
    }
    assert!(Config::parse("\u{feff}{\"host\": \"h\", \"database\": \"d\", \"username\": \"u\"}").is_ok());
}

#[test]
fn ssl_and_ssl_mode_add_up() {
    let require = json!({"mode": "require"});
    let full = json!({"mode": "verify-full"});
    let cases = [
        (json!({}), SslMode::Prefer),
        (json!({"ssl": false}), SslMode::Prefer),
        (json!({"ssl": "false", "ssl_mode": require}), SslMode::Prefer),
        (json!({"ssl": false, "ssl_mode": full}), SslMode::Prefer),
        (json!({"ssl": true}), SslMode::Require),
        (json!({"ssl": true, "ssl_mode": {"mode": "disable"}}), SslMode::Disable),
        (json!({"ssl_mode": require}), SslMode::Require),
        (json!({"ssl": null, "ssl_mode": {"mode": "allow"}}), SslMode::Allow),
        (json!({"ssl": false, "jdbc_url_params": "sslmode=disable"}), SslMode::Disable),
        (json!({"jdbc_url_params": "sslmode=require"}), SslMode::Require),
        (json!({"ssl": true, "ssl_mode": require, "jdbc_url_params": "sslmode=disable"}), SslMode::Require),
    ];
    for (config, want) in cases {
        assert_eq!(with(config.clone()).expect("valid").ssl_mode, want, "{config}");
    }
    assert!(SslMode::Require.always_encrypts() && !SslMode::Prefer.always_encrypts());
}

#[test]
fn client_certificate_and_key_go_together() {
    let mode = |more: serde_json::Value| {
        let mut mode = json!({"mode": "verify-full", "ca_certificate": "ca"});
        for (name, value) in more.as_object().expect("an object") {
            mode[name] = value.clone();
        }
        json!({ "ssl_mode": mode })
    };
    assert!(message(mode(json!({"client_key": "k"}))).contains("`ssl_mode.client_certificate` is missing"));
    assert!(message(mode(json!({"client_certificate": "c"}))).contains("`ssl_mode.client_key` is missing"));
    assert!(message(mode(json!({"ca_certificate": " "}))).contains("`ssl_mode.ca_certificate` is missing"));
    let alone = with(mode(json!({"client_key": "", "client_certificate": null}))).expect("a CA alone").ssl_mode;
    assert!(matches!(alone, SslMode::VerifyFull { client_certificate: None, client_key: None, .. }));
    let pair = with(mode(json!({"client_key": "a\\nb", "client_certificate": "c\r\nd"}))).expect("a pair").ssl_mode;
    let SslMode::VerifyFull { client_certificate: Some(certificate), client_key: Some(key), .. } = pair else {
        panic!("no pair");
    };
    assert_eq!((certificate.expose(), key.expose()), ("c\nd\n", "a\nb\n"));
}

#[test]
fn numbers_may_come_as_text() {
    for port in [json!(6432), json!("6432"), json!(" 6432 "), json!(6432.0)] {
        assert_eq!(with(json!({ "port": port })).expect("a port").port, 6432);
    }
    let wrong = [
        (json!("x"), "a string"),
        (json!(""), "a string"),
        (json!(5432.5), "a fraction"),
        (json!(65537), "a number outside that range"),
        (json!(-1), "a number outside that range"),
        (json!(1e300), "a number outside that range"),
        (json!("99999"), "a number outside that range"),
        (json!(true), "a boolean"),
        (json!([1]), "an array"),
    ];
    for (port, found) in wrong {
        let want = format!("configuration: `port` must be a whole number from 0 to 65536, found {found}");
        assert_eq!(message(json!({ "port": port })), want);
    }
    for port in [0, 65536] {
        let want = "configuration: `port` must be a port that can be connected to, from 1 to 65535";
        assert_eq!(message(json!({ "port": port })), want);
    }
    assert!(with(json!({"drop_cascade": "true"})).expect("a boolean").drop_cascade);
}

#[test]
fn names_keep_every_character() {
    let odd = " a\"b'c\\d$e%f@/?#:é ";
    let config = with(json!({"database": odd, "username": odd, "password": odd, "schema": odd, "role": odd}));
    let config = config.expect("odd names");
    assert_eq!([&config.database, &config.username, &config.schema], [odd; 3]);
    assert_eq!(config.role.as_deref(), Some(odd));
    assert_eq!(config.password.map(|p| p.expose().to_owned()).as_deref(), Some(odd));
    for field in ["host", "database", "username", "schema", "password", "role", "raw_data_schema"] {
        let text = message(json!({ field: "a\0s3cret" }));
        assert_eq!(text, format!("configuration: `{field}` must not contain a NUL character"));
    }
}

#[test]
fn hosts() {
    for (given, want) in [("db.example", "db.example"), (" 10.0.0.1\n", "10.0.0.1"), ("[::1]", "::1"), ("::1", "::1")] {
        assert_eq!(with(json!({ "host": given })).expect("a host").host, want);
    }
    for given in ["postgres://db", "a b"] {
        assert!(message(json!({ "host": given })).contains("`host` must be a host name or an IP address alone"));
    }
}

#[test]
fn blanks_and_nulls_count_as_absent() {
    let blank = with(json!({
        "schema": " ", "password": "", "raw_data_schema": " ", "role": "", "jdbc_url_params": "", "ssl_mode": {},
        "tunnel_method": {"tunnel_method": null}, "reader_roles": null, "commit_interval_seconds": null, "port": null
    }))
    .expect("blanks");
    let minimal = Config::parse(r#"{"host": "h", "database": "d", "username": "u"}"#).expect("minimal");
    assert_eq!(blank, minimal);
    assert_eq!((minimal.port, minimal.schema.as_str(), &minimal.tunnel), (5432, "public", &Tunnel::None));
    for field in ["database", "username"] {
        assert!(message(json!({ field: "" })).starts_with(&format!("configuration: `{field}` is missing or empty")));
    }
    assert!(message(json!({"host": " "})).starts_with("configuration: `host` is missing"));
}

#[test]
fn tunnels() {
    let tunnel = |more: serde_json::Value| {
        let mut tunnel = json!({"tunnel_host": " bastion ", "tunnel_port": "2222", "tunnel_user": " me \r\n"});
        for (name, value) in more.as_object().expect("an object") {
            tunnel[name] = value.clone();
        }
        with(json!({ "tunnel_method": tunnel })).map(|config| config.tunnel)
    };
    let (host, port, user) = ("bastion".to_owned(), 2222, " me ".to_owned());
    let key = tunnel(json!({"tunnel_method": "SSH_KEY_AUTH", "ssh_key": "-----BEGIN\\nx\\n-----END"})).expect("a key");
    let secret = Some(Secret::new("-----BEGIN\nx\n-----END\n"));
    let want = Tunnel::Key {
        host: host.clone(),
        port,
        user: user.clone(),
        key: secret,
        passphrase: None,
        password: None,
        host_key: None,
    };
    assert_eq!(key, want);
    let absent = tunnel(json!({"tunnel_method": "SSH_KEY_AUTH", "ssh_key": ""})).expect("no key");
    assert!(matches!(absent, Tunnel::Key { key: None, .. }));
    let password = json!({
        "tunnel_method": "SSH_PASSWORD_AUTH", "tunnel_user_password": " p ", "ssh_key": 7,
        "tunnel_host_key": "SHA256:x\n"
    });
    let host_key = Some("SHA256:x".to_owned());
    let want = Tunnel::Password { host, port, user, password: Secret::new(" p "), host_key };
    assert_eq!(tunnel(password).expect("a password"), want);
    assert_eq!(tunnel(json!({"tunnel_method": "NO_TUNNEL", "tunnel_user": 7})).expect("none"), Tunnel::None);
}

#[test]
fn reader_roles_are_distinct() {
    let config = with(json!({"reader_roles": ["b", "a", "b"]})).expect("roles");
    assert_eq!(config.reader_roles, ["b", "a"]);
    let text = message(json!({"reader_roles": ["a", ""]}));
    assert_eq!(text, "configuration: `reader_roles[1]` is missing or empty; name a role or remove the entry");
}

#[test]
fn secrets_are_whole_and_by_line_longest_first() {
    let key = "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDD\n-----END KEY-----";
    let config = with(json!({
        "password": "pw", "jdbc_url_params": "sslpassword=hush%21",
        "tunnel_method": {"tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "b", "tunnel_user": "u", "ssh_key": key,
            "ssh_key_passphrase": "open sesame"}
    }))
    .expect("secrets");
    let with_end = format!("{key}\n");
    assert_eq!(config.secrets(), [with_end.as_str(), key, "AAAABBBBCCCC", "open sesame", "hush!", "pw"]);
}

#[test]
fn a_secret_that_is_also_a_public_name_is_not_hidden() {
    let config = with(json!({"username": "airbyte", "password": "airbyte"})).expect("a password like the name");
    assert_eq!(config.secrets(), [""; 0]);
}
