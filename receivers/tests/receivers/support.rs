//! What the tests share: contexts, a peer to connect to, and waiting with a deadline.

use std::fmt::Debug;
use std::future::Future;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::config::{BackpressureConfig, Estimator, ReceiverConfig};
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// How long anything may take before the test fails. Nothing takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How receivers are configured in tests: they restart soon.
pub(crate) fn receivers() -> ReceiverConfig {
    ReceiverConfig::default().with_restart_delay(milliseconds(10))
}

/// How contexts are configured in tests: nothing holds receivers back but what a test says.
pub(crate) fn config() -> Config {
    let backpressure = BackpressureConfig::default().with_estimator(Estimator::None);
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    config.with_receiver(receivers()).with_backpressure(backpressure)
}

/// A context of the machine's clock with short batches.
pub(crate) fn context(config: Config) -> StreamingContext {
    StreamingContext::new(config, milliseconds(20)).unwrap()
}

/// A context with batches of one second on a clock that is turned by hand.
pub(crate) fn manual_context(config: Config) -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    (ssc, clock)
}

/// As [`manual_context`], with everything but the receivers asleep for an hour: the next deadline of the clock is a receiver's.
pub(crate) fn receivers_alone(config: Config) -> (StreamingContext, ManualClock) {
    let (clock, hour) = (ManualClock::new(Time::ZERO), seconds(3600));
    let ssc = StreamingContext::with_clock(config.with_block_interval(hour), hour, Arc::new(clock.clone())).unwrap();
    (ssc, clock)
}

/// Turns the clock by one second and waits until that makes `batches` complete ones.
pub(crate) fn run_batch(running: &RunningContext, clock: &ManualClock, batches: u64) {
    clock.advance(seconds(1));
    assert!(running.wait_for_batches(batches, DEADLINE), "batch {batches} did not complete: {running:?}");
}

/// Waits until `condition` holds, for states that nobody is told of.
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !condition() {
        assert!(clock.monotonic() < DEADLINE, "it did not come to hold");
        std::thread::yield_now();
    }
}

/// Turns the clock from batch to batch until `condition` holds: for receivers that wait for their blocks to be cut.
pub(crate) fn turn_until(running: &RunningContext, clock: &ManualClock, mut condition: impl FnMut() -> bool) {
    wait_until(|| {
        run_batch(running, clock, running.batches_completed() + 1);
        condition()
    });
}

/// The records of each batch, as they come.
pub(crate) fn batches<T: Record>(stream: DStream<'_, T>) -> Inbox<Vec<T>> {
    let (batches, inbox) = channel();
    stream.foreach_rdd(move |rdd| rdd.collect().map(|records| drop(batches.send(records))));
    inbox
}

/// The next `count` records, over however many batches.
pub(crate) fn next_records<T>(batches: &Inbox<Vec<T>>, count: usize) -> Vec<T> {
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(batches.recv_timeout(DEADLINE).unwrap());
    }
    records
}

/// Turns the clock by one second once all receivers together have taken in `records`, and gives back the batch that this makes.
pub(crate) fn batch_of<T>(
    running: &RunningContext,
    clock: &ManualClock,
    batches: &Inbox<Vec<T>>,
    records: u64,
) -> Vec<T> {
    wait_until(|| running.receivers().iter().map(|receiver| receiver.records).sum::<u64>() == records);
    run_batch(running, clock, running.batches_completed() + 1);
    batches.recv_timeout(DEADLINE).unwrap()
}

/// Everything that is told from the start on.
pub(crate) fn events(ssc: &StreamingContext) -> Inbox<Event> {
    let (events, inbox) = channel();
    ssc.add_streaming_listener(move |event: &Event| drop(events.send(event.clone())));
    inbox
}

/// The first thing that `pick` finds in the events to come.
pub(crate) fn wait_for<T>(events: &Inbox<Event>, pick: impl Fn(&Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = pick(&events.recv_timeout(DEADLINE).expect("the event did not come")) {
            return found;
        }
    }
}

/// The next error of a receiver that contains `text`.
pub(crate) fn wait_for_error(events: &Inbox<Event>, text: &str) -> String {
    wait_for(events, |event| match event {
        Event::ReceiverError { message, .. } if message.contains(text) => Some(message.clone()),
        _ => None,
    })
}

/// A server that can be killed. Its connections are taken by a thread, so that a test waits for one with a deadline.
pub(crate) struct Peer {
    address: SocketAddr,
    connections: Inbox<TcpStream>,
    killed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Listens on a free port.
    pub(crate) fn new() -> Peer {
        Peer::at("127.0.0.1:0")
    }

    /// Listens on `address`.
    pub(crate) fn at(address: &str) -> Peer {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connections) = channel();
        let killed = Arc::new(AtomicBool::new(false));
        let ending = killed.clone();
        let thread = std::thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                if ending.load(Ordering::SeqCst) || accepted.send(connection).is_err() {
                    return;
                }
            }
        });
        Peer { address, connections, killed, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> TcpStream {
        self.connections.recv_timeout(DEADLINE).expect("nobody connected")
    }
}

impl Drop for Peer {
    /// Kills the server: nobody listens on its port when this returns.
    fn drop(&mut self) {
        self.killed.store(true, Ordering::SeqCst);
        // Wakes the thread out of `accept`.
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// An address on which nobody listens.
pub(crate) fn nobodys_address() -> String {
    Peer::new().address()
}

/// A receiver from an asynchronous function.
pub(crate) struct FnReceiver<T, F>(pub(crate) F, pub(crate) std::marker::PhantomData<fn() -> T>);

impl<T, F, Run> Receiver for FnReceiver<T, F>
where
    T: Record,
    F: Fn(ReceiverHandle<T>) -> Run + 'static,
    Run: Future<Output = Result<(), ReceiverError>>,
{
    type Record = T;

    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        (self.0)(handle).await
    }
}

/// A stream of what `run` stores.
pub(crate) fn receive<T, F, Run>(ssc: &StreamingContext, run: F) -> DStream<'_, T>
where
    T: Record,
    F: Fn(ReceiverHandle<T>) -> Run + Clone + Send + 'static,
    Run: Future<Output = Result<(), ReceiverError>> + 'static,
{
    ssc.receiver_stream("test", StorageLevel::MemoryAndDisk, move || FnReceiver(run.clone(), std::marker::PhantomData))
}

/// Whether `left` and `right` are the same, told with both in full.
pub(crate) fn assert_same<T: Debug + PartialEq>(left: impl IntoIterator<Item = T>, right: impl IntoIterator<Item = T>) {
    let (left, right): (Vec<T>, Vec<T>) = (left.into_iter().collect(), right.into_iter().collect());
    assert_eq!(left, right);
}

/// A stream of what `run` stores, which is made anew as `policy` says.
#[track_caller]
pub(crate) fn receive_with<'c, T, F, Run>(
    ssc: &'c StreamingContext,
    name: &str,
    policy: SupervisorPolicy,
    run: F,
) -> DStream<'c, T>
where
    T: Record,
    F: Fn(ReceiverHandle<T>) -> Run + Clone + Send + 'static,
    Run: Future<Output = Result<(), ReceiverError>> + 'static,
{
    let made = move || FnReceiver(run.clone(), std::marker::PhantomData);
    ssc.receiver_stream(name, ReceiverOptions::new().policy(policy), made)
}

/// A stream of what a test stores itself: its receiver hands over its handle, and waits for the stop.
pub(crate) fn handing<T: Record>(
    ssc: &StreamingContext,
    level: StorageLevel,
) -> (DStream<'_, T>, Inbox<ReceiverHandle<T>>) {
    let (hand, handles) = channel();
    let run = move |handle: ReceiverHandle<T>| {
        let hand = hand.clone();
        async move {
            hand.send(handle.clone())?;
            handle.stopped().await;
            Ok(())
        }
    };
    let stream = ssc.receiver_stream("test", level, move || FnReceiver(run.clone(), std::marker::PhantomData));
    (stream, handles)
}

/// Says that what owns it is gone.
pub(crate) struct Dropped(pub(crate) std::sync::mpsc::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Every block is cut by the record that comes first into it: no clock has to be turned for that.
pub(crate) fn small_blocks(config: Config) -> Config {
    config.with_block_max_bytes(waterwheel_runtime::config::ByteSize(1))
}
