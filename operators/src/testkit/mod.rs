//! For tests of programs: streams on scripted batches, under a clock that is turned by hand.
//!
//! [`run`] builds a program around the streams under test, turns the clock by as many batches as the script has, all at once,
//! and returns what came out, batch by batch. No test sleeps and none hangs: a run that does not finish is an error that says
//! what it waited for, and so is one that leaves blocks or shuffles behind.
//!
//! ```
//! use waterwheel_operators::testkit::run;
//!
//! let evens = run([vec![1, 2, 3, 4], vec![5], vec![6]], |numbers| numbers.filter(|n| n % 2 == 0))?;
//! assert_eq!(evens, [vec![2, 4], vec![], vec![6]]);
//! # Ok::<(), waterwheel_operators::Error>(())
//! ```
//!
//! [`TestRun`] has settings, and runs a program step by step: a [`TestInput`] is pushed by hand, a [`Probe`] records what a
//! stream held in each batch, and [`TestProgram`] turns the clock, says what the engine holds and in the end asserts that
//! nothing is left running.
//!
//! ```
//! use waterwheel_operators::testkit::{TestInput, TestRun};
//!
//! let words = TestInput::new();
//! let (mut test, counts) = TestRun::new().start(|ssc| words.stream(ssc).count().probe())?;
//! words.push(["to", "be"]);
//! test.advance(1)?;
//! assert_eq!(counts.take(), [Some(vec![2])]);
//! words.push(["or"]);
//! test.advance(2)?;
//! assert_eq!(counts.take(), [Some(vec![1]), Some(vec![0])]);
//! test.stop()?;
//! # Ok::<(), waterwheel_operators::Error>(())
//! ```
//!
//! Records behind a shuffle come in no order that a test should know: [`assert_same_batches`] compares them as sets with
//! repetitions. [`Scripted`] is the scripted input alone, for tests that drive a context themselves.

mod compare;
mod error;
mod held;
mod probe;
mod script;
mod test_input;
mod test_program;
mod test_run;

pub use compare::{assert_same_batches, assert_same_records};
pub use error::TestRunError;
pub use held::Held;
pub use probe::Probe;
pub use script::{Script, Scripted, ScriptedBatch};
pub use test_input::TestInput;
pub use test_program::TestProgram;
pub use test_run::TestRun;

use crate::dstream::DStream;
use crate::error::Error;
use crate::record::Data;

/// Runs `streams` on the batches of `input` and returns every batch that came out, in order.
///
/// The input has two partitions, batches are a second long, and the zero time is 0, so that batch i has the time i x 1 s.
/// A batch of the script may be `None`: then the input has no dataset in that batch, and the output usually neither.
///
/// ```
/// use waterwheel_operators::testkit::run;
///
/// let doubled = run([Some(vec![1, 2]), None, Some(vec![3])], |numbers| numbers.map(|n| n * 2))?;
/// assert_eq!(doubled, [vec![2, 4], vec![6]]);
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
///
/// # Errors
/// Whatever ended the program; [`TestRunError`] when it did not finish or left something behind.
#[track_caller]
pub fn run<I, U, F>(input: I, streams: F) -> Result<Vec<Vec<U>>, Error>
where
    I: Script,
    U: Data,
    F: for<'c> FnOnce(DStream<'c, I::Record>) -> DStream<'c, U>,
{
    TestRun::new().run(input, streams)
}

/// [`run`] with two inputs. The shorter one goes on with empty batches.
///
/// ```
/// use waterwheel_operators::testkit::run2;
///
/// let both = run2([vec![1], vec![2]], [vec![10], vec![20]], |ones, tens| ones.union(&tens))?;
/// assert_eq!(both, [[1, 10], [2, 20]]);
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
///
/// # Errors
/// As [`run`].
#[track_caller]
pub fn run2<I, J, U, F>(first: I, second: J, streams: F) -> Result<Vec<Vec<U>>, Error>
where
    I: Script,
    J: Script,
    U: Data,
    F: for<'c> FnOnce(DStream<'c, I::Record>, DStream<'c, J::Record>) -> DStream<'c, U>,
{
    TestRun::new().run2(first, second, streams)
}
