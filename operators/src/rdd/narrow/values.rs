//! `values`: the values of pairs.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<K: Data, V: Data> Rdd<(K, V)> {
    /// The value of every record.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([("a", 1), ("b", 2)], 1).values().collect()?, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn values(&self) -> Rdd<V> {
        self.values_at(Site::here("values"))
    }

    pub(crate) fn values_at(&self, site: Site) -> Rdd<V> {
        self.map_at(site, |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::per_batch;

    #[test]
    fn every_record_gives_its_value() {
        let values = per_batch(vec![vec![(1, 'x'), (1, 'y'), (2, 'z')]], |batch| batch.values());
        assert_eq!(values, [['x', 'y', 'z']]);
    }
}
