//! How a run goes on where an earlier one ended: which batches are run again, what windows may still read, and when the next tick is.
//! Pure: facts in, decisions out.

use super::program::{Past, PastInputs, Ranges};
use crate::block::{Allocation, Ledger};
use crate::config::CatchUp;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
        Resume { pending, past: Past { committed, inputs, last_ranges } }
    }
}

/// The times at which batches can be.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// Batches are at zero + n x interval, n from 1 on.
    pub zero: Time,
    /// The batch interval.
    pub interval: Duration,
    /// How long the slides of streams are: multiples of the interval.
    pub slides: &'a BTreeSet<Duration>,
}

/// Ticks to come: some at times of their own, then one for every interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticks {
    early: VecDeque<Time>,
    regular: Time,
    interval: Duration,
}

impl Ticks {
    /// One for every interval, from `first` on.
    pub fn from(first: Time, interval: Duration) -> Ticks {
        Ticks { early: VecDeque::new(), regular: first, interval }
    }

    /// The next one.
    pub fn next(&self) -> Time {
        self.early.front().copied().unwrap_or(self.regular)
    }

    /// Those before the regular ones, and the first of these.
    pub fn beginning(&self) -> (Vec<Time>, Time) {
        (self.early.iter().copied().collect(), self.regular)
    }

    /// The next one is taken.
    pub fn advance(&mut self) {
        if self.early.pop_front().is_none() {
            self.regular += self.interval;
        }
    }
}

/// The ticks after a restart, and how many times were missed: those after `last` (the newest batch there was) that have come
/// by `now`.
///
/// A slide that is longer than the interval and that ended in the pause has to be concluded, even if batches are coalesced: what
/// came before the pause would be in no window otherwise. It is concluded at the first of its times that was missed. At its later
/// ones there is nothing, since batches before them are the ones that were missed.
///
/// ```
/// use std::collections::BTreeSet;
/// use waterwheel_runtime::batch::{Grid, ticks_after};
/// use waterwheel_runtime::config::CatchUp;
/// use waterwheel_runtime::time::{Time, seconds};
///
/// let t = |seconds: i64| Time::from_millis(seconds * 1000);
/// let slides = BTreeSet::from([seconds(2), seconds(6)]);
/// let ticks = |way| {
///     let (mut ticks, missed) = ticks_after(way, Grid { zero: t(0), interval: seconds(2), slides: &slides }, t(8), t(15));
///     let mut next = || { let next = ticks.next(); ticks.advance(); next };
///     ([next(), next(), next()], missed)
/// };
/// assert_eq!(ticks(CatchUp::EachInterval), ([t(10), t(12), t(14)], 3));
/// assert_eq!(ticks(CatchUp::Coalesce), ([t(12), t(14), t(16)], 3), "a slide of six seconds ends at 12");
/// assert_eq!(ticks(CatchUp::Skip), ([t(16), t(18), t(20)], 3));
/// ```
pub fn ticks_after(way: CatchUp, grid: Grid<'_>, last: Time, now: Time) -> (Ticks, u64) {
    let Grid { zero, interval, slides } = grid;
    let after_last = last.floor_from(interval, zero) + interval;
    let latest = now.max(last).floor_from(interval, zero);
    if latest < after_last {
        return (Ticks::from(after_last, interval), 0);
    }
    let missed = latest.since(after_last).as_millis() / interval.as_millis().max(1) + 1;
    let ticks = match way {
        CatchUp::EachInterval => Ticks::from(after_last, interval),
        CatchUp::Coalesce => {
            let longer = slides.iter().filter(|slide| **slide > interval);
            let ends: BTreeSet<Time> = longer.map(|slide| last.floor_from(*slide, zero) + *slide).collect();
            let early = ends.into_iter().take_while(|end| *end < latest).collect();
            Ticks { early, ..Ticks::from(latest, interval) }
        }
        CatchUp::Skip => Ticks::from(latest + interval, interval),
    };
    (ticks, u64::try_from(missed).unwrap_or(u64::MAX))
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
            interval in 1..5000u64, zero in 0..10_000i64, last in 0..500u64, down in 0..1_000_000i64, slide in 1..5u32,
        ) {
            let (zero, interval) = (Time::from_millis(zero), Duration::from_millis(interval));
            let last = zero + interval * u32::try_from(last).unwrap();
            let now = Time::from_millis(last.millis() + down);
            for way in [CatchUp::EachInterval, CatchUp::Coalesce, CatchUp::Skip] {
                let slides = BTreeSet::from([interval, interval * slide]);
                let (mut ticks, missed) = ticks_after(way, Grid { zero, interval, slides: &slides }, last, now);
                let first = ticks.next();
                prop_assert!(first > last && first.since(zero).as_millis() % interval.as_millis() == 0);
                let expected = u128::try_from(down).unwrap() / interval.as_millis();
                prop_assert_eq!(u128::from(missed), expected);
                let comes_at_once = first <= now;
                prop_assert_eq!(comes_at_once, missed > 0 && way != CatchUp::Skip);
                let mut before = last;
                for _ in 0..3 {
                    let next = ticks.next();
                    prop_assert!(next > before && next.since(zero).as_millis() % interval.as_millis() == 0);
                    before = next;
                    ticks.advance();
                }
                // What was done before the pause is in the slide that it is in.
                let end = last.floor_from(interval * slide, zero) + interval * slide;
                let ticks = ticks_after(way, Grid { zero, interval, slides: &slides }, last, now).0;
                let comes = end > now || ticks.next() == end || ticks.regular == end || ticks.early.contains(&end);
                prop_assert!(comes || slide == 1 || way != CatchUp::Coalesce);
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_waits_for_the_batch_after_the_last() {
        let grid = Grid { zero: t(0), interval: seconds(1), slides: &BTreeSet::new() };
        assert_eq!(ticks_after(CatchUp::Coalesce, grid, t(50), t(20)), (Ticks::from(t(51), seconds(1)), 0));
    }
}
