//! Which seeds are run, and the search for a smaller plan when one fails.

use std::env;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::plan::Plan;
use crate::run::judge;

/// Run by every test of the whole.
const USUAL: Range<u64> = 0..200;
/// How long a smaller plan is looked for that fails as well.
const SEARCH: Duration = Duration::from_secs(120);

/// The usual seeds.
pub fn usual() -> Vec<Trial> {
    USUAL.map(|seed| trial(seed, Vec::new())).collect()
}

/// The seeds that the environment asks for, if it does.
///
/// # Errors
/// A sentence about a variable that cannot be understood.
pub fn trials() -> Result<Option<Vec<Trial>>, String> {
    let number = |name: &str, text: &str| text.trim().parse::<u64>().map_err(|e| format!("{name}: {text}: {e}"));
    if let Ok(seed) = env::var("HARNESS_SEED") {
        let less = env::var("HARNESS_LESS").unwrap_or_default();
        let less = less.split(',').filter(|text| !text.is_empty());
        let less = less.map(|text| number("HARNESS_LESS", text).map(|n| n as usize)).collect::<Result<_, _>>()?;
        return Ok(Some(vec![trial(number("HARNESS_SEED", &seed)?, less)]));
    }
    let Ok(text) = env::var("HARNESS_SEEDS") else { return Ok(None) };
    let (first, end) = text.split_once("..").unwrap_or(("0", &text));
    let seeds = number("HARNESS_SEEDS", first)?..number("HARNESS_SEEDS", end)?;
    Ok(Some(seeds.map(|seed| trial(seed, Vec::new())).collect()))
}

fn trial(seed: u64, less: Vec<usize>) -> Trial {
    Trial::test(format!("seeds::{seed:05}"), move || {
        let mut plan = Plan::of(seed);
        for step in &less {
            plan = plan.smaller().into_iter().nth(*step).ok_or("HARNESS_LESS: there is no such smaller plan")?;
        }
        let Err(why) = judged(&plan) else { return Ok(()) };
        let (less, smallest) = if env::var_os("HARNESS_SEED").is_some() { (less, None) } else { search(&plan) };
        let less: Vec<String> = less.iter().map(usize::to_string).collect();
        let smallest = smallest.map(|why| format!("\n\nA smaller plan fails as well:\n{why}")).unwrap_or_default();
        let again = format!("HARNESS_SEED={seed} HARNESS_LESS={} cargo test --test harness", less.join(","));
        Err(Failed::from(format!("{why}{smallest}\n\nto repeat it: {again}")))
    })
}

/// A panic is a failure like any other, but must not hide the plan.
fn judged(plan: &Plan) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| judge(plan))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("{plan}\npanicked: {}", text.unwrap_or_default()))
    })
}

/// Takes away what can be taken away while the plan goes on failing: the steps, and the last failure.
fn search(plan: &Plan) -> (Vec<usize>, Option<String>) {
    let since = Instant::now();
    let (mut steps, mut plan, mut last) = (Vec::new(), plan.clone(), None);
    loop {
        let candidates = plan.smaller().into_iter().enumerate();
        let failing = candidates
            .take_while(|_| since.elapsed() < SEARCH)
            .find_map(|(step, smaller)| judged(&smaller).err().map(|why| (step, smaller, why)));
        let Some((step, smaller, why)) = failing else { return (steps, last) };
        steps.push(step);
        plan = smaller;
        last = Some(why);
    }
}
