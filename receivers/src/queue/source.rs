//! The input stream over a queue.

use super::{RddQueue, WhenEmpty};
use waterwheel_operators::rdd::{Parallelize, Rdd};
use waterwheel_operators::record::Data;
use waterwheel_operators::{BatchInputs, InputStream};
use waterwheel_runtime::error::JobError;

pub(super) struct QueueInput<T> {
    pub(super) queue: RddQueue<T>,
    pub(super) one_at_a_time: bool,
    pub(super) when_empty: WhenEmpty<T>,
}

impl<T: Data> InputStream<T> for QueueInput<T> {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        let queued = if self.one_at_a_time { self.queue.pop() } else { self.queue.pop_all() };
        let dataset = match (queued, &self.when_empty) {
            (Some(queued), _) => queued,
            (None, WhenEmpty::Empty) => inputs.scope.empty_rdd(),
            (None, WhenEmpty::Nothing) => return Ok(None),
            (None, WhenEmpty::Default(dataset)) => dataset.clone(),
        };
        // Queued by the driver; from here on its jobs belong to the batch.
        Ok(Some(dataset.in_scope(&inputs.scope)))
    }
}
