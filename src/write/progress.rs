//! Progress bars for a person: only where stderr is a terminal.

use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;

/// Streams that get a line of their own; a terminal has no room for hundreds.
const LINES: usize = 20;

/// Shows what is read of each stream. When it is dropped the last counts stay on the terminal.
pub(super) struct Progress {
    cx: Arc<Context>,
    bars: Vec<ProgressBar>,
    since_shown: usize,
}

impl Progress {
    /// Bars for the streams of the summary, or none when nobody would see them.
    pub fn new(cx: Arc<Context>) -> Self {
        let mut bars = Vec::new();
        if std::io::stderr().is_terminal() {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{prefix:>28.bold} {human_pos:>12} rows  {per_sec:>14}  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = |name: String| all.add(ProgressBar::no_length().with_style(style.clone()).with_prefix(name));
            bars = cx.summary.streams().iter().take(LINES).map(|stream| bar(stream.name.to_string())).collect();
        }
        Self { cx, bars, since_shown: 0 }
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

    fn show(&self) {
        for (bar, stream) in self.bars.iter().zip(self.cx.summary.streams()) {
            let (rows, bytes) = stream.read();
            if rows != bar.position() {
                bar.set_position(rows);
                bar.set_message(indicatif::HumanBytes(bytes).to_string());
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show();
        self.bars.iter().for_each(ProgressBar::abandon);
    }
}
