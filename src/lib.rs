//! Loads Airbyte records into PostgreSQL by binary COPY, losing and changing nothing in silence.
//!
//! `ARCHITECTURE.md` tells the data flow and the invariants. Who may use whom, from the bottom up: a module uses only modules that are listed before it. `integration_tests/layers.rs` compares the table with the code, both ways.
//!
//! ```layers
//! limits:
//! secret:
//! printable:
//! error:
//! numeric:
//! json: limits numeric
//! types: json limits numeric
//! protocol: error json limits printable secret
//! naming: limits
//! load_strategy: error protocol
//! schema: types
//! sql: limits schema types
//! batch: json limits protocol schema types
//! copy: batch limits schema types
//! config: error schema secret
//! panics: error protocol
//! arrow_source: error limits panics protocol types
//! signals: error
//! cli:
//! pg: config error limits printable secret sql
//! privileges: error naming pg schema sql
//! write: arrow_source batch config copy error limits load_strategy naming pg privileges protocol schema signals sql types
//! check: batch config copy error limits naming pg privileges protocol schema sql types
//! operator: cli config error limits naming pg secret sql
//! run: check cli config error limits operator panics protocol signals write
//! main: cli run
//! ```

#![cfg_attr(test, allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure"))]

pub mod arrow_source;
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
#[allow(clippy::cast_possible_truncation, reason = "digit groups, weights and scales are checked against the limits")]
pub mod numeric;
pub mod operator;
pub mod panics;
pub mod pg;
pub mod printable;
pub mod privileges;
pub mod protocol;
pub mod run;
pub mod schema;
pub mod secret;
pub mod signals;
pub mod sql;
pub mod types;
pub mod write;
