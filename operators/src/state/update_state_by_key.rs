//! `update_state_by_key`: a state for every key, updated in every batch.

use super::dataset::versions;
use super::grouped::Grouped;
use super::step::{Apply, Gather, Steps};
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::{CHUNK, Input, Partitioner, Rdd, Stop};
use crate::record::{Data, Key, Record};
use std::sync::Arc;
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, TaskContext};
use waterwheel_runtime::state::{Change, Changing, KeepByProducts};
use waterwheel_runtime::time::Time;

/// What changes a partition's state: given the batch time, the new records, and the partition as it was.
type Update<K, V, S> =
    dyn Fn(Time, &Grouped<K, V>, &mut Changing<'_, K, S, ()>, &TaskContext) -> Result<(), TaskError> + Send + Sync;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Keeps a state for every key, and holds all of them in every batch.
    ///
    /// In every batch `f` is called once for every key that has a state or new values, with the values (in the order of
    /// partition and position, none when there are none) and the state; it returns the new state, or `None` when the key is to
    /// be forgotten. That is so in batches without records, too, and in those in which this stream has no dataset.
    ///
    /// States lie in as many partitions as `default_parallelism` says, in memory, and survive a restart: that takes a
    /// checkpoint directory, and `start` asks for one. Only states that `f` has changed (by their `PartialEq`) are written.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::{assert_same_batches, run};
    /// let counts = run([vec!["a", "b"], vec!["a"], vec![]], |letters| {
    ///     let ones = letters.map(|letter| (letter.to_owned(), 1));
    ///     ones.update_state_by_key(|ones, count| Some(count.unwrap_or(0) + ones.len()))
    /// })?;
    /// let (a, b) = ("a".to_owned(), "b".to_owned());
    /// let last = vec![(a.clone(), 2), (b.clone(), 1)];
    /// assert_same_batches(counts, [vec![(a, 1), (b, 1)], last.clone(), last]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn update_state_by_key<S: Record + PartialEq>(
        &self,
        f: impl Fn(&[V], Option<S>) -> Option<S> + Send + Sync + 'static,
    ) -> DStream<'c, (K, S)> {
        let update = update_each(Site::here("update_state_by_key"), move |_, _, values, state| f(values, state));
        self.update_state_at(Site::here("update_state_by_key"), update, None, None)
    }

    /// [`update_state_by_key`](DStream::update_state_by_key) with states in the partitions of `partitioner` (a number of
    /// partitions will do).
    #[track_caller]
    pub fn update_state_by_key_with<S: Record + PartialEq>(
        &self,
        f: impl Fn(&[V], Option<S>) -> Option<S> + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, S)> {
        let site = Site::here("update_state_by_key");
        let update = update_each(site, move |_, _, values, state| f(values, state));
        self.update_state_at(site, update, Some(partitioner.into()), None)
    }

    /// [`update_state_by_key_with`](DStream::update_state_by_key_with) that begins with the states of `initial`: they are
    /// there in the first batch already, and `f` is called for them in it. Of several states of a key the first counts. After a
    /// restart the stored states are gone on with, and `initial` is not looked at.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # use waterwheel_operators::testkit::{assert_same_batches, run};
    /// let counts = run([vec![("a", 1)], vec![("b", 1)]], |pairs| {
    ///     let initial = pairs.context().parallelize([("a".to_owned(), 1), ("c".to_owned(), 2)], 1);
    ///     let sum = |ones: &[i32], sum: Option<i32>| Some(sum.unwrap_or(0) + ones.iter().sum::<i32>());
    ///     pairs.map(|(key, n)| (key.to_owned(), n)).update_state_by_key_from(sum, 2, &initial)
    /// })?;
    /// let [a, b, c] = ["a", "b", "c"].map(str::to_owned);
    /// assert_same_batches(counts, [vec![(a.clone(), 2), (c.clone(), 2)], vec![(a, 2), (b, 1), (c, 2)]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn update_state_by_key_from<S: Record + PartialEq>(
        &self,
        f: impl Fn(&[V], Option<S>) -> Option<S> + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
        initial: &Rdd<(K, S)>,
    ) -> DStream<'c, (K, S)> {
        let site = Site::here("update_state_by_key");
        let update = update_each(site, move |_, _, values, state| f(values, state));
        self.update_state_at(site, update, Some(partitioner.into()), Some(initial))
    }

    /// [`update_state_by_key_with`](DStream::update_state_by_key_with) whose function is also given the batch time and the
    /// key. States begin with those of `initial`, if there are any.
    #[track_caller]
    pub fn update_state_by_key_with_time<S: Record + PartialEq>(
        &self,
        f: impl Fn(Time, &K, &[V], Option<S>) -> Option<S> + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
        initial: Option<&Rdd<(K, S)>>,
    ) -> DStream<'c, (K, S)> {
        let site = Site::here("update_state_by_key");
        self.update_state_at(site, update_each(site, f), Some(partitioner.into()), initial)
    }

    pub(super) fn update_state_at<S: Record>(
        &self,
        site: Site,
        update: Arc<Update<K, V, S>>,
        partitioner: Option<Partitioner<K>>,
        initial: Option<&Rdd<(K, S)>>,
    ) -> DStream<'c, (K, S)> {
        let (context, parent) = (self.context(), self.node_id());
        let slide = self.slide_duration();
        let steps = Steps::new(context, site, slide, partitioner, KeepByProducts::WithVersions);
        let mut initial = initial.map(|initial| initial.partition_by_at(site, steps.partitioner().clone()));
        let theirs = steps.clone();
        let compute = move |batch: &mut Batch<'_>| {
            if theirs.is_gone(batch.time()) {
                return Ok(None);
            }
            let records = batch.dataset(parent)?;
            let partitioner = theirs.partitioner().clone();
            let records = records.map(|records| records.partition_by_at(site, partitioner.clone()));
            // Not needed any more once every partition has a version that stays: it may hold as much as the state.
            initial.take_if(|_| (0..theirs.store().partitions()).all(|p| !theirs.store().may_begin_anew(p)));
            let records_node = records.as_ref().map(|records| records.node().clone() as Arc<dyn Lineage>);
            let initial_node = initial.as_ref().map(|initial| initial.node().clone() as Arc<dyn Lineage>);
            let inputs = records_node.into_iter().chain(initial_node).collect();
            let gather = gather(site, batch.time(), records, initial.clone(), update.clone());
            let step = theirs.step(batch, inputs, gather);
            Ok(Some(versions(step, partitioner.id(), &batch.inputs.scope)))
        };
        let stream = context.add_node(site, slide, vec![parent.now()], Box::new(compute));
        steps.keep_up(context, stream.node_id());
        stream
    }
}

/// Gathers the records of a partition, and the states it begins with when it begins.
fn gather<K: Key, V: Record, S: Record>(
    site: Site,
    batch: Time,
    records: Option<Rdd<(K, V)>>,
    initial: Option<Rdd<(K, S)>>,
    update: Arc<Update<K, V, S>>,
) -> Gather<K, S, ()> {
    Box::new(move |partition, task| {
        let records = group(site, records.as_ref(), partition, task)?;
        let initial = group(site, initial.as_ref(), partition, task)?;
        let update = update.clone();
        let apply: Apply<K, S, ()> = Box::new(move |version, task| {
            if version.is_first() {
                for (position, group) in initial.groups().iter().enumerate() {
                    if let Some(state) = initial.values(position).first() {
                        version.set(group.hash, group.key.clone(), state.clone());
                    }
                }
            }
            update(batch, &records, version, task)
        });
        Ok(apply)
    })
}

fn group<K: Key, V: Data>(
    site: Site,
    dataset: Option<&Rdd<(K, V)>>,
    partition: usize,
    task: &TaskContext,
) -> Result<Grouped<K, V>, Stop> {
    let mut grouped = Grouped::new();
    if let Some(dataset) = dataset {
        Input::new(&**dataset.node(), partition).each(task, |chunk| {
            let added = task.run(site, 0, || chunk.drain(..).try_for_each(|record| grouped.add(record)))?;
            Ok(added.map_err(|error| task.failed(site, error))?)
        })?;
    }
    Ok(grouped.sorted())
}

/// Calls `f` for every key that has a state or values.
fn update_each<K: Key, V: Record, S: Record + PartialEq>(
    site: Site,
    f: impl Fn(Time, &K, &[V], Option<S>) -> Option<S> + Send + Sync + 'static,
) -> Arc<Update<K, V, S>> {
    Arc::new(move |time, records, version, task| {
        let mut fresh = Vec::new();
        let mut numbered = records.groups().iter().enumerate().zip(1_u32..);
        for chunk in records.groups().chunks(CHUNK) {
            version.look_ahead(chunk.iter().map(|group| (group.hash, &group.key)));
            for ((position, group), mark) in numbered.by_ref().take(chunk.len()) {
                if !version.mark(group.hash, &group.key, mark) {
                    fresh.push((position, group));
                }
            }
        }
        task.run(site, records.records(), || {
            version.update_each(|key, state, mark| {
                let values = (mark as usize).checked_sub(1).map_or(&[][..], |position| records.values(position));
                match f(time, key, values, Some(state.clone())) {
                    None => Change::Remove,
                    Some(new) if new == *state => Change::Keep,
                    Some(new) => Change::Set(new),
                }
            });
            for (position, group) in fresh {
                if let Some(state) = f(time, &group.key, records.values(position), None) {
                    version.set(group.hash, group.key.clone(), state);
                }
            }
        })
    })
}
