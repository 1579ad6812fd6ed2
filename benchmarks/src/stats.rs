//! Percentiles, medians, and what the kernel says about this process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half of the values are at most this.
    pub(crate) p50: f64,
    /// 95 of 100 values are at most this.
    pub(crate) p95: f64,
    /// 99 of 100 values are at most this.
    pub(crate) p99: f64,
    /// The largest value.
    pub(crate) max: f64,
}

/// A histogram of durations from a microsecond to an hour, right to three digits.
pub(crate) struct Durations(Histogram<u64>);

impl Durations {
    /// An empty histogram.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3).context("cannot make a histogram")?))
    }

    /// Count one value; one beyond an hour counts as an hour.
    pub(crate) fn record(&mut self, value: Duration) {
        self.0.saturating_record(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Values counted.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// The percentiles; zeros if nothing was recorded.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let ms = |nanos: u64| (nanos as f64 / 1e3).round() / 1e3;
        let at = |quantile| ms(self.0.value_at_quantile(quantile));
        Percentiles { p50: at(0.50), p95: at(0.95), p99: at(0.99), max: ms(self.0.max()) }
    }

    /// The percentiles of a list.
    pub(crate) fn percentiles_of(values: impl IntoIterator<Item = Duration>) -> Result<Percentiles> {
        let mut durations = Self::new()?;
        values.into_iter().for_each(|value| durations.record(value));
        Ok(durations.percentiles())
    }
}

/// The median; the mean of the two in the middle for an even count, zero for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The median of one measurement over runs, to three decimals.
pub(crate) fn median_over<R>(runs: &[R], value: impl Fn(&R) -> f64) -> f64 {
    (median(&runs.iter().map(value).collect::<Vec<_>>()) * 1e3).round() / 1e3
}

/// The peak resident memory of this process in megabytes (`VmHWM`).
pub(crate) fn peak_rss_mb() -> Result<f64> {
    status_mb("VmHWM:")
}

/// The resident memory of this process in megabytes (`VmRSS`).
pub(crate) fn rss_mb() -> Result<f64> {
    status_mb("VmRSS:")
}

/// Bytes that this process has written to files and pipes so far.
pub(crate) fn bytes_written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io").context("cannot read /proc/self/io")?;
    let written = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    written.and_then(|bytes| bytes.trim().parse().ok()).context("no wchar in /proc/self/io")
}

fn status_mb(key: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    status_field(&status, key).with_context(|| format!("no {key} in /proc/self/status"))
}

fn status_field(status: &str, key: &str) -> Option<f64> {
    let kilobytes: f64 =
        status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()?;
    Some((kilobytes / 1024.0 * 10.0).round() / 10.0)
}

/// Measures how many processors this process keeps busy.
pub(crate) struct CpuMeter {
    since: Instant,
    cpu: Duration,
}

impl CpuMeter {
    /// Begin to measure.
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { since: Instant::now(), cpu: cpu_time()? })
    }

    /// Processors kept busy since the start, on average.
    pub(crate) fn busy(&self) -> Result<f64> {
        let cpu = cpu_time()?.saturating_sub(self.cpu).as_secs_f64();
        Ok((cpu / self.since.elapsed().as_secs_f64().max(1e-9) * 100.0).round() / 100.0)
    }
}

/// User and system time of this process. The kernel counts them in ticks of 10 ms for every user.
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    let ticks = || -> Option<u64> {
        // The name in parentheses may hold spaces: count from its end. User time is field 14, system time 15.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    Ok(Duration::from_millis(10 * ticks().context("/proc/self/stat is not as expected")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let p = Durations::percentiles_of((1..=1_000).map(Duration::from_millis)).unwrap();
        for (seen, expected) in [(p.p50, 500.0), (p.p95, 950.0), (p.p99, 990.0), (p.max, 1_000.0)] {
            assert!((seen / expected - 1.0_f64).abs() < 0.002, "{seen} for {expected}");
        }
        assert_eq!(Durations::percentiles_of([]).unwrap(), Percentiles::default());
    }

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn memory_is_read_from_the_status_file() {
        assert_eq!(status_field("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n", "VmHWM:"), Some(2.0));
        assert_eq!(status_field("VmPeak:\t 9 kB\n", "VmHWM:"), None);
        assert!(peak_rss_mb().unwrap() >= rss_mb().unwrap() / 2.0);
    }
}
