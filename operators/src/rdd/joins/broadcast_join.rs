//! `broadcast_join`: pairs looked up in a `Dataset`, without a shuffle.

use super::hash_join::{Kind, Probe};
use super::join::Inner;
use super::left_outer_join::LeftOuter;
use crate::rdd::Rdd;
use crate::record::Data;
use crate::shared::{Dataset, Snapshot};
use std::hash::Hash;
use waterwheel_runtime::site::Site;

impl<K: Data + Eq + Hash, V: Data> Rdd<(K, V)> {
    /// Every value with every value that `dataset` has for its key. Nothing is shuffled, records stay where they are, and rows
    /// come in their order, each with its matches in the order of `dataset`.
    ///
    /// A dataset of a batch sees the version that its batch sees; any other sees the newest when this is called.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let names = Dataset::new([(1, "ada"), (2, "bob")]);
    /// let orders = engine.parallelize([(1, "tea"), (3, "salt"), (1, "rice")], 2);
    /// assert_eq!(orders.broadcast_join(&names).collect()?, [(1, ("tea", "ada")), (1, ("rice", "ada"))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn broadcast_join<W: Data>(&self, dataset: &Dataset<K, W>) -> Rdd<(K, (V, W))> {
        self.broadcast_join_at(Site::here("broadcast_join"), dataset.snapshot_of(self.scope()))
    }

    /// [`broadcast_join`](Rdd::broadcast_join) that also has the values whose key `dataset` lacks, with `None` in place of its
    /// value.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let names = Dataset::new([(1, "ada")]);
    /// let orders = engine.parallelize([(1, "tea"), (3, "salt")], 2);
    /// let rows = orders.left_outer_broadcast_join(&names).collect()?;
    /// assert_eq!(rows, [(1, ("tea", Some("ada"))), (3, ("salt", None))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn left_outer_broadcast_join<W: Data>(&self, dataset: &Dataset<K, W>) -> Rdd<(K, (V, Option<W>))> {
        self.left_outer_broadcast_join_at(Site::here("left_outer_broadcast_join"), dataset.snapshot_of(self.scope()))
    }

    pub(crate) fn broadcast_join_at<W: Data>(&self, site: Site, data: Snapshot<K, W>) -> Rdd<(K, (V, W))> {
        self.look_up::<Inner, W>(site, data)
    }

    pub(crate) fn left_outer_broadcast_join_at<W: Data>(
        &self,
        site: Site,
        data: Snapshot<K, W>,
    ) -> Rdd<(K, (V, Option<W>))> {
        self.look_up::<LeftOuter, W>(site, data)
    }

    fn look_up<J: Kind<V, W>, W: Data>(&self, site: Site, data: Snapshot<K, W>) -> Rdd<(K, J::Row)> {
        self.narrow(true, move |input, task, out| {
            input.push_into(task, &mut Probe::<J, _, _, _>::new(site, task, data.table(), out))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use proptest::prelude::*;

    #[test]
    fn oracle_rows_are_those_of_a_join_in_the_order_of_this_dataset() {
        let engine = Engine::local(2).unwrap();
        let this = prop::collection::vec((0..20u8, any::<u32>()), 0..60);
        let that = prop::collection::vec((0..20u8, any::<i64>()), 0..30);
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
        proptest!(config, |(this in this, that in that, from in 1..5usize)| {
            let data = Dataset::new(that.clone());
            let (left, right) = (engine.parallelize(this.clone(), from), engine.parallelize(that, 2));
            // In one partition a join has the order of this dataset, too.
            let expected = left.join_with(&right, 1).collect().unwrap();
            prop_assert_eq!(left.broadcast_join(&data).collect().unwrap(), expected);
            let expected = left.left_outer_join_with(&right, 1).collect().unwrap();
            prop_assert_eq!(left.left_outer_broadcast_join(&data).collect().unwrap(), expected);
        });
    }

    #[test]
    fn nothing_is_shuffled_and_the_partitioner_is_kept() {
        let engine = Engine::local(2).unwrap();
        let data = Dataset::new([(1, 'a')]);
        let joined = engine.parallelize([(1, 1), (2, 2)], 2).broadcast_join(&data);
        assert_eq!(joined.glom().collect().unwrap(), [vec![(1, (1, 'a'))], vec![]]);
        assert_eq!(engine.snapshot().unwrap().shuffles, 0);
        let parted = engine.parallelize([(1, 1)], 1).partition_by(3);
        assert_eq!(parted.left_outer_broadcast_join(&data).node().partitioner(), parted.node().partitioner());
    }

    #[test]
    fn a_dataset_that_exists_keeps_the_version_it_was_made_with() {
        let engine = Engine::local(1).unwrap();
        let data = Dataset::new([(1, 'a')]);
        let numbers = engine.parallelize([(1, 1)], 1);
        let before = numbers.broadcast_join(&data);
        data.replace([(1, 'b')]);
        assert_eq!(before.collect().unwrap(), [(1, (1, 'a'))]);
        assert_eq!(numbers.broadcast_join(&data).collect().unwrap(), [(1, (1, 'b'))]);
    }
}
