//! Loads Airbyte records into PostgreSQL by binary COPY, losing and changing nothing in silence.
//!
//! `ARCHITECTURE.md` tells the data flow and the invariants. Who may use whom, from the bottom up: a module uses only modules that are listed before it. A `!` marks a use that
//! goes against this order. `integration_tests/layers.rs` compares the table with the code, both ways.
//!
//! ```layers
//! limits:
//! secret:
//! error:
//! json: limits types!
//! types: json limits
//! protocol: error json limits
//! naming: limits
//! load_strategy: error protocol
//! schema: types
//! sql: batch! limits schema types
//! batch: json limits protocol types
//! copy: batch limits types
//! config: error secret
//! cli:
//! pg: config error limits sql
//! write: batch config copy error limits load_strategy naming pg protocol schema sql types
//! check: batch config copy error limits naming pg protocol schema sql types write
//! run: check cli config error protocol write
//! main: cli run
//! ```

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
