//! A transactional store in memory, which outlives the processes that write to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use waterwheel_operators::outcome::BoxError;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// The most real time that a test waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What goes wrong in one call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// Nothing was done, and it says so.
    Before,
    /// It was done, and the answer says that it was not.
    After,
    /// It panics, and nothing was done.
    Panics,
    /// The process dies before it is done.
    DiesBefore,
    /// The process dies when it is done.
    DiesAfter,
}

/// One call, with the time on the engine's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) batch: Time,
    pub(crate) partition: usize,
    pub(crate) at: Time,
}

type Script = Box<dyn FnMut(&Call) -> Option<Fails> + Send>;

#[derive(Default)]
struct Inner {
    prepared: BTreeMap<TransactionId, Vec<i64>>,
    visible: Vec<(Time, Vec<i64>)>,
    calls: Vec<Call>,
    script: Option<Script>,
    clock: Option<ManualClock>,
    dead: bool,
}

/// Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Inner>>);

impl Store {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What goes wrong from now on.
    pub(crate) fn script(&self, script: impl FnMut(&Call) -> Option<Fails> + Send + 'static) {
        self.lock().script = Some(Box::new(script));
    }

    /// What everybody sees, batch by batch, in the order in which it became visible.
    pub(crate) fn visible(&self) -> Vec<(Time, Vec<i64>)> {
        self.lock().visible.clone()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls in short.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = |call: &Call| match call.what {
            "prepare" => format!("prepare {}-{}", call.batch.millis(), call.partition),
            what => format!("{what} {}", call.batch.millis()),
        };
        self.calls().iter().map(told).collect()
    }

    /// What is prepared and neither committed nor given up.
    pub(crate) fn prepared(&self) -> Vec<String> {
        self.lock().prepared.keys().map(ToString::to_string).collect()
    }

    /// Whether the process that wrote to it has died.
    pub(crate) fn dead(&self) -> bool {
        self.lock().dead
    }

    /// A process begins that writes to it.
    pub(crate) fn process(&self, clock: &ManualClock) {
        let mut inner = self.lock();
        (inner.dead, inner.clock) = (false, Some(clock.clone()));
    }

    /// Does `work` unless the script says otherwise. A dead process does nothing any more.
    fn call(
        &self,
        what: &'static str,
        batch: Time,
        partition: usize,
        work: impl FnOnce(&mut Inner),
    ) -> Result<(), BoxError> {
        let mut inner = self.lock();
        if inner.dead {
            return Err("the process is dead".into());
        }
        let at = inner.clock.as_ref().map_or(Time::ZERO, Clock::now);
        let call = Call { what, batch, partition, at };
        inner.calls.push(call.clone());
        let fails = inner.script.as_mut().and_then(|script| script(&call));
        match fails {
            Some(Fails::Panics) => {
                drop(inner);
                panic!("{what} of {batch} panics")
            }
            None | Some(Fails::After | Fails::DiesAfter) => work(&mut inner),
            Some(Fails::Before | Fails::DiesBefore) => {}
        }
        inner.dead = matches!(fails, Some(Fails::DiesBefore | Fails::DiesAfter));
        fails.map_or(Ok(()), |fails| Err(format!("{what} of {batch} fails: {fails:?}").into()))
    }
}

fn show(inner: &mut Inner, batch: Time) {
    let theirs: Vec<_> = inner.prepared.keys().filter(|id| id.batch == batch).cloned().collect();
    if !theirs.is_empty() {
        let records = theirs.iter().filter_map(|id| inner.prepared.remove(id)).flatten().collect();
        inner.visible.push((batch, records));
    }
}

impl TransactionalOutput<i64> for Store {
    fn prepare(&self, id: &TransactionId, records: Vec<i64>) -> Result<(), BoxError> {
        assert_eq!(id.output.to_string(), "test/numbers");
        self.call("prepare", id.batch, id.partition, |inner| _ = inner.prepared.insert(id.clone(), records))
    }

    fn commit(&self, _: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.call("commit", batch, 0, |inner| show(inner, batch))
    }

    fn abort(&self, _: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.call("abort", batch, 0, |inner| inner.prepared.retain(|id, _| id.batch != batch))
    }

    fn recover(&self, _: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
        self.call("recover", committed.unwrap_or(Time::ZERO), 0, |inner| {
            let batches: Vec<Time> = inner.prepared.keys().map(|id| id.batch).collect();
            batches.iter().filter(|batch| Some(**batch) <= committed).for_each(|batch| show(inner, *batch));
            inner.prepared.clear();
        })
    }
}

pub(crate) fn time(batch: i64) -> Time {
    Time::from_millis(1000 * batch)
}

/// The records of a batch.
pub(crate) fn records(batch: i64) -> Vec<i64> {
    (0..4).map(|n| 10 * batch + n).collect()
}

/// A process whose batches have the [`records`] of their number, the first one that of `first`, and that writes them to `store`.
pub(crate) fn start(store: &Store, policy: FailurePolicy, first: i64) -> (RunningContext, ManualClock, u32) {
    let clock = ManualClock::new(time(first - 1));
    store.process(&clock);
    let config = Config::local("test").with_cores(1).with_handle_signals(false).with_failure_policy(policy);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    let numbers = ssc.input_stream(Scripted::new((first..first + 40).map(records)));
    let line = line!() + 1;
    numbers.transactional_output("numbers", store.clone());
    (ssc.start().unwrap(), clock, line)
}

/// Turns the clock until `done`, at most a hundred batches.
pub(crate) fn turn(running: &RunningContext, clock: &ManualClock, mut done: impl FnMut() -> bool) {
    for _ in 0..100 {
        if done() || running.state() == ContextState::Stopped {
            return;
        }
        let waiting = running.batches_completed() + 1;
        clock.advance(seconds(1));
        // A batch that waits for its retry does not come by itself.
        running.wait_for_batches(waiting, Duration::from_millis(10));
    }
    panic!("a hundred seconds have not been enough");
}
