//! People who read a table while it is replaced.

use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::{Failed, Trial};

use crate::bed::{Bed, refresh};
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("readers::see_the_old_rows_or_the_new_ones", old_or_new)]
}

/// Refreshes of 100, 200, … rows under readers that never stop: no error, no empty table, no half of one.
fn old_or_new() -> Result<(), Failed> {
    const REFRESHES: u64 = 6;
    let bed = Bed::new()?;
    let sync = |generation: u64| {
        let first = generation * 1000;
        workload::append_input("rows", first..first + generation * 100, 10) + &workload::complete("rows")
    };
    assert_eq!(bed.write(&refresh(1)).run(sync(1).as_bytes()).code(), 0);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let sql = bed.database.superuser()?;
                    let mut seen = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let rows = sql.value("SELECT count(*) || ' of ' || min(id) FROM airbyte.rows")?;
                        if seen.last() != Some(&rows) {
                            seen.push(rows);
                        }
                    }
                    Ok::<_, String>(seen)
                })
            })
            .collect();
        let outcomes: Vec<i32> = (2..=REFRESHES)
            .map(|generation| bed.write(&refresh(generation as i64)).run(sync(generation).as_bytes()).code())
            .collect();
        done.store(true, Ordering::Relaxed);
        assert_eq!(outcomes, vec![0; REFRESHES as usize - 1]);
        readers.into_iter().map(|reader| reader.join().expect("a reader")).collect::<Result<Vec<_>, String>>()
    })?;
    let wanted: Vec<String> = (1..=REFRESHES).map(|n| format!("{} of {}", n * 100, n * 1000)).collect();
    for seen in seen {
        assert!(seen.iter().all(|rows| wanted.contains(rows)), "{seen:?}");
        assert!(seen.is_sorted_by_key(|rows| wanted.iter().position(|w| w == rows)), "{seen:?}");
        assert!(seen.len() > 2, "{seen:?}");
    }
    Ok(())
}
