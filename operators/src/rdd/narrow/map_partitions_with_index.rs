//! `map_partitions_with_index`: a whole partition at a time, and which one it is.

use crate::rdd::Rdd;
use crate::rdd::sink::push_iter;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// [`map_partitions`](Rdd::map_partitions) with a function that is also told the number of the partition, from 0.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let places = engine.parallelize(1..=3, 2).map_partitions_with_index(|p, part| part.into_iter().map(move |n| (p, n)));
    /// assert_eq!(places.collect()?, [(0, 1), (1, 2), (1, 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with_index<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(usize, Vec<T>) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.map_partitions_with_index_at(Site::here("map_partitions_with_index"), f)
    }

    pub(crate) fn map_partitions_with_index_at<U: Data, I: IntoIterator<Item = U>>(
        &self,
        site: Site,
        f: impl Fn(usize, Vec<T>) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.narrow(false, move |input, task, out| {
            let records = input.to_vec(task)?;
            let results = task.run(site, records.len(), || f(input.partition(), records).into_iter())?;
            push_iter(site, task, results, out)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn the_index_is_that_of_the_dataset_and_not_of_the_task() {
        let engine = Engine::local(1).unwrap();
        let numbered = engine.parallelize([1, 2], 2).map_partitions_with_index(|index, _| [index]);
        assert_eq!(numbered.union(&numbered).coalesce(1).collect().unwrap(), [0, 1, 0, 1]);
    }
}
