//! W3 by hand: what a window costs that is merged from the counts of its batches.
//!
//! Each thread counts its share of a batch, sends the counts of keys that are not its own to their owners, and keeps, for the
//! keys that it owns, the counts of each of the last batches. A window is the sum of those, in a table that is reused.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::{BatchDone, Job, Record};
use crate::count::{Counts, Summary, owner_of};

/// Counts on their way to the owner of their keys.
type Shipment = Vec<(&'static str, u64)>;

/// Count the job's windows.
pub(super) fn run(job: &Job) -> Result<Vec<BatchDone>> {
    let (to_owners, inboxes): (Vec<_>, Vec<_>) = (0..job.cores).map(|_| channel::<Shipment>()).unzip();
    let (done, summaries) = channel();
    thread::scope(|scope| {
        let mut shares = Vec::new();
        for (me, inbox) in inboxes.into_iter().enumerate() {
            let (share, my_shares) = channel();
            shares.push(share);
            let worker = Worker { me, to_owners: to_owners.clone(), inbox, window: job.window };
            let done = done.clone();
            scope.spawn(move || worker.work(&my_shares, &done));
        }
        drop((to_owners, done));
        job.batches.iter().map(|batch| one_batch(batch, &shares, &summaries)).collect()
    })
}

fn one_batch(
    batch: &'static [Record],
    shares: &[Sender<&'static [Record]>],
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

struct Worker {
    me: usize,
    to_owners: Vec<Sender<Shipment>>,
    inbox: Receiver<Shipment>,
    window: usize,
}

impl Worker {
    fn work(self, shares: &Receiver<&'static [Record]>, done: &Sender<Summary>) {
        let (mut batches, mut window) = (VecDeque::new(), Counts::<String>::default());
        while let Ok(records) = shares.recv() {
            let Ok(counts) = self.count(records) else { return };
            batches.push_back(counts);
            if batches.len() > self.window {
                batches.pop_front();
            }
            for counts in &batches {
                for (key, n) in counts {
                    match window.get_mut(key) {
                        Some(count) => *count += n,
                        None => drop(window.insert(key.clone(), *n)),
                    }
                }
            }
            if done.send(Summary::of(&window)).is_err() {
                return;
            }
            window.clear();
        }
    }

    /// The counts of my keys in one batch. An error if another worker is gone.
    fn count(&self, records: &'static [Record]) -> Result<Counts<String>, ()> {
        let owners = self.to_owners.len();
        let mut out: Vec<Shipment> = vec![Vec::new(); owners];
        let mut share = std::collections::HashMap::<&'static str, u64, foldhash::fast::RandomState>::default();
        records.iter().for_each(|(key, n)| *share.entry(key).or_default() += n);
        share.into_iter().for_each(|(key, n)| out[owner(key, owners)].push((key, n)));
        for (to, shipment) in out.into_iter().enumerate() {
            self.to_owners[to].send(shipment).map_err(drop)?;
        }
        let mut mine = Counts::default();
        for _ in 0..owners {
            for (key, n) in self.inbox.recv().map_err(drop)? {
                *mine.entry(key.to_owned()).or_default() += n;
            }
        }
        debug_assert!(mine.keys().all(|key: &String| owner(key, owners) == self.me));
        Ok(mine)
    }
}

fn owner(key: &str, owners: usize) -> usize {
    owner_of(key, owners)
}
