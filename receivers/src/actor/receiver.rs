//! The receiver of an actor stream: each run of it is one incarnation of the actor.

use super::ActorSink;
use super::drive::{Order, drive};
use super::inbox::{Bounds, SharedInbox};
use super::status::Status;
use super::worker::Crew;
use actix::{Actor, Context};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle, SupervisorPolicy};

/// An actor that has ended by itself waits so long for its workers; then they are stopped, or the stream would have no actor for as
/// long as one of them likes. At a stop of the program its own deadline is what counts.
const WORKER_GRACE: Duration = Duration::from_secs(5);

/// What the incarnations of a stream's actor have in common.
pub(super) struct Stock<A: Actor<Context = Context<A>>, F> {
    pub(super) name: Arc<str>,
    pub(super) factory: Mutex<F>,
    pub(super) inbox: SharedInbox<A>,
    pub(super) status: Arc<Status>,
    pub(super) policy: SupervisorPolicy,
    pub(super) bounds: Bounds,
}

impl<A: Actor<Context = Context<A>>, F> Drop for Stock<A, F> {
    fn drop(&mut self) {
        self.status.end();
    }
}

pub(super) struct ActorReceiver<A: Actor<Context = Context<A>>, F, T> {
    pub(super) stock: Arc<Stock<A, F>>,
    pub(super) records: std::marker::PhantomData<fn() -> T>,
}

impl<A, F, T> Receiver for ActorReceiver<A, F, T>
where
    A: Actor<Context = Context<A>>,
    F: FnMut(ActorSink<T>) -> A + Send + 'static,
    T: Record,
{
    type Record = T;

    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let stock = &self.stock;
        let status = stock.status.clone();
        handle.show_mailbox(move || status.mailboxes.waiting());
        let crew = Crew::new(stock.policy, stock.bounds, stock.name.clone());
        let sink = ActorSink::new(handle.clone(), stock.status.clone(), crew.clone());
        let make = |sink| (stock.factory.lock().unwrap_or_else(PoisonError::into_inner))(sink);
        let stopping = handle.clone();
        let orders = futures::stream::once(async move {
            stopping.stopped().await;
            Order::Drain
        });
        let actor = drive(make, stock.inbox.clone(), sink, orders.fuse().boxed_local(), stock.bounds);
        let ended = with_crew(&crew, actor, &handle).await;
        if let Err(error) = &ended {
            stock.status.failed(error);
        }
        ended.map_err(Into::into)
    }
}

/// Runs the actor, and its workers with it and to their end. They drain what they were sent when the actor ended well, and end at
/// once when it failed: the next incarnation starts its own.
async fn with_crew<T>(
    crew: &Rc<Crew>,
    actor: impl Future<Output = Result<(), String>>,
    handle: &ReceiverHandle<T>,
) -> Result<(), String> {
    let (mut actor, mut working) = (pin!(actor), FuturesUnordered::new());
    // They hold the crew, and it them.
    let _dismissed = Dismiss(crew);
    let ended = std::future::poll_fn(|cx| {
        let ended = actor.as_mut().poll(cx);
        // A worker may have been started by the actor just now; and may start others.
        let _ = crew.poll(&mut working, cx);
        ended
    })
    .await;
    crew.tell(if ended.is_ok() { Order::Drain } else { Order::Stop });
    let late = async {
        handle.clock().sleep(WORKER_GRACE).await;
        if handle.is_stopped() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = std::future::poll_fn(|cx| crew.poll(&mut working, cx)) => return ended,
        () = late => {}
    }
    handle.report_error(format_args!(
        "the actor has ended, and workers of it have not within {WORKER_GRACE:?}; they are stopped"
    ));
    crew.tell(Order::Stop);
    std::future::poll_fn(|cx| crew.poll(&mut working, cx)).await;
    ended
}

/// Lets go of workers that were never polled.
struct Dismiss<'a>(&'a Crew);

impl Drop for Dismiss<'_> {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}
