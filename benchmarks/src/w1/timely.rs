//! W1 on timely dataflow: a batch is an epoch.
//!
//! Two operators. The first counts a worker's lines locally and lets the counts go when the epoch is complete; the
//! second receives them by hash, adds them up and summarises. One epoch is in flight at a time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use ::timely::container::CapacityContainerBuilder;
use ::timely::dataflow::channels::pact::{Exchange, Pipeline};
use ::timely::dataflow::operators::generic::Operator;
use ::timely::dataflow::operators::{Capability, Inspect, Probe};
use ::timely::dataflow::{InputHandle, ProbeHandle};
use ::timely::worker::Worker;
use anyhow::{Context, Result, anyhow};

use super::Job;
use crate::batches::BatchDone;
use crate::count::{Counts, Summary, Word, owner_of};
use crate::text::words;

/// Lines in one input record: work is handed to the operator in pieces, as a source would.
const LINES_PER_PIECE: usize = 1024;

/// Count the job's batches.
pub(crate) fn run<W: Word>(job: &Job) -> Result<Vec<BatchDone>> {
    let batches = job.batches.clone();
    let guards = ::timely::execute(::timely::Config::process(job.cores), move |worker| count_on::<W>(worker, &batches))
        .map_err(|error| anyhow!("timely does not start: {error}"))?;
    let mut workers = guards.join().into_iter();
    let first = workers.next().context("timely had no worker")?;
    let mut all = first.map_err(|error| anyhow!("a timely worker failed: {error}"))?;
    for worker in workers {
        let other = worker.map_err(|error| anyhow!("a timely worker failed: {error}"))?;
        for (batch, part) in all.iter_mut().zip(other) {
            batch.started = batch.started.min(part.started);
            batch.finished = batch.finished.max(part.finished);
            batch.summary.merge(part.summary);
        }
    }
    Ok(all)
}

/// The input of a worker: pieces of a batch.
type Input = InputHandle<usize, CapacityContainerBuilder<Vec<&'static [String]>>>;
/// Counts of an epoch that is not complete yet, and the right to send them on.
type Pending<W> = Vec<(Capability<usize>, Counts<W>)>;

fn count_on<W: Word>(worker: &mut Worker, batches: &[&'static [String]]) -> Vec<BatchDone> {
    let (me, peers) = (worker.index(), worker.peers());
    let mut input = Input::new();
    let probe = ProbeHandle::new();
    let summary = Rc::new(RefCell::new(Summary::default()));
    dataflow::<W>(worker, &mut input, &probe, &summary);
    let mut done = Vec::with_capacity(batches.len());
    for (epoch, batch) in batches.iter().enumerate() {
        let started = Instant::now();
        let size = batch.len().div_ceil(peers);
        let (from, to) = ((me * size).min(batch.len()), ((me + 1) * size).min(batch.len()));
        batch[from..to].chunks(LINES_PER_PIECE).for_each(|piece| input.send(piece));
        input.advance_to(epoch + 1);
        while probe.less_than(input.time()) {
            worker.step_or_park(None);
        }
        let summary = summary.take();
        done.push(BatchDone { started, finished: Instant::now(), summary });
    }
    done
}

fn dataflow<W: Word>(
    worker: &mut Worker,
    input: &mut Input,
    probe: &ProbeHandle<usize>,
    summary: &Rc<RefCell<Summary>>,
) {
    let peers = worker.peers();
    let summary = Rc::clone(summary);
    worker.dataflow::<usize, _, _>(|scope| {
        input
            .to_stream(scope)
            .unary_frontier(Pipeline, "count locally", |_, _| {
                let mut pending = Pending::<W>::new();
                let mut spare = Vec::new();
                move |(input, frontier), output| {
                    input.for_each(|cap, pieces| {
                        let Some(cap) = cap.retain_least(0) else { return };
                        let counts = counts_at(&mut pending, &mut spare, cap);
                        for word in pieces.drain(..).flatten().flat_map(|line| words(line)) {
                            *counts.entry(W::from(word)).or_insert(0) += 1;
                        }
                    });
                    for (cap, mut counts) in complete(&mut pending, |time| frontier.less_equal(time)) {
                        output.session(&cap).give_iterator(counts.drain());
                        spare.push(counts);
                    }
                }
            })
            .container::<Vec<(W, u64)>>()
            .unary_frontier(
                Exchange::new(move |(word, _): &(W, u64)| owner_of(word, peers) as u64),
                "add up",
                |_, _| {
                    let mut pending = Pending::<W>::new();
                    let mut spare = Vec::new();
                    move |(input, frontier), output| {
                        input.for_each(|cap, counted| {
                            let Some(cap) = cap.retain_least(0) else { return };
                            let counts = counts_at(&mut pending, &mut spare, cap);
                            for (word, count) in counted.drain(..) {
                                *counts.entry(word).or_insert(0) += count;
                            }
                        });
                        for (cap, mut counts) in complete(&mut pending, |time| frontier.less_equal(time)) {
                            output.session(&cap).give(Summary::of(&counts));
                            counts.clear();
                            spare.push(counts);
                        }
                    }
                },
            )
            .container::<Vec<Summary>>()
            .inspect(move |part| summary.borrow_mut().merge(*part))
            .probe_with(probe);
    });
}

/// The table of an epoch; a new one reuses the memory of one that is done.
fn counts_at<'a, W>(
    pending: &'a mut Pending<W>,
    spare: &mut Vec<Counts<W>>,
    cap: Capability<usize>,
) -> &'a mut Counts<W> {
    let at = pending.iter().position(|(other, _)| other.time() == cap.time()).unwrap_or_else(|| {
        pending.push((cap, spare.pop().unwrap_or_default()));
        pending.len() - 1
    });
    &mut pending[at].1
}

/// Take out the epochs that are no longer open.
fn complete<W>(pending: &mut Pending<W>, open: impl Fn(&usize) -> bool) -> Pending<W> {
    pending.extract_if(.., |(cap, _)| !open(cap.time())).collect()
}
