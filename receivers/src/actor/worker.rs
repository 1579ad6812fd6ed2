//! Further actors of a stream: its workers.

use super::drive::{Order, drive};
use super::inbox::{Bounds, Inbox, SharedInbox};
use super::status::Status;
use super::{ActorAddress, ActorSink};
use actix::{Actor, Context};
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, LocalBoxStream, StreamExt};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll, Waker};
use tokio::sync::watch;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{EndedRun, Restarts, SupervisorPolicy, Verdict};

/// The most workers that an actor stream has at a time.
pub const MAX_WORKERS: usize = 64;

/// A worker was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerRefused {
    /// There are [`MAX_WORKERS`] already.
    #[error("an actor stream has {MAX_WORKERS} workers at most; unite several streams to have more")]
    TooMany,
    /// The actor that asked for it is about to end.
    #[error("the stream is stopping, or the actor was made anew; no worker is started any more")]
    Ending,
}

/// The workers of one incarnation of a stream's actor. They are polled with it.
pub(super) struct Crew {
    /// Those that were started since the last turn.
    hired: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
    count: Cell<usize>,
    order: watch::Sender<Order>,
    waker: RefCell<Option<Waker>>,
    policy: SupervisorPolicy,
    bounds: Bounds,
    stream: Arc<str>,
}

impl Crew {
    pub(super) fn new(policy: SupervisorPolicy, bounds: Bounds, stream: Arc<str>) -> Rc<Crew> {
        let (hired, count, waker) = (RefCell::default(), Cell::default(), RefCell::default());
        Rc::new(Crew { hired, count, order: watch::channel(Order::Work).0, waker, policy, bounds, stream })
    }

    /// Starts a worker that stores beside `sink`.
    pub(super) fn hire<T, W>(
        self: Rc<Self>,
        sink: &ActorSink<T>,
        name: String,
        factory: impl FnMut(ActorSink<T>) -> W + 'static,
    ) -> Result<ActorAddress<W>, WorkerRefused>
    where
        T: Record,
        W: Actor<Context = Context<W>>,
    {
        if *self.order.borrow() != Order::Work {
            return Err(WorkerRefused::Ending);
        }
        if self.count.get() >= MAX_WORKERS {
            return Err(WorkerRefused::TooMany);
        }
        let name: Arc<str> = format!("{}/{name}", self.stream).into();
        let (queue, mailbox, inbox) = Inbox::new(self.bounds.mailbox);
        sink.status().mailboxes.add(&queue);
        let address = ActorAddress::new(name.clone(), queue, mailbox, sink.status().clone(), sink.clock().clone());
        let counted = Counted::new(self.clone(), sink.status().clone());
        let job = Job { name, inbox, sink: sink.for_worker(), orders: self.order.subscribe(), policy: self.policy };
        let work = work(job, factory, self.bounds, counted);
        self.hired.borrow_mut().push(Box::pin(work));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
        Ok(address)
    }

    /// Tells all workers, and those to come.
    pub(super) fn tell(&self, order: Order) {
        self.order.send_replace(order);
    }

    /// Lets go of workers that were started and never polled.
    pub(super) fn dismiss(&self) {
        drop(self.hired.take());
    }

    /// Goes on with the workers: ready when there are none.
    pub(super) fn poll(
        &self,
        working: &mut FuturesUnordered<LocalBoxFuture<'static, ()>>,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        loop {
            working.extend(self.hired.take());
            while let Poll::Ready(Some(())) = working.poll_next_unpin(cx) {}
            if self.hired.borrow().is_empty() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                return if working.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    }
}

/// Counts a worker until it is dropped.
struct Counted {
    crew: Rc<Crew>,
    status: Arc<Status>,
}

impl Counted {
    fn new(crew: Rc<Crew>, status: Arc<Status>) -> Counted {
        crew.count.set(crew.count.get() + 1);
        status.workers.fetch_add(1, Ordering::Relaxed);
        Counted { crew, status }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.crew.count.set(self.crew.count.get().saturating_sub(1));
        self.status.workers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Job<W: Actor<Context = Context<W>>, T> {
    name: Arc<str>,
    inbox: SharedInbox<W>,
    sink: ActorSink<T>,
    orders: watch::Receiver<Order>,
    policy: SupervisorPolicy,
}

/// Runs a worker, again after each panic, until it stops itself, is told to stop or its policy gives up.
async fn work<W, T>(
    job: Job<W, T>,
    mut factory: impl FnMut(ActorSink<T>) -> W + 'static,
    bounds: Bounds,
    counted: Counted,
) where
    W: Actor<Context = Context<W>>,
    T: Record,
{
    let Job { name, inbox, sink, mut orders, policy } = job;
    let (mut restarts, clock, status) = (Restarts::new(policy), sink.clock().clone(), sink.status().clone());
    let _counted = counted;
    loop {
        let (began, before) = (clock.monotonic(), status.records.load(Ordering::Relaxed));
        let own = sink.for_worker();
        let ended = drive(&mut factory, inbox.clone(), own, each(orders.clone()), bounds).await;
        let Err(error) = ended else { return };
        status.failed(&error);
        sink.report_error(format_args!("the worker {name} {error}"));
        let run = EndedRun {
            began,
            ended: clock.monotonic(),
            stored: status.records.load(Ordering::Relaxed) > before,
            error: Some(&error),
        };
        match restarts.ended(run) {
            Verdict::GiveUp(given_up) => {
                let (count, first) = (given_up.restarts, given_up.first);
                sink.report_error(format_args!("the worker {name} is given up after {count} restarts; first: {first}"));
                return;
            }
            Verdict::RestartAfter(pause) => {
                tokio::select! {
                    _ = orders.wait_for(|order| *order != Order::Work) => return,
                    () = clock.sleep(pause) => {}
                }
            }
        }
    }
}

/// The orders, the present one first.
pub(super) fn each(orders: watch::Receiver<Order>) -> LocalBoxStream<'static, Order> {
    let present = |(mut orders, first): (watch::Receiver<Order>, bool)| async move {
        if !first {
            orders.changed().await.ok()?;
        }
        let order = *orders.borrow_and_update();
        Some((order, (orders, false)))
    };
    futures::stream::unfold((orders, true), present).fuse().boxed_local()
}
