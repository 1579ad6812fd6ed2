//! `cartesian`: every record with every record.

use crate::rdd::sink::push_iter;
use crate::rdd::{Flow, Input, Rdd, RddNode, Sink, take};
use crate::record::Data;
use std::iter::repeat_n;
use std::sync::Arc;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

impl<T: Data> Rdd<T> {
    /// Pairs every record with every record of `other`. There is a partition for every pair of partitions: first those of this
    /// dataset's first partition with each of `other`, then those of the second. Within one, the records of this dataset come in
    /// order, each with those of `other` in theirs.
    ///
    /// Every partition is computed once for each of the other dataset: [`persist`](Rdd::persist) what is dear to compute. A
    /// partition of `other` is held in memory.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let pairs = engine.parallelize([1, 2], 1).cartesian(&engine.parallelize(['a', 'b'], 1));
    /// assert_eq!(pairs.collect()?, [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn cartesian<U: Data>(&self, other: &Rdd<U>) -> Rdd<(T, U)> {
        let site = Site::here("cartesian");
        let id = self.scope().core().next_rdd();
        let node = Cartesian { id, site, this: self.node().clone(), that: other.node().clone() };
        Rdd::new(Arc::new(node), self.scope().clone())
    }
}

struct Cartesian<T, U> {
    id: RddId,
    site: Site,
    this: Arc<dyn RddNode<T>>,
    that: Arc<dyn RddNode<U>>,
}

impl<T, U> Cartesian<T, U> {
    /// The partitions of both parents that meet in `partition`. There is none if the other dataset has none.
    fn meeting(&self, partition: usize) -> (usize, usize) {
        let those = self.that.partitions().max(1);
        (partition / those, partition % those)
    }
}

impl<T: Data, U: Data> Lineage for Cartesian<T, U> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.this.partitions() * self.that.partitions()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        let (this, that) = self.meeting(partition);
        vec![Requirement::Parent(self.this.clone(), this), Requirement::Parent(self.that.clone(), that)]
    }
}

impl<T: Data, U: Data> RddNode<(T, U)> for Cartesian<T, U> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<(T, U)>) -> Flow {
        let (this, that) = self.meeting(partition);
        let those = Input::new(&*self.that, that).to_vec(task)?;
        Input::new(&*self.this, this).each(task, |chunk| {
            let pairs = take(chunk).flat_map(|record| repeat_n(record, those.len()).zip(those.iter().cloned()));
            push_iter(self.site, task, pairs, out)
        })
    }

    fn known_count(&self) -> Option<u64> {
        self.this.known_count()?.checked_mul(self.that.known_count()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use proptest::prelude::*;

    #[test]
    fn oracle_every_record_meets_every_record_in_order() {
        let engine = Engine::local(2).unwrap();
        let partitions = || proptest::collection::vec(proptest::collection::vec(any::<u16>(), 0..30), 0..4);
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
        proptest!(config, |(this in partitions(), that in partitions())| {
            let pairs = engine.from_partitions(this.clone()).cartesian(&engine.from_partitions(that.clone()));
            let expected: Vec<Vec<(u16, u16)>> = this
                .iter()
                .flat_map(|these| that.iter().map(move |those| {
                    these.iter().flat_map(|a| those.iter().map(move |b| (*a, *b))).collect()
                }))
                .collect();
            prop_assert_eq!(pairs.known_count(), Some(expected.iter().map(|pairs| pairs.len() as u64).sum()));
            prop_assert_eq!(pairs.glom().collect().unwrap(), expected);
        });
    }

    #[test]
    fn shuffled_datasets_meet_as_well() {
        let engine = Engine::local(2).unwrap();
        let sums = |n: u32| engine.parallelize((0..n).map(|n| (n % 3, n)), 2).reduce_by_key_with(|a, b| a + b, 2);
        let (this, that) = (sums(10), sums(20));
        let (these, those) = (this.collect().unwrap(), that.collect().unwrap());
        let mut expected: Vec<_> = these.iter().flat_map(|a| those.iter().map(move |b| (*a, *b))).collect();
        let mut found = this.cartesian(&that).collect().unwrap();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
