//! `output`: an output of the program's own making, with a beginning and an end.

use crate::dstream::DStream;
use crate::graph::{Batch, RunJob, StartStop, catch};
use crate::outcome::{BoxError, Outcome, told};
use crate::rdd::Rdd;
use crate::record::Data;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::ids::OutputId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Something that is done with every batch of a stream of `T`: what [`output`](DStream::output) takes.
///
/// A closure over the dataset and the batch time is one as well, and [`foreach_rdd`](DStream::foreach_rdd) is the short form of
/// that. Implement the trait where there is something to do before the first batch or after the last, or where an output is to
/// be used in several programs. All three run on the driver side.
///
/// ```
/// use waterwheel_operators::outcome::BoxError;
/// use waterwheel_operators::{prelude::*, testkit::run};
/// use std::sync::mpsc::Sender;
///
/// struct Report(Sender<String>);
///
/// impl Output<u64> for Report {
///     fn start(&mut self, zero: Time) -> Result<(), BoxError> {
///         Ok(self.0.send(format!("batches come after {zero}"))?)
///     }
///
///     fn run(&self, dataset: Rdd<u64>, time: Time) -> Result<(), BoxError> {
///         Ok(self.0.send(format!("{} at {time}", dataset.count()?))?)
///     }
///
///     fn stop(&mut self) {
///         let _ = self.0.send("no more".to_owned());
///     }
/// }
///
/// let (sender, lines) = std::sync::mpsc::channel();
/// run([vec![1, 2], vec![3]], |numbers| {
///     numbers.output(Report(sender));
///     numbers
/// })?;
/// let lines: Vec<_> = lines.iter().collect();
/// assert_eq!(lines, ["batches come after 0 ms", "2 at 1000 ms", "1 at 2000 ms", "no more"]);
/// # Ok::<(), Error>(())
/// ```
pub trait Output<T>: Send + Sync + 'static {
    /// The program starts; batches are at `zero` + n x interval. Called once, before the first batch.
    ///
    /// # Errors
    /// Whatever keeps the output from working: the program then ends before its first batch.
    fn start(&mut self, zero: Time) -> Result<(), BoxError> {
        let _ = zero;
        Ok(())
    }

    /// Does what is to be done with the batch at `time`. Nothing is computed unless an action is run on `dataset`.
    ///
    /// Called once for every batch that the stream has a dataset in, in order of time, one after the other. A batch that failed
    /// may be run again, so what this does should be the same when it is done twice.
    ///
    /// # Errors
    /// Whatever makes the batch fail; the failure policy says what comes next. The error of an action is passed on with `?`.
    fn run(&self, dataset: Rdd<T>, time: Time) -> Result<(), BoxError>;

    /// The program stops; `run` is called no more. Called once if `start` was, also when that failed; not while a `run` hangs.
    fn stop(&mut self) {}
}

impl<T: Data, R: Outcome, F: Fn(Rdd<T>, Time) -> R + Send + Sync + 'static> Output<T> for F {
    fn run(&self, dataset: Rdd<T>, time: Time) -> Result<(), BoxError> {
        self(dataset, time).into_result()
    }
}

impl<T: Data> DStream<'_, T> {
    /// Adds an output; see [`Output`].
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let (sender, times) = std::sync::mpsc::channel();
    /// run([vec!["a"], vec![]], |words| {
    ///     words.output(move |_: Rdd<&str>, time: Time| sender.send(time.millis()));
    ///     words
    /// })?;
    /// assert_eq!(times.iter().collect::<Vec<_>>(), [1000, 2000]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn output(&self, output: impl Output<T>) {
        let site = Site::here("output");
        let shared = Arc::new(RwLock::new(output));
        let life = Life { site, output: shared.clone(), records: PhantomData };
        self.context().with_graph(|graph| graph.add_input(Box::new(life)));
        self.output_at(site, move |dataset, time| {
            // Shared by nothing but `start` and `stop`, and those come before and after.
            shared.read().unwrap_or_else(PoisonError::into_inner).run(dataset, time)
        });
    }

    /// Registers an output that has neither beginning nor end.
    pub(crate) fn output_at(
        &self,
        site: Site,
        f: impl Fn(Rdd<T>, Time) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> OutputId {
        let (parent, f) = (self.node_id(), Arc::new(f));
        let make = move |batch: &mut Batch<'_>| {
            let Some(dataset) = batch.dataset(parent)? else { return Ok(None) };
            let (f, time) = (f.clone(), batch.time());
            let run = move || catch(site, time, || f(dataset.clone(), time).map_err(|error| told(error, site, time)));
            Ok(Some(Arc::new(run) as RunJob))
        };
        self.context().with_graph(|graph| graph.add_output(site, vec![parent.now()], Box::new(make)))
    }
}

/// Starts and stops an output.
struct Life<T, O> {
    site: Site,
    output: Arc<RwLock<O>>,
    records: PhantomData<fn() -> T>,
}

impl<T, O: Output<T>> StartStop for Life<T, O> {
    fn site(&self) -> Site {
        self.site
    }

    fn start(&self, zero: Time, _: Option<&[u8]>) -> Result<(), JobError> {
        let mut output = self.output.write().unwrap_or_else(PoisonError::into_inner);
        output.start(zero).map_err(|error| told(error, self.site, None))
    }

    fn stop(&self) {
        match self.output.try_write() {
            Ok(mut output) => output.stop(),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner().stop(),
            // A stop has an end, even when user code has none.
            Err(std::sync::TryLockError::WouldBlock) => {
                log::warn!("{} is still running a batch and is not told of the stop", self.site);
            }
        }
    }
}
