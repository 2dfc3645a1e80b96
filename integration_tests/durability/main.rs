//! Durability: what breaks while rows are on their way, on real servers, and what is in the tables afterwards.
//!
//! One file a subject; each answers its tests from `trials()`. `cargo test --test durability FILTER` runs some of them, on
//! the server that `PG_MAJOR` names.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges of ids")]

mod bastions;
mod commits;
mod disks;
mod kills;
mod lines;
mod locks;
mod poison;
mod receipts;
mod scenario;
mod split;
mod stalls;
mod straight;
mod streams;
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod vanished;
mod wire;
mod writers;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use support::bastion::Bastion;
use support::postgres::TestServer;

/// Most tests wait for time-outs and servers, not for the processor.
const DEFAULT_THREADS: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));
    let trials = [
        bastions::trials(),
        vanished::trials(),
        stalls::trials(),
        lines::trials(),
        streams::trials(),
        commits::trials(),
        disks::trials(),
        kills::trials(),
        locks::trials(),
        poison::trials(),
        receipts::trials(),
        split::trials(),
        straight::trials(),
        summary::trials(),
        wire::trials(),
        writers::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    // Statics are never dropped: the servers would go with the process, but their files a moment later.
    Bastion::stop_shared();
    TestServer::stop_shared();
    conclusion.exit_code()
}
