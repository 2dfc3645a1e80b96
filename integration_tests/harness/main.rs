//! Random syncs with random faults, each from one number, and a checker that knows what must be there afterwards.
//!
//! A plan (`plan`) says which streams go how and what breaks where. It is run as an orchestrator runs syncs: when an
//! attempt fails, the next one goes on from the last state that came back (`drive`, `faults`, `source`), while somebody
//! reads the tables (`reader`). What happened (`history`) is then held against what is promised (`checker`).
//!
//! `HARNESS_SEEDS=5000` (or `200..1000`) runs those seeds instead of the usual ones, `HARNESS_SEED=17` one alone, and
//! `HARNESS_LESS=2,0` with it the smaller plan that a failure names. `HARNESS_SHOW=1` tells what happened in those that pass.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod batches;
mod bed;
mod checker;
mod drive;
mod faults;
mod history;
mod plan;
mod planted;
mod reader;
mod refused;
mod run;
mod seeds;
mod source;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use support::bastion::Bastion;
use support::postgres::TestServer;

/// Plans mostly wait: for commits, time-outs and servers.
const DEFAULT_THREADS: usize = 10;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));
    let trials = match seeds::trials() {
        Ok(Some(wanted)) => wanted,
        Ok(None) => [seeds::usual(), planted::trials(), planted::mutations()].into_iter().flatten().collect(),
        Err(why) => panic!("{why}"),
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Statics are never dropped: the servers would go with the process, but their files a moment later.
    bed::Bed::drop_free();
    Bastion::stop_shared();
    TestServer::stop_shared();
    conclusion.exit_code()
}
