//! W1 on renoir, in two associative forms (both count locally before anything crosses threads).
//!
//! One renoir job for each batch. One job over all batches would need the batch in the key, since renoir gives the
//! counts of an unbounded group only at the end: measured, that is about three times slower, for its table holds the
//! words of all batches. Starting the job costs little next to a batch of a million words.

use std::time::Instant;

use ::renoir::operator::Operator;
use ::renoir::prelude::*;
use ::renoir::{Stream, StreamContext};
use anyhow::{Context, Result};

use super::{Job, RenoirForm};
use crate::batches::BatchDone;
use crate::count::{Counts, Summary, Word};
use crate::text::words;

/// Count the job's batches.
pub(crate) fn run<W: Word>(job: &Job) -> Result<Vec<BatchDone>> {
    let config = RuntimeConfig::local(job.cores as u64).context("renoir does not take this number of cores")?;
    job.batches.iter().map(|batch| one_batch::<W>(batch, &config, job.renoir_form)).collect()
}

fn one_batch<W: Word>(batch: &'static [String], config: &RuntimeConfig, form: RenoirForm) -> Result<BatchDone> {
    let started = Instant::now();
    let env = StreamContext::new(config.clone());
    let lines = env
        .stream_par_iter(move |replica: u64, replicas: u64| {
            let size = batch.len().div_ceil(replicas as usize);
            batch.iter().skip(replica as usize * size).take(size)
        })
        .batch_mode(BatchMode::fixed(1024));
    let result = match form {
        RenoirForm::Fold => fold::<W>(lines),
        RenoirForm::Group => group::<W>(lines),
    };
    env.execute_blocking();
    let summary = result.get().and_then(|all| all.first().copied()).context("renoir gave no result")?;
    Ok(BatchDone { started, finished: Instant::now(), summary })
}

/// Each replica folds its lines into a table of its own; one thread merges the tables.
fn fold<W: Word>(lines: Stream<impl Operator<Out = &'static String> + 'static>) -> StreamOutput<Vec<Summary>> {
    lines
        .fold_assoc(
            Counts::<W>::default(),
            |counts, line| words(line).for_each(|word| *counts.entry(W::from(word)).or_insert(0) += 1),
            |counts, part| {
                if counts.is_empty() {
                    *counts = part;
                } else {
                    part.into_iter().for_each(|(word, count)| *counts.entry(word).or_insert(0) += count);
                }
            },
        )
        .map(|counts| Summary::of(&counts))
        .collect_vec()
}

/// renoir's own keyed aggregation: local counts, a shuffle by hash, final counts on every replica.
fn group<W: Word>(lines: Stream<impl Operator<Out = &'static String> + 'static>) -> StreamOutput<Vec<Summary>> {
    lines
        .flat_map(|line| words(line))
        // The key is the owned word; what is folded stays borrowed, so that a word is copied once, not twice.
        .group_by_fold(|word| W::from(word), 0, |count: &mut u64, _| *count += 1, |count, more| *count += more)
        .unkey()
        .fold_assoc(
            Summary::default(),
            |summary, (word, count): (W, u64)| summary.add(word.as_ref(), count),
            |summary, part| summary.merge(part),
        )
        .collect_vec()
}
