//! `foreach`: an effect for every record.

use crate::outcome::Outcome;
use crate::rdd::{Rdd, Stop};
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Calls `f` for every record, inside the tasks. `f` returns nothing or a `Result`, whose error fails the task.
    ///
    /// A task that fails is tried again, so `f` may see a record more than once.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// engine.parallelize(1..=3, 1).foreach(move |n| sender.send(n))?;
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn foreach<R: Outcome>(&self, f: impl Fn(T) -> R + Send + Sync + 'static) -> Result<(), JobError> {
        let site = Site::here("foreach");
        self.run_job(site, move |input, task| {
            input.each(task, |chunk| {
                let outcome =
                    task.run(site, chunk.len(), || chunk.drain(..).try_for_each(|record| f(record).into_result()))?;
                outcome.map_err(|error| Stop::Fault(task.failed(site, error)))
            })
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn an_error_of_the_function_fails_the_job() {
        let engine = Engine::local(1).unwrap();
        let numbers = engine.parallelize(1..=3, 1);
        let check = |n: i32| if n < 3 { Ok(()) } else { Err(format!("{n} is too many")) };
        let line = line!() + 1;
        let done = numbers.foreach(check);
        let message = done.unwrap_err().to_string();
        assert!(message.starts_with(&format!("foreach at {}:{line}:", file!())), "{message}");
        assert!(message.ends_with("failed in partition 0: 3 is too many (attempt 4 of 4)"), "{message}");
    }
}
