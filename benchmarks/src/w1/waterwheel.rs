//! W1 on Waterwheel: a streaming context whose batches are the job's.

use anyhow::Result;

use super::Job;
use crate::batches::Done;
use crate::count::Word;
use crate::driven;
use crate::text::words;

/// Count the job's batches with Waterwheel.
pub(super) fn run<W: Word>(job: &Job) -> Result<Done> {
    driven::run("w1", job.cores, &job.batches, |lines| {
        lines
            .flat_map_into(|line: &String, out| out.extend(words(line).map(W::from)))
            .map(|word| (word, 1u64))
            .reduce_by_key(|a, b| a + b)
    })
}
