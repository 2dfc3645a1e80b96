//! What runs the connector for others: the image in a container (with `IMAGE` set), and Airbyte's own clients (with `CLIENTS` set).
//!
//! Both need much that other tests do without, so each is asked for: `./test --image`, `./test --clients`.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]
#![allow(clippy::print_stdout, reason = "what was measured is for the reader")]

mod clients;
mod image;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::process::ExitCode;

use libtest_mimic::Arguments;

use support::postgres::TestServer;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let asked = |name: &str| env::var_os(name).is_some();
    let mut trials = Vec::new();
    trials.extend(asked("IMAGE").then(image::trials).into_iter().flatten());
    trials.extend(asked("CLIENTS").then(clients::trials).into_iter().flatten());
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Statics are never dropped: the server would go with the process, but its files a moment later.
    TestServer::stop_shared();
    conclusion.exit_code()
}
