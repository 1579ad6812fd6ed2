//! Waterwheel turned by hand: batches that lie in memory, each run by one turn of the clock and measured in real time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waterwheel::prelude::*;
use waterwheel::rdd::{Flow, RddNode, Sink, push_all};
use waterwheel::runtime::ids::RddId;
use waterwheel::runtime::stage::{Lineage, OperatorCost, Requirement, TaskContext, add_costs};

use crate::batches::{BatchDone, Done, OperatorTime};
use crate::count::Summary;

/// No batch takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch is this long by the clock that is turned.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// Run one batch after another: each of `batches`, through the program that `streams` makes of them.
pub(crate) fn run<T: Data, W: AsRef<str> + Record>(
    name: &str,
    cores: usize,
    batches: &[&'static [T]],
    streams: impl for<'c> FnOnce(DStream<'c, T>) -> DStream<'c, (W, u64)>,
) -> Result<Done> {
    let clock = ManualClock::new(Time::ZERO);
    let measuring = HandTurned { turned: clock.clone(), real: SystemClock::new() };
    let config = Config::local(name).with_cores(cores).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(measuring))?;
    let summaries = Arc::new(Mutex::new(Vec::new()));

    let input = ssc.input_stream(Script { batches: batches.to_vec(), next: 0, partitions: cores });
    let theirs = summaries.clone();
    streams(input).foreach_rdd(move |counts| {
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
    for batch in 1..=batches.len() {
        let started = Instant::now();
        clock.advance(INTERVAL);
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
struct Script<T: 'static> {
    batches: Vec<&'static [T]>,
    next: usize,
    partitions: usize,
}

impl<T: Data> InputStream<T> for Script<T> {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        let records = self.batches.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        let node = InMemory { id: inputs.scope.core().next_rdd(), records, partitions: self.partitions };
        Ok(Some(Rdd::new(Arc::new(node), inputs.scope.clone())))
    }
}

/// Records that lie in memory: a dataset that copies nothing before it is asked.
struct InMemory<T: 'static> {
    id: RddId,
    records: &'static [T],
    partitions: usize,
}

impl<T: Data> Lineage for InMemory<T> {
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

impl<T: Data> RddNode<T> for InMemory<T> {
    fn compute(&self, partition: usize, _: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        let share = self.records.len().div_ceil(self.partitions);
        push_all(self.records.chunks(share.max(1)).nth(partition).unwrap_or_default(), out)
    }

    /// Reading it again computes nothing: no window keeps a copy.
    fn is_held(&self) -> bool {
        true
    }
}
