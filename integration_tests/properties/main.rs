//! Properties: random input goes through the whole connector, and Postgres itself says what should have come out.
//!
//! Each runs for a budget of wall-clock time, `PROPERTY_BUDGET_SECS` (default 4) seconds. A failure prints the seed of its
//! round; `PROPERTY_SEED=… cargo test --test properties NAME` repeats that round alone.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod arrow_columns;
mod conversions;
mod dedup;
mod goldens;
mod json;
mod numbers;
mod property;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod syntax;
mod table;
mod text;
mod times;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use property::property;
use support::postgres::TestServer;

/// The rounds wait for the server and the connector by turns.
const DEFAULT_THREADS: usize = 2;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(DEFAULT_THREADS));

    let trials: Vec<Trial> = vec![
        property("arrow", arrow_columns::round),
        property("numbers", numbers::round),
        property("times", times::round),
        property("text", text::round),
        property("json", json::round),
        property("json_depth", json::depth),
        property("syntax", syntax::round),
        property("rows", rows::round),
        property("dedup", dedup::round),
        property("dedup_large_windows", dedup::large_windows),
        Trial::test("conversions", || conversions::check().map_err(Into::into)),
        Trial::test("copy_goldens", || goldens::check().map_err(Into::into)),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Statics are never dropped: the server would go with the process, but its files a moment later.
    TestServer::stop_shared();
    conclusion.exit_code()
}
