//! What another attempt can cure, when to make it, and when to stop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, FailureType};
use crate::limits;

/// What another attempt can do about an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cure {
    /// It passes, nobody knows when.
    Time,
    /// It passes at once or never: so many more attempts.
    Attempts(u32),
    /// Nothing.
    None,
}

impl Cure {
    fn of(error: &Error) -> Self {
        match (error.sqlstate(), error.kind()) {
            // Somebody cancelled the statement: once may be a mistake.
            (Some("57014"), _) => Self::Attempts(1),
            // Another sync made or replaced the table at the same time.
            (Some("42P01" | "42P07" | "23505"), ErrorKind::Locked) => Self::Attempts(5),
            // A full disk, a quota, a database that was dropped: somebody has to act.
            (Some("53100" | "53400" | "57P04"), _) => Self::None,
            // Read-only: after a fail-over we may still talk to the old primary. Unknown host: its name may be on the way to
            // another address.
            (Some("25006"), _)
            | (_, ErrorKind::Connection | ErrorKind::Locked | ErrorKind::ServerUnavailable | ErrorKind::UnknownHost) => {
                Self::Time
            }
            _ => Self::None,
        }
    }
}

/// Whether a connection is of no use after an error, or might be to a server that is no longer the right one.
pub(super) fn ends_connection(error: &Error) -> bool {
    match error.sqlstate() {
        None => error.kind() == ErrorKind::Connection,
        Some(code) => code == "25006" || matches!(code.get(..2), Some("08" | "57" | "58" | "XX")),
    }
}

/// The server cannot be reached or used, whichever session tries: all sessions of a sync have one budget for that.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<OutageState>);

#[derive(Clone, Copy, Debug, Default)]
struct OutageState {
    since: Option<Instant>,
    /// A session has given up.
    given_up: bool,
}

impl Outage {
    fn state(&self) -> MutexGuard<'_, OutageState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempts of one session since something went right.
#[derive(Debug)]
pub(super) struct Attempts {
    budget: Duration,
    failed: u32,
    since: Option<Instant>,
    outage: Arc<Outage>,
}

impl Attempts {
    /// None yet. After `budget` without any progress they end; an `outage` is that of all sessions.
    pub fn new(budget: Duration, outage: Arc<Outage>) -> Self {
        Self { budget, failed: 0, since: None, outage }
    }

    /// Something went right; answers how many attempts had failed before, and for how long.
    pub fn succeed(&mut self) -> Option<(u32, Duration)> {
        let failed = std::mem::take(&mut self.failed);
        *self.outage.state() = OutageState::default();
        self.since.take().map(|since| (failed, since.elapsed()))
    }

    /// How many attempts failed.
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// Something went wrong, with at most `patience` for it: the pause before the next attempt.
    ///
    /// # Errors
    /// The error itself when no other attempt is to be made, with what was tried.
    pub fn fail(&mut self, error: Error, patience: Duration) -> Result<(Error, Duration), Error> {
        let cure = Cure::of(&error);
        if cure == Cure::None {
            return Err(error);
        }
        let budget = self.budget.min(patience);
        let mut elapsed = self.since.get_or_insert_with(Instant::now).elapsed();
        let mut least = limits::RETRIES_AT_LEAST;
        // A lock is somebody's; an outage is everybody's.
        let of_all = error.kind() != ErrorKind::Locked;
        if of_all {
            let mut outage = self.outage.state();
            elapsed = elapsed.max(outage.since.get_or_insert_with(Instant::now).elapsed());
            if outage.given_up {
                least = 0;
            }
        }
        let more = match cure {
            Cure::None => false,
            Cure::Attempts(most) => self.failed < most,
            Cure::Time => elapsed < budget || self.failed < least,
        };
        if !more && of_all {
            self.outage.state().given_up = true;
        }
        self.failed += 1;
        if self.budget.is_zero() {
            return Err(transient(error));
        }
        if !more {
            let tried = format!("tried {} times in {} seconds", self.failed, elapsed.as_secs());
            return Err(transient(error).remark(&tried));
        }
        let doubled = limits::RETRY_FIRST_PAUSE * 2u32.saturating_pow((self.failed - 1).min(16));
        // Up to half of it at random, so that sessions that broke together do not come back together.
        let pause = doubled.min(limits::RETRY_LONGEST_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0);
        // The last attempt comes when the time is over, not long before.
        let left = budget.saturating_sub(elapsed).max(limits::RETRY_FIRST_PAUSE);
        Ok((error, pause.min(left)))
    }
}

/// What time might have cured is no fault of the configuration.
fn transient(error: Error) -> Error {
    if error.kind().failure_type() == FailureType::TransientError {
        return error;
    }
    error.with_kind(ErrorKind::ServerUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, sqlstate: Option<&str>) -> Error {
        let error = Error::new(kind, "it failed");
        sqlstate.map_or(Error::new(kind, "it failed"), |code| error.with_sqlstate(code))
    }

    fn tries(kind: ErrorKind, sqlstate: Option<&str>, budget: Duration) -> (u32, Error) {
        let mut attempts = Attempts::new(budget, Arc::default());
        for tried in 1..50 {
            if let Err(last) = attempts.fail(error(kind, sqlstate), Duration::MAX) {
                return (tried, last);
            }
        }
        (50, error(kind, sqlstate))
    }

    #[test]
    fn what_time_cures_is_tried_until_the_budget_is_spent() {
        for (kind, sqlstate) in [
            (ErrorKind::Connection, None),
            (ErrorKind::Connection, Some("08006")),
            (ErrorKind::ServerUnavailable, Some("57P01")),
            (ErrorKind::ServerUnavailable, Some("53300")),
            (ErrorKind::Locked, Some("40P01")),
            (ErrorKind::Locked, Some("55P03")),
            (ErrorKind::Permission, Some("25006")),
            (ErrorKind::UnknownHost, None),
        ] {
            assert_eq!(tries(kind, sqlstate, Duration::from_secs(60)).0, 50, "{kind:?} {sqlstate:?}");
            let (tried, last) = tries(kind, sqlstate, Duration::from_nanos(1));
            assert_eq!(tried, 1 + limits::RETRIES_AT_LEAST, "{kind:?} {sqlstate:?}");
            assert_eq!(last.kind().failure_type(), FailureType::TransientError);
            assert_eq!(last.message(), "it failed; tried 3 times in 0 seconds");
            let (tried, last) = tries(kind, sqlstate, Duration::ZERO);
            assert_eq!((tried, last.message()), (1, "it failed"));
            assert_eq!(last.kind().failure_type(), FailureType::TransientError);
        }
    }

    #[test]
    fn what_nothing_cures_is_not_tried_again() {
        for (kind, sqlstate) in [
            (ErrorKind::ServerUnavailable, Some("53100")),
            (ErrorKind::ServerUnavailable, Some("57P04")),
            (ErrorKind::Permission, Some("42501")),
            (ErrorKind::ObjectInTheWay, Some("23505")),
            (ErrorKind::Statement, Some("22003")),
            (ErrorKind::Superseded, None),
            (ErrorKind::Lost, None),
            (ErrorKind::Internal, None),
        ] {
            let (tried, last) = tries(kind, sqlstate, Duration::from_secs(60));
            assert_eq!((tried, last.kind(), last.message()), (1, kind, "it failed"), "{sqlstate:?}");
        }
        assert_eq!(tries(ErrorKind::Locked, Some("57014"), Duration::from_secs(60)).0, 2);
        assert_eq!(tries(ErrorKind::Locked, Some("42P07"), Duration::from_secs(60)).0, 6);
    }

    #[test]
    fn an_outage_has_one_budget_for_all_sessions() {
        let outage = Arc::<Outage>::default();
        let budget = Duration::from_millis(200);
        let fails = |attempts: &mut Attempts, kind| attempts.fail(error(kind, None), Duration::MAX).is_err();
        let mut first = Attempts::new(budget, Arc::clone(&outage));
        assert!(!fails(&mut first, ErrorKind::Connection));
        std::thread::sleep(budget);
        let mut second = Attempts::new(budget, Arc::clone(&outage));
        assert!(!fails(&mut second, ErrorKind::Connection), "the server may be back by now");
        while !fails(&mut first, ErrorKind::Connection) {}
        assert!(fails(&mut second, ErrorKind::ServerUnavailable), "another session has given up");
        let mut third = Attempts::new(budget, Arc::clone(&outage));
        assert!(fails(&mut third, ErrorKind::Connection));
        assert!(!fails(&mut Attempts::new(budget, Arc::clone(&outage)), ErrorKind::Locked), "a lock is another matter");
        third.succeed();
        assert!(!fails(&mut second, ErrorKind::Connection), "the outage is over");
    }

    #[test]
    fn pauses_grow_to_a_bound_and_progress_starts_over() {
        let mut attempts = Attempts::new(Duration::from_hours(1), Arc::default());
        let pause = |attempts: &mut Attempts| {
            attempts.fail(error(ErrorKind::Connection, None), Duration::MAX).expect("another attempt").1
        };
        let pauses: Vec<Duration> = (0..12).map(|_| pause(&mut attempts)).collect();
        for (pause, most) in pauses.iter().zip([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
            let most = Duration::from_millis(most);
            assert!(*pause <= most && *pause >= most / 2, "{pauses:?}");
        }
        assert_eq!(attempts.succeed().map(|(failed, _)| failed), Some(12));
        assert_eq!(attempts.succeed().map(|(failed, _)| failed), None);
        assert!(pause(&mut attempts) <= Duration::from_millis(100));
    }
}
