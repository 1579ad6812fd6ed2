//! Outputs whose records become visible in two steps: prepared by the tasks of a batch, committed once the batch is durable.
//!
//! A batch that is run again after a crash prepares again what it prepared before, and nothing of that was visible. A batch that
//! is durable is never run again, and what it prepared is committed, now or at the next start. So every record is visible once.

use super::lifecycle::Work;
use crate::error::JobError;
use crate::failpoint::fail_point;
use crate::ids::OutputId;
use crate::site::Site;
use crate::time::Time;
use std::collections::VecDeque;
use std::sync::Arc;

/// The second step of an output, for its batches one after the other.
///
/// Each of these may be done again although it was done: after an error that came too late, or after a crash.
pub trait TwoStepOutput: Send + Sync {
    /// Which output it is.
    fn output(&self) -> OutputId;

    /// Its name and the user's line.
    fn site(&self) -> Site;

    /// What the user calls it.
    fn name(&self) -> &str;

    /// Commits what batches up to `committed` have prepared, and gives up everything else. Before the first batch.
    ///
    /// # Errors
    /// The output's own.
    fn recover(&self, committed: Option<Time>) -> Result<(), JobError>;

    /// Makes visible what `batch` has prepared: it is durable.
    ///
    /// # Errors
    /// The output's own.
    fn commit(&self, batch: Time) -> Result<(), JobError>;

    /// Gives up what `batch` has prepared: the output failed in it, and the batch is about to be done without.
    ///
    /// # Errors
    /// The output's own.
    fn abort(&self, batch: Time) -> Result<(), JobError>;
}

/// Has the outputs of a context finish what was under way when it ended before: up to the batch `committed`, the last one that is
/// durable; `None` at a fresh start.
///
/// # Errors
/// That of the first output that cannot.
pub(crate) fn recover_all(outputs: &[Arc<dyn TwoStepOutput>], committed: Option<Time>) -> Result<(), JobError> {
    outputs.iter().try_for_each(|output| output.recover(committed))
}

/// What is to be done with what a batch has prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Make it visible.
    Commit,
    /// Give it up.
    Abort,
}

/// The second step of one output for one batch.
#[derive(Clone)]
pub struct SecondStep {
    /// The output.
    pub output: Arc<dyn TwoStepOutput>,
    /// The batch.
    pub batch: Time,
    /// What to do.
    pub verdict: Verdict,
}

impl SecondStep {
    /// Does it.
    ///
    /// # Errors
    /// The output's own.
    pub fn run(&self) -> Result<(), JobError> {
        match self.verdict {
            Verdict::Commit => {
                fail_point("two_step.before_commit");
                self.output.commit(self.batch)?;
                fail_point("two_step.after_commit");
            }
            Verdict::Abort => {
                fail_point("two_step.before_abort");
                self.output.abort(self.batch)?;
                fail_point("two_step.after_abort");
            }
        }
        Ok(())
    }

    /// What it is, for people who wait for it.
    pub(crate) fn told(&self) -> String {
        match self.verdict {
            Verdict::Commit => format!("the commit of {}", self.output.site()),
            Verdict::Abort => format!("giving up what {} prepared", self.output.site()),
        }
    }

    /// The output that it belongs to.
    pub(crate) fn work(&self) -> Work {
        Work::Output(self.batch, self.output.output())
    }
}

/// Batches that are done and wait for the record that makes them durable, oldest first, with what they have prepared.
#[derive(Default)]
pub(crate) struct Held(VecDeque<SecondStep>);

impl Held {
    /// The batch of `steps` is done. Batches come in order of time.
    pub(crate) fn hold(&mut self, steps: impl IntoIterator<Item = SecondStep>) {
        self.0.extend(steps);
    }

    /// Everything so far is durable: the steps to take now, in their order.
    pub(crate) fn take(&mut self) -> Vec<SecondStep> {
        self.0.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Noted(u32, Arc<Mutex<Vec<String>>>, bool);

    impl Noted {
        fn note(&self, what: String) -> Result<(), JobError> {
            self.1.lock().unwrap().push(format!("{} {what}", self.0));
            let failed = JobError::Failed { site: self.site(), batch: None, message: "no".to_owned() };
            if self.2 { Err(failed) } else { Ok(()) }
        }
    }

    impl TwoStepOutput for Noted {
        fn output(&self) -> OutputId {
            OutputId(self.0)
        }
        fn site(&self) -> Site {
            Site::here("noted")
        }
        fn name(&self) -> &str {
            "noted"
        }
        fn recover(&self, committed: Option<Time>) -> Result<(), JobError> {
            self.note(format!("recover {}", committed.map_or(0, Time::millis)))
        }
        fn commit(&self, batch: Time) -> Result<(), JobError> {
            self.note(format!("commit {}", batch.millis()))
        }
        fn abort(&self, batch: Time) -> Result<(), JobError> {
            self.note(format!("abort {}", batch.millis()))
        }
    }

    #[test]
    fn what_is_held_back_is_committed_in_order_of_batches_and_once() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let outputs: Vec<Arc<dyn TwoStepOutput>> =
            (0..2).map(|number| Arc::new(Noted(number, notes.clone(), false)) as _).collect();
        let mut held = Held::default();
        for batch in [1000, 2000, 3000] {
            let batch = Time::from_millis(batch);
            held.hold(outputs.iter().map(|output| SecondStep {
                output: output.clone(),
                batch,
                verdict: Verdict::Commit,
            }));
        }
        held.take().iter().for_each(|step| step.run().unwrap());
        assert!(held.take().is_empty());
        let expected = ["1000", "2000", "3000"].map(|batch| [0, 1].map(|output| format!("{output} commit {batch}")));
        assert_eq!(*notes.lock().unwrap(), expected.concat());
    }

    #[test]
    fn every_output_recovers_up_to_the_first_that_cannot() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let outputs: Vec<Arc<dyn TwoStepOutput>> =
            (0..3).map(|number| Arc::new(Noted(number, notes.clone(), number == 1)) as _).collect();
        assert!(recover_all(&outputs, Some(Time::from_millis(2000))).is_err());
        assert_eq!(*notes.lock().unwrap(), ["0 recover 2000", "1 recover 2000"]);
    }
}
