//! Lines over TCP to word counts, by hand: one thread reads and cuts lines, one counts as they come.
//!
//! At each tick the counts so far are the batch's result. This is the floor of what an engine on two cores can be
//! asked for, and shows that the sender is fast enough to measure with.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::send::Sender;
use super::{Outcome, Plan};
use crate::count::{Counts, Summary, Word};
use crate::latency::{self, LatencyRecorder};
use crate::stability::BatchTiming;
use crate::text::words;

/// Bytes asked for in one read, and so the most that one block holds.
const READ_BYTES: usize = 256 << 10;
/// Blocks between the threads: what bounds memory and makes the socket push back.
const BLOCKS_IN_FLIGHT: usize = 16;

/// Lines of one read, as owned records.
type Block = Vec<String>;

/// Run the plan. With a recorder, lines carry stamps and the recorder gets them when their batch is done.
pub(crate) fn run<W: Word>(plan: &Plan, sender: Sender, latency: Option<&LatencyRecorder>) -> Result<Outcome> {
    let socket = TcpStream::connect(sender.addr()).context("cannot connect to the sender")?;
    let (blocks, inbox) = sync_channel(BLOCKS_IN_FLIGHT);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_lines(socket, &blocks));
        let counted = Counter::<W>::new(plan, latency).count(&inbox);
        drop(inbox); // A reader that still waits for room must see that nobody takes its blocks.
        reader.join().map_err(|_| anyhow!("the reading thread panicked"))??;
        Ok(Outcome { sent: sender.wait()?, ..counted })
    })
}

fn read_lines(mut socket: TcpStream, blocks: &SyncSender<Block>) -> Result<()> {
    let (mut buffer, mut held) = (vec![0; READ_BYTES], 0);
    loop {
        let read = socket.read(&mut buffer[held..]).context("cannot read from the sender")?;
        held += read;
        // At the end of the input, a last line without a line end is a line too.
        let whole =
            if read == 0 { held } else { buffer[..held].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) };
        let text = std::str::from_utf8(&buffer[..whole]).context("the sender's text is not UTF-8")?;
        let block: Block = text.lines().map(str::to_owned).collect();
        if !block.is_empty() && blocks.send(block).is_err() {
            return Ok(());
        }
        buffer.copy_within(whole..held, 0);
        held -= whole;
        if read == 0 {
            return Ok(());
        }
        if held == buffer.len() {
            buffer.resize(2 * held, 0);
        }
    }
}

struct Counter<'a, W> {
    plan: &'a Plan,
    latency: Option<&'a LatencyRecorder>,
    counts: Counts<W>,
    stamps: Vec<u64>,
    /// Lines of the batch under way.
    lines: u64,
    done: Outcome,
}

impl<'a, W: Word> Counter<'a, W> {
    fn new(plan: &'a Plan, latency: Option<&'a LatencyRecorder>) -> Self {
        let done =
            Outcome { lines: 0, words: 0, elapsed: Duration::ZERO, batches: Vec::new(), sent: Default::default() };
        Self { plan, latency, counts: Counts::default(), stamps: Vec::new(), lines: 0, done }
    }

    fn count(mut self, inbox: &Receiver<Block>) -> Outcome {
        let mut tick = Instant::now() + self.plan.interval;
        let mut first_line = None;
        loop {
            match inbox.recv_timeout(tick.saturating_duration_since(Instant::now())) {
                Ok(block) => {
                    first_line.get_or_insert_with(Instant::now);
                    self.take(&block);
                    if Instant::now() < tick {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.end_batch(tick);
            tick += self.plan.interval;
        }
        if self.lines > 0 {
            self.end_batch(Instant::now());
        }
        self.done.elapsed = first_line.map_or(Duration::ZERO, |first| first.elapsed());
        self.done
    }

    fn take(&mut self, block: &Block) {
        self.lines += block.len() as u64;
        if self.latency.is_some() {
            self.stamps.extend(block.iter().filter_map(|line| latency::stamp_of(line)));
        }
        if !self.plan.receive_only {
            for word in block.iter().flat_map(|line| words(line)) {
                *self.counts.entry(W::from(word)).or_insert(0) += 1;
            }
        }
    }

    fn end_batch(&mut self, due: Instant) {
        let started = Instant::now();
        self.done.words += Summary::of(&self.counts).words;
        self.counts.clear();
        if let Some(latency) = self.latency {
            latency.record(&self.stamps);
            self.stamps.clear();
        }
        self.done.lines += self.lines;
        self.done.batches.push(BatchTiming {
            records: std::mem::take(&mut self.lines),
            scheduling_delay: started.saturating_duration_since(due),
            processing: started.elapsed(),
        });
    }
}
