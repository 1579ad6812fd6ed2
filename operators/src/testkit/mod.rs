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
//! [`TestRun`] has settings; [`Scripted`] is the input alone, for tests that drive a context themselves.

mod script;
mod test_run;

pub use script::{Script, Scripted, ScriptedBatch};
pub use test_run::{TestRun, TestRunError};

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
