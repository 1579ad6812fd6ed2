//! When is a batch interval stable? When batches do not queue up.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::stats::{Durations, Percentiles};

/// How one batch went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct BatchTiming {
    /// Lines in it.
    pub(crate) records: u64,
    /// From its batch time to the start of its processing.
    pub(crate) scheduling_delay: Duration,
    /// From the start of its processing to its end.
    pub(crate) processing: Duration,
}

/// What the timings of a run say.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Verdict {
    /// Whether batches kept up with the interval.
    pub(crate) stable: bool,
    /// Processing times.
    pub(crate) processing_ms: Percentiles,
    /// Scheduling delays.
    pub(crate) scheduling_delay_ms: Percentiles,
}

/// Judge a run.
///
/// Stable means: there are batches at all, the median batch takes no longer than the interval, and the scheduling
/// delay does not grow: its median over the last quarter of the run is within one interval (but at least 1 ms, the
/// noise of a timer) of its median over the first quarter. Medians, because one hiccup of a shared machine is not
/// a trend; a queue that builds up is in every later batch.
pub(crate) fn judge(batches: &[BatchTiming], interval: Duration) -> Result<Verdict> {
    let quarter = (batches.len() / 4).max(1).min(batches.len());
    let delay = |part: &[BatchTiming]| median_of(part.iter().map(|batch| batch.scheduling_delay));
    let grown = delay(&batches[batches.len() - quarter..]).saturating_sub(delay(&batches[..quarter]));
    let processing = median_of(batches.iter().map(|batch| batch.processing));
    Ok(Verdict {
        stable: !batches.is_empty() && processing <= interval && grown <= interval.max(Duration::from_millis(1)),
        processing_ms: Durations::percentiles_of(batches.iter().map(|batch| batch.processing))?,
        scheduling_delay_ms: Durations::percentiles_of(batches.iter().map(|batch| batch.scheduling_delay))?,
    })
}

fn median_of(values: impl Iterator<Item = Duration>) -> Duration {
    let mut sorted: Vec<Duration> = values.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(10);

    fn run(delay_ms: impl Fn(u64) -> u64, processing_ms: u64) -> bool {
        let batch = |i| BatchTiming {
            records: 1,
            scheduling_delay: Duration::from_millis(delay_ms(i)),
            processing: Duration::from_millis(processing_ms),
        };
        judge(&(0..100).map(batch).collect::<Vec<_>>(), INTERVAL).unwrap().stable
    }

    #[test]
    fn steady_delays_are_stable_and_growing_ones_are_not() {
        assert!(run(|_| 0, 9));
        assert!(run(|_| 50, 9), "a constant delay is a late start, not a queue");
        assert!(run(|i| if i == 80 { 500 } else { 1 }, 9), "one hiccup");
        assert!(!run(|i| i, 9), "one more millisecond in every batch");
        assert!(!run(|_| 0, 11), "slower than the interval");
        assert!(!judge(&[], INTERVAL).unwrap().stable, "nothing ran");
    }
}
