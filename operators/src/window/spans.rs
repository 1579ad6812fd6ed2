//! The arithmetic of window trees: how a run of numbered units is covered by spans that other runs share.
//!
//! Units are numbered from 1. A *span* of level k ends at a multiple of 2^k and is 2^k units long; spans of one level lie end
//! to end from the first unit on, whatever window they are used for. A run of n units is covered by at most 2 log2(n) + 1 of
//! them, and a span is made of two of the level below: so a window that slides on by a unit needs few spans, and finds nearly
//! all of them made.

/// A span: its level and its last unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) level: u32,
    pub(super) last: u64,
}

/// How many levels above the units a run of `units` units can use.
pub(super) fn levels(units: u64) -> u32 {
    units.max(1).ilog2()
}

/// The fewest spans up to level `top` that are the units `first..=last`, in order.
pub(super) fn cover(first: u64, last: u64, top: u32) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut done = first.max(1) - 1;
    while done < last {
        // As long as its place in the order and what is left of the run allow.
        let aligned = if done == 0 { top } else { done.trailing_zeros() };
        let level = aligned.min((last - done).ilog2()).min(top);
        done += 1 << level;
        spans.push(Span { level, last: done });
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_run_is_covered_by_the_largest_spans_that_fit() {
        let span = |level, last| Span { level, last };
        assert_eq!(cover(1, 7, 9), [span(2, 4), span(1, 6), span(0, 7)]);
        assert_eq!(cover(3, 8, 9), [span(1, 4), span(2, 8)]);
        assert_eq!(cover(4, 5, 9), [span(0, 4), span(0, 5)]);
        assert_eq!(cover(1, 4, 1), [span(1, 2), span(1, 4)], "no higher than the top level");
        assert_eq!(cover(0, 2, 9), [span(1, 2)], "there is no unit 0");
        assert_eq!(cover(3, 2, 9), []);
    }

    proptest! {
        #[test]
        fn spans_are_aligned_lie_end_to_end_and_are_few(first in 1..5000u64, units in 1..700u64, top in 0..12u32) {
            let spans = cover(first, first + units - 1, top);
            let mut next = first;
            for span in &spans {
                prop_assert_eq!(span.last % (1 << span.level), 0);
                prop_assert_eq!(span.last + 1 - (1 << span.level), next);
                prop_assert!(span.level <= top);
                next = span.last + 1;
            }
            prop_assert_eq!(next, first + units);
            if top >= levels(units) {
                prop_assert!(spans.len() as u32 <= 2 * levels(units) + 1);
            }
        }
    }
}
