//! A text server inside the process, so that an example runs without a second terminal.

use std::{
    convert::Infallible,
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use log::{debug, error, warn};

/// How often the server looks for clients and for lines that are due.
const TICK: Duration = Duration::from_millis(10);

/// The most lines one client is sent in one tick, so that one that was slow is not sent its backlog in one piece.
const MAX_LINES_PER_TICK: u64 = 10_000;

/// Sends lines of text to everyone who connects, at a constant rate, until it is dropped.
///
/// It listens on a free port of the loopback interface. Each client gets the same lines, from the first on. A client that reads too slowly is waited for, the others are not held up by it.
///
/// ```
/// use std::{io::{BufRead, BufReader}, net::TcpStream};
/// use examples::text_server::TextServer;
/// use examples::words::Lines;
///
/// let server = TextServer::start(100, || Lines::new(7))?;
/// let client = BufReader::new(TcpStream::connect(server.address())?);
/// let first = client.lines().next().transpose()?;
/// assert_eq!(first, Lines::new(7).next());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TextServer {
    address: SocketAddr,
    /// Never sent to: that it is dropped tells the thread to end.
    stop: Option<mpsc::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl TextServer {
    /// Starts a server that sends each client `lines_per_s` of the lines that `lines` makes for it.
    ///
    /// # Errors
    ///
    /// When no port can be listened on or no thread be started.
    pub fn start<L>(lines_per_s: u32, lines: impl Fn() -> L + Send + 'static) -> io::Result<Self>
    where
        L: Iterator<Item = String> + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = mpsc::channel::<Infallible>();
        let thread = thread::Builder::new().name("text-server".into()).spawn(move || {
            let mut clients = Vec::new();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                accept(&listener, &lines, &mut clients);
                clients.retain_mut(|client| client.serve(lines_per_s));
            }
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TextServer {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the text server panicked");
        }
    }
}

/// One connection, and how far it is served.
struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    connected: Instant,
    lines: Box<dyn Iterator<Item = String>>,
    sent_lines: u64,
    /// What the connection has not taken yet.
    pending: Vec<u8>,
}

fn accept<L>(listener: &TcpListener, lines: &impl Fn() -> L, clients: &mut Vec<Client>)
where
    L: Iterator<Item = String> + 'static,
{
    loop {
        match listener.accept().and_then(|(stream, peer)| Client::new(stream, peer, Box::new(lines()))) {
            Ok(client) => clients.push(client),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => return warn!("the text server could not accept a connection: {error}"),
        }
    }
}

impl Client {
    fn new(stream: TcpStream, peer: SocketAddr, lines: Box<dyn Iterator<Item = String>>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        debug!("{peer} reads from the text server");
        Ok(Self { stream, peer, connected: now(), lines, sent_lines: 0, pending: Vec::new() })
    }

    /// Sends what is due; false when the client is gone.
    fn serve(&mut self, lines_per_s: u32) -> bool {
        // Counted from the start, not from tick to tick, so that late ticks do not slow the server down.
        let due = (self.connected.elapsed().as_secs_f64() * f64::from(lines_per_s)) as u64;
        if self.pending.is_empty() {
            let lines = due.saturating_sub(self.sent_lines).min(MAX_LINES_PER_TICK);
            self.sent_lines += lines;
            for line in self.lines.by_ref().take(lines as usize) {
                self.pending.extend_from_slice(line.as_bytes());
                self.pending.push(b'\n');
            }
        }
        match self.flush() {
            Ok(()) => true,
            Err(error) => {
                debug!("{} left the text server: {error}", self.peer);
                false
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.stream.write(&self.pending) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => drop(self.pending.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the outside world, whose time is not the application's `Clock`")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};

    use super::*;
    use crate::words::Lines;

    fn connect(server: &TextServer) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        BufReader::new(stream)
    }

    #[test]
    fn every_client_gets_the_lines_of_the_seed_from_the_first_on() {
        let server = TextServer::start(100_000, || Lines::new(7)).unwrap();
        let expected: Vec<String> = Lines::new(7).take(5000).collect();
        for _ in 0..2 {
            let lines: io::Result<Vec<String>> = connect(&server).lines().take(5000).collect();
            assert_eq!(lines.unwrap(), expected);
        }
    }

    #[test]
    fn client_that_does_not_read_does_not_hold_up_another() {
        let server = TextServer::start(1_000_000, || Lines::new(7)).unwrap();
        let _idle = connect(&server);
        assert_eq!(connect(&server).lines().take(200_000).filter(Result::is_ok).count(), 200_000);
    }

    #[test]
    fn lines_do_not_come_faster_than_the_rate() {
        let server = TextServer::start(100, || Lines::new(7)).unwrap();
        let start = now();
        assert_eq!(connect(&server).lines().take(20).filter(Result::is_ok).count(), 20);
        assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    }

    #[test]
    fn dropped_server_has_closed_its_connections_and_its_port() {
        let server = TextServer::start(10, || Lines::new(7)).unwrap();
        let address = server.address();
        let mut client = connect(&server);
        client.read_line(&mut String::new()).unwrap();
        drop(server);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
