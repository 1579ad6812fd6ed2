//! How many messages wait in the mailbox of an actor, which actix does not tell.
//!
//! A message that is sent through a [`Post`] carries a [`Waiting`], which is dropped when its handler begins, and as well when it is
//! never handled: whatever becomes of a message, it is not counted for ever. The count is that of the references to one allocation,
//! so a message costs one increment and one decrement, and looking costs a load.

use actix::dev::{MessageResponse, OneshotSender, Request, ToEnvelope};
use actix::{Actor, Addr, Handler, Message};
use std::marker::PhantomData;
use std::sync::Arc;

/// A count of what waits. Clones are the same count; they keep nothing else alive.
///
/// ```
/// use waterwheel_runtime::mailbox::Depth;
///
/// let depth = Depth::default();
/// let waiting = [depth.enter(), depth.enter()];
/// assert_eq!(depth.get(), 2);
/// drop(waiting);
/// assert_eq!(depth.get(), 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Depth(Arc<Counted>);

/// Counted are the references to it.
type Counted = Arc<()>;

/// Is counted until it is dropped.
#[derive(Debug)]
pub struct Waiting(#[expect(dead_code, reason = "it is there to be counted")] Counted);

impl Depth {
    /// Counts one more.
    pub fn enter(&self) -> Waiting {
        Waiting(Counted::clone(&self.0))
    }

    /// How many wait at present.
    pub fn get(&self) -> usize {
        // The count itself holds one.
        Counted::strong_count(&self.0).saturating_sub(1)
    }
}

/// The address of an actor whose mailbox is counted. Counted are the messages that are sent through this and its clones: those in the
/// mailbox, and those that wait for a place in it; the one that is being handled is not.
pub struct Post<A: Actor> {
    address: Addr<A>,
    depth: Depth,
}

impl<A: Actor> Post<A> {
    /// Counts what waits for `address` from here on.
    pub fn new(address: Addr<A>) -> Post<A> {
        Post { address, depth: Depth::default() }
    }

    /// Sends a message, as [`Addr::send`] does.
    pub fn send<M>(&self, message: M) -> Request<A, Posted<M>>
    where
        A: Handler<Posted<M>>,
        A::Context: ToEnvelope<A, Posted<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.address.send(self.posted(message))
    }

    /// A message that is counted until its handler begins, to be sent to [`address`](Post::address).
    pub fn posted<M>(&self, message: M) -> Posted<M> {
        Posted { message, waiting: self.depth.enter() }
    }

    /// Whether the actor is there.
    pub fn connected(&self) -> bool {
        self.address.connected()
    }

    /// actix's address of the actor. What is sent through it is not counted.
    pub fn address(&self) -> &Addr<A> {
        &self.address
    }

    /// The count of what waits.
    pub fn depth(&self) -> &Depth {
        &self.depth
    }
}

impl<A: Actor> Clone for Post<A> {
    fn clone(&self) -> Self {
        Post { address: self.address.clone(), depth: self.depth.clone() }
    }
}

impl<A: Actor> From<Addr<A>> for Post<A> {
    fn from(address: Addr<A>) -> Post<A> {
        Post::new(address)
    }
}

/// A message on its way through a [`Post`].
pub struct Posted<M> {
    message: M,
    waiting: Waiting,
}

impl<M> Posted<M> {
    /// The message, which is handled from now on.
    pub fn begin(self) -> M {
        drop(self.waiting);
        self.message
    }
}

impl<M: Message> Message for Posted<M> {
    type Result = M::Result;
}

/// The response to the message that was posted.
pub struct Passed<R, M> {
    response: R,
    to: PhantomData<fn(M)>,
}

impl<R, M> Passed<R, M> {
    /// Passes on a response.
    pub fn new(response: R) -> Passed<R, M> {
        Passed { response, to: PhantomData }
    }
}

impl<A, M, R> MessageResponse<A, Posted<M>> for Passed<R, M>
where
    A: Actor,
    M: Message,
    R: MessageResponse<A, M>,
{
    fn handle(self, ctx: &mut A::Context, answer: Option<OneshotSender<M::Result>>) {
        self.response.handle(ctx, answer);
    }
}

/// Lets an actor be sent through a [`Post`] whatever it handles.
macro_rules! counts_its_mailbox {
    ($actor:ty) => {
        impl<M> actix::Handler<$crate::mailbox::Posted<M>> for $actor
        where
            $actor: actix::Handler<M>,
            M: actix::Message,
        {
            type Result = $crate::mailbox::Passed<<$actor as actix::Handler<M>>::Result, M>;

            fn handle(&mut self, posted: $crate::mailbox::Posted<M>, ctx: &mut Self::Context) -> Self::Result {
                $crate::mailbox::Passed::new(<Self as actix::Handler<M>>::handle(self, posted.begin(), ctx))
            }
        }
    };
}
pub(crate) use counts_its_mailbox;

#[cfg(test)]
mod tests {
    use super::*;
    use actix::Context;
    use futures::future::join_all;
    use tokio::sync::oneshot;

    /// Waits in its handler until it is let go on, without letting anybody else in.
    struct Slow {
        go: Option<oneshot::Receiver<()>>,
        begun: Option<oneshot::Sender<()>>,
    }

    impl Actor for Slow {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(2);
        }
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Double(u32);

    impl Handler<Double> for Slow {
        type Result = actix::AtomicResponse<Self, u32>;

        fn handle(&mut self, Double(number): Double, _: &mut Self::Context) -> Self::Result {
            let (go, begun) = (self.go.take(), self.begun.take());
            let handled = async move {
                if let (Some(go), Some(begun)) = (go, begun) {
                    let _ = begun.send(());
                    let _ = go.await;
                }
                2 * number
            };
            actix::AtomicResponse::new(Box::pin(actix::fut::wrap_future(handled)))
        }
    }

    counts_its_mailbox!(Slow);

    #[test]
    fn messages_are_counted_until_their_handler_begins_also_those_that_wait_for_a_place() {
        actix_rt::System::new().block_on(async {
            let ((free, go), (begun, begins)) = (oneshot::channel(), oneshot::channel());
            let post = Post::new(Slow { go: Some(go), begun: Some(begun) }.start());
            assert_eq!(post.depth().get(), 0);
            let answers: Vec<_> = (1..=20).map(|number| post.send(Double(number))).collect();
            assert_eq!(post.depth().get(), 20, "with a mailbox for two");
            begins.await.unwrap();
            assert_eq!(post.depth().get(), 19, "the first is being handled");
            free.send(()).unwrap();
            let answers: Vec<u32> = join_all(answers).await.into_iter().map(Result::unwrap).collect();
            assert_eq!(answers, (1..=20).map(|number| 2 * number).collect::<Vec<_>>());
            assert_eq!(post.depth().get(), 0);
        });
    }

    #[test]
    fn what_is_never_handled_is_not_counted_for_ever() {
        actix_rt::System::new().block_on(async {
            let ((free, go), (begun, begins)) = (oneshot::channel::<()>(), oneshot::channel());
            let post = Post::new(Slow { go: Some(go), begun: Some(begun) }.start());
            let first = post.send(Double(1));
            begins.await.unwrap();
            let asked: Vec<_> = (0..9).map(|_| post.send(Double(1))).collect();
            assert_eq!(post.depth().get(), 9);
            // What has no place in the mailbox is with whoever sends it.
            drop(asked);
            let in_mailbox = post.depth().get();
            assert!((2..9).contains(&in_mailbox), "{in_mailbox}");
            drop(free);
            assert_eq!(first.await.unwrap(), 2);
            assert_eq!(post.send(Double(2)).await.unwrap(), 4);
            assert_eq!(post.depth().get(), 0, "nobody waits for them");
        });
    }
}
