//! How messages get to the actor of a stream from elsewhere in the process.

use super::inbox::{Delivery, NeverBegun, Reply, delivery};
use super::status::{ActorStatistics, Status};
use actix::{Actor, Addr, Context, Handler, Message};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use waterwheel_runtime::clock::SharedClock;

/// The address of the actor of a stream. A cheap handle for any thread: clones are the same address.
///
/// It is valid from the building of the stream to its end, whatever becomes of the actor in between: messages wait in the mailbox
/// before the start and while the actor is made anew. The mailbox holds as many messages as [`ActorOptions`](super::ActorOptions) say;
/// when it is full, `send` waits.
///
/// [`addr`](ActorAddress::addr) is actix's own address of the same actor, for code that wants that type.
pub struct ActorAddress<A: Actor<Context = Context<A>>> {
    name: Arc<str>,
    queue: mpsc::Sender<Delivery<A>>,
    mailbox: Addr<A>,
    status: Arc<Status>,
    clock: SharedClock,
}

impl<A: Actor<Context = Context<A>>> Clone for ActorAddress<A> {
    fn clone(&self) -> Self {
        ActorAddress {
            name: self.name.clone(),
            queue: self.queue.clone(),
            mailbox: self.mailbox.clone(),
            status: self.status.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<A: Actor<Context = Context<A>>> fmt::Debug for ActorAddress<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorAddress<{}>({})", std::any::type_name::<A>(), self.name)
    }
}

impl<A: Actor<Context = Context<A>>> ActorAddress<A> {
    pub(super) fn new(
        name: Arc<str>,
        queue: mpsc::Sender<Delivery<A>>,
        mailbox: Addr<A>,
        status: Arc<Status>,
        clock: SharedClock,
    ) -> ActorAddress<A> {
        ActorAddress { name, queue, mailbox, status, clock }
    }

    /// The name of the stream; of a worker `stream/worker`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message and waits for its answer: for room in the mailbox, for the actor to be made anew if need be, and for the
    /// handler's result.
    ///
    /// # Errors
    /// [`ActorSendError`]: with the message, when the stream has ended; without it when the actor failed or was stopped while it
    /// handled the message.
    pub async fn send<M>(&self, message: M) -> Result<M::Result, ActorSendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.post(message).await?.await.map_err(|error| error.of_message())
    }

    /// As [`send`](ActorAddress::send), for `patience` at most by the program's clock.
    ///
    /// # Errors
    /// As [`send`](ActorAddress::send); when the time is over, with the message if the mailbox had no room for it, and without it if it
    /// was not answered: it may be handled then, or not.
    pub async fn send_within<M>(&self, message: M, patience: Duration) -> Result<M::Result, ActorSendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let mut over = self.clock.sleep(patience);
        let place = tokio::select! {
            biased;
            place = self.queue.reserve() => place,
            () = &mut over => {
                return Err(ActorSendError::Full { stream: self.name.to_string(), message });
            }
        };
        let Ok(place) = place else { return Err(self.refuse(message)) };
        let (answer, answered) = oneshot::channel();
        place.send(delivery(message, answer));
        tokio::select! {
            biased;
            answer = answered => {
                let answer = answer.ok().and_then(Result::ok);
                answer.ok_or_else(|| ActorSendError::Failed { stream: self.name.to_string() })
            }
            () = over => Err(ActorSendError::Late { stream: self.name.to_string() }),
        }
    }

    /// Puts a message into the mailbox, waiting for room, and returns what waits for its answer: for senders that go on meanwhile. The
    /// message is handled whether or not anybody waits.
    ///
    /// # Errors
    /// [`ActorSendError::Ended`], with the message, when the stream has ended.
    pub async fn post<M>(&self, message: M) -> Result<Answer<M::Result>, ActorSendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let Ok(place) = self.queue.reserve().await else { return Err(self.refuse(message)) };
        let (answer, answered) = oneshot::channel();
        place.send(delivery(message, answer));
        Ok(Answer { stream: self.name.clone(), answered })
    }

    /// Puts a message into the mailbox if there is room, without waiting for anything.
    ///
    /// # Errors
    /// [`ActorSendError::Full`] and [`ActorSendError::Ended`], with the message.
    pub fn try_send<M>(&self, message: M) -> Result<Answer<M::Result>, ActorSendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        match self.queue.try_reserve() {
            Ok(place) => {
                let (answer, answered) = oneshot::channel();
                place.send(delivery(message, answer));
                Ok(Answer { stream: self.name.clone(), answered })
            }
            Err(TrySendError::Full(())) => Err(ActorSendError::Full { stream: self.name.to_string(), message }),
            Err(TrySendError::Closed(())) => Err(self.refuse(message)),
        }
    }

    /// actix's own address of the actor, for code that wants an `Addr` or a `Recipient`. It stays valid as this one does, and its
    /// mailbox has the same room again. actix lets every clone of an address, and every `send` that waits, put one message more into
    /// it than it has room for.
    ///
    /// Messages that come this way are handed to the actor as all others, but a graceful stop does not wait for those that it handles
    /// asynchronously, nor do they count for [`ActorOptions::answering`](super::ActorOptions::answering): actix keeps their answers
    /// to itself.
    pub fn addr(&self) -> Addr<A> {
        self.mailbox.clone()
    }

    /// What is known of the stream at present. For a worker: that of its stream.
    pub fn statistics(&self) -> ActorStatistics {
        self.status.statistics()
    }

    /// Whether the stream has ended: no message is taken any more.
    pub fn is_ended(&self) -> bool {
        self.queue.is_closed()
    }

    /// Completes when the stream has ended.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    fn refuse<M>(&self, message: M) -> ActorSendError<M> {
        ActorSendError::Ended { stream: self.name.to_string(), message }
    }
}

/// The answer to a message that was put into a mailbox: a future.
#[derive(Debug)]
pub struct Answer<R> {
    stream: Arc<str>,
    answered: oneshot::Receiver<Reply<R>>,
}

impl<R> Future for Answer<R> {
    type Output = Result<R, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let answered = Pin::new(&mut self.answered).poll(cx);
        let unanswered = |begun| Unanswered { stream: self.stream.to_string(), begun };
        answered.map(|reply| match reply {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(NeverBegun)) => Err(unanswered(false)),
            Err(_) => Err(unanswered(true)),
        })
    }
}

/// The actor failed, or was stopped, while it handled the message or before it came to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the actor stream {stream} did not answer: the actor failed or was stopped before it had handled the message")]
pub struct Unanswered {
    /// The stream.
    pub stream: String,
    /// Whether the actor had begun with the message. If not, nothing of it was done, and the stream has ended.
    pub begun: bool,
}

impl Unanswered {
    fn of_message<M>(self) -> ActorSendError<M> {
        ActorSendError::Failed { stream: self.stream }
    }
}

/// Why a message was not answered.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ActorSendError<M> {
    /// The stream has ended. The message was not taken.
    #[error("the actor stream {stream} has ended; the message was not taken")]
    Ended {
        /// The stream.
        stream: String,
        /// The message.
        message: M,
    },
    /// The mailbox had no room. The message was not taken.
    #[error("the mailbox of the actor stream {stream} is full; the message was not taken")]
    Full {
        /// The stream.
        stream: String,
        /// The message.
        message: M,
    },
    /// The actor failed, or was stopped, while it handled the message or before it came to it.
    #[error(
        "the actor stream {stream} did not answer: the actor failed or was stopped before it had handled the message"
    )]
    Failed {
        /// The stream.
        stream: String,
    },
    /// The actor took the message and has not answered in time. It may still handle it.
    #[error("the actor stream {stream} took the message and has not answered in time")]
    Late {
        /// The stream.
        stream: String,
    },
}

impl<M> ActorSendError<M> {
    /// The message, if it was not taken.
    pub fn into_message(self) -> Option<M> {
        match self {
            ActorSendError::Ended { message, .. } | ActorSendError::Full { message, .. } => Some(message),
            ActorSendError::Failed { .. } | ActorSendError::Late { .. } => None,
        }
    }
}

/// Without the message, which need not be `Debug`.
impl<M> fmt::Debug for ActorSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorSendError({self})")
    }
}
