//! A feeder of remote actors: sends numbered messages to an actor stream of a program that comes and goes, and keeps account of what
//! was acknowledged.
//!
//! Its client connects again by itself and sends what was not answered. Now and then the feeder gives the client up in the middle, as a
//! feeder that is killed does, and whenever a message was not taken: then another client goes on from the first number that is not
//! acknowledged, or from before it.
//!
//! Each client sends its own number along, and every run of the program knows which it is. So what an actor without positions stores
//! is known by client, run and number, and is sent at most once: what is there twice was doubled by the program.

use super::{Fed, PACE};
use crate::subject::remote::Push;
use crate::wait::wait_notified;
use futures::FutureExt;
use futures::executor::block_on;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel::receivers::remote::Receipt;
use waterwheel::runtime::clock::{Clock, SystemClock};

/// Messages that may be unacknowledged: fewer than the client has room for, so that it never waits.
const IN_FLIGHT: u64 = 500;

/// The most runs that clients are told apart in.
const RUNS: u32 = 1024;

/// Of so many clients one is given up in the middle.
const ONE_OF: u32 = 3;

/// After so many turns at most.
const TURNS: u32 = 150;

/// What stands for a client and a run together.
pub fn connection(client: u32, run: u32) -> u32 {
    client.saturating_mul(RUNS).saturating_add(run % RUNS)
}

/// What a feeder is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// The actor stream.
    pub name: &'static str,
    /// Where its program listens.
    pub address: SocketAddr,
    /// Messages in a second.
    pub rate: u64,
    /// So many that are acknowledged may be sent again by the next client.
    pub back: u64,
    /// What it draws from.
    pub seed: u64,
}

/// Sends from its own thread until it is dropped.
#[derive(Debug)]
pub struct RemoteFeeder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What was sent by client and run, by [`connection`].
    sent: Vec<Range<u64>>,
    client: u32,
    run: u32,
    /// The first number that this client was not given.
    next: u64,
    /// The first number that no client was given.
    end_of_sent: u64,
    /// The first number that is not acknowledged.
    acknowledged: u64,
    wrong: Option<String>,
    /// No number from here on is sent.
    end: Option<u64>,
    closing: bool,
}

impl State {
    /// From now on the client sends `from` and on, to this run.
    fn begin(&mut self, from: u64) {
        let place = connection(self.client, self.run) as usize;
        if self.sent.len() < place {
            self.sent.resize(place, 0..0);
        }
        self.next = self.next.max(from);
        if let Some(sent) = place.checked_sub(1).and_then(|place| self.sent.get_mut(place)) {
            *sent = from..self.next;
        }
    }

    /// Gives the client what it is to send next: all below `until`.
    fn give(&mut self, until: u64) -> Range<u64> {
        let given = self.next..until.max(self.next);
        self.next = given.end;
        self.end_of_sent = self.end_of_sent.max(given.end);
        let place = connection(self.client, self.run) as usize;
        if let Some(sent) = place.checked_sub(1).and_then(|place| self.sent.get_mut(place)) {
            sent.end = sent.end.max(given.end);
        }
        given
    }
}

impl RemoteFeeder {
    /// Sends as ordered, to whatever run of the program listens.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(orders: Orders) -> io::Result<RemoteFeeder> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = thread::Builder::new().name("remote-feeder".to_owned()).spawn(move || theirs.feed(orders))?;
        Ok(RemoteFeeder { shared, thread: Some(thread) })
    }

    /// What is sent from now on may come to run `run` of the program, and so may all that is not acknowledged.
    pub fn begins(&self, run: u32) {
        let mut state = self.shared.lock();
        state.run = run;
        let from = state.acknowledged.min(state.next);
        state.begin(from);
    }

    /// Sends no new number from now on, and waits until all are acknowledged, for so long: what was sent.
    ///
    /// # Errors
    /// When that does not happen, or the program refused what it has to take.
    pub fn finish(&self, patience: Duration) -> Result<Fed, String> {
        let mut state = self.shared.lock();
        let end = state.end_of_sent;
        state.end = Some(end);
        let outcome = |state: &State| match &state.wrong {
            Some(wrong) => Some(Err(wrong.clone())),
            None => (state.acknowledged >= end).then(|| Ok(Fed { sent: state.sent.clone() })),
        };
        wait_notified(state, &self.shared.changed, patience, outcome, |state| {
            format!("only {} of {end} messages were acknowledged within {patience:?}", state.acknowledged)
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self, orders: Orders) {
        let mut random = StdRng::seed_from_u64(orders.seed);
        while !self.lock().closing {
            // Gives up soon, to see whether it is to end.
            let policy = SupervisorPolicy::for_receivers(milliseconds(5)).max_delay(milliseconds(50));
            let options = RemoteActorOptions::default().policy(policy.max_restarts(200, seconds(60)));
            match block_on(RemoteActor::connect_with(orders.address, orders.name, options)) {
                Ok(client) => self.serve(client, orders, &mut random),
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Sends through one client, until it fails or is given up.
    fn serve(&self, client: RemoteActor<Push>, orders: Orders, random: &mut StdRng) {
        let mut turns = random.random_ratio(1, ONE_OF).then(|| random.random_range(1..=TURNS));
        let (clock, mut under_way) = (SystemClock::new(), VecDeque::new());
        let (number, first) = {
            let mut state = self.lock();
            state.client += 1;
            state.next = 0;
            let first = state.acknowledged.saturating_sub(random.random_range(0..=orders.back));
            state.begin(first);
            (state.client, first)
        };
        loop {
            let given = {
                let mut state = self.lock();
                if state.closing {
                    return;
                }
                // Milliseconds.
                let due = first + clock.monotonic().as_millis() as u64 * orders.rate / 1000;
                // What another client was given and is not acknowledged goes out at once.
                let until = due.max(state.end_of_sent).min(state.acknowledged + IN_FLIGHT);
                let until = state.end.map_or(until, |end| until.min(end));
                state.give(until)
            };
            for message in given {
                match client.post_blocking(&Push { client: number, number: message }) {
                    Ok(receipt) => under_way.push_back((message, receipt)),
                    Err(error) => return self.failed(&error),
                }
            }
            if let Err(error) = self.hear(&mut under_way) {
                return self.failed(&error);
            }
            if let Some(left) = &mut turns {
                *left -= 1;
                if *left == 0 {
                    drop(client.abandon_blocking());
                    return;
                }
            }
            let state = self.lock();
            // Paces the load; ends early at the end.
            let _ = self.changed.wait_timeout(state, PACE).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the answers that are there, in order.
    fn hear(&self, under_way: &mut VecDeque<(u64, Receipt)>) -> Result<(), RemoteError> {
        while let Some((number, receipt)) = under_way.front_mut() {
            let Some(answer) = receipt.now_or_never() else { break };
            answer?;
            let mut state = self.lock();
            state.acknowledged = state.acknowledged.max(*number + 1);
            self.changed.notify_all();
            drop(state);
            under_way.pop_front();
        }
        Ok(())
    }

    /// The next client sends again what was not acknowledged; some errors no client should ever see.
    fn failed(&self, error: &RemoteError) {
        let passing = matches!(
            error,
            RemoteError::Handler { .. }
                | RemoteError::Failed { .. }
                | RemoteError::Unreachable { .. }
                | RemoteError::Closed
        );
        if !passing {
            self.lock().wrong.get_or_insert(error.to_string());
            self.changed.notify_all();
        }
        let state = self.lock();
        let _ = self.changed.wait_timeout(state, PACE).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for RemoteFeeder {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_acknowledged_may_come_to_the_next_run_and_the_next_client() {
        let mut state = State { client: 1, run: 1, ..State::default() };
        state.begin(0);
        assert_eq!(state.give(10), 0..10);
        assert_eq!(state.give(5), 10..10);
        (state.acknowledged, state.run) = (4, 2);
        let from = state.acknowledged;
        state.begin(from);
        assert_eq!(state.give(12), 10..12);
        (state.client, state.next) = (2, 0);
        state.begin(3);
        assert_eq!(state.give(6), 3..6);
        let fed = Fed { sent: state.sent };
        for (client, run, sent) in [(1, 1, 0..10), (1, 2, 4..12), (2, 2, 3..6)] {
            let all = (0..20).filter(|number| fed.has(connection(client, run), *number));
            assert!(all.eq(sent), "client {client}, run {run}");
        }
        assert_eq!((fed.records(), state.end_of_sent), (12, 12));
    }
}
