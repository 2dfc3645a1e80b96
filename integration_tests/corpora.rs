//! Every input in `fuzz/corpus`, once more: what the fuzz targets have found stays found, without a fuzzer.
//!
//! It needs no server.

#![allow(clippy::pedantic, reason = "tests may be blunt: a panic is a failure")]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut trials = vec![Trial::test("every_target_has_a_program_and_a_corpus", complete)];
    for (target, body) in bodies::TARGETS {
        trials.push(Trial::test(target, move || replay(target, body)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Files or folders of a folder, in the order of their names.
fn entries(folder: &str) -> Result<Vec<PathBuf>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn replay(target: &str, body: fn(&[u8])) -> Result<(), Failed> {
    let inputs = entries(&format!("corpus/{target}"))?;
    if inputs.is_empty() {
        return Err("the corpus is empty".into());
    }
    let mut bad = Vec::new();
    for path in inputs {
        let input = fs::read(&path)?;
        if catch_unwind(AssertUnwindSafe(|| body(&input))).is_err() {
            bad.push(format!("{}: the panic is above", path.display()));
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(bad.join("\n").into()) }
}

fn complete() -> Result<(), Failed> {
    let wanted: BTreeSet<String> = bodies::TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    for folder in ["corpus", "fuzz_targets"] {
        let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let found: BTreeSet<String> = entries(folder)?.iter().map(stem).collect();
        if found != wanted {
            return Err(format!("fuzz/{folder} holds {found:?} instead of {wanted:?}").into());
        }
    }
    Ok(())
}
