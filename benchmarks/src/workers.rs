//! The threads of the loops written by hand: they live as long as a run, take a share of every batch each, and exchange
//! what belongs to another.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::batches::BatchDone;
use crate::count::Summary;

/// Another thread is gone, and with it the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// One thread's place among those that own a part of the keys each.
pub(crate) struct Exchange<S> {
    /// Which owner this thread is.
    pub(crate) me: usize,
    to_owners: Vec<Sender<Result<S, Gone>>>,
    inbox: Receiver<Result<S, Gone>>,
}

impl<S> Drop for Exchange<S> {
    fn drop(&mut self) {
        // Whoever waits for a shipment from here waits in vain. Those who have ended as well do not hear it.
        self.to_owners.iter().for_each(|owner| drop(owner.send(Err(Gone))));
    }
}

impl<S> Exchange<S> {
    /// How many owners there are.
    pub(crate) fn owners(&self) -> usize {
        self.to_owners.len()
    }

    /// Sends every owner what is theirs, one shipment for each, and returns what is mine: my own first.
    pub(crate) fn swap(&self, shipments: Vec<S>) -> impl Iterator<Item = Result<S, Gone>> {
        let mut mine = None;
        for (owner, shipment) in shipments.into_iter().enumerate() {
            if owner == self.me {
                mine = Some(Ok(shipment));
            } else {
                // One that is gone has left word of it in the inbox.
                let _ = self.to_owners[owner].send(Ok(shipment));
            }
        }
        mine.into_iter().chain((1..self.owners()).map(|_| self.inbox.recv().unwrap_or(Err(Gone))))
    }
}

/// Run `batches` one after another on `cores` threads. `worker` makes what one thread does with its share of each batch, which
/// ends in the summary of the keys it owns.
pub(crate) fn run<R, S, W>(
    cores: usize,
    batches: &[&'static [R]],
    worker: impl Fn(Exchange<S>) -> W,
) -> Result<Vec<BatchDone>>
where
    R: Sync,
    S: Send,
    W: FnMut(&'static [R]) -> Result<Summary, Gone> + Send,
{
    let (to_owners, inboxes): (Vec<_>, Vec<_>) = (0..cores).map(|_| channel()).unzip();
    let (done, summaries) = channel();
    thread::scope(|scope| {
        let mut shares = Vec::new();
        for (me, inbox) in inboxes.into_iter().enumerate() {
            let (share, my_shares) = channel();
            shares.push(share);
            let mut work = worker(Exchange { me, to_owners: to_owners.clone(), inbox });
            let done = done.clone();
            scope.spawn(move || {
                for share in my_shares {
                    // Sent when it is dropped: also by a panic, so that nobody waits for this thread.
                    let mut answer = Answer { to: &done, outcome: Err(Gone) };
                    answer.outcome = work(share);
                    if answer.outcome.is_err() {
                        return;
                    }
                }
            });
        }
        batches.iter().map(|batch| one_batch(batch, &shares, &summaries)).collect()
    })
}

/// What a thread has to say of its share.
struct Answer<'a> {
    to: &'a Sender<Result<Summary, Gone>>,
    outcome: Result<Summary, Gone>,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // Nobody listens any more when the run has ended.
        let _ = self.to.send(self.outcome);
    }
}

/// Hand out the records of a batch and wait for the summaries.
fn one_batch<R>(
    batch: &'static [R],
    shares: &[Sender<&'static [R]>],
    summaries: &Receiver<Result<Summary, Gone>>,
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
        summary.merge(summaries.recv().unwrap_or(Err(Gone)).map_err(|_| gone())?);
    }
    Ok(BatchDone { started, finished: Instant::now(), summary })
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    #[test]
    fn every_record_is_seen_once_and_every_shipment_arrives() {
        let batches: Vec<&'static [u64]> = vec![&[1, 2, 3, 4, 5], &[], &[6]];
        for cores in 1..4 {
            let done = run(cores, &batches, |exchange: Exchange<u64>| {
                move |share: &'static [u64]| {
                    let sum: u64 = share.iter().sum();
                    let mut summary = Summary::default();
                    for shipment in exchange.swap(repeat_n(sum, exchange.owners()).collect()) {
                        summary.words += shipment?;
                    }
                    summary.distinct = share.len() as u64;
                    Ok(summary)
                }
            });
            let seen: Vec<_> = done.unwrap().iter().map(|b| (b.summary.words, b.summary.distinct)).collect();
            let cores = cores as u64;
            assert_eq!(seen, [(15 * cores, 5), (0, 0), (6 * cores, 1)]);
        }
    }

    #[test]
    fn a_worker_that_gives_up_ends_the_run() {
        for panics in [false, true] {
            let done = std::panic::catch_unwind(|| {
                run(3, &[&[1, 2, 3][..]], |exchange: Exchange<()>| {
                    move |_: &'static [i32]| {
                        if exchange.me == 0 {
                            assert!(!panics, "on purpose");
                            return Err(Gone);
                        }
                        exchange.swap(vec![(); 3]).collect::<Result<Vec<()>, Gone>>()?;
                        Ok(Summary::default())
                    }
                })
            });
            match done {
                Ok(done) => assert!(done.unwrap_err().to_string().contains("is gone")),
                Err(_) => assert!(panics),
            }
        }
    }
}
