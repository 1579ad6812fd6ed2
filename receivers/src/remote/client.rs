//! The client: what a feeder sends its messages with.

use super::link::{Command, Left, Link, Sender};
use super::options::RemoteActorOptions;
use super::wire::{Frame, MAX_NAME_BYTES, Refusal};
use crate::actor::remote::fingerprint;
use futures::executor::block_on;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};
use tokio::sync::{Semaphore, mpsc, oneshot};
use waterwheel_runtime::codec;
use waterwheel_runtime::error::in_full;

/// The actor of a stream in another process, to which messages of type `M` are sent. A cheap handle: clones share one connection.
///
/// It connects, and connects again when the connection is lost, from a thread of its own; so it works under any executor and under
/// none, for which every method has a form that ends in `_blocking` (not for use within an executor). Messages are numbered and sent
/// in the order in which they were given, as far as the server grants credit; those that were not answered when a connection was lost
/// are sent again on the next. The type `M` has to consist of the same fields on both sides, and needs no common crate.
///
/// When the last handle is dropped without [`close`](RemoteActor::close), what is not acknowledged is forgotten.
pub struct RemoteActor<M> {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    messages: PhantomData<fn(M)>,
}

/// Told when the first connection stands, or never will.
type Connected = oneshot::Receiver<Result<(), RemoteError>>;

/// What a client and its link have in common.
#[derive(Debug)]
pub(super) struct Shared {
    name: String,
    /// Room for messages that are not acknowledged, in number and bytes.
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    most: (u32, u32),
    pub(super) failed: AtomicU64,
    pub(super) connections: AtomicU64,
    ended: Mutex<Option<Ended>>,
}

/// How a client came to its end.
#[derive(Debug)]
struct Ended {
    cause: RemoteError,
    /// Whether messages were not acknowledged.
    left: bool,
}

impl Shared {
    /// It is over: whoever waits for room is told why. `left` if messages are not acknowledged.
    pub(super) fn end(&self, cause: RemoteError, left: bool) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ended { cause, left });
        self.messages.close();
        self.bytes.close();
    }

    fn cause(&self) -> RemoteError {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.as_ref().map_or(RemoteError::Closed, |ended| ended.cause.clone())
    }

    /// Whether it was closed with everything acknowledged.
    fn is_settled(&self) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*ended, Some(Ended { cause: RemoteError::Closed, left: false }))
    }
}

impl<M> Clone for RemoteActor<M> {
    fn clone(&self) -> Self {
        RemoteActor { shared: self.shared.clone(), commands: self.commands.clone(), messages: PhantomData }
    }
}

impl<M> fmt::Debug for RemoteActor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteActor({}, {} unacknowledged)", self.shared.name, self.unacknowledged())
    }
}

impl<M> RemoteActor<M> {
    /// How many messages were given to it and are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        (self.shared.most.0 as usize).saturating_sub(self.shared.messages.available_permits())
    }

    /// How many messages came to another end than success.
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// How many connections it has had: one, and one for every time that it had to connect again.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until nothing is unacknowledged. Messages that others give it meanwhile wait.
    ///
    /// # Errors
    /// Why it has given up; [`RemoteError::Closed`] when another handle abandoned what was not acknowledged.
    pub async fn settle(&self) -> Result<(), RemoteError> {
        let all = self.shared.messages.acquire_many(self.shared.most.0).await;
        match all {
            Ok(_) => Ok(()),
            Err(_) if self.shared.is_settled() => Ok(()),
            Err(_) => Err(self.shared.cause()),
        }
    }

    /// [`settle`](RemoteActor::settle) for a plain thread.
    ///
    /// # Errors
    /// As [`settle`](RemoteActor::settle).
    pub fn settle_blocking(&self) -> Result<(), RemoteError> {
        block_on(self.settle())
    }
}

impl<M: Serialize + DeserializeOwned> RemoteActor<M> {
    /// Connects to the actor stream `name` of the program that listens on `address` (`host:port`). An address that nobody listens on
    /// is tried again, 60 times in more than two minutes; [`connect_with`](RemoteActor::connect_with) takes other wishes.
    ///
    /// # Errors
    /// [`RemoteError::Unreachable`], and [`RemoteError::Rejected`] when there is no such stream or it takes another type.
    pub async fn connect(address: impl ToString, name: impl Into<String>) -> Result<RemoteActor<M>, RemoteError> {
        RemoteActor::connect_with(address, name, RemoteActorOptions::default()).await
    }

    /// As [`connect`](RemoteActor::connect), with all that can be wished for.
    ///
    /// # Errors
    /// As [`connect`](RemoteActor::connect).
    pub async fn connect_with(
        address: impl ToString,
        name: impl Into<String>,
        options: RemoteActorOptions,
    ) -> Result<RemoteActor<M>, RemoteError> {
        let (actor, ready) = RemoteActor::begin(address.to_string(), name.into(), options)?;
        ready.await.unwrap_or(Err(RemoteError::Closed))?;
        Ok(actor)
    }

    /// [`connect`](RemoteActor::connect) for a plain thread.
    ///
    /// # Errors
    /// As [`connect`](RemoteActor::connect).
    pub fn connect_blocking(address: impl ToString, name: impl Into<String>) -> Result<RemoteActor<M>, RemoteError> {
        block_on(RemoteActor::connect(address, name))
    }

    fn begin(
        address: String,
        name: String,
        options: RemoteActorOptions,
    ) -> Result<(RemoteActor<M>, Connected), RemoteError> {
        if name.len() > MAX_NAME_BYTES {
            let text = format!("a name has at most {MAX_NAME_BYTES} bytes, and this one {}", name.len());
            return Err(RemoteError::Rejected { code: Refusal::UnknownName, text });
        }
        let most = (options.max_unacknowledged, options.max_unacknowledged_bytes);
        let shared = Arc::new(Shared {
            name: name.clone(),
            messages: Arc::new(Semaphore::new(most.0 as usize)),
            bytes: Arc::new(Semaphore::new(most.1 as usize)),
            most,
            failed: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            ended: Mutex::new(None),
        });
        let (commands, inbox) = mpsc::unbounded_channel();
        let (ready, connected) = oneshot::channel();
        let link = Link {
            address,
            hello: Frame::Hello {
                name,
                type_name: std::any::type_name::<M>().to_owned(),
                fingerprint: fingerprint::<M>(),
            },
            options,
            shared: shared.clone(),
            commands: inbox,
            ready: Some(ready),
            outbox: Default::default(),
            max_message: usize::MAX,
            closing: Vec::new(),
            abandoning: Vec::new(),
            was_good: false,
        };
        let no_thread = |error: std::io::Error| RemoteError::Thread { cause: error.to_string() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let thread = std::thread::Builder::new().name("waterwheel-feeder".to_owned());
        thread.spawn(move || runtime.block_on(link.run())).map_err(no_thread)?;
        Ok((RemoteActor { shared, commands, messages: PhantomData }, connected))
    }

    /// Sends a message and waits until its handler has answered.
    ///
    /// # Errors
    /// The handler's error as [`RemoteError::Handler`]; [`RemoteError::Failed`] when the actor failed while it handled the message,
    /// which it may have done or not; what is wrong with the message; why the client gave up.
    pub async fn send(&self, message: &M) -> Result<(), RemoteError> {
        self.post(message).await?.await
    }

    /// Gives the message to the client, waiting while too many are unacknowledged, and returns what waits for its answer: for senders
    /// that go on meanwhile. The message is sent whether or not anybody waits.
    ///
    /// # Errors
    /// A message that cannot be encoded; why the client gave up.
    pub async fn post(&self, message: &M) -> Result<Receipt, RemoteError> {
        let payload = codec::encode(message).map_err(|error| RemoteError::Encode { cause: in_full(&error) })?;
        let over = |_| self.shared.cause();
        let one = self.shared.messages.clone().acquire_owned().await.map_err(over)?;
        // One that is larger than the whole room takes all of it.
        let bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX).clamp(1, self.shared.most.1);
        let bytes = self.shared.bytes.clone().acquire_many_owned(bytes).await.map_err(over)?;
        let (answer, answered) = oneshot::channel();
        let sender = Sender { answer, room: (one, bytes) };
        self.commands.send(Command::Post { payload, sender }).map_err(|_| self.shared.cause())?;
        Ok(Receipt { answered })
    }

    /// [`send`](RemoteActor::send) for a plain thread.
    ///
    /// # Errors
    /// As [`send`](RemoteActor::send).
    pub fn send_blocking(&self, message: &M) -> Result<(), RemoteError> {
        block_on(self.send(message))
    }

    /// [`post`](RemoteActor::post) for a plain thread.
    ///
    /// # Errors
    /// As [`post`](RemoteActor::post).
    pub fn post_blocking(&self, message: &M) -> Result<Receipt, RemoteError> {
        block_on(self.post(message))
    }

    /// Waits until every message is answered, also those of other handles, and ends the connection.
    ///
    /// # Errors
    /// What was not acknowledged, when the client gives up or gave up before, or another handle abandons it: each handle that closes is
    /// given the same.
    pub async fn close(self) -> Result<(), Unacknowledged<M>> {
        let (closed, done) = oneshot::channel();
        let asked = self.commands.send(Command::Close(closed));
        let answer = if asked.is_ok() { done.await.ok() } else { None };
        match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(Left { payloads, cause })) => Err(Unacknowledged { messages: decoded(payloads), cause }),
            // Its thread is gone without a word: what became of the messages is not known.
            None => Err(Unacknowledged { messages: Vec::new(), cause: self.shared.cause() }),
        }
    }

    /// [`close`](RemoteActor::close) for a plain thread.
    ///
    /// # Errors
    /// As [`close`](RemoteActor::close).
    pub fn close_blocking(self) -> Result<(), Unacknowledged<M>> {
        block_on(self.close())
    }

    /// Ends the connection at once. The messages that are not acknowledged, in order: the actor may have handled some of them.
    pub async fn abandon(self) -> Vec<M> {
        let (left, done) = oneshot::channel();
        if self.commands.send(Command::Abandon(left)).is_err() {
            return Vec::new();
        }
        decoded(done.await.unwrap_or_default())
    }

    /// [`abandon`](RemoteActor::abandon) for a plain thread.
    pub fn abandon_blocking(self) -> Vec<M> {
        block_on(self.abandon())
    }
}

/// What this very client has encoded.
fn decoded<M: DeserializeOwned>(payloads: Vec<Vec<u8>>) -> Vec<M> {
    payloads.into_iter().filter_map(|payload| codec::decode(&payload, payload.len()).ok()).collect()
}

/// What waits for the answer to a message: a future.
#[derive(Debug)]
pub struct Receipt {
    answered: oneshot::Receiver<Result<(), RemoteError>>,
}

impl Receipt {
    /// Waits for the answer, on a plain thread.
    ///
    /// # Errors
    /// As [`RemoteActor::send`].
    pub fn wait_blocking(self) -> Result<(), RemoteError> {
        block_on(self)
    }
}

impl Future for Receipt {
    type Output = Result<(), RemoteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answered).poll(cx).map(|answer| answer.unwrap_or(Err(RemoteError::Closed)))
    }
}

/// A client gave up before these messages were acknowledged. The actor may have handled some of them.
pub struct Unacknowledged<M> {
    /// The messages, in order.
    pub messages: Vec<M>,
    /// Why it gave up.
    pub cause: RemoteError,
}

impl<M> fmt::Debug for Unacknowledged<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unacknowledged({self})")
    }
}

impl<M> fmt::Display for Unacknowledged<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages were not acknowledged: {}", self.messages.len(), self.cause)
    }
}

impl<M> std::error::Error for Unacknowledged<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Why a message, or all of them, did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The message cannot be encoded; it was not sent.
    #[error("the message cannot be encoded: {cause}")]
    Encode {
        /// Why.
        cause: String,
    },
    /// The message is longer than the server takes; it was not sent.
    #[error("the message has {bytes} encoded bytes, and the server takes {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The longest that the server takes.
        limit: usize,
    },
    /// The handler answered with an error.
    #[error("the actor refused the message: {text}")]
    Handler {
        /// What it said.
        text: String,
    },
    /// The actor failed, or was stopped, while it handled the message; it may have done its work or not.
    #[error("the actor failed while it handled the message: {text}")]
    Failed {
        /// What the server said.
        text: String,
    },
    /// The server could not decode the message.
    #[error("the server could not decode the message: {text}")]
    Undecodable {
        /// What it said.
        text: String,
    },
    /// The server refuses this client for good.
    #[error("the server refuses the connection: {text}")]
    Rejected {
        /// Why.
        code: Refusal,
        /// The same in its words.
        text: String,
    },
    /// What listens there does not speak this protocol, or another version of it.
    #[error("no remote actors are there: {cause}")]
    Protocol {
        /// What is wrong with what came.
        cause: String,
    },
    /// Its policy gave up: too many connections failed or broke.
    #[error("{address} is given up after {attempts} connections that failed or broke; the last: {cause}")]
    Unreachable {
        /// Where.
        address: String,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        cause: String,
    },
    /// The client was closed.
    #[error("the client was closed before the message was acknowledged")]
    Closed,
    /// The system refused the client's thread.
    #[error("the client got no thread: {cause}")]
    Thread {
        /// Why.
        cause: String,
    },
}
