//! A destination connector for the Airbyte protocol that loads records into PostgreSQL by binary COPY.
//!
//! `ARCHITECTURE.md` tells the data flow, the layers and their invariants.

pub mod batch;
pub mod check;
pub mod cli;
pub mod config;
pub mod copy;
pub mod error;
pub mod json;
pub mod limits;
pub mod load_strategy;
pub mod naming;
pub mod pg;
pub mod protocol;
pub mod run;
pub mod schema;
pub mod secret;
pub mod sql;
pub mod types;
pub mod write;
