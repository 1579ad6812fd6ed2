//! W3 by hand: what a window costs that is merged from the counts of its batches.
//!
//! Each thread counts its share of a batch, sends the counts of keys that are not its own to their owners, and keeps, for the
//! keys that it owns, the counts of each of the last batches. A window is the sum of those, in a table that is reused; with an
//! inverse it is the last window's table, with what has come put in and what has left taken out.

use std::collections::{HashMap, VecDeque};

use anyhow::Result;

use super::{Job, Record};
use crate::batches::BatchDone;
use crate::count::{Counts, Summary, owner_of};
use crate::workers::{self, Exchange, Gone};

/// Counts on their way to the owner of their keys.
type Shipment = Vec<(&'static str, u64)>;

/// Count the job's windows.
pub(super) fn run(job: &Job) -> Result<Vec<BatchDone>> {
    workers::run(job.cores, &job.batches, |exchange| {
        let (mut batches, mut window) = (VecDeque::new(), Counts::<String>::default());
        move |records: &'static [Record]| {
            batches.push_back(count(&exchange, records)?);
            let left = if batches.len() > job.window { batches.pop_front() } else { None };
            if job.inverse {
                move_on(&mut window, batches.back(), left.as_ref());
                return Ok(Summary::of(&window));
            }
            for counts in &batches {
                put_in(&mut window, counts);
            }
            let summary = Summary::of(&window);
            window.clear();
            Ok(summary)
        }
    })
}

fn put_in(window: &mut Counts<String>, counts: &Counts<String>) {
    for (key, n) in counts {
        match window.get_mut(key) {
            Some(count) => *count += n,
            None => drop(window.insert(key.clone(), *n)),
        }
    }
}

fn move_on(window: &mut Counts<String>, come: Option<&Counts<String>>, left: Option<&Counts<String>>) {
    come.into_iter().for_each(|counts| put_in(window, counts));
    for (key, n) in left.into_iter().flatten() {
        if let Some(count) = window.get_mut(key) {
            *count -= n;
            if *count == 0 {
                window.remove(key);
            }
        }
    }
}

/// The counts of my keys in one batch.
fn count(exchange: &Exchange<Shipment>, records: &'static [Record]) -> Result<Counts<String>, Gone> {
    let owners = exchange.owners();
    let mut out: Vec<Shipment> = vec![Vec::new(); owners];
    let mut share = HashMap::<&'static str, u64, foldhash::fast::RandomState>::default();
    records.iter().for_each(|(key, n)| *share.entry(key).or_default() += n);
    share.into_iter().for_each(|(key, n)| out[owner_of(key, owners)].push((key, n)));
    let mut mine = Counts::default();
    for shipment in exchange.swap(out) {
        for (key, n) in shipment? {
            *mine.entry(key.to_owned()).or_default() += n;
        }
    }
    Ok(mine)
}
