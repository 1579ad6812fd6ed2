//! A server inside the process that keeps counts, as a database would: each partition once, however often it is written.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use log::{debug, error, warn};

/// Adds up counts that clients send it over TCP, until it is dropped.
///
/// It listens on a free port of the loopback interface. A client sends a line with an id and the number of lines that follow,
/// then that many lines of a word and a count. It is answered `stored`, also when the id was there already: then nothing is
/// added.
///
/// ```
/// use std::{io::{BufRead, BufReader, Write}, net::TcpStream};
/// use examples::count_sink::CountSink;
///
/// let sink = CountSink::start(None)?;
/// let mut client = BufReader::new(TcpStream::connect(sink.address())?);
/// for _ in 0..2 {
///     client.get_mut().write_all(b"1000-0 2\nto 2\nbe 1\n")?;
///     let mut answer = String::new();
///     client.read_line(&mut answer)?;
///     assert_eq!(answer, "stored\n");
/// }
/// let kept = sink.kept();
/// assert_eq!((kept.counts["to"], kept.partitions, kept.repeated), (2, 1, 1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CountSink {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a sink has kept, and how it came.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The sum of the counts of each word.
    pub counts: BTreeMap<String, u64>,
    /// Partitions that were stored.
    pub partitions: usize,
    /// Partitions that came again and were not added.
    pub repeated: usize,
    /// Connections that were made.
    pub connections: usize,
    ids: HashSet<String>,
}

impl CountSink {
    /// Starts a sink. It hangs up without an answer when it has stored its `hang_up_after`th partition, once: the worst moment,
    /// since the client cannot know whether it was stored.
    ///
    /// # Errors
    ///
    /// When no port can be listened on or no thread be started.
    pub fn start(hang_up_after: Option<usize>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (kept, stopped) = (Arc::<Mutex<Kept>>::default(), Arc::new(AtomicBool::new(false)));
        let (keep, stop) = (kept.clone(), stopped.clone());
        let thread = thread::Builder::new().name("count-sink".into()).spawn(move || {
            thread::scope(|clients| {
                while let Some(client) = accept(&listener, &stop) {
                    lock(&keep).connections += 1;
                    let keep = &keep;
                    clients.spawn(move || {
                        if let Err(error) = serve(&client, keep, hang_up_after) {
                            debug!("a client left the sink: {error}");
                        }
                    });
                }
            });
        })?;
        Ok(Self { address, kept, stopped, thread: Some(thread) })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has kept so far.
    pub fn kept(&self) -> Kept {
        lock(&self.kept).clone()
    }
}

impl Drop for CountSink {
    /// Waits until its clients have left.
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread out of `accept`.
        drop(TcpStream::connect(self.address));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the sink panicked");
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next client; `None` when the sink stops.
fn accept(listener: &TcpListener, stopped: &AtomicBool) -> Option<TcpStream> {
    loop {
        match listener.accept() {
            _ if stopped.load(Ordering::SeqCst) => return None,
            Ok((client, _)) => return Some(client),
            Err(error) => warn!("the sink could not accept a connection: {error}"),
        }
    }
}

/// Takes partitions until the client leaves.
fn serve(mut client: &TcpStream, kept: &Mutex<Kept>, hang_up_after: Option<usize>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut lines = BufReader::new(client).lines();
    while let Some(head) = lines.next().transpose()? {
        let (id, records) = pair::<usize>(&head)?;
        let records = lines.by_ref().take(records).map(|line| pair::<u64>(&line?));
        let counts = records.collect::<io::Result<Vec<(String, u64)>>>()?;
        let stored_as = lock(kept).store(id, counts);
        if stored_as.is_some() && stored_as == hang_up_after {
            return Ok(());
        }
        client.write_all(b"stored\n")?;
    }
    Ok(())
}

impl Kept {
    /// How many partitions there are with this one; `None` when it was there already.
    fn store(&mut self, id: String, counts: Vec<(String, u64)>) -> Option<usize> {
        if !self.ids.insert(id) {
            self.repeated += 1;
            return None;
        }
        self.partitions += 1;
        counts.into_iter().for_each(|(word, count)| *self.counts.entry(word).or_default() += count);
        Some(self.partitions)
    }
}

fn pair<N: std::str::FromStr>(line: &str) -> io::Result<(String, N)> {
    let parsed = line.rsplit_once(' ').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    parsed.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("{line:?} is not a name and a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a partition and returns the answer; empty when there is none.
    fn send(sink: &CountSink, partition: &str) -> String {
        let mut client = BufReader::new(TcpStream::connect(sink.address()).unwrap());
        client.get_mut().write_all(partition.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_line(&mut answer).unwrap();
        answer
    }

    #[test]
    fn partition_that_comes_again_is_not_added() {
        let sink = CountSink::start(None).unwrap();
        for partition in ["1-0 2\na 1\nb 2\n", "1-1 1\na 10\n", "1-0 2\na 1\nb 2\n", "2-0 0\n"] {
            assert_eq!(send(&sink, partition), "stored\n");
        }
        let kept = sink.kept();
        assert_eq!(kept.counts, BTreeMap::from([("a".to_owned(), 11), ("b".to_owned(), 2)]));
        assert_eq!((kept.partitions, kept.repeated, kept.connections), (3, 1, 4));
    }

    #[test]
    fn sink_hangs_up_once_when_it_has_stored_that_many() {
        let sink = CountSink::start(Some(2)).unwrap();
        let answers: Vec<_> = ["1-0 0\n", "1-1 0\n", "1-1 0\n", "1-2 0\n"].map(|part| send(&sink, part)).into();
        assert_eq!(answers, ["stored\n", "", "stored\n", "stored\n"]);
        assert_eq!((sink.kept().partitions, sink.kept().repeated), (3, 1));
    }

    #[test]
    fn half_a_partition_and_nonsense_are_not_kept() {
        let sink = CountSink::start(None).unwrap();
        for line in ["1-0 two\n", "1-0\n", "1-0 1\nword\n"] {
            assert_eq!(send(&sink, line), "", "{line:?}");
        }
        let mut client = TcpStream::connect(sink.address()).unwrap();
        client.write_all(b"1-0 2\na 1\nb").unwrap();
        client.shutdown(std::net::Shutdown::Both).unwrap();
        let kept = sink.kept();
        drop(sink);
        assert_eq!((kept.partitions, kept.counts.len()), (0, 0));
    }
}
