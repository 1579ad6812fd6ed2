//! What a context begins with: nothing, or what an earlier run left.

use crate::batch::{Cadence, Resume, Retention, Ticks};
use crate::block::{Ledger, LedgerLog, MemoryLog};
use crate::config::CatchUp;
use crate::durable::{BlockLog, DurableSpec, Keeper, KeeperLog, Recovery};
use crate::ids::StreamId;
use crate::mailbox::{Depth, Post};
use crate::time::{DurationExt, Time};
use actix::Actor;
use actix_rt::ArbiterHandle;
use std::collections::BTreeMap;
use std::time::Duration;

/// See the module.
pub(crate) struct Begin {
    /// Batches are at zero + n x interval.
    pub(crate) zero: Time,
    /// When batches come.
    pub(crate) ticks: Ticks,
    pub(crate) ledger: Ledger,
    pub(crate) log: Box<dyn LedgerLog>,
    /// Which batches are made durable at once; `None` when nothing is.
    pub(crate) cadence: Option<Cadence>,
    pub(crate) resume: Resume,
    /// Where received blocks are kept, if they are.
    pub(crate) block_log: Option<BlockLog>,
    /// Where those of an earlier run are, which may have kept them when this one does not.
    pub(crate) earlier_blocks: Option<BlockLog>,
    pub(crate) next_blocks: BTreeMap<StreamId, u64>,
    /// Up to where the sources of an earlier run had come.
    pub(crate) positions: BTreeMap<StreamId, Vec<u8>>,
    /// What waits for the keeper, if there is one.
    pub(crate) keeper_depth: Option<Depth>,
    /// How an earlier run was taken up, if there was one.
    pub(crate) recovery: Option<Recovery>,
}

impl Begin {
    /// With nothing, and nothing that survives.
    pub(crate) fn anew(zero: Time, interval: Duration) -> Begin {
        Begin {
            zero,
            ticks: Ticks::new(zero + interval, interval),
            ledger: Ledger::new(),
            log: Box::new(MemoryLog),
            cadence: None,
            resume: Resume::default(),
            block_log: None,
            earlier_blocks: None,
            next_blocks: BTreeMap::new(),
            positions: BTreeMap::new(),
            keeper_depth: None,
            recovery: None,
        }
    }

    /// With a storage, for a program that needs `retention`. The keeper is started on `arbiter`, which it blocks.
    pub(crate) fn of(
        spec: DurableSpec,
        interval: Duration,
        retention: &Retention,
        now: Time,
        arbiter: &ArbiterHandle,
    ) -> Begin {
        let DurableSpec { storage, journal, zero, cadence, durability, catch_up, block_log, left } = spec;
        let kept = storage.clone();
        let keeper = Post::new(Keeper::start_in_arbiter(arbiter, move |_| Keeper::new(kept)));
        let streams = journal.streams().clone();
        let keeper_depth = Some(keeper.depth().clone());
        let log = Box::new(KeeperLog::new(keeper.clone(), journal, durability));
        let earlier_blocks = Some(BlockLog::new(keeper, storage, streams));
        let block_log = earlier_blocks.clone().filter(|_| block_log);
        let anew = Begin { log, block_log, keeper_depth, cadence: Some(cadence), ..Begin::anew(zero, interval) };
        let Some(left) = left else { return anew };

        let newest = left.newest().unwrap_or(zero);
        let slides = retention.nodes.iter().filter(|node| node.wanted).map(|node| node.slide);
        let (ticks, missed) = Ticks::after_a_pause(catch_up, zero, interval, slides, newest, now);
        let (slides, first) = ticks.regular();
        let mut resume = Resume::plan(&left.ledger, &left.ranges, left.committed);
        resume.past.memory = left.memory;
        let recovery = Recovery { committed: left.committed, pending: resume.pending.len(), missed, slides, first };
        tell(&recovery, catch_up, interval, &left.ledger);
        let (recovery, next_blocks, positions) = (Some(recovery), left.next_blocks, left.positions);
        Begin { ticks, ledger: left.ledger, resume, next_blocks, positions, recovery, earlier_blocks, ..anew }
    }
}

/// Says where the run goes on.
fn tell(recovery: &Recovery, catch_up: CatchUp, interval: Duration, ledger: &Ledger) {
    let Recovery { committed, pending, missed, slides, first } = recovery;
    let after = committed.map_or_else(|| "from the beginning".to_owned(), |batch| format!("after batch {batch}"));
    let waiting = if ledger.has_unallocated() { ", then what was received and is in no batch yet" } else { "" };
    log::info!(
        "going on {after}: {pending} batches are run again{waiting}; batches come every interval from {first} on"
    );
    if *missed > 0 {
        log::info!("{missed} batches of {} were missed; the way to catch up is {catch_up}", interval.pretty());
    }
    if *slides > 0 {
        log::info!("{slides} of them are made all the same, before {first}: windows slide in them");
    }
}
