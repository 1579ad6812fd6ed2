//! What one batch does to one partition of the states: its records first, then what has timed out.

use super::spec::{MapState, StateSpec};
use super::state::{self, State};
use crate::outcome::BoxError;
use crate::rdd::CHUNK;
use crate::record::{Data, Key, Record};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use waterwheel_runtime::codec::{CodecError, encode, stable_key_hash};
use waterwheel_runtime::error::{TaskError, in_full};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;
use waterwheel_runtime::state::{Change, Changing, Emitted, Expiry};
use waterwheel_runtime::time::Time;

/// The state of a key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timed<S> {
    pub(super) state: S,
    /// The batch that last brought data: with a timeout any, without one those that were stored.
    pub(super) last: Time,
}

/// The operator, apart from its streams and the place of its states.
pub(super) struct Mapper<K, V, S, R> {
    site: Site,
    function: MapState<K, V, S, R>,
    /// By partition; none without a timeout.
    expiries: Vec<Mutex<Expiry>>,
}

impl<K: Key, V: Data, S: Record, R: Record> Mapper<K, V, S, R> {
    /// The operator that `spec` describes, with states in so many partitions.
    pub(super) fn new(site: Site, spec: &StateSpec<K, V, S, R>, partitions: usize) -> Mapper<K, V, S, R> {
        let expiries =
            spec.timeout.into_iter().flat_map(|idle| (0..partitions).map(move |_| Mutex::new(Expiry::new(idle))));
        Mapper { site, function: spec.function.clone(), expiries: expiries.collect() }
    }

    /// Makes the version of a batch of one partition out of the batch's records, and of `initial` when it is the first. Returns what the function made of them.
    pub(super) fn version(
        &self,
        partition: usize,
        states: &mut Changing<'_, K, Timed<S>, Emitted<R>>,
        initial: Vec<(K, S)>,
        records: &[(K, V)],
        task: &TaskContext,
    ) -> Result<Emitted<R>, TaskError> {
        if states.before().is_none() {
            begin_with(states, initial).map_err(|error| task.failed(self.site, error))?;
        }
        // Nobody else holds it: the partition is locked. After a panic it is the index of no version, and made anew.
        let expiry = self.expiries.get(partition);
        let mut expiry = expiry.map(|expiry| expiry.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(expiry) = expiry.as_deref_mut() {
            expiry.follow(states.before(), states.batch(), || {
                states.entries().map(|(hash, _, known)| (hash, known.last))
            });
        }
        let mut batch = Batch { mapper: self, task, states, expiry: expiry.as_deref_mut(), emitted: Vec::new() };
        batch.data(records)?;
        batch.time_outs()?;
        Ok(Emitted(batch.emitted))
    }
}

/// Gives the keys of `initial` their states; of several for one key the first one.
fn begin_with<K: Key, S: Record, R: Record>(
    states: &mut Changing<'_, K, Timed<S>, Emitted<R>>,
    initial: Vec<(K, S)>,
) -> Result<(), CodecError> {
    let (last, mut scratch) = (states.batch(), Vec::new());
    initial.into_iter().try_for_each(|(key, state)| {
        let hash = stable_key_hash(&key, &mut scratch)?;
        states.change(hash, &key, |known| {
            Ok(if known.is_none() { Change::Set(Timed { state, last }) } else { Change::Keep })
        })
    })
}

/// A version of one partition under way.
struct Batch<'a, 'p, K: Key, V: Data, S: Record, R: Record> {
    mapper: &'a Mapper<K, V, S, R>,
    task: &'a TaskContext,
    states: &'a mut Changing<'p, K, Timed<S>, Emitted<R>>,
    expiry: Option<&'a mut Expiry>,
    emitted: Vec<R>,
}

impl<K: Key, V: Data, S: Record, R: Record> Batch<'_, '_, K, V, S, R> {
    /// Calls the function for every record, in order.
    fn data(&mut self, records: &[(K, V)]) -> Result<(), TaskError> {
        let (site, task) = (self.mapper.site, self.task);
        let (mut scratch, mut hashes) = (Vec::new(), Vec::with_capacity(CHUNK));
        self.emitted.reserve(records.len());
        for chunk in records.chunks(CHUNK) {
            let mut chunk_of_records = || -> Result<(), BoxError> {
                hashes.clear();
                for (key, _) in chunk {
                    hashes.push(stable_key_hash(key, &mut scratch)?);
                }
                self.states.look_ahead(hashes.iter().copied().zip(chunk.iter().map(|(key, _)| key)));
                let mut records = hashes.iter().zip(chunk);
                records.try_for_each(|(hash, (key, value))| self.record(*hash, key, value.clone()))
            };
            let called = task.run(site, chunk.len(), &mut chunk_of_records)?;
            called.map_err(|error| task.failed(site, in_full(&*error)))?;
        }
        Ok(())
    }

    fn record(&mut self, hash: u64, key: &K, value: V) -> Result<(), BoxError> {
        let batch = self.states.batch();
        let times_out = self.expiry.is_some();
        let (function, emitted) = (&self.mapper.function, &mut self.emitted);
        let mut is_new = false;
        self.states.change(hash, key, |known: Option<&Timed<S>>| {
            let mut state = State::of(known.map(|known| &known.state));
            emitted.extend(function(batch, key, Some(value), &mut state)?);
            Ok::<_, BoxError>(match state.into_change()? {
                state::Change::Updated(state) => {
                    is_new = known.is_none();
                    Change::Set(Timed { state, last: batch })
                }
                state::Change::Removed => Change::Remove,
                state::Change::Kept => match known {
                    // Data are data, whatever is done with them.
                    Some(known) if times_out && known.last != batch => {
                        Change::Set(Timed { state: known.state.clone(), last: batch })
                    }
                    _ => Change::Keep,
                },
            })
        })?;
        if let Some(expiry) = self.expiry.as_deref_mut().filter(|_| is_new) {
            expiry.insert(hash, batch);
        }
        Ok(())
    }

    /// Calls the function for every key that has timed out, in order of hash, and takes its state away.
    fn time_outs(&mut self) -> Result<(), TaskError> {
        let (site, task) = (self.mapper.site, self.task);
        let Some(expiry) = self.expiry.as_deref_mut() else { return Ok(()) };
        let batch = self.states.batch();
        let due = expiry.due(batch, |hash| self.states.with_hash(hash).map(|(_, known)| known.last));
        let mut over: Vec<(u64, K)> = Vec::with_capacity(due.len());
        for hash in due {
            let keys = self.states.with_hash(hash).filter(|(_, known)| expiry.is_over(known.last, batch));
            let first = over.len();
            over.extend(keys.map(|(key, _)| (hash, key.clone())));
            if let Some(alike @ [_, _, ..]) = over.get_mut(first..) {
                // Two keys with one hash hardly ever meet. A key that is stored has been encoded before.
                alike.sort_by_cached_key(|(_, key)| encode(key).unwrap_or_default());
            }
        }
        for chunk in over.chunks(CHUNK) {
            let mut time_out = |(hash, key): &(u64, K)| self.time_out(*hash, key);
            let called = task.run(site, chunk.len(), || chunk.iter().try_for_each(&mut time_out))?;
            called.map_err(|error| task.failed(site, in_full(&*error)))?;
        }
        Ok(())
    }

    fn time_out(&mut self, hash: u64, key: &K) -> Result<(), BoxError> {
        let batch = self.states.batch();
        let (function, emitted) = (&self.mapper.function, &mut self.emitted);
        self.states.change(hash, key, |known: Option<&Timed<S>>| {
            if let Some(known) = known {
                let mut state = State::timing_out(&known.state);
                emitted.extend(function(batch, key, None, &mut state)?);
                state.into_change()?;
            }
            Ok(Change::Remove)
        })
    }
}
