//! Streams whose receiver is an actix actor of yours: `actor_stream`.
//!
//! The actor is made by a function, on a thread of its own, and stores its records through the [`ActorSink`] that the function is
//! given. Anybody in the process can send it messages, through an [`ActorAddress`] that the stream has from the beginning or by its
//! name; feeders in other processes can do so through [`remote`](crate::remote).
//!
//! **Panics.** actix itself supervises no panic. Here one is caught, told with its text, and the actor is made anew by its function
//! as the stream's [`SupervisorPolicy`] says; when that gives up, the program ends with a fault that names the stream, your line and
//! the first of the errors. The mailbox outlives the actor: of the messages in it, a panic loses the one that was being handled, and
//! those whose handlers had not answered yet. What was stored is kept, also what the panicking handler had stored. A `ResponseFuture`
//! is a task of its own, and not of the actor: a panic in one is seen by nobody but its sender, who is told that there is no answer; one
//! in a future of the actor itself (`ResponseActFuture`, `ctx.spawn`) is one of the actor.
//!
//! **Back pressure.** See [`ActorSink`]: the actor is handed no message while what it stored finds no room. A `ResponseFuture`, and
//! whatever is started with `actix::spawn`, is not held back; of the first there are at most [`ActorOptions::answering`] at a time.
//!
//! **The end.** When the program stops gracefully, messages in the mailbox are handled and answered, then the actor is stopped as
//! actix does it: `stopping`, `stopped`. One that prevents it is dropped when `graceful_stop_timeout` is over, and the fault names it.
//! Messages that wait at a time when there is no actor (before its first start, in a pause after a panic) are not handled then, and
//! whoever waits for their answers is told.

mod address;
pub(crate) mod directory;
mod drive;
mod held;
mod inbox;
mod mailboxes;
mod receiver;
pub(crate) mod remote;
mod sink;
mod status;
mod stream;
mod worker;

pub use address::{ActorAddress, ActorSendError, Answer, Unanswered};
pub use directory::{NoSuchActor, RunningActors};
pub use remote::RemoteAnswer;
pub use sink::{ActorSink, SinkClosed};
pub use status::ActorStatistics;
pub use stream::ActorDStream;
pub use waterwheel_runtime::receiver::{LastPositionError, StoreReliablyError};
pub use worker::{MAX_WORKERS, WorkerRefused};

use actix::{Actor, Context};
use directory::Directory;
use inbox::{Bounds, Inbox};
use receiver::{ActorReceiver, Stock};
use status::Status;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use waterwheel_operators::StreamingContext;
use waterwheel_operators::prelude::ReceiverOptions;
use waterwheel_operators::record::Record;
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::flow::Overload;
use waterwheel_runtime::receiver::SupervisorPolicy;
use waterwheel_runtime::site::Site;

/// Messages that wait in a mailbox unless [`ActorOptions::mailbox`] says otherwise.
pub const DEFAULT_MAILBOX: usize = 64;

/// Messages that an actor handles asynchronously at a time unless [`ActorOptions::answering`] says otherwise.
pub const DEFAULT_ANSWERING: usize = 1024;

/// How an actor stream is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActorOptions {
    policy: SupervisorPolicy,
    mailbox: usize,
    answering: usize,
    level: StorageLevel,
    overload: Overload,
}

impl Default for ActorOptions {
    /// [`SupervisorPolicy::for_actors`], mailboxes of [`DEFAULT_MAILBOX`] messages, [`DEFAULT_ANSWERING`] that are handled
    /// asynchronously at a time, blocks at `MEMORY_AND_DISK`.
    fn default() -> ActorOptions {
        let (policy, level) = (SupervisorPolicy::for_actors(), StorageLevel::MemoryAndDisk);
        let (mailbox, answering) = (DEFAULT_MAILBOX, DEFAULT_ANSWERING);
        ActorOptions { policy, mailbox, answering, level, overload: Overload::Block }
    }
}

impl ActorOptions {
    /// How often, and after which pause, the actor is made anew; its workers as well.
    #[must_use]
    pub fn policy(self, policy: SupervisorPolicy) -> ActorOptions {
        ActorOptions { policy, ..self }
    }

    /// How many messages wait in the mailbox of the actor, and of each worker; at least 1.
    #[must_use]
    pub fn mailbox(self, messages: usize) -> ActorOptions {
        // Nobody means more, and the channels below have a largest size.
        ActorOptions { mailbox: messages.clamp(1, 1 << 20), ..self }
    }

    /// How many messages the actor, and each worker, may handle asynchronously at a time, at least 1: with so many answers outstanding
    /// it is handed no further message. A handler whose answer needs another message to the same actor needs room for that one.
    #[must_use]
    pub fn answering(self, messages: usize) -> ActorOptions {
        ActorOptions { answering: messages.max(1), ..self }
    }

    /// How blocks are kept until their batch is done.
    #[must_use]
    pub fn level(self, level: StorageLevel) -> ActorOptions {
        ActorOptions { level, ..self }
    }

    /// What becomes of records for which there is no room. With `Shed` they are dropped and counted instead of holding the actor back,
    /// but for those of `store_acknowledged`. Default: the actor is held back.
    #[must_use]
    pub fn overload(self, overload: Overload) -> ActorOptions {
        ActorOptions { overload, ..self }
    }
}

/// Streams of what actors store; see the [module](self).
pub trait ActorSource {
    /// A stream of what an actor of yours stores. `factory` makes the actor, on a thread of its own, at the start and again after it
    /// panicked or ended, as `policy` says.
    ///
    /// `name` is that of the stream: in errors, in the directory of [`RunningActors`], and for remote senders. Blocks are kept at
    /// `MEMORY_AND_DISK`; [`actor_stream_with`](Self::actor_stream_with) takes other wishes.
    ///
    /// # Errors
    /// A name that another actor stream of the program has is a misuse, which `start` returns.
    ///
    /// ```
    /// use actix::prelude::*;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// /// Splits lines into words.
    /// struct Splitter {
    ///     sink: ActorSink<String>,
    /// }
    ///
    /// impl Actor for Splitter {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// #[derive(Message)]
    /// #[rtype(result = "Result<(), SinkClosed>")]
    /// struct Line(&'static str);
    ///
    /// impl Handler<Line> for Splitter {
    ///     type Result = Result<(), SinkClosed>;
    ///
    ///     fn handle(&mut self, line: Line, _: &mut Context<Self>) -> Self::Result {
    ///         self.sink.store_many(line.0.split(' ').map(str::to_owned).collect())
    ///     }
    /// }
    ///
    /// let ssc = StreamingContext::new(Config::local("Words"), milliseconds(20))?;
    /// let words = ssc.actor_stream("words", SupervisorPolicy::for_actors(), |sink| Splitter { sink });
    /// let (sender, received) = std::sync::mpsc::channel();
    /// words.foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|word| drop(sender.send(word)))));
    /// let splitter = words.address();
    /// let running = ssc.start()?;
    ///
    /// futures::executor::block_on(splitter.send(Line("to be")))??;
    /// assert_eq!((received.recv()?.as_str(), received.recv()?.as_str()), ("to", "be"));
    /// running.stop(Stop::Graceful)?;
    /// assert!(splitter.is_ended());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn actor_stream<A, T>(
        &self,
        name: impl Into<String>,
        policy: SupervisorPolicy,
        factory: impl FnMut(ActorSink<T>) -> A + Send + 'static,
    ) -> ActorDStream<'_, A, T>
    where
        A: Actor<Context = Context<A>>,
        T: Record;

    /// As [`actor_stream`](Self::actor_stream), with all that can be wished for.
    ///
    /// # Errors
    /// As [`actor_stream`](Self::actor_stream).
    #[track_caller]
    fn actor_stream_with<A, T>(
        &self,
        name: impl Into<String>,
        options: ActorOptions,
        factory: impl FnMut(ActorSink<T>) -> A + Send + 'static,
    ) -> ActorDStream<'_, A, T>
    where
        A: Actor<Context = Context<A>>,
        T: Record;
}

impl ActorSource for StreamingContext {
    fn actor_stream<A, T>(
        &self,
        name: impl Into<String>,
        policy: SupervisorPolicy,
        factory: impl FnMut(ActorSink<T>) -> A + Send + 'static,
    ) -> ActorDStream<'_, A, T>
    where
        A: Actor<Context = Context<A>>,
        T: Record,
    {
        let options = ActorOptions::default().policy(policy);
        stream(self, Site::here("actor_stream"), name.into(), options, factory)
    }

    fn actor_stream_with<A, T>(
        &self,
        name: impl Into<String>,
        options: ActorOptions,
        factory: impl FnMut(ActorSink<T>) -> A + Send + 'static,
    ) -> ActorDStream<'_, A, T>
    where
        A: Actor<Context = Context<A>>,
        T: Record,
    {
        stream(self, Site::here("actor_stream_with"), name.into(), options, factory)
    }
}

fn stream<A, T, F>(
    context: &StreamingContext,
    site: Site,
    name: String,
    options: ActorOptions,
    factory: F,
) -> ActorDStream<'_, A, T>
where
    A: Actor<Context = Context<A>>,
    T: Record,
    F: FnMut(ActorSink<T>) -> A + Send + 'static,
{
    let ActorOptions { policy, mailbox, answering, level, overload } = options;
    let bounds = Bounds { mailbox, answering };
    let (queue, mailbox, inbox) = Inbox::new(bounds.mailbox);
    let (status, shown): (Arc<Status>, Arc<str>) = (Arc::default(), name.as_str().into());
    status.mailboxes.add(&queue);
    let clock = context.engine().core().clock.clone();
    let address = ActorAddress::new(shown.clone(), queue, mailbox, status.clone(), clock);
    if !context.extension::<Directory>().add(address.clone()) {
        context.misuse(site, format!("another actor stream is called {name:?} already; give it a name of its own"));
    }
    let stock = Arc::new(Stock { name: shown, factory: Mutex::new(factory), inbox, status, policy, bounds });
    let receiver = move || ActorReceiver { stock: stock.clone(), records: PhantomData };
    let kept = ReceiverOptions::from(level).policy(policy).overload(overload);
    let stream = context.receiver_stream_on_own_thread_at(site, name, kept, receiver);
    ActorDStream { stream, address }
}
