//! SIGTERM and SIGINT: an orderly end of bounded length, whatever the rest of the program waits for.
//!
//! A thread of its own catches them, so they work while stdout is blocked and in process 1 of a container, for which the
//! kernel has no default action.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal as Arrivals, SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};

/// A signal that asks for an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// Ctrl-C of a person.
    Interrupt,
    /// The orchestrator's, or of who stops a container.
    Terminate,
}

impl Signal {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

/// Tells whether an end was asked for; clones are told of the same signal.
#[derive(Clone)]
pub struct Termination(watch::Receiver<Option<Signal>>);

impl Termination {
    /// Catches the signals from now on. The process ends `grace` after the first one, or at a second one, if it has not
    /// ended by then.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the kernel does not let us.
    pub fn catch(grace: Duration) -> Result<Self> {
        let failed = |e| Error::new(ErrorKind::Internal, "cannot catch signals").with_source(e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut arrivals = {
            let _within = runtime.enter();
            let terminate = signal(SignalKind::terminate()).map_err(failed)?;
            // A shell lets its background jobs ignore Ctrl-C, and so it shall be.
            let interrupt = if is_ignored(Signal::Interrupt) { None } else { Some(signal(SignalKind::interrupt())) };
            (terminate, interrupt.transpose().map_err(failed)?)
        };
        let (sender, receiver) = watch::channel(None);
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || end(&runtime, &mut arrivals, &sender, grace))
            .map_err(failed)?;
        Ok(Self(receiver))
    }

    /// Completes once a signal has arrived.
    pub async fn requested(&mut self) -> Signal {
        let arrived = self.0.wait_for(Option::is_some).await.ok().and_then(|signal| *signal);
        match arrived {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

fn end(
    runtime: &Runtime,
    arrivals: &mut (Arrivals, Option<Arrivals>),
    sender: &watch::Sender<Option<Signal>>,
    grace: Duration,
) {
    let (first, second) = runtime.block_on(async {
        let first = next(arrivals).await;
        sender.send_replace(Some(first));
        (first, tokio::time::timeout(grace, next(arrivals)).await)
    });
    die_of(second.unwrap_or(first));
}

async fn next((terminate, interrupt): &mut (Arrivals, Option<Arrivals>)) -> Signal {
    let interrupted = async {
        match interrupt {
            Some(interrupt) => interrupt.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => Signal::Terminate,
        _ = interrupted => Signal::Interrupt,
    }
}

/// Ends the process as the signal alone would have ended it, which is what the caller looks for.
#[allow(clippy::exit, reason = "the end that was asked for")]
pub fn die_of(signal: Signal) -> ! {
    if std::process::id() != 1 {
        drop(signal_hook::low_level::emulate_default_handler(i32::from(signal.number())));
    }
    std::process::exit(i32::from(128 + signal.number()))
}

/// Whoever started us wants a signal ignored.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, signal)
}

/// `status` is what Linux says of a process, with a bit mask of the signals that it ignores.
fn ignores(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal.number() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status =
            |mask| format!("Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t{mask}\nSigCgt:\tffffffffffffffff\n");
        assert!(!ignores(&status("0000000000000000"), Signal::Interrupt));
        assert!(ignores(&status("0000000000000002"), Signal::Interrupt));
        assert!(!ignores(&status("0000000000000002"), Signal::Terminate));
        assert!(ignores(&status("0000000000004006"), Signal::Terminate));
        assert!(!ignores("", Signal::Interrupt));
        assert!(!ignores(&status("?"), Signal::Interrupt));
    }
}
