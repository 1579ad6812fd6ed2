//! Which batch every received block belongs to.
//!
//! The ledger is event-sourced: [`Ledger::apply`] is the only thing that changes it, and the live path and recovery
//! both go through it. A ledger is therefore a function of its events, and replaying the log gives the ledger that
//! wrote it.
//!
//! **Life of a block.** Received and *unallocated*, in order of arrival within its stream; *allocated* to a batch,
//! together with everything that was unallocated then; free once that batch is *done* and *forgotten*.
//!
//! **Guarantees.** B-1: a block belongs to exactly one batch. Batches are allocated in order of time, each once:
//! asking again for a batch that is not newer than the last plans nothing. A batch that is not done is never
//! forgotten, however far later batches have come. Streams are forgotten each at its own pace: a window over one does
//! not hold the blocks of another. An event that is refused changes nothing.
//!
//! **Use.** Plan an event from the ledger, log it, apply it, then answer (B-2: an allocation is logged before it is
//! visible). [`log_then_apply`] does it in that order. When the log fails, the ledger is as it was and the blocks are
//! still unallocated.

mod error;
mod event;
mod log;
mod restore;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::ids::{BlockId, StreamId};
use crate::time::Time;
pub use error::LedgerError;
pub use event::{Allocation, BlockInfo, Horizon, LedgerEvent};
pub use log::{EventError, LedgerLog, LedgerLogError, LogRecord, MemoryLog, When, log_then_apply};

/// Received blocks and the batches they belong to.
///
/// What it holds is bounded by what is unprocessed or not yet forgotten; it does not grow with uptime.
///
/// ```
/// use waterwheel_runtime::block::{BlockInfo, Ledger, LedgerEvent};
/// use waterwheel_runtime::ids::{BlockId, StreamId};
/// use waterwheel_runtime::time::Time;
///
/// let mut ledger = Ledger::new();
/// let id = BlockId { stream: StreamId(0), sequence: 0 };
/// ledger.apply(&LedgerEvent::BlockAdded { block: BlockInfo { id, records: 10, bytes: 80 } })?;
///
/// let first = Time::from_millis(1_000);
/// let event = ledger.plan_allocation(first).ok_or("nothing to plan")?;
/// ledger.apply(&event)?;
/// assert_eq!(ledger.allocated(first).map(|allocation| allocation.records()), Some(10));
/// assert!(ledger.plan_allocation(first).is_none(), "a batch is allocated once");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Streams that have unallocated blocks, each with them in order of arrival.
    unallocated: BTreeMap<StreamId, VecDeque<BlockInfo>>,
    /// Batches that are allocated and not done.
    pending: BTreeMap<Time, Allocation>,
    /// Batches that are done and not forgotten.
    done: BTreeMap<Time, Allocation>,
    /// The last horizon: what lies before it has been looked through.
    horizon: Option<Horizon>,
    /// Every block in one of the three, so that none is added twice. Found anew by `renamed` when the ledger was decoded.
    #[serde(skip)]
    known: HashSet<BlockId, RandomState>,
    last_allocated: Option<Time>,
    unprocessed_bytes: u64,
}

impl Ledger {
    /// A ledger in which nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event as fact. An event that cannot follow what has happened so far is refused and changes nothing.
    pub fn apply(&mut self, event: &LedgerEvent) -> Result<(), LedgerError> {
        self.check(event)?;
        match event {
            LedgerEvent::BlockAdded { block } => self.add(*block),
            LedgerEvent::BatchAllocated(allocation) => self.allocate(allocation),
            LedgerEvent::BatchDone { batch } => self.finish(*batch),
            LedgerEvent::BatchesForgotten(horizon) => self.forget(horizon),
        }
        Ok(())
    }

    /// Whether [`apply`](Self::apply) would take the event: what must not be logged is found before it is logged.
    ///
    /// A block that was added before is known as long as its batch is not forgotten.
    pub fn check(&self, event: &LedgerEvent) -> Result<(), LedgerError> {
        self.check_after(event, None)
    }

    /// [`check`](Self::check) of an event that comes together with the one that says that the batch `done` is done.
    fn check_after(&self, event: &LedgerEvent, done: Option<Time>) -> Result<(), LedgerError> {
        match event {
            LedgerEvent::BlockAdded { block } => match self.known.contains(&block.id) {
                true => Err(LedgerError::DuplicateBlock { block: block.id }),
                false => Ok(()),
            },
            LedgerEvent::BatchAllocated(allocation) => self.check_allocation(allocation),
            LedgerEvent::BatchDone { batch } if self.pending.contains_key(batch) => Ok(()),
            LedgerEvent::BatchDone { batch } => Err(LedgerError::NotPending { batch: *batch }),
            LedgerEvent::BatchesForgotten(Horizon { before, .. }) => match self.oldest_pending_but(done) {
                Some(batch) if batch < *before => Err(LedgerError::NotDone { batch, before: *before }),
                _ => Ok(()),
            },
        }
    }

    /// The allocation of everything unallocated to `batch`, an empty one when there is nothing; `None` when the batch
    /// is not newer than the last allocated.
    pub fn plan_allocation(&self, batch: Time) -> Option<LedgerEvent> {
        self.plan_allocation_within(batch, &BTreeMap::new())
    }

    /// As [`plan_allocation`](Self::plan_allocation), but of a stream in `limits` only the oldest blocks, as long as those before
    /// them hold fewer records: none if that is 0. The others wait for the next batch.
    pub fn plan_allocation_within(&self, batch: Time, limits: &BTreeMap<StreamId, u64>) -> Option<LedgerEvent> {
        if self.last_allocated.is_some_and(|last| batch <= last) {
            return None;
        }
        let taken = |(stream, queue): (&StreamId, &VecDeque<BlockInfo>)| {
            let most = limits.get(stream).copied().unwrap_or(u64::MAX);
            let mut before = 0_u64;
            let fits = |block: &&BlockInfo| {
                let fits = before < most;
                before = before.saturating_add(block.records);
                fits
            };
            (*stream, queue.iter().take_while(fits).copied().collect::<Vec<_>>())
        };
        let blocks = self.unallocated.iter().map(taken).filter(|(_, blocks)| !blocks.is_empty()).collect();
        Some(LedgerEvent::BatchAllocated(Allocation { batch, blocks }))
    }

    /// The end of everything past `horizon`, as far as it may be forgotten: up to the oldest batch that is not done
    /// (SPARK-6222). `None` when there is nothing to forget.
    pub fn plan_forget(&self, horizon: &Horizon) -> Option<LedgerEvent> {
        let horizon = self.oldest_pending().map_or_else(|| horizon.clone(), |oldest| horizon.until(oldest));
        let anything = self.ends_before(&horizon) || self.freed_by(&horizon).next().is_some();
        anything.then_some(LedgerEvent::BatchesForgotten(horizon))
    }

    /// What makes `batch` done and ends everything past `horizon`, as far as that may be: the events, and the blocks that
    /// they set free.
    pub fn plan_commit(&self, batch: Time, horizon: &Horizon) -> (Vec<LedgerEvent>, Vec<BlockId>) {
        let oldest = self.oldest_pending_but(Some(batch));
        let horizon = oldest.map_or_else(|| horizon.clone(), |oldest| horizon.until(oldest));
        let theirs = self.pending.get(&batch).into_iter().flat_map(Allocation::all_blocks);
        let past = theirs.filter(|block| horizon.is_past(block.id.stream, batch));
        let freed: Vec<BlockId> = self.freed_by(&horizon).chain(past).map(|block| block.id).collect();
        let mut events = vec![LedgerEvent::BatchDone { batch }];
        if !freed.is_empty() || batch < horizon.before || self.ends_before(&horizon) {
            events.push(LedgerEvent::BatchesForgotten(horizon));
        }
        (events, freed)
    }

    /// The blocks that forgetting what is past `horizon` sets free, oldest batch of a stream first. Asked before the
    /// event is applied.
    pub fn freed_by(&self, horizon: &Horizon) -> impl Iterator<Item = &BlockInfo> {
        self.streams_past(horizon).flat_map(|(batch, stream)| {
            self.done.get(&batch).map(|allocation| allocation.of_stream(stream)).unwrap_or_default()
        })
    }

    /// The parts of done batches that `horizon` newly ends. Looks only at batches that the last horizon had not passed, so
    /// that a long window costs no more than a short one.
    fn streams_past(&self, horizon: &Horizon) -> impl Iterator<Item = (Time, StreamId)> {
        let same_streams = |last: &&Horizon| last.kept.keys().eq(horizon.kept.keys());
        let last = self.horizon.as_ref().filter(same_streams);
        let passed = move |stream: Option<StreamId>| {
            let last = last?;
            let kept = stream.and_then(|stream| last.kept.get(&stream));
            Some(kept.map_or(last.before, |kept| last.before.min(*kept)))
        };
        let between = move |stream: Option<StreamId>, end: Time| {
            let begin = passed(stream).filter(|begin| *begin <= end);
            self.done.range((begin.map_or(Bound::Unbounded, Bound::Included), Bound::Excluded(end)))
        };
        let others = between(None, horizon.before).flat_map(|(batch, allocation)| {
            let gone = allocation.blocks.keys().filter(|stream| !horizon.kept.contains_key(stream));
            gone.map(|stream| (*batch, *stream))
        });
        let kept = horizon.kept.iter().flat_map(move |(stream, end)| {
            let past = between(Some(*stream), horizon.before.min(*end));
            past.filter(|(_, allocation)| allocation.blocks.contains_key(stream)).map(|(batch, _)| (*batch, *stream))
        });
        others.chain(kept)
    }

    /// Whether the oldest batch that is done has nothing left that `horizon` keeps.
    fn ends_before(&self, horizon: &Horizon) -> bool {
        self.done.first_key_value().is_some_and(|(batch, allocation)| {
            *batch < horizon.before && allocation.blocks.keys().all(|stream| horizon.is_past(*stream, *batch))
        })
    }

    /// The blocks of a stream that belong to no batch yet, in order of arrival.
    pub fn unallocated(&self, stream: StreamId) -> impl Iterator<Item = &BlockInfo> {
        self.unallocated.get(&stream).into_iter().flatten()
    }

    /// The blocks of all streams that belong to no batch yet.
    pub fn all_unallocated(&self) -> impl Iterator<Item = &BlockInfo> {
        self.unallocated.values().flatten()
    }

    /// Whether any stream has blocks that belong to no batch yet.
    pub fn has_unallocated(&self) -> bool {
        !self.unallocated.is_empty()
    }

    /// The blocks of a batch, done or not; `None` when it was never allocated or is forgotten.
    pub fn allocated(&self, batch: Time) -> Option<&Allocation> {
        self.pending.get(&batch).or_else(|| self.done.get(&batch))
    }

    /// The newest batch that was allocated, forgotten or not.
    pub fn last_allocated(&self) -> Option<Time> {
        self.last_allocated
    }

    /// The batches that are allocated and not done, oldest first: what a recovered context runs before anything new.
    pub fn pending_batches(&self) -> impl Iterator<Item = &Allocation> {
        self.pending.values()
    }

    /// The batches that are done and not forgotten, oldest first: what windows may still read.
    pub fn done_batches(&self) -> impl Iterator<Item = &Allocation> {
        self.done.values()
    }

    /// The bytes of all blocks whose batch is not done or that have none yet.
    pub fn unprocessed_bytes(&self) -> u64 {
        self.unprocessed_bytes
    }

    fn oldest_pending(&self) -> Option<Time> {
        self.oldest_pending_but(None)
    }

    fn oldest_pending_but(&self, done: Option<Time>) -> Option<Time> {
        self.pending.keys().copied().find(|batch| Some(*batch) != done)
    }

    fn check_allocation(&self, allocation: &Allocation) -> Result<(), LedgerError> {
        let batch = allocation.batch;
        if let Some(last) = self.last_allocated
            && batch <= last
        {
            return Err(LedgerError::NotNewer { batch, last });
        }
        for (stream, blocks) in &allocation.blocks {
            let mut waiting = self.unallocated(*stream);
            if let Some(block) = blocks.iter().find(|block| waiting.next() != Some(block)) {
                return Err(LedgerError::NotNext { batch, stream: *stream, block: block.id });
            }
        }
        Ok(())
    }

    fn add(&mut self, block: BlockInfo) {
        self.known.insert(block.id);
        self.unallocated.entry(block.id.stream).or_default().push_back(block);
        self.unprocessed_bytes = self.unprocessed_bytes.saturating_add(block.bytes);
    }

    fn allocate(&mut self, allocation: &Allocation) {
        for (stream, blocks) in &allocation.blocks {
            if let Some(queue) = self.unallocated.get_mut(stream) {
                queue.drain(..blocks.len().min(queue.len()));
                if queue.is_empty() {
                    self.unallocated.remove(stream);
                }
            }
        }
        self.last_allocated = Some(allocation.batch);
        self.pending.insert(allocation.batch, allocation.clone());
    }

    fn finish(&mut self, batch: Time) {
        if let Some(allocation) = self.pending.remove(&batch) {
            self.unprocessed_bytes = self.unprocessed_bytes.saturating_sub(allocation.bytes());
            self.done.insert(batch, allocation);
        }
    }

    fn forget(&mut self, horizon: &Horizon) {
        let past: Vec<_> = self.streams_past(horizon).collect();
        for (batch, stream) in past {
            let blocks = self.done.get_mut(&batch).and_then(|allocation| allocation.blocks.remove(&stream));
            for block in blocks.unwrap_or_default() {
                self.known.remove(&block.id);
            }
        }
        while self.ends_before(horizon) {
            self.done.pop_first();
        }
        // What comes later is newer than anything allocated, and has not been looked through.
        self.horizon = self.last_allocated.map(|last| horizon.until(last + Duration::from_millis(1)));
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
