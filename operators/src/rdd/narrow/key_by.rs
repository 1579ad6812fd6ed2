//! `key_by`: records get keys.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Pairs every record with the key that `f` gives it.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(["to", "bee"], 1).key_by(|word| word.len()).collect()?, [(2, "to"), (3, "bee")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn key_by<K: Data>(&self, f: impl Fn(&T) -> K + Send + Sync + 'static) -> Rdd<(K, T)> {
        self.key_by_at(Site::here("key_by"), f)
    }

    pub(crate) fn key_by_at<K: Data>(&self, site: Site, f: impl Fn(&T) -> K + Send + Sync + 'static) -> Rdd<(K, T)> {
        self.map_at(site, move |record| (f(&record), record))
    }
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::per_batch;

    #[test]
    fn every_record_stays_with_the_key_made_of_it() {
        let keyed = per_batch(vec![vec![1, 2, 3], vec![]], |batch| batch.key_by(|n| n % 2 == 0));
        assert_eq!(keyed, [vec![(false, 1), (true, 2), (false, 3)], vec![]]);
    }
}
