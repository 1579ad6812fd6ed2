//! What it means to have counted a batch: the summary every peer must arrive at.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::text::words;

/// What a word is held in: `String` or `CompactString`.
pub(crate) trait Word:
    for<'a> From<&'a str> + AsRef<str> + Hash + Ord + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl Word for String {}
impl Word for CompactString {}

/// The hash table of the peers that bring none of their own. Each table has its own seed: draining a table into a
/// smaller one with the same seed would fill the latter's buckets in order, with long probes.
pub(crate) type Counts<W> = HashMap<W, u64, foldhash::fast::RandomState>;

/// A digest of one batch's counts. Two peers that agree in it have counted the same words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Words in all.
    pub(crate) words: u64,
    /// Distinct words.
    pub(crate) distinct: u64,
    /// Sum of hash(word) x count, so that a count given to the wrong word shows.
    pub(crate) digest: u64,
}

impl Summary {
    /// Take in one word's final count.
    pub(crate) fn add(&mut self, word: &str, count: u64) {
        self.words += count;
        self.distinct += 1;
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.digest = self.digest.wrapping_add(hash.wrapping_mul(count));
    }

    /// Take in the summary of other words.
    pub(crate) fn merge(&mut self, other: Summary) {
        self.words += other.words;
        self.distinct += other.distinct;
        self.digest = self.digest.wrapping_add(other.digest);
    }

    /// The summary of a table of counts.
    pub(crate) fn of<W: Word>(counts: &Counts<W>) -> Self {
        let mut summary = Summary::default();
        counts.iter().for_each(|(word, count)| summary.add(word.as_ref(), *count));
        summary
    }

    /// The summary of lines, counted in the simplest way: what the peers are checked against.
    pub(crate) fn reference(lines: &[String]) -> Self {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        lines.iter().flat_map(|line| words(line)).for_each(|word| *counts.entry(word).or_default() += 1);
        let mut summary = Summary::default();
        counts.iter().for_each(|(word, count)| summary.add(word, *count));
        summary
    }
}

/// Which of `owners` a word belongs to. Its seed is its own: within one
/// owner's table the buckets stay evenly used.
pub(crate) fn owner_of<W: Hash + ?Sized>(word: &W, owners: usize) -> usize {
    use std::hash::BuildHasher;
    let hash = foldhash::fast::FixedState::with_seed(0x5eed).hash_one(word);
    (((hash >> 32) * owners as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(counts: &[(&str, u64)]) -> Summary {
        let mut summary = Summary::default();
        counts.iter().for_each(|(word, count)| summary.add(word, *count));
        summary
    }

    #[test]
    fn order_and_split_do_not_matter_but_counts_do() {
        let whole = summary(&[("a", 2), ("b", 1)]);
        let mut parts = summary(&[("b", 1)]);
        parts.merge(summary(&[("a", 2)]));
        assert_eq!(whole, parts);
        assert_eq!(whole, Summary::reference(&["a b".to_owned(), "a".to_owned()]));
        assert_ne!(whole, summary(&[("a", 1), ("b", 2)]));
        assert_ne!(whole, summary(&[("a", 1), ("a", 1), ("b", 1)]));
    }

    #[test]
    fn every_word_has_one_owner_in_range() {
        for owners in 1..5 {
            let owned = |word: &str| owner_of(&word.to_owned(), owners);
            assert!(
                ["a", "b", "c", "waterwheel"].iter().all(|word| owned(word) < owners && owned(word) == owned(word))
            );
        }
    }
}
