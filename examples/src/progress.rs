//! One live line on standard error: how fast records come, how long batches take, how many are done and how many wait.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use waterwheel::monitor::terminal::ProgressLine;
use waterwheel::prelude::*;

/// To the beginning of the line, and nothing on it.
const CLEAR: &str = "\r\u{1b}[2K";

/// A listener that keeps the line. Where standard error is no terminal there is none.
pub struct LiveLine {
    bar: ProgressBar,
    line: ProgressLine,
    interval: Duration,
}

impl LiveLine {
    /// A line for a program with batches of this length.
    pub fn new(interval: Duration) -> LiveLine {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        LiveLine { bar, line: ProgressLine::default(), interval }
    }
}

impl StreamingListener for LiveLine {
    fn on_event(&mut self, event: &Event) {
        if matches!(event, Event::BatchStarted(_)) && !self.bar.is_hidden() {
            // What the batch prints begins on a clean line, where both come to the same terminal.
            eprint!("{CLEAR}");
        }
        if self.line.told(event, self.interval) && !matches!(event, Event::BatchSubmitted(_)) {
            self.bar.set_message(self.line.to_string());
            self.bar.tick();
        }
    }
}

impl Drop for LiveLine {
    /// The last figures stay.
    fn drop(&mut self) {
        if !self.bar.is_hidden() {
            self.bar.finish_and_clear();
            eprintln!("{}", self.line);
        }
    }
}
