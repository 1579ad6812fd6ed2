//! W3 on Waterwheel: `reduce_by_key_and_window`, and the one with an inverse.

use anyhow::Result;
use waterwheel::prelude::*;

use super::Job;
use crate::batches::Done;
use crate::driven::{self, INTERVAL, Plan};

/// Count the job's windows with Waterwheel.
pub(super) fn run(job: &Job) -> Result<Done> {
    let length = INTERVAL * u32::try_from(job.window)?;
    let (batches, checkpoint) = (job.batches.as_slice(), job.dir.as_deref());
    // Windows are full before anything is measured.
    let measured = job.window.min(batches.len())..batches.len();
    let plan = Plan { name: "w3", cores: job.cores, batches, measured, checkpoint, monitored: false };
    driven::run_counting(&plan, |records| {
        if !job.inverse {
            return records.reduce_by_key_and_window(|a, b| a + b, length, INTERVAL);
        }
        let counted = InverseWindow::new().filter(|_, count| *count > 0);
        records.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, length, INTERVAL, counted)
    })
}
