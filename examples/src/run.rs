//! Running a program to its end.

use std::time::Duration;

use waterwheel::prelude::*;

/// Between two looks at a program whose batches take their time.
const LOOK: Duration = Duration::from_secs(1);

/// Starts a program, says where it can be looked at, and shows a live line if the command line asks for one (`--progress`).
///
/// # Errors
///
/// What is wrong in the building of the streams; a page that cannot be served.
#[cfg(feature = "monitor")]
#[track_caller]
pub fn start(ssc: StreamingContext) -> Result<Monitored, Error> {
    // Asked here, so that no example has to hand it on.
    if std::env::args().any(|argument| argument == "--progress") {
        ssc.add_streaming_listener(crate::progress::LiveLine::new(ssc.interval()));
    }
    ssc.start_monitored()
}

/// Starts a program. Built without the feature `monitor` there is no page.
///
/// # Errors
///
/// What is wrong in the building of the streams.
#[cfg(not(feature = "monitor"))]
#[track_caller]
pub fn start(ssc: StreamingContext) -> Result<RunningContext, Error> {
    ssc.start()
}

/// Starts a program and ends it gracefully after `batches` batches; without a number it runs until Ctrl-C.
///
/// ```
/// use examples::run::run;
/// use waterwheel::prelude::*;
///
/// let mut config = Config::local("Three");
/// config.ui = config.ui.with_enabled(false);
/// let ssc = StreamingContext::new(config, milliseconds(10))?;
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
    finish(start(ssc)?, batches)
}

/// As [`run`], for a program that has been started.
///
/// # Errors
///
/// What ended the program.
pub fn finish(running: impl AsRef<RunningContext>, batches: Option<u64>) -> Result<(), Error> {
    let running = running.as_ref();
    let Some(batches) = batches else { return running.await_termination() };
    while !running.wait_for_batches(batches, LOOK) && !running.await_termination_or_timeout(Duration::ZERO)? {}
    running.stop(Stop::Graceful)
}
