//! Changing the states of a few keys among many, as `map_with_state` does: one look-up each, and a look at keys by their hash.

use super::by_product::ByProduct;
use super::partition::{Before, Change, Changing};
use super::segments::Entry;
use super::{StateKey, StateValue};
use crate::time::Time;
use std::hint::black_box;

impl<K: StateKey, S: StateValue, X: ByProduct<K>> Changing<'_, K, S, X> {
    /// The version that this one is made of; `None` for the first one.
    pub fn before(&self) -> Option<Time> {
        self.partition.newest()
    }

    /// Looks up keys that are about to be changed, and makes room for what they had. No look-up depends on another, so the
    /// processor waits for the memory of many at once; one change after the other would wait for each. Some hundred keys at a
    /// time: their entries have to stay in its cache until they are changed.
    pub fn look_ahead<'k>(&mut self, keys: impl ExactSizeIterator<Item = (u64, &'k K)>)
    where
        K: 'k,
    {
        self.undo.reserve(keys.len());
        let segments = &self.partition.segments;
        // Nobody wants the number; counting keeps the look-ups from being optimised away.
        black_box(keys.filter(|(hash, key)| segments.get(*hash, key).is_some()).count());
    }

    /// Changes the state of `key` as `f` says, which gets the state that it has. The key is looked up once. To remove
    /// a state that is not there changes nothing.
    ///
    /// # Errors
    /// That of `f`; nothing is changed then.
    pub fn change<E>(
        &mut self,
        hash: u64,
        key: &K,
        f: impl FnOnce(Option<&S>) -> Result<Change<S>, E>,
    ) -> Result<(), E> {
        let (undo, stamp) = (&mut self.undo, self.partition.stamp);
        match self.partition.segments.find(hash, key) {
            Some(mut found) => {
                let entry = found.get_mut();
                match f(Some(&entry.state))? {
                    Change::Keep => {}
                    Change::Set(state) => {
                        let before = std::mem::replace(&mut entry.state, state);
                        if std::mem::replace(&mut entry.stamp, stamp) != stamp {
                            undo.push(Before { hash, key: key.clone(), state: Some(before) });
                        }
                    }
                    Change::Remove => {
                        let (entry, _) = found.remove();
                        if entry.stamp != stamp {
                            undo.push(Before { hash, key: entry.key, state: Some(entry.state) });
                        }
                    }
                }
            }
            None => {
                if let Change::Set(state) = f(None)? {
                    undo.push(Before { hash, key: key.clone(), state: None });
                    self.partition.segments.add(Entry { hash, stamp, mark: 0, key: key.clone(), state });
                }
            }
        }
        Ok(())
    }

    /// The keys with this hash, which is one as a rule, and their states as changed so far.
    pub fn with_hash(&self, hash: u64) -> impl Iterator<Item = (&K, &S)> {
        self.partition.segments.with_hash(hash).map(|entry| (&entry.key, &entry.state))
    }
}
