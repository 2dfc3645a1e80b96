//! A property: rounds of random input until a budget of time is spent.

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;
use libtest_mimic::{Failed, Trial};

use crate::support::postgres::{TestDatabase, TestServer};

/// Without `PROPERTY_BUDGET_SECS`.
const DEFAULT_BUDGET_SECS: u64 = 4;

/// A test that repeats `round` in one database until the budget is spent, at least once.
pub fn property(name: &str, round: fn(&TestDatabase, &mut Rng) -> Result<(), String>) -> Trial {
    Trial::test(name, move || {
        let database = TestServer::shared().database()?;
        let deadline = Instant::now() + budget()?;
        let replayed = number("PROPERTY_SEED")?;
        loop {
            let seed = replayed.unwrap_or_else(|| fastrand::u64(..));
            let mut rng = Rng::with_seed(seed);
            // A panic is a failure like any other, but must not hide the seed.
            let outcome = catch_unwind(AssertUnwindSafe(|| round(&database, &mut rng)));
            let outcome = outcome.unwrap_or_else(|panic| Err(format!("panicked: {}", message(&*panic))));
            outcome.map_err(|why| Failed::from(format!("{why}\nto repeat this round: PROPERTY_SEED={seed}")))?;
            if replayed.is_some() || Instant::now() >= deadline {
                return Ok(());
            }
        }
    })
}

fn budget() -> Result<Duration, String> {
    Ok(Duration::from_secs(number("PROPERTY_BUDGET_SECS")?.unwrap_or(DEFAULT_BUDGET_SECS)))
}

fn number(variable: &str) -> Result<Option<u64>, String> {
    let Ok(text) = env::var(variable) else { return Ok(None) };
    text.parse().map(Some).map_err(|e| format!("{variable}: {e}"))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}
