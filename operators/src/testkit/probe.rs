//! `probe`: what a stream held in each batch, for tests.

use crate::dstream::DStream;
use crate::graph::{Batch, RunJob, catch};
use crate::record::Data;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// What a stream held in each batch, in order of time; seen by its outputs, so that it is whole when the batch is complete.
///
/// A batch in which the stream had no dataset is `None`; that differs from a dataset without records. A clone sees the same.
///
/// ```
/// use waterwheel_operators::testkit::{TestInput, TestRun};
/// use waterwheel_runtime::time::Time;
///
/// let numbers = TestInput::new();
/// let (mut test, (odd, doubled)) = TestRun::new().start(|ssc| {
///     let numbers = numbers.stream(ssc);
///     (numbers.filter(|n| n % 2 == 1).probe(), numbers.map(|n| n * 2).probe())
/// })?;
/// numbers.push([1, 2]);
/// test.advance(1)?;
/// assert_eq!(odd.take(), [Some(vec![1])]);
/// assert_eq!(doubled.timed(), [(Time::from_millis(1000), Some(vec![2, 4]))]);
///
/// numbers.push([4]);
/// test.advance(1)?;
/// assert_eq!(odd.take(), [Some(vec![])], "what was taken before is not taken again");
/// test.stop()?;
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
pub struct Probe<T>(Arc<Mutex<Seen<T>>>);

struct Seen<T> {
    /// By time, since a batch that is tried again is seen again.
    batches: BTreeMap<Time, Option<Vec<T>>>,
    taken: Option<Time>,
}

impl<T> Clone for Probe<T> {
    fn clone(&self) -> Self {
        Probe(self.0.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.seen().batches).finish()
    }
}

impl<T> Probe<T> {
    fn seen(&self) -> MutexGuard<'_, Seen<T>> {
        // A panic of a record's `clone` leaves nothing half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Probe<T> {
    /// Every batch so far.
    pub fn batches(&self) -> Vec<Option<Vec<T>>> {
        self.seen().batches.values().cloned().collect()
    }

    /// Every batch so far, with its time.
    pub fn timed(&self) -> Vec<(Time, Option<Vec<T>>)> {
        self.seen().batches.iter().map(|(time, records)| (*time, records.clone())).collect()
    }

    /// The datasets so far; batches without one are left out.
    pub fn datasets(&self) -> Vec<Vec<T>> {
        self.seen().batches.values().flatten().cloned().collect()
    }

    /// The batches since the last `take`, or since the start.
    pub fn take(&self) -> Vec<Option<Vec<T>>> {
        let mut seen = self.seen();
        let fresh = seen.batches.iter().filter(|(time, _)| Some(**time) > seen.taken);
        let fresh = fresh.map(|(_, records)| records.clone()).collect();
        seen.taken = seen.batches.keys().next_back().copied();
        fresh
    }
}

impl<T: Data> DStream<'_, T> {
    /// Has every batch of the stream recorded, for a test. See [`Probe`].
    ///
    /// A probe is an output like any other: it makes the stream be computed, and has its place among the outputs.
    #[track_caller]
    pub fn probe(&self) -> Probe<T> {
        self.probe_at(Site::here("probe"))
    }

    pub(super) fn probe_at(&self, site: Site) -> Probe<T> {
        let probe = Probe(Arc::new(Mutex::new(Seen { batches: BTreeMap::new(), taken: None })));
        let (parent, theirs) = (self.node_id(), probe.clone());
        let make = move |batch: &mut Batch<'_>| {
            let time = batch.time();
            let Some(dataset) = batch.dataset(parent)? else {
                theirs.seen().batches.insert(time, None);
                return Ok(None);
            };
            let theirs = theirs.clone();
            let run = move || {
                catch(site, time, || {
                    let records = dataset.collect_at(site)?;
                    theirs.seen().batches.insert(time, Some(records));
                    Ok(())
                })
            };
            Ok(Some(Arc::new(run) as RunJob))
        };
        self.context().with_graph(|graph| graph.add_output(site, vec![parent.now()], Box::new(make)));
        probe
    }
}
