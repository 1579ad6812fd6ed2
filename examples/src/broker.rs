//! A message broker inside the process: it sends again whatever was not acknowledged.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use log::{debug, error};

/// How often the broker looks for a client, for acknowledgements and for messages that are due.
const TICK: Duration = Duration::from_millis(10);

/// The most messages that are sent and not acknowledged.
const IN_FLIGHT: usize = 50;

/// After so many messages on one connection the broker hangs up, whatever is on its way.
const HANGS_UP_AFTER: u64 = 35;

/// Sends numbered lines of text, `NUMBER TEXT`, to one client at a time; the client answers `NUMBER` when that message and all before it are
/// stored. Now and then it hangs up. Every connection begins behind the last message that was acknowledged, so a message whose
/// acknowledgement was lost is sent again, with the same number.
///
/// ```
/// use std::{io::{BufRead, BufReader, Write}, net::TcpStream};
/// use examples::broker::Broker;
///
/// let broker = Broker::start(1000, ["to be", "or not"].map(str::to_owned).into_iter().cycle())?;
/// let mut client = TcpStream::connect(broker.address())?;
/// let mut lines = BufReader::new(client.try_clone()?).lines();
/// assert_eq!(lines.next().transpose()?.as_deref(), Some("1 to be"));
/// assert_eq!(lines.next().transpose()?.as_deref(), Some("2 or not"));
/// client.write_all(b"2\n")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
    /// Never sent to: that it is dropped tells the thread to end.
    stop: Option<mpsc::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// What a broker has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Connections that it has taken.
    pub connections: u64,
    /// Messages that it has sent, each as often as that was.
    pub sent: u64,
    /// Different messages that it has sent: their numbers are 1, 2, ... up to this.
    pub messages: u64,
    /// The number of the last message that was acknowledged.
    pub acknowledged: u64,
}

impl Broker {
    /// Starts a broker that sends `lines_per_s` of `lines`, as long as they are acknowledged.
    ///
    /// # Errors
    ///
    /// When no port can be listened on or no thread be started.
    pub fn start(lines_per_s: u32, lines: impl Iterator<Item = String> + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = mpsc::channel::<Infallible>();
        let told = Arc::new(Mutex::new(Told::default()));
        let mut queue = Queue { lines: Box::new(lines), unacknowledged: VecDeque::new(), told: told.clone() };
        let per_tick = (u64::from(lines_per_s) * TICK.as_millis() as u64).div_ceil(1000);
        let thread = thread::Builder::new().name("broker".into()).spawn(move || {
            let mut client = None;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                client = match client.take() {
                    None => queue.accept(&listener),
                    Some(client) => queue.serve(client, per_tick),
                };
            }
        })?;
        Ok(Self { address, told, stop: Some(stop), thread: Some(thread) })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    pub fn told(&self) -> Told {
        *lock(&self.told)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the broker panicked");
        }
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The messages, of which those that are not acknowledged are kept.
struct Queue {
    lines: Box<dyn Iterator<Item = String> + Send>,
    /// The first has the number behind the last that was acknowledged.
    unacknowledged: VecDeque<String>,
    told: Arc<Mutex<Told>>,
}

struct Client {
    stream: TcpStream,
    /// How many of the messages that are not acknowledged were sent on this connection.
    in_flight: usize,
    sent: u64,
    /// Acknowledgements that have no end yet.
    answer: String,
}

impl Queue {
    fn accept(&mut self, listener: &TcpListener) -> Option<Client> {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => {
                error!("the broker could not accept a connection: {error}");
                return None;
            }
        };
        debug!("{peer} reads from the broker");
        lock(&self.told).connections += 1;
        let made = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
        made.is_ok().then_some(Client { stream, in_flight: 0, sent: 0, answer: String::new() })
    }

    /// Sends what is due and takes acknowledgements; `None` when the connection is over.
    fn serve(&mut self, mut client: Client, due: u64) -> Option<Client> {
        let heard = self.hear(&mut client).and_then(|()| self.send(&mut client, due));
        match heard {
            Ok(()) if client.sent < HANGS_UP_AFTER => Some(client),
            Ok(()) => {
                debug!("the broker hangs up");
                None
            }
            Err(error) => {
                debug!("the client left the broker: {error}");
                None
            }
        }
    }

    fn send(&mut self, client: &mut Client, due: u64) -> io::Result<()> {
        let mut text = String::new();
        for _ in 0..due {
            if client.in_flight >= IN_FLIGHT || client.sent >= HANGS_UP_AFTER {
                break;
            }
            if client.in_flight == self.unacknowledged.len() {
                let Some(line) = self.lines.next() else { break };
                self.unacknowledged.push_back(line);
            }
            let mut told = lock(&self.told);
            let number = told.acknowledged + client.in_flight as u64 + 1;
            let Some(line) = self.unacknowledged.get(client.in_flight) else { break };
            text.push_str(&format!("{number} {line}\n"));
            told.sent += 1;
            told.messages = told.messages.max(number);
            client.in_flight += 1;
            client.sent += 1;
        }
        // A few hundred bytes, for which an idle connection has room.
        client.stream.write_all(text.as_bytes())
    }

    fn hear(&mut self, client: &mut Client) -> io::Result<()> {
        let mut buffer = [0; 1024];
        loop {
            match client.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    client.answer.push_str(&String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        while let Some((answer, rest)) = client.answer.split_once('\n') {
            let last: u64 = answer.trim().parse().map_err(|_| ErrorKind::InvalidData)?;
            let mut told = lock(&self.told);
            let newly = usize::try_from(last.saturating_sub(told.acknowledged)).unwrap_or(usize::MAX);
            if newly > client.in_flight {
                return Err(ErrorKind::InvalidData.into());
            }
            self.unacknowledged.drain(..newly);
            client.in_flight -= newly;
            told.acknowledged += newly as u64;
            client.answer = rest.to_owned();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    fn connect(broker: &Broker) -> (TcpStream, impl Iterator<Item = String>) {
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        (stream.try_clone().unwrap(), BufReader::new(stream).lines().map_while(Result::ok))
    }

    fn broker() -> Broker {
        Broker::start(10_000, (1..).map(|line| format!("line {line}"))).unwrap()
    }

    #[test]
    fn it_hangs_up_and_sends_again_what_was_not_acknowledged() {
        let broker = broker();
        let (mut client, mut lines) = connect(&broker);
        let first: Vec<String> = lines.by_ref().take(3).collect();
        assert_eq!(first, ["1 line 1", "2 line 2", "3 line 3"]);
        client.write_all(b"2\n").unwrap();
        assert!(lines.count() < 50, "it hangs up");
        let (_client, mut lines) = connect(&broker);
        // The acknowledgement came before the end of the connection, or did not.
        let next = lines.next().unwrap();
        assert!(["1 line 1", "3 line 3"].contains(&next.as_str()), "{next}");
        let told = broker.told();
        assert_eq!((told.connections, told.messages), (2, told.messages.max(HANGS_UP_AFTER)));
        assert!(told.sent > told.messages && told.acknowledged <= 2, "{told:?}");
    }

    #[test]
    fn what_was_not_sent_cannot_be_acknowledged() {
        let broker = broker();
        let (mut client, lines) = connect(&broker);
        client.write_all(b"99\nnonsense\n").unwrap();
        lines.for_each(drop);
        assert_eq!(broker.told().acknowledged, 0);
    }
}
