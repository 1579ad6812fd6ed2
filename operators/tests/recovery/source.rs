//! A source that can be read again: numbers from 0 on, so many a batch.

use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::{BatchInputs, ReplayableStream};
use waterwheel_runtime::error::JobError;

/// Numbers from 0 on.
pub(crate) struct Numbers {
    pub(crate) per_batch: u64,
    pub(crate) next: u64,
    /// Every range that was decided, and every one that was read.
    pub(crate) seen: Arc<Mutex<Seen>>,
}

/// What a source was asked for.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) started_after: Option<Option<(u64, u64)>>,
    pub(crate) decided: Vec<(u64, u64)>,
    pub(crate) read: Vec<(u64, u64)>,
}

impl Numbers {
    pub(crate) fn new(per_batch: u64) -> (Numbers, Arc<Mutex<Seen>>) {
        let seen = Arc::new(Mutex::new(Seen::default()));
        (Numbers { per_batch, next: 0, seen: seen.clone() }, seen)
    }
}

impl ReplayableStream<u64> for Numbers {
    type Range = (u64, u64);

    fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
        self.next = last.map_or(0, |(_, end)| end);
        self.seen.lock().unwrap().started_after = Some(last);
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<(u64, u64), JobError> {
        let range = (self.next, self.next + self.per_batch);
        self.next = range.1;
        self.seen.lock().unwrap().decided.push(range);
        Ok(range)
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        self.seen.lock().unwrap().read.push(*range);
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 2)))
    }
}
