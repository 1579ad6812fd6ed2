//! Waterwheel turned by hand: batches that lie in memory, each run by one turn of the clock and measured in real time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use waterwheel::prelude::*;
use waterwheel::rdd::{Flow, RddNode, Sink, push_all};
use waterwheel::runtime::ids::RddId;
use waterwheel::runtime::stage::{Lineage, OperatorCost, Requirement, TaskContext, add_costs};

use crate::batches::{BatchDone, Done, OperatorTime};
use crate::count::Summary;
use crate::stats;
use crate::watched;

/// No batch takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch is this long by the clock that is turned.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// What is run, batch after batch.
pub(crate) struct Plan<'a, T: 'static> {
    /// The name of the application.
    pub(crate) name: &'a str,
    /// Processing threads.
    pub(crate) cores: usize,
    /// The batches, in order.
    pub(crate) batches: &'a [&'static [T]],
    /// Those of them whose costs are accounted for.
    pub(crate) measured: Range<usize>,
    /// Where state is kept, if there is any.
    pub(crate) checkpoint: Option<&'a Path>,
    /// With the monitor, and a page that follows it.
    pub(crate) monitored: bool,
}

/// What the outputs of the batch under way have seen.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Summary>>);

impl Seen {
    /// Takes in what an output has seen.
    pub(crate) fn add(&self, summary: Summary) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).merge(summary);
    }

    /// What they have seen so far, which is forgotten.
    pub(crate) fn take(&self) -> Summary {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The summary of counts that lie in an Rdd, made in parallel.
pub(crate) fn summary_of<W: AsRef<str> + Record>(counts: &Rdd<(W, u64)>) -> Result<Summary, JobError> {
    let add = |mut summary: Summary, (word, count): (W, u64)| {
        summary.add(word.as_ref(), count);
        summary
    };
    let merge = |mut summary: Summary, other| {
        summary.merge(other);
        summary
    };
    counts.aggregate(Summary::default(), add, merge)
}

/// Run the plan through the program that `streams` makes, whose output is the summary of every batch.
pub(crate) fn run_counting<T: Data, W: AsRef<str> + Record>(
    plan: &Plan<'_, T>,
    streams: impl for<'c> FnOnce(DStream<'c, T>) -> DStream<'c, (W, u64)>,
) -> Result<Done> {
    run(plan, |input, seen| {
        streams(input).foreach_rdd(move |counts| {
            seen.add(summary_of(&counts)?);
            Ok::<(), JobError>(())
        });
    })
}

/// Run the plan through a program with outputs of its own. A batch is done when it is committed.
pub(crate) fn run<T: Data>(plan: &Plan<'_, T>, program: impl for<'c> FnOnce(DStream<'c, T>, Seen)) -> Result<Done> {
    let clock = ManualClock::new(Time::ZERO);
    let seen = Seen::default();
    let ssc = context(plan, &clock)?;
    program(ssc.input_stream(Script::new(plan.batches, plan.cores)), seen.clone());
    let account = Arc::new(Mutex::new(Account::default()));
    let theirs = account.clone();
    let measured = plan.measured.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        let mut account = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::BatchCompleted(info) if measured.contains(&batch_index(info.batch)) => account.add(info),
            Event::StateCommitted { batch, took, .. } if measured.contains(&batch_index(*batch)) => {
                account.committing += *took;
            }
            _ => {}
        }
    });

    let running = watched::start(ssc, plan.monitored)?;
    let mut done = Vec::new();
    let (mut written, mut rss_mb) = (0, 0.0);
    for batch in 0..plan.batches.len() {
        if batch == plan.measured.start {
            written = stats::bytes_written()?;
        }
        let started = Instant::now();
        next_batch(&running, &clock, batch as u64 + 1)?;
        done.push(BatchDone { started, finished: Instant::now(), summary: seen.take() });
        if batch + 1 == plan.measured.end {
            written = stats::bytes_written()? - written;
            rss_mb = stats::peak_rss_mb()?;
        }
    }
    running.stop(Stop::Immediate)?;
    running.end()?;
    let account = std::mem::take(&mut *account.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(account.of(done, written, rss_mb))
}

/// A context whose batches come when `clock` is turned.
pub(crate) fn context<T>(plan: &Plan<'_, T>, clock: &ManualClock) -> Result<StreamingContext> {
    let measuring = HandTurned { turned: clock.clone(), real: SystemClock::new() };
    let mut config = Config::local(plan.name).with_cores(plan.cores).with_handle_signals(false);
    watched::configure(&mut config)?;
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(measuring))?;
    plan.checkpoint.into_iter().for_each(|dir| ssc.checkpoint(dir));
    Ok(ssc)
}

/// Turn the clock by a batch, and wait until as many as `batch` are done.
pub(crate) fn next_batch(running: &RunningContext, clock: &ManualClock, batch: u64) -> Result<()> {
    clock.advance(INTERVAL);
    if !running.wait_for_batches(batch, PATIENCE) {
        running.await_termination_or_timeout(Duration::ZERO)?; // The fault, if there is one.
        bail!("batch {batch} was not done within {PATIENCE:?}");
    }
    Ok(())
}

/// The place of a batch in the script: the first comes after one interval.
fn batch_index(batch: Time) -> usize {
    usize::try_from(batch.millis() / INTERVAL.as_millis() as i64 - 1).unwrap_or_default()
}

/// Where the time of the measured batches went.
#[derive(Default)]
struct Account {
    batches: u32,
    costs: Vec<OperatorCost>,
    processing: Duration,
    committing: Duration,
    outputs: BTreeMap<String, Duration>,
}

impl Account {
    fn add(&mut self, info: &BatchInfo) {
        self.batches += 1;
        add_costs(&mut self.costs, &info.costs);
        self.processing += info.processing_delay.unwrap_or_default();
        for output in info.outputs.values() {
            *self.outputs.entry(output.site.operator.to_owned()).or_default() += output.duration;
        }
    }

    fn of(self, batches: Vec<BatchDone>, written: u64, rss_mb: f64) -> Done {
        let ms = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(self.batches.max(1));
        let outputs: Duration = self.outputs.values().sum();
        let mut phases: BTreeMap<String, f64> =
            self.outputs.iter().map(|(operator, time)| (operator.clone(), ms(*time))).collect();
        phases.insert("generating".to_owned(), ms(self.processing.saturating_sub(outputs)));
        if self.committing > Duration::ZERO {
            phases.insert("committing".to_owned(), ms(self.committing));
        }
        let operators = self.costs.iter().map(operator_time).collect();
        Done { batches, operators, phases, written, rss_mb: Some(rss_mb) }
    }
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
pub(crate) struct Script<T: 'static> {
    batches: Vec<&'static [T]>,
    next: usize,
    partitions: usize,
}

impl<T> Script<T> {
    /// Each batch in as many partitions as there are cores.
    pub(crate) fn new(batches: &[&'static [T]], cores: usize) -> Self {
        Self { batches: batches.to_vec(), next: 0, partitions: cores }
    }
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
