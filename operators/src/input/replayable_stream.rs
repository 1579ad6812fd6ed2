//! `replayable_stream`: a source that can read again what it has read.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::{Batch, StartStop};
use crate::rdd::Rdd;
use crate::record::{Data, Record};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use waterwheel_runtime::batch::{BatchInputs, MemoryChange, SourceMemory};
use waterwheel_runtime::codec::{self, CodecError};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::event::InputMetadata;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// The longest range that is read back.
const LONGEST_RANGE: usize = 64 << 20;

/// A source that says what a batch reads before it reads it, and can read it again: a log with offsets, a directory of files,
/// a generator.
///
/// With a checkpoint directory what [`next`](ReplayableStream::next) answers is durable before anything reads it. A batch that is
/// run again after a crash reads the same range, and the batch after it goes on behind: every record is in exactly one batch,
/// without a copy of it being kept.
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_operators::rdd::Parallelize;
/// use waterwheel_operators::{ReplayableStream, testkit::TestRun};
/// use waterwheel_runtime::error::JobError;
///
/// /// Three numbers a batch, for ever.
/// struct Numbers { next: u64 }
///
/// impl ReplayableStream<u64> for Numbers {
///     type Range = (u64, u64);
///
///     fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
///         self.next = last.map_or(0, |(_, end)| end);
///         Ok(())
///     }
///
///     fn next(&mut self, _: Time) -> Result<(u64, u64), JobError> {
///         self.next += 3;
///         Ok((self.next - 3, self.next))
///     }
///
///     fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
///         Ok(Some(inputs.scope.parallelize(range.0..range.1, 1)))
///     }
/// }
///
/// let (mut test, numbers) = TestRun::new().start(|ssc| ssc.replayable_stream(Numbers { next: 0 }).probe())?;
/// test.advance(2)?;
/// assert_eq!(numbers.take(), [Some(vec![0, 1, 2]), Some(vec![3, 4, 5])]);
/// test.stop()?;
/// # Ok::<(), Error>(())
/// ```
pub trait ReplayableStream<T>: Send + 'static {
    /// What one batch reads, in the source's own terms: a pair of offsets, the names of files.
    type Range: Record;

    /// Takes back what the source remembered when an earlier run ended: the sum of its [`changes`](ReplayableStream::changes), up to
    /// and with those of the range that [`start`](ReplayableStream::start) is given next. Called once before `start`; without
    /// an earlier run `memory` is empty.
    ///
    /// # Errors
    /// Whatever keeps the source from understanding it: the program then ends before its first batch.
    fn recall(&mut self, memory: SourceMemory) -> Result<(), JobError> {
        let _ = memory;
        Ok(())
    }

    /// The program starts; batches are at `zero` + n x interval. `last` is what the last batch of an earlier run was to read,
    /// whether or not it was done: go on behind it.
    ///
    /// # Errors
    /// Whatever keeps the source from working: the program then ends before its first batch.
    fn start(&mut self, zero: Time, last: Option<Self::Range>) -> Result<(), JobError> {
        let _ = (zero, last);
        Ok(())
    }

    /// Decides what the batch at `time` reads. Called once for every batch that is new, in order of time, on the driver side.
    ///
    /// # Errors
    /// Whatever makes the batch fail; nothing is decided then.
    fn next(&mut self, time: Time) -> Result<Self::Range, JobError>;

    /// How what the source remembers has changed since it was asked last. Asked once after [`start`](ReplayableStream::start), and
    /// after every [`next`](ReplayableStream::next) that has decided something. The changes are made in the write that makes its
    /// range durable: after a crash both are there, or neither. Those of the start are durable before the first batch. What a source remembers is its own affair; it is for sources that must know more of the past than the
    /// last range, as a directory has to know all files that were read, without writing all of it in every batch.
    ///
    /// Without a checkpoint directory they are dropped. Default: none.
    fn changes(&mut self) -> Vec<MemoryChange> {
        Vec::new()
    }

    /// The dataset of `range`: the same records every time. `None` when there is none. Not in order of time: batches of an earlier
    /// run are read again as windows need them. Nothing should be read here but in the tasks of the dataset.
    ///
    /// # Errors
    /// Whatever makes the batch fail.
    fn read(&mut self, range: &Self::Range, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError>;

    /// What `range` is, for whoever looks at the batch: names of files, positions. Default: nothing.
    fn describe(&self, range: &Self::Range) -> InputMetadata {
        let _ = range;
        InputMetadata::default()
    }

    /// The program stops.
    fn stop(&mut self) {}
}

impl StreamingContext {
    /// A stream over a source that can read again what it has read; see [`ReplayableStream`].
    #[track_caller]
    pub fn replayable_stream<T: Data, S: ReplayableStream<T>>(&self, source: S) -> DStream<'_, T> {
        self.replayable_stream_at(Site::here("replayable_stream"), source)
    }

    /// [`replayable_stream`](StreamingContext::replayable_stream) with the site of the method that the user called.
    pub fn replayable_stream_at<T: Data, S: ReplayableStream<T>>(&self, site: Site, source: S) -> DStream<'_, T> {
        let stream = self.with_graph(|graph| graph.next_stream());
        let source = Arc::new(Mutex::new(source));
        let theirs = source.clone();
        let compute = move |batch: &mut Batch<'_>| {
            let (name, time) = (batch.name(), batch.time());
            // A panic in an earlier batch was told; the source decides whether it can go on.
            let mut source = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            let failed = |error: CodecError| JobError::Failed { site, batch: Some(time), message: error.to_string() };
            let range = match batch.inputs.ranges.get(&name) {
                Some(known) => codec::decode(known, LONGEST_RANGE).map_err(failed)?,
                None => {
                    let range = source.next(time)?;
                    batch.decide(name, codec::encode(&range).map_err(failed)?, source.changes());
                    range
                }
            };
            let dataset = source.read(&range, batch.inputs)?;
            let records = dataset.as_ref().and_then(|dataset| dataset.known_count());
            batch.read.note(stream, records, || source.describe(&range));
            Ok(dataset)
        };
        let id = self.with_graph(|graph| graph.add_source(site, None, self.interval(), Box::new(compute)));
        self.with_graph(|graph| graph.count_as(id, stream));
        let life = Life { site, node: id.index(), source, records: PhantomData };
        self.with_graph(|graph| {
            graph.replayable::<_, S::Range>(id);
            graph.add_input(Box::new(life));
        });
        DStream::new(self, id)
    }
}

/// Starts and stops a source.
struct Life<T, S> {
    site: Site,
    node: usize,
    source: Arc<Mutex<S>>,
    records: PhantomData<fn() -> T>,
}

impl<T: Data, S: ReplayableStream<T>> StartStop for Life<T, S> {
    fn site(&self) -> Site {
        self.site
    }

    fn node(&self) -> Option<usize> {
        Some(self.node)
    }

    fn recall(&self, memory: SourceMemory) -> Result<(), JobError> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).recall(memory)
    }

    fn start(&self, zero: Time, last_range: Option<&[u8]>) -> Result<(), JobError> {
        let last = last_range.map(|last| codec::decode::<S::Range>(last, LONGEST_RANGE)).transpose();
        let last = last.map_err(|error| {
            let message = format!("what it read last, before the restart, cannot be understood: {error}");
            JobError::Failed { site: self.site, batch: None, message }
        })?;
        self.source.lock().unwrap_or_else(PoisonError::into_inner).start(zero, last)
    }

    fn changes(&self) -> Vec<MemoryChange> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).changes()
    }

    fn stop(&self) {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}
