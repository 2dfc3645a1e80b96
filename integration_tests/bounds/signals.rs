//! SIGTERM and SIGINT at every stage of a sync.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::bed::{AT_ONCE, Bed, GRACE, SOON, refresh};
use crate::support::connector::{Connector, Outcome, Running};
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("signals::twice_ends_at_once", || two("TERM", -15)),
        Trial::test("signals::the_last_of_two_is_what_it_dies_of", || two("INT", -2)),
        Trial::test("signals::an_ignored_interrupt_stays_ignored", an_ignored_interrupt),
        Trial::test("signals::a_publication_that_waits_is_given_up", a_publication_that_waits),
    ];
    for (name, code) in [("TERM", -15), ("INT", -2)] {
        let mut add = |test: &str, run: fn(&str, i32) -> Result<(), Failed>| {
            trials.push(Trial::test(format!("signals::{test}::{name}"), move || run(name, code)));
        };
        add("in_a_window_commits_it", in_a_window);
        add("without_input", without_input);
        add("at_a_lock", at_a_lock);
        add("before_the_connection_is_there", before_the_connection);
        add("in_check", in_check);
    }
    trials
}

/// With the signals as a shell in the foreground leaves them, whoever started the tests.
fn with_defaults(connector: Connector) -> Connector {
    connector.by(&["env", "--default-signal=INT,TERM"])
}

fn end(running: Running, timeout: Duration) -> Result<Outcome, Failed> {
    let begun = Instant::now();
    let outcome = running.wait(SOON)?;
    let took = begun.elapsed();
    if took > timeout {
        return Err(format!("the end took {took:?}: {outcome:#?}").into());
    }
    Ok(outcome)
}

/// What was read is committed and acknowledged first.
fn in_a_window(name: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?.that_waits();
    let running = with_defaults(bed.append()).start();
    running.feed(workload::append_input("rows", 0..1000, 100).as_bytes());
    bed.wait_for_table()?;
    // Until it has read what it was fed; there is no outward sign of it.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(bed.rows(), 0);
    running.signal(name);
    let outcome = end(running, GRACE)?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    assert_eq!(outcome.messages_of("STATE").len(), 1);
    assert_eq!(bed.rows(), 1000);
    Ok(())
}

fn without_input(name: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?;
    let running = with_defaults(bed.append()).start();
    bed.wait_for_table()?;
    running.signal(name);
    let outcome = end(running, AT_ONCE)?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    bed.nothing_is_left()?;
    Ok(())
}

/// A sync that waits for a lock, with its input at an end.
fn locked_out(bed: &Bed) -> Result<Running, Failed> {
    let mut running = with_defaults(bed.append()).start();
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    running.close_stdin();
    bed.wait_for_lock()?;
    Ok(running)
}

/// The bound holds although the lock is waited for much longer; nothing is stored and nothing acknowledged.
fn at_a_lock(name: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?;
    assert_eq!(bed.append().run(b"").code(), 0);
    let lock = bed.lock("airbyte.rows", "ACCESS EXCLUSIVE")?;
    let running = locked_out(&bed)?;
    running.signal(name);
    let outcome = end(running, GRACE)?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    assert!(outcome.messages_of("STATE").is_empty());
    drop(lock);
    bed.nothing_is_left()?;
    assert_eq!(bed.rows(), 0);
    Ok(())
}

/// The second signal ends it at once, and by itself.
fn two(last: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?;
    assert_eq!(bed.append().run(b"").code(), 0);
    let _lock = bed.lock("airbyte.rows", "ACCESS EXCLUSIVE")?;
    let running = locked_out(&bed)?;
    running.signal("TERM");
    std::thread::sleep(Duration::from_millis(500));
    running.signal(last);
    let outcome = end(running, Duration::from_secs(4))?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    Ok(())
}

fn an_ignored_interrupt() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let running = bed.append().by(&["env", "--ignore-signal=INT", "--default-signal=TERM"]).start();
    bed.wait_for_table()?;
    running.signal("INT");
    std::thread::sleep(Duration::from_secs(1));
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    let outcome = running.finish(SOON)?;
    workload::succeeded(&outcome, 1)?;
    assert_eq!(bed.rows(), 10);
    Ok(())
}

/// A swap that waits for a reader: the old rows stay.
fn a_publication_that_waits() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let first = workload::append_input("rows", 0..5, 10) + &workload::complete("rows");
    assert_eq!(bed.write(&refresh(1)).run(first.as_bytes()).code(), 0);
    let _reader = bed.lock("airbyte.rows", "ACCESS SHARE")?;
    let mut running = with_defaults(bed.write(&refresh(2))).start();
    running.feed((workload::append_input("rows", 5..8, 10) + &workload::complete("rows")).as_bytes());
    running.wait_for_states(1, SOON)?;
    running.close_stdin();
    bed.wait_for_lock()?;
    running.signal("TERM");
    let outcome = end(running, AT_ONCE)?;
    assert_eq!(outcome.code(), -15, "{outcome:#?}");
    bed.nothing_is_left()?;
    assert_eq!(bed.rows(), 5);
    Ok(())
}

/// A server that takes the connection and says nothing.
fn before_the_connection(name: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("a port").port();
    let config = workload::merged(&bed.config(), &serde_json::json!({"port": port}));
    let running = with_defaults(Connector::write(&config, &workload::append_catalog("rows"))).start();
    let _connection = silent.accept().expect("a connection");
    running.signal(name);
    let outcome = end(running, AT_ONCE)?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    Ok(())
}

fn in_check(name: &str, code: i32) -> Result<(), Failed> {
    let bed = Bed::new()?;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("a port").port();
    let config = workload::merged(&bed.config(), &serde_json::json!({"port": port}));
    let running = with_defaults(Connector::check(&config)).start();
    let _connection = silent.accept().expect("a connection");
    running.signal(name);
    let outcome = end(running, AT_ONCE)?;
    assert_eq!(outcome.code(), code, "{outcome:#?}");
    assert!(outcome.messages_of("CONNECTION_STATUS").is_empty());
    Ok(())
}
