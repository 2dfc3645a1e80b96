//! The configuration: any text gives a valid one or a sentence that names the place, and no value is ever told.

use std::collections::HashSet;

use destination_postgres::config::{Config, SslMode, Tunnel, specification};
use destination_postgres::error::ErrorKind;
use serde_json::Value;

/// Stands in a value to see where the value goes.
const CANARY: &str = "xq7-canary-7qx";

/// Fields whose values are never shown, as the specification has them.
const SECRETS: [&str; 8] = [
    "/password",
    "/ssl_mode/ca_certificate",
    "/ssl_mode/client_certificate",
    "/ssl_mode/client_key",
    "/ssl_mode/client_key_password",
    "/tunnel_method/ssh_key",
    "/tunnel_method/ssh_key_passphrase",
    "/tunnel_method/tunnel_user_password",
];

/// A text as it is, and with each of its strings changed in turn.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    check(text, None);
    let Ok(parsed) = serde_json::from_str::<Value>(text) else { return };
    let mut paths = Vec::new();
    strings(&parsed, "", &mut paths);
    for path in paths.iter().take(32) {
        for replace in [false, true] {
            let mut changed = parsed.clone();
            let Some(Value::String(text)) = changed.pointer_mut(path) else { panic!("{path} is a string") };
            *text = if replace { CANARY.to_owned() } else { format!("{text}{CANARY}") };
            check(&changed.to_string(), Some(path));
        }
    }
}

/// The paths of all strings.
fn strings(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::String(_) => paths.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| strings(item, &format!("{path}/{at}"), paths));
        }
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            strings(member, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), paths);
        }),
        _ => {}
    }
}

/// `canary` is the path of the field that holds it.
fn check(text: &str, canary: Option<&str>) {
    match Config::parse(text) {
        Ok(config) => {
            check_config(&config);
            if canary.is_some_and(|path| SECRETS.contains(&path)) {
                assert!(!format!("{config:?}").contains(CANARY), "Debug shows {canary:?}");
                check_secrets(&config, text, canary.unwrap_or_default());
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config, "{text}: {error}");
            let place = error.message().strip_prefix("configuration: ").expect("what it is about");
            let path = place.strip_prefix('`').and_then(|rest| rest.split(['`', '.', '[']).next());
            match path {
                Some(field) => assert!(specification(false).contains(&format!("\"{field}\":{{")), "{error}"),
                None => assert!(place.starts_with("the file "), "{error}"),
            }
            let shown = format!("{error:?} {}", error.chain());
            assert!(!shown.contains(CANARY), "{shown} tells a value");
        }
    }
}

fn check_config(config: &Config) {
    for name in [&config.host, &config.database, &config.schema, &config.username] {
        assert!(!name.is_empty() && !name.contains('\0'));
    }
    assert!(!config.host.contains(char::is_whitespace) && config.port > 0);
    assert!((1..=900).contains(&config.commit_interval_seconds) && (1..=32).contains(&config.max_connections));
    let roles = &config.reader_roles;
    assert_eq!(roles.iter().collect::<HashSet<_>>().len(), roles.len());
    for name in roles.iter().chain(&config.role).chain(&config.raw_data_schema) {
        assert!(!name.is_empty() && !name.contains('\0'));
    }
    assert!(config.password.as_ref().is_none_or(|password| !password.expose().is_empty()));
    assert!(config.jdbc_url_params.iter().all(|(key, _)| !key.to_lowercase().contains("password")));
    let secrets = config.secrets();
    assert!(secrets.windows(2).all(|pair| pair[0].len() >= pair[1].len()), "the longest comes first");
    assert!(secrets.iter().all(|secret| !secret.is_empty()));
}

/// A redactor that takes the list of secrets leaves nothing of a value that is in use.
fn check_secrets(config: &Config, text: &str, path: &str) {
    let given: Value = serde_json::from_str(text).unwrap();
    let Some(Value::String(value)) = given.pointer(path) else { panic!("{path} is a string") };
    let field = path.rsplit('/').next().unwrap_or_default();
    // Keys and certificates are pasted with all kinds of line ends; everything else counts as it is.
    let value = match field {
        "ssh_key" | "client_key" | "client_certificate" | "ca_certificate" => {
            value.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\r\n", "\n")
        }
        _ => value.clone(),
    };
    let in_use = match path.split('/').nth(1) {
        Some("ssl_mode") => match config.ssl_mode {
            SslMode::VerifyFull { .. } => true,
            SslMode::VerifyCa { .. } => matches!(field, "ca_certificate" | "client_key_password"),
            _ => false,
        },
        Some("tunnel_method") => match config.tunnel {
            Tunnel::None => false,
            Tunnel::Key { .. } => field != "tunnel_user_password",
            Tunnel::Password { .. } => field == "tunnel_user_password",
        },
        _ => true,
    };
    if in_use {
        let redacted = config.secrets().iter().fold(value, |value, secret| value.replace(secret, "***"));
        assert!(!redacted.contains(CANARY), "{path}: {redacted}");
    }
}
