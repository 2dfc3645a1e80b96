//! A login that the server refused -> what it means for the user, and what mends it.

use std::net::IpAddr;

use super::password;
use super::sqlstate::advice;
use crate::config::Config;
use crate::error::ErrorKind;
use crate::sql::remedy;

/// The server's words, fit for a message.
pub(super) struct Refusal<'a> {
    /// SQLSTATE.
    pub(super) code: &'a str,
    /// The function of the server that refuses; unlike the message it is the same in every language.
    pub(super) routine: &'a str,
    /// The message, already clean.
    pub(super) said: &'a str,
}

/// What a refused login means for the user.
pub(super) fn explain_refusal(refusal: &Refusal<'_>, config: &Config, encrypted: bool) -> (ErrorKind, String) {
    let Refusal { code, routine, said } = *refusal;
    let (user, database) = (&config.username, &config.database);
    let transient = ErrorKind::ServerUnavailable;
    let lower = said.to_lowercase();
    match code {
        "28P01" if config.password.as_ref().is_some_and(|given| password::is_unfit_for_scram(given.expose())) => {
            let text = format!(
                "the password for `{user}` may be right, but it is one of the few that this connector cannot use: 64 bytes \
                 with characters that Unicode prepares in more than one way; choose another ({})",
                remedy::set_password(user)
            );
            (ErrorKind::Permission, text)
        }
        "28P01" => {
            let text = format!(
                "the password for `{user}` is wrong, or no such role exists; check `username` and `password` ({} sets \
                 another)",
                remedy::set_password(user)
            );
            (ErrorKind::Permission, text)
        }
        "3D000" => {
            let create = remedy::create_database(database);
            let text = format!("the database `{database}` does not exist; check `database`, or create it: {create}");
            (ErrorKind::Permission, text)
        }
        "42501" => {
            let grant = remedy::grant_on_database("CONNECT", database, user);
            (ErrorKind::Permission, format!("`{user}` may not connect to the database `{database}`: {grant}"))
        }
        "53300" => (transient, format!("no connection left ({said}); {}", no_connection_left(routine, config))),
        "57P03" => (transient, format!("it does not accept connections now ({said}); try again later")),
        "55000" => {
            let allow = remedy::allow_connections(database);
            (ErrorKind::Permission, format!("the database `{database}` accepts no connections: {allow}"))
        }
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
        _ if code.starts_with("28") => (ErrorKind::Permission, not_let_in(refusal, config, encrypted)),
        _ if code.starts_with("53") || code.starts_with("57") || code.starts_with("58") => {
            let advice = advice(code).map(|advice| format!("; {advice}")).unwrap_or_default();
            (transient, format!("it cannot open a session now: {said}{advice}"))
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

/// Whose limit it is.
fn no_connection_left(routine: &str, config: &Config) -> String {
    match routine {
        "InitializeSessionUserId" => {
            format!(
                "wait until a session of the role ends, or lift its limit: {}",
                remedy::lift_role_limit(&config.username)
            )
        }
        "CheckMyDatabase" => {
            let lift = remedy::lift_database_limit(&config.database);
            format!("wait until a session in the database ends, or lift its limit: {lift}")
        }
        _ => "wait until a session ends, or raise max_connections in postgresql.conf and restart the server".to_owned(),
    }
}

/// The role or the place that it comes from is not let in.
fn not_let_in(refusal: &Refusal<'_>, config: &Config, encrypted: bool) -> String {
    let Refusal { routine, said, .. } = *refusal;
    let (user, database) = (&config.username, &config.database);
    let how = if encrypted { "with TLS" } else { "without TLS" };
    if routine == "InitializeSessionUserId" && said.contains("not permitted to log in") {
        return format!("the role `{user}` may not log in: {}", remedy::allow_login(user));
    }
    match address_in(said).filter(|_| routine == "ClientAuthentication") {
        Some(address) => {
            let (kind, other) =
                if encrypted { ("hostssl", "") } else { ("host", "choose an `ssl_mode` that encrypts, or ") };
            let bits = if address.is_ipv4() { 32 } else { 128 };
            format!(
                "pg_hba.conf does not let `{user}` into `{database}` from {address} {how}; {other}add this line to it, above \
                 any that rejects, and run SELECT pg_reload_conf(): {kind} {} {} {address}/{bits} scram-sha-256",
                hba_name(database),
                hba_name(user)
            )
        }
        None => format!(
            "`{user}` may not log in to `{database}` {how} ({said}); check `username`, `ssl_mode` and the server's \
             pg_hba.conf"
        ),
    }
}

/// The first address in a text, in whatever language that is: the one that the server sees.
fn address_in(text: &str) -> Option<IpAddr> {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.')).find_map(|word| word.parse().ok())
}

/// A name for pg_hba.conf; in quotes no word has a meaning of its own.
fn hba_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
