//! Progress bars for a person: only where stderr is a terminal.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::StreamName;

/// Streams that get a line of their own; a terminal has no room for hundreds.
const LINES: usize = 20;

/// Counts rows and bytes a stream and shows them.
pub(super) struct Progress {
    streams: Vec<Counts>,
    bars: Option<Vec<ProgressBar>>,
    since_shown: usize,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    rows: u64,
    bytes: u64,
    shown: u64,
}

impl Progress {
    /// Bars for the streams, or none when nobody would see them.
    pub fn new(names: &[StreamName]) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{prefix:>28.bold} {human_pos:>12} rows  {per_sec:>14}  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            names
                .iter()
                .take(LINES)
                .map(|name| all.add(ProgressBar::no_length().with_style(style.clone()).with_prefix(name.to_string())))
                .collect()
        });
        Self { streams: vec![Counts::default(); names.len()], bars, since_shown: 0 }
    }

    /// Counts records and their bytes.
    #[inline]
    pub fn records(&mut self, stream: usize, rows: u64, bytes: usize) {
        if let Some(counts) = self.streams.get_mut(stream) {
            counts.rows += rows;
            counts.bytes += bytes as u64;
        }
    }

    /// Shows what was counted, now and then.
    pub fn tick(&mut self, bytes: usize) {
        const EVERY_BYTES: usize = 1 << 20;
        self.since_shown += bytes;
        if self.since_shown >= EVERY_BYTES {
            self.since_shown = 0;
            self.show();
        }
    }

    /// Leaves the final counts on the terminal.
    pub fn finish(&mut self) {
        self.show();
        for bar in self.bars.iter().flatten() {
            bar.abandon();
        }
    }

    fn show(&mut self) {
        let Some(bars) = &self.bars else { return };
        for (bar, counts) in bars.iter().zip(&mut self.streams) {
            if counts.rows != counts.shown {
                counts.shown = counts.rows;
                bar.set_position(counts.rows);
                bar.set_message(indicatif::HumanBytes(counts.bytes).to_string());
            }
        }
    }
}
