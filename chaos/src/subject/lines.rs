//! The actor of a [`Feeder`](crate::feeder::Feeder): it connects, stores what comes, and acknowledges what is stored for good.
//!
//! It panics now and then, in the middle of a store: what it stored is kept, and the next of it goes on.

use super::Delivery;
use actix::prelude::*;
use futures::{FutureExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use waterwheel::prelude::*;

/// The most records that are stored together.
const TOGETHER: usize = 64;

/// What an actor does with what it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// It stores it again.
    AtLeastOnce,
    /// It stores positions, and skips what is at or before the last.
    Once,
}

/// What an actor says when it panics.
pub const ON_PURPOSE: &str = "on purpose, as actors do";

/// An actor panics in the first store after so many that were acknowledged: every life of it gets on.
const STORES: u32 = 10;

/// See the module.
pub struct Clerk {
    sink: ActorSink<Delivery>,
    peer: SocketAddr,
    promise: Promise,
    last: Option<u64>,
    answers: Option<mpsc::UnboundedSender<u64>>,
    /// Stores that were acknowledged.
    acknowledged: u32,
}

impl Clerk {
    /// One that stores through `sink` what comes from `peer`.
    pub fn new(sink: ActorSink<Delivery>, peer: SocketAddr, promise: Promise) -> Clerk {
        Clerk { sink, peer, promise, last: None, answers: None, acknowledged: 0 }
    }

    fn connected(&mut self, stream: TcpStream, ctx: &mut Context<Clerk>) {
        let (reader, writer) = stream.into_split();
        let (answers, to_write) = mpsc::unbounded_channel();
        self.answers = Some(answers);
        ctx.spawn(write(to_write, writer).into_actor(self));
        ctx.add_stream(records(reader).ready_chunks(TOGETHER));
    }

    /// The records are in the mailbox of the stream from here on.
    fn store(&mut self, mut records: Vec<Delivery>, ctx: &mut Context<Clerk>) {
        let Some(newest) = records.last().map(|record| record.number) else { return };
        let stored = match self.promise {
            Promise::AtLeastOnce => self.sink.store_acknowledged(records).boxed_local(),
            Promise::Once => {
                records.retain(|record| self.last.is_none_or(|last| record.number > last));
                // What is skipped may be on its way still: it is waited for as well.
                let last = self.last.map_or(newest, |last| last.max(newest));
                self.last = Some(last);
                self.sink.store_acknowledged_at(records, &last).boxed_local()
            }
        };
        let told = stored.into_actor(self).map(move |stored, actor, ctx| match (stored, &actor.answers) {
            (Ok(()), Some(answers)) => {
                actor.acknowledged += 1;
                // A connection that is gone is told nothing.
                let _ = answers.send(newest);
            }
            (Err(error), _) => actor.give_up(&error, ctx),
            _ => {}
        });
        ctx.spawn(told);
    }

    fn give_up(&self, error: &dyn std::fmt::Display, ctx: &mut Context<Clerk>) {
        self.sink.report_error(error);
        ctx.stop();
    }
}

impl Actor for Clerk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (known, peer) = (self.sink.last_position::<u64>(), self.peer);
        let connecting = async move {
            let last = known.await.map_err(|error| error.to_string())?;
            let stream = TcpStream::connect(peer).await.map_err(|error| error.to_string())?;
            Ok::<_, String>((last, stream))
        };
        ctx.wait(connecting.into_actor(self).map(|connected, actor, ctx| match connected {
            Ok((last, stream)) => {
                actor.last = last;
                actor.connected(stream, ctx);
            }
            Err(error) => actor.give_up(&error, ctx),
        }));
    }
}

impl StreamHandler<Vec<io::Result<Delivery>>> for Clerk {
    fn handle(&mut self, arrived: Vec<io::Result<Delivery>>, ctx: &mut Context<Self>) {
        match arrived.into_iter().collect::<io::Result<Vec<Delivery>>>() {
            Ok(records) => self.store(records, ctx),
            Err(error) => return self.give_up(&error, ctx),
        }
        #[expect(clippy::panic, reason = "what becomes of what it stored is what is looked at")]
        if self.acknowledged >= STORES {
            panic!("{ON_PURPOSE}");
        }
    }
}

/// The records of a connection, to its end.
fn records(reader: OwnedReadHalf) -> impl futures::Stream<Item = io::Result<Delivery>> {
    futures::stream::try_unfold(BufReader::new(reader), |mut reader| async move {
        let mut line = String::new();
        match reader.read_line(&mut line).await? {
            0 => Ok(None),
            _ => {
                let record = line.trim_end().parse::<Delivery>();
                let record = record.map_err(|wrong| io::Error::new(io::ErrorKind::InvalidData, wrong))?;
                Ok(Some((record, reader)))
            }
        }
    })
}

/// Writes the answers, until the connection or the actor ends.
async fn write(mut answers: mpsc::UnboundedReceiver<u64>, mut writer: OwnedWriteHalf) {
    while let Some(newest) = answers.recv().await {
        if writer.write_all(format!("{newest}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
