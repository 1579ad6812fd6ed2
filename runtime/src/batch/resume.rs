//! How a run goes on where an earlier one ended: which batches are run again, what windows may still read, and when the next tick is.
//! Pure: facts in, decisions out.

use super::program::{Past, PastInputs, Ranges};
use crate::block::{Allocation, Ledger};
use crate::config::CatchUp;
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// What an earlier run left to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Batches that were allocated and not committed, oldest first, with what replayable sources read in them. They are run again
    /// over exactly that.
    pub pending: Vec<(Allocation, Ranges)>,
    /// What the program has to know.
    pub past: Past,
}

impl Resume {
    /// What is to be done, by the ledger, the logged ranges by batch and the last batch that was committed.
    pub fn plan(ledger: &Ledger, logged: &BTreeMap<Time, Ranges>, committed: Option<Time>) -> Resume {
        let ranges = |batch: &Time| logged.get(batch).cloned().unwrap_or_default();
        let pending: Vec<_> = ledger.pending_batches().map(|batch| (batch.clone(), ranges(&batch.batch))).collect();
        let is_pending = |batch: &Time| pending.iter().any(|(pending, _)| pending.batch == *batch);
        let mut inputs: BTreeMap<Time, PastInputs> = BTreeMap::new();
        for batch in ledger.done_batches() {
            inputs.entry(batch.batch).or_default().blocks = batch.blocks.clone();
        }
        for (batch, ranges) in logged.iter().filter(|(batch, _)| !is_pending(batch)) {
            inputs.entry(*batch).or_default().ranges = ranges.clone();
        }
        let mut last_ranges = Ranges::new();
        for ranges in logged.values() {
            last_ranges.extend(ranges.clone());
        }
        Resume { pending, past: Past { committed, inputs, last_ranges, memory: BTreeMap::new() } }
    }
}

/// The first tick after a restart, and how many times were missed: those after `last` (the newest batch there was) that have come
/// by `now`, on the grid zero + n x interval.
///
/// ```
/// use waterwheel_runtime::batch::first_tick;
/// use waterwheel_runtime::config::CatchUp;
/// use waterwheel_runtime::time::{Time, seconds};
///
/// let t = |seconds: i64| Time::from_millis(seconds * 1000);
/// let tick = |way| first_tick(way, t(0), seconds(2), t(8), t(15));
/// assert_eq!(tick(CatchUp::EachInterval), (t(10), 3), "10, 12 and 14 were missed");
/// assert_eq!(tick(CatchUp::Coalesce), (t(14), 3));
/// assert_eq!(tick(CatchUp::Skip), (t(16), 3));
/// ```
pub fn first_tick(way: CatchUp, zero: Time, interval: Duration, last: Time, now: Time) -> (Time, u64) {
    let after_last = last.floor_from(interval, zero) + interval;
    let latest = now.max(last).floor_from(interval, zero);
    if latest < after_last {
        return (after_last, 0);
    }
    let missed = latest.since(after_last).as_millis() / interval.as_millis().max(1) + 1;
    let first = match way {
        CatchUp::EachInterval => after_last,
        CatchUp::Coalesce => latest,
        CatchUp::Skip => latest + interval,
    };
    (first, u64::try_from(missed).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{BlockInfo, Horizon, LedgerEvent};
    use crate::ids::{BlockId, StreamId};
    use crate::time::seconds;
    use proptest::prelude::*;

    fn t(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn block(sequence: u64) -> BlockInfo {
        BlockInfo { id: BlockId { stream: StreamId(0), sequence }, records: 1, bytes: 8 }
    }

    #[test]
    fn pending_batches_run_again_over_their_blocks_and_ranges_and_windows_find_those_before() {
        let mut ledger = Ledger::new();
        for batch in 1..=3 {
            ledger.apply(&LedgerEvent::BlockAdded { block: block(batch) }).unwrap();
            let allocated = ledger.plan_allocation(t(batch.cast_signed())).unwrap();
            ledger.apply(&allocated).unwrap();
        }
        let kept = Horizon { before: t(2), kept: BTreeMap::from([(StreamId(0), t(1))]) };
        for event in ledger.plan_commit(t(1), &kept).0 {
            ledger.apply(&event).unwrap();
        }
        let range = |byte: u8| Ranges::from([("log".into(), vec![byte])]);
        let logged = BTreeMap::from([(t(1), range(1)), (t(2), range(2))]);

        let resume = Resume::plan(&ledger, &logged, Some(t(1)));

        let pending: Vec<_> = resume.pending.iter().map(|(batch, ranges)| (batch.batch, ranges.clone())).collect();
        assert_eq!(pending, [(t(2), range(2)), (t(3), Ranges::new())]);
        assert_eq!(resume.past.inputs.keys().copied().collect::<Vec<_>>(), [t(1)]);
        assert_eq!(resume.past.inputs[&t(1)].ranges, range(1));
        assert_eq!(resume.past.inputs[&t(1)].blocks[&StreamId(0)], [block(1)]);
        assert_eq!(resume.past.last_ranges, range(2), "the source goes on behind what was decided last");
    }

    proptest! {
        #[test]
        fn ticks_stay_on_the_grid_after_the_last_batch_and_none_that_was_missed_is_lost(
            interval in 1..5000u64, zero in 0..10_000i64, last in 0..500u64, down in 0..1_000_000i64,
        ) {
            let (zero, interval) = (Time::from_millis(zero), Duration::from_millis(interval));
            let last = zero + interval * u32::try_from(last).unwrap();
            let now = Time::from_millis(last.millis() + down);
            for way in [CatchUp::EachInterval, CatchUp::Coalesce, CatchUp::Skip] {
                let (first, missed) = first_tick(way, zero, interval, last, now);
                prop_assert!(first > last && first.since(zero).as_millis() % interval.as_millis() == 0);
                let expected = u128::try_from(down).unwrap() / interval.as_millis();
                prop_assert_eq!(u128::from(missed), expected);
                let comes_at_once = first <= now;
                prop_assert_eq!(comes_at_once, missed > 0 && way != CatchUp::Skip);
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_waits_for_the_batch_after_the_last() {
        assert_eq!(first_tick(CatchUp::Coalesce, t(0), seconds(1), t(50), t(20)), (t(51), 0));
    }
}
