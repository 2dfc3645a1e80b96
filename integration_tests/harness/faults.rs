//! The faults of one attempt: when they are due, and what is done then.

use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::drive::Drive;
use crate::history::Expected;
use crate::plan::{At, Fault, Plan, Via, What};
use crate::support::connector::Running;
use crate::support::fault_proxy::{Act, Point, Way};
use crate::support::sql::Sql;

/// Input ends without waiting for faults that come later than this after a part, so that some meet the end of a sync.
const HELD: Duration = Duration::from_millis(700);
/// How long an attempt that is to be given up is waited for to get anywhere.
const HELD_FOR_ZOMBIE: Duration = Duration::from_secs(4);

/// Faults of one attempt.
pub struct Faults {
    /// Those at a time.
    pending: Vec<Fault>,
    /// The one on the wire.
    wire: Option<Fault>,
    fired_before: usize,
    up_before: u64,
    down_before: u64,
    seen: bool,
    later: Vec<(Instant, Later)>,
}

/// What follows a fault.
enum Later {
    Cut,
    Continue,
    Unlock(Box<Sql>),
    StartServer,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Struck {
    GoesOn,
    /// The attempt gets no more input.
    Ends,
}

impl Faults {
    /// Takes the faults of an attempt from the plan, and orders those of the wire.
    pub fn order(plan: &Plan, bed: &Bed, job: usize, nth: usize) -> Self {
        let own = plan.faults.iter().filter(|fault| fault.job == job && fault.attempt == nth).copied();
        let (pending, wire): (Vec<_>, Vec<_>) = own.partition(|fault| matches!(fault.at, At::Part(..)));
        let proxy = &bed.proxy;
        let (fired_before, up_before, down_before) = (proxy.fired(), proxy.bytes(Way::Up), proxy.bytes(Way::Down));
        let wire = wire.first().copied().filter(|_| plan.via != Via::Direct);
        if let Some(fault) = wire {
            let act = |way| match fault.what {
                What::Reset => Act::Reset,
                What::HalfClose => Act::End(way),
                What::Pause(millis) => Act::Pause(millis),
                What::Swallow(_) => Act::Swallow,
                What::Trickle => Act::Trickle,
                What::Corrupt => Act::Corrupt,
                What::Stall(_) | What::Silence | What::Kill => Act::Stall,
                _ => Act::Close,
            };
            match fault.at {
                At::Byte(way, count) => proxy.order(Point::Bytes(way, count), act(way), 1),
                At::Commit { nth, answered: true } => {
                    proxy.order_nth(Point::Answered("COMMIT".into()), act(Way::Down), nth);
                }
                At::Commit { nth, .. } => proxy.order_nth(Point::Before("COMMIT".into()), act(Way::Up), nth),
                At::Part(..) => {}
            }
        }
        Self { pending, wire, fired_before, up_before, down_before, seen: false, later: Vec::new() }
    }

    /// The faults whose time has come; `possible` may put one off.
    pub fn due(&mut self, sent: &[Option<Instant>], possible: impl Fn(What) -> bool) -> Vec<What> {
        let due = |fault: &Fault| {
            let At::Part(part, millis) = fault.at else { return false };
            let since = sent.get(part).copied().flatten();
            since.is_some_and(|since| since.elapsed() >= Duration::from_millis(millis)) && possible(fault.what)
        };
        let now: Vec<What> = self.pending.iter().filter(|fault| due(fault)).map(|fault| fault.what).collect();
        self.pending.retain(|fault| !due(fault));
        now
    }

    /// The end of the input waits for a fault.
    pub fn holds_input(&self, sent: &[Option<Instant>]) -> bool {
        self.pending.iter().any(|fault| {
            let At::Part(part, _) = fault.at else { return false };
            let held = if matches!(fault.what, What::Zombie { .. }) { HELD_FOR_ZOMBIE } else { HELD };
            sent.get(part).copied().flatten().is_some_and(|since| since.elapsed() < held)
        })
    }

    /// The fault on the wire has happened.
    pub fn fired(&self, bed: &Bed) -> bool {
        self.wire.is_some() && bed.proxy.fired() > self.fired_before
    }

    /// Looks whether the fault on the wire has happened, and does what is to follow a fault.
    pub fn watch(&mut self, drive: &mut Drive<'_>, number: usize, running: &mut Running) {
        if let Some(fault) = self.wire
            && !self.seen
            && self.fired(drive.bed)
        {
            self.seen = true;
            drive.note(&format!("on the wire: {:?} at {:?}", fault.what, fault.at));
            let (up, down) = (drive.bed.proxy.bytes(Way::Up), drive.bed.proxy.bytes(Way::Down));
            // Within the first login a failure may be one of the configuration.
            let early = match drive.plan.via {
                Via::Bastion => 12_000,
                Via::TlsBastion => 18_000,
                Via::Tls => 8_000,
                _ => 2_500,
            };
            if (up - self.up_before).min(down - self.down_before) < early {
                expect(drive, number, Expected::SuccessOrError);
            }
            match fault.what {
                What::Stall(millis) | What::Swallow(millis) => self.follow(millis, Later::Cut),
                What::Kill => {
                    running.kill();
                    expect(drive, number, Expected::Killed);
                }
                _ => {}
            }
        }
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        follow_up(drive, running, due);
    }

    /// The attempt has ended, or is given up.
    pub fn end(&mut self, drive: &mut Drive<'_>, running: &Running) {
        follow_up(drive, running, std::mem::take(&mut self.later));
        drive.bed.proxy.forgive();
    }

    fn follow(&mut self, millis: u64, later: Later) {
        self.later.push((Instant::now() + Duration::from_millis(millis), later));
    }

    /// Does one that is due.
    pub fn strike(&mut self, drive: &mut Drive<'_>, number: usize, what: What, running: &mut Running) -> Struck {
        drive.note(&format!("{what:?}"));
        let bed = drive.bed;
        let each = |call: &str| {
            let sql = format!("SELECT {call}(pid) FROM pg_stat_activity WHERE usename = '{}'", bed.writer());
            let _ = bed.superuser().and_then(|session| session.run(&sql));
        };
        match what {
            What::Kill => {
                running.kill();
                expect(drive, number, Expected::Killed);
            }
            What::Term => {
                running.signal("TERM");
                expect(drive, number, Expected::Terminated);
            }
            What::Freeze(millis) => {
                running.signal("STOP");
                self.follow(millis, Later::Continue);
            }
            What::Zombie { stopped } => {
                if stopped {
                    running.signal("STOP");
                }
                expect(drive, number, Expected::Superseded);
            }
            What::NobodyReads => {
                running.stop_reading();
                expect(drive, number, Expected::Unread);
            }
            What::Terminate => each("pg_terminate_backend"),
            What::Cancel => each("pg_cancel_backend"),
            What::Crash(millis) => {
                drive.bed.crash();
                self.follow(millis, Later::StartServer);
            }
            What::Lock { exclusive, millis } => {
                let mode = if exclusive { "ACCESS EXCLUSIVE" } else { "SHARE" };
                let table = drive.bed.table(drive.plan.streams[0].name);
                // Whoever is to let go may look at the table first.
                let longest = millis + 3_000;
                let lock = format!(
                    "SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = {longest}; BEGIN;
                     LOCK TABLE {table} IN {mode} MODE"
                );
                // Before the table is made there is nothing to lock.
                let locked = drive.bed.superuser().and_then(|sql| sql.run(&lock).map(|()| sql));
                if let Ok(sql) = locked {
                    self.follow(millis, Later::Unlock(Box::new(sql)));
                }
            }
            _ => {}
        }
        if what.ends_attempt() { Struck::Ends } else { Struck::GoesOn }
    }
}

/// What an attempt may do has changed; what ends it counts most.
fn expect(drive: &mut Drive<'_>, number: usize, expected: Expected) {
    let now = &mut drive.history.attempts[number].expected;
    if matches!(*now, Expected::Success | Expected::SuccessOrError) {
        *now = expected;
    }
}

fn follow_up(drive: &mut Drive<'_>, running: &Running, due: Vec<(Instant, Later)>) {
    for (_, later) in due {
        match later {
            Later::Cut => drive.bed.proxy.cut(),
            Later::Continue => running.signal("CONT"),
            Later::Unlock(sql) => drop(sql.run("COMMIT")),
            Later::StartServer => {
                drive.bed.start_again();
                drive.note("the server is there again");
            }
        }
    }
}
