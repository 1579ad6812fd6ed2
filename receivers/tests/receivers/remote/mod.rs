//! Actors that are fed from other processes: the real port, the real client, and peers that write bytes of their own.

mod delivery;
mod flow;
mod hostile;
mod keeping;
mod refusals;

use crate::support::*;
use actix::prelude::*;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::Receiver as Inbox;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_receivers::remote::wire::{Frame, FrameReader, MessageOutcome, Refusal, preamble};
use waterwheel_receivers::remote::{RemotePort, RemoteStatistics};
use waterwheel_runtime::codec;

/// What feeders send in these tests.
#[derive(Message, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[rtype(result = "Result<(), String>")]
enum Order {
    Store(u64),
    Refuse(u64),
    Panic(u64),
}

/// Stores numbers as it is told.
struct Taker {
    sink: ActorSink<u64>,
}

impl Actor for Taker {
    type Context = Context<Self>;
}

impl Handler<Order> for Taker {
    type Result = Result<(), String>;

    fn handle(&mut self, order: Order, _: &mut Context<Self>) -> Self::Result {
        match order {
            Order::Store(number) => self.sink.store(number).map_err(|error| error.to_string()),
            Order::Refuse(number) => Err(format!("{number} is not wanted")),
            Order::Panic(number) => panic!("on purpose, at {number}"),
        }
    }
}

/// A program with an actor stream `numbers` and a port.
struct Served {
    running: RunningContext,
    numbers: Inbox<Vec<u64>>,
    port: RemotePort,
}

fn at_once() -> SupervisorPolicy {
    SupervisorPolicy::for_actors().without_limit().delay(milliseconds(0)).max_delay(milliseconds(0))
}

fn serve_at(ssc: StreamingContext, address: &str, options: RemotePortOptions) -> Served {
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Taker { sink }).remote::<Order>();
    let numbers = batches(stream.stream());
    let port = ssc.remote_actors_with(address, options).unwrap();
    Served { running: ssc.start().unwrap(), numbers, port }
}

fn serve(ssc: StreamingContext, options: RemotePortOptions) -> Served {
    serve_at(ssc, "127.0.0.1:0", options)
}

impl Served {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn connect(&self) -> RemoteActor<Order> {
        RemoteActor::connect_blocking(self.address(), "numbers").unwrap()
    }

    fn statistics(&self) -> RemoteStatistics {
        self.port.statistics()
    }
}

/// Connects again soon.
fn hasty() -> RemoteActorOptions {
    let policy = SupervisorPolicy::for_receivers(milliseconds(1)).max_delay(milliseconds(20));
    RemoteActorOptions::default().policy(policy)
}

/// A client that writes what it likes.
struct Raw {
    stream: TcpStream,
    reader: FrameReader,
}

impl Raw {
    fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw { stream, reader: FrameReader::of_server(0) }
    }

    /// One that was let in, with its welcome.
    fn welcomed(address: SocketAddr) -> (Raw, Frame) {
        let mut raw = Raw::connect(address);
        raw.write(&preamble());
        raw.send(&hello());
        let welcome = raw.next().unwrap();
        (raw, welcome)
    }

    /// The other side may have closed meanwhile.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn send(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.encode_into(&mut bytes);
        self.write(&bytes);
    }

    fn order(&mut self, sequence: u64, order: &Order) {
        self.send(&Frame::Message { sequence, payload: codec::encode(order).unwrap() });
    }

    /// The next frame; `None` at the end of the connection.
    fn next(&mut self) -> Option<Frame> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut buffer) {
                Ok(read @ 1..) => self.reader.push(&buffer[..read]),
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// The answer that comes next, whatever credit comes before it.
    fn answer(&mut self) -> (u64, MessageOutcome, String) {
        loop {
            match self.next() {
                Some(Frame::Answer { sequence, outcome, text }) => return (sequence, outcome, text),
                Some(Frame::Grant { .. }) => {}
                other => panic!("no answer but {other:?}"),
            }
        }
    }

    /// Why the connection is closed, whatever comes before that.
    fn refusal(&mut self) -> (Refusal, String) {
        loop {
            match self.next() {
                Some(Frame::Refused { code, text }) => {
                    assert_eq!(self.next(), None);
                    return (code, text);
                }
                Some(_) => {}
                None => panic!("closed without a word"),
            }
        }
    }
}

/// The greeting of a client of `numbers`.
fn hello() -> Frame {
    hello_as::<Order>()
}

/// That of a client which sends messages of type `M`.
fn hello_as<M: serde::de::DeserializeOwned>() -> Frame {
    let schema = waterwheel_runtime::state::TypeSchema::of::<M>();
    let fingerprint = codec::stable_hash(&codec::encode(&schema.shape.unwrap()).unwrap());
    Frame::Hello { name: "numbers".to_owned(), type_name: std::any::type_name::<M>().to_owned(), fingerprint }
}
