//! Small files that hold, or state, more than any memory.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("bombs::little_that_is_much_is_refused_or_streamed", little_that_is_much_is_refused_or_streamed)]
}

/// Most memory that a connector may have taken, in KiB: that of one page or batch that is allowed, and its value on the way.
const MOST_KIB: u64 = 1_700 << 10;

/// The peak of a process's memory so far, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

fn little_that_is_much_is_refused_or_streamed() -> Result<(), Failed> {
    let files = Files::made(SCRIPT, "bombs");
    let page = "column \"b\": a page is larger than this connector accepts (512 MiB): write smaller pages";
    let batch = "a record batch is larger than this connector accepts (1024 MiB): write smaller record batches";
    for (name, want) in [
        ("gzip.parquet", Some(page)),
        ("brotli.parquet", Some(page)),
        ("zstd.parquet", Some(page)),
        ("snappy.parquet", Some(page)),
        ("batch.arrow", Some(batch)),
        ("batch.arrows", Some(batch)),
        ("row.arrow", Some("a row is larger than 256 MiB, which is more than this connector accepts")),
        // 300 rows of 1 MiB in a file of 1 MiB: they go through, a few at a time.
        ("words.arrow", None),
        ("words.parquet", None),
    ] {
        let database = TestServer::shared().database()?;
        let mut running = connector(&database, &catalog(json!({})), &files).start();
        running.feed((batch_of(&files, &[name]) + &state(1)).as_bytes());
        let mut most = 0;
        let wanted = |lines: &[String]| lines.iter().any(|line| line.contains("STATE\"") || line.contains("\"TRACE\""));
        for _ in 0..6_000 {
            most = most.max(peak(running.id()));
            if running.wait_until(Duration::from_millis(20), wanted).is_ok() {
                break;
            }
        }
        most = most.max(peak(running.id()));
        let outcome = running.finish(support::connector::TIMEOUT)?;
        assert!(most > 0 && most < MOST_KIB, "{name}: {most} KiB");
        if let Some(want) = want {
            let (_, text) = failure(&outcome);
            assert!(text.ends_with(want), "{name}: {text}");
            assert_eq!(acknowledged(&outcome), [0.0; 0], "{name}");
        } else {
            assert_eq!(acknowledged(&outcome), [300.0], "{name}");
            assert!(most < 400 << 10, "{name}: {most} KiB");
            assert_eq!(
                rows(&database, "SELECT count(*), min(length(w)), max(length(w)) FROM airbyte.t")?,
                ["300|1048576|1048576"]
            );
        }
    }
    Ok(())
}
