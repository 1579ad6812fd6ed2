//! One incarnation of an actor: made, polled, and ended, with every panic of the user's code caught.

use super::ActorSink;
use super::inbox::{Bounds, Duty, Serve, SharedInbox};
use super::sink::Outflow;
use actix::dev::{ContextFut, channel};
use actix::{Actor, ActorContext, AsyncContext, Context};
use futures::StreamExt;
use futures::stream::LocalBoxStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};
use waterwheel_operators::record::Record;
use waterwheel_runtime::error::panic_message;

/// What an actor is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing yet.
    Work,
    /// Handle the messages that are there, answer them, and stop.
    Drain,
    /// Stop now.
    Stop,
}

/// Makes an actor and runs it until it ends, is told to end, or panics. What it stored has come in when this returns.
///
/// # Errors
/// The text of the panic.
pub(super) async fn drive<A, T>(
    make: impl FnOnce(ActorSink<T>) -> A,
    inbox: SharedInbox<A>,
    sink: ActorSink<T>,
    mut orders: LocalBoxStream<'static, Order>,
    bounds: Bounds,
) -> Result<(), String>
where
    A: Actor<Context = Context<A>>,
    T: Record,
{
    let outflow = sink.outflow();
    let _closed = CloseAtEnd(outflow.clone());
    let actor = caught(|| make(sink.clone()))?;
    let mut incarnation = Incarnation::new(actor, inbox, &sink, bounds);
    let ended = std::future::poll_fn(|cx| {
        while let Poll::Ready(Some(order)) = orders.poll_next_unpin(cx) {
            match order {
                Order::Work => {}
                Order::Drain => incarnation.duty.draining.set(true),
                Order::Stop => return Poll::Ready(Ok(())),
            }
        }
        incarnation.outflow.enter();
        let polled = incarnation.poll(cx);
        incarnation.outflow.leave(cx);
        polled
    })
    .await;
    let ended = ended.and(incarnation.end());
    // A panic of the records' own encoding would be one more; the first is what is told.
    let flushed = std::future::poll_fn(|cx| match caught(|| outflow.poll_flush(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    ended.and(flushed)
}

/// Closes the sink however the incarnation ends.
struct CloseAtEnd(Rc<dyn Outflow>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Calls the user's code.
///
/// # Errors
/// The text of its panic.
fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| format!("panicked: {}", panic_message(&*payload)))
}

struct Incarnation<A: Actor<Context = Context<A>>> {
    /// Gone once it has ended.
    actor: Option<ContextFut<A, Context<A>>>,
    outflow: Rc<dyn Outflow>,
    duty: Rc<Duty>,
}

impl<A: Actor<Context = Context<A>>> Incarnation<A> {
    fn new<T: Record>(actor: A, inbox: SharedInbox<A>, sink: &ActorSink<T>, bounds: Bounds) -> Incarnation<A> {
        let (outflow, duty) = (sink.outflow(), Rc::new(Duty::default()));
        // The context's own mailbox is that of `ctx.address()`, and ends with the incarnation.
        let (_, own) = channel::channel(bounds.mailbox);
        let mut context = Context::with_receiver(own);
        context.spawn(Serve {
            inbox,
            outflow: outflow.clone(),
            duty: duty.clone(),
            status: sink.status().clone(),
            most_answering: bounds.answering,
        });
        Incarnation { actor: Some(context.into_future(actor)), outflow, duty }
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), String>> {
        let Some(actor) = &mut self.actor else { return Poll::Ready(Ok(())) };
        loop {
            // Nothing of the actor is polled while what it stored has not come in.
            match caught(|| self.outflow.poll_flush(cx)) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(panic) => return Poll::Ready(Err(panic)),
            }
            match caught(|| Pin::new(&mut *actor).poll(cx)) {
                Ok(Poll::Ready(())) => return Poll::Ready(Ok(())),
                Ok(Poll::Pending) if self.outflow.is_idle() => return Poll::Pending,
                Ok(Poll::Pending) => {}
                Err(panic) => {
                    // It is in an unknown state: it is dropped without another word.
                    actor.ctx().terminate();
                    return Poll::Ready(Err(panic));
                }
            }
        }
    }

    /// Drops the actor; one that lives is stopped first, as actix does it.
    fn end(&mut self) -> Result<(), String> {
        let actor = self.actor.take();
        caught(|| drop(actor)).map_err(|panic| format!("{panic}, while it was stopped and dropped"))
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Incarnation<A> {
    fn drop(&mut self) {
        if let Err(panic) = self.end() {
            log::warn!("an actor {panic}");
        }
    }
}
