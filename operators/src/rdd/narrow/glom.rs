//! `glom`: each partition as one record.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// One record per partition: the list of its records.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=4, 2).glom().collect()?, [[1, 2], [3, 4]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn glom(&self) -> Rdd<Vec<T>> {
        self.glom_at(Site::here("glom"))
    }

    pub(crate) fn glom_at(&self, site: Site) -> Rdd<Vec<T>> {
        self.map_partitions_at(site, |records| [records])
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::per_batch;

    #[test]
    fn each_partition_becomes_one_list() {
        let lists = per_batch(vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]], |batch| batch.glom());
        assert_eq!(lists, [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]);
    }

    #[test]
    fn an_empty_partition_becomes_an_empty_list() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize([1], 2).glom().collect().unwrap(), [vec![], vec![1]]);
    }
}
