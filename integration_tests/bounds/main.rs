//! Bounds: what ends, blocks or overfills the program from outside the database.
//!
//! One file a subject; each answers its tests from `trials()`. `cargo test --test bounds FILTER` runs some of them, on the
//! server that `PG_MAJOR` names.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod bed;
mod clock;
mod container;
mod limits;
mod memory;
mod panics;
mod pipes;
mod readers;
mod signals;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use support::postgres::TestServer;

/// Most tests wait, but some measure.
const DEFAULT_THREADS: usize = 3;

fn main() -> ExitCode {
    if let Some(code) = panics::as_the_program() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));
    let trials = [
        clock::trials(),
        container::trials(),
        limits::trials(),
        memory::trials(),
        panics::trials(),
        pipes::trials(),
        readers::trials(),
        signals::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    // Statics are never dropped: the server would go with the process, but its files a moment later.
    TestServer::stop_shared();
    conclusion.exit_code()
}
