//! What every test binary needs: a real server, the connector's command line, and tables as text.
//!
//! Nothing here knows how the connector works inside; it is driven as the orchestrator drives it.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub mod bastion;
pub mod cable;
pub mod certificates;
pub mod connector;
pub mod control_group;
pub mod dump;
pub mod fault_proxy;
pub mod hostile_bastion;
pub mod hostile_postgres;
pub mod keeper;
pub mod meddler;
pub mod network_calls;
pub mod pgbouncer;
pub mod postgres;
pub mod psql;
pub mod python;
pub mod secrets;
pub mod server_log;
pub mod sql;
pub mod ssh_keys;
pub mod tls_server;
pub mod workload;
