//! `combine_by_key`: the values of each key folded into one combined value. The other reductions are made of it.

use super::Shuffle;
use super::table::CombineTable;
use crate::rdd::{Flow, Input, Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_runtime::codec::CodecError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// How values become a combined value: the three functions of `combine_by_key`, and what was learnt of the keys.
///
/// A stream makes one and uses it for every batch.
pub(crate) struct Combiner<Create, MergeValue, MergeCombiners> {
    create: Create,
    merge_value: MergeValue,
    merge_combiners: MergeCombiners,
    mapped: KeysSeen,
    reduced: KeysSeen,
}

impl<A, B, D> Combiner<A, B, D> {
    pub(crate) fn new(create: A, merge_value: B, merge_combiners: D) -> Arc<Combiner<A, B, D>> {
        let (mapped, reduced) = (KeysSeen::default(), KeysSeen::default());
        Arc::new(Combiner { create, merge_value, merge_combiners, mapped, reduced })
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Folds the values of each key: `create` makes a combined value of the first, `merge_value` adds another, and
    /// `merge_combiners` joins what different partitions made. Values are combined before they are shuffled.
    ///
    /// The result has `partitioner` (a number of partitions will do); keys come in the order of their first appearance by
    /// (partition, position).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let marks = engine.parallelize([("ada", 1.0), ("bob", 2.0), ("ada", 3.0)], 2);
    /// let sums = marks.combine_by_key(|v| (v, 1), |(sum, n), v| (sum + v, n + 1), |a, b| (a.0 + b.0, a.1 + b.1), 1);
    /// assert_eq!(sums.collect()?, [("ada", (4.0, 2)), ("bob", (2.0, 1))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn combine_by_key<C: Record>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, C)> {
        let combiner = Combiner::new(create, merge_value, merge_combiners);
        self.combine_at(Site::here("combine_by_key"), combiner, partitioner.into())
    }

    pub(crate) fn combine_at<C: Record, A, B, D>(
        &self,
        site: Site,
        combiner: Arc<Combiner<A, B, D>>,
        partitioner: Partitioner<K>,
    ) -> Rdd<(K, C)>
    where
        A: Fn(V) -> C + Send + Sync + 'static,
        B: Fn(C, V) -> C + Send + Sync + 'static,
        D: Fn(C, C) -> C + Send + Sync + 'static,
    {
        if self.node().partitioner() == Some(partitioner.id()) {
            return self.combine_in_place(site, combiner);
        }
        let (theirs, targets, id) = (combiner.clone(), partitioner.partitions(), partitioner.id());
        let map = move |input: &Input<'_, (K, V)>, task: &TaskContext| {
            let mut table = combiner.mapped.table();
            gather(&mut table, input, task, site, &combiner)?;
            combiner.mapped.saw(table.len());
            Ok(split(table.len(), table.into_records(), &partitioner).map_err(|error| task.failed(site, error))?)
        };
        let reduce = move |buckets: Vec<Vec<(K, C)>>, task: &TaskContext| {
            let records = buckets.iter().map(Vec::len).sum();
            task.run(site, records, || {
                let mut table = theirs.reduced.table();
                for (key, combined) in buckets.into_iter().flatten() {
                    table.add(key, combined, |combined| combined, |a, b| (theirs.merge_combiners)(a, b));
                }
                theirs.reduced.saw(table.len());
                table.into_records().collect()
            })
        };
        Shuffle { site, targets, partitioner: Some(id), map, reduce }.of(self)
    }

    /// Every value of a key is in one partition already: no shuffle.
    fn combine_in_place<C: Record, A, B, D>(&self, site: Site, combiner: Arc<Combiner<A, B, D>>) -> Rdd<(K, C)>
    where
        A: Fn(V) -> C + Send + Sync + 'static,
        B: Fn(C, V) -> C + Send + Sync + 'static,
        D: Send + Sync + 'static,
    {
        self.narrow(true, move |input, task, out| {
            let mut table = combiner.mapped.table();
            gather(&mut table, input, task, site, &combiner)?;
            combiner.mapped.saw(table.len());
            out.push(&mut table.into_records().collect())
        })
    }
}

/// How many keys the last task met, so that the next one starts with a table of that size.
#[derive(Default)]
struct KeysSeen(AtomicUsize);

impl KeysSeen {
    fn table<K: Key, C>(&self) -> CombineTable<K, C> {
        CombineTable::with_capacity(self.0.load(Ordering::Relaxed))
    }

    fn saw(&self, keys: usize) {
        // A little more: the next task's keys are rarely fewer.
        self.0.store(keys + keys / 16, Ordering::Relaxed);
    }
}

/// Combines all records of a partition.
fn gather<K: Key, V: Data, C, A, B, D>(
    table: &mut CombineTable<K, C>,
    input: &Input<'_, (K, V)>,
    task: &TaskContext,
    site: Site,
    combiner: &Combiner<A, B, D>,
) -> Flow
where
    A: Fn(V) -> C,
    B: Fn(C, V) -> C,
{
    input.each(task, |chunk| {
        Ok(task.run(site, chunk.len(), || {
            for (key, value) in chunk.drain(..) {
                table.add(key, value, &combiner.create, &combiner.merge_value);
            }
        })?)
    })
}

/// Sorts records into the buckets of their keys.
pub(crate) fn split<K: Key, C>(
    length: usize,
    records: impl Iterator<Item = (K, C)>,
    partitioner: &Partitioner<K>,
) -> Result<Vec<Vec<(K, C)>>, CodecError> {
    let targets = partitioner.partitions();
    if targets == 1 {
        return Ok(vec![records.collect()]);
    }
    // A little more than an even share, so that most buckets never grow.
    let share = length / targets + length / (8 * targets);
    let mut buckets: Vec<Vec<(K, C)>> = (0..targets).map(|_| Vec::with_capacity(share)).collect();
    let mut scratch = Vec::new();
    for record in records {
        let target = partitioner.partition(&record.0, &mut scratch)?;
        if let Some(bucket) = buckets.get_mut(target) {
            bucket.push(record);
        }
    }
    Ok(buckets)
}
