//! One attempt after the other, as an orchestrator makes them, with the faults of the plan.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::faults::{Faults, Struck};
use crate::history::{Attempt, End, Expected, History, SentState};
use crate::plan::{Pace, Plan, Refresh, What};
use crate::planted::Bug;
use crate::source::{self, Sender};
use crate::support::connector::{Connector, Running};

/// Between two looks at everything.
const TICK: Duration = Duration::from_millis(5);
/// An attempt that takes longer hangs.
const BOUND: Duration = Duration::from_secs(240);
/// A part is sent after this time whatever became of the one before.
const PATIENCE: Duration = Duration::from_secs(4);

/// The orchestrator.
pub struct Drive<'a> {
    pub plan: &'a Plan,
    pub bed: &'a Bed,
    pub bug: Option<Bug>,
    pub history: History,
    /// The position that each stream's last acknowledged state points at.
    positions: Vec<usize>,
    zombies: Vec<Zombie>,
    /// The database refuses rows, which is an error.
    pub refusing: bool,
    since: Instant,
}

/// An attempt that was given up for dead, and what its source still has for it.
struct Zombie {
    running: Running,
    number: usize,
    lines: usize,
    rest: String,
    asleep: bool,
}

/// What is still to be sent in an attempt.
struct Feed {
    /// Where each stream begins.
    from: Vec<usize>,
    next: usize,
    /// When each part was sent.
    sent: Vec<Option<Instant>>,
    last: Instant,
    closed: bool,
}

impl<'a> Drive<'a> {
    pub fn new(plan: &'a Plan, bed: &'a Bed, bug: Option<Bug>) -> Self {
        let history = History {
            plan: plan.clone(),
            attempts: Vec::new(),
            jobs: Vec::new(),
            aside: Vec::new(),
            seen: Vec::new(),
            timeline: Vec::new(),
        };
        let positions = vec![0; plan.streams.len()];
        Self { plan, bed, bug, history, positions, zombies: Vec::new(), refusing: false, since: Instant::now() }
    }

    pub fn note(&mut self, what: &str) {
        self.history.timeline.push(format!("{:7.3} {what}", self.since.elapsed().as_secs_f64()));
    }

    /// The streams begin at their first rows.
    pub fn begin_job(&mut self, job: usize) {
        self.note(&format!("job {job}"));
        self.positions.fill(0);
    }

    /// Runs the connector once.
    pub fn attempt(&mut self, job: usize, nth: usize) {
        let number = self.history.attempts.len();
        let streams = &self.plan.streams;
        let from: Vec<usize> =
            streams.iter().zip(&self.positions).map(|(s, at)| if s.restarts() { 0 } else { *at }).collect();
        self.note(&format!("attempt {number} begins at parts {from:?}"));
        let changed = self.plan.change.is_some_and(|change| change.has_come(job, nth));
        // The last two attempts are not disturbed.
        if nth == 2 {
            self.accept_rows();
        }
        self.history.attempts.push(Attempt {
            job,
            changed,
            refusing: self.refusing,
            sent: vec![Vec::new(); streams.len()],
            states: Vec::new(),
            answers: Vec::new(),
            expected: Expected::Success,
            end: End::default(),
            told_all: false,
            rows_when_superseded: None,
        });
        let mut faults = Faults::order(self.plan, self.bed, job, nth);
        let connector = Connector::write(&self.bed.config(), &source::catalog(self.plan, job, nth));
        let files = self.bed.files().display().to_string();
        let mut running = connector.env("DESTINATION_BATCH_ROOTS", &files).start();
        let first = from.iter().copied().min().unwrap_or(0);
        let now = Instant::now();
        let sent = (0..self.plan.parts).map(|part| (part < first).then_some(now)).collect();
        let mut feed = Feed { from, next: first, sent, last: now, closed: false };
        let mut lines = 0;
        while running.look(TICK) {
            self.take_in(number, &running.seen()[lines..], true);
            lines = running.seen().len();
            if !self.history.attempts[number].answers.is_empty() {
                self.wake_zombies(number);
                self.publish_early(job);
            }
            let answered = !self.history.attempts[number].answers.is_empty();
            let due = faults.due(&feed.sent, |what| !matches!(what, What::Zombie { .. }) || (answered && !feed.closed));
            for what in due {
                if faults.strike(self, number, what, &mut running) == Struck::GoesOn {
                    continue;
                }
                if let What::Zombie { .. } = what {
                    let rest = self.rest(number, &mut feed);
                    faults.end(self, &running);
                    self.zombies.push(Zombie { running, number, lines, rest, asleep: true });
                    return;
                }
                // Nobody listens any more: what the source has comes all the same.
                if what == What::NobodyReads && !feed.closed {
                    let rest = self.rest(number, &mut feed);
                    running.feed(rest.as_bytes());
                }
                feed.closed = true;
                running.close_stdin();
            }
            faults.watch(self, number, &mut running);
            let hold = faults.holds_input(&feed.sent);
            self.feed(number, &mut feed, &mut running, hold);
            if now.elapsed() > BOUND {
                self.history.seen.push(format!("attempt {number} did not end within {} seconds", BOUND.as_secs()));
                running.kill();
            }
        }
        faults.end(self, &running);
        self.take_in(number, &running.seen()[lines..], true);
        self.end(number, running);
        if self.history.attempts[number].was_refused() {
            self.accept_rows();
        }
        if faults.fired(self.bed) {
            self.lose_or_repeat(number);
        }
    }

    /// Sends the next part when its time has come, and the end behind the last.
    fn feed(&mut self, number: usize, feed: &mut Feed, running: &mut Running, hold: bool) {
        if feed.closed {
            return;
        }
        let attempt = &self.history.attempts[number];
        let now = feed.next == *feed.from.iter().min().unwrap_or(&0)
            || match self.plan.pace {
                Pace::Acknowledged => attempt.answers.len() == attempt.states.len() || feed.last.elapsed() > PATIENCE,
                Pace::Millis(millis) => feed.last.elapsed() > Duration::from_millis(millis),
            };
        if now && feed.next < self.plan.parts {
            let text = self.part(number, feed);
            running.feed(text.as_bytes());
        } else if feed.next == self.plan.parts && !hold {
            let text = self.last_words(number);
            running.feed(text.as_bytes());
            running.close_stdin();
            feed.closed = true;
            self.history.attempts[number].told_all = true;
            self.note("all sent, stdin closed");
        }
    }

    /// Everything that is still to be sent, as one text.
    fn rest(&mut self, number: usize, feed: &mut Feed) -> String {
        let mut text = String::new();
        while feed.next < self.plan.parts {
            text += &self.part(number, feed);
        }
        text + &self.last_words(number)
    }

    fn part(&mut self, number: usize, feed: &mut Feed) -> String {
        let part = feed.next;
        feed.next += 1;
        feed.last = Instant::now();
        feed.sent[part] = Some(feed.last);
        let job = self.history.attempts[number].job;
        let rows = source::rows_of(self.plan, job, part);
        let changed = self.history.attempts[number].changed;
        let sender = Sender { plan: self.plan, job, attempt: number, changed, files: self.bed.files() };
        let mut text = String::new();
        let mut counts = Vec::new();
        for (at, stream) in self.plan.streams.iter().enumerate() {
            let wanted = part >= feed.from[at];
            if wanted {
                text += &sender.messages(stream, rows.clone());
                self.history.attempts[number].sent[at].extend(rows.clone());
            }
            counts.push(if wanted { self.plan.rows as u64 } else { 0 });
        }
        self.note(&format!("part {part} sent"));
        text + &self.states(number, part + 1, &counts, &feed.from)
    }

    /// States behind everything, and that it is complete.
    fn last_words(&mut self, number: usize) -> String {
        let (none, from) = (vec![0; self.plan.streams.len()], vec![0; self.plan.streams.len()]);
        self.states(number, self.plan.parts, &none, &from) + &source::complete(&self.plan.streams)
    }

    fn states(&mut self, number: usize, position: usize, counts: &[u64], from: &[usize]) -> String {
        let attempt = &mut self.history.attempts[number];
        let mut text = String::new();
        let mut add = |attempt: &mut Attempt, stream: Option<usize>, records: u64| {
            let named = stream.map(|at| &self.plan.streams[at]);
            let state = source::state(named, attempt.states.len() + 1, attempt.job, position, records);
            text += &source::state_line(&state);
            let covers = attempt.sent.iter().enumerate();
            let covers = covers.map(|(at, sent)| (stream.is_none_or(|own| own == at)).then_some(sent.len())).collect();
            attempt.states.push(SentState { state, records, covers });
        };
        if self.plan.global {
            add(attempt, None, counts.iter().sum());
        } else {
            (0..counts.len()).filter(|at| position > from[*at]).for_each(|at| add(attempt, Some(at), counts[at]));
        }
        if self.bug == Some(Bug::AcknowledgedEarly) {
            let states = attempt.states[attempt.answers.len()..].to_vec();
            for sent in states {
                let mut answer = sent.state;
                answer["destinationStats"] = json!({"recordCount": sent.records as f64});
                self.acknowledged(number, answer, true);
            }
        }
        text
    }

    /// Looks for states among lines of stdout.
    fn take_in(&mut self, number: usize, lines: &[String], goes_on: bool) {
        for line in lines.iter().filter(|line| line.contains("\"STATE\"")) {
            let Ok(mut message) = serde_json::from_str::<Value>(line) else { continue };
            if message["type"] == "STATE" && self.bug != Some(Bug::AcknowledgedEarly) {
                self.acknowledged(number, message["state"].take(), goes_on);
            }
        }
    }

    /// A state came back; the next attempt goes on behind it, unless this one was given up.
    fn acknowledged(&mut self, number: usize, state: Value, goes_on: bool) {
        if let Some((name, position)) = source::position_of(&state)
            && goes_on
        {
            let streams = self.plan.streams.iter().zip(&mut self.positions);
            streams.filter(|(s, _)| name.is_none_or(|name| name == s.name)).for_each(|(_, at)| *at = position);
        }
        self.history.attempts[number].answers.push(state);
        let count = self.history.attempts[number].answers.len();
        self.note(&format!("attempt {number}: answer {count}"));
    }

    fn end(&mut self, number: usize, running: Running) {
        match running.wait(BOUND) {
            Ok(outcome) => {
                self.note(&format!("attempt {number} ended with code {}", outcome.code()));
                let parsed = outcome.stdout.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let errors = parsed.filter(|m| m["trace"]["type"] == "ERROR").map(|m| m["trace"]["error"].clone());
                self.history.attempts[number].end = End {
                    code: outcome.code(),
                    errors: errors.collect(),
                    stdout: outcome.stdout,
                    stderr: outcome.stderr,
                };
            }
            Err(why) => self.history.seen.push(format!("attempt {number}: {why}")),
        }
    }

    /// A newer attempt has got somewhere: those given up come back, and what they have in the tables is to stay so.
    fn wake_zombies(&mut self, newer: usize) {
        for at in 0..self.zombies.len() {
            if !self.zombies[at].asleep || self.zombies[at].number >= newer {
                continue;
            }
            let number = self.zombies[at].number;
            let rows = self.plan.streams.iter().map(|stream| {
                let table = self.bed.table(stream.name);
                let count = format!("SELECT count(DISTINCT number) FROM {table} WHERE attempt = {number}");
                let count = self.bed.superuser().and_then(|sql| sql.value(&count)).ok();
                let kept = stream.refresh == Refresh::No && !stream.keyed;
                count.filter(|_| kept).and_then(|count| count.parse().ok()).unwrap_or(usize::MAX)
            });
            self.history.attempts[number].rows_when_superseded = Some(rows.collect());
            self.note(&format!("attempt {number} comes back"));
            let zombie = &mut self.zombies[at];
            zombie.running.signal("CONT");
            zombie.running.feed(zombie.rest.as_bytes());
            zombie.running.close_stdin();
            zombie.asleep = false;
        }
    }

    /// Waits for the end of those that came back.
    pub fn bury_zombies(&mut self) {
        for mut zombie in std::mem::take(&mut self.zombies).into_iter().filter(|zombie| !zombie.asleep) {
            let since = Instant::now();
            while zombie.running.look(TICK) && since.elapsed() < BOUND {}
            self.take_in(zombie.number, &zombie.running.seen()[zombie.lines..], false);
            self.end(zombie.number, zombie.running);
            self.ignore_fence(zombie.number);
        }
    }
}
