//! What a context begins with: nothing, or what an earlier run left.

use crate::batch::{Cadence, Grid, Resume, Ticks, ticks_after};
use crate::block::{Ledger, LedgerLog, MemoryLog};
use crate::config::CatchUp;
use crate::durable::{BlockLog, DurableSpec, Keeper, KeeperLog, Recovery};
use crate::ids::StreamId;
use crate::time::{DurationExt, Time};
use actix::Actor;
use actix_rt::ArbiterHandle;
use std::collections::BTreeMap;
use std::time::Duration;

/// See the module.
pub(crate) struct Begin {
    /// Batches are at zero + n x interval.
    pub(crate) zero: Time,
    pub(crate) ticks: Ticks,
    pub(crate) ledger: Ledger,
    pub(crate) log: Box<dyn LedgerLog>,
    /// Which batches are made durable at once; `None` when nothing is.
    pub(crate) cadence: Option<Cadence>,
    pub(crate) resume: Resume,
    pub(crate) block_log: Option<BlockLog>,
    pub(crate) next_blocks: BTreeMap<StreamId, u64>,
    /// How an earlier run was taken up, if there was one.
    pub(crate) recovery: Option<Recovery>,
}

impl Begin {
    /// With nothing, and nothing that survives.
    pub(crate) fn anew(zero: Time, interval: Duration) -> Begin {
        Begin {
            zero,
            ticks: Ticks::from(zero + interval, interval),
            ledger: Ledger::new(),
            log: Box::new(MemoryLog),
            cadence: None,
            resume: Resume::default(),
            block_log: None,
            next_blocks: BTreeMap::new(),
            recovery: None,
        }
    }

    /// With a storage. The keeper is started on `arbiter`, which it blocks.
    pub(crate) fn of(spec: DurableSpec, interval: Duration, now: Time, arbiter: &ArbiterHandle) -> Begin {
        let DurableSpec { storage, journal, zero, cadence, durability, catch_up, slides, block_log, left } = spec;
        let kept = storage.clone();
        let keeper = Keeper::start_in_arbiter(arbiter, move |_| Keeper::new(kept));
        let streams = journal.streams().clone();
        let log = Box::new(KeeperLog::new(keeper.clone(), journal, durability));
        let block_log = block_log.then(|| BlockLog::new(keeper, storage, streams));
        let anew = Begin { log, block_log, cadence: Some(cadence), ..Begin::anew(zero, interval) };
        let Some(left) = left else { return anew };

        let newest = left.newest().unwrap_or(zero);
        let (ticks, missed) = ticks_after(catch_up, Grid { zero, interval, slides: &slides }, newest, now);
        let (ends_of_slides, first) = ticks.beginning();
        let resume = Resume::plan(&left.ledger, &left.ranges, left.committed);
        let recovery =
            Recovery { committed: left.committed, pending: resume.pending.len(), missed, ends_of_slides, first };
        tell(&recovery, catch_up, interval, &left.ledger);
        Begin { ticks, ledger: left.ledger, resume, next_blocks: left.next_blocks, recovery: Some(recovery), ..anew }
    }
}

/// Says where the run goes on.
fn tell(recovery: &Recovery, catch_up: CatchUp, interval: Duration, ledger: &Ledger) {
    let Recovery { committed, pending, missed, ends_of_slides, first } = recovery;
    let first = ends_of_slides.first().unwrap_or(first);
    let after = committed.map_or_else(|| "from the beginning".to_owned(), |batch| format!("after batch {batch}"));
    let waiting = if ledger.has_unallocated() { ", then what was received and is in no batch yet" } else { "" };
    log::info!("going on {after}: {pending} batches are run again{waiting}; the first new batch is {first}");
    if *missed > 0 {
        log::info!("{missed} batches of {} were missed; the way to catch up is {catch_up}", interval.pretty());
    }
}
