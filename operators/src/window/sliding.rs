//! The arithmetic of windows that slide with an inverse function: what enters and leaves, and when.
//!
//! Such a window slides by *units*: what length and slide have in common. At the end of every unit its reduction enters, and the
//! one that is as old as the window is long leaves, so that the reductions of single units are all that has to be kept, and none
//! is ever cut in two. A window whose slide is not shorter than its length shares nothing with the next one: a unit is the
//! window then, and what lies between two windows is in none.
//!
//! A unit may be missing: its batch was given up, or came while the program was down. It enters no window, and it does not leave
//! one; the next unit finds that more than one leaves at a time.

use super::Windowing;
use super::tree::common;
use std::time::Duration;
use waterwheel_runtime::time::{Interval, Time};

/// How a window slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sliding {
    /// Every how much time something enters and leaves.
    pub(super) unit: Duration,
    /// How much of the stream enters: what is after t - `covered`, up to t.
    pub(super) covered: Duration,
    /// How long a unit stays.
    length: Duration,
}

impl Sliding {
    pub(super) fn of(window: Windowing) -> Sliding {
        let Windowing { length, slide, .. } = window;
        let unit = if slide < length { common(length, slide) } else { slide };
        Sliding { unit, covered: unit.min(length), length }
    }

    /// The units, named by their ends, that leave when a window that was last at `last` slides to `time`.
    pub(super) fn leaving(self, last: Time, time: Time) -> Interval {
        Interval { begin: last - self.length, end: time - self.length }
    }

    /// How long a unit stays in the window.
    pub(super) fn length(self) -> Duration {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use waterwheel_runtime::time::seconds;

    fn sliding(length: u64, slide: u64) -> Sliding {
        Sliding::of(Windowing { length: seconds(length), slide: seconds(slide), step: seconds(1) })
    }

    fn t(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn a_unit_is_what_length_and_slide_have_in_common() {
        let units = |length, slide| {
            let sliding = sliding(length, slide);
            (sliding.unit.as_secs(), sliding.covered.as_secs())
        };
        assert_eq!(units(30, 10), (10, 10));
        assert_eq!(units(30, 20), (10, 10), "a unit of 20 s would leave in two halves");
        assert_eq!(units(3, 2), (1, 1));
        assert_eq!(units(2, 2), (2, 2), "the window itself");
        assert_eq!(units(2, 3), (3, 2), "the window itself, and nothing of what is between two");
    }

    #[test]
    fn what_leaves_has_been_in_the_window_as_long_as_that_is() {
        let window = sliding(30, 10);
        assert_eq!(window.leaving(t(40), t(50)), Interval { begin: t(10), end: t(20) }, "the unit that ended at 20 s");
        assert_eq!(window.leaving(t(40), t(70)), Interval { begin: t(10), end: t(40) }, "after two that are missing");
        assert_eq!(
            sliding(2, 3).leaving(t(3), t(6)),
            Interval { begin: t(1), end: t(4) },
            "the whole of the last window"
        );
    }

    proptest! {
        /// Batch n is the second that ends at n. Whatever units are missing, the window holds exactly its batches of those that
        /// are not.
        #[test]
        fn oracle_what_has_entered_and_not_left_is_in_the_window(
            length in 1..20u64, slide in 1..20u64, missing in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let sliding = sliding(length, slide);
            let length = i64::try_from(length).unwrap();
            let (unit, covered) = (sliding.unit.as_secs() as i64, sliding.covered.as_secs() as i64);
            let (mut kept, mut inside): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
            let mut last = 0;
            for (end, missing) in (1..).map(|n| n * unit).zip(missing) {
                if missing {
                    continue;
                }
                let leaving = sliding.leaving(t(last), t(end));
                let batches = |end: i64| (end - covered).max(0) + 1..=end;
                for left in kept.iter().copied().filter(|unit| leaving.contains(t(*unit))).flat_map(batches) {
                    let before = inside.len();
                    inside.retain(|batch| *batch != left);
                    prop_assert_eq!(inside.len() + 1, before, "batch {} leaves once", left);
                }
                inside.extend(batches(end));
                kept.push(end);
                let of_window = |batch: &i64| *batch > end - length;
                let expected: Vec<i64> = kept.iter().copied().flat_map(batches).filter(of_window).collect();
                prop_assert_eq!(&inside, &expected, "at {}", end);
                kept.retain(|unit| t(*unit) > t(end) - sliding.length());
                last = end;
            }
        }
    }
}
