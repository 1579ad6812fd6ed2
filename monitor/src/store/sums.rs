//! What the means are made of, kept as batches come and go: nobody who looks walks all that is kept.

use super::{BatchRow, Status};
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::ids::StreamId;

/// A sum of durations, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Durations {
    sum: Duration,
    count: u32,
}

impl Durations {
    fn add(&mut self, value: Option<Duration>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn remove(&mut self, value: Option<Duration>) {
        if let Some(value) = value {
            self.sum = self.sum.saturating_sub(value);
            self.count = self.count.saturating_sub(1);
        }
    }

    /// The mean of what there is.
    pub(crate) fn mean(self) -> Option<Duration> {
        (self.count > 0).then(|| self.sum / self.count)
    }
}

/// Records, and the batches in which they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Records {
    pub(crate) records: u64,
    pub(crate) batches: u64,
}

impl Records {
    fn add(&mut self, records: u64) {
        self.records += records;
        self.batches += 1;
    }

    fn remove(&mut self, records: u64) {
        self.records = self.records.saturating_sub(records);
        self.batches = self.batches.saturating_sub(1);
    }
}

/// Sums over batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) scheduling: Durations,
    pub(crate) processing: Durations,
    pub(crate) total: Durations,
    pub(crate) records: Records,
    streams: BTreeMap<StreamId, u64>,
}

impl Sums {
    pub(super) fn add(&mut self, row: &BatchRow) {
        self.scheduling.add(row.info.scheduling_delay);
        self.processing.add(row.info.processing_delay);
        self.total.add(row.info.total_delay());
        // What a batch has read is known at its end at the latest.
        if row.status == Status::Completed || row.info.num_records() > 0 {
            self.records.add(row.info.num_records());
        }
        for (stream, records) in &row.info.records {
            *self.streams.entry(*stream).or_default() += records;
        }
    }

    /// Takes back what [`add`](Sums::add) did.
    pub(super) fn remove(&mut self, row: &BatchRow) {
        self.scheduling.remove(row.info.scheduling_delay);
        self.processing.remove(row.info.processing_delay);
        self.total.remove(row.info.total_delay());
        if row.status == Status::Completed || row.info.num_records() > 0 {
            self.records.remove(row.info.num_records());
        }
        for (stream, records) in &row.info.records {
            if let Some(sum) = self.streams.get_mut(stream) {
                *sum = sum.saturating_sub(*records);
            }
        }
    }

    /// Whether both say the same, also of streams that are not named any more.
    #[cfg(test)]
    pub(super) fn is_like(&self, other: &Sums) -> bool {
        let figures = |sums: &Sums| (sums.scheduling, sums.processing, sums.total, sums.records);
        let mut streams = self.streams.keys().chain(other.streams.keys());
        figures(self) == figures(other) && streams.all(|stream| self.of_stream(*stream) == other.of_stream(*stream))
    }

    /// Records of a stream.
    pub(crate) fn of_stream(&self, stream: StreamId) -> u64 {
        self.streams.get(&stream).copied().unwrap_or_default()
    }
}
