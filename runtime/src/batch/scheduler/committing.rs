//! What the scheduler does when a batch has ended: everything that it changed becomes fact in one record.

use super::BatchScheduler;
use crate::batch::program::{Generated, MemoryChange, MemoryChanges, ProgramState, Ranges};
use crate::batch::retention::Cutoffs;
use crate::block::{BlockKey, BlockTracker, CommitBatch, Horizon, LogChanges, RemoveBlocks, When};
use crate::durable::{Change, Table, keys};
use crate::error::JobError;
use crate::event::{Event, StateInfo};
use crate::failpoint::fail_point;
use crate::faults::Fault;
use crate::mailbox::Post;
use crate::state::StateChange;
use crate::time::{DurationExt, Time};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Which batches are made durable at once; those between go with the next of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Batches are at zero + n x interval.
    pub zero: Time,
    /// A batch is made durable at zero + n x this.
    pub every: Duration,
}

impl Cadence {
    fn of(self, batch: Time) -> When {
        if batch.since(self.zero).is_multiple_of(self.every) { When::Now } else { When::WithNextCommit }
    }
}

/// What replayable sources read in which batch, as far as it is logged.
#[derive(Debug, Clone, Default)]
pub struct LoggedRanges {
    /// By source, with its position in the graph: the batches whose range is logged.
    sources: Vec<(Arc<str>, usize, VecDeque<Time>)>,
}

impl LoggedRanges {
    /// The sources of a program, and the batches of which something is logged already.
    pub fn new(sources: Vec<(Arc<str>, usize)>, logged: &BTreeMap<Time, Ranges>) -> LoggedRanges {
        let times = |name: &Arc<str>| {
            logged.iter().filter(|(_, ranges)| ranges.contains_key(name)).map(|(time, _)| *time).collect()
        };
        let sources = sources.into_iter().map(|(name, node)| {
            let times = times(&name);
            (name, node, times)
        });
        LoggedRanges { sources: sources.collect() }
    }

    /// The changes that log what is read in `batch`, and what the sources remember from then on.
    fn log(&mut self, batch: Time, ranges: Ranges, memory: MemoryChanges) -> Vec<Change> {
        let mut changes = changes_of(memory);
        for (name, _, times) in &mut self.sources {
            if let Some(value) = ranges.get(name) {
                times.push_back(batch);
                changes.push(Change::Put {
                    table: Table::Offsets,
                    key: keys::offset(name, batch),
                    value: value.clone(),
                });
            }
        }
        changes
    }

    /// The changes that give up what nothing reads again: all but the last range, behind which the source goes on.
    fn give_up(&mut self, cutoffs: &Cutoffs) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, node, times) in &mut self.sources {
            let cutoff = cutoffs.of_node(*node);
            while times.len() > 1 && times.front().is_some_and(|time| *time <= cutoff) {
                if let Some(time) = times.pop_front() {
                    changes.push(Change::Delete { table: Table::Offsets, key: keys::offset(name, time) });
                }
            }
        }
        changes
    }
}

impl BatchScheduler {
    /// What replayable sources read in a batch is logged before anything reads it, together with what they remember of it, so
    /// that the two always agree; then the batch goes on.
    pub(super) fn log_ranges(
        &mut self,
        batch: Time,
        (ranges, memory): (Ranges, MemoryChanges),
        runner: usize,
        generated: Result<Generated, JobError>,
        ctx: &mut Context<Self>,
    ) {
        if let Some(live) = self.live.get_mut(&batch) {
            // Generated again, the batch reads the same.
            live.ranges.extend(ranges.clone());
        }
        if self.parts.cadence.is_none() || (ranges.is_empty() && memory.is_empty()) {
            return self.generated(batch, runner, generated, ctx);
        }
        fail_point("scheduler.before_ranges");
        let changes = self.parts.ranges.log(batch, ranges, memory);
        let logged = self.parts.tracker.send(LogChanges { changes }).into_actor(self);
        ctx.spawn(logged.map(move |logged, scheduler, ctx| match logged {
            Ok(Ok(())) => {
                fail_point("scheduler.after_ranges");
                scheduler.generated(batch, runner, generated, ctx);
            }
            Ok(Err(error)) => scheduler.parts.faults.report(Fault::Ledger { batch, cause: error.to_string() }),
            Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "block tracker" }),
        }));
    }

    /// Records a batch as done: from here on its records are processed and its changes stay.
    pub(super) fn commit(&mut self, batch: Time, ctx: &mut Context<Self>) {
        let given_up = self.to_give_up(batch);
        self.take_steps(given_up, ctx, move |scheduler, ctx| scheduler.record(batch, ctx));
    }

    fn record(&mut self, batch: Time, ctx: &mut Context<Self>) {
        fail_point("scheduler.before_commit");
        let cutoffs = self.parts.retention.cutoffs(batch);
        let (changes, written, when) = match self.parts.cadence {
            Some(cadence) => {
                let (mut changes, written) = self.changes(&cutoffs);
                changes.extend(self.parts.ranges.give_up(&cutoffs));
                (changes, written, cadence.of(batch))
            }
            None => (Vec::new(), Vec::new(), When::Now),
        };
        let commit = CommitBatch { batch, horizon: horizon(&cutoffs), changes, when };
        let begun = self.parts.clock.monotonic();
        let recorded = self.parts.tracker.send(commit).into_actor(self);
        ctx.spawn(recorded.map(move |recorded, scheduler, ctx| match recorded {
            Ok(Ok((freed, counts))) => {
                fail_point("scheduler.after_commit");
                scheduler.tell_of_commit(batch, begun, when, &written);
                scheduler.counted(batch, &counts);
                scheduler.remove_blocks(freed, ctx);
                scheduler.conclude(batch, when, ctx, move |scheduler, ctx| scheduler.committed(batch, cutoffs, ctx));
            }
            Ok(Err(error)) => scheduler.parts.faults.report(Fault::Ledger { batch, cause: error.to_string() }),
            Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "block tracker" }),
        }));
    }

    /// Tells that a batch is recorded in the checkpoint directory, if there is one, and what that `written` of each stateful operator.
    fn tell_of_commit(&self, batch: Time, begun: Duration, when: When, written: &[u64]) {
        if self.parts.cadence.is_none() {
            return;
        }
        let told = |(state, written_bytes): (&ProgramState, &u64)| {
            let keys = state.operator.stats().keys;
            StateInfo { name: state.name.to_string(), keys, written_bytes: *written_bytes }
        };
        self.tell(|| Event::StateCommitted {
            batch,
            took: self.parts.clock.monotonic().saturating_sub(begun),
            durable: when == When::Now,
            states: self.parts.state.iter().zip(written).map(told).collect(),
        });
    }

    /// How the tables of the stateful operators change with the batch that is done, and the bytes that this writes of each operator:
    /// counted here, where each change passes once, whichever batches have a version of which operator.
    fn changes(&self, cutoffs: &Cutoffs) -> (Vec<Change>, Vec<u64>) {
        let (mut all, mut written) = (Vec::new(), Vec::new());
        for state in &self.parts.state {
            let table = Table::State(state.name.clone());
            let changes = state.operator.changes(cutoffs.done, cutoffs.of_node(state.node));
            written.push(changes.iter().map(StateChange::written_bytes).sum());
            all.extend(changes.into_iter().map(|change| change.of_table(table.clone())));
        }
        (all, written)
    }

    /// Has the data of blocks dropped that are needed no more.
    fn remove_blocks(&mut self, keys: Vec<BlockKey>, ctx: &mut Context<Self>) {
        if keys.is_empty() {
            return;
        }
        let removed = self.parts.core.blocks.send(RemoveBlocks { keys }).into_actor(self);
        self.leaving += 1;
        ctx.spawn(removed.map(|_, scheduler, _| scheduler.left()));
    }
}

/// Makes durable what sources remember from their start on: a run that ends before its first batch is over has been all the same.
///
/// # Errors
/// The fault that ends the program.
pub(crate) async fn log_start(tracker: &Post<BlockTracker>, memory: MemoryChanges, zero: Time) -> Result<(), Fault> {
    let changes = changes_of(memory);
    if changes.is_empty() {
        return Ok(());
    }
    let fault = |cause| Fault::Ledger { batch: zero, cause: format!("what sources remember of their start: {cause}") };
    match tracker.send(LogChanges { changes }).await {
        Ok(logged) => logged.map_err(|error| fault(error.to_string())),
        Err(_) => Err(Fault::ActorGone { actor: "block tracker" }),
    }
}

fn changes_of(memory: MemoryChanges) -> Vec<Change> {
    let of_source = |(source, changes): (Arc<str>, Vec<MemoryChange>)| {
        changes.into_iter().map(move |change| remembered(&source, change))
    };
    memory.into_iter().flat_map(of_source).collect()
}

/// The change to the table of what sources remember.
fn remembered(source: &str, change: MemoryChange) -> Change {
    let table = Table::Memory;
    match change {
        MemoryChange::Put { key, value } => Change::Put { table, key: keys::memory(source, &key), value },
        MemoryChange::Forget { key } => Change::Delete { table, key: keys::memory(source, &key) },
    }
}

/// A horizon is the first batch that is kept, a cutoff the last that is not.
fn horizon(cutoffs: &Cutoffs) -> Horizon {
    let first = |cutoff: Time| cutoff + Duration::from_millis(1);
    let longer = cutoffs.streams.iter().filter(|(_, cutoff)| **cutoff < cutoffs.done);
    Horizon { before: first(cutoffs.done), kept: longer.map(|(stream, cutoff)| (*stream, first(*cutoff))).collect() }
}
