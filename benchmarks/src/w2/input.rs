//! What W2 and W6 count: every key once, then updates of keys drawn evenly; and what the counts must come to.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Form, Record};
use crate::count::Summary;

/// Batches of updates that lie in memory; a run goes round over them.
const DISTINCT_BATCHES: usize = 12;

/// The ids of all batches, one after another.
pub(crate) struct Input {
    keys: u32,
    preload: Vec<Vec<u32>>,
    updates: Vec<Vec<u32>>,
}

/// Records ("k" + id, 1), as they lie in memory.
fn records(ids: &[u32]) -> &'static [Record] {
    ids.iter().map(|id| (key_of(*id), 1)).collect::<Vec<_>>().leak()
}

fn key_of(id: u32) -> String {
    format!("k{id}")
}

impl Input {
    /// `keys` distinct keys in batches of `per_batch` records.
    pub(crate) fn new(keys: u32, per_batch: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let all: Vec<u32> = (0..keys).collect();
        let mut batch = || (0..per_batch).map(|_| random.random_range(0..keys)).collect();
        Self {
            keys,
            preload: all.chunks(per_batch).map(<[u32]>::to_vec).collect(),
            updates: (0..DISTINCT_BATCHES).map(|_| batch()).collect(),
        }
    }

    /// Batches that hold every key once.
    pub(crate) fn preloads(&self) -> usize {
        self.preload.len()
    }

    /// The ids of batch `i`: those that hold every key, then updates for ever.
    fn ids(&self, i: usize) -> &[u32] {
        let updates = || &self.updates[(i - self.preload.len()) % self.updates.len()];
        self.preload.get(i).unwrap_or_else(updates)
    }

    /// One batch as records in memory.
    pub(crate) fn batch(&self, i: usize) -> &'static [Record] {
        records(self.ids(i))
    }

    /// The first `count` batches as records in memory. The batches of updates are there once.
    pub(crate) fn batches(&self, count: usize) -> Vec<&'static [Record]> {
        let preload = self.preload.iter().map(|ids| records(ids));
        let updates: Vec<_> = self.updates.iter().map(|ids| records(ids)).collect();
        preload.chain(updates.into_iter().cycle()).take(count).collect()
    }

    /// What the outputs of the first `count` batches see, and last the whole state.
    pub(crate) fn expected(&self, count: usize, form: Form) -> Vec<Summary> {
        let mut counts = vec![0_u64; self.keys as usize];
        let mut expected = Vec::new();
        for batch in 0..count {
            let mut summary = Summary::default();
            for id in self.ids(batch) {
                let count = &mut counts[*id as usize];
                *count += 1;
                if form == Form::Map {
                    summary.add(&key_of(*id), *count);
                }
            }
            expected.push(summary);
        }
        let mut state = Summary::default();
        for (id, count) in (0..).zip(&counts).filter(|(_, count)| **count > 0) {
            state.add(&key_of(id), *count);
        }
        expected.push(state);
        expected
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn expectations_are_those_of_a_plain_count() {
        let input = Input::new(10, 4, 1);
        assert_eq!(input.preloads(), 3);
        let (mut counts, mut seen) = (HashMap::new(), Vec::new());
        for batch in input.batches(20) {
            let mut summary = Summary::default();
            for (key, n) in batch {
                let count: &mut u64 = counts.entry(key.as_str()).or_default();
                *count += n;
                summary.add(key, *count);
            }
            seen.push(summary);
        }
        let mut state = Summary::default();
        counts.iter().for_each(|(key, count)| state.add(key, *count));
        assert_eq!((state.distinct, state.words), (10, 10 + 17 * 4));
        seen.push(state);
        assert_eq!(input.expected(20, Form::Map), seen);
        let update = input.expected(20, Form::Update);
        assert_eq!(update[..20], [Summary::default(); 20]);
        assert_eq!(update[20], state);
    }
}
