//! Writes counts to a server over TCP, a partition at a time, on connections that are lent from a pool.
//!
//! Every second the numbers 1 to 1000 are counted by their last digit. Each partition of the counts is sent, with its id, to a
//! server inside this program, and its answer is waited for. After the third partition the server hangs up instead of
//! answering. The partition is sent again on a new connection, under the same id, and the server keeps it once.
//!
//! Ends after five batches, and prints what the server has kept: each digit was counted 100 times a batch.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use examples::cli;
use examples::count_sink::CountSink;
use examples::run::run;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends.
const BATCHES: u64 = 5;

/// Partitions of each batch's counts.
const PARTITIONS: usize = 4;

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the server: what the pool keeps.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Whether the server is still there. It says nothing unasked, so anything to read is the end.
    fn is_open(&mut self) -> bool {
        let stream = self.0.get_ref();
        let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        let silent = looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        silent && stream.set_nonblocking(false).is_ok()
    }

    /// Sends a partition and waits until it is stored.
    fn write(&mut self, id: WriteId, counts: &[(u32, u64)]) -> io::Result<()> {
        let mut message = format!("{id} {}\n", counts.len());
        counts.iter().for_each(|(digit, count)| message.push_str(&format!("{digit} {count}\n")));
        self.0.get_mut().write_all(message.as_bytes())?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        match answer.as_str() {
            "stored\n" => Ok(()),
            "" => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up before it answered")),
            other => Err(io::Error::new(ErrorKind::InvalidData, format!("the server answered {other:?}"))),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Writes counts to a server over TCP, on connections that are lent from a pool");
    cli::init_logging();
    let batches = cli.batches.unwrap_or(BATCHES);
    let sink = CountSink::start(Some(3))?;
    let address = sink.address();

    let ssc = StreamingContext::new(cli.config("ForeachPartition")?, cli.interval)?;
    let queue = RddQueue::new();
    let counts = ssc
        .queue_stream(&queue, true)
        .map(|number: u32| (number % 10, 1u64))
        .reduce_by_key_with(|a, b| a + b, PARTITIONS);
    let pool = ResourcePool::new(move || Connection::open(address)).health_check(Connection::is_open);
    counts.foreach_partition_with(&pool, |connection, counts, id| connection.write(id, &counts));
    (0..batches).for_each(|_| queue.push_records(ssc.engine(), 1..=1000, 10));

    run(ssc, Some(batches))?;

    let kept = sink.kept();
    for (digit, count) in &kept.counts {
        println!("{digit}: {count}");
    }
    println!("{} connections, {} partition written twice and kept once", kept.connections, kept.repeated);
    Ok(())
}
