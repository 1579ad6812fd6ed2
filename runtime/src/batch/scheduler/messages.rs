//! What a scheduler is told and asked: ticks, and questions of those who bring a context to rest.

use super::BatchScheduler;
use crate::batch::lifecycle::Work;
use crate::batch::program::Ranges;
use crate::block::AllocateBatch;
use crate::failpoint::fail_point;
use crate::faults::Fault;
use crate::receiver::CutBlock;
use crate::time::Time;
use actix::{ActorContext, ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture};
use futures::future::{Either, join_all, select};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// A batch is due. Answered when it has its blocks; later when too many batches are pending.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tick {
    /// The batch time.
    pub batch: Time,
    /// Whether it is the last one, which takes everything that is there, whatever the rates are.
    pub last: bool,
}

impl Handler<Tick> for BatchScheduler {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, msg: Tick, _: &mut Self::Context) -> Self::Result {
        let batch = msg.batch;
        // The context is about to end: what it would give to a batch now, the next run would have to compute at that batch's time.
        if self.parts.lifecycle.is_halted() {
            return Box::pin(actix::fut::ready(()));
        }
        self.allocating += 1;
        let (allocated, turn) = oneshot::channel();
        // The ticker sends one tick at a time, but the last one of a graceful stop may find another on its way.
        let before = self.last_tick.replace(turn);
        let room = (self.parts.lifecycle.len() >= self.parts.max_pending).then(|| {
            let (room, wait) = oneshot::channel();
            self.waiting_for_room.push(room);
            wait
        });
        let cuts: Vec<_> = self.parts.receivers.iter().map(|receiver| receiver.send(CutBlock)).collect();
        // A receiver whose blocks find no room for a whole interval does not hold up the batch: they go to a later one.
        let patience = self.parts.clock.sleep(self.parts.interval);
        let limits = if msg.last { BTreeMap::new() } else { self.limits() };
        let tracker = self.parts.tracker.clone();
        let allocate = async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            if let Some(room) = room {
                let _ = room.await;
            }
            if !cuts.is_empty() {
                match select(join_all(cuts), patience).await {
                    Either::Left(_) => {}
                    Either::Right(_) => log::warn!("a receiver did not hand over its block within the batch interval"),
                }
            }
            fail_point("scheduler.before_allocate");
            tracker.send(AllocateBatch { batch, limits }).await
        };
        Box::pin(allocate.into_actor(self).map(move |allocation, scheduler, ctx: &mut Context<Self>| {
            fail_point("scheduler.after_allocate");
            scheduler.allocating -= 1;
            let _ = allocated.send(());
            match allocation {
                Ok(Ok((allocation, flow))) => {
                    scheduler.submit(allocation, flow, Ranges::new(), ctx);
                    scheduler.let_in_more(ctx);
                }
                Ok(Err(error)) => scheduler.parts.faults.report(Fault::Ledger { batch, cause: error.to_string() }),
                Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "block tracker" }),
            }
        }))
    }
}

/// Answered when every batch is committed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

impl Handler<Drain> for BatchScheduler {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (drained, wait) = oneshot::channel();
        if self.drained() {
            let _ = drained.send(());
        } else {
            self.waiting_for_end.push(drained);
        }
        Box::pin(async move { drop(wait.await) }.into_actor(self))
    }
}

/// What the runners are doing, for people.
#[derive(Message)]
#[rtype(result = "String")]
pub struct RunningWork;

impl Handler<RunningWork> for BatchScheduler {
    type Result = String;

    fn handle(&mut self, _: RunningWork, _: &mut Self::Context) -> String {
        let mut running: Vec<String> = self
            .running
            .values()
            .chain(&self.concluding)
            .map(|(work, what)| {
                let (Work::Generate(batch) | Work::Output(batch, _)) = work;
                format!("batch {batch} is still in {what}")
            })
            .collect();
        running.sort();
        if running.is_empty() {
            running.push(format!("{} batches are pending", self.parts.lifecycle.len()));
        }
        running.join(", ")
    }
}

/// Cancels what runs, starts nothing more and ends the actor.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Halt;

impl Handler<Halt> for BatchScheduler {
    type Result = ();

    fn handle(&mut self, _: Halt, ctx: &mut Self::Context) {
        self.parts.cancel.cancel();
        self.parts.lifecycle.halt();
        if let Some(program) = &mut self.program {
            program.stop();
        }
        ctx.stop();
    }
}
