//! A plan from its first job to its last, and what is in the tables after each.

use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::checker::check;
use crate::drive::Drive;
use crate::history::{Aside, History, Row};
use crate::plan::{Plan, Refresh, Stream};
use crate::planted::Bug;
use crate::reader::Reader;

/// Attempts of one job; the last two are not disturbed.
const ATTEMPTS: usize = 4;
/// What a sync leaves behind is gone within this time.
const SOON: Duration = Duration::from_secs(60);

/// The table of refused rows.
pub const REJECTED: &str = "_airbyte_rejected_rows";
/// The table of load receipts.
const RECEIPTS: &str = "_airbyte_load_receipts";

/// Runs a plan, with a bug or without.
///
/// # Errors
/// What keeps it from running at all.
pub fn run(plan: &Plan, bug: Option<Bug>) -> Result<History, String> {
    let bed = Bed::new(plan)?;
    let reader = Reader::start(plan, &bed, bed.opener());
    let mut drive = Drive::new(plan, &bed, bug);
    drive.refuse_rows()?;
    for job in 0..plan.jobs {
        drive.begin_job(job);
        for nth in 0..ATTEMPTS {
            drive.attempt(job, nth);
            if drive.history.attempts.last().is_some_and(|attempt| attempt.succeeded()) {
                break;
            }
        }
        drive.bury_zombies();
        if !drive.history.attempts.last().is_some_and(|attempt| attempt.succeeded()) {
            drive.history.seen.push(format!("job {job} has no success in {ATTEMPTS} attempts"));
            break;
        }
        reader.job_done();
        // What was to hang in the network for good is let go here.
        bed.proxy.cut();
        let left = left_behind(plan, &bed)?.into_iter().chain(receipts(plan, &bed)?);
        drive.history.seen.extend(left.map(|what| format!("after job {job}: {what}")));
        drive.spoil();
        let aside = plan.streams.iter().map(|stream| aside(plan, &bed, stream)).collect::<Result<_, _>>()?;
        drive.history.aside.push(aside);
        let tables = plan.streams.iter().map(|stream| rows(&bed, stream)).collect::<Result<_, _>>()?;
        drive.history.jobs.push(tables);
    }
    let mut history = drive.history;
    history.seen.extend(reader.finish());
    Ok(history)
}

/// Runs a plan without bugs and checks it.
///
/// # Errors
/// What is broken, and what happened until then.
pub fn judge(plan: &Plan) -> Result<(), String> {
    let history = run(plan, None)?;
    let broken = check(&history);
    if std::env::var_os("HARNESS_SHOW").is_some() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "{}", report(&history, &broken));
    }
    if broken.is_empty() { Ok(()) } else { Err(report(&history, &broken)) }
}

/// All that is known of a run.
pub fn report(history: &History, broken: &[String]) -> String {
    let mut text = format!("{}\n\nbroken:\n  {}\n", history.plan, broken.join("\n  "));
    text += &format!("\ntimeline:\n  {}\n", history.timeline.join("\n  "));
    for (number, attempt) in history.attempts.iter().enumerate() {
        let shown = attempt.end.stdout.iter().filter(|line| !line.contains("\"STATE\""));
        let stdout = shown.map(|line| format!("  {line}\n")).collect::<String>();
        let stderr = &attempt.end.stderr;
        text += &format!("\nattempt {number}, {:?}, code {}:\n{stdout}{stderr}", attempt.expected, attempt.end.code);
    }
    text
}

fn rows(bed: &Bed, stream: &Stream) -> Result<Vec<Row>, String> {
    let table = bed.table(stream.name);
    let rows = bed.superuser()?.rows(&format!(
        "SELECT id, number, attempt, job, t #>> '{{kind}}', t #>> '{{extra}}', t #>> '{{_ab_cdc_deleted_at}}' \
         FROM (SELECT id, number, attempt, job, to_jsonb(t) - 'pad' AS t FROM {table} t) all_rows ORDER BY number"
    ))?;
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<u64>().ok());
    let row = |row: &Vec<Option<String>>| {
        let small = |at: usize| number(&row[at]).and_then(|n| usize::try_from(n).ok());
        Some(Row {
            id: number(&row[0])?,
            row: number(&row[1])?,
            attempt: small(2)?,
            job: small(3)?,
            kind: number(&row[4]),
            extra: number(&row[5]),
            deleted: row[6].is_some(),
        })
    };
    rows.iter().map(|text| row(text).ok_or_else(|| format!("{table} holds {text:?}"))).collect()
}

/// A stream's refused rows.
fn aside(plan: &Plan, bed: &Bed, stream: &Stream) -> Result<Vec<Aside>, String> {
    let table = bed.table(REJECTED);
    let sql = bed.superuser()?;
    if !plan.set_aside || sql.value(&format!("SELECT to_regclass('{table}') IS NULL"))? == "t" {
        return Ok(Vec::new());
    }
    let rows = sql.rows(&format!(
        "SELECT record ->> 'attempt', record ->> 'number' FROM {table} WHERE stream_name = '{}'",
        stream.name
    ))?;
    let row = |row: &Vec<Option<String>>| {
        Some(Aside { attempt: row[0].as_ref()?.parse().ok()?, row: row[1].as_ref()?.parse().ok()? })
    };
    rows.iter().map(|text| row(text).ok_or_else(|| format!("{table} holds {text:?}"))).collect()
}

/// Where the load receipts are not those of what is in the tables.
fn receipts(plan: &Plan, bed: &Bed) -> Result<Vec<String>, String> {
    let mut odd = Vec::new();
    if !plan.has_receipts() {
        return Ok(odd);
    }
    let (sql, table) = (bed.superuser()?, bed.table(RECEIPTS));
    let gaps = format!(
        "SELECT count(*) FROM (SELECT FROM {table} GROUP BY sync_token, stream_name \
         HAVING count(*) <> max(commit_number) OR count(DISTINCT commit_number) <> max(commit_number)) odd"
    );
    if sql.value(&gaps)? != "0" {
        odd.push("load receipts are missing or there twice".to_owned());
    }
    for stream in plan.streams.iter().filter(|stream| !stream.keyed && stream.refresh == Refresh::No) {
        let of = format!("FROM {table} WHERE stream_name = '{}'", stream.name);
        let told = sql.value(&format!("SELECT COALESCE(sum(rows), 0) || ' ' || COALESCE(sum(merged), 0) {of}"))?;
        let there = sql.value(&format!("SELECT count(*) || ' ' || count(*) FROM {}", bed.table(stream.name)))?;
        if told != there {
            odd.push(format!("the load receipts of {} tell of {told} rows, {there} are there", stream.name));
        }
    }
    Ok(odd)
}

/// Tables, sessions and locks that a successful job leaves where they do not belong.
fn left_behind(plan: &Plan, bed: &Bed) -> Result<Vec<String>, String> {
    let sql = bed.superuser()?;
    let mut left = Vec::new();
    let query =
        format!("SELECT relname FROM pg_class WHERE relnamespace = '{}'::regnamespace AND relkind = 'r'", bed.schema);
    for name in sql.rows(&query)?.into_iter().flatten().flatten() {
        let aside = plan.set_aside && name == REJECTED && plan.streams.iter().any(|stream| stream.refused.is_some());
        let receipts = plan.has_receipts() && name == RECEIPTS;
        if !aside && !receipts && !plan.streams.iter().any(|stream| stream.name == name) {
            left.push(format!("table {name} is left"));
        }
    }
    let idle = if bed.is_pooled() { "AND state <> 'idle'" } else { "" };
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' {idle}", bed.writer());
    let locks = format!(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE usename = '{}' AND locktype = 'advisory'",
        bed.writer()
    );
    let since = Instant::now();
    for (what, query) in [("sessions", sessions), ("locks", locks)] {
        while sql.value(&query)? != "0" {
            if since.elapsed() > SOON {
                left.push(format!("{what} of the connector are left"));
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(left)
}
