//! W1 on Waterwheel: a streaming context whose batches are the job's.

use anyhow::Result;

use super::Job;
use crate::batches::Done;
use crate::count::Word;
use crate::driven::{self, Plan};
use crate::text::words;

/// Count the job's batches with Waterwheel; if `monitored`, with its monitor, and a page that follows it.
pub(super) fn run<W: Word>(job: &Job, monitored: bool) -> Result<Done> {
    let batches = job.batches.as_slice();
    let plan = Plan { name: "w1", cores: job.cores, batches, measured: 0..batches.len(), checkpoint: None, monitored };
    driven::run_counting(&plan, |lines| {
        lines
            .flat_map_into(|line: &String, out| out.extend(words(line).map(W::from)))
            .map(|word| (word, 1u64))
            .reduce_by_key(|a, b| a + b)
    })
}
