//! W1 by hand: the ceiling that the engines are compared with.
//!
//! Each thread counts its share of the lines in a table of its own, keeps the words it owns by hash, sends the counts of all
//! others to their owners, and adds what it receives. Tables are reused from batch to batch.

use anyhow::Result;

use super::Job;
use crate::batches::BatchDone;
use crate::count::{Counts, Summary, Word, owner_of};
use crate::text::words;
use crate::workers::{self, Exchange, Gone};

/// Counts on their way to the owner of their words.
type Shipment<W> = Vec<(W, u64)>;

/// Count the job's batches.
pub(crate) fn run<W: Word>(job: &Job) -> Result<Vec<BatchDone>> {
    workers::run(job.cores, &job.batches, |exchange| {
        let mut counts = Counts::<W>::default();
        move |lines: &'static [String]| {
            for word in lines.iter().flat_map(|line| words(line)) {
                *counts.entry(W::from(word)).or_insert(0) += 1;
            }
            if exchange.owners() > 1 {
                bring_together(&exchange, &mut counts)?;
            }
            let summary = Summary::of(&counts);
            counts.clear();
            Ok(summary)
        }
    })
}

/// Send away the words of others and take in the words that are mine.
fn bring_together<W: Word>(exchange: &Exchange<Shipment<W>>, counts: &mut Counts<W>) -> Result<(), Gone> {
    let (me, owners) = (exchange.me, exchange.owners());
    let mut out: Vec<Shipment<W>> = (0..owners).map(|_| Vec::with_capacity(counts.len() / owners)).collect();
    for (word, count) in counts.extract_if(|word, _| owner_of(word, owners) != me) {
        out[owner_of(&word, owners)].push((word, count));
    }
    for shipment in exchange.swap(out) {
        for (word, count) in shipment? {
            *counts.entry(word).or_insert(0) += count;
        }
    }
    Ok(())
}
