//! `WriteId`: the name of what one partition of one batch writes.

use serde::{Deserialize, Serialize};
use std::fmt;
use waterwheel_runtime::time::Time;

/// Names what one partition of one batch writes to the outside world: the key of an idempotent write.
///
/// A task that fails is tried again, and so may be its batch; what the attempt before has written stays written. The id is the
/// same at every attempt, and no other partition or batch of the output has it. A writer that stores it together with its
/// records, and first looks whether it is there, writes each partition exactly once:
///
/// ```sql
/// BEGIN;
/// INSERT INTO written (id) VALUES ('1000-3');   -- a unique key: fails if the partition is there already
/// INSERT INTO counts ...;
/// COMMIT;
/// ```
///
/// It displays as the batch time in milliseconds and the number of the partition, `1000-3`. Several outputs that write to
/// one place have to add a name of their own.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// assert_eq!(WriteId { batch: Time::from_millis(1000), partition: 3 }.to_string(), "1000-3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WriteId {
    /// The batch time.
    pub batch: Time,
    /// The partition of the batch's dataset, from 0.
    pub partition: usize,
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.batch.millis(), self.partition)
    }
}
