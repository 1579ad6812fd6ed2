//! `keys`: the keys of pairs.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<K: Data, V: Data> Rdd<(K, V)> {
    /// The key of every record.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([("a", 1), ("b", 2)], 1).keys().collect()?, ["a", "b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn keys(&self) -> Rdd<K> {
        self.keys_at(Site::here("keys"))
    }

    pub(crate) fn keys_at(&self, site: Site) -> Rdd<K> {
        self.map_at(site, |(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::per_batch;

    #[test]
    fn every_record_gives_its_key() {
        let keys = per_batch(vec![vec![(1, 'x'), (1, 'y'), (2, 'z')]], |batch| batch.keys());
        assert_eq!(keys, [[1, 1, 2]]);
    }
}
