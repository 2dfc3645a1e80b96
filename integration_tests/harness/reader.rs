//! A reader that never stops looking at the tables of refreshes: it sees one whole generation or another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::bed::Bed;
use crate::plan::{Plan, Refresh};
use crate::source;
use crate::support::sql::Sql;

const PAUSE: Duration = Duration::from_millis(25);

/// A thread with a session of its own.
pub struct Reader {
    jobs: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Reader {
    /// Begins to read once a job has made the tables; `connect` opens the session, again where the server goes.
    pub fn start(plan: &Plan, bed: &Bed, connect: impl Fn() -> Result<Sql, String> + Send + 'static) -> Self {
        let (jobs, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (done, stopped) = (Arc::clone(&jobs), Arc::clone(&stop));
        let refreshed = plan.streams.iter().filter(|stream| stream.refresh != Refresh::No);
        let tables: Vec<(String, Vec<usize>)> = refreshed
            .map(|stream| {
                let keys = (0..plan.jobs).map(|job| source::wanted(plan, stream, job).len());
                (bed.table(stream.name), keys.collect())
            })
            .collect();
        let thread = spawn(move || {
            let mut seen = Vec::new();
            let mut session = None;
            while !stopped.load(Ordering::SeqCst) && !tables.is_empty() {
                let before = done.load(Ordering::SeqCst);
                if before > 0 {
                    let sql = session.take().map_or_else(&connect, Ok);
                    session = sql.ok().and_then(|sql| look(&sql, &tables, before, &mut seen).then_some(sql));
                }
                sleep(PAUSE);
            }
            seen.truncate(5);
            seen
        });
        Self { jobs, stop, thread }
    }

    /// Another job has come to its end.
    pub fn job_done(&self) {
        self.jobs.fetch_add(1, Ordering::SeqCst);
    }

    /// What it saw that must not be.
    pub fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_else(|_| vec!["the reader panicked".into()])
    }
}

/// Reads each table once; false when the session is of no use any more.
fn look(sql: &Sql, tables: &[(String, Vec<usize>)], jobs: usize, seen: &mut Vec<String>) -> bool {
    for (table, keys) in tables {
        match sql.rows(&format!("SELECT job, count(DISTINCT id) FROM {table} GROUP BY job")) {
            Ok(rows) => {
                let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<usize>().ok());
                let groups: Vec<Option<(usize, usize)>> =
                    rows.iter().map(|row| Some((number(&row[0])?, number(&row[1])?))).collect();
                let whole =
                    matches!(&*groups, [Some((job, count))] if job + 1 >= jobs && keys.get(*job) == Some(count));
                if !whole {
                    seen.push(format!(
                        "a reader of {table} saw (job, keys) {groups:?} after {jobs} jobs; whole is {keys:?}"
                    ));
                }
            }
            Err(error) if error.starts_with("42P01") => seen.push(format!("a reader found no {table}: {error}")),
            Err(_) => return false,
        }
    }
    true
}
