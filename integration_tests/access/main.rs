//! Access: real bastions, certificates, roles, poolers and odd servers, each brought up by the test that needs it.
//!
//! One file a subject; each answers its tests from `trials()`. `cargo test --test access FILTER` runs some of them, on the
//! server that `PG_MAJOR` names.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod basics;
mod check;
mod collations;
mod credentials;
mod credentials_hidden;
mod functions;
mod hostile;
mod operator;
mod partitions;
mod pgbouncer;
mod privileges;
#[path = "../properties/property.rs"]
mod property;
mod servers;
mod ssh;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use support::bastion::Bastion;
use support::postgres::TestServer;

/// Most tests wait for time-outs, logins and servers, not for the processor.
const DEFAULT_THREADS: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));
    let mut trials = Vec::new();
    trials.extend(basics::trials());
    trials.extend(check::trials());
    trials.extend(collations::trials());
    trials.extend(credentials::trials());
    trials.extend(credentials_hidden::trials());
    trials.extend(functions::trials());
    trials.extend(hostile::trials());
    trials.extend(operator::trials());
    trials.extend(partitions::trials());
    trials.extend(pgbouncer::trials());
    trials.extend(privileges::trials());
    trials.extend(servers::trials());
    trials.extend(ssh::trials());
    trials.extend(tls::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Statics are never dropped: the server would go with the process, but its files a moment later.
    Bastion::stop_shared();
    TestServer::stop_shared();
    conclusion.exit_code()
}
