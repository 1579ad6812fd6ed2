//! How an action runs: one function over each partition, inside a task.

use crate::rdd::{Input, Rdd, Stop};
use crate::record::Data;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use waterwheel_runtime::error::{JobError, panic_message};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

impl<T: Data> Rdd<T> {
    /// Runs `function` on every partition and returns its results in order of the partitions.
    pub(crate) fn run_job<R: Send + 'static>(
        &self,
        site: Site,
        function: impl Fn(&Input<'_, T>, &TaskContext) -> Result<R, Stop> + Send + Sync + 'static,
    ) -> Result<Vec<R>, JobError> {
        self.run_job_on(site, (0..self.num_partitions()).collect(), function)
    }

    /// Runs `function` on some partitions and returns its results in the order they were asked for.
    ///
    /// A function that stops with [`Stop::Enough`] must catch that itself: it is for sinks, not for results.
    pub(crate) fn run_job_on<R: Send + 'static>(
        &self,
        site: Site,
        partitions: Vec<usize>,
        function: impl Fn(&Input<'_, T>, &TaskContext) -> Result<R, Stop> + Send + Sync + 'static,
    ) -> Result<Vec<R>, JobError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let node = self.node().clone();
        let run = move |partition: usize, task: &TaskContext| match function(&Input::new(&*node, partition), task) {
            Ok(result) => Ok(Box::new(result) as Box<dyn Any + Send>),
            Err(Stop::Fault(error)) => Err(error),
            Err(Stop::Enough) => Err(task.failed(site, "the action was cut short")),
        };
        let values = self.scope().run(site, self.node().clone(), partitions, Arc::new(run))?;
        let typed: Option<Vec<R>> = values.into_iter().map(|value| value.downcast::<R>().ok().map(|r| *r)).collect();
        typed.ok_or_else(|| JobError::Failed {
            site,
            batch: self.scope().batch(),
            message: "a task returned a value of another type".to_owned(),
        })
    }

    /// Runs user code that joins the results of a job, on the thread that called the action. A panic in it is told like one
    /// in a task, though there is nothing to try again.
    pub(crate) fn on_driver<R>(&self, site: Site, user: impl FnOnce() -> R) -> Result<R, JobError> {
        catch_unwind(AssertUnwindSafe(user)).map_err(|payload| JobError::Panicked {
            site,
            batch: self.scope().batch(),
            message: panic_message(&*payload),
        })
    }
}
