//! The mailbox of an actor stream, which outlives its actors, and how messages get from there to the actor.
//!
//! actix's own loop hands an actor every message that is there before anybody else has a say, and closes the mailbox with the
//! actor. So the mailbox is kept here and served by a future in the actor's context, one message at a time: between two messages
//! what was stored has come in, or the next message waits.

use super::sink::Outflow;
use super::status::Status;
use actix::dev::channel::{self, AddressReceiver};
use actix::dev::{Envelope, EnvelopeProxy, MessageResponse};
use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use futures::Stream;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll, ready};
use tokio::sync::{mpsc, oneshot};

/// After so many messages in a row others of the thread have their turn.
const MESSAGES_PER_TURN: usize = 64;

/// A message and whom to answer: run in the actor's context.
pub(super) type Delivery<A> = Box<dyn FnOnce(&mut A, &mut Context<A>, &Rc<Duty>) + Send>;

/// What one incarnation of an actor has to do before it may rest.
#[derive(Debug, Default)]
pub(super) struct Duty {
    /// No more messages are taken; those that are there are handled.
    pub(super) draining: Cell<bool>,
    /// Messages that the actor handles asynchronously at present.
    answering: Cell<usize>,
}

/// What is bounded of an actor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Messages that wait in the mailbox.
    pub(super) mailbox: usize,
    /// Messages that it handles asynchronously at a time.
    pub(super) answering: usize,
}

/// The message was dropped before any actor saw it.
#[derive(Debug)]
pub(super) struct NeverBegun;

/// What whoever waits for an answer gets; nothing at all when the actor had begun with the message and did not answer.
pub(super) type Reply<R> = Result<R, NeverBegun>;

/// Says that the message was never begun with, unless it is.
struct Unseen<R>(Option<oneshot::Sender<Reply<R>>>);

impl<R> Unseen<R> {
    fn begin(mut self) -> Option<oneshot::Sender<Reply<R>>> {
        self.0.take()
    }
}

impl<R> Drop for Unseen<R> {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            // Nobody may be waiting.
            let _ = answer.send(Err(NeverBegun));
        }
    }
}

/// Hands over `message`; its answer goes to `answer`, which nobody may be waiting for.
pub(super) fn delivery<A, M>(message: M, answer: oneshot::Sender<Reply<M::Result>>) -> Delivery<A>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let unseen = Unseen(Some(answer));
    Box::new(move |actor, ctx, duty| {
        let Some(answer) = unseen.begin() else { return };
        let (theirs, mut answered) = oneshot::channel();
        actor.handle(message, ctx).handle(ctx, Some(theirs));
        match answered.try_recv() {
            Ok(result) => drop(answer.send(Ok(result))),
            // Dropped without an answer: so is `answer`.
            Err(oneshot::error::TryRecvError::Closed) => {}
            Err(oneshot::error::TryRecvError::Empty) => {
                duty.answering.set(duty.answering.get() + 1);
                ctx.spawn(Relay { answered, answer: Some(answer), duty: duty.clone() });
            }
        }
    })
}

/// Passes on the answer to a message that is handled asynchronously.
struct Relay<R> {
    answered: oneshot::Receiver<R>,
    answer: Option<oneshot::Sender<Reply<R>>>,
    duty: Rc<Duty>,
}

impl<A: Actor<Context = Context<A>>, R> ActorFuture<A> for Relay<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut A, _: &mut Context<A>, cx: &mut task::Context<'_>) -> Poll<()> {
        let result = ready!(Pin::new(&mut self.answered).poll(cx));
        if let (Ok(result), Some(answer)) = (result, self.answer.take()) {
            let _ = answer.send(Ok(result));
        }
        self.duty.answering.set(self.duty.answering.get().saturating_sub(1));
        // Whoever serves the mailbox may have looked already in this turn, and have waited for this.
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }
}

/// The mailbox: what comes through [`ActorAddress`](super::ActorAddress), and what comes through actix's own address.
pub(super) struct Inbox<A: Actor<Context = Context<A>>> {
    queue: mpsc::Receiver<Delivery<A>>,
    mailbox: AddressReceiver<A>,
    /// Whose turn it is.
    mailbox_first: bool,
}

/// A message of either kind.
enum Taken<A: Actor<Context = Context<A>>> {
    Delivery(Delivery<A>),
    Envelope(Envelope<A>),
}

/// The inbox as incarnations share it, one after another.
pub(super) type SharedInbox<A> = Arc<Mutex<Inbox<A>>>;

impl<A: Actor<Context = Context<A>>> Inbox<A> {
    /// An inbox with room for `capacity` messages of each kind, and the two ways into it.
    pub(super) fn new(capacity: usize) -> (mpsc::Sender<Delivery<A>>, Addr<A>, SharedInbox<A>) {
        let (into_queue, queue) = mpsc::channel(capacity);
        let (into_mailbox, mailbox) = channel::channel(capacity);
        let inbox = Inbox { queue, mailbox, mailbox_first: false };
        (into_queue, Addr::new(into_mailbox), Arc::new(Mutex::new(inbox)))
    }

    /// The next message; `None` when there is none and none will come.
    fn poll_next(&mut self, draining: bool, cx: &mut task::Context<'_>) -> Poll<Option<Taken<A>>> {
        if draining {
            self.queue.close();
        }
        self.mailbox_first = !self.mailbox_first;
        if self.mailbox_first
            && let Poll::Ready(Some(envelope)) = Pin::new(&mut self.mailbox).poll_next(cx)
        {
            return Poll::Ready(Some(Taken::Envelope(envelope)));
        }
        let queued = self.queue.poll_recv(cx);
        if let Poll::Ready(Some(delivery)) = queued {
            return Poll::Ready(Some(Taken::Delivery(delivery)));
        }
        if !self.mailbox_first
            && let Poll::Ready(Some(envelope)) = Pin::new(&mut self.mailbox).poll_next(cx)
        {
            return Poll::Ready(Some(Taken::Envelope(envelope)));
        }
        // actix's mailbox cannot be closed without being dropped: while draining, empty is the end.
        if queued.is_ready() && draining { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// Serves the inbox to one incarnation of the actor; lives in the actor's context.
pub(super) struct Serve<A: Actor<Context = Context<A>>> {
    pub(super) inbox: SharedInbox<A>,
    pub(super) outflow: Rc<dyn Outflow>,
    pub(super) duty: Rc<Duty>,
    pub(super) status: Arc<Status>,
    /// So many messages are handled asynchronously at most.
    pub(super) most_answering: usize,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Serve<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, cx: &mut task::Context<'_>) -> Poll<()> {
        for _ in 0..MESSAGES_PER_TURN {
            // A handler may have asked for the actor to wait for something, or to stop.
            if ctx.waiting() {
                return Poll::Pending;
            }
            // Their futures run on their own, however full the stream is. The relay of the next answer wakes this.
            if self.duty.answering.get() >= self.most_answering {
                return Poll::Pending;
            }
            // What the last message stored has not come in: whoever polls the context goes on with that first.
            ready!(self.outflow.poll_flush(cx));
            let draining = self.duty.draining.get();
            // Not held while the message is handled: that is the user's code.
            let taken = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).poll_next(draining, cx);
            match ready!(taken) {
                Some(taken) => {
                    self.status.messages.fetch_add(1, Ordering::Relaxed);
                    match taken {
                        Taken::Delivery(delivery) => delivery(actor, ctx, &self.duty),
                        Taken::Envelope(mut envelope) => envelope.handle(actor, ctx),
                    }
                }
                // The relay of the last answer wakes this.
                None if self.duty.answering.get() > 0 => return Poll::Pending,
                None => {
                    ctx.stop();
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
