//! Clients that push lines by HTTP into a program that comes and goes, and keep account of what was acknowledged.
//!
//! A body holds lines `ATTEMPT NUMBER`. One that is not answered with 200 is sent again with the next number of an attempt, so every
//! line is sent at most once: a line that the program has twice was doubled by it. Now and then a client breaks off, in the middle of a
//! body or before it has heard the answer.

use super::{Fed, PACE};
use crate::wait::wait_notified;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Clients that push side by side.
const CLIENTS: u64 = 3;

/// The most lines of a body.
const LINES: u64 = 60;

/// Of so many attempts one is broken off.
const ONE_BREAKS_OFF: u32 = 16;

/// A program of which nothing is heard for so long is given up: another attempt is made.
const SILENCE: Duration = Duration::from_secs(20);

/// Pushes from its own threads until it is dropped.
#[derive(Debug)]
pub struct HttpFeeder {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What each attempt sent, from attempt 1 on.
    sent: Vec<Range<u64>>,
    /// The first number that nobody has sent.
    next: u64,
    /// How many lines were answered with 200.
    acknowledged: u64,
    /// An answer that no client should get.
    wrong: Option<String>,
    /// No new lines are sent.
    ended: bool,
    closing: bool,
}

impl HttpFeeder {
    /// Pushes `rate` lines a second to `address`, in bodies as `seed` has it.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(address: SocketAddr, rate: u64, seed: u64) -> io::Result<HttpFeeder> {
        HttpFeeder::with(address, rate, seed, Some(ONE_BREAKS_OFF))
    }

    fn with(address: SocketAddr, rate: u64, seed: u64, breaks_off: Option<u32>) -> io::Result<HttpFeeder> {
        let mut feeder = HttpFeeder { shared: Arc::default(), threads: Vec::new() };
        for number in 0..CLIENTS {
            let (shared, random) = (feeder.shared.clone(), StdRng::seed_from_u64(seed.wrapping_add(number)));
            let client = Client { address, connection: None };
            let work = move || shared.push(client, rate / CLIENTS, breaks_off, random);
            feeder.threads.push(thread::Builder::new().name("http-feeder".to_owned()).spawn(work)?);
        }
        Ok(feeder)
    }

    /// Sends no new lines from now on, and waits until all are acknowledged, for so long: what was sent.
    ///
    /// # Errors
    /// When that does not happen, or the program refused what it has to take.
    pub fn finish(&self, patience: Duration) -> Result<Fed, String> {
        let mut state = self.shared.lock();
        state.ended = true;
        let outcome = |state: &State| match &state.wrong {
            Some(wrong) => Some(Err(wrong.clone())),
            None => (state.acknowledged == state.next).then(|| Ok(Fed { sent: state.sent.clone() })),
        };
        wait_notified(state, &self.shared.changed, patience, outcome, |State { acknowledged, next, .. }| {
            format!("only {acknowledged} of {next} lines were acknowledged within {patience:?}")
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One client, until it is told to end.
    fn push(&self, mut client: Client, rate: u64, breaks_off: Option<u32>, mut random: StdRng) {
        let mut held: Option<Range<u64>> = None;
        loop {
            let lines = match held.take() {
                Some(lines) => lines,
                None => {
                    let mut state = self.lock();
                    if state.ended || state.closing {
                        return;
                    }
                    let first = state.next;
                    state.next += random.random_range(1..=LINES);
                    first..state.next
                }
            };
            let count = lines.end - lines.start;
            let answer = self.attempt(&mut client, &lines).and_then(|body| match breaks_off {
                Some(one_of) if random.random_ratio(1, one_of) => {
                    client.break_off(&body, random.random_range(0..=body.len()))
                }
                _ => client.post(&body),
            });
            match answer {
                Ok((200, body)) if body.trim_end() == format!("{{\"records\":{count}}}") => {
                    self.lock().acknowledged += count;
                    self.changed.notify_all();
                    let pause = Duration::from_millis(count * 1000 / rate.max(1));
                    self.pause(pause, |state| !state.closing && !state.ended);
                }
                // No room, the program ends, or it has taken too long.
                Ok((429 | 503 | 504, _)) | Err(_) => {
                    held = Some(lines);
                    self.pause(PACE, |state| !state.closing);
                }
                Ok((status, body)) => {
                    self.lock().wrong.get_or_insert(format!("{count} lines were answered with {status}: {body}"));
                    self.changed.notify_all();
                    return;
                }
            }
            if self.lock().closing {
                return;
            }
        }
    }

    /// The body of the next attempt.
    fn attempt(&self, client: &mut Client, lines: &Range<u64>) -> io::Result<String> {
        // While nobody listens nothing is attempted.
        client.connect()?;
        let attempt = {
            let mut state = self.lock();
            state.sent.push(lines.clone());
            state.sent.len()
        };
        Ok(lines.clone().map(|line| format!("{attempt} {line}\n")).collect())
    }

    /// Paces the load, for as long as there is to be any.
    fn pause(&self, pause: Duration, going: impl Fn(&State) -> bool) {
        let (state, going) = (self.lock(), |state: &mut State| going(state));
        let _ = self.changed.wait_timeout_while(state, pause, going).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for HttpFeeder {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A client that keeps its connection for as long as it is good.
struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    fn connect(&mut self) -> io::Result<()> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(SILENCE))?;
            stream.set_write_timeout(Some(SILENCE))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        Ok(())
    }

    fn head(&self, lines: &str) -> String {
        let (length, address) = (lines.len(), self.address);
        format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n")
    }

    /// Sends so many bytes of the lines and hangs up: no answer is known.
    fn break_off(&mut self, lines: &str, bytes: usize) -> io::Result<(u16, String)> {
        if let Some(connection) = self.connection.take() {
            let part = lines.as_bytes().get(..bytes).unwrap_or_default();
            (&mut connection.get_ref()).write_all(&[self.head(lines).as_bytes(), part].concat())?;
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Status and body of the answer. What goes wrong costs the connection.
    fn post(&mut self, lines: &str) -> io::Result<(u16, String)> {
        let Some(mut connection) = self.connection.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        connection.get_mut().write_all(format!("{}{lines}", self.head(lines)).as_bytes())?;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let status = line(&mut connection)?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (mut length, mut closes) = (0, false);
        loop {
            let header = line(&mut connection)?.to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().map_err(|_| wrong("a length is none"))?,
                Some(("connection", value)) => closes = value == "close",
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        if !closes {
            self.connection = Some(connection);
        }
        Ok((status.ok_or_else(|| wrong("there is no status"))?, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// A line without its end; the end of the connection is an error.
fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match connection.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_for;
    use std::collections::BTreeSet;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};

    const PATIENCE: Duration = Duration::from_secs(10);

    /// The lines of the next request, if there is one.
    fn request(connection: &mut BufReader<TcpStream>) -> Option<String> {
        let mut length = 0;
        loop {
            let header = line(connection).ok()?;
            if let Some(value) = header.strip_prefix("Content-Length: ") {
                length = value.parse().unwrap();
            }
            if header.is_empty() {
                let mut body = vec![0; length];
                connection.read_exact(&mut body).ok()?;
                return Some(String::from_utf8(body).unwrap());
            }
        }
    }

    /// Answers the requests, which are numbered over all connections; cuts the connection in place of no answer.
    fn serve(answer: fn(u64, usize) -> Option<String>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut connection, requests) = (BufReader::new(stream.unwrap()), requests.clone());
                thread::spawn(move || {
                    while let Some(body) = request(&mut connection) {
                        let number = requests.fetch_add(1, Ordering::Relaxed);
                        let Some(answer) = answer(number, body.lines().count()) else { return };
                        if connection.get_mut().write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn answered(status: u16, body: &str) -> String {
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn what_is_not_stored_for_sure_is_sent_again_as_another_attempt() {
        let address = serve(|number, lines| match number {
            0..3 => None,
            3..5 => Some(answered(429, "full")),
            _ => Some(answered(200, &format!("{{\"records\":{lines}}}\n"))),
        });
        let feeder = HttpFeeder::with(address, 100_000, 1, None).unwrap();
        assert!(wait_for(PATIENCE, || (feeder.shared.lock().sent.len() > 20).then_some(())).is_some());
        let mut sent = feeder.finish(PATIENCE).unwrap().sent;
        let attempts = sent.len();
        sent.sort_by_key(|range| range.start);
        sent.dedup();
        assert_eq!(attempts, sent.len() + 5);
        assert!(sent.windows(2).all(|two| two[0].end == two[1].start), "{sent:?}");
    }

    #[test]
    fn what_was_broken_off_is_sent_again_whether_or_not_the_program_has_it() {
        let address = serve(|_, lines| Some(answered(200, &format!("{{\"records\":{lines}}}\n"))));
        let feeder = HttpFeeder::with(address, 100_000, 1, Some(2)).unwrap();
        assert!(wait_for(PATIENCE, || (feeder.shared.lock().sent.len() > 50).then_some(())).is_some());
        let sent = feeder.finish(PATIENCE).unwrap().sent;
        let distinct: BTreeSet<_> = sent.iter().map(|range| (range.start, range.end)).collect();
        assert!(distinct.len() < sent.len());
        assert!(distinct.iter().zip(distinct.iter().skip(1)).all(|(one, next)| one.1 == next.0), "{sent:?}");
    }

    #[test]
    fn an_answer_that_no_client_should_get_is_told() {
        let address = serve(|_, _| Some(answered(400, "no")));
        let feeder = HttpFeeder::start(address, 1000, 1).unwrap();
        assert!(wait_for(PATIENCE, || feeder.shared.lock().wrong.clone()).is_some());
        assert!(feeder.finish(PATIENCE).unwrap_err().contains("400: no"));
    }
}
