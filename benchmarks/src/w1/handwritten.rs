//! W1 by hand: the ceiling that the engines are compared with.
//!
//! Threads that live as long as the run. Each counts its share of the lines in a table of its own, keeps the words it
//! owns by hash, sends the counts of all others to their owners, and adds what it receives. Tables and buffers are
//! reused from batch to batch.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::{BatchDone, Job};
use crate::count::{Counts, Summary, Word, owner_of};
use crate::text::words;

/// Counts on their way to the owner of their words.
type Shipment<W> = Vec<(W, u64)>;

/// Count the job's batches.
pub(crate) fn run<W: Word>(job: &Job) -> Result<Vec<BatchDone>> {
    let (to_owners, inboxes): (Vec<_>, Vec<_>) = (0..job.cores).map(|_| channel::<Shipment<W>>()).unzip();
    let (done, summaries) = channel();
    thread::scope(|scope| {
        let mut shares = Vec::new();
        for (me, inbox) in inboxes.into_iter().enumerate() {
            let (share, my_shares) = channel();
            shares.push(share);
            let worker = Worker { me, to_owners: to_owners.clone(), inbox, counts: Counts::default() };
            let done = done.clone();
            scope.spawn(move || worker.work(&my_shares, &done));
        }
        // Without these ends a receiver notices when a worker is gone.
        drop((to_owners, done));
        job.batches.iter().map(|batch| one_batch(batch, &shares, &summaries)).collect()
    })
}

/// Hand out the lines of a batch and wait for the summaries.
fn one_batch(
    batch: &'static [String],
    shares: &[Sender<&'static [String]>],
    summaries: &Receiver<Summary>,
) -> Result<BatchDone> {
    let gone = || anyhow!("a worker of the hand-written loop is gone");
    let started = Instant::now();
    let size = batch.len().div_ceil(shares.len());
    for (i, worker) in shares.iter().enumerate() {
        let (from, to) = ((i * size).min(batch.len()), ((i + 1) * size).min(batch.len()));
        worker.send(&batch[from..to]).map_err(|_| gone())?;
    }
    let mut summary = Summary::default();
    for _ in shares {
        summary.merge(summaries.recv().map_err(|_| gone())?);
    }
    Ok(BatchDone { started, finished: Instant::now(), summary })
}

struct Worker<W> {
    me: usize,
    to_owners: Vec<Sender<Shipment<W>>>,
    inbox: Receiver<Shipment<W>>,
    counts: Counts<W>,
}

impl<W: Word> Worker<W> {
    fn work(mut self, shares: &Receiver<&'static [String]>, done: &Sender<Summary>) {
        while let Ok(lines) = shares.recv() {
            for word in lines.iter().flat_map(|line| words(line)) {
                *self.counts.entry(W::from(word)).or_insert(0) += 1;
            }
            if self.to_owners.len() > 1 && self.exchange().is_err() {
                return;
            }
            if done.send(Summary::of(&self.counts)).is_err() {
                return;
            }
            self.counts.clear();
        }
    }

    /// Send away the words of others and take in the words that are mine. An error if another worker is gone.
    fn exchange(&mut self) -> Result<(), ()> {
        let owners = self.to_owners.len();
        let mut out: Vec<Shipment<W>> = (0..owners).map(|_| Vec::with_capacity(self.counts.len() / owners)).collect();
        let me = self.me;
        for (word, count) in self.counts.extract_if(|word, _| owner_of(word, owners) != me) {
            out[owner_of(&word, owners)].push((word, count));
        }
        for (owner, shipment) in out.into_iter().enumerate().filter(|(owner, _)| *owner != me) {
            self.to_owners[owner].send(shipment).map_err(drop)?;
        }
        for _ in 1..owners {
            for (word, count) in self.inbox.recv().map_err(drop)? {
                *self.counts.entry(word).or_insert(0) += count;
            }
        }
        Ok(())
    }
}
