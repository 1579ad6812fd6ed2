//! W3 on Waterwheel: `reduce_by_key_and_window` without an inverse.

use anyhow::Result;

use super::Job;
use crate::batches::Done;
use crate::driven::{self, INTERVAL};

/// Count the job's windows with Waterwheel.
pub(super) fn run(job: &Job) -> Result<Done> {
    let length = INTERVAL * u32::try_from(job.window)?;
    driven::run("w3", job.cores, &job.batches, |records| {
        records.reduce_by_key_and_window(|a, b| a + b, length, INTERVAL)
    })
}
