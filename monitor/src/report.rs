//! A listener that logs how the delays of the last batches are distributed.

use std::collections::VecDeque;
use std::time::Duration;
use waterwheel_runtime::event::{BatchInfo, Event, StreamingListener};

/// Logs, at every completed batch, how the total delay and the processing time of the last ones are distributed: Spark's
/// `StatsReportListener`. The lines are logged as information (`RUST_LOG=waterwheel_monitor=info`).
///
/// ```
/// use waterwheel_monitor::StatsReportListener;
/// use waterwheel_operators::prelude::*;
///
/// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
/// ssc.add_streaming_listener(StatsReportListener::new(10));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct StatsReportListener {
    batches: usize,
    /// Total delay and processing time.
    last: VecDeque<(Duration, Duration)>,
}

/// Parts of a hundred at which a distribution is told.
const PERCENTILES: [usize; 9] = [0, 5, 10, 25, 50, 75, 90, 95, 100];

impl StatsReportListener {
    /// Reports the last `batches` batches; at least one.
    pub fn new(batches: usize) -> StatsReportListener {
        StatsReportListener { batches: batches.max(1), last: VecDeque::new() }
    }

    /// Takes in a completed batch: the lines to be logged. One without delays is left out.
    fn report(&mut self, info: &BatchInfo) -> Vec<String> {
        let Some(delays) = info.total_delay().zip(info.processing_delay) else { return Vec::new() };
        self.last.push_back(delays);
        while self.last.len() > self.batches {
            self.last.pop_front();
        }
        let (total, processing): (Vec<_>, Vec<_>) = self.last.iter().copied().unzip();
        let mut lines = distribution("Total delay", total);
        lines.extend(distribution("Processing time", processing));
        lines
    }
}

impl Default for StatsReportListener {
    /// Reports the last 10 batches.
    fn default() -> StatsReportListener {
        StatsReportListener::new(10)
    }
}

impl StreamingListener for StatsReportListener {
    fn on_event(&mut self, event: &Event) {
        if let Event::BatchCompleted(info) = event {
            self.report(info).iter().for_each(|line| log::info!("{line}"));
        }
    }
}

/// Count, mean, and the values at the percentiles: exact, since there are few.
fn distribution(name: &str, mut values: Vec<Duration>) -> Vec<String> {
    values.sort_unstable();
    let count = values.len();
    let mean = values.iter().sum::<Duration>() / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let at = |percent: usize| values.get((percent * count / 100).min(count.saturating_sub(1))).copied();
    let heads: Vec<String> = PERCENTILES.iter().map(|percent| format!("{percent}%")).collect();
    let cells: Vec<String> = PERCENTILES.iter().filter_map(|percent| at(*percent)).map(shown).collect();
    vec![
        format!("{name}: (count: {count}, mean: {})", shown(mean)),
        format!("{name}:\t{}", heads.join("\t")),
        format!("{name}:\t{}", cells.join("\t")),
    ]
}

fn shown(duration: Duration) -> String {
    let (value, unit) = crate::format::normalized(duration);
    format!("{value:.1} {}", unit.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::batch;
    use waterwheel_runtime::time::milliseconds;

    fn completed(number: u64, scheduling: u64, processing: u64) -> BatchInfo {
        BatchInfo {
            scheduling_delay: Some(milliseconds(scheduling)),
            processing_delay: Some(milliseconds(processing)),
            ..batch(number, &[])
        }
    }

    #[test]
    fn the_last_batches_are_told_with_their_percentiles() {
        let mut listener = StatsReportListener::new(10);
        let mut lines = Vec::new();
        // The first five are forgotten: those left process for 5 to 14 ms, and wait for 1 ms.
        for number in 0..15 {
            lines = listener.report(&completed(number, 1, number));
        }
        assert_eq!(
            lines,
            [
                "Total delay: (count: 10, mean: 10.5 ms)",
                "Total delay:\t0%\t5%\t10%\t25%\t50%\t75%\t90%\t95%\t100%",
                "Total delay:\t6.0 ms\t6.0 ms\t7.0 ms\t8.0 ms\t11.0 ms\t13.0 ms\t15.0 ms\t15.0 ms\t15.0 ms",
                "Processing time: (count: 10, mean: 9.5 ms)",
                "Processing time:\t0%\t5%\t10%\t25%\t50%\t75%\t90%\t95%\t100%",
                "Processing time:\t5.0 ms\t5.0 ms\t6.0 ms\t7.0 ms\t10.0 ms\t12.0 ms\t14.0 ms\t14.0 ms\t14.0 ms",
            ]
        );
    }

    #[test]
    fn one_batch_is_its_own_distribution_and_one_without_delays_is_left_out() {
        let mut listener = StatsReportListener::new(0);
        assert_eq!(listener.report(&batch(1, &[])), Vec::<String>::new());
        let lines = listener.report(&completed(2, 0, 3));
        assert_eq!(lines[0], "Total delay: (count: 1, mean: 3.0 ms)");
        assert_eq!(lines[5].matches("3.0 ms").count(), 9);
    }
}
