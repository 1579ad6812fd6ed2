//! What is still needed once a batch is done: the arithmetic of windows and `remember`, without any data.
//!
//! Every node of a graph says which datasets of which other nodes it reads. From that follows, for every batch that is done,
//! the oldest dataset of each node that anything can still ask for: a window that slides over it, something that is made of
//! such a window, or a user within `remember`. What is older is forgotten at once.

use crate::ids::StreamId;
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// How one node reads another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The node that is read: its position in the graph, before that of the reader.
    pub node: usize,
    /// The reader's dataset of time t is made of the other's datasets after t - `reach`, up to t. A reader that only wants
    /// the dataset of its own time reaches as far as the other one slides.
    pub reach: Duration,
}

/// A node, as far as retention is concerned.
#[derive(Debug, Clone, Default)]
pub struct NodeNeeds {
    /// It has datasets at zero time + n x slide.
    pub slide: Duration,
    /// What it is made of.
    pub uses: Vec<Use>,
    /// The receiver stream whose blocks it is, if it is one.
    pub stream: Option<StreamId>,
    /// Whether an output depends on it.
    pub wanted: bool,
}

/// What each node of a graph needs of the others.
///
/// ```
/// use waterwheel_runtime::batch::{NodeNeeds, Retention, Use};
/// use waterwheel_runtime::time::{Time, seconds};
///
/// let input = NodeNeeds { slide: seconds(1), wanted: true, ..NodeNeeds::default() };
/// let uses = vec![Use { node: 0, reach: seconds(4) }];
/// let window = NodeNeeds { slide: seconds(2), uses, wanted: true, ..NodeNeeds::default() };
/// let retention = Retention { zero: Time::ZERO, remember: seconds(0), nodes: vec![input, window] };
///
/// let t = |seconds: i64| Time::from_millis(seconds * 1000);
/// let forgotten = retention.cutoffs(t(6));
/// // The next window is that of 8 s; it holds the batches 5, 6, 7 and 8. That of 6 s is read by nobody any more.
/// assert_eq!(forgotten.nodes, [t(4), t(6)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Retention {
    /// Batches are at zero + n x interval.
    pub zero: Time,
    /// How long everything is kept in any case.
    pub remember: Duration,
    /// The nodes, each after those that it uses.
    pub nodes: Vec<NodeNeeds>,
}

/// Up to which time the datasets of each node are needed no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// The batch that is done; no cutoff is later.
    pub done: Time,
    /// By node.
    pub nodes: Vec<Time>,
    /// By receiver stream; those that are not here are cut off at `done`.
    pub streams: BTreeMap<StreamId, Time>,
}

impl Cutoffs {
    /// Up to which time the datasets of `node` are needed no more.
    pub fn of_node(&self, node: usize) -> Time {
        self.nodes.get(node).copied().unwrap_or(self.done)
    }
}

impl Retention {
    /// What may be forgotten once the batch `done`, and every one before it, is done.
    pub fn cutoffs(&self, done: Time) -> Cutoffs {
        let remembered = done - self.remember;
        let start = |node: &NodeNeeds| if node.wanted { remembered } else { done };
        let mut nodes: Vec<Time> = self.nodes.iter().map(start).collect();
        // Readers come after what they read, so that every cutoff is final before it is passed on.
        for (index, node) in self.nodes.iter().enumerate().rev().filter(|(_, node)| node.wanted) {
            let Some(cutoff) = nodes.get(index).copied() else { continue };
            let next = self.first_after(cutoff, node.slide);
            for used in &node.uses {
                if let Some(theirs) = nodes.get_mut(used.node) {
                    *theirs = (*theirs).min(next - used.reach);
                }
            }
        }
        let stream = |(node, cutoff): (&NodeNeeds, &Time)| node.stream.map(|stream| (stream, *cutoff));
        let streams = self.nodes.iter().zip(&nodes).filter_map(stream).collect();
        Cutoffs { done, nodes, streams }
    }

    /// The first time after `time` at which a node that slides by `slide` has a dataset.
    fn first_after(&self, time: Time, slide: Duration) -> Time {
        time.max(self.zero).floor_from(slide, self.zero) + slide
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

    fn node(slide: u64, uses: &[(usize, u64)]) -> NodeNeeds {
        let uses = uses.iter().map(|(node, reach)| Use { node: *node, reach: seconds(*reach) }).collect();
        NodeNeeds { slide: seconds(slide), uses, stream: None, wanted: true }
    }

    fn retention(remember: u64, nodes: Vec<NodeNeeds>) -> Retention {
        Retention { zero: Time::ZERO, remember: seconds(remember), nodes }
    }

    #[test]
    fn without_windows_nothing_of_a_done_batch_is_needed() {
        let chain = retention(0, vec![node(1, &[]), node(1, &[(0, 1)])]);
        assert_eq!(chain.cutoffs(t(7)).nodes, [t(7), t(7)]);
    }

    #[test]
    fn a_window_keeps_what_its_next_slide_reads_and_no_more() {
        let sliding = retention(0, vec![node(1, &[]), node(1, &[(0, 3)])]);
        assert_eq!(sliding.cutoffs(t(7)).nodes, [t(5), t(7)], "the window at 8 reads 6, 7 and 8");
        let tumbling = retention(0, vec![node(1, &[]), node(3, &[(0, 3)])]);
        assert_eq!(tumbling.cutoffs(t(6)).nodes, [t(6), t(6)], "the window at 9 reads nothing that has been");
        assert_eq!(tumbling.cutoffs(t(7)).nodes, [t(6), t(7)]);
        let sparse = retention(0, vec![node(1, &[]), node(3, &[(0, 2)])]);
        assert_eq!(sparse.cutoffs(t(7)).nodes, [t(7), t(7)], "the window at 9 reads 8 and 9: 7 is in none");
    }

    /// Spark's test "rdd cleanup - map and window" keeps the window lengths in full: up to one slide more than is read.
    #[test]
    fn windows_of_windows_and_remember_add_up() {
        let nodes = vec![node(1, &[]), node(1, &[(0, 1)]), node(1, &[(1, 2)]), node(2, &[(2, 4)])];
        let cutoffs = retention(3, nodes).cutoffs(t(10));
        assert_eq!(cutoffs.nodes[3], t(7), "the datasets of 10 and 8");
        assert_eq!(cutoffs.nodes[2], t(4), "that of 8 reads 5, 6, 7 and 8");
        assert_eq!(cutoffs.nodes[1], t(3), "that of 5 reads 4 and 5");
        assert_eq!(cutoffs.nodes[0], t(3));
    }

    #[test]
    fn what_no_output_reads_is_not_kept_by_windows_over_it() {
        let mut idle = node(1, &[(0, 60)]);
        idle.wanted = false;
        let mut input = node(1, &[]);
        input.stream = Some(StreamId(4));
        let cutoffs = retention(5, vec![input, idle]).cutoffs(t(9));
        assert_eq!((cutoffs.nodes, cutoffs.streams), (vec![t(4), t(9)], BTreeMap::from([(StreamId(4), t(4))])));
    }

    #[test]
    fn nothing_is_cut_off_before_it_was() {
        let sliding = retention(0, vec![node(1, &[]), node(1, &[(0, 30)])]);
        assert_eq!(sliding.cutoffs(t(2)).nodes, [t(-27), t(2)]);
    }

    /// The graph of the property test: node 0 is an input, every other reads one or two before it.
    fn graphs() -> impl Strategy<Value = Vec<NodeNeeds>> {
        let reader = (0..64usize, 0..64usize, 1..5u64, 1..4u64, any::<bool>());
        proptest::collection::vec(reader, 1..6).prop_map(|readers| {
            let mut nodes = vec![node(1, &[])];
            for (first, second, length, slide, same) in readers {
                let count = nodes.len();
                let (first, second) = (first % count, second % count);
                let theirs = nodes[first].slide;
                let reader = match same {
                    true => NodeNeeds { slide: theirs, uses: vec![Use { node: first, reach: theirs }], ..node(1, &[]) },
                    false => {
                        let slide = theirs * u32::try_from(slide).unwrap();
                        let reach = theirs * u32::try_from(length).unwrap();
                        let mut uses = vec![Use { node: first, reach }];
                        if nodes[second].slide == theirs {
                            uses.push(Use { node: second, reach: theirs });
                        }
                        NodeNeeds { slide, uses, ..node(1, &[]) }
                    }
                };
                nodes.push(reader);
            }
            nodes
        })
    }

    /// Every (node, time) that computing `time` of `node` reads.
    fn reads(nodes: &[NodeNeeds], node: usize, time: Time, seen: &mut std::collections::BTreeSet<(usize, Time)>) {
        if time <= Time::ZERO || !time.is_multiple_of(nodes[node].slide) || !seen.insert((node, time)) {
            return;
        }
        for used in &nodes[node].uses {
            let slide = nodes[used.node].slide;
            let first = (time - used.reach).floor_from(slide, Time::ZERO) + slide;
            first.to(time, slide).for_each(|theirs| reads(nodes, used.node, theirs, seen));
        }
    }

    proptest! {
        /// B-8
        #[test]
        fn oracle_what_is_kept_is_exactly_what_later_batches_read(nodes in graphs(), done in 1..20i64) {
            let last = nodes.len() - 1;
            let mut needed = std::collections::BTreeSet::new();
            for later in done + 1..done + 60 {
                (0..=last).for_each(|node| reads(&nodes, node, t(later), &mut needed));
            }
            let cutoffs = retention(0, nodes.clone()).cutoffs(t(done));
            for (node, cutoff) in cutoffs.nodes.iter().enumerate() {
                let oldest = needed.iter().filter(|(other, time)| *other == node && *time <= t(done)).map(|(_, time)| *time).min();
                let kept = t(1).to(t(done), seconds(1)).find(|time| time > cutoff && time.is_multiple_of(nodes[node].slide));
                prop_assert_eq!(kept, oldest, "node {} after {}", node, done);
            }
        }
    }
}
