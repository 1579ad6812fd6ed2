//! `foreach_partition`: an effect for every partition.

use crate::outcome::Outcome;
use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Calls `f` once for each partition, with its records, inside the tasks: the place to open a connection and write all of
    /// them. `f` returns nothing or a `Result`, whose error fails the task.
    ///
    /// A task that fails is tried again, so `f` may see a partition more than once.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// engine.parallelize(1..=4, 2).foreach_partition(move |part| sender.send(part.len()))?;
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [2, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn foreach_partition<R: Outcome>(
        &self,
        f: impl Fn(Vec<T>) -> R + Send + Sync + 'static,
    ) -> Result<(), JobError> {
        self.foreach_partition_at(Site::here("foreach_partition"), f)
    }

    pub(crate) fn foreach_partition_at<R: Outcome>(
        &self,
        site: Site,
        f: impl Fn(Vec<T>) -> R + Send + Sync + 'static,
    ) -> Result<(), JobError> {
        self.run_job(site, move |input, task| {
            let records = input.to_vec(task)?;
            let outcome = task.run(site, records.len(), || f(records).into_result())?;
            Ok(outcome.map_err(|error| task.failed(site, error))?)
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn every_partition_is_seen_once_and_as_a_whole() {
        let engine = Engine::local(2).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ours = seen.clone();
        let partitions = vec![vec![1; 3000], vec![], vec![2]];
        engine
            .from_partitions(partitions.clone())
            .foreach_partition(move |part| ours.lock().unwrap().push(part))
            .unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_by_key(|part| std::cmp::Reverse(part.len()));
        assert_eq!(seen, [vec![1; 3000], vec![2], vec![]]);
    }

    #[test]
    fn an_error_of_the_function_fails_the_job() {
        let engine = Engine::local(1).unwrap();
        let done = engine.parallelize(1..=3, 1).foreach_partition(|_| Err("no connection"));
        let message = done.unwrap_err().to_string();
        assert!(message.ends_with("failed in partition 0: no connection (attempt 4 of 4)"), "{message}");
    }
}
