//! The actor of a [`RemoteFeeder`](crate::feeder::remote::RemoteFeeder): it stores what it is sent, and answers when that is stored for
//! good.
//!
//! It panics now and then, before it has stored or in the middle of it. The message that was being handled is not answered then, while
//! those behind it wait for the next actor: one that stores positions refuses what leaves a gap, or it would skip that message when
//! it is sent again.

use super::Delivery;
use super::lines::{ON_PURPOSE, Promise};
use crate::feeder::remote::connection;
use actix::prelude::*;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use waterwheel::prelude::*;

/// A number that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Message)]
#[rtype(result = "Taken")]
pub struct Push {
    /// Which client of its feeder, from 1.
    pub client: u32,
    /// The number.
    pub number: u64,
}

/// What became of a message.
#[derive(Debug)]
pub enum Taken {
    /// It is stored, or not.
    Stored(Result<(), StoreReliablyError>),
    /// A message before it is missing.
    Gap {
        /// The number that is next.
        expected: u64,
    },
}

impl RemoteAnswer for Taken {
    fn answer(self) -> Result<(), String> {
        match self {
            Taken::Stored(stored) => stored.answer(),
            Taken::Gap { expected } => Err(format!("{expected} is next")),
        }
    }

    fn came_too_late(&self) -> bool {
        matches!(self, Taken::Stored(stored) if stored.came_too_late())
    }
}

/// An actor panics at the first message after so many that were acknowledged: every life of it gets on.
const MESSAGES: u32 = 200;

/// See the module.
pub struct Desk {
    sink: ActorSink<Delivery>,
    promise: Promise,
    run: u32,
    /// The first number that is not stored, of one that stores positions.
    next: u64,
    /// Messages that were acknowledged.
    acknowledged: Rc<Cell<u32>>,
}

impl Desk {
    /// One that stores through `sink`, in run `run` of the program.
    pub fn new(sink: ActorSink<Delivery>, promise: Promise, run: u32) -> Desk {
        Desk { sink, promise, run, next: 0, acknowledged: Rc::default() }
    }
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let known = self.sink.last_position::<u64>().into_actor(self);
        ctx.wait(known.map(|last, actor, ctx| match last {
            Ok(last) => actor.next = last.map_or(0, |last| last + 1),
            Err(error) => {
                actor.sink.report_error(error);
                ctx.stop();
            }
        }));
    }
}

impl Handler<Push> for Desk {
    type Result = ResponseFuture<Taken>;

    fn handle(&mut self, push: Push, _: &mut Context<Self>) -> Self::Result {
        let Push { client, number } = push;
        let panics = self.acknowledged.get() >= MESSAGES;
        if panics && number % 2 == 0 {
            on_purpose();
        }
        let stored = match self.promise {
            Promise::AtLeastOnce => {
                let record = Delivery::received(connection(client, self.run), number);
                self.sink.store_acknowledged(vec![record]).boxed_local()
            }
            Promise::Once if number > self.next => {
                let expected = self.next;
                return Box::pin(async move { Taken::Gap { expected } });
            }
            Promise::Once => {
                let new = if number == self.next { vec![Delivery::again(number)] } else { Vec::new() };
                self.next = self.next.max(number + 1);
                // What is skipped may be on its way still: it is waited for as well.
                self.sink.store_acknowledged_at(new, &(self.next - 1)).boxed_local()
            }
        };
        if panics {
            on_purpose();
        }
        let acknowledged = self.acknowledged.clone();
        Box::pin(stored.map(move |stored| {
            acknowledged.set(acknowledged.get() + 1);
            Taken::Stored(stored)
        }))
    }
}

#[expect(clippy::panic, reason = "what becomes of what it was sent is what is looked at")]
fn on_purpose() {
    panic!("{ON_PURPOSE}");
}
