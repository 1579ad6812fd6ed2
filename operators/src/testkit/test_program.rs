//! A program that a test runs step by step.

use super::error::TestRunError;
use super::held::Held;
use crate::error::Error;
use crate::running::RunningContext;
use std::fmt;
use std::time::Duration;
use waterwheel_runtime::clock::{Clock, ManualClock, SystemClock};
use waterwheel_runtime::engine::Engine;
use waterwheel_runtime::running::Stop;
use waterwheel_runtime::time::Time;

/// Between two looks at something that cannot be waited for.
const STEP: Duration = Duration::from_millis(1);

/// A running program whose clock only the test turns; made by [`TestRun::start`](super::TestRun::start).
///
/// No method waits for longer than the deadline of its [`TestRun`](super::TestRun); what then comes back says what was waited
/// for. A program that has failed answers with its own error. Dropping the program stops it at once and checks nothing.
///
/// ```
/// use waterwheel_operators::testkit::{Held, TestInput, TestRun};
///
/// let words = TestInput::new();
/// let (mut test, counts) = TestRun::new().start(|ssc| {
///     words.stream(ssc).map(|word: &str| (word.to_owned(), 1)).reduce_by_key_with(|a, b| a + b, 1).cache().probe()
/// })?;
/// words.push(["to", "be", "to"]);
/// test.advance(1)?;
/// assert_eq!(counts.take(), [Some(vec![("to".to_owned(), 2), ("be".to_owned(), 1)])]);
/// test.advance(1)?;
/// assert_eq!(counts.take(), [Some(vec![])], "nothing was pushed for the second batch");
/// test.stop()?;
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
pub struct TestProgram {
    running: RunningContext,
    clock: ManualClock,
    interval: Duration,
    deadline: Duration,
}

impl fmt::Debug for TestProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestProgram({:?}, {:?})", self.clock, self.running)
    }
}

impl TestProgram {
    pub(super) fn new(
        running: RunningContext,
        clock: ManualClock,
        interval: Duration,
        deadline: Duration,
    ) -> TestProgram {
        TestProgram { running, clock, interval, deadline }
    }

    /// Turns the clock from batch to batch, `batches` times, and waits for each batch before it turns on.
    ///
    /// # Errors
    /// What ended the program; [`TestRunError`] when a batch is not complete in time.
    pub fn advance(&mut self, batches: u64) -> Result<(), Error> {
        (0..batches).try_for_each(|_| self.jump(1))
    }

    /// Turns the clock by `batches` batches in one go, and waits for them: the program finds itself behind.
    ///
    /// # Errors
    /// As [`advance`](TestProgram::advance).
    pub fn jump(&mut self, batches: u64) -> Result<(), Error> {
        let wanted = self.batches_due().saturating_add(batches);
        let (again, first) = self.beginning();
        let intervals = u32::try_from(wanted.saturating_sub(again)).unwrap_or(u32::MAX);
        let due = first - self.interval + self.interval.saturating_mul(intervals);
        // By the difference: the test may have turned the clock itself, to somewhere between two batches.
        self.clock.advance(due.since(self.clock.now()));
        if self.running.wait_for_batches(wanted, self.deadline) {
            return Ok(());
        }
        let complete = self.running.batches_completed();
        if self.running.await_termination_or_timeout(Duration::ZERO)? {
            return Err(TestRunError::Ended { complete, wanted }.into());
        }
        Err(TestRunError::TimedOut { complete, wanted, deadline: self.deadline }.into())
    }

    /// Batches that are run again or whose time has come.
    fn batches_due(&self) -> u64 {
        let (again, first) = self.beginning();
        let passed = (self.clock.now() + self.interval).since(first);
        again + u64::try_from(passed.as_millis() / self.interval.as_millis().max(1)).unwrap_or(u64::MAX)
    }

    /// How many batches come before those that come every interval, and the first of the latter.
    fn beginning(&self) -> (u64, Time) {
        let anew = (0, self.running.zero_time() + self.interval);
        self.running.recovery().map_or(anew, |recovery| ((recovery.pending + recovery.slides) as u64, recovery.first))
    }

    /// Waits until `condition` holds: for what no batch waits for, such as a receiver that connects. `what` is for the error.
    ///
    /// ```
    /// use waterwheel_operators::testkit::{TestInput, TestRun};
    ///
    /// let numbers = TestInput::<u8>::new();
    /// let (test, _) = TestRun::new().start(|ssc| numbers.stream(ssc).probe())?;
    /// test.wait_until("the ticker to sleep", || test.clock().waiting() > 0)?;
    /// test.stop()?;
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    ///
    /// # Errors
    /// What ended the program; [`TestRunError::InVain`] when it does not come to hold in time.
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) -> Result<(), Error> {
        let mut ended = None;
        let come = self.comes(|| {
            condition() || {
                ended = self.failure();
                ended.is_some()
            }
        });
        match ended {
            Some(failure) => Err(failure),
            None if come => Ok(()),
            None => Err(self.in_vain(what)),
        }
    }

    /// Whether `condition` comes to hold before the deadline.
    fn comes(&self, mut condition: impl FnMut() -> bool) -> bool {
        let real = SystemClock::new();
        while !condition() {
            if real.monotonic() >= self.deadline {
                return false;
            }
            std::thread::park_timeout(STEP);
        }
        true
    }

    /// What the engine holds now that everything has been given back which no later batch reads.
    ///
    /// ```
    /// use waterwheel_operators::testkit::{TestInput, TestRun};
    ///
    /// let numbers = TestInput::new();
    /// let (mut test, _) = TestRun::new().start(|ssc| {
    ///     ssc.remember(ssc.interval());
    ///     numbers.stream(ssc).map(|n| n + 1).cache().probe()
    /// })?;
    /// numbers.push([1, 2, 3]);
    /// test.advance(1)?;
    /// assert_eq!(test.held()?.persisted, 2, "the two partitions of the stream that is cached");
    /// test.stop()?;
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TestRunError`] when the engine does not answer in time, because user code does not return; or not at all.
    pub fn held(&self) -> Result<Held, Error> {
        let real = SystemClock::new();
        match self.running.settled_snapshot_within(Some(self.deadline)) {
            Some(snapshot) => Ok(snapshot.into()),
            None if real.monotonic() >= self.deadline => Err(self.in_vain("the engine to tell what it holds")),
            None => Err(TestRunError::EngineDied.into()),
        }
    }

    /// What ended the program, if it has failed.
    pub fn failure(&self) -> Option<Error> {
        self.running.await_termination_or_timeout(Duration::ZERO).err()
    }

    /// The clock, for steps other than whole batches.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The time of batch `number`; the first is number 1.
    pub fn batch_time(&self, number: u32) -> Time {
        self.running.zero_time() + self.interval.saturating_mul(number)
    }

    /// The program, for all that a test has no other word for.
    pub fn running(&self) -> &RunningContext {
        &self.running
    }

    /// The engine, which belongs to the program: a test that keeps a clone of it cannot [`stop`](TestProgram::stop).
    pub fn engine(&self) -> &Engine {
        self.running.engine()
    }

    /// Stops the program gracefully and asserts that nothing is left of it: no block, persisted partition or shuffle, no
    /// actor, no thread.
    ///
    /// # Errors
    /// What ended the program before; [`TestRunError`] when it does not stop in time or leaves something behind.
    pub fn stop(self) -> Result<(), Error> {
        self.running.request_stop(Stop::Graceful);
        if !self.running.await_termination_or_timeout(self.deadline)? {
            return Err(self.in_vain("the program to stop"));
        }
        self.nothing_left()
    }

    /// Waits until the program has failed, asserts that nothing is left of it, and returns what ended it.
    ///
    /// ```
    /// use waterwheel_operators::testkit::{TestInput, TestRun};
    ///
    /// let numbers = TestInput::new();
    /// let (mut test, _) = TestRun::new().start(|ssc| numbers.stream(ssc).map(|n: i32| 12 / n).probe())?;
    /// numbers.push([3, 0]);
    /// assert!(test.advance(1).is_err());
    /// assert!(test.into_failure()?.to_string().contains("divide by zero"));
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TestRunError`] when it does not fail in time, was stopped, or leaves something behind.
    pub fn into_failure(self) -> Result<Error, Error> {
        match self.running.await_termination_or_timeout(self.deadline) {
            Err(failure) => self.nothing_left().map(|()| failure),
            Ok(true) => Err(TestRunError::NotFailed { complete: self.running.batches_completed() }.into()),
            Ok(false) => Err(self.in_vain("the program to fail")),
        }
    }

    fn in_vain(&self, what: &str) -> Error {
        TestRunError::InVain { what: what.to_owned(), deadline: self.deadline }.into()
    }

    /// The program has ended, the engine has not.
    fn nothing_left(self) -> Result<(), Error> {
        let left = self.held()?;
        if !left.is_nothing() {
            return Err(TestRunError::LeftBehind(left).into());
        }
        if !self.comes(|| self.clock.waiting() == 0) {
            return Err(TestRunError::SleepsLeft(self.clock.waiting()).into());
        }
        let threads = self.engine().thread_count();
        // Every actor lives on a thread of its context or engine, and these wait for their threads when they are dropped.
        drop(self);
        match threads.now() {
            0 => Ok(()),
            left => Err(TestRunError::ThreadsLeft(left).into()),
        }
    }
}
