//! A panic anywhere, in whatever thread, ends the process: with one TRACE ERROR, and before anything else is committed. But for
//! the panics of libraries that read a broken file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};

use crate::error::{Error, ErrorKind};
use crate::protocol::Output;

thread_local! {
    /// A panic of this thread is caught.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, whose panics say something of a file and nothing of us: none when it panicked. What it worked on must not be
/// used any more then.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = CONTAINED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    done.ok()
}

/// Makes panics end the process from now on.
pub fn end_the_process(output: &Output) {
    let output = output.clone();
    on_panic(move |panic| end(&output, panic));
}

/// Calls `hook` for every panic from now on but those that are contained.
pub fn on_panic(hook: impl Fn(&PanicHookInfo<'_>) + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| {
        if !CONTAINED.get() {
            hook(panic);
        }
    }));
}

#[allow(clippy::exit, reason = "unwinding would run code whose assumptions do not hold, up to a commit")]
fn end(output: &Output, panic: &PanicHookInfo<'_>) {
    output.last_error(&error(panic.location()));
    std::process::exit(1);
}

/// The panic's own text is left out: it may quote a value or a secret.
fn error(location: Option<&Location<'_>>) -> Error {
    let place = location.map_or_else(String::new, |at| format!(" ({}, line {})", in_its_package(at.file()), at.line()));
    Error::new(
        ErrorKind::Internal,
        format!(
            "the connector stopped because of a bug in it{place}; what it had acknowledged is stored, and another \
             attempt goes on from there; please report this"
        ),
    )
}

/// The path of a source file from its package on, without the machine's directories before it.
fn in_its_package(file: &str) -> &str {
    let in_registry = file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    in_registry.map_or(file, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contained_panic_goes_no_further() {
        assert_eq!(contained(|| 1), Some(1));
        assert_eq!(contained(|| contained(|| panic!("expected")).is_none()), Some(true));
        assert!(!CONTAINED.get());
    }

    #[test]
    fn paths_begin_with_the_package() {
        assert_eq!(in_its_package("src/run.rs"), "src/run.rs");
        assert_eq!(
            in_its_package("/root/registry/src/x/arrow-60.1.0/src/array/mod.rs"),
            "arrow-60.1.0/src/array/mod.rs"
        );
    }
}
