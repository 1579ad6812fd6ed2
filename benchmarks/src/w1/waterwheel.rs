//! W1 on Waterwheel: a streaming context whose batches are the job's, each driven by one turn of the manual clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waterwheel::prelude::*;
use waterwheel::rdd::{Flow, RddNode, Sink, push_all};
use waterwheel::runtime::ids::RddId;
use waterwheel::runtime::stage::{Lineage, OperatorCost, Requirement, TaskContext, add_costs};

use super::{BatchDone, Done, Job, OperatorTime};
use crate::count::{Summary, Word};
use crate::text::words;

/// No batch takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Count the job's batches with Waterwheel.
pub(super) fn run<W: Word>(job: &Job) -> Result<Done> {
    let clock = ManualClock::new(Time::ZERO);
    let measuring = HandTurned { turned: clock.clone(), real: SystemClock::new() };
    let mut config = Config::local("w1").with_cores(job.cores);
    config.handle_signals = false;
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(measuring))?;
    let summaries = Arc::new(Mutex::new(Vec::new()));

    let lines = ssc.input_stream(Script { batches: job.batches.clone(), next: 0, partitions: job.cores });
    let counts = lines
        .flat_map_into(|line, out| out.extend(words(line).map(W::from)))
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b);
    let theirs = summaries.clone();
    counts.foreach_rdd(move |counts| {
        let partitions = counts.glom().map(|counts| {
            let mut summary = Summary::default();
            counts.iter().for_each(|(word, count)| summary.add(word.as_ref(), *count));
            summary
        });
        let mut summary = Summary::default();
        partitions.collect()?.into_iter().for_each(|partition| summary.merge(partition));
        theirs.lock().unwrap_or_else(PoisonError::into_inner).push(summary);
        Ok::<(), JobError>(())
    });

    let costs = Arc::new(Mutex::new(Vec::new()));
    let theirs = costs.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            add_costs(&mut theirs.lock().unwrap_or_else(PoisonError::into_inner), &info.costs);
        }
    });

    let running = ssc.start()?;
    let mut done = Vec::new();
    for batch in 1..=job.batches.len() {
        let started = Instant::now();
        clock.advance(seconds(1));
        ensure!(running.wait_for_batches(batch as u64, PATIENCE), "batch {batch} was not done within {PATIENCE:?}");
        let finished = Instant::now();
        let summary = summaries.lock().unwrap_or_else(PoisonError::into_inner).last().copied().unwrap_or_default();
        done.push(BatchDone { started, finished, summary });
    }
    running.stop(Stop::Immediate)?;
    let costs = std::mem::take(&mut *costs.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Done { batches: done, operators: costs.iter().map(operator_time).collect() })
}

fn operator_time(cost: &OperatorCost) -> OperatorTime {
    let ns_per_record = cost.busy.as_nanos() as f64 / cost.records.max(1) as f64;
    OperatorTime { operator: cost.site.operator.to_owned(), records: cost.records, ns_per_record }
}

/// Batches come when the benchmark says so; what they cost is measured in real time.
#[derive(Debug)]
struct HandTurned {
    turned: ManualClock,
    real: SystemClock,
}

impl Clock for HandTurned {
    fn now(&self) -> Time {
        self.turned.now()
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }

    fn sleep_until(&self, time: Time) -> futures::future::BoxFuture<'static, ()> {
        self.turned.sleep_until(time)
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'static, ()> {
        self.turned.sleep(duration)
    }
}

/// The job's batches, one after another.
struct Script {
    batches: Vec<&'static [String]>,
    next: usize,
    partitions: usize,
}

impl InputStream<String> for Script {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<String>>, JobError> {
        let lines = self.batches.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        let node = InMemory { id: inputs.scope.core().next_rdd(), lines, partitions: self.partitions };
        Ok(Some(Rdd::new(Arc::new(node), inputs.scope.clone())))
    }
}

/// Lines that lie in memory: a dataset that copies nothing before it is asked.
struct InMemory {
    id: RddId,
    lines: &'static [String],
    partitions: usize,
}

impl Lineage for InMemory {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.partitions
    }

    fn requirements(&self, _: usize) -> Vec<Requirement> {
        Vec::new()
    }
}

impl RddNode<String> for InMemory {
    fn compute(&self, partition: usize, _: &TaskContext, out: &mut dyn Sink<String>) -> Flow {
        let share = self.lines.len().div_ceil(self.partitions);
        let lines = self.lines.chunks(share.max(1)).nth(partition).unwrap_or_default();
        push_all(lines, out)
    }
}
