//! Reductions over windows that do not start afresh: a tree of partial reductions that neighbouring windows share.
//!
//! Every batch is reduced once. The reductions of two neighbouring units are merged into one of level 1, two of those into one
//! of level 2, and so on ([`spans`](super::spans) says which); a window is merged from the few spans that cover it. So a slide
//! costs the reduction of its own batch, on average one merge of two partial reductions, and the merge of about log2(n) spans
//! for a window of n units, not of n. Values are merged in order of time: `f` has to be associative, nothing else.
//!
//! Units are batches, or what is common to length and slide when that is longer. Every level is a stream of its own, so that it
//! is kept and forgotten as streams are.

use super::Windowing;
use super::spans::{Span, cover, levels};
use crate::dstream::DStream;
use crate::graph::{Batch, NodeId};
use crate::rdd::{Parallelize, Partitioner, Rdd, reducer};
use crate::record::{Key, Record};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Merges reductions of different times, given in order of time, each with one value per key.
pub(super) type Merge<K, V> = Arc<dyn Fn(Vec<Rdd<(K, V)>>) -> Option<Rdd<(K, V)>> + Send + Sync>;

/// Reduces the values of each key over windows of `batches`, whose datasets have one value per key and equal partitioners.
pub(super) fn reduce_windows<'c, K: Key, V: Record>(
    site: Site,
    batches: DStream<'c, (K, V)>,
    window: Windowing,
    f: Arc<dyn Fn(V, V) -> V + Send + Sync>,
    partitioner: Option<Partitioner<K>>,
) -> DStream<'c, (K, V)> {
    let context = batches.context();
    let merge = || merge(site, f.clone(), partitioner.clone());
    let unit = common(window.length, window.slide);
    let mut tree = Tree { unit, levels: vec![batches.node_id()] };
    if unit > window.step {
        let unit = Windowing { length: unit, slide: unit, step: window.step };
        tree.levels = vec![units(&batches, site, unit, merge()).node_id()];
    }
    // Windows that share nothing with the next one need no spans above the units.
    let shared = if window.slide < window.length { levels(multiple(window.length, unit)) } else { 0 };
    for level in 1..=shared {
        let Some(below) = tree.levels.last().copied() else { break };
        let merge = merge();
        let (half, whole) = (below.slide(), below.slide().saturating_mul(2));
        let compute = move |batch: &mut Batch<'_>| {
            let earlier = batch.dataset_at(below, batch.time() - half)?;
            Ok(merge(earlier.into_iter().chain(batch.dataset(below)?).collect()))
        };
        let stream = context.add_node(site, whole, vec![below.window(whole)], Box::new(compute));
        context.with_graph(|graph| {
            graph.keep_for_reuse(below);
            graph.part(stream.node_id(), &format!("level {level}"));
        });
        tree.levels.push(stream.node_id());
    }
    let mut uses = Vec::new();
    for node in &tree.levels {
        context.with_graph(|graph| graph.keep_for_reuse(*node));
        // A span is read when all of it lies in the window.
        uses.push(node.window(window.length.saturating_add(unit).saturating_sub(node.slide())));
    }
    let merge = merge();
    let compute = move |batch: &mut Batch<'_>| {
        let parts = tree.covering(batch, window.length)?;
        Ok(Some(merge(parts).unwrap_or_else(|| batch.inputs.scope.empty_rdd())))
    };
    context.add_node(site, window.slide, uses, Box::new(compute))
}

/// The reductions of the windows of `unit`, each merged from those of its batches.
pub(super) fn units<'c, K: Key, V: Record>(
    batches: &DStream<'c, (K, V)>,
    site: Site,
    unit: Windowing,
    merge: Merge<K, V>,
) -> DStream<'c, (K, V)> {
    let (context, parent) = (batches.context(), batches.node_id());
    let compute = move |batch: &mut Batch<'_>| {
        let mut parts = Vec::new();
        for time in unit.times(batch.zero(), batch.time()) {
            parts.extend(batch.dataset_at(parent, time)?);
        }
        Ok(merge(parts))
    };
    let stream = context.add_node(site, unit.slide, vec![parent.window(unit.length)], Box::new(compute));
    context.with_graph(|graph| {
        graph.keep_for_reuse(parent);
        graph.part(stream.node_id(), "units");
    });
    stream
}

pub(super) fn merge<K: Key, V: Record>(
    site: Site,
    f: Arc<dyn Fn(V, V) -> V + Send + Sync>,
    partitioner: Option<Partitioner<K>>,
) -> Merge<K, V> {
    // One for each use, since it remembers how many keys there were.
    let combiner = reducer(move |a, b| f(a, b));
    Arc::new(move |mut parts| {
        let rest = parts.split_off(parts.len().min(1));
        let first = parts.pop()?;
        if rest.is_empty() {
            return Some(first);
        }
        let partitioner = partitioner.clone().unwrap_or_else(|| Partitioner::hash(first.scope().parallelism()));
        Some(first.union_all(rest).combine_at(site, combiner.clone(), partitioner))
    })
}

/// The streams of partial reductions, by level; level 0 are the units.
struct Tree<K, V> {
    unit: Duration,
    levels: Vec<NodeId<(K, V)>>,
}

impl<K: Key, V: Record> Tree<K, V> {
    /// The partial reductions that make up the window of `length` at the batch's time, in order of time.
    fn covering(&self, batch: &mut Batch<'_>, length: Duration) -> Result<Vec<Rdd<(K, V)>>, JobError> {
        let (zero, time) = (batch.zero(), batch.time());
        let last = multiple(time.since(zero), self.unit);
        let first = (last + 1).saturating_sub(multiple(length, self.unit));
        let top = u32::try_from(self.levels.len().saturating_sub(1)).unwrap_or(0);
        let mut parts = Vec::new();
        for Span { level, last } in cover(first, last, top) {
            let end = Time::from_millis(zero.millis().saturating_add_unsigned(last * millis(self.unit)));
            if let Some(node) = self.levels.get(level as usize) {
                parts.extend(batch.dataset_at(*node, end)?);
            }
        }
        Ok(parts)
    }
}

/// The longest duration that both are multiples of.
pub(super) fn common(a: Duration, b: Duration) -> Duration {
    let (mut a, mut b) = (millis(a), millis(b));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Duration::from_millis(a)
}

/// How many of `unit` are in `duration`.
fn multiple(duration: Duration, unit: Duration) -> u64 {
    millis(duration) / millis(unit).max(1)
}

/// Batches are whole milliseconds long, and so are all multiples of them.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterwheel_runtime::time::{milliseconds, seconds};

    #[test]
    fn units_are_what_length_and_slide_have_in_common() {
        assert_eq!(common(seconds(30), seconds(10)), seconds(10));
        assert_eq!(common(seconds(3), seconds(2)), seconds(1));
        assert_eq!(common(milliseconds(2500), seconds(1)), milliseconds(500));
    }
}
