//! What the scheduler does when a batch has ended: everything that it changed becomes fact in one record.

use super::BatchScheduler;
use crate::batch::retention::Cutoffs;
use crate::block::{BlockKey, CommitBatch, Horizon, RemoveBlocks, When};
use crate::durable::{Change, Table};
use crate::failpoint::fail_point;
use crate::faults::Fault;
use crate::time::{DurationExt, Time};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
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

impl BatchScheduler {
    /// Records a batch as done: from here on its records are processed and its changes stay.
    pub(super) fn commit(&mut self, batch: Time, ctx: &mut Context<Self>) {
        fail_point("scheduler.before_commit");
        let cutoffs = self.parts.retention.cutoffs(batch);
        let (changes, when) = match self.parts.cadence {
            Some(cadence) => (self.changes(&cutoffs), cadence.of(batch)),
            None => (Vec::new(), When::Now),
        };
        let commit = CommitBatch { batch, horizon: horizon(&cutoffs), changes, when };
        let recorded = self.parts.tracker.send(commit).into_actor(self);
        ctx.spawn(recorded.map(move |recorded, scheduler, ctx| match recorded {
            Ok(Ok(freed)) => {
                fail_point("scheduler.after_commit");
                scheduler.remove_blocks(freed, ctx);
                scheduler.committed(batch, cutoffs, ctx);
            }
            Ok(Err(error)) => scheduler.parts.faults.report(Fault::Ledger { batch, cause: error.to_string() }),
            Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "block tracker" }),
        }));
    }

    /// How the tables of the stateful operators change with the batch that is done.
    fn changes(&self, cutoffs: &Cutoffs) -> Vec<Change> {
        let of_state = |state: &crate::batch::ProgramState| {
            let table = Table::State(state.name.clone());
            let changes = state.operator.changes(cutoffs.done, cutoffs.of_node(state.node));
            changes.into_iter().map(move |change| change.of_table(table.clone())).collect::<Vec<_>>()
        };
        self.parts.state.iter().flat_map(of_state).collect()
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

/// A horizon is the first batch that is kept, a cutoff the last that is not.
fn horizon(cutoffs: &Cutoffs) -> Horizon {
    let first = |cutoff: Time| cutoff + Duration::from_millis(1);
    let longer = cutoffs.streams.iter().filter(|(_, cutoff)| **cutoff < cutoffs.done);
    Horizon { before: first(cutoffs.done), kept: longer.map(|(stream, cutoff)| (*stream, first(*cutoff))).collect() }
}
