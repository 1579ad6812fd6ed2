//! The actor that turns the wheel: one tick for every interval, in order.

use super::resume::Ticks;
use super::scheduler::{BatchScheduler, Tick};
use crate::clock::SharedClock;
use crate::faults::{Fault, Faults, Sentinel};
use crate::time::Time;
use crate::topology::TICKER_MAILBOX;
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use std::cell::RefCell;
use std::rc::Rc;

/// Ticks at zero time + n x interval. Each tick waits until the one before was taken, so a scheduler that is behind holds the
/// ticker up, and the ticks it missed follow one after another.
pub struct BatchTicker {
    clock: SharedClock,
    ticks: Rc<RefCell<Ticks>>,
    scheduler: Addr<BatchScheduler>,
    faults: Faults,
}

impl BatchTicker {
    /// A ticker of `ticks`.
    pub fn new(clock: SharedClock, ticks: Ticks, scheduler: Addr<BatchScheduler>, faults: Faults) -> BatchTicker {
        BatchTicker { clock, ticks: Rc::new(RefCell::new(ticks)), scheduler, faults }
    }
}

impl Actor for BatchTicker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(TICKER_MAILBOX);
        let (clock, ticks) = (self.clock.clone(), self.ticks.clone());
        let (scheduler, faults) = (self.scheduler.clone(), self.faults.clone());
        let sentinel = Sentinel::new("batch ticker", faults.clone());
        let ticking = async move {
            let _sentinel = sentinel;
            loop {
                let batch = ticks.borrow().next();
                clock.sleep_until(batch).await;
                ticks.borrow_mut().advance();
                if scheduler.send(Tick { batch }).await.is_err() {
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
        MessageResult(self.ticks.borrow().next())
    }
}
