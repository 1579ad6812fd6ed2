//! W2 by hand: what a running count costs that nothing survives. An upper bound, not a peer.

use anyhow::Result;

use super::{Form, Job, Record};
use crate::batches::BatchDone;
use crate::count::{Counts, Summary, owner_of};
use crate::workers;

/// Count the job's updates.
pub(super) fn run(job: &Job) -> Result<Vec<BatchDone>> {
    workers::run(job.cores, &job.batches, |exchange| {
        let (mut counts, mut batch) = (Counts::<String>::default(), 0);
        move |records: &'static [Record]| {
            let owners = exchange.owners();
            let mut out: Vec<Vec<(&'static str, u64)>> = vec![Vec::new(); owners];
            records.iter().for_each(|(key, n)| out[owner_of(key.as_str(), owners)].push((key, *n)));
            let mut summary = Summary::default();
            for shipment in exchange.swap(out) {
                for (key, n) in shipment? {
                    let sum = match counts.get_mut(key) {
                        Some(count) => {
                            *count += n;
                            *count
                        }
                        None => {
                            counts.insert(key.to_owned(), n);
                            n
                        }
                    };
                    if job.form == Form::Map {
                        summary.add(key, sum);
                    }
                }
            }
            batch += 1;
            if batch == job.batches.len() {
                summary.merge(Summary::of(&counts));
            }
            Ok(summary)
        }
    })
}
