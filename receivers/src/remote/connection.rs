//! One connection of a port: reads messages, hands them to their actor in order, and answers.

use super::counts::Counts;
use super::out::Out;
use super::session::{Heard, Session, SessionLimits, Violation};
use super::wire::{Frame, MessageOutcome, Refusal, preamble};
use crate::actor::directory::Directory;
use crate::actor::remote::{Delivered, Door, Placed};
use crate::peers::Peers;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, future};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use waterwheel_runtime::clock::SharedClock;

/// What is read at a time.
const READ_BYTES: usize = 16 << 10;

/// With more than this waiting to be written no more credit is given: the client does not read.
const MOST_UNREAD_BYTES: usize = 64 << 10;

/// How long a refused client may go on sending before the connection is cut; until then it can read why.
const LINGER: Duration = Duration::from_secs(1);

/// What the connections of a port share.
pub(super) struct Port {
    pub(super) directory: Arc<Directory>,
    pub(super) limits: SessionLimits,
    pub(super) counts: Arc<Counts>,
    pub(super) clock: SharedClock,
    pub(super) peers: Mutex<Peers>,
}

impl Port {
    /// Counts a refusal, and logs it if the peer was not told of lately.
    pub(super) fn refused(&self, peer: SocketAddr, violation: &Violation) {
        self.counts.refused(violation.code);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let news = violation.code != Refusal::Ended && peers.is_news(peer.ip(), self.clock.monotonic());
        let level = if news { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, "the connection of {peer} was refused: {}", violation.text);
    }
}

/// Counts a connection for as long as it lasts.
pub(super) struct Open(pub(super) Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A message whose place in the mailbox, or whose answer, is waited for.
type Placing = BoxFuture<'static, (u64, usize, Placed)>;
type Answering = BoxFuture<'static, (u64, usize, Delivered)>;

/// What one turn of a connection brought.
enum Turn {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Placed((u64, usize, Placed)),
    Answered((u64, usize, Delivered)),
    Overdue,
    Stopped,
}

pub(super) struct Connection {
    port: Arc<Port>,
    session: Session,
    out: Out,
    door: Option<Arc<dyn Door>>,
    /// Messages that have not been offered to the actor yet; no more than the credit.
    pending: VecDeque<(u64, Vec<u8>)>,
    placing: Option<Placing>,
    answering: FuturesUnordered<Answering>,
    leaving: bool,
}

impl Connection {
    pub(super) fn new(port: Arc<Port>) -> Connection {
        let session = Session::new(port.limits, port.clock.monotonic());
        let mut out = Out::default();
        out.push_bytes(&preamble());
        Connection {
            port,
            session,
            out,
            door: None,
            pending: VecDeque::new(),
            placing: None,
            answering: FuturesUnordered::new(),
            leaving: false,
        }
    }

    /// Serves the client until it leaves, breaks the protocol, or `stop` comes.
    pub(super) async fn serve(mut self, mut stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<bool>) {
        match self.talk(&mut stream, &mut stop).await {
            Ok(()) => {}
            Err(violation) => {
                self.port.refused(peer, &violation);
                self.out.push(&violation.frame());
                // What was under way is dropped: the client sends again what it has no answer to.
                let farewell = farewell(&mut stream, self.out.rest());
                tokio::select! {
                    () = farewell => {}
                    () = self.port.clock.sleep(LINGER) => {}
                    _ = stop.wait_for(|stop| *stop), if violation.code != Refusal::Ended => {}
                }
            }
        }
    }

    async fn talk(&mut self, stream: &mut TcpStream, stop: &mut watch::Receiver<bool>) -> Result<(), Violation> {
        let mut buffer = vec![0; READ_BYTES];
        let clock = self.port.clock.clone();
        loop {
            self.offer_next();
            let idle = self.pending.is_empty() && self.placing.is_none() && self.answering.is_empty();
            if self.leaving && idle && self.out.is_empty() {
                return Ok(());
            }
            let overdue = clock.sleep(self.session.deadline().saturating_sub(clock.monotonic()));
            let (mut read, mut write) = stream.split();
            let turn = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Turn::Stopped,
                placed = next_of(&mut self.placing) => Turn::Placed(placed),
                Some(answered) = self.answering.next() => Turn::Answered(answered),
                wrote = write.write(self.out.rest()), if !self.out.is_empty() => Turn::Wrote(wrote),
                got = read.read(&mut buffer) => Turn::Read(got),
                () = overdue => Turn::Overdue,
            };
            match turn {
                Turn::Stopped => return Err(Violation::new(Refusal::Ended, "the program ends")),
                Turn::Overdue => return Err(self.session.overdue()),
                // A connection that breaks needs no words; what was not answered is sent again on the next.
                Turn::Read(Ok(0) | Err(_)) | Turn::Wrote(Ok(0) | Err(_)) => return Ok(()),
                Turn::Read(Ok(read)) => self.read(buffer.get(..read).unwrap_or_default())?,
                Turn::Wrote(Ok(wrote)) => self.out.wrote(wrote),
                Turn::Placed((sequence, bytes, Placed(answer))) => {
                    self.placing = None;
                    self.answering.push(answer.map(move |delivered| (sequence, bytes, delivered)).boxed());
                }
                Turn::Answered((sequence, bytes, delivered)) => self.answered(sequence, bytes, delivered),
            }
            if self.out.rest().len() < MOST_UNREAD_BYTES
                && let Some(grant) = self.session.grant()
            {
                self.out.push(&grant);
            }
        }
    }

    /// Offers the next message to the actor, when the one before has found its place.
    fn offer_next(&mut self) {
        if self.placing.is_none()
            && let Some(door) = &self.door
            && let Some((sequence, payload)) = self.pending.pop_front()
        {
            let bytes = payload.len();
            self.placing = Some(door.deliver(payload).map(move |placed| (sequence, bytes, placed)).boxed());
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let now = self.port.clock.monotonic();
        self.session.push(bytes, now);
        while let Some(heard) = self.session.next(now)? {
            match heard {
                Heard::Hello { name, type_name, fingerprint } => self.greeted(&name, &type_name, fingerprint)?,
                Heard::Message { sequence, payload } => {
                    self.port.counts.messages.fetch_add(1, Ordering::Relaxed);
                    self.port.counts.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
                    self.pending.push_back((sequence, payload));
                }
                // One that pings without reading is not answered more than it reads.
                Heard::Ping if self.out.rest().len() < MOST_UNREAD_BYTES => self.out.push(&Frame::Pong),
                Heard::Ping => {}
                Heard::Bye => self.leaving = true,
            }
        }
        Ok(())
    }

    fn greeted(&mut self, name: &str, type_name: &str, fingerprint: u64) -> Result<(), Violation> {
        let Some(door) = self.port.directory.door(name) else {
            let text = format!("there is no actor stream {name:?} that takes messages from remote senders");
            return Err(Violation::new(Refusal::UnknownName, text));
        };
        if door.fingerprint() != fingerprint {
            let expected = door.type_name();
            let text = format!(
                "the actor of {name:?} takes messages of type {expected}, and these are of type {type_name:?}, whose fields are others"
            );
            return Err(Violation::new(Refusal::OtherType, text));
        }
        if door.is_ended() {
            return Err(Violation::new(Refusal::Ended, format!("the actor stream {name:?} has ended")));
        }
        self.door = Some(door);
        let welcome = self.session.welcome();
        self.out.push(&welcome);
        Ok(())
    }

    fn answered(&mut self, sequence: u64, bytes: usize, delivered: Delivered) {
        let (outcome, text) = match delivered {
            Delivered::Done => (MessageOutcome::Done, String::new()),
            Delivered::Refused(text) => (MessageOutcome::Refused, text),
            Delivered::Failed(text) => (MessageOutcome::Failed, text),
            Delivered::Undecodable(text) => (MessageOutcome::Undecodable, text),
            Delivered::Ended => (MessageOutcome::Ended, "the stream has ended".to_owned()),
        };
        let counts = &self.port.counts;
        let count = if outcome == MessageOutcome::Done { &counts.acknowledged } else { &counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
        self.out.push(&Frame::Answer { sequence, outcome, text });
        self.session.answered(bytes);
    }
}

/// What is waited for, if anything is.
async fn next_of<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => future::pending().await,
    }
}

/// Writes the last words, and reads on for a while: a connection that is closed with bytes unread is reset, and the words are lost.
async fn farewell(stream: &mut TcpStream, words: &[u8]) {
    const MOST: usize = 1 << 20;
    if stream.write_all(words).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let (mut buffer, mut left) = (vec![0; READ_BYTES], MOST);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        left = left.saturating_sub(read);
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RemotePortOptions;
    use super::*;
    use waterwheel_runtime::clock::ManualClock;
    use waterwheel_runtime::time::Time;

    /// M-7
    #[test]
    fn pongs_that_nobody_reads_are_not_piled_up() {
        let port = Port {
            directory: Arc::default(),
            limits: RemotePortOptions::default().limits(),
            counts: Arc::default(),
            clock: Arc::new(ManualClock::new(Time::ZERO)),
            peers: Mutex::default(),
        };
        let mut connection = Connection::new(Arc::new(port));
        let mut greeting = preamble().to_vec();
        Frame::Hello { name: "x".to_owned(), type_name: "X".to_owned(), fingerprint: 1 }.encode_into(&mut greeting);
        connection.session.push(&greeting, Duration::ZERO);
        assert!(matches!(connection.session.next(Duration::ZERO), Ok(Some(Heard::Hello { .. }))));
        connection.session.welcome();
        let (mut pings, mut pong) = (Vec::new(), Vec::new());
        Frame::Pong.encode_into(&mut pong);
        (0..1000).for_each(|_| Frame::Ping.encode_into(&mut pings));
        for _ in 0..200 {
            connection.read(&pings).unwrap();
        }
        let unread = connection.out.rest().len();
        assert!((MOST_UNREAD_BYTES..MOST_UNREAD_BYTES + pong.len()).contains(&unread), "{unread}");
    }
}
