//! The way through a bastion: a real OpenSSH server with PostgreSQL behind it, and servers that misbehave.

mod algorithms;
mod forward;
mod host_key;
mod hostile;
mod login;
mod loss;
mod packets;
mod users;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::connector::{Connector, Outcome};

pub fn trials() -> Vec<Trial> {
    [
        algorithms::trials(),
        forward::trials(),
        host_key::trials(),
        hostile::trials(),
        login::trials(),
        loss::trials(),
        packets::trials(),
        users::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What `check` answered.
struct Checked {
    succeeded: bool,
    /// The message of a failure.
    message: String,
    outcome: Outcome,
}

impl Checked {
    /// The check failed with each of these texts in its message.
    fn failed_with(&self, texts: &[&str]) {
        assert!(!self.succeeded, "{:?}", self.outcome);
        for text in texts {
            assert!(self.message.contains(text), "{text:?} is not in {:?}", self.message);
        }
    }

    fn succeeds(&self) {
        assert!(self.succeeded, "{:#?}", self.outcome);
    }

    /// The texts of the WARN messages.
    fn warnings(&self) -> Vec<String> {
        let logs = self.outcome.messages_of("LOG").into_iter().map(|message| message["log"].clone());
        logs.filter(|log| log["level"] == "WARN").filter_map(|log| log["message"].as_str().map(str::to_owned)).collect()
    }
}

/// `config` with this tunnel.
fn through(config: &Value, tunnel: &Value) -> Value {
    let mut config = config.clone();
    config["tunnel_method"] = tunnel.clone();
    config
}

/// Runs `check`.
fn check(config: &Value) -> Checked {
    checked(Connector::check(config))
}

fn checked(connector: Connector) -> Checked {
    let outcome = connector.run(b"");
    let answer = outcome.checked();
    Checked { succeeded: answer.is_ok(), message: answer.err().unwrap_or_default(), outcome }
}
