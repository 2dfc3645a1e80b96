//! A login that the server refused -> what it means for the user.

use crate::config::Config;
use crate::error::ErrorKind;

/// What a refused login means for the user. `said` is the server's message, already clean.
pub(super) fn explain_refusal(code: &str, said: &str, config: &Config, encrypted: bool) -> (ErrorKind, String) {
    let (user, database) = (&config.username, &config.database);
    let transient = ErrorKind::ServerUnavailable;
    let lower = said.to_lowercase();
    match code {
        "28P01" => (
            ErrorKind::Permission,
            format!("the password for `{user}` is wrong, or no such role exists; check `username` and `password`"),
        ),
        "3D000" => {
            (ErrorKind::Permission, format!("the database `{database}` does not exist; check `database` or create it"))
        }
        "42501" => (
            ErrorKind::Permission,
            format!("`{user}` may not connect to the database `{database}`; run GRANT CONNECT ON DATABASE"),
        ),
        "53300" => {
            (transient, format!("it, or the role `{user}`, has no connection left; wait, or raise the limit ({said})"))
        }
        "57P03" => (transient, format!("it does not accept connections now: {said}")),
        "55000" => (ErrorKind::Permission, format!("the database `{database}` accepts no connections ({said})")),
        _ if code.starts_with("28") && lower.contains("channel binding") => (
            ErrorKind::Permission,
            format!(
                "the TLS connection does not end at the server itself ({said}): somebody is in between, a proxy or an \
                attacker. Connect to the server directly, or, if the proxy is yours, set `channelBinding=disable` in \
                `jdbc_url_params`"
            ),
        ),
        _ if code.starts_with("28") && lower.contains("valid client certificate") => (
            ErrorKind::Permission,
            format!(
                "`{user}` may not log in to `{database}` without a client certificate; choose the `ssl_mode` verify-full \
                and fill in `client_certificate` and `client_key`"
            ),
        ),
        _ if code.starts_with("28") && lower.contains("certificate authentication failed") => (
            ErrorKind::Permission,
            format!(
                "the client certificate is not that of `{user}`: its common name must be the name of the role, or \
                pg_ident.conf must map it"
            ),
        ),
        _ if code.starts_with("28") => {
            let how = if encrypted { "with TLS" } else { "without TLS" };
            (
                ErrorKind::Permission,
                format!(
                    "`{user}` may not log in to `{database}` from here {how} ({said}); check `username`, `ssl_mode` \
                    and the server's pg_hba.conf"
                ),
            )
        }
        _ if code.starts_with("53") || code.starts_with("57") || code.starts_with("58") => {
            (transient, format!("it cannot open a session now: {said}"))
        }
        // Poolers answer with codes of class 08 and XX whatever the reason.
        _ if ["authentication failed", "no such user", "not found"].iter().any(|text| lower.contains(text)) => (
            ErrorKind::Permission,
            format!("the login of `{user}` is refused ({said}); check `username` and `password`"),
        ),
        _ if lower.contains("no such database") || lower.contains("does not exist") => {
            (ErrorKind::Permission, format!("the login is refused ({said}); check `database` and `username`"))
        }
        _ => (ErrorKind::Connection, format!("the login is refused: {said}")),
    }
}

#[cfg(test)]
mod tests;
