//! What the scheduler does once a batch is done: whatever nothing needs any more is dropped at once.

use super::BatchScheduler;
use crate::batch::program::Forgotten;
use crate::batch::retention::Cutoffs;
use crate::batch::runner::DropForgotten;
use crate::block::{Forget, Horizon, RemoveBlocks};
use crate::time::Time;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture};
use std::time::Duration;
use tokio::sync::oneshot;

impl BatchScheduler {
    /// Drops the datasets that are needed no more, as soon as the program is here to be asked for them.
    pub(super) fn forget(&mut self, ctx: &mut Context<Self>) {
        let Some(program) = &mut self.program else { return };
        let Some(cutoffs) = self.forget.take() else { return };
        let forgotten: Forgotten = program.forget(&cutoffs);
        let runner = self.free_runners.last().copied().unwrap_or(0);
        match self.parts.runners.get(runner) {
            Some(runner) if !forgotten.is_empty() => {
                let dropped = runner.send(DropForgotten { forgotten }).into_actor(self);
                self.leaving += 1;
                ctx.spawn(dropped.map(|_, scheduler, _| {
                    // Only now is it known which shuffles and persisted partitions nobody holds any more.
                    scheduler.parts.core.discard_garbage();
                    scheduler.left();
                }));
            }
            _ => self.parts.core.discard_garbage(),
        }
        self.tell_if_settled();
    }

    /// Has the blocks dropped that are needed no more.
    pub(super) fn forget_blocks(&mut self, cutoffs: &Cutoffs, ctx: &mut Context<Self>) {
        // A horizon is the first batch that is kept, a cutoff the last that is not.
        let first = |cutoff: Time| cutoff + Duration::from_millis(1);
        let longer = cutoffs.streams.iter().filter(|(_, cutoff)| **cutoff < cutoffs.done);
        let kept = longer.map(|(stream, cutoff)| (*stream, first(*cutoff))).collect();
        let horizon = Horizon { before: first(cutoffs.done), kept };
        let (tracker, blocks) = (self.parts.tracker.clone(), self.parts.core.blocks.clone());
        let forgotten = async move {
            match tracker.send(Forget { horizon }).await {
                Ok(Ok(keys)) if keys.is_empty() => {}
                Ok(Ok(keys)) => drop(blocks.send(RemoveBlocks { keys }).await),
                Ok(Err(error)) => log::warn!("{error}"),
                Err(_) => {}
            }
        };
        self.leaving += 1;
        ctx.spawn(forgotten.into_actor(self).map(|(), scheduler, _| scheduler.left()));
    }

    fn left(&mut self) {
        self.leaving -= 1;
        self.tell_if_settled();
    }

    fn tell_if_settled(&mut self) {
        if self.settled() {
            for waiting in self.settling.drain(..) {
                let _ = waiting.send(());
            }
        }
    }

    /// Whether everything that is needed no more has been dropped.
    fn settled(&self) -> bool {
        self.leaving == 0 && self.forget.is_none()
    }
}

/// Answered when what the batches done so far leave behind has been given back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settle;

impl Handler<Settle> for BatchScheduler {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Settle, _: &mut Self::Context) -> Self::Result {
        let (settled, wait) = oneshot::channel();
        if self.settled() {
            let _ = settled.send(());
        } else {
            self.settling.push(settled);
        }
        Box::pin(async move { drop(wait.await) }.into_actor(self))
    }
}
