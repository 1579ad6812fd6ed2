//! A source that is read again by its offsets: the numbers, so many in every batch.

use super::Delivery;
use waterwheel::ReplayableStream;
use waterwheel::prelude::*;
use waterwheel::rdd::Parallelize;
use waterwheel::runtime::error::JobError;

/// The numbers from 0 on.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// How many a batch has.
    pub per_batch: u64,
    /// The first that no batch has yet.
    pub next: u64,
}

impl ReplayableStream<Delivery> for Numbers {
    type Range = (u64, u64);

    fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
        self.next = last.map_or(0, |(_, end)| end);
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<(u64, u64), JobError> {
        let range = (self.next, self.next + self.per_batch);
        self.next = range.1;
        Ok(range)
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<Delivery>>, JobError> {
        Ok(Some(inputs.scope.parallelize((range.0..range.1).map(Delivery::replayed), 2)))
    }
}
