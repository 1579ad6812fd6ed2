//! One run of a program from its first batch to its last, under a clock turned by hand.

use super::script::{DEFAULT_PARTITIONS, Script, Scripted};
use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::error::Error;
use crate::record::Data;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use waterwheel_runtime::clock::ManualClock;
use waterwheel_runtime::config::Config;
use waterwheel_runtime::running::Stop;
use waterwheel_runtime::scope::EngineSnapshot;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{Time, seconds};

/// Real time after which a run is given up: far more than a test needs, far less than a test runner's patience.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why a test run has no result although its program did not fail.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TestRunError {
    /// The batches did not come to an end.
    #[error("waited {deadline:?} for batch {} of {wanted} to be complete", complete + 1)]
    TimedOut {
        /// Batches that were complete.
        complete: u64,
        /// Batches that should have been.
        wanted: u64,
        /// The patience that is over.
        deadline: Duration,
    },
    /// The program ended, and the engine still holds some of its data.
    #[error("the stopped program left {} blocks and {} shuffles behind", .0.blocks.blocks, .0.shuffles)]
    LeftBehind(EngineSnapshot),
    /// The engine did not answer after the program ended.
    #[error("the engine died")]
    EngineDied,
}

/// How a test runs: interval, cores, partitions, configuration. Every method but the `run`s sets something.
///
/// ```
/// use waterwheel_operators::testkit::TestRun;
///
/// let slices = TestRun::new().partitions(3).run([vec![1, 2, 3]], |numbers| numbers.glom())?;
/// assert_eq!(slices, [[[1], [2], [3]]]);
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestRun {
    interval: Duration,
    partitions: usize,
    batches: Option<usize>,
    deadline: Duration,
    config: Config,
}

impl Default for TestRun {
    fn default() -> TestRun {
        TestRun::new()
    }
}

impl TestRun {
    /// Batches of a second, two cores, inputs of two partitions, signals left alone.
    pub fn new() -> TestRun {
        let config = Config::local("test").with_cores(2).with_handle_signals(false);
        TestRun { interval: seconds(1), partitions: DEFAULT_PARTITIONS, batches: None, deadline: DEADLINE, config }
    }

    /// Sets the batch interval.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> TestRun {
        self.interval = interval;
        self
    }

    /// Sets the number of stage workers.
    #[must_use]
    pub fn cores(mut self, cores: usize) -> TestRun {
        self.config.cores = cores;
        self
    }

    /// Slices the batches of the inputs into `partitions`.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> TestRun {
        self.partitions = partitions;
        self
    }

    /// Runs this many batches, whatever the length of the script.
    #[must_use]
    pub fn batches(mut self, batches: usize) -> TestRun {
        self.batches = Some(batches);
        self
    }

    /// Gives the run up after this much real time.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> TestRun {
        self.deadline = deadline;
        self
    }

    /// Changes the configuration.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> TestRun {
        self.config = change(self.config);
        self
    }

    /// As [`testkit::run`](super::run).
    ///
    /// # Errors
    /// As [`testkit::run`](super::run).
    #[track_caller]
    pub fn run<I, U, F>(&self, input: I, streams: F) -> Result<Vec<Vec<U>>, Error>
    where
        I: Script,
        U: Data,
        F: for<'c> FnOnce(DStream<'c, I::Record>) -> DStream<'c, U>,
    {
        let input = Scripted::new(input.into_batches()).partitions(self.partitions);
        self.run_program(input.remaining(), |ssc| streams(ssc.input_stream(input)))
    }

    /// As [`testkit::run2`](super::run2).
    ///
    /// # Errors
    /// As [`testkit::run`](super::run).
    #[track_caller]
    pub fn run2<I, J, U, F>(&self, first: I, second: J, streams: F) -> Result<Vec<Vec<U>>, Error>
    where
        I: Script,
        J: Script,
        U: Data,
        F: for<'c> FnOnce(DStream<'c, I::Record>, DStream<'c, J::Record>) -> DStream<'c, U>,
    {
        let first = Scripted::new(first.into_batches()).partitions(self.partitions);
        let second = Scripted::new(second.into_batches()).partitions(self.partitions);
        let batches = first.remaining().max(second.remaining());
        self.run_program(batches, |ssc| streams(ssc.input_stream(first), ssc.input_stream(second)))
    }

    /// Runs `batches` batches of a program that makes its inputs itself, and returns what its stream held in each.
    ///
    /// # Errors
    /// As [`testkit::run`](super::run).
    #[track_caller]
    pub fn run_program<U, F>(&self, batches: usize, program: F) -> Result<Vec<Vec<U>>, Error>
    where
        U: Data,
        F: FnOnce(&StreamingContext) -> DStream<'_, U>,
    {
        let site = Site::here("testkit");
        let wanted = self.batches.unwrap_or(batches) as u64;
        let clock = ManualClock::new(Time::ZERO);
        let ssc = StreamingContext::with_clock(self.config.clone(), self.interval, Arc::new(clock.clone()))?;
        let outputs = Arc::new(Mutex::new(Vec::new()));
        let collected = outputs.clone();
        program(&ssc).output_at(site, move |dataset, _| {
            let records = dataset.collect_at(site)?;
            collected.lock().unwrap_or_else(PoisonError::into_inner).push(records);
            Ok(())
        });
        let engine = ssc.engine().clone();
        let running = ssc.start()?;
        clock.advance(self.interval.saturating_mul(u32::try_from(wanted).unwrap_or(u32::MAX)));
        if !running.wait_for_batches(wanted, self.deadline) && !running.await_termination_or_timeout(Duration::ZERO)? {
            let complete = running.batches_completed();
            return Err(TestRunError::TimedOut { complete, wanted, deadline: self.deadline }.into());
        }
        running.stop(Stop::Graceful)?;
        let left = engine.snapshot().ok_or(TestRunError::EngineDied)?;
        if left.blocks.blocks != 0 || left.shuffles != 0 {
            return Err(TestRunError::LeftBehind(left).into());
        }
        Ok(std::mem::take(&mut *outputs.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
