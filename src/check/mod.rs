//! The `check` command: everything that a write will need, tried for real and taken back.
//!
//! Everything is one transaction that is rolled back, also by the server alone when we are gone: nothing stays behind.

mod checklist;
mod rights;
mod shapes;
mod trial;

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::{Connector, Session};
use crate::protocol::Output;

use checklist::{Checklist, Item};

/// Checks the configuration against the server; each item of the checklist is one LOG line.
///
/// # Errors
/// What failed, with what mends it; everything that is missing in one error.
pub async fn run(config: Config, output: &Output) -> Result<()> {
    let config = Arc::new(config);
    let list = Arc::new(Checklist::new(&config, output.clone()));
    let followed = Arc::clone(&list);
    let connector = Connector::new(Arc::clone(&config), move |event| followed.follow(event))?;
    let begun = Instant::now();
    let outcome = match timeout_at(begun + limits::CHECK_TIMEOUT, all(&config, &connector, &list, begun)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(too_late(&config, list.now())),
    };
    list.end(outcome.as_ref().err().map(Error::message));
    outcome
}

async fn all(config: &Config, connector: &Connector, list: &Checklist, begun: Instant) -> Result<()> {
    let session = connector.session_by(begun + limits::CONNECT_TIMEOUT).await?;
    list.begin(if config.role.is_some() { Item::Role } else { Item::Server });
    session.begin().await?;
    if let Some(role) = &config.role {
        list.ok(Item::Role, &format!("acting as \"{role}\""));
    }
    let outcome = items(config, &session, list).await;
    // Nothing is left behind: what the items made is rolled back, success or not.
    let undone: Result<()> = Err(Error::new(ErrorKind::Internal, "the check rolls back"));
    drop(session.end(undone).await);
    outcome
}

async fn items(config: &Config, session: &Session, list: &Checklist) -> Result<()> {
    let schema = rights::look(config, session, list).await?;
    trial::run(config, session, list, &schema).await?;
    shapes::run(config, session, list, &schema).await
}

/// The server fell silent after the login.
fn too_late(config: &Config, item: Option<Item>) -> Error {
    let item = item.map_or_else(String::new, |item| format!(" to this item of the checklist: {item}"));
    let text = format!(
        "the server at {}:{} accepted the login but gave no answer{item}. Another session may hold a lock on the \
         catalog or the schema (in pg_stat_activity: wait_event_type Lock, state idle in transaction), or the server \
         hangs or is overloaded",
        config.host, config.port
    );
    Error::new(ErrorKind::Connection, text)
}
