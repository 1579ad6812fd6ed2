//! A source that numbers its records and resends what was not acknowledged: what a message broker promises.
//!
//! It speaks lines over TCP. It sends `CONNECTION NUMBER`; the receiver answers `NUMBER` once that record and all before it are
//! stored for good. Connections are numbered from 1, and each goes on behind the last number acknowledged before it. So every
//! line is sent at most once: a line that a program has twice was doubled by the program.
//!
//! One that [redelivers](Feeder::redelivering) sends `again NUMBER`, the same line on every connection until it is acknowledged:
//! the program has to tell what it has stored already.

pub mod http;
pub mod port;
pub mod remote;

use crate::subject::Delivery;
use crate::wait::wait_notified;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use waterwheel::runtime::clock::{Clock, SystemClock};

/// Between two writes.
const PACE: Duration = Duration::from_millis(5);

/// Lines that may be unacknowledged.
const IN_FLIGHT: u64 = 2000;

/// Sends from its own threads until it is dropped.
#[derive(Debug)]
pub struct Feeder {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    redelivers: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What each connection was sent, from connection 1 on.
    sent: Vec<Range<u64>>,
    /// The first number that is not acknowledged.
    acknowledged: u64,
    /// An acknowledgement of what had not been sent.
    wrong: Option<String>,
    /// No number from here on is sent.
    end: Option<u64>,
    /// The current connection is over.
    hung_up: bool,
    closing: bool,
}

impl State {
    /// The first number that was never sent.
    fn next(&self) -> u64 {
        self.sent.iter().map(|range| range.end).max().unwrap_or(0)
    }
}

/// What was sent, to compare with.
///
/// A *connection* is whatever makes a record one of its own, though another has its number: of the other feeders an attempt, or a
/// client and a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fed {
    /// The numbers that each connection was sent, from connection 1 on. Together they are all numbers from 0.
    pub sent: Vec<Range<u64>>,
}

impl Fed {
    /// How many different records were sent.
    pub fn records(&self) -> u64 {
        self.sent.iter().map(|range| range.end).max().unwrap_or(0)
    }

    /// Whether `connection` was sent `number`.
    pub fn has(&self, connection: u32, number: u64) -> bool {
        let index = (connection as usize).checked_sub(1);
        index.and_then(|index| self.sent.get(index)).is_some_and(|range| range.contains(&number))
    }
}

impl Feeder {
    /// Listens on a free port and sends `rate` records a second to whoever connects, one connection at a time.
    ///
    /// # Errors
    /// When there is no port, or no thread.
    pub fn start(rate: u64) -> io::Result<Feeder> {
        Feeder::with(rate, false)
    }

    /// [`start`](Feeder::start) of one whose lines do not say on which connection they were sent.
    ///
    /// # Errors
    /// As there.
    pub fn redelivering(rate: u64) -> io::Result<Feeder> {
        Feeder::with(rate, true)
    }

    fn with(rate: u64, redelivers: bool) -> io::Result<Feeder> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, shared) = (listener.local_addr()?, Arc::new(Shared { redelivers, ..Shared::default() }));
        let theirs = shared.clone();
        let thread = thread::Builder::new().name("feeder".to_owned()).spawn(move || {
            for connection in listener.incoming() {
                if theirs.lock().closing {
                    return;
                }
                // A connection that breaks is the ordinary end of one: the program was killed.
                let _ = connection.and_then(|connection| theirs.serve(connection, rate));
            }
        })?;
        Ok(Feeder { address, shared, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many different records were sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.lock().next()
    }

    /// Sends no new number from now on, and waits until all are acknowledged, for so long: what was sent.
    ///
    /// # Errors
    /// When that does not happen, or the program acknowledged what it had not been sent.
    pub fn finish(&self, patience: Duration) -> Result<Fed, String> {
        let mut state = self.shared.lock();
        let end = state.next();
        state.end = Some(end);
        let outcome = |state: &State| match &state.wrong {
            Some(wrong) => Some(Err(wrong.clone())),
            None => (state.acknowledged >= end).then(|| Ok(Fed { sent: state.sent.clone() })),
        };
        wait_notified(state, &self.shared.changed, patience, outcome, |state| {
            format!("only {} of {end} records were acknowledged within {patience:?}", state.acknowledged)
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>, connection: TcpStream, rate: u64) -> io::Result<()> {
        let number = {
            let mut state = self.lock();
            let from = state.acknowledged;
            state.sent.push(from..from);
            state.hung_up = false;
            state.sent.len()
        };
        let (answers, theirs) = (connection.try_clone()?, self.clone());
        let reader = thread::Builder::new().name("feeder-answers".to_owned()).spawn(move || {
            theirs.listen(answers, number);
        })?;
        let outcome = self.send(&connection, number, rate);
        // The reader ends with the connection, whoever ended that.
        let _ = connection.shutdown(std::net::Shutdown::Both);
        let _ = reader.join();
        outcome
    }

    fn send(&self, connection: &TcpStream, number: usize, rate: u64) -> io::Result<()> {
        let mut writer = BufWriter::new(connection);
        let clock = SystemClock::new();
        loop {
            let lines = {
                let mut state = self.lock();
                if state.hung_up || state.closing {
                    return Ok(());
                }
                let due = clock.monotonic().as_millis() as u64 * rate / 1000;
                let Range { start: first, end: from } = state.sent[number - 1];
                let mut until = (first + due).min(state.acknowledged + IN_FLIGHT);
                if let Some(end) = state.end {
                    // What was sent on another connection and not acknowledged goes out at once.
                    until = end;
                }
                let until = until.max(from);
                state.sent[number - 1] = first..until;
                from..until
            };
            for line in lines {
                match self.redelivers {
                    true => writeln!(writer, "{}", Delivery::again(line))?,
                    false => writeln!(writer, "{number} {line}")?,
                }
            }
            writer.flush()?;
            let state = self.lock();
            // Paces the load; ends early when the connection does.
            let _ = self.changed.wait_timeout(state, PACE).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn listen(&self, answers: TcpStream, number: usize) {
        for line in BufReader::new(answers).lines() {
            let Ok(line) = line else { break };
            let mut state = self.lock();
            let sent = state.sent[number - 1].clone();
            match line.parse::<u64>() {
                Ok(last) if sent.contains(&last) => state.acknowledged = state.acknowledged.max(last + 1),
                _ => {
                    let wrong = format!("connection {number} was sent {sent:?} and acknowledged {line:?}");
                    state.wrong.get_or_insert(wrong);
                }
            }
            self.changed.notify_all();
        }
        self.lock().hung_up = true;
        self.changed.notify_all();
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn connect(address: SocketAddr) -> (TcpStream, impl Iterator<Item = (usize, u64)>) {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(|line| {
            let line = line.unwrap();
            let (connection, number) = line.split_once(' ').unwrap();
            (connection.parse().unwrap(), number.parse().unwrap())
        });
        (stream, lines)
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_on_the_next_connection() {
        let feeder = Feeder::start(10_000).unwrap();
        let (mut stream, mut lines) = connect(feeder.address());
        let first: Vec<_> = lines.by_ref().take(10).collect();
        assert_eq!(first, (0..10).map(|number| (1, number)).collect::<Vec<_>>());
        stream.write_all(b"4\n").unwrap();
        // Acknowledged before the connection ends: the window lets more than what was in flight come.
        assert!(lines.by_ref().any(|(_, number)| number == 4 + IN_FLIGHT));
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        drop((stream, lines));

        let (mut stream, mut lines) = connect(feeder.address());
        assert_eq!(lines.next(), Some((2, 5)));
        let answers = thread::spawn(move || {
            for (_, number) in lines {
                let _ = writeln!(stream, "{number}");
            }
        });
        let fed = feeder.finish(PATIENCE).unwrap();
        drop(feeder);
        answers.join().unwrap();
        assert_eq!(fed.sent.len(), 2);
        assert!(fed.has(1, 4) && fed.has(2, 5) && !fed.has(2, 4) && !fed.has(3, 5) && !fed.has(0, 0));
        assert_eq!(fed.records(), fed.sent[1].end.max(fed.sent[0].end));
    }

    #[test]
    fn one_that_redelivers_sends_the_same_lines_again() {
        let feeder = Feeder::redelivering(10_000).unwrap();
        for _ in 0..2 {
            let stream = TcpStream::connect(feeder.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let lines: Vec<_> = BufReader::new(stream).lines().take(3).map(Result::unwrap).collect();
            assert_eq!(lines, ["again 0", "again 1", "again 2"]);
        }
    }

    #[test]
    fn an_acknowledgement_of_what_was_not_sent_is_told() {
        let feeder = Feeder::start(100).unwrap();
        let (mut stream, mut lines) = connect(feeder.address());
        assert_eq!(lines.next(), Some((1, 0)));
        stream.write_all(b"99999\n").unwrap();
        assert!(feeder.finish(PATIENCE).unwrap_err().contains("99999"));
    }
}
