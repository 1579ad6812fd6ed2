//! `zip_with_index`: records get their position.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Pairs every record with its position in the dataset, from 0, by (partition, position).
    ///
    /// With more than one partition this runs a job, which counts the records of all partitions but the last.
    ///
    /// # Errors
    /// The fault of that job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(["a", "b", "c"], 2).zip_with_index()?.collect()?, [("a", 0), ("b", 1), ("c", 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn zip_with_index(&self) -> Result<Rdd<(T, u64)>, JobError> {
        let site = Site::here("zip_with_index");
        let counted = (0..self.num_partitions().saturating_sub(1)).collect();
        let mut starts = vec![0];
        let mut total = 0;
        for count in self.count_partitions_at(site, counted)? {
            total += count;
            starts.push(total);
        }
        Ok(self.narrow(false, move |input, task, out| {
            let mut next = starts.get(input.partition()).copied().unwrap_or(0);
            let mut indexed = Vec::new();
            input.each(task, |chunk| {
                let records = chunk.len() as u64;
                indexed.extend(chunk.drain(..).zip(next..));
                next += records;
                out.push(&mut indexed)
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn positions_go_on_over_partitions_and_chunks() {
        let engine = Engine::local(2).unwrap();
        let records = engine.from_partitions(vec![vec![7; 3000], vec![], vec![8; 2], vec![9]]);
        let positions: Vec<u64> = records.zip_with_index().unwrap().values().collect().unwrap();
        assert_eq!(positions, (0..3003).collect::<Vec<u64>>());
    }

    #[test]
    fn a_dataset_without_partitions_has_no_positions() {
        let engine = Engine::local(1).unwrap();
        let indexed = engine.empty_rdd::<u8>().zip_with_index().unwrap();
        assert_eq!(indexed.num_partitions(), 0);
        assert_eq!(indexed.collect().unwrap(), []);
    }
}
