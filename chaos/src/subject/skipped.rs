//! An output that fails in some batches, after it has prepared: what it prepared has to be given up.

use super::pipeline::INTERVAL;
use waterwheel::outcome::BoxError;
use waterwheel::prelude::*;

/// Of so many batches it fails in one.
const ONE_OF: u64 = 4;

/// Whether it fails in the batch at `millis`: known from the time alone, so that it does so again after a restart.
pub fn fails(millis: u64) -> bool {
    // Milliseconds.
    (millis / INTERVAL.as_millis() as u64).is_multiple_of(ONE_OF)
}

/// Prepares, and then says in some batches that it has failed.
pub struct Failing<O>(pub O);

impl<T, O: TransactionalOutput<T>> TransactionalOutput<T> for Failing<O> {
    fn prepare(&self, id: &TransactionId, records: Vec<T>) -> Result<(), BoxError> {
        self.0.prepare(id, records)?;
        match u64::try_from(id.batch.millis()) {
            Ok(batch) if !fails(batch) => Ok(()),
            _ => Err("this is one of the batches in which it fails".into()),
        }
    }

    fn commit(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.commit(output, batch)
    }

    fn abort(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.abort(output, batch)
    }

    fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
        self.0.recover(output, committed)
    }
}
