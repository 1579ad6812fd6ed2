//! A server that takes lines and tells what happens to its connections; and clients of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// Real time after which a test gives up; nothing here takes a hundredth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What happened to a connection. They are numbered from 0 as they are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Opened(usize),
    Line(usize, String),
    Closed(usize),
}

/// Accepts connections for as long as the process lives.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Receiver<Seen>,
    open: Arc<Mutex<BTreeMap<usize, TcpStream>>>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = channel();
        let open = Arc::new(Mutex::new(BTreeMap::new()));
        let theirs = open.clone();
        thread::spawn(move || {
            for (number, connection) in listener.incoming().map(Result::unwrap).enumerate() {
                theirs.lock().unwrap().insert(number, connection.try_clone().unwrap());
                // The end of the test is the end of everything.
                let _ = tell.send(Seen::Opened(number));
                let tell = tell.clone();
                thread::spawn(move || serve(number, connection, &tell));
            }
        });
        Server { address, seen, open }
    }

    /// A pool of connections to it that notices when it has closed one.
    pub(crate) fn pool(&self) -> ResourcePool<TcpStream> {
        let address = self.address;
        ResourcePool::new(move || TcpStream::connect_timeout(&address, PATIENCE)).health_check(is_open)
    }

    /// The next thing that happens.
    #[track_caller]
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).unwrap()
    }

    /// What happens until `lines` lines have come.
    #[track_caller]
    pub(crate) fn until_lines(&self, lines: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.iter().filter(|seen| matches!(seen, Seen::Line(..))).count() < lines {
            seen.push(self.next());
        }
        seen
    }

    /// Closes a connection from this side.
    pub(crate) fn hang_up(&self, number: usize) {
        self.open.lock().unwrap().get(&number).unwrap().shutdown(Shutdown::Both).unwrap();
        assert_eq!(self.next(), Seen::Closed(number));
    }
}

fn serve(number: usize, connection: TcpStream, tell: &Sender<Seen>) {
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        let _ = tell.send(Seen::Line(number, line));
    }
    let _ = tell.send(Seen::Closed(number));
}

/// How many connections were opened.
pub(crate) fn opened(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| matches!(seen, Seen::Opened(_))).count()
}

/// The lines, whatever their connection, in alphabetical order.
pub(crate) fn lines(seen: &[Seen]) -> Vec<String> {
    let mut lines: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Line(_, line) => Some(line.clone()),
            _ => None,
        })
        .collect();
    lines.sort();
    lines
}

/// Whether the peer has not closed a connection on which it says nothing.
pub(crate) fn is_open(connection: &mut TcpStream) -> bool {
    let looked = connection.set_nonblocking(true).and_then(|()| connection.peek(&mut [0]));
    let silent = looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    silent && connection.set_nonblocking(false).is_ok()
}

/// Writes a partition, in one piece so that lines of one partition stay together.
pub(crate) fn write(connection: &mut TcpStream, records: &[i32], id: WriteId) -> std::io::Result<()> {
    let text: String = records.iter().map(|record| format!("{id} {record}\n")).collect();
    connection.write_all(text.as_bytes())
}

/// A program at work, whose clock stands still until it is turned.
pub(crate) struct Program {
    pub(crate) running: RunningContext,
    pub(crate) clock: ManualClock,
    pub(crate) interval: Duration,
}

impl Program {
    /// A program on one core with batches of one partition, `interval` apart; `output` is given its stream.
    pub(crate) fn start(interval: Duration, script: Vec<Vec<i32>>, output: impl FnOnce(DStream<'_, i32>)) -> Program {
        let clock = ManualClock::new(Time::ZERO);
        let config = Config::local("test").with_cores(1).with_handle_signals(false);
        let ssc = StreamingContext::with_clock(config, interval, Arc::new(clock.clone())).unwrap();
        output(ssc.input_stream(Scripted::new(script).partitions(1)));
        Program { running: ssc.start().unwrap(), clock, interval }
    }

    /// Turns the clock by one interval, and waits until that batch is complete.
    #[track_caller]
    pub(crate) fn batch(&self) {
        let batches = self.running.batches_completed() + 1;
        self.clock.advance(self.interval);
        assert!(self.running.wait_for_batches(batches, PATIENCE), "{:?}", self.running.stop(Stop::Immediate));
    }
}
