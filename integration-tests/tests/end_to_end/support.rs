//! What the tests share: contexts, a peer to connect to, and waiting with a deadline.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use waterwheel::prelude::*;

/// How long anything may take before the test fails. Nothing takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The batch interval of programs under a clock that is turned by hand.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// How programs are configured: receivers restart soon, signals are left alone.
pub(crate) fn config() -> Config {
    let mut config = Config::local("test").with_cores(2).with_handle_signals(false);
    config.receiver = config.receiver.with_restart_delay(milliseconds(10));
    config
}

/// An engine whose clock is turned by hand.
pub(crate) fn manual_engine(cores: usize) -> (Engine, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let options = EngineOptions { cores, clock: Arc::new(clock.clone()), ..EngineOptions::default() };
    (Engine::start(options).unwrap(), clock)
}

/// Shuffles and blocks that the engine holds.
pub(crate) fn held(engine: &Engine) -> (usize, usize) {
    let snapshot = engine.snapshot().unwrap();
    (snapshot.shuffles, snapshot.blocks.blocks)
}

/// The records of each batch, as they come.
pub(crate) fn batches<T: Data>(stream: DStream<'_, T>) -> Receiver<Vec<T>> {
    let (batches, inbox) = channel();
    stream.foreach_rdd(move |rdd| rdd.collect().map(|records| drop(batches.send(records))));
    inbox
}

/// The records of each batch, kept.
pub(crate) fn kept<T: Data>(stream: DStream<'_, T>) -> Arc<Mutex<Vec<Vec<T>>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let batches = kept.clone();
    stream.foreach_rdd(move |rdd| rdd.collect().map(|records| batches.lock().unwrap().push(records)));
    kept
}

/// What has been kept so far.
pub(crate) fn taken<T>(kept: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *kept.lock().unwrap())
}

/// The next `count` records, over however many batches.
pub(crate) fn next_records<T>(batches: &Receiver<Vec<T>>, count: usize) -> Vec<T> {
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(batches.recv_timeout(DEADLINE).unwrap());
    }
    records
}

/// Everything that is told from the start on.
pub(crate) fn events(ssc: &StreamingContext) -> Receiver<Event> {
    let (events, inbox) = channel();
    ssc.add_streaming_listener(move |event: &Event| drop(events.send(event.clone())));
    inbox
}

/// The next error of a receiver.
pub(crate) fn receiver_error(events: &Receiver<Event>) -> String {
    loop {
        if let Event::ReceiverError { message, .. } = events.recv_timeout(DEADLINE).expect("no error was told") {
            return message;
        }
    }
}

/// A server whose connections are taken by a thread, so that a test waits for one with a deadline.
pub(crate) struct Peer {
    address: SocketAddr,
    connections: Receiver<TcpStream>,
}

impl Peer {
    /// Listens on a free port, to the end of the test.
    pub(crate) fn new() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connections) = channel();
        thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                if accepted.send(connection).is_err() {
                    return;
                }
            }
        });
        Peer { address, connections }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> TcpStream {
        self.connections.recv_timeout(DEADLINE).expect("nobody connected")
    }
}
