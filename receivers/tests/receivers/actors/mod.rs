//! Streams whose receiver is an actor of the user's.

mod addresses;
mod asynchronous;
mod panics;
mod pressure;
mod stopping;
mod workers;

use crate::support::*;
use actix::prelude::*;
use futures::executor::block_on;
use std::sync::Once;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::error::panic_message;

/// What panics of these tests begin with.
const ON_PURPOSE: &str = "on purpose";

/// Panics that are meant are not printed.
fn quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !panic_message(info.payload()).starts_with(ON_PURPOSE) {
                before(info);
            }
        }));
    });
}

/// Without limit and without pauses.
fn at_once() -> SupervisorPolicy {
    SupervisorPolicy::for_actors().without_limit().delay(milliseconds(0)).max_delay(milliseconds(0))
}

/// What the actor is to do with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Store,
    PanicBefore,
    PanicAfter,
}

/// Stores the number it holds; answers with it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "u64")]
struct Number(u64, Fate);

/// Stores numbers.
struct Numbers {
    sink: ActorSink<u64>,
}

impl Actor for Numbers {
    type Context = Context<Self>;
}

impl Handler<Number> for Numbers {
    type Result = MessageResult<Number>;

    fn handle(&mut self, Number(number, fate): Number, _: &mut Context<Self>) -> Self::Result {
        assert!(fate != Fate::PanicBefore, "{ON_PURPOSE}, before {number}");
        self.sink.store(number).unwrap();
        assert!(fate != Fate::PanicAfter, "{ON_PURPOSE}, after {number}");
        MessageResult(number)
    }
}

fn store(number: u64) -> Number {
    Number(number, Fate::Store)
}

/// Everything that batches hold until the clock has been turned often enough for `count` records.
fn turn_until<T>(clock: &ManualClock, batches: &std::sync::mpsc::Receiver<Vec<T>>, count: usize) -> Vec<T> {
    let mut records = Vec::new();
    while records.len() < count {
        clock.advance(seconds(1));
        records.extend(batches.recv_timeout(DEADLINE).unwrap());
    }
    records
}

/// Sends without waiting for more than room.
fn post(address: &ActorAddress<Numbers>, number: Number) {
    drop(block_on(address.post(number)).unwrap());
}

/// Waits until the actor of the first stream has been made.
fn wait_started(running: &RunningContext) {
    wait_until(|| running.receivers()[0].is_active());
}
