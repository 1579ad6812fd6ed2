//! W1 on Waterwheel.

use anyhow::{Result, bail};

use super::{BatchDone, Job};
use crate::count::Word;

/// Count the job's batches with Waterwheel.
pub(crate) fn run<W: Word>(_job: &Job) -> Result<Vec<BatchDone>> {
    bail!("the waterwheel peer of w1 is not written yet")
}
