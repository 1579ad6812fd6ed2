//! The sender of lines: a process of its own that listens, takes one client, and writes text to it.
//!
//! It prints its address, and at the end a [`SendReport`], as one JSON object a line.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::pace::Pace;
use crate::latency;
use crate::text::{self, Text};

/// Lines rendered once and sent again and again.
const RENDERED_LINES: usize = 65_536;
/// Lines of one write when sending as fast as the socket takes them, about 220 kB.
const LINES_PER_WRITE: usize = 4_096;
/// How long to wait for the client.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks for the client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(2);

/// Options of `benchmarks send`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    #[command(flatten)]
    options: Options,
}

/// What to send.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Lines a second; 0 is as fast as the receiver takes them.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// How long to send.
    #[arg(long = "seconds", default_value = "10", value_parser = seconds)]
    pub(crate) time: Duration,
    /// Seed of the text.
    #[arg(long, default_value_t = text::DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Begin each line with the time it is due at, in microseconds since the epoch (needs a rate).
    #[arg(long)]
    pub(crate) stamped: bool,
}

/// What the sender did. A line counts once the socket has accepted it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SendReport {
    /// Lines accepted by the socket.
    pub(crate) lines: u64,
    /// Bytes accepted by the socket.
    pub(crate) bytes: u64,
    /// From the first write to the end of the last.
    pub(crate) elapsed: Duration,
    /// Lines accepted in each second: shows how the receiver slows the sender down.
    pub(crate) lines_of_second: Vec<u64>,
    /// The longest that a line waited for its write to begin, beyond its due time.
    pub(crate) worst_lateness: Duration,
}

/// The first line the process prints.
#[derive(Serialize, Deserialize)]
struct Listening {
    listening: SocketAddr,
}

/// Parse a number of seconds, with or without a unit.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(number) => Duration::try_from_secs_f64(number).map_err(|error| error.to_string())?,
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if parsed.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(parsed) }
}

/// Be the sender.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.options.stamped && args.options.rate == 0 {
        bail!("--stamped needs a --rate: without one no line has a time it is due at");
    }
    let listener = TcpListener::bind(args.addr).with_context(|| format!("cannot listen on {}", args.addr))?;
    let text = Rendered::new(args.options.seed);
    println!("{}", serde_json::to_string(&Listening { listening: listener.local_addr()? })?);
    let mut client = accept(&listener)?;
    drop(listener); // A client that reconnects after the end is refused.
    let report = if args.options.rate == 0 {
        flood(&mut client, &text, args.options.time)
    } else {
        paced(&mut client, &text, Pace::new(args.options.rate, args.options.time), args.options.stamped)
    }
    .context("the receiver closed the connection before the end")?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Accept one client, or give up: a sender whose peer never came must not stay behind.
fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                client.set_nonblocking(false)?;
                client.set_nodelay(true)?;
                return Ok(client);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                // Nothing wakes a thread that waits for a client with an end to it.
                thread::sleep(ACCEPT_PAUSE);
            }
            Err(error) => return Err(error).context("no client came"),
        }
    }
}

/// Text as bytes, with the place where each line ends.
struct Rendered {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Rendered {
    fn new(seed: u64) -> Self {
        let mut rendered = Self { bytes: Vec::new(), ends: vec![0] };
        for line in Text::new(seed).lines(RENDERED_LINES) {
            rendered.bytes.extend_from_slice(line.as_bytes());
            rendered.bytes.push(b'\n');
            rendered.ends.push(rendered.bytes.len());
        }
        rendered
    }

    /// As many of `count` lines from line `from` as lie together, with their number.
    fn lines(&self, from: u64, count: u64) -> (&[u8], u64) {
        let from = (from % RENDERED_LINES as u64) as usize;
        let to = (from + count as usize).min(RENDERED_LINES);
        (&self.bytes[self.ends[from]..self.ends[to]], (to - from) as u64)
    }
}

impl SendReport {
    fn accepted(&mut self, lines: u64, bytes: usize, elapsed: Duration) {
        self.lines += lines;
        self.bytes += bytes as u64;
        self.elapsed = elapsed;
        let second = elapsed.as_secs() as usize;
        if self.lines_of_second.len() <= second {
            self.lines_of_second.resize(second + 1, 0);
        }
        self.lines_of_second[second] += lines;
    }
}

fn flood(client: &mut TcpStream, text: &Rendered, time: Duration) -> std::io::Result<SendReport> {
    let (start, mut report) = (Instant::now(), SendReport::default());
    while start.elapsed() < time {
        let (bytes, lines) = text.lines(report.lines, LINES_PER_WRITE as u64);
        client.write_all(bytes)?;
        report.accepted(lines, bytes.len(), start.elapsed());
    }
    Ok(report)
}

fn paced(client: &mut TcpStream, text: &Rendered, pace: Pace, stamped: bool) -> std::io::Result<SendReport> {
    let (start, start_micros) = (Instant::now(), latency::now_micros());
    let (mut report, mut buffer) = (SendReport::default(), Vec::new());
    while report.lines < pace.total() {
        let elapsed = start.elapsed();
        let first_due = pace.due_time(report.lines);
        if elapsed < first_due {
            // This is the pace itself: the next line is due at a point in real time.
            thread::sleep(first_due - elapsed);
            continue;
        }
        report.worst_lateness = report.worst_lateness.max(elapsed - first_due);
        let due = (pace.due_at(elapsed) - report.lines).min(LINES_PER_WRITE as u64);
        if stamped {
            buffer.clear();
            for line in report.lines..report.lines + due {
                latency::stamp(&mut buffer, start_micros + pace.due_time(line).as_micros() as u64);
                buffer.extend_from_slice(text.lines(line, 1).0);
            }
            client.write_all(&buffer)?;
            report.accepted(due, buffer.len(), start.elapsed());
        } else {
            let (bytes, lines) = text.lines(report.lines, due);
            client.write_all(bytes)?;
            report.accepted(lines, bytes.len(), start.elapsed());
        }
    }
    Ok(report)
}

/// A running sender process. Dropping it ends the process.
pub(crate) struct Sender {
    child: Child,
    answers: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Sender {
    /// Start a sender on a free port of the loopback interface.
    pub(crate) fn start(options: &Options) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["send", "--addr", "127.0.0.1:0"]);
        command.args(["--rate", &options.rate.to_string(), "--seed", &options.seed.to_string()]);
        command.args(["--seconds", &options.time.as_secs_f64().to_string()]);
        command.args(options.stamped.then_some("--stamped"));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the sender")?;
        let stdout = child.stdout.take().context("the sender has no output")?;
        let mut sender = Self { child, answers: BufReader::new(stdout), addr: SocketAddr::from(([127, 0, 0, 1], 0)) };
        sender.addr = sender.answer::<Listening>()?.listening;
        Ok(sender)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Wait until everything is sent. The connection is closed then, and lines may still be on their way.
    pub(crate) fn wait(mut self) -> Result<SendReport> {
        self.answer()
    }

    fn answer<A: for<'a> Deserialize<'a>>(&mut self) -> Result<A> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("cannot read from the sender")?;
        serde_json::from_str(&line).with_context(|| format!("the sender ended early, or said {line:?}"))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, only a process to wait for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What a client reads from a sender, with the sender's report.
    fn received(send: impl FnOnce(&mut TcpStream) -> std::io::Result<SendReport> + Send) -> (String, SendReport) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = accept(&listener).unwrap();
        thread::scope(|scope| {
            let sending = scope.spawn(move || send(&mut server).unwrap());
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            (text, sending.join().unwrap())
        })
    }

    #[test]
    fn a_paced_sender_stamps_each_line_with_its_own_due_time() {
        let rendered = Rendered::new(1);
        let (text, report) =
            received(|client| paced(client, &rendered, Pace::new(2_000, Duration::from_millis(100)), true));
        assert_eq!((report.lines, report.bytes), (200, text.len() as u64));
        let stamps: Vec<u64> = text.lines().map(|line| latency::stamp_of(line).unwrap()).collect();
        assert_eq!(stamps.len(), 200);
        assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] == 500), "one line every 500 microseconds");
        assert!(text.lines().all(|line| text::words(line).count() == 1 + text::WORDS_PER_LINE));
    }

    #[test]
    fn a_flood_reports_the_lines_that_arrive() {
        let rendered = Rendered::new(1);
        let (text, report) = received(|client| flood(client, &rendered, Duration::from_millis(20)));
        assert_eq!((report.lines, report.bytes), (text.lines().count() as u64, text.len() as u64));
        assert_eq!(report.lines, report.lines_of_second.iter().sum::<u64>());
    }

    #[test]
    fn seconds_may_carry_a_unit_and_may_not_be_zero() {
        assert_eq!(seconds("0.005"), seconds("5ms"));
        for bad in ["0", "-1", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
