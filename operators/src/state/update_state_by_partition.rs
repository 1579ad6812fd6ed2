//! `update_state_by_partition`: the states of all keys of a partition, updated by one function.

use crate::dstream::DStream;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use std::collections::HashMap;
use std::sync::Arc;
use waterwheel_runtime::codec::stable_key_hash;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;
use waterwheel_runtime::state::{Change, Changing};
use waterwheel_runtime::time::Time;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// [`update_state_by_key`](DStream::update_state_by_key) with one call of `f` for all keys of a partition: it is given the
    /// batch time and an iterator over every key that has a state or new values, in no particular order, and returns the keys
    /// that have a state from now on. What it does not return is forgotten; of several states of a key the first counts.
    ///
    /// `f` may return keys that it was not given, as long as `partitioner` puts them into the same partition; the task fails
    /// otherwise, since nobody would find them where they are. States begin with those of `initial`, if there are any.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::{assert_same_batches, run};
    /// let best = run([vec![("ada", 3), ("bob", 5)], vec![("ada", 4)]], |marks| {
    ///     marks.map(|(name, mark)| (name.to_owned(), mark)).update_state_by_partition(
    ///         |_, keys| {
    ///             let best = |(name, marks, best): (String, Vec<i32>, Option<i32>)| Some((name, marks.into_iter().chain(best).max()?));
    ///             keys.filter_map(best).collect()
    ///         },
    ///         2,
    ///         None,
    ///     )
    /// })?;
    /// let (ada, bob) = ("ada".to_owned(), "bob".to_owned());
    /// assert_same_batches(best, [vec![(ada.clone(), 3), (bob.clone(), 5)], vec![(ada, 4), (bob, 5)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn update_state_by_partition<S: Record + PartialEq>(
        &self,
        f: impl Fn(Time, &mut dyn Iterator<Item = (K, Vec<V>, Option<S>)>) -> Vec<(K, S)> + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
        initial: Option<&Rdd<(K, S)>>,
    ) -> DStream<'c, (K, S)> {
        let (site, partitioner) = (Site::here("update_state_by_partition"), partitioner.into());
        let theirs = partitioner.clone();
        let update = move |time: Time,
                           records: &super::grouped::Grouped<K, V>,
                           version: &mut Changing<'_, K, S, ()>,
                           task: &TaskContext| {
            let returned = task.run(site, records.records(), || {
                let known = version.entries().map(|(hash, key, state)| {
                    let values = records.position(hash, key).map_or(&[][..], |position| records.values(position));
                    (key.clone(), values.to_vec(), Some(state.clone()))
                });
                let new = records
                    .groups()
                    .iter()
                    .enumerate()
                    .filter(|(_, group)| version.get(group.hash, &group.key).is_none());
                let new = new.map(|(position, group)| (group.key.clone(), records.values(position).to_vec(), None));
                f(time, &mut known.chain(new))
            })?;
            let mut scratch = Vec::new();
            let mut states: HashMap<u64, Vec<(K, S)>> = HashMap::new();
            for (key, state) in returned {
                let place = task.run(site, 0, || partitioner.partition(&key, &mut scratch))?;
                let place = place.map_err(|error| task.failed(site, error))?;
                if place != task.partition() {
                    let problem = format!(
                        "it returned a key that belongs to partition {place}; return keys that the partitioner puts into the partition they come from"
                    );
                    return Err(task.failed(site, problem));
                }
                let hash = stable_key_hash(&key, &mut scratch).map_err(|error| task.failed(site, error))?;
                let same = states.entry(hash).or_default();
                if same.iter().all(|(known, _)| *known != key) {
                    same.push((key, state));
                }
            }
            task.run(site, 0, || {
                version.update_each_hashed(|hash, key, state| {
                    let same = states.get_mut(&hash);
                    let found = same.and_then(|same| {
                        let at = same.iter().position(|(known, _)| known == key)?;
                        Some(same.swap_remove(at).1)
                    });
                    match found {
                        None => Change::Remove,
                        Some(new) if new == *state => Change::Keep,
                        Some(new) => Change::Set(new),
                    }
                });
                // What is left had no state before.
                for (hash, same) in states {
                    same.into_iter().for_each(|(key, state)| version.set(hash, key, state));
                }
            })
        };
        self.update_state_at(site, Arc::new(update), Some(theirs), initial)
    }
}
