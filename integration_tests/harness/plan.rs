//! What one seed does: the streams, the way to the server, and what goes wrong where.

use std::fmt;

use destination_postgres::protocol::BatchFormat;
use fastrand::Rng;

use crate::support::fault_proxy::Way;

/// A run to be. Its `Debug` text is one line, and the same for the same seed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub via: Via,
    pub streams: Vec<Stream>,
    /// Jobs one after the other; incremental streams go on, refreshes begin anew.
    pub jobs: usize,
    /// Parts of a job: some rows of each stream and the states behind them.
    pub parts: usize,
    /// Rows of a stream in a part.
    pub rows: usize,
    /// Bytes of filling in each row.
    pub pad: usize,
    pub pace: Pace,
    /// States are GLOBAL instead of one a stream.
    pub global: bool,
    pub sessions: usize,
    /// Some rows of each part come as Arrow record batches.
    pub batches: Option<Batches>,
    /// What else the streams declare from some attempt on.
    pub change: Option<Change>,
    /// Rows that the database refuses are set aside; otherwise they fail the sync until the database takes them.
    pub set_aside: bool,
    /// A deleted row stays, with the time of its deletion.
    pub soft: bool,
    pub faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug)]
pub struct Stream {
    pub name: &'static str,
    /// The newest row of each key stays.
    pub keyed: bool,
    pub refresh: Refresh,
    /// Some rows are deletions.
    pub deletes: bool,
    /// The database refuses some rows.
    pub refused: Option<Refused>,
}

/// The last of so many rows is refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    pub every: u64,
    /// By a trigger instead of a constraint.
    pub trigger: bool,
}

/// How rows come that are no records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Batches {
    Inline,
    File(BatchFormat),
}

/// A schema that changes between two attempts.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub job: usize,
    /// Attempt of the job.
    pub attempt: usize,
    pub what: Changed,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed {
    /// `extra` is new.
    NewField,
    /// `kind` is a number and no integer any more.
    Widened,
    /// `kind` is a text.
    Text,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refresh {
    /// Rows of earlier jobs stay.
    No,
    /// One generation a job; the next attempt goes on from the last state.
    Resumed,
    /// One generation an attempt; each begins at the first row.
    Restarted,
    /// `overwrite` without generations, as of an orchestrator that does not know of refreshes.
    Bare,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    Direct,
    Proxy,
    Bastion,
    Pooler,
    Tls,
    /// TLS inside of the bastion's session.
    TlsBastion,
}

impl Via {
    pub fn is_bastion(self) -> bool {
        matches!(self, Self::Bastion | Self::TlsBastion)
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsBastion)
    }
}

/// When the next part is sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Once everything before it is acknowledged.
    Acknowledged,
    /// After so many milliseconds.
    Millis(u64),
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub job: usize,
    /// Attempt of the job.
    pub attempt: usize,
    pub at: At,
    pub what: What,
}

#[derive(Clone, Copy, Debug)]
pub enum At {
    /// Bytes of the attempt that went this way.
    Byte(Way, u64),
    /// The n-th COMMIT of the attempt, before the server has it or when it has answered.
    Commit { nth: u32, answered: bool },
    /// Milliseconds after a part of the job was sent.
    Part(usize, u64),
}

/// Times are milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    Reset,
    Close,
    HalfClose,
    /// Nothing moves for a time, then all of it does.
    Pause(u64),
    /// Nothing moves, then the connection is reset.
    Stall(u64),
    /// What either side sends is lost, then the connection is reset.
    Swallow(u64),
    /// Nothing moves, and nobody is told.
    Silence,
    /// Single bytes, then a slow line.
    Trickle,
    /// One bit is turned.
    Corrupt,
    Kill,
    Term,
    /// SIGSTOP, and SIGCONT after a time.
    Freeze(u64),
    /// The orchestrator takes it for dead; it comes back (from SIGSTOP, or from its wait for input) when the next attempt
    /// has got somewhere.
    Zombie {
        stopped: bool,
    },
    NobodyReads,
    /// stdin ends in the middle, without a COMPLETE.
    SourceDies,
    Terminate,
    Cancel,
    /// An immediate stop, and a start after a time.
    Crash(u64),
    /// Another session locks a table for a time.
    Lock {
        exclusive: bool,
        millis: u64,
    },
}

impl What {
    /// The attempt does not end by itself.
    pub fn ends_attempt(self) -> bool {
        use What::{Kill, NobodyReads, SourceDies, Term, Zombie};
        matches!(self, Kill | Term | Zombie { .. } | NobodyReads | SourceDies)
    }
}

impl Change {
    /// The attempt declares what is new.
    pub fn has_come(&self, job: usize, attempt: usize) -> bool {
        (job, attempt) >= (self.job, self.attempt)
    }
}

impl Stream {
    /// The database refuses the row.
    pub fn refuses(&self, row: u64) -> bool {
        self.refused.is_some_and(|refused| row % refused.every == refused.every - 1)
    }

    /// The next attempt begins at the first row.
    pub fn restarts(&self) -> bool {
        matches!(self.refresh, Refresh::Restarted | Refresh::Bare)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Plan {
    /// Every other plan has load receipts.
    pub fn has_receipts(&self) -> bool {
        self.seed % 2 == 1
    }

    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let crash = rng.u8(..100) < 4;
        let via = match rng.u8(..100) {
            0..12 => Via::Direct,
            12..24 if !crash => Via::Bastion,
            24..32 if !crash => Via::TlsBastion,
            32..46 if !crash => Via::Pooler,
            46..58 if !crash => Via::Tls,
            _ => Via::Proxy,
        };
        let names = ["alpha", "beta", "gamma"];
        // Windows of many megabytes, which are shared out over sessions.
        let wide = rng.u8(..100) < 6;
        let count = if wide { 3 } else { rng.usize(1..=3) };
        let streams: Vec<Stream> = names[..count].iter().map(|name| stream(name, &mut rng)).collect();
        let jobs = if streams.iter().any(|s| s.refresh != Refresh::No) { 2 } else { rng.usize(1..=2) };
        let mut plan = Self {
            seed,
            via,
            jobs,
            parts: rng.usize(2..=4),
            rows: if wide { rng.usize(30..60) } else { rng.usize(1..60) },
            pad: if wide { 50_000 } else { rng.usize(0..200) },
            pace: if rng.bool() { Pace::Acknowledged } else { Pace::Millis(rng.u64(0..900)) },
            global: !streams.iter().any(Stream::restarts) && rng.bool(),
            sessions: if wide { rng.usize(2..=6) } else { rng.usize(1..=4) },
            batches: (rng.u8(..100) < 20).then(|| batches(&mut rng)),
            change: (rng.u8(..100) < 20).then(|| Change {
                job: rng.usize(0..jobs),
                attempt: rng.usize(0..2),
                what: [Changed::NewField, Changed::Widened, Changed::Text][rng.usize(..3)],
            }),
            set_aside: rng.bool(),
            soft: rng.bool(),
            streams,
            faults: Vec::new(),
        };
        // Where a refresh has two jobs, the first one mostly only makes the rows that the second one replaces.
        let first = if plan.jobs == 2 && rng.u8(..4) > 0 { 1 } else { 0 };
        if crash {
            plan.faults.push(Fault {
                job: plan.jobs - 1,
                attempt: 0,
                at: plan.some_part(&mut rng),
                what: What::Crash(rng.u64(0..1_500)),
            });
        }
        for job in first..plan.jobs {
            for attempt in 0..2 {
                if rng.u8(..10) < 8 {
                    let fault = plan.fault(job, attempt, &mut rng);
                    plan.faults.push(fault);
                }
            }
        }
        plan
    }

    /// The same with less of something, for each thing that there can be less of.
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for number in 0..self.faults.len() {
            let mut plan = self.clone();
            plan.faults.remove(number);
            all.push(plan);
        }
        for number in (0..self.streams.len()).filter(|_| self.streams.len() > 1) {
            let mut plan = self.clone();
            plan.streams.remove(number);
            all.push(plan);
        }
        if self.rows > 3 {
            all.push(Self { rows: self.rows / 4 + 1, ..self.clone() });
        }
        if self.pad > 0 {
            all.push(Self { pad: 0, ..self.clone() });
        }
        if self.batches.is_some() {
            all.push(Self { batches: None, ..self.clone() });
        }
        if self.change.is_some() {
            all.push(Self { change: None, ..self.clone() });
        }
        for number in 0..self.streams.len() {
            let stream = self.streams[number];
            if stream.deletes || stream.refused.is_some() {
                let mut plan = self.clone();
                plan.streams[number] = Stream { deletes: false, refused: None, ..stream };
                all.push(plan);
            }
        }
        if self.via != Via::Proxy && !self.faults.iter().any(|fault| fault.what == What::Corrupt) {
            all.push(Self { via: Via::Proxy, ..self.clone() });
        }
        all
    }

    fn some_part(&self, rng: &mut Rng) -> At {
        // Up to a little more than a commit interval.
        At::Part(rng.usize(0..self.parts), rng.u64(0..1_400))
    }

    fn fault(&self, job: usize, attempt: usize, rng: &mut Rng) -> Fault {
        let wire = self.via != Via::Direct && rng.u8(..10) < 6;
        if !wire {
            let what = match rng.u8(..100) {
                0..18 => What::Kill,
                18..28 => What::Term,
                28..38 => What::Freeze(rng.u64(100..2_500)),
                38..54 => What::Zombie { stopped: rng.bool() },
                54..62 => What::NobodyReads,
                62..70 if !self.streams.iter().any(|s| s.refresh == Refresh::Bare) => What::SourceDies,
                62..84 => What::Terminate,
                84..90 => What::Cancel,
                _ => What::Lock { exclusive: rng.bool(), millis: rng.u64(100..2_500) },
            };
            return Fault { job, attempt, at: self.some_part(rng), what };
        }
        let readable = matches!(self.via, Via::Proxy | Via::Pooler);
        let at = if readable && rng.bool() {
            At::Commit { nth: rng.u32(1..=(4 + self.parts as u32)), answered: rng.bool() }
        } else {
            let records = self.streams.len() * self.parts * self.rows * (80 + self.pad);
            match rng.u8(..3) {
                0 => At::Byte(Way::Down, rng.u64(..16_000)),
                1 => At::Byte(Way::Up, rng.u64(..16_000)),
                _ => At::Byte(Way::Up, rng.u64(..(16_000 + records as u64))),
            }
        };
        let bytes = matches!(at, At::Byte(..));
        let what = match rng.u8(..100) {
            0..22 => What::Reset,
            22..32 => What::Close,
            32..44 if bytes => What::HalfClose,
            44..52 if bytes => What::Pause(rng.u64(50..2_500)),
            52..58 => What::Stall(rng.u64(50..2_500)),
            58..66 => What::Swallow(rng.u64(50..2_500)),
            66..74 if bytes => What::Trickle,
            // Elsewhere nobody would notice.
            74..88 if bytes && (self.via.is_bastion() || self.via.is_tls()) => What::Corrupt,
            98 => What::Silence,
            74..88 => What::Reset,
            _ => What::Kill,
        };
        Fault { job, attempt, at, what }
    }
}

fn stream(name: &'static str, rng: &mut Rng) -> Stream {
    let (keyed, refresh) = match rng.u8(..100) {
        0..28 => (false, Refresh::No),
        28..56 => (true, Refresh::No),
        56..68 => (false, Refresh::Resumed),
        68..80 => (true, Refresh::Resumed),
        80..86 => (false, Refresh::Restarted),
        86..92 => (true, Refresh::Restarted),
        _ => (false, Refresh::Bare),
    };
    let deletes = keyed && rng.u8(..10) < 4;
    let refused = (refresh == Refresh::No && !deletes && rng.u8(..10) < 2)
        .then(|| Refused { every: rng.u64(3..60), trigger: rng.bool() });
    Stream { name, keyed, refresh, deletes, refused }
}

fn batches(rng: &mut Rng) -> Batches {
    match rng.u8(..4) {
        0 => Batches::File(BatchFormat::ArrowStream),
        1 => Batches::File(BatchFormat::ArrowFile),
        2 => Batches::File(BatchFormat::Parquet),
        _ => Batches::Inline,
    }
}
