//! Every folder of `cases/` that holds a `case.json` or a `sync1.jsonl` is a test of its path's name.
//! What such a folder may hold is told in `fixture/mod.rs`; `UPDATE=1` rewrites what is expected.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod fixture;
mod support;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use support::postgres::TestServer;
use support::server_log;

/// Tests wait for the server and for the connector's clock more than they compute.
const DEFAULT_THREADS: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));

    if !arguments.list {
        TestServer::share_with(&[server_log::PREFIX]);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration_tests/cases");
    let trials = fixture::find(&root).into_iter().map(|(name, folder)| {
        Trial::test(name, move || {
            let database = TestServer::shared().database()?;
            fixture::run(&folder, &database).map_err(Into::into)
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Statics are never dropped: the server would go with the process, but its files a moment later.
    TestServer::stop_shared();
    conclusion.exit_code()
}
