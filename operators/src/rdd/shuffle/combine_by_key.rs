//! `combine_by_key`: the values of each key folded into one combined value. The other reductions are made of it.

use super::Shuffle;
use super::route::{split, split_input};
use super::table::CombineTable;
use crate::rdd::{Flow, Input, Partitioner, Rdd, Sink, Stop, take};
use crate::record::{Data, Key, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// let marks = [("ada", 1.0), ("bob", 2.0), ("ada", 3.0)].map(|(name, mark)| (name.to_owned(), mark));
    /// let marks = engine.parallelize(marks, 2);
    /// let sums = marks.combine_by_key(|v| (v, 1), |(sum, n), v| (sum + v, n + 1), |a, b| (a.0 + b.0, a.1 + b.1), 1);
    /// assert_eq!(sums.collect()?, [("ada".to_owned(), (4.0, 2)), ("bob".to_owned(), (2.0, 1))]);
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

    /// [`combine_by_key`](Rdd::combine_by_key) that may leave out combining before the shuffle. Without it the values of a
    /// key are merged one by one, ordered by (partition, position), and `merge_combiners` is never called. Worth it when
    /// combining makes nothing smaller, as when values are gathered in lists.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let visits = engine.parallelize([(1, 'a'), (2, 'b'), (1, 'c')], 2);
    /// let paths = visits.combine_by_key_with(String::from, |path, place| format!("{path}>{place}"), |a, b| a + &b, 1, false);
    /// assert_eq!(paths.collect()?, [(1, "a>c".to_owned()), (2, "b".to_owned())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn combine_by_key_with<C: Record>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
        map_side_combine: bool,
    ) -> Rdd<(K, C)>
    where
        V: Record,
    {
        let site = Site::here("combine_by_key_with");
        let combiner = Combiner::new(create, merge_value, merge_combiners);
        if map_side_combine {
            self.combine_at(site, combiner, partitioner.into())
        } else {
            self.gather_at(site, combiner, partitioner.into())
        }
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
            let combined = combine_input(site, &combiner, input, task)?;
            // The records are counted already; the partitioner's function is the user's.
            let buckets = task.run(site, 0, || split(combined, &partitioner))?;
            Ok(buckets.map_err(|error| task.failed(site, error))?)
        };
        let reduce = move |buckets: Vec<Vec<(K, C)>>, task: &TaskContext| {
            let records = buckets.iter().map(Vec::len).sum();
            task.run(site, records, || {
                let mut table = theirs.reduced.table_for(records);
                for mut bucket in buckets {
                    take(&mut bucket).for_each(|(key, combined)| {
                        table.add(key, combined, |combined| combined, |a, b| (theirs.merge_combiners)(a, b));
                    });
                }
                theirs.reduced.records_of(table)
            })
        };
        Shuffle { site, targets, partitioner: Some(id), map, reduce }.of(self)
    }

    /// [`combine_at`](Rdd::combine_at), but the values are shuffled as they are.
    pub(crate) fn gather_at<C: Record, A, B, D>(
        &self,
        site: Site,
        combiner: Arc<Combiner<A, B, D>>,
        partitioner: Partitioner<K>,
    ) -> Rdd<(K, C)>
    where
        V: Record,
        A: Fn(V) -> C + Send + Sync + 'static,
        B: Fn(C, V) -> C + Send + Sync + 'static,
        D: Send + Sync + 'static,
    {
        if self.node().partitioner() == Some(partitioner.id()) {
            return self.combine_in_place(site, combiner);
        }
        let (targets, id) = (partitioner.partitions(), partitioner.id());
        let map = move |input: &Input<'_, (K, V)>, task: &TaskContext| split_input(site, &partitioner, input, task);
        let reduce = move |buckets: Vec<Vec<(K, V)>>, task: &TaskContext| {
            let records = buckets.iter().map(Vec::len).sum();
            task.run(site, records, || {
                let mut table = combiner.reduced.table_for(records);
                for mut bucket in buckets {
                    take(&mut bucket).for_each(|(key, value)| {
                        table.add(key, value, &combiner.create, &combiner.merge_value);
                    });
                }
                combiner.reduced.records_of(table)
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
        self.narrow(true, move |input, task, out| out.push(&mut combine_input(site, &combiner, input, task)?))
    }
}

/// The combined values of one partition.
fn combine_input<K: Key, V: Data, C, A, B, D>(
    site: Site,
    combiner: &Combiner<A, B, D>,
    input: &Input<'_, (K, V)>,
    task: &TaskContext,
) -> Result<Vec<(K, C)>, Stop>
where
    A: Fn(V) -> C,
    B: Fn(C, V) -> C,
{
    let mut combining = Combining { site, task, combiner, table: combiner.mapped.table() };
    input.push_into(task, &mut combining)?;
    Ok(combiner.mapped.records_of(combining.table))
}

/// Combines records as they come.
struct Combining<'a, K, C, A, B, D> {
    site: Site,
    task: &'a TaskContext,
    combiner: &'a Combiner<A, B, D>,
    table: CombineTable<K, C>,
}

impl<K: Key, V: Data, C, A, B, D> Sink<(K, V)> for Combining<'_, K, C, A, B, D>
where
    A: Fn(V) -> C,
    B: Fn(C, V) -> C,
{
    fn push(&mut self, chunk: &mut Vec<(K, V)>) -> Flow {
        let Combining { table, combiner, .. } = self;
        Ok(self.task.run(self.site, chunk.len(), || {
            take(chunk).for_each(|(key, value)| table.add(key, value, &combiner.create, &combiner.merge_value));
        })?)
    }

    /// Records that are kept somewhere: a key that is known already need not be copied.
    fn push_shared(&mut self, chunk: &[(K, V)]) -> Flow {
        let Combining { table, combiner, .. } = self;
        Ok(self.task.run(self.site, chunk.len(), || {
            for (key, value) in chunk {
                table.add_shared(key, value.clone(), &combiner.create, &combiner.merge_value);
            }
        })?)
    }
}

/// How many keys the last task met, so that the next one starts with a table of that size.
#[derive(Default)]
struct KeysSeen(AtomicUsize);

impl KeysSeen {
    fn table<K: Key, C>(&self) -> CombineTable<K, C> {
        CombineTable::with_capacity(self.0.load(Ordering::Relaxed))
    }

    /// A table for at most `records` records: a task without any costs no table and teaches nothing.
    fn table_for<K: Key, C>(&self, records: usize) -> CombineTable<K, C> {
        CombineTable::with_capacity(self.0.load(Ordering::Relaxed).min(records))
    }

    /// What the table holds. Remembers a little more than its size: the next task's keys are rarely fewer.
    fn records_of<K: Key, C>(&self, table: CombineTable<K, C>) -> Vec<(K, C)> {
        if table.len() == 0 {
            return Vec::new();
        }
        self.0.store(table.len() + table.len() / 16, Ordering::Relaxed);
        table.into_records().collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How often `merge_combiners` is called, and what comes out.
    fn merges(map_side_combine: bool) -> (usize, Vec<(u8, Vec<u8>)>) {
        let engine = Engine::local(2).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let pairs = engine.parallelize([(1, 10), (2, 20), (1, 11), (1, 12)], 2);
        let merge = move |a: Vec<u8>, b| {
            counted.fetch_add(1, Ordering::Relaxed);
            [a, b].concat()
        };
        let lists =
            pairs.combine_by_key_with(|v| vec![v], |list, v| [list, vec![v]].concat(), merge, 1, map_side_combine);
        (lists.collect().map(|lists| (calls.load(Ordering::Relaxed), lists))).unwrap()
    }

    #[test]
    fn combining_before_the_shuffle_or_not_gives_the_same_lists() {
        let lists = vec![(1, vec![10, 11, 12]), (2, vec![20])];
        assert_eq!(merges(true), (1, lists.clone()));
        assert_eq!(merges(false), (0, lists));
    }

    #[test]
    fn values_that_are_together_already_are_not_shuffled() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1), (2, 2), (1, 3)], 2).partition_by(4);
        let held = engine.snapshot().unwrap().shuffles;
        assert_eq!(held, 0, "nothing has run yet");
        let sums = parted.reduce_by_key_with(|a, b| a + b, 4).group_by_key_with(4);
        let mut found = sums.collect().unwrap();
        found.sort();
        assert_eq!(found, [(1, vec![4]), (2, vec![2])]);
        assert_eq!(engine.snapshot().unwrap().shuffles, 1, "that of partition_by");
    }
}
