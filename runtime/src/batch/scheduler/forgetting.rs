//! What the scheduler does once a batch is done: whatever nothing needs any more is dropped at once.

use super::BatchScheduler;
use crate::batch::program::Forgotten;
use crate::batch::retention::Cutoffs;
use crate::batch::runner::DropForgotten;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture};
use tokio::sync::oneshot;

impl BatchScheduler {
    /// Drops the datasets that are needed no more, as soon as the program is here to be asked for them.
    pub(super) fn forget(&mut self, ctx: &mut Context<Self>) {
        let Some(program) = &mut self.program else { return };
        let Some(cutoffs) = self.forget.take() else { return };
        let forgotten: Forgotten = program.forget(&cutoffs);
        if !self.drop_forgotten(forgotten, ctx) {
            self.parts.core.discard_garbage();
        }
        self.tell_if_settled();
    }

    /// Has the stateful operators give up what only a batch that is not done could still need.
    pub(super) fn forget_state(&mut self, cutoffs: &Cutoffs, ctx: &mut Context<Self>) {
        let states = self.parts.state.iter();
        let forgotten: Forgotten =
            states.flat_map(|state| state.operator.committed(cutoffs.done, cutoffs.of_node(state.node))).collect();
        self.drop_forgotten(forgotten, ctx);
    }

    /// Has data of the user's dropped where that may take its time.
    fn drop_forgotten(&mut self, forgotten: Forgotten, ctx: &mut Context<Self>) -> bool {
        let runner = self.free_runners.last().copied().unwrap_or(0);
        let Some(runner) = self.parts.runners.get(runner).filter(|_| !forgotten.is_empty()) else { return false };
        let dropped = runner.send(DropForgotten { forgotten }).into_actor(self);
        self.leaving += 1;
        ctx.spawn(dropped.map(|_, scheduler, _| {
            // Only now is it known which shuffles and persisted partitions nobody holds any more.
            scheduler.parts.core.discard_garbage();
            scheduler.left();
        }));
        true
    }

    pub(super) fn left(&mut self) {
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
