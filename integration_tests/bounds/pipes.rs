//! stdout that is closed or not read, stderr that is closed.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::bed::{self, AT_ONCE, Bed, GRACE, SOON, no_panic_text, peak};
use crate::support::connector::Connector;
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("pipes::a_reader_that_goes_ends_an_idle_sync", a_reader_that_goes),
        Trial::test("pipes::a_reader_that_goes_ends_a_sync_at_a_lock", a_reader_that_goes_at_a_lock),
        Trial::test("pipes::a_reader_that_goes_ends_a_blocked_sync", a_reader_that_goes_while_blocked),
        Trial::test("pipes::a_slow_reader_blocks_states_and_not_memory", a_slow_reader),
        Trial::test("pipes::a_signal_works_while_stdout_is_blocked", a_signal_while_blocked),
        Trial::test("pipes::spec_and_check_without_a_reader", spec_and_check_without_a_reader),
        Trial::test("pipes::stderr_is_closed", stderr_is_closed),
    ]
}

/// Nothing more is committed: what was read and not acknowledged is dropped.
fn a_reader_that_goes() -> Result<(), Failed> {
    let bed = Bed::new()?.that_waits();
    let (running, stdout) = bed.append().start_unread();
    running.feed(workload::append_input("rows", 0..1000, 100).as_bytes());
    bed.wait_for_table()?;
    std::thread::sleep(Duration::from_secs(1));
    // As `| head -n 1` does.
    let mut first = String::new();
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut first)?;
    assert!(first.contains("LOG"), "{first}");
    drop(stdout);
    let begun = Instant::now();
    let outcome = running.wait(SOON)?;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    nobody_read(&outcome)?;
    bed.nothing_is_left()?;
    assert_eq!(bed.rows(), 0);
    Ok(())
}

fn a_reader_that_goes_at_a_lock() -> Result<(), Failed> {
    let bed = Bed::new()?;
    assert_eq!(bed.append().run(b"").code(), 0);
    let lock = bed.lock("airbyte.rows", "ACCESS EXCLUSIVE")?;
    let (mut running, stdout) = bed.append().start_unread();
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    running.close_stdin();
    bed.wait_for_lock()?;
    drop(stdout);
    let begun = Instant::now();
    let outcome = running.wait(SOON)?;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    nobody_read(&outcome)?;
    drop(lock);
    bed.nothing_is_left()?;
    assert_eq!(bed.rows(), 0);
    Ok(())
}

/// More acknowledgements than a pipe holds.
fn many_states() -> Vec<u8> {
    let mut input = String::new();
    for at in 0..100 {
        input.push_str(
            &workload::append_input("rows", at..at + 1, 10)
                .replace("\"at\":", &format!("\"cursor\":\"{}\",\"at\":", "c".repeat(4000))),
        );
    }
    input.into_bytes()
}

fn a_reader_that_goes_while_blocked() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let (running, stdout) = bed.append().start_unread();
    running.feed(&many_states());
    bed.wait_for("SELECT count(*) = 100 FROM airbyte.rows")?;
    std::thread::sleep(Duration::from_secs(1));
    running.feed(workload::append_input("rows", 100..200, 10).as_bytes());
    drop(stdout);
    let begun = Instant::now();
    let outcome = running.wait(SOON)?;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    nobody_read(&outcome)?;
    assert_eq!(bed.rows(), 100);
    Ok(())
}

fn a_signal_while_blocked() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let (running, stdout) = bed.append().by(&["env", "--default-signal=INT,TERM"]).start_unread();
    running.feed(&many_states());
    bed.wait_for("SELECT count(*) = 100 FROM airbyte.rows")?;
    std::thread::sleep(Duration::from_secs(1));
    running.signal("TERM");
    let begun = Instant::now();
    let outcome = running.wait(SOON)?;
    assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());
    assert_eq!(outcome.status.signal(), Some(15), "{outcome:#?}");
    drop(stdout);
    Ok(())
}

/// 300 MB are offered while nobody reads; once somebody does, all of it is stored and acknowledged.
fn a_slow_reader() -> Result<(), Failed> {
    const MOST: u64 = 200 << 20;
    let bed = Bed::new()?;
    let (mut running, stdout) = bed.append().start_unread();
    running.feed(&many_states());
    bed.wait_for("SELECT count(*) = 100 FROM airbyte.rows")?;
    for part in 0..30 {
        running.feed(workload::append_input("rows", part * 1000..part * 1000 + 1000, 10_000).as_bytes());
    }
    std::thread::sleep(Duration::from_secs(5));
    let peak = peak(running.id()).ok_or("it has ended")?;
    assert!(peak < MOST, "{} MB", peak >> 20);
    assert!(bed.rows() < 15_000, "{} rows", bed.rows());
    running.read(stdout);
    let outcome = running.finish(SOON * 2)?;
    workload::succeeded(&outcome, 130)?;
    assert_eq!(bed.rows(), 30_100);
    Ok(())
}

fn spec_and_check_without_a_reader() -> Result<(), Failed> {
    let bed = Bed::new()?;
    for connector in [Connector::new("spec"), Connector::check(&bed.config())] {
        // The shell's own `exec` gives it a pipe whose reader is gone before it begins.
        let connector = connector.by(&["sh", "-c", "exec 3>&1; { sleep 0.5; exec \"$@\"; } | true; exit 9", "sh"]);
        let outcome = connector.run(b"");
        assert_eq!(outcome.code(), 9, "{outcome:#?}");
        no_panic_text(&outcome)?;
        assert!(outcome.stderr.contains("error: stdout was closed"), "{outcome:#?}");
    }
    Ok(())
}

fn stderr_is_closed() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let input = workload::append_input("rows", 0..10, 10);
    for close in ["exec \"$@\" 2>&-", "exec \"$@\" 2>/dev/full"] {
        let outcome = bed.append().by(&["sh", "-c", close, "sh"]).run(input.as_bytes());
        workload::succeeded(&outcome, 1)?;
        let outcome = bed.append().by(&["sh", "-c", close, "sh"]).run(b"{\n");
        bed::failed(&outcome, "system_error", &["line 1"])?;
        let mut wrong = bed.config();
        wrong["port"] = 1.into();
        let outcome = Connector::check(&wrong).by(&["sh", "-c", close, "sh"]).run(b"");
        assert!(outcome.checked().is_err(), "{outcome:#?}");
    }
    Ok(())
}

/// It ended with 1, and said so where it still could.
fn nobody_read(outcome: &crate::support::connector::Outcome) -> Result<(), Failed> {
    no_panic_text(outcome)?;
    assert_eq!(outcome.code(), 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("error: stdout was closed: nobody reads the connector's messages"), "{outcome:#?}");
    Ok(())
}
