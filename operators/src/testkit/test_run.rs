//! How a test runs, and runs of a program from its first batch to its last.

use super::error::TestRunError;
use super::script::{DEFAULT_PARTITIONS, Script, Scripted};
use super::test_program::TestProgram;
use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::error::Error;
use crate::record::Data;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::clock::ManualClock;
use waterwheel_runtime::config::{BackpressureConfig, Config, Estimator};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{Time, seconds};

/// Real time after which a wait is given up: far more than a test needs, far less than a test runner's patience.
const DEADLINE: Duration = Duration::from_secs(30);

/// How a test runs: interval, cores, partitions, configuration. Every method but the `run`s and `start` sets something.
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
    begin: Time,
    config: Config,
}

impl Default for TestRun {
    fn default() -> TestRun {
        TestRun::new()
    }
}

impl TestRun {
    /// Batches of a second from time 0 on, two cores, inputs of two partitions, signals left alone, receivers not held to a rate
    /// that follows from how long batches take: what they store is in the next batch.
    pub fn new() -> TestRun {
        let backpressure = BackpressureConfig::default().with_estimator(Estimator::None);
        let config = Config::local("test").with_cores(2).with_handle_signals(false).with_backpressure(backpressure);
        TestRun {
            interval: seconds(1),
            partitions: DEFAULT_PARTITIONS,
            batches: None,
            deadline: DEADLINE,
            begin: Time::ZERO,
            config,
        }
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

    /// Sets the time that the clock shows at the start.
    #[must_use]
    pub fn begin(mut self, begin: Time) -> TestRun {
        self.begin = begin;
        self
    }

    /// Gives every wait up after this much real time.
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
        let (mut test, probe) = self.start(|ssc| program(ssc).probe_at(site))?;
        match test.jump(self.batches.unwrap_or(batches) as u64) {
            // A program may stop itself.
            Ok(()) | Err(Error::TestRun(TestRunError::Ended { .. })) => {}
            Err(error) => return Err(error),
        }
        test.stop()?;
        Ok(probe.datasets())
    }

    /// Starts a program that the test runs step by step. `program` builds its streams and returns whatever the test needs of
    /// them: probes, as a rule.
    ///
    /// ```
    /// use waterwheel_operators::testkit::{TestInput, TestRun};
    ///
    /// let (ones, tens) = (TestInput::new(), TestInput::new());
    /// let (mut test, (both, count)) = TestRun::new().start(|ssc| {
    ///     let both = ones.stream(ssc).union(&tens.stream(ssc));
    ///     (both.probe(), both.count().probe())
    /// })?;
    /// ones.push([1, 2]);
    /// tens.push([10]);
    /// test.advance(1)?;
    /// assert_eq!(both.datasets(), [[1, 2, 10]]);
    /// assert_eq!(count.datasets(), [[3]]);
    /// test.stop()?;
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`StreamingContext::new`] and [`StreamingContext::start`].
    #[track_caller]
    pub fn start<H>(&self, program: impl FnOnce(&StreamingContext) -> H) -> Result<(TestProgram, H), Error> {
        let clock = ManualClock::new(self.begin);
        let ssc = StreamingContext::with_clock(self.config.clone(), self.interval, Arc::new(clock.clone()))?;
        let handles = program(&ssc);
        if ssc.lacks_checkpoint() {
            ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
        }
        Ok((TestProgram::new(ssc.start()?, clock, self.interval, self.deadline), handles))
    }
}
