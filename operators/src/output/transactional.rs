//! `transactional_output`: records that become visible once, whatever crashes.

use crate::dstream::DStream;
use crate::graph::caught;
use crate::outcome::{BoxError, told};
use crate::record::Data;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use waterwheel_runtime::batch::TwoStepOutput;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::failpoint::fail_point;
use waterwheel_runtime::ids::OutputId;
use waterwheel_runtime::inside::outside_event_loop;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Names a transactional output, in this run of its program and in every later one.
///
/// Displays as `pipeline/operator`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputName {
    /// The name of the application (`app_name` of its configuration).
    pub pipeline: Arc<str>,
    /// The name that the program gave the output.
    pub operator: Arc<str>,
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pipeline, self.operator)
    }
}

/// Names what one partition of one batch of a transactional output writes: the same at every attempt, before and after a crash.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let output = OutputName { pipeline: "shop".into(), operator: "orders".into() };
/// let id = TransactionId { output, batch: Time::from_millis(1000), partition: 3 };
/// assert_eq!(id.to_string(), "shop/orders/1000-3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId {
    /// The output.
    pub output: OutputName,
    /// The batch time.
    pub batch: Time,
    /// The partition of the batch's dataset, from 0.
    pub partition: usize,
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.output, self.batch.millis(), self.partition)
    }
}

/// An output in two steps, whose records become visible exactly once: what
/// [`transactional_output`](DStream::transactional_output) takes.
///
/// The order, for every batch: its tasks [`prepare`](TransactionalOutput::prepare) their partitions; the batch is recorded as done,
/// in the checkpoint directory if there is one; then what it prepared is [committed](TransactionalOutput::commit), before the
/// next batch's. A crash before the record has the batch run again, after [`recover`](TransactionalOutput::recover) has given up
/// what it had prepared. A crash after it leaves prepared records, which `recover` commits at the next start.
///
/// What an implementation owes:
///
/// * All four may be done again although they were done: a crash or an error may come between the effect and the answer. They
///   have to have the effect once.
/// * What is prepared has to survive a crash of this process and of the machine, and nobody may see it.
/// * `prepare` is called from several threads at once, for different ids; while it is, the batches before may be committed.
/// * They may block, and may drive an event loop of their own, but have to have an end: set a time limit in the client.
///
/// An error or a panic in `prepare` fails the task, which is tried again. One in `commit` or `abort` is tried again three times,
/// a second apart; then it ends the program, and the next start makes up for it. One in `recover` ends the program before its
/// first batch. All of them are told with the line of the program that added the output.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex, PoisonError};
/// use waterwheel_operators::outcome::BoxError;
/// use waterwheel_operators::{prelude::*, testkit::run};
///
/// /// Keeps all in memory, which no crash survives: only to show who does what.
/// #[derive(Clone, Default)]
/// struct Table(Arc<Mutex<(BTreeMap<TransactionId, Vec<i32>>, Vec<i32>)>>);
///
/// impl Table {
///     fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<TransactionId, Vec<i32>>, &mut Vec<i32>) -> R) -> R {
///         let (prepared, visible) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         f(prepared, visible)
///     }
/// }
///
/// impl TransactionalOutput<i32> for Table {
///     fn prepare(&self, id: &TransactionId, records: Vec<i32>) -> Result<(), BoxError> {
///         self.with(|prepared, _| prepared.insert(id.clone(), records));
///         Ok(())
///     }
///
///     fn commit(&self, _: &OutputName, batch: Time) -> Result<(), BoxError> {
///         self.with(|prepared, visible| {
///             let theirs: Vec<_> = prepared.keys().filter(|id| id.batch == batch).cloned().collect();
///             visible.extend(theirs.iter().filter_map(|id| prepared.remove(id)).flatten());
///         });
///         Ok(())
///     }
///
///     fn abort(&self, _: &OutputName, batch: Time) -> Result<(), BoxError> {
///         self.with(|prepared, _| prepared.retain(|id, _| id.batch != batch));
///         Ok(())
///     }
///
///     fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
///         let left: Vec<Time> = self.with(|prepared, _| prepared.keys().map(|id| id.batch).collect());
///         for batch in left {
///             if Some(batch) <= committed { self.commit(output, batch)? } else { self.abort(output, batch)? }
///         }
///         Ok(())
///     }
/// }
///
/// let table = Table::default();
/// run([vec![1, 2], vec![3]], |numbers| {
///     numbers.transactional_output("numbers", table.clone());
///     numbers
/// })?;
/// assert_eq!(table.with(|_, visible| visible.clone()), [1, 2, 3]);
/// # Ok::<(), Error>(())
/// ```
pub trait TransactionalOutput<T>: Send + Sync + 'static {
    /// Makes the records of a partition survive a crash, without showing them, in place of what an earlier attempt of the same id
    /// has prepared. Called inside the tasks, for empty partitions, too.
    ///
    /// # Errors
    /// Whatever makes the task fail.
    fn prepare(&self, id: &TransactionId, records: Vec<T>) -> Result<(), BoxError>;

    /// Makes visible, in one step, what all partitions of `batch` have prepared. The batch is done and never run again. Called
    /// in order of batches; does nothing for a batch that is committed already.
    ///
    /// # Errors
    /// When that is not sure to have been done. It is tried again.
    fn commit(&self, output: &OutputName, batch: Time) -> Result<(), BoxError>;

    /// Gives up what partitions of `batch` have prepared: the output failed, and the failure policy skips it. Called before the
    /// batch is recorded as done.
    ///
    /// # Errors
    /// When that is not sure to have been done. It is tried again.
    fn abort(&self, output: &OutputName, batch: Time) -> Result<(), BoxError>;

    /// Puts right what the program left when it ended before: commits what batches up to `committed` have prepared, in their
    /// order, and gives up everything else. Called once, before the first batch; `None` when no batch was recorded, or nothing of
    /// it has survived (without a checkpoint directory).
    ///
    /// # Errors
    /// Whatever keeps the program from starting.
    fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError>;
}

impl<T, O: TransactionalOutput<T> + ?Sized> TransactionalOutput<T> for Arc<O> {
    fn prepare(&self, id: &TransactionId, records: Vec<T>) -> Result<(), BoxError> {
        (**self).prepare(id, records)
    }

    fn commit(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        (**self).commit(output, batch)
    }

    fn abort(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        (**self).abort(output, batch)
    }

    fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
        (**self).recover(output, committed)
    }
}

impl<T: Data> DStream<'_, T> {
    /// Adds an output whose records become visible exactly once; see [`TransactionalOutput`].
    ///
    /// `name` is what the output is called in the ids of what it prepares, together with the name of the application. A program
    /// that is started again finds by it what it has left: no other output of the program may have it, and it has to stay when
    /// the program is changed. What an output of another name has prepared and not committed stays where it is.
    ///
    /// Exactly once over a crash takes what running a batch again takes: a checkpoint directory, input that can be read again, and
    /// functions that give the same for the same records. Without a checkpoint directory it holds within the process.
    #[track_caller]
    pub fn transactional_output(&self, name: &str, output: impl TransactionalOutput<T>) {
        let site = Site::here("transactional_output");
        let pipeline = self.context().config().app_name.as_str().into();
        let (name, output) = (OutputName { pipeline, operator: name.into() }, Arc::new(output));
        let preparing = (name.clone(), output.clone());
        let id = self.output_at(site, move |dataset, batch| {
            let (name, output) = preparing.clone();
            dataset.run_job(site, move |input, task| {
                let (records, partition) = (input.to_vec(task)?, input.partition());
                let id = TransactionId { output: name.clone(), batch, partition };
                let prepared = task.run(site, records.len(), || {
                    fail_point("two_step.before_prepare");
                    let prepared = outside_event_loop(|| output.prepare(&id, records));
                    fail_point("two_step.after_prepare");
                    prepared
                })?;
                Ok(flat(prepared).map_err(|error| task.failed(site, error))?)
            })?;
            Ok(())
        });
        let second = SecondSteps { id, site, name, output, records: PhantomData };
        if let Err(problem) = self.context().with_graph(|graph| graph.add_two_step(Arc::new(second))) {
            self.context().misuse(site, problem);
        }
    }
}

/// The second steps of an output, with the user's errors and panics named.
struct SecondSteps<T, O> {
    id: OutputId,
    site: Site,
    name: OutputName,
    output: Arc<O>,
    records: PhantomData<fn() -> T>,
}

impl<T: Data, O: TransactionalOutput<T>> SecondSteps<T, O> {
    fn call(&self, batch: Option<Time>, step: impl FnOnce() -> Result<(), BoxError> + Send) -> Result<(), JobError> {
        caught(self.site, batch, || flat(outside_event_loop(step)).map_err(|error| told(error, self.site, batch)))
    }
}

impl<T: Data, O: TransactionalOutput<T>> TwoStepOutput for SecondSteps<T, O> {
    fn output(&self) -> OutputId {
        self.id
    }

    fn site(&self) -> Site {
        self.site
    }

    fn name(&self) -> &str {
        &self.name.operator
    }

    fn recover(&self, committed: Option<Time>) -> Result<(), JobError> {
        self.call(None, || self.output.recover(&self.name, committed))
    }

    fn commit(&self, batch: Time) -> Result<(), JobError> {
        self.call(Some(batch), || self.output.commit(&self.name, batch))
    }

    fn abort(&self, batch: Time) -> Result<(), JobError> {
        self.call(Some(batch), || self.output.abort(&self.name, batch))
    }
}

/// The outcome of user code on a thread of its own, if there could be one.
fn flat(outcome: io::Result<Result<(), BoxError>>) -> Result<(), BoxError> {
    outcome.map_err(|error| format!("no thread could be started: {error}"))?
}
