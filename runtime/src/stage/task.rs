//! One attempt at one partition: what it may touch, what it reports, and the wall that user panics stop at.

use super::update::{Updates, gathered};
use crate::block::{Erased, ErasedCodec, StorageLevel};
use crate::clock::SharedClock;
use crate::error::{Place, TaskError, panic_message};
use crate::ids::{BlockId, ContextId, RddId, ShuffleId};
use crate::site::Site;
use crate::time::Time;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Everything a task reads from outside, fetched before it runs: a task computes, it never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InputId {
    /// A block of received records.
    Block(ContextId, BlockId),
    /// A merged target partition of a shuffle.
    Shuffle(ShuffleId, usize),
    /// A persisted partition of a dataset.
    Cached(RddId, usize),
}

/// A partition to be handed to the block manager when its task succeeds.
pub struct CachedPartition {
    /// The persisted dataset.
    pub rdd: RddId,
    /// Its partition.
    pub partition: usize,
    /// Where it is kept.
    pub level: StorageLevel,
    /// The records, as `Vec<Vec<T>>`.
    pub data: Erased,
    /// How the records are written to bytes.
    pub codec: ErasedCodec,
    /// Number of records.
    pub records: usize,
    /// Estimated bytes in memory.
    pub bytes: usize,
}

/// What one operator cost one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorCost {
    /// The operator.
    pub site: Site,
    /// Records that went in.
    pub records: u64,
    /// Time spent in the operator itself, not in those after it.
    pub busy: Duration,
}

/// Adds `more` to `costs`, operator by operator.
pub fn add_costs(costs: &mut Vec<OperatorCost>, more: &[OperatorCost]) {
    for cost in more {
        match costs.iter_mut().find(|known| known.site == cost.site) {
            Some(known) => {
                known.records += cost.records;
                known.busy += cost.busy;
            }
            None => costs.push(*cost),
        }
    }
}

/// Set once; every task of a job looks at it between chunks.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
    /// Those that this one is part of.
    parent: Option<Arc<CancelToken>>,
}

impl CancelToken {
    /// Asks everything that looks at this token, or at a child of it, to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether this token or one above it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// A token that can be cancelled alone, and is cancelled with this one.
    pub fn child(&self) -> CancelToken {
        CancelToken { cancelled: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }
}

/// What a running task may look at and report to. One per attempt; stays on its thread.
pub struct TaskContext {
    place: Place,
    clock: SharedClock,
    cancel: CancelToken,
    inputs: RefCell<HashMap<InputId, Erased>>,
    running: Cell<Option<Site>>,
    costs: RefCell<Vec<OperatorCost>>,
    cached: RefCell<Vec<CachedPartition>>,
    updates: RefCell<Updates>,
}

impl TaskContext {
    /// A context for one attempt at `partition`.
    pub fn new(partition: usize, batch: Option<Time>, clock: SharedClock, cancel: CancelToken) -> TaskContext {
        TaskContext {
            place: Place { partition, batch },
            clock,
            cancel,
            inputs: RefCell::default(),
            running: Cell::new(None),
            costs: RefCell::default(),
            cached: RefCell::default(),
            updates: RefCell::default(),
        }
    }

    /// The partition that is computed.
    pub fn partition(&self) -> usize {
        self.place.partition
    }

    /// The batch the task runs for.
    pub fn batch(&self) -> Option<Time> {
        self.place.batch
    }

    /// Makes `data` readable under `id`.
    pub fn provide(&self, id: InputId, data: Erased) {
        self.inputs.borrow_mut().insert(id, data);
    }

    /// The input `id`, if it was provided.
    pub fn input(&self, id: InputId) -> Option<Erased> {
        self.inputs.borrow().get(&id).cloned()
    }

    /// Runs user code of `site` over `records` records: a panic inside is told with this site, the time is added to its cost.
    ///
    /// # Errors
    /// [`TaskError::Cancelled`] when the job was cancelled; the user code is then not run.
    pub fn run<R>(&self, site: Site, records: usize, user: impl FnOnce() -> R) -> Result<R, TaskError> {
        if self.cancel.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        let outer = self.running.replace(Some(site));
        let start = self.clock.monotonic();
        let result = user();
        let busy = self.clock.monotonic().saturating_sub(start);
        self.running.set(outer);
        add_costs(&mut self.costs.borrow_mut(), &[OperatorCost { site, records: records as u64, busy }]);
        Ok(result)
    }

    /// A fault of `site` in this task.
    pub fn failed(&self, site: Site, cause: impl std::fmt::Display) -> TaskError {
        TaskError::Failed { site, place: self.place, message: cause.to_string() }
    }

    /// Hands a computed partition to the block manager, once the task has succeeded.
    pub fn keep(&self, partition: CachedPartition) {
        self.cached.borrow_mut().push(partition);
    }

    /// What the operators of this task have cost so far.
    pub fn costs(&self) -> Vec<OperatorCost> {
        self.costs.borrow().clone()
    }

    /// Takes the partitions that were handed to [`keep`](TaskContext::keep).
    pub fn take_kept(&self) -> Vec<CachedPartition> {
        std::mem::take(&mut self.cached.borrow_mut())
    }

    /// Takes what the task has gathered to change outside itself: [`apply`](Updates::apply) it when the task has succeeded.
    pub fn take_updates(&self) -> Updates {
        std::mem::take(&mut self.updates.borrow_mut())
    }

    /// Applies what the task has gathered so far: what it has done until now will not be done again.
    ///
    /// # Errors
    /// As [`Updates::apply`].
    pub fn apply_updates(&self) -> Result<(), TaskError> {
        self.take_updates().apply(self.place)
    }

    /// Runs the whole of a task; a panic in it becomes a [`TaskError::Panicked`] that names the operator whose code was running.
    ///
    /// `fallback` is named when the panic came from outside any operator's code.
    pub fn guard<R>(
        &self,
        fallback: Site,
        body: impl FnOnce(&TaskContext) -> Result<R, TaskError>,
    ) -> Result<R, TaskError> {
        let (outcome, gathered) = gathered(|| mark_inside(|| catch_unwind(AssertUnwindSafe(|| body(self)))));
        let result = outcome.unwrap_or_else(|payload| {
            let site = self.running.take().unwrap_or(fallback);
            Err(TaskError::Panicked { site, place: self.place, message: panic_message(&*payload) })
        })?;
        self.updates.borrow_mut().append(gathered);
        Ok(result)
    }
}

thread_local! {
    static INSIDE_TASK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, which catches its panics, as code of a task.
pub(super) fn mark_inside<R>(body: impl FnOnce() -> R) -> R {
    let outside = INSIDE_TASK.replace(true);
    let result = body();
    INSIDE_TASK.set(outside);
    result
}

/// Whatever the calling thread runs counts as a task from here on: for the thread that actions need to get on.
pub(crate) fn forbid_actions_here() {
    INSIDE_TASK.set(true);
}

/// Whether the calling thread is inside a task, where no action may be called.
pub fn inside_task() -> bool {
    INSIDE_TASK.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn context() -> TaskContext {
        let clock = Arc::new(ManualClock::new(Time::ZERO));
        TaskContext::new(3, Some(Time::from_millis(1000)), clock, CancelToken::default())
    }

    #[test]
    fn a_panic_names_the_operator_whose_closure_was_running() {
        let task = context();
        let (outer, inner) = (Site::here("flat_map"), Site::here("map"));
        let error = task.guard(outer, |task| task.run(inner, 1, || -> i32 { panic!("no such word") })).unwrap_err();
        assert_eq!(error.to_string(), format!("{inner} panicked in partition 3 of batch 1000 ms: no such word"));
        assert!(!inside_task());
    }

    #[test]
    fn a_panic_outside_any_operator_names_the_fallback() {
        let site = Site::here("collect");
        let error = context().guard(site, |_| -> Result<(), TaskError> { panic!("{}", 7) }).unwrap_err();
        assert!(
            matches!(error, TaskError::Panicked { site: named, ref message, .. } if named == site && message == "7")
        );
    }

    #[test]
    fn user_code_does_not_run_once_the_job_is_cancelled() {
        let cancel = CancelToken::default();
        cancel.cancel();
        let task = TaskContext::new(0, None, Arc::new(ManualClock::new(Time::ZERO)), cancel);
        assert!(matches!(task.run(Site::here("map"), 1, || ()), Err(TaskError::Cancelled)));
    }

    #[test]
    fn costs_add_up_per_operator() {
        let task = context();
        let site = Site::here("map");
        for records in [2, 3] {
            task.run(site, records, || ()).unwrap();
        }
        assert_eq!(task.costs(), [OperatorCost { site, records: 5, busy: Duration::ZERO }]);
    }
}
