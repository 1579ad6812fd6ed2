//! When batches come: every interval, and after a pause some before that.

use super::resume::first_tick;
use crate::config::CatchUp;
use crate::time::Time;
use std::collections::BTreeSet;
use std::time::Duration;

/// The times of batches, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticks {
    /// Those before `regular`, with gaps.
    early: BTreeSet<Time>,
    /// From here on there is one every interval.
    regular: Time,
    interval: Duration,
}

impl Ticks {
    /// One every `interval`, from `first` on.
    pub fn new(first: Time, interval: Duration) -> Ticks {
        Ticks { early: BTreeSet::new(), regular: first, interval }
    }

    /// Those after a pause in which nothing ran, as [`first_tick`] says, and how many were missed.
    ///
    /// Where the missed ones become one, the next time of each of `slides` is not left out. What was committed since the window
    /// slid last is in no window yet, and would be in none whose slides do not overlap; a window with an inverse would never know it.
    /// Further slides would bring nothing: no batch was between.
    ///
    /// ```
    /// use waterwheel_runtime::batch::Ticks;
    /// use waterwheel_runtime::config::CatchUp;
    /// use waterwheel_runtime::time::{Time, seconds};
    ///
    /// let t = |seconds: i64| Time::from_millis(seconds * 1000);
    /// let (ticks, missed) = Ticks::after_a_pause(CatchUp::Coalesce, t(0), seconds(1), [seconds(3)], t(4), t(20));
    /// assert_eq!((ticks.first(), missed), (t(6), 16));
    /// assert_eq!((ticks.after(t(6)), ticks.after(t(20))), (t(20), t(21)));
    /// ```
    pub fn after_a_pause(
        way: CatchUp,
        zero: Time,
        interval: Duration,
        slides: impl IntoIterator<Item = Duration>,
        last: Time,
        now: Time,
    ) -> (Ticks, u64) {
        let (regular, missed) = first_tick(way, zero, interval, last, now);
        let ticks = Ticks::new(regular, interval);
        if way != CatchUp::Coalesce {
            return (ticks, missed);
        }
        let longer = slides.into_iter().filter(|slide| *slide > interval);
        let next = longer.map(|slide| last.floor_from(slide, zero) + slide);
        (Ticks { early: next.filter(|next| *next < regular).collect(), ..ticks }, missed)
    }

    /// How many come before those that come every interval, and the first of the latter.
    pub fn regular(&self) -> (usize, Time) {
        (self.early.len(), self.regular)
    }

    /// The first one.
    pub fn first(&self) -> Time {
        self.early.first().copied().unwrap_or(self.regular)
    }

    /// The one after `tick`.
    pub fn after(&self, tick: Time) -> Time {
        let early = self.early.iter().find(|early| **early > tick).copied();
        early.unwrap_or_else(|| if tick < self.regular { self.regular } else { tick + self.interval })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;
    use proptest::prelude::*;

    fn t(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    proptest! {
        #[test]
        fn the_next_slide_of_every_window_is_there_and_no_more(
            slides in proptest::collection::vec(1..9_u64, 0..4), last in 0..50_i64, down in 0..50_i64,
        ) {
            let durations = slides.iter().map(|slide| seconds(*slide));
            let (ticks, _) = Ticks::after_a_pause(CatchUp::Coalesce, t(0), seconds(1), durations, t(last), t(last + down));
            let all: Vec<Time> =
                std::iter::successors(Some(ticks.first()), |tick| Some(ticks.after(*tick))).take_while(|tick| *tick <= t(120)).collect();
            prop_assert!(all.is_sorted() && all.first() > Some(&t(last)));
            let regular = last + down.max(1);
            let expected = |second: i64| {
                let is_next = |slide: &u64| {
                    let slide = slide.cast_signed();
                    slide > 1 && second % slide == 0 && second - last <= slide
                };
                second >= regular || second > last && slides.iter().any(is_next)
            };
            prop_assert_eq!(all, (0..=120).filter(|second| expected(*second)).map(t).collect::<Vec<_>>());
        }
    }

    #[test]
    fn other_ways_have_no_gaps() {
        for way in [CatchUp::EachInterval, CatchUp::Skip] {
            let (ticks, _) = Ticks::after_a_pause(way, t(0), seconds(1), [seconds(3)], t(4), t(20));
            assert_eq!(ticks.after(ticks.first()), ticks.first() + seconds(1));
        }
    }
}
