//! `foreach_partition_with`: an effect for every partition, with a resource of a pool.

use crate::outcome::Outcome;
use crate::pool::ResourcePool;
use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::inside::outside_event_loop;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Calls `f` once for each partition, inside the tasks, with a resource of `pool`, the records and the number of the
    /// partition, from 0. `f` returns nothing or a `Result`, whose error fails the task and closes the resource.
    ///
    /// A task that fails is tried again, so `f` may see a partition more than once. In a
    /// [`foreach_rdd_with_time`](crate::DStream::foreach_rdd_with_time) the batch time and the partition together are the key
    /// of an idempotent write; see [`WriteId`](crate::WriteId).
    ///
    /// # Errors
    /// The fault of the job. That no resource could be made is told with the cause.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let (sender, lines) = std::sync::mpsc::channel();
    /// let pool = ResourcePool::new(move || Ok::<_, std::io::Error>(sender.clone()));
    /// engine.parallelize(1..=4, 2).foreach_partition_with(&pool, |sender, numbers, partition| {
    ///     sender.send(format!("{partition}: {numbers:?}"))
    /// })?;
    /// drop(pool);
    /// assert_eq!(lines.iter().collect::<Vec<_>>(), ["0: [1, 2]", "1: [3, 4]"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn foreach_partition_with<R: Send + 'static, O: Outcome>(
        &self,
        pool: &ResourcePool<R>,
        f: impl Fn(&mut R, Vec<T>, usize) -> O + Send + Sync + 'static,
    ) -> Result<(), JobError> {
        self.foreach_partition_with_at(Site::here("foreach_partition_with"), pool, f)
    }

    pub(crate) fn foreach_partition_with_at<R: Send + 'static, O: Outcome>(
        &self,
        site: Site,
        pool: &ResourcePool<R>,
        f: impl Fn(&mut R, Vec<T>, usize) -> O + Send + Sync + 'static,
    ) -> Result<(), JobError> {
        let (pool, core) = (pool.clone(), self.scope().core().clone());
        self.run_job(site, move |input, task| {
            let (records, partition) = (input.to_vec(task)?, input.partition());
            let outcome = task.run(site, records.len(), || {
                outside_event_loop(|| pool.lend(&core, |resource| f(resource, records, partition).into_result()))
            })?;
            let outcome = outcome.map_err(|error| task.failed(site, format!("no thread could be started: {error}")))?;
            Ok(outcome.map_err(|error| task.failed(site, error))?)
        })?;
        Ok(())
    }
}
