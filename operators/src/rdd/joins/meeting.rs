//! Where the keys of two datasets meet.

use crate::rdd::key_table::KeyTable;
use crate::rdd::{Flow, Input, Partitioner, Rdd, Sink, take};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// A side's partitions may be this many times fewer than those of the larger side before its partitioner is given up.
const TOO_FEW: usize = 10;

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// The partitioner for meeting `other`, if none was asked for. Spark's rule: that of the side which has one, the one with
    /// more partitions if both have (this side's if they have equally many). One that would put everything into far fewer
    /// partitions than the larger side has, and than `default_parallelism` says, is not used.
    pub(super) fn meeting_place<W: Data>(&self, other: &Rdd<(K, W)>) -> Partitioner<K> {
        let of = |id| Partitioner::of(&id);
        let known = [self.node().partitioner().and_then(of), other.node().partitioner().and_then(of)];
        let best = known.into_iter().flatten().reduce(|a, b| if b.partitions() > a.partitions() { b } else { a });
        let largest = self.num_partitions().max(other.num_partitions());
        let default = self.scope().parallelism();
        best.filter(|best| largest < TOO_FEW * best.partitions() || default <= best.partitions())
            .unwrap_or_else(|| Partitioner::hash(default))
    }

    /// The dataset whose partition p is computed from partition p of both sides, each moved to where `partitioner` says.
    pub(super) fn meet<W: Record, T: Data>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Partitioner<K>,
        compute: impl Fn(&Input<'_, (K, V)>, &Input<'_, (K, W)>, &TaskContext, &mut dyn Sink<(K, T)>) -> Flow
        + Send
        + Sync
        + 'static,
    ) -> Rdd<(K, T)>
    where
        V: Record,
    {
        let id = Some(partitioner.id());
        let this = self.partition_by_at(site, partitioner.clone());
        this.beside(&other.partition_by_at(site, partitioner), id, compute)
    }
}

/// Adds the records of a side to a table; those that stay with their owner are copied no more than needed.
pub(super) struct Gather<'a, K, C, Add> {
    pub(super) site: Site,
    pub(super) task: &'a TaskContext,
    pub(super) table: &'a mut KeyTable<K, C>,
    /// Adds a value to what the table has of its key.
    pub(super) add: Add,
}

impl<K: Key, V: Data, C: Default, Add: Fn(&mut C, V)> Sink<(K, V)> for Gather<'_, K, C, Add> {
    fn push(&mut self, chunk: &mut Vec<(K, V)>) -> Flow {
        let Gather { site, task, table, add } = self;
        Ok(task.run(*site, chunk.len(), || {
            take(chunk).for_each(|(key, value)| table.update(key, |key| key, C::default, |all| add(all, value)));
        })?)
    }

    fn push_shared(&mut self, chunk: &[(K, V)]) -> Flow {
        let Gather { site, task, table, add } = self;
        Ok(task.run(*site, chunk.len(), || {
            chunk
                .iter()
                .for_each(|(key, value)| table.update(key, K::clone, C::default, |all| add(all, value.clone())));
        })?)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn numbers(engine: &Engine, partitions: usize) -> Rdd<(u32, u32)> {
        engine.parallelize((0..20).map(|n| (n % 7, n)), partitions)
    }

    #[test]
    fn keys_meet_where_the_side_with_more_partitions_has_them() {
        let engine = Engine::local(2).unwrap();
        let of = |partitions: usize| numbers(&engine, 3).partition_by(partitions);
        let place = |this: &Rdd<(u32, u32)>, that: &Rdd<(u32, u32)>| this.meeting_place(that).id();
        let hash = |partitions| Partitioner::<u32>::hash(partitions).id();
        assert_eq!(place(&of(3), &of(5)), hash(5));
        assert_eq!(place(&of(5), &of(3)), hash(5));
        assert_eq!(place(&numbers(&engine, 9), &of(3)), hash(3));
        assert_eq!(place(&numbers(&engine, 3), &numbers(&engine, 4)), hash(2));
        // Of a side that is far more spread out, everything would come into one partition.
        assert_eq!(place(&numbers(&engine, 10), &of(1)), hash(2));
        assert_eq!(place(&numbers(&engine, 9), &of(1)), hash(1));
        assert_eq!(place(&numbers(&engine, 30), &of(2)), hash(2));
    }

    #[test]
    fn a_partitioner_of_the_program_is_used_again() {
        let engine = Engine::local(1).unwrap();
        let by_key = Partitioner::custom(3, |key: &u32| *key as usize);
        let parted = numbers(&engine, 2).partition_by(by_key.clone());
        assert_eq!(numbers(&engine, 2).meeting_place(&parted).id(), by_key.id());
        let joined = numbers(&engine, 2).join(&parted);
        assert_eq!(joined.node().partitioner(), Some(by_key.id()));
        for (partition, records) in joined.glom().collect().unwrap().into_iter().enumerate() {
            assert!(!records.is_empty() && records.iter().all(|(key, _)| *key as usize % 3 == partition));
        }
    }

    #[test]
    fn sides_that_are_in_place_are_not_shuffled() {
        let engine = Engine::local(2).unwrap();
        let (this, that) = (numbers(&engine, 2).partition_by(3), numbers(&engine, 4).partition_by(3));
        let joined = this.map_values(|n| n + 1).join(&that.map_values(|n| n + 2)).cogroup(&this);
        assert_eq!(joined.count().unwrap(), 7);
        assert_eq!(engine.snapshot().unwrap().shuffles, 2, "those of partition_by");
        let joined = numbers(&engine, 2).join(&that);
        assert_eq!(joined.count().unwrap(), 58);
        assert_eq!(engine.snapshot().unwrap().shuffles, 3, "and that of the side which was not in place");
    }
}
