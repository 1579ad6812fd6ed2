//! The thread behind a client: connects, sends what there is credit for, hears answers, and connects again.

use super::client::{RemoteError, Shared};
use super::credit::Amount;
use super::options::{FRAME_TIMEOUT, RemoteActorOptions};
use super::out::Out;
use super::outbox::{Entry, Outbox};
use super::wire::{self, Frame, FrameReader, MessageOutcome, preamble};
use crate::socket::connect;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use waterwheel_runtime::receiver::{EndedRun, Restarts, Verdict};

const READ_BYTES: usize = 16 << 10;

/// No more is encoded ahead of the connection than this and one message.
const MOST_UNWRITTEN_BYTES: usize = 64 << 10;

/// A server of which nothing is heard for so many heartbeats is gone.
const MISSED_HEARTBEATS: u32 = 3;

/// What a client asks of its link.
pub(super) enum Command {
    /// Send a message.
    Post { payload: Vec<u8>, sender: Sender },
    /// Wait until everything is acknowledged, and end.
    Close(oneshot::Sender<Result<(), Left>>),
    /// End at once.
    Abandon(oneshot::Sender<Vec<Vec<u8>>>),
}

/// What was not acknowledged, in order, and why.
pub(super) struct Left {
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) cause: RemoteError,
}

/// Who is told what becomes of a message, and the room that it takes until then.
pub(super) struct Sender {
    pub(super) answer: oneshot::Sender<Result<(), RemoteError>>,
    pub(super) room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// How a connection, or the whole link, came to an end.
enum End {
    /// Nobody wants anything any more.
    Closed,
    /// It may go better on the next connection.
    Lost(String),
    /// It will not.
    Rejected(RemoteError),
}

pub(super) struct Link {
    pub(super) address: String,
    pub(super) hello: Frame,
    pub(super) options: RemoteActorOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    /// Told once, when the first connection stands or never will.
    pub(super) ready: Option<oneshot::Sender<Result<(), RemoteError>>>,
    pub(super) outbox: Outbox<Sender>,
    /// The longest message that the server takes, once it has said so.
    pub(super) max_message: usize,
    /// Who waits for everything to be acknowledged.
    pub(super) closing: Vec<oneshot::Sender<Result<(), Left>>>,
    /// Who wants to have back what is not.
    pub(super) abandoning: Vec<oneshot::Sender<Vec<Vec<u8>>>>,
    /// Whether the present connection has brought an answer, or there was nothing to be answered.
    pub(super) was_good: bool,
}

impl Link {
    pub(super) async fn run(mut self) {
        let (clock, mut restarts) = (self.options.clock.clone(), Restarts::new(self.options.policy));
        let cause = loop {
            let began = clock.monotonic();
            self.was_good = false;
            let cause = match self.connection().await {
                End::Closed => break RemoteError::Closed,
                End::Rejected(error) => break error,
                End::Lost(cause) => cause,
            };
            self.outbox.connection_lost();
            let run = EndedRun { began, ended: clock.monotonic(), stored: self.was_good, error: Some(&cause) };
            match restarts.ended(run) {
                Verdict::GiveUp(given_up) => {
                    let attempts = given_up.restarts.saturating_add(1);
                    break RemoteError::Unreachable { address: self.address.clone(), attempts, cause };
                }
                Verdict::RestartAfter(pause) => {
                    log::debug!("{}: {cause}; connecting again in {pause:?}", self.address);
                    if !self.pause(pause).await {
                        break RemoteError::Closed;
                    }
                }
            }
        };
        self.end(cause).await;
    }

    /// One connection, from the attempt to its end.
    async fn connection(&mut self) -> End {
        let clock = self.options.clock.clone();
        let (address, mut late) = (self.address.clone(), clock.sleep(FRAME_TIMEOUT));
        let mut connecting = Box::pin(async move { connect(&address).await });
        let mut stream = loop {
            tokio::select! {
                connected = &mut connecting => match connected {
                    Ok(stream) => break stream,
                    Err(error) => return End::Lost(format!("cannot connect: {error}")),
                },
                command = self.commands.recv() => if !self.obey(command) { return End::Closed },
                () = &mut late => return End::Lost(format!("cannot connect within {FRAME_TIMEOUT:?}")),
            }
        };
        let _ = stream.set_nodelay(true);
        let end = Talk::new(self).run(&mut stream).await;
        // A server that has gone need not hear of it.
        let _ = stream.shutdown().await;
        end
    }

    /// Waits before the next attempt; `false` when there is none.
    async fn pause(&mut self, delay: Duration) -> bool {
        let mut over = self.options.clock.sleep(delay);
        loop {
            tokio::select! {
                () = &mut over => return true,
                command = self.commands.recv() => if !self.obey(command) { return false },
            }
        }
    }

    /// Does what was asked for. `false` when the link has ended by it.
    fn obey(&mut self, command: Option<Command>) -> bool {
        match command {
            Some(Command::Post { payload, sender }) => {
                if payload.len() > self.max_message {
                    let error = RemoteError::TooLarge { bytes: payload.len(), limit: self.max_message };
                    self.tell(sender, Err(error));
                } else {
                    self.outbox.push(payload, sender);
                }
                true
            }
            Some(Command::Close(closed)) => {
                self.closing.push(closed);
                // Without anything to wait for no connection is waited for either.
                !self.is_done()
            }
            Some(Command::Abandon(left)) => {
                self.abandoning.push(left);
                false
            }
            None => false,
        }
    }

    /// Whether somebody wants it to end, and nothing is left to be acknowledged: nothing that was given to it before either.
    fn is_done(&mut self) -> bool {
        while !self.closing.is_empty() && self.outbox.is_empty() {
            match self.commands.try_recv() {
                Ok(command) => {
                    if !self.obey(Some(command)) {
                        return true;
                    }
                }
                Err(_) => return true,
            }
        }
        false
    }

    fn tell(&self, sender: Sender, result: Result<(), RemoteError>) {
        if result.is_err() {
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
        }
        let Sender { answer, room } = sender;
        // First, so that whoever is told finds it not unacknowledged any more.
        drop(room);
        // Nobody may be waiting.
        let _ = answer.send(result);
    }

    /// Tells everybody that nothing more is sent, and keeps what was not acknowledged for whoever asks for it: each handle is told the
    /// same.
    async fn end(&mut self, cause: RemoteError) {
        // What was given to it and not looked at is not acknowledged either.
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Post { payload, sender } => self.outbox.push(payload, sender),
                Command::Close(closed) => self.closing.push(closed),
                Command::Abandon(left) => self.abandoning.push(left),
            }
        }
        let entries: Vec<Entry<Sender>> = self.outbox.drain().collect();
        self.shared.end(cause.clone(), !entries.is_empty());
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Err(cause.clone()));
        }
        let mut payloads = Vec::new();
        for Entry { payload, sender, .. } in entries {
            self.tell(sender, Err(cause.clone()));
            payloads.push(payload);
        }
        let left = |payloads: &[Vec<u8>]| match payloads {
            [] => Ok(()),
            payloads => Err(Left { payloads: payloads.to_vec(), cause: cause.clone() }),
        };
        for closed in self.closing.drain(..) {
            let _ = closed.send(left(&payloads));
        }
        for abandoned in self.abandoning.drain(..) {
            let _ = abandoned.send(payloads.clone());
        }
        while let Some(command) = self.commands.recv().await {
            match command {
                // Of those who had room before the end: no more than there was room for.
                Command::Post { payload, sender } => {
                    self.shared.end(cause.clone(), true);
                    self.tell(sender, Err(cause.clone()));
                    payloads.push(payload);
                }
                Command::Close(closed) => drop(closed.send(left(&payloads))),
                Command::Abandon(abandoned) => drop(abandoned.send(payloads.clone())),
            }
        }
    }
}

/// What is said on one connection.
struct Talk<'a> {
    link: &'a mut Link,
    reader: FrameReader,
    out: Out,
    welcomed: bool,
    heartbeat: Duration,
    heard: Duration,
    sent: Duration,
    pinged: Duration,
}

impl<'a> Talk<'a> {
    fn new(link: &'a mut Link) -> Talk<'a> {
        let mut out = Out::default();
        out.push_bytes(&preamble());
        out.push(&link.hello);
        let now = link.options.clock.monotonic();
        // A server sends no messages.
        let reader = FrameReader::of_server(0);
        Talk { link, reader, out, welcomed: false, heartbeat: FRAME_TIMEOUT, heard: now, sent: now, pinged: now }
    }

    async fn run(mut self, stream: &mut TcpStream) -> End {
        let (clock, mut buffer) = (self.link.options.clock.clone(), vec![0; READ_BYTES]);
        let (mut read, mut write) = stream.split();
        loop {
            self.fill();
            if self.welcomed && self.link.outbox.is_empty() {
                self.link.was_good = true;
                if self.link.is_done() {
                    self.out.push(&Frame::Bye);
                    // Everything is acknowledged: that the server hears of the end is a courtesy.
                    let _ = write.try_write(self.out.rest());
                    return End::Closed;
                }
                // Something was given to it in the last moment.
                self.fill();
            }
            let now = clock.monotonic();
            // Here, so that it is done however much there is to send.
            self.ping(now);
            let (ping, gone) = (self.next_ping(), self.heard + self.heartbeat * MISSED_HEARTBEATS);
            let next = if self.welcomed { ping.min(gone) } else { gone };
            let turn = tokio::select! {
                biased;
                wrote = write.write(self.out.rest()), if !self.out.is_empty() => match wrote {
                    Ok(wrote @ 1..) => { self.out.wrote(wrote); self.sent = clock.monotonic(); Ok(()) }
                    Ok(0) => Err(End::Lost("the connection was closed".to_owned())),
                    Err(error) => Err(End::Lost(format!("the connection broke: {error}"))),
                },
                got = read.read(&mut buffer) => match got {
                    Ok(0) => Err(End::Lost("the server closed the connection".to_owned())),
                    Ok(read) => {
                        self.heard = clock.monotonic();
                        self.reader.push(buffer.get(..read).unwrap_or_default());
                        self.hear()
                    }
                    Err(error) => Err(End::Lost(format!("the connection broke: {error}"))),
                },
                command = self.link.commands.recv() => {
                    if self.link.obey(command) { Ok(()) } else { Err(End::Closed) }
                }
                () = clock.sleep(next.saturating_sub(now)) => self.late(clock.monotonic()),
            };
            if let Err(end) = turn {
                return end;
            }
        }
    }

    /// Encodes the next messages, as far as there is credit and room.
    fn fill(&mut self) {
        while self.welcomed
            && self.out.rest().len() < MOST_UNWRITTEN_BYTES
            && let Some(entry) = self.link.outbox.send_next()
        {
            wire::encode_message(entry.sequence, &entry.payload, self.out.buffer());
        }
    }

    /// The server is to hear of the client every heartbeat, and so is the client of the server: one that is held back says nothing of
    /// itself, and is asked although messages go there.
    fn next_ping(&self) -> Duration {
        self.sent.min(self.heard.max(self.pinged)) + self.heartbeat
    }

    /// Asks the server for a sign of life, if it is time.
    fn ping(&mut self, now: Duration) {
        if self.welcomed && now >= self.next_ping() {
            (self.sent, self.pinged) = (now, now);
            self.out.push(&Frame::Ping);
        }
    }

    /// Time has passed.
    fn late(&self, now: Duration) -> Result<(), End> {
        if now >= self.heard + self.heartbeat * MISSED_HEARTBEATS {
            return Err(End::Lost(format!("nothing was heard for {:?}", self.heartbeat * MISSED_HEARTBEATS)));
        }
        Ok(())
    }

    fn hear(&mut self) -> Result<(), End> {
        loop {
            match self.reader.next_frame() {
                Ok(None) => return Ok(()),
                Ok(Some(frame)) => self.take(frame)?,
                // Another program on that port, or another version: that will not change by trying again.
                Err(error) => return Err(End::Rejected(RemoteError::Protocol { cause: error.to_string() })),
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), End> {
        match frame {
            Frame::Welcome { messages, bytes, max_message, heartbeat_ms } => {
                self.welcomed = true;
                self.heartbeat = Duration::from_millis(u64::from(heartbeat_ms.max(1)));
                self.link.shared.connections.fetch_add(1, Ordering::Relaxed);
                self.link.max_message = usize::try_from(max_message).unwrap_or(usize::MAX);
                for Entry { payload, sender, .. } in self.link.outbox.too_long(self.link.max_message) {
                    let error = RemoteError::TooLarge { bytes: payload.len(), limit: self.link.max_message };
                    self.link.tell(sender, Err(error));
                }
                self.link.outbox.granted(Amount { messages, bytes });
                if let Some(ready) = self.link.ready.take() {
                    let _ = ready.send(Ok(()));
                }
            }
            Frame::Grant { messages, bytes } => self.link.outbox.granted(Amount { messages, bytes }),
            Frame::Answer { outcome: MessageOutcome::Ended, text, .. } => return Err(End::Lost(text)),
            Frame::Answer { sequence, outcome, text } => {
                self.link.was_good = true;
                if let Some(entry) = self.link.outbox.answered(sequence) {
                    let result = match outcome {
                        MessageOutcome::Done | MessageOutcome::Ended => Ok(()),
                        MessageOutcome::Refused => Err(RemoteError::Handler { text }),
                        MessageOutcome::Failed => Err(RemoteError::Failed { text }),
                        MessageOutcome::Undecodable => Err(RemoteError::Undecodable { text }),
                    };
                    self.link.tell(entry.sender, result);
                }
            }
            Frame::Refused { code, text } if code.is_passing() => return Err(End::Lost(text)),
            Frame::Refused { code, text } => return Err(End::Rejected(RemoteError::Rejected { code, text })),
            Frame::Pong => {}
            // The reader takes none of these from a server.
            Frame::Hello { .. } | Frame::Message { .. } | Frame::Ping | Frame::Bye => {}
        }
        Ok(())
    }
}
