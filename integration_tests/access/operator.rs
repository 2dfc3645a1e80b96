//! The commands for people: what they print is used as it is printed, on real servers and bastions.

mod keygen;
mod plan;
mod setup_sql;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [keygen::trials(), plan::trials(), setup_sql::trials()].into_iter().flatten().collect()
}
