//! Where an actor puts its records.

use super::ActorAddress;
use super::held::{Held, Leaving};
use super::status::Status;
use super::worker::{Crew, WorkerRefused};
use actix::{Actor, Context};
use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll, Waker};
use waterwheel_operators::record::Record;
use waterwheel_runtime::clock::SharedClock;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::{
    LastPositionError, PositionBytes, ReceiverHandle, ReceiverStopped, StoreReliablyError,
};

/// The records were not stored: the stream has ended, or the actor that this sink was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream takes no more records from this actor: it has ended, or the actor was made anew")]
pub struct SinkClosed;

/// What an actor stores its records through; its factory is given one. Clones are the same sink. It stays on the thread of its
/// actor.
///
/// Storing never waits, so it can be called in any handler, and back pressure costs the actor no thought: while records that it
/// has stored find no room (`receiver.max_pending`, `block_queue_size`, `receiver.max_rate`), the actor is handed no further message,
/// and none of its timers, streams and futures is polled. So its mailbox fills, and whoever sends to it waits. What may be held is what
/// one message stored, and what timers and streams of the same turn did.
pub struct ActorSink<T> {
    core: Rc<SinkCore<T>>,
}

pub(super) struct SinkCore<T> {
    handle: ReceiverHandle<T>,
    held: Rc<RefCell<Held<T>>>,
    /// Takes what is held into the stream, for as long as the sink is open.
    flush: RefCell<LocalBoxFuture<'static, ()>>,
    /// Whom to wake when something is stored while nobody polls the actor; away while somebody does.
    waker: RefCell<Option<Waker>>,
    status: Arc<Status>,
    crew: Rc<Crew>,
}

/// A sink as those see it who poll the actor.
pub(super) trait Outflow {
    /// The actor is polled from now on: what is stored meanwhile is seen by whoever polls it.
    fn enter(&self);

    /// The actor is polled no more, until somebody is woken.
    fn leave(&self, cx: &task::Context<'_>);

    /// Ready when nothing is held; otherwise what is held goes on its way.
    fn poll_flush(&self, cx: &mut task::Context<'_>) -> Poll<()>;

    /// Whether nothing is held.
    fn is_idle(&self) -> bool;

    /// Takes nothing more. What is held is lost, and counted.
    fn close(&self);
}

impl<T> Clone for ActorSink<T> {
    fn clone(&self) -> Self {
        ActorSink { core: self.core.clone() }
    }
}

impl<T> fmt::Debug for ActorSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorSink({})", self.core.handle.stream())
    }
}

impl<T: Record> ActorSink<T> {
    pub(super) fn new(handle: ReceiverHandle<T>, status: Arc<Status>, crew: Rc<Crew>) -> ActorSink<T> {
        let held = Rc::new(RefCell::new(Held::default()));
        let flush = RefCell::new(Box::pin(take_in(handle.clone(), held.clone(), status.clone())) as LocalBoxFuture<_>);
        let waker = RefCell::default();
        ActorSink { core: Rc::new(SinkCore { handle, held, flush, waker, status, crew }) }
    }

    pub(super) fn outflow(&self) -> Rc<dyn Outflow> {
        self.core.clone()
    }

    /// A sink like this for a worker.
    pub(super) fn for_worker(&self) -> ActorSink<T> {
        ActorSink::new(self.core.handle.clone(), self.core.status.clone(), self.core.crew.clone())
    }

    /// Stores one record. It is kept from here on, also if the actor panics in the same handler.
    ///
    /// # Errors
    /// [`SinkClosed`] once the stream has ended; the record was not stored.
    pub fn store(&self, record: T) -> Result<(), SinkClosed> {
        self.core.held.borrow_mut().push(record)?;
        self.core.stored();
        Ok(())
    }

    /// Stores records, in order and in one block.
    ///
    /// # Errors
    /// [`SinkClosed`] once the stream has ended; none of them was stored.
    pub fn store_many(&self, records: Vec<T>) -> Result<(), SinkClosed> {
        self.core.held.borrow_mut().extend(records)?;
        self.core.stored();
        Ok(())
    }

    /// Stores records, and completes once the block that holds them is in the ledger: with a checkpoint directory they survive the
    /// process from then on, so whoever sent them may be told. They are stored by the call, in order with all others; only the
    /// knowledge is waited for, up to one block interval. For handlers that return a future; futures that wait at the same time share
    /// a block.
    ///
    /// # Errors
    /// [`StoreReliablyError`], as [`store_reliably`](ReceiverHandle::store_reliably) has it: the records may be stored then, or not.
    ///
    /// ```
    /// use actix::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// #[derive(Message)]
    /// #[rtype(result = "Result<(), StoreReliablyError>")]
    /// struct Order(String);
    ///
    /// struct Till {
    ///     sink: ActorSink<String>,
    /// }
    ///
    /// impl Actor for Till {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// impl Handler<Order> for Till {
    ///     type Result = ResponseFuture<Result<(), StoreReliablyError>>;
    ///
    ///     fn handle(&mut self, order: Order, _: &mut Context<Self>) -> Self::Result {
    ///         Box::pin(self.sink.store_acknowledged(vec![order.0]))
    ///     }
    /// }
    /// ```
    pub fn store_acknowledged(&self, records: Vec<T>) -> impl Future<Output = Result<(), StoreReliablyError>> + use<T> {
        self.acknowledged(records, Ok(None))
    }

    /// As [`store_acknowledged`](ActorSink::store_acknowledged), and stores in the same write up to where the source has come with
    /// these records. [`last_position`](ActorSink::last_position) gives it back, to the next incarnation of the actor and with a
    /// checkpoint directory to the next run of the program: an actor that skips what is at or before it takes in each record of a
    /// source that sends again exactly once. The calls of one stream have to come in the order of its positions, without a gap: a record
    /// that is passed over would be skipped when it is sent again. So an actor to which records are sent as messages refuses one that is
    /// not next; the one before it may have been lost with an actor that panicked.
    ///
    /// # Errors
    /// As [`store_reliably_at`](ReceiverHandle::store_reliably_at).
    pub fn store_acknowledged_at<P: Serialize>(
        &self,
        records: Vec<T>,
        position: &P,
    ) -> impl Future<Output = Result<(), StoreReliablyError>> + use<T, P> {
        self.acknowledged(records, ReceiverHandle::<T>::encode_position(position).map(Some))
    }

    fn acknowledged(
        &self,
        records: Vec<T>,
        position: Result<Option<PositionBytes>, StoreReliablyError>,
    ) -> impl Future<Output = Result<(), StoreReliablyError>> + use<T> {
        let taken = position.and_then(|position| {
            let taken = self.core.held.borrow_mut().extend_and_tell(records, position);
            taken.map_err(|SinkClosed| ReceiverStopped.into())
        });
        self.core.stored();
        let handle = self.core.handle.clone();
        async move {
            let came_in = taken?.await.map_err(|_| ReceiverStopped)?;
            handle.stored_for_good(came_in).await
        }
    }

    /// The position of the last records that are stored for good, by whichever incarnation of the actor or run of the program; `None`
    /// when none ever was. To be asked before the first record is stored.
    ///
    /// # Errors
    /// When what was taken in could not be stored, or the stored position is of another type.
    pub fn last_position<P: DeserializeOwned>(
        &self,
    ) -> impl Future<Output = Result<Option<P>, LastPositionError>> + use<T, P> {
        let handle = self.core.handle.clone();
        async move { handle.last_position().await }
    }

    /// Starts a further actor of the stream, which `factory` makes, on the thread of this one. It has a mailbox and a sink of its own;
    /// when it panics it is told, counted and made anew as the stream's policy says, without disturbing anybody else. It ends with the
    /// actor that started it: one that starts its workers in `started` has them again after it was made anew.
    ///
    /// # Errors
    /// [`WorkerRefused`] when the stream has as many workers as it may, or is about to end.
    pub fn worker<W>(
        &self,
        name: impl Into<String>,
        factory: impl FnMut(ActorSink<T>) -> W + 'static,
    ) -> Result<ActorAddress<W>, WorkerRefused>
    where
        W: Actor<Context = Context<W>>,
    {
        self.core.crew.clone().hire(self, name.into(), factory)
    }

    /// Sets what [`statistics`](ActorAddress::statistics) shows as `info`.
    pub fn set_info(&self, info: impl Into<String>) {
        self.core.status.set_info(info.into());
    }

    /// Tells listeners, and the log, of trouble that does not end the actor.
    pub fn report_error(&self, message: impl fmt::Display) {
        self.core.handle.report_error(message);
    }

    /// The stream that the records go to.
    pub fn stream(&self) -> StreamId {
        self.core.handle.stream()
    }

    /// The clock that the actor should take its time from.
    pub fn clock(&self) -> &SharedClock {
        self.core.handle.clock()
    }

    /// Whether the stream has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.core.handle.is_stopped()
    }

    pub(super) fn status(&self) -> &Arc<Status> {
        &self.core.status
    }
}

impl<T> SinkCore<T> {
    /// Something was stored.
    fn stored(&self) {
        // By a task of the actor's own, outside of its turns.
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl<T> Outflow for SinkCore<T> {
    fn enter(&self) {
        *self.waker.borrow_mut() = None;
    }

    fn leave(&self, cx: &task::Context<'_>) {
        *self.waker.borrow_mut() = Some(cx.waker().clone());
    }

    fn poll_flush(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        if !self.is_idle() {
            // Never complete: it waits for more.
            let _ = self.flush.borrow_mut().as_mut().poll(cx);
        }
        if self.is_idle() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_idle(&self) -> bool {
        self.held.borrow().is_idle()
    }

    fn close(&self) {
        let lost = self.held.borrow_mut().close();
        self.status.lost.fetch_add(lost as u64, Ordering::Relaxed);
        if lost > 0 {
            self.handle.report_error(format_args!("{lost} records of an actor were lost: the stream takes no more"));
        }
        // With it go the futures of the runtime, which nobody polls any more.
        *self.flush.borrow_mut() = Box::pin(std::future::pending());
    }
}

/// Counts records as lost when the storing of them panics: in their own encoding, that is.
struct LostByPanic<'s> {
    status: &'s Status,
    count: usize,
}

impl Drop for LostByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.status.lost.fetch_add(self.count as u64, Ordering::Relaxed);
        }
    }
}

/// Takes what is held into the stream, again and again.
async fn take_in<T: Record>(handle: ReceiverHandle<T>, held: Rc<RefCell<Held<T>>>, status: Arc<Status>) {
    loop {
        let Leaving { records, told, position } = std::future::poll_fn(|_| match held.borrow_mut().take() {
            Some(taken) => Poll::Ready(taken),
            // Polled again by whoever has put something there.
            None => Poll::Pending,
        })
        .await;
        let count = records.len();
        let panicking = LostByPanic { status: &status, count };
        let outcome = handle.store_promised(records, position, !told.is_empty()).await;
        drop(panicking);
        match outcome {
            Ok(came_in) => {
                let counted = if came_in.is_some() { &status.records } else { &status.shed };
                counted.fetch_add(count as u64, Ordering::Relaxed);
                held.borrow_mut().came_in();
                // What somebody waits for is not shed.
                if let Some(block) = came_in {
                    for told in told {
                        // Nobody may be waiting any more.
                        let _ = told.send(block);
                    }
                }
            }
            Err(_) => {
                let lost = count + held.borrow_mut().close();
                status.lost.fetch_add(lost as u64, Ordering::Relaxed);
                handle.report_error(format_args!("{lost} records of an actor were lost: the stream takes no more"));
            }
        }
    }
}
