//! Running a program to its end.

use std::time::Duration;

use waterwheel::prelude::*;

/// Between two looks at a program whose batches take their time.
const LOOK: Duration = Duration::from_secs(1);

/// Starts a program and ends it gracefully after `batches` batches; without a number it runs until Ctrl-C.
///
/// ```
/// use examples::run::run;
/// use waterwheel::prelude::*;
///
/// let ssc = StreamingContext::new(Config::local("Three"), milliseconds(10))?;
/// let (batches, seen) = std::sync::mpsc::channel();
/// let numbers = ssc.constant_stream(ssc.engine().parallelize(1..=4, 2));
/// numbers.foreach_rdd(move |_| batches.send(()));
/// run(ssc, Some(3))?;
/// assert!(seen.iter().count() >= 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// What is wrong in the building of the streams, and what ended the program.
#[track_caller]
pub fn run(ssc: StreamingContext, batches: Option<u64>) -> Result<(), Error> {
    finish(ssc.start()?, batches)
}

/// As [`run`], for a program that has been started.
///
/// # Errors
///
/// What ended the program.
pub fn finish(running: RunningContext, batches: Option<u64>) -> Result<(), Error> {
    let Some(batches) = batches else { return running.await_termination() };
    while !running.wait_for_batches(batches, LOOK) && !running.await_termination_or_timeout(Duration::ZERO)? {}
    running.stop(Stop::Graceful)
}
