//! `combine_by_key`: the values of each key folded into one combined value. The other reductions are made of it.

use super::Shuffle;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use foldhash::fast::FixedState;
use indexmap::IndexMap;
use indexmap::map::Entry;
use std::sync::Arc;
use waterwheel_runtime::codec::CodecError;
use waterwheel_runtime::site::Site;

/// How values become a combined value: the three functions of `combine_by_key`.
pub(crate) struct Combiner<Create, MergeValue, MergeCombiners> {
    pub(crate) create: Create,
    pub(crate) merge_value: MergeValue,
    pub(crate) merge_combiners: MergeCombiners,
}

/// Keys in the order of their first appearance, so that a result does not depend on hash values. A value is taken out while
/// it is merged, hence the `Option`.
type Table<K, C> = IndexMap<K, Option<C>, FixedState>;

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
        let combiner = Combiner { create, merge_value, merge_combiners };
        self.combine_at(Site::here("combine_by_key"), Arc::new(combiner), partitioner.into())
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
        let map = move |input: &crate::rdd::Input<'_, (K, V)>, task: &waterwheel_runtime::stage::TaskContext| {
            let mut table = Table::default();
            input.each(task, |chunk| {
                Ok(task.run(site, chunk.len(), || {
                    for (key, value) in chunk.drain(..) {
                        add_value(&mut table, key, value, &combiner);
                    }
                })?)
            })?;
            Ok(split(finish(table), &partitioner).map_err(|error| task.failed(site, error))?)
        };
        let reduce = move |buckets: Vec<Vec<(K, C)>>, task: &waterwheel_runtime::stage::TaskContext| {
            let records = buckets.iter().map(Vec::len).sum();
            let most = buckets.iter().map(Vec::len).max().unwrap_or(0);
            task.run(site, records, || {
                let mut table = Table::with_capacity_and_hasher(most, FixedState::default());
                for (key, combined) in buckets.into_iter().flatten() {
                    match table.entry(key) {
                        Entry::Vacant(vacant) => drop(vacant.insert(Some(combined))),
                        Entry::Occupied(mut known) => {
                            let known = known.get_mut();
                            *known = match known.take() {
                                Some(before) => Some((theirs.merge_combiners)(before, combined)),
                                None => Some(combined),
                            };
                        }
                    }
                }
                finish(table)
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
            let mut table = Table::default();
            input.each(task, |chunk| {
                Ok(task.run(site, chunk.len(), || {
                    for (key, value) in chunk.drain(..) {
                        add_value(&mut table, key, value, &combiner);
                    }
                })?)
            })?;
            out.push(&mut finish(table))
        })
    }
}

fn add_value<K: Key, V, C, A, B, D>(table: &mut Table<K, C>, key: K, value: V, combiner: &Combiner<A, B, D>)
where
    A: Fn(V) -> C,
    B: Fn(C, V) -> C,
{
    match table.entry(key) {
        Entry::Vacant(vacant) => drop(vacant.insert(Some((combiner.create)(value)))),
        Entry::Occupied(mut known) => {
            let known = known.get_mut();
            *known = Some(match known.take() {
                Some(before) => (combiner.merge_value)(before, value),
                None => (combiner.create)(value),
            });
        }
    }
}

fn finish<K, C>(table: Table<K, C>) -> Vec<(K, C)> {
    table.into_iter().filter_map(|(key, combined)| Some((key, combined?))).collect()
}

/// Sorts records into the buckets of their keys.
pub(crate) fn split<K: Key, C>(records: Vec<(K, C)>, partitioner: &Partitioner<K>) -> Result<Vec<Vec<(K, C)>>, CodecError> {
    let targets = partitioner.partitions();
    if targets == 1 {
        return Ok(vec![records]);
    }
    // A little more than an even share, so that most buckets never grow.
    let share = records.len() / targets + records.len() / (8 * targets);
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
