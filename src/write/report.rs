//! The summary as text: a table on a terminal, else LOG lines, now and then and at the end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::IsTerminal;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Context;
use super::summary::{Counts, Stream, Summary};
use crate::limits;

/// Seconds between two reports, instead of [`limits::REPORT_PERIOD`].
const PERIOD: &str = "DESTINATION_REPORT_SECONDS";

/// Says again and again how far the sync is, where nobody sees its bars.
pub(super) async fn now_and_then(cx: &Context) -> Infallible {
    let seconds = std::env::var(PERIOD).ok().and_then(|seconds| seconds.parse().ok()).filter(|seconds| *seconds > 0);
    let period = seconds.map_or(limits::REPORT_PERIOD, Duration::from_secs);
    let mut seen = Vec::new();
    loop {
        tokio::time::sleep(period).await;
        let streams = cx.summary.streams().len();
        if streams == 0 || std::io::stderr().is_terminal() {
            continue;
        }
        seen.resize(streams, (0, 0));
        let moved = |number: usize, line: &Line| {
            let now = (line.amounts.rows, line.amounts.commits);
            seen.get_mut(number).is_some_and(|seen| std::mem::replace(seen, now) != now)
        };
        log(cx, "Progress", &count(&cx.summary, moved));
    }
}

/// Says what the sync has done, also where it failed.
pub(super) fn last(cx: &Context) {
    if cx.summary.streams().is_empty() {
        return;
    }
    let counts = count(&cx.summary, |_, _| true);
    if std::io::stderr().is_terminal() {
        for line in table(&counts) {
            cx.output.tell(&line);
        }
    } else {
        log(cx, "Summary", &counts);
    }
}

/// What is said of a stream, or of all. Times are of transactions, added up over sessions.
#[derive(Clone, Copy, Default, Serialize)]
struct Amounts {
    rows: u64,
    bytes: u64,
    merged: u64,
    deleted: u64,
    set_aside: u64,
    nulled: u64,
    commits: u64,
    retries: u64,
    #[serde(serialize_with = "seconds")]
    copy_seconds: Duration,
    #[serde(serialize_with = "seconds")]
    merge_seconds: Duration,
}

/// What is said of a stream.
#[derive(Serialize)]
struct Line {
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(flatten)]
    amounts: Amounts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    nulled_fields: BTreeMap<String, u64>,
}

/// What is said of all streams.
#[derive(Serialize)]
struct Total {
    streams: usize,
    #[serde(flatten)]
    amounts: Amounts,
    reconnects: u64,
    #[serde(serialize_with = "seconds")]
    seconds: Duration,
    #[serde(serialize_with = "seconds")]
    parse_seconds: Duration,
    #[serde(serialize_with = "seconds")]
    input_wait_seconds: Duration,
}

impl Line {
    fn new(of: &Stream) -> Self {
        let (rows, bytes) = of.read();
        let Counts { loaded, set_aside, commits, retries, nulled } = &*of.counts();
        let fields = nulled.most(limits::REPORTED_FIELDS).into_iter();
        Self {
            stream: short(&of.name.name, limits::REPORTED_NAME),
            namespace: of.name.namespace.as_ref().map(|namespace| short(namespace, limits::REPORTED_NAME)),
            amounts: Amounts {
                rows,
                bytes,
                merged: loaded.merged,
                deleted: loaded.deleted,
                set_aside: *set_aside,
                nulled: nulled.total(),
                commits: *commits,
                retries: *retries,
                copy_seconds: loaded.copying,
                merge_seconds: loaded.merging,
            },
            nulled_fields: fields.map(|(field, values)| (short(field, limits::REPORTED_NAME), values)).collect(),
        }
    }
}

impl Total {
    fn new(summary: &Summary, lines: &[Line]) -> Self {
        let (retries, reconnects) = summary.repeats();
        let [seconds, parse_seconds, input_wait_seconds] = summary.times();
        let sum = lines.iter().fold(Amounts::default(), |sum, Line { amounts: more, .. }| Amounts {
            rows: sum.rows + more.rows,
            bytes: sum.bytes + more.bytes,
            merged: sum.merged + more.merged,
            deleted: sum.deleted + more.deleted,
            set_aside: sum.set_aside + more.set_aside,
            nulled: sum.nulled + more.nulled,
            commits: sum.commits + more.commits,
            // Streams of one transaction are tried again together, and not only transactions are.
            retries,
            copy_seconds: sum.copy_seconds + more.copy_seconds,
            merge_seconds: sum.merge_seconds + more.merge_seconds,
        });
        Self { streams: lines.len(), amounts: sum, reconnects, seconds, parse_seconds, input_wait_seconds }
    }
}

/// The lines of the streams that are `wanted`, the largest first and not too many, and the sum of all streams.
fn count(summary: &Summary, mut wanted: impl FnMut(usize, &Line) -> bool) -> (Vec<Line>, Total) {
    let mut lines: Vec<Line> = summary.streams().iter().map(Line::new).collect();
    let total = Total::new(summary, &lines);
    let mut number = 0..;
    lines.retain(|line| wanted(number.next().unwrap_or_default(), line));
    lines.sort_by_key(|line| std::cmp::Reverse(line.amounts.rows));
    lines.truncate(limits::REPORTED_STREAMS);
    (lines, total)
}

/// A line for each of the streams, and one for all.
fn log(cx: &Context, title: &str, (lines, total): &(Vec<Line>, Total)) {
    let texts = lines.iter().map(serde_json::to_string).chain([serde_json::to_string(total)]);
    texts.flatten().for_each(|text| cx.output.info(&format!("{title}: {text}")));
}

/// The table for a terminal.
fn table((lines, total): &(Vec<Line>, Total)) -> Vec<String> {
    const TITLES: [&str; 10] =
        ["rows in", "size", "merged", "deleted", "set aside", "nulled", "commits", "retries", "copy s", "merge s"];
    let mut text = vec![row("stream", &TITLES.map(str::to_owned))];
    text.extend(lines.iter().map(|line| row(&name(line), &cells(&line.amounts))));
    text.push(row(&format!("all {} streams", total.streams), &cells(&total.amounts)));
    for line in lines.iter().filter(|line| !line.nulled_fields.is_empty()) {
        let fields: Vec<String> =
            line.nulled_fields.iter().map(|(field, values)| format!("{} {values}", short(field, NAME))).collect();
        text.push(format!("Values of {} that became NULL: {}", name(line), fields.join(", ")));
    }
    text.push(format!(
        "{:.1} s, of these parsing {:.1} s and waiting for input {:.1} s; {} reconnects",
        total.seconds.as_secs_f64(),
        total.parse_seconds.as_secs_f64(),
        total.input_wait_seconds.as_secs_f64(),
        total.reconnects
    ));
    text
}

/// Characters of a name in the table.
const NAME: usize = 32;

fn name(line: &Line) -> String {
    let namespace = line.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
    short(&format!("{namespace}{}", line.stream), NAME)
}

fn cells(amounts: &Amounts) -> [String; 10] {
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    [
        amounts.rows.to_string(),
        indicatif::HumanBytes(amounts.bytes).to_string(),
        amounts.merged.to_string(),
        amounts.deleted.to_string(),
        amounts.set_aside.to_string(),
        amounts.nulled.to_string(),
        amounts.commits.to_string(),
        amounts.retries.to_string(),
        seconds(amounts.copy_seconds),
        seconds(amounts.merge_seconds),
    ]
}

fn row(name: &str, cells: &[String; 10]) -> String {
    const WIDTHS: [usize; 10] = [12, 11, 12, 10, 9, 9, 7, 7, 8, 8];
    cells.iter().zip(WIDTHS).fold(format!("{name:<NAME$}"), |row, (cell, width)| format!("{row} {cell:>width$}"))
}

/// With milliseconds.
fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e3).round() / 1e3)
}

/// A text of so many characters at most.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StreamName;

    fn summary(streams: usize) -> Summary {
        let summary = Summary::new();
        summary.of((0..streams).map(|n| StreamName::new(Some("n"), &format!("s{n}"))));
        for stream in 0..streams {
            summary.read(stream, stream as u64, 10);
        }
        summary
    }

    #[test]
    fn of_thousands_of_streams_only_the_largest_are_named() {
        let (lines, total) = count(&summary(3_000), |_, _| true);
        let named: Vec<&str> = lines.iter().map(|line| &*line.stream).collect();
        let wanted: Vec<String> = (2_980..3_000).rev().map(|n| format!("s{n}")).collect();
        assert_eq!(named, wanted);
        assert_eq!((total.streams, total.amounts.rows, total.amounts.bytes), (3_000, 4_498_500, 30_000));
        let table = table(&(lines, total));
        assert_eq!(table.len(), 23);
        assert!(table.iter().all(|line| line.chars().count() < 150), "{table:#?}");
    }

    #[test]
    fn long_names_are_cut() {
        let summary = Summary::new();
        summary.of(std::iter::once(StreamName::new(None, &"ä".repeat(3_000))));
        let (lines, _) = count(&summary, |_, _| true);
        let text = serde_json::to_string(&lines).expect("JSON");
        assert!(text.len() < limits::ERROR_TEXT_BYTES / 2, "{text}");
        assert!(lines.iter().all(|line| line.stream.ends_with("ä…")), "{text}");
    }
}
