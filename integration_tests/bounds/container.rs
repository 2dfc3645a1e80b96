//! Process 1 of a process-id namespace, as in a container: no signal has a default action, and orphans are ours.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::bed::{AT_ONCE, Bed, GRACE, SOON, wait_for};
use crate::support::connector::{Connector, Running};
use crate::support::workload;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("container::a_signal_commits_and_ends_process_1", a_signal_ends_process_1),
        Trial::test("container::a_signal_ends_check_as_process_1", a_signal_ends_check),
        Trial::test("container::orphans_do_not_matter", orphans_do_not_matter),
    ]
}

/// Runs it as process 1, after these words of a shell, with the signals as a shell in the foreground leaves them.
fn in_container(connector: Connector, before: &str) -> Connector {
    let script = format!("{before} exec \"$@\"");
    let mut words = vec!["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];
    // Who is not root may be it in a namespace of his own.
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        words.extend(["--user", "--map-root-user"]);
    }
    words.extend(["env", "--default-signal=INT,TERM", "sh", "-c", &script, "sh"]);
    connector.by(&words)
}

/// Sends a signal to process 1, whose parent is what was started.
fn signal(running: &Running, name: &str) -> Result<(), Failed> {
    let outside = running.id();
    let children = format!("/proc/{outside}/task/{outside}/children");
    let inside = fs::read_to_string(children)?;
    let kill = format!("kill -{name} {inside}");
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status()?.success());
    Ok(())
}

fn a_signal_ends_process_1() -> Result<(), Failed> {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let bed = Bed::new()?.that_waits();
        let running = in_container(bed.append(), "").start();
        running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
        bed.wait_for_table()?;
        std::thread::sleep(Duration::from_secs(1));
        signal(&running, name)?;
        let begun = Instant::now();
        let outcome = running.wait(SOON)?;
        assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());
        assert_eq!(outcome.code(), code, "{outcome:#?}");
        assert_eq!(outcome.messages_of("STATE").len(), 1);
        assert_eq!(bed.rows(), 10);
    }
    Ok(())
}

fn a_signal_ends_check() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let config = workload::merged(&bed.config(), &serde_json::json!({"port": silent.local_addr()?.port()}));
    let running = in_container(Connector::check(&config), "").start();
    let _connection = silent.accept()?;
    let begun = Instant::now();
    signal(&running, "TERM")?;
    let outcome = running.wait(SOON)?;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(outcome.code(), 143, "{outcome:#?}");
    Ok(())
}

/// Processes that end while it runs, its own children and those of others; and one that outlives it.
fn orphans_do_not_matter() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let before = "true & (sleep 1 &); (sleep 600 </dev/null >/dev/null 2>&1 &);";
    let mut running = in_container(bed.append(), before).start();
    let outside = running.id();
    bed.wait_for_table()?;
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    running.wait_for_states(1, SOON)?;
    std::thread::sleep(Duration::from_secs(1));
    running.feed(workload::append_input("rows", 10..20, 100).as_bytes());
    let outcome = running.finish(SOON)?;
    workload::succeeded(&outcome, 2)?;
    assert_eq!(bed.rows(), 20);
    wait_for("the end of the namespace", || !fs::exists(format!("/proc/{outside}")).unwrap_or(true))?;
    Ok(())
}
