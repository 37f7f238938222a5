//! Shows progress: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::output::eprint_line;
use comfywarden_policy::display::sanitize;

/// The step, in percent, between two lines where there is no terminal.
const PERCENT_PER_LINE: u64 = 25;

/// Shows the reports of one call.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// The last percentage that became a line.
    line: Mutex<Option<u64>>,
}

impl Progress {
    /// Starts without showing anything before the first report.
    pub(super) fn start() -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(100);
            let style = ProgressStyle::with_template("  {bar:24} {percent:>3} %  {elapsed:>3}  {wide_msg}");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar
        });
        Self { bar, line: Mutex::new(None) }
    }

    /// Shows one report: percent of the whole, and what is happening.
    pub(super) fn report(&self, percent: f64, message: &str) {
        let percent = rounded(percent);
        if let Some(bar) = &self.bar {
            bar.set_message(sanitize(message).into_owned());
            bar.set_position(percent);
            return;
        }
        let Ok(mut last) = self.line.lock() else { return };
        if last.is_none_or(|last| percent >= last + PERCENT_PER_LINE || (percent == 100 && last < 100)) {
            eprint_line(&format!("  {percent:>3} %  {message}"));
            *last = Some(percent);
        }
    }

    /// Leaves the bar where it ended.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 before")]
fn rounded(percent: f64) -> u64 {
    percent.clamp(0.0, 100.0).round() as u64
}
