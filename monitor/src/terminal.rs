//! A program's figures in one line, for terminals.

use crate::format::normalized;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use waterwheel_runtime::event::{BatchInfo, Event};
use waterwheel_runtime::time::Time;

/// How a program does, in one line. It is fed with events, or filled in.
///
/// ```
/// use waterwheel_monitor::terminal::ProgressLine;
///
/// let line = ProgressLine { completed: 12, ..ProgressLine::default() };
/// assert_eq!(line.to_string(), "0 records/s, processing 0 ms, total delay 0 ms, 12 batches, 0 behind");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProgressLine {
    /// Records per second in the last completed batch.
    pub rate: f64,
    /// How long that was worked on.
    pub processing: Duration,
    /// From its tick to the end of its last output.
    pub total_delay: Duration,
    /// Batches that are complete.
    pub completed: u64,
    /// How many of those failed.
    pub failed: u64,
    /// Batches that wait, or are worked on.
    pub behind: u64,
    /// Which those are, when the line is fed with events: the end of one may not be told, that of a later one ends it as well.
    pub pending: BTreeSet<Time>,
}

impl ProgressLine {
    /// Takes in an event of a program with batches of this length; whether the line is another now.
    pub fn told(&mut self, event: &Event, interval: Duration) -> bool {
        match event {
            Event::BatchSubmitted(info) => _ = self.pending.insert(info.batch),
            Event::BatchCompleted(info) => self.completed(info, interval),
            _ => return false,
        }
        self.behind = self.pending.len() as u64;
        true
    }

    fn completed(&mut self, info: &BatchInfo, interval: Duration) {
        self.rate = info.num_records() as f64 / interval.as_secs_f64();
        self.processing = info.processing_delay.unwrap_or_default();
        self.total_delay = info.total_delay().unwrap_or_default();
        self.completed += 1;
        self.failed += u64::from(!info.succeeded());
        // Batches end in order of their times.
        self.pending.retain(|batch| *batch > info.batch);
    }
}

impl fmt::Display for ProgressLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |duration| {
            let (value, unit) = normalized(duration);
            format!("{} {}", (value * 10.0).round() / 10.0, unit.name())
        };
        let ProgressLine { rate, completed, failed, behind, .. } = self;
        write!(
            f,
            "{rate:.0} records/s, processing {}, total delay {}",
            shown(self.processing),
            shown(self.total_delay)
        )?;
        write!(f, ", {completed} batches")?;
        if *failed > 0 {
            write!(f, " ({failed} failed)")?;
        }
        write!(f, ", {behind} behind")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, completed, started};
    use waterwheel_runtime::time::seconds;

    #[test]
    fn batches_whose_ends_were_not_told_are_not_behind_for_ever() {
        let mut line = ProgressLine::default();
        for number in 1..=5 {
            line.told(&Event::BatchSubmitted(batch(number, &[])), seconds(1));
        }
        line.told(&Event::BatchCompleted(completed(4, &[], &[])), seconds(1));
        assert_eq!((line.behind, line.pending.len()), (1, 1));
    }

    #[test]
    fn the_line_follows_the_events() {
        let mut line = ProgressLine::default();
        assert!(line.told(&Event::BatchSubmitted(batch(1, &[(0, 500)])), seconds(2)));
        assert!(line.told(&Event::BatchSubmitted(batch(2, &[(0, 900)])), seconds(2)));
        assert!(!line.told(&Event::BatchStarted(started(1, &[(0, 500)])), seconds(2)));
        assert!(line.told(&Event::BatchCompleted(completed(1, &[(0, 500)], &[(0, None)])), seconds(2)));
        assert_eq!(line.to_string(), "250 records/s, processing 200 ms, total delay 300 ms, 1 batches, 1 behind");
        line.told(&Event::BatchCompleted(completed(2, &[(0, 900)], &[(0, Some("no"))])), seconds(2));
        assert_eq!(
            line.to_string(),
            "450 records/s, processing 200 ms, total delay 300 ms, 2 batches (1 failed), 0 behind"
        );
    }
}
