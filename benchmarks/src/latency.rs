//! End-to-end latency: a line carries the time at which it was *due* to be sent, and the receiver subtracts.
//!
//! The due time, not the time of the actual write: a sender that falls behind must not hide the wait of its lines
//! (coordinated omission). Sender and receiver are processes of one machine, so they share the system clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::stats::{Durations, Percentiles};

/// Microseconds since the epoch.
pub(crate) fn now_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Write the due time as the first word of a line.
pub(crate) fn stamp(line: &mut Vec<u8>, due_micros: u64) {
    line.extend_from_slice(due_micros.to_string().as_bytes());
    line.push(b' ');
}

/// The due time that a line carries, if it carries one.
pub(crate) fn stamp_of(line: &str) -> Option<u64> {
    line.split(' ').next()?.parse().ok()
}

/// Collects latencies from any thread. Clones share one histogram.
#[derive(Clone)]
pub(crate) struct LatencyRecorder {
    shared: Arc<Mutex<Shared>>,
    warm_up: Duration,
}

struct Shared {
    durations: Durations,
    first_stamp: Option<u64>,
}

impl LatencyRecorder {
    /// A recorder that leaves out the lines due within `warm_up` of the first one it sees.
    pub(crate) fn new(warm_up: Duration) -> Result<Self> {
        let shared = Shared { durations: Durations::new()?, first_stamp: None };
        Ok(Self { shared: Arc::new(Mutex::new(shared)), warm_up })
    }

    /// Record lines due at `stamps` whose results are out now. Call it once for many lines: it takes a lock.
    pub(crate) fn record(&self, stamps: &[u64]) {
        self.record_at(stamps, now_micros());
    }

    fn record_at(&self, stamps: &[u64], now: u64) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for stamp in stamps {
            let first = *shared.first_stamp.get_or_insert(*stamp);
            if *stamp >= first + self.warm_up.as_micros() as u64 {
                shared.durations.record(Duration::from_micros(now.saturating_sub(*stamp)));
            }
        }
    }

    /// How many lines were recorded, and their percentiles.
    pub(crate) fn result(&self) -> (u64, Percentiles) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        (shared.durations.len(), shared.durations.percentiles())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back() {
        let mut line = Vec::new();
        stamp(&mut line, 1_700_000_000_123_456);
        line.extend_from_slice(b"to be or");
        assert_eq!(stamp_of(std::str::from_utf8(&line).unwrap()), Some(1_700_000_000_123_456));
        assert_eq!(stamp_of("to be or"), None);
        assert_eq!(stamp_of(""), None);
    }

    #[test]
    fn warm_up_is_left_out() {
        let recorder = LatencyRecorder::new(Duration::from_millis(10)).unwrap();
        recorder.record_at(&[1_000_000, 1_005_000], 1_100_000);
        recorder.clone().record_at(&[1_010_000, 1_020_000], 1_030_000);
        let (count, percentiles) = recorder.result();
        assert_eq!(count, 2);
        assert!((percentiles.max - 20.0).abs() < 0.1 && (percentiles.p50 - 10.0).abs() < 0.1, "{percentiles:?}");
    }
}
