//! The commands for the people who run the service: what lets the connector in at a bastion and at a database.
//!
//! They answer with text for people; `run` prints it.

mod keygen;
mod setup_sql;

pub use keygen::keygen;
pub use setup_sql::setup_sql;

/// What a command answers.
#[derive(Debug)]
pub struct Answer {
    /// For stdout: what is to be used as it stands, with its line break.
    pub text: String,
    /// For stderr: what to do with it, with its line break; empty where there is nothing to say.
    pub advice: String,
}
