//! The actor that turns the wheel: one tick for every batch, none left out, in order.

use super::scheduler::{BatchScheduler, Tick};
use super::ticks::Ticks;
use crate::clock::SharedClock;
use crate::faults::{Fault, Faults, Sentinel};
use crate::mailbox::Post;
use crate::time::Time;
use crate::topology::TICKER_MAILBOX;
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use std::cell::Cell;
use std::rc::Rc;

/// Ticks at the times of batches. Each tick waits until the one before was taken, so a scheduler that is behind holds the
/// ticker up, and the ticks it missed follow one after another.
pub struct BatchTicker {
    clock: SharedClock,
    ticks: Ticks,
    next: Rc<Cell<Time>>,
    scheduler: Post<BatchScheduler>,
    faults: Faults,
}

impl BatchTicker {
    /// A ticker at the times of `ticks`.
    pub fn new(clock: SharedClock, ticks: Ticks, scheduler: Post<BatchScheduler>, faults: Faults) -> BatchTicker {
        let next = Rc::new(Cell::new(ticks.first()));
        BatchTicker { clock, ticks, next, scheduler, faults }
    }
}

impl Actor for BatchTicker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(TICKER_MAILBOX);
        let (clock, ticks, next) = (self.clock.clone(), self.ticks.clone(), self.next.clone());
        let (scheduler, faults) = (self.scheduler.clone(), self.faults.clone());
        let sentinel = Sentinel::new("batch ticker", faults.clone());
        let ticking = async move {
            let _sentinel = sentinel;
            loop {
                let batch = next.get();
                clock.sleep_until(batch).await;
                next.set(ticks.after(batch));
                if scheduler.send(Tick { batch, last: false }).await.is_err() {
                    return faults.report(Fault::ActorGone { actor: "batch scheduler" });
                }
            }
        };
        ctx.spawn(ticking.into_actor(self));
    }
}

/// Ends the ticking. Answers with the time of the tick that would have come next.
#[derive(Message)]
#[rtype(result = "Time")]
pub struct StopTicker;

impl Handler<StopTicker> for BatchTicker {
    type Result = MessageResult<StopTicker>;

    fn handle(&mut self, _: StopTicker, ctx: &mut Self::Context) -> Self::Result {
        ctx.stop();
        MessageResult(self.next.get())
    }
}
