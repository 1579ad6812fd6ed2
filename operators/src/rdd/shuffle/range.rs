//! Ranges of keys of even size, from a sample. Pure.

/// How many keys per range are looked at; Spark's number.
const SAMPLES_PER_RANGE: usize = 20;

/// Sampling more of each partition than its share makes up for partitions of uneven size; Spark's factor, too.
const OVERSAMPLING: usize = 3;

/// How many keys of one partition are kept at most (twice as many while they are gathered).
pub(super) fn sample_size(ranges: usize, partitions: usize) -> usize {
    (OVERSAMPLING * SAMPLES_PER_RANGE * ranges).div_ceil(partitions.max(1)).max(1)
}

/// Keys of one partition at even distances. Which ones depends on the records alone, so a replay sorts into the same ranges.
pub(super) struct Sample<K> {
    keys: Vec<K>,
    /// Each key stands for so many records.
    stride: usize,
    seen: usize,
    most: usize,
}

impl<K: Clone> Sample<K> {
    /// A sample of about `most` keys, not yet of any.
    pub(super) fn new(most: usize) -> Sample<K> {
        Sample { keys: Vec::new(), stride: 1, seen: 0, most: most.max(1) }
    }

    /// Looks at the next key of the partition.
    pub(super) fn look(&mut self, key: &K) {
        if self.seen.is_multiple_of(self.stride) {
            if self.keys.len() == 2 * self.most {
                self.thin();
            }
            // Thinning doubles the stride, and `2 * most` old strides are a multiple of the new one: this key is due still.
            self.keys.push(key.clone());
        }
        self.seen += 1;
    }

    /// The keys, each with the number of records that it stands for.
    pub(super) fn into_weighted(self) -> impl Iterator<Item = (K, usize)> {
        let stride = self.stride;
        self.keys.into_iter().map(move |key| (key, stride))
    }

    fn thin(&mut self) {
        let mut even = false;
        self.keys.retain(|_| {
            even = !even;
            even
        });
        self.stride *= 2;
    }
}

/// The upper bounds of all `ranges` but the last, so that each holds about the same weight. Strictly ascending, hence
/// fewer when there are few different keys.
pub(super) fn bounds<K: Ord>(mut samples: Vec<(K, usize)>, ranges: usize) -> Vec<K> {
    samples.sort_by(|(a, _), (b, _)| a.cmp(b));
    let total: usize = samples.iter().map(|(_, weight)| weight).sum();
    let mut bounds: Vec<K> = Vec::new();
    let (mut weight_so_far, mut full) = (0, 1);
    for (key, weight) in samples {
        weight_so_far += weight;
        if full < ranges && weight_so_far * ranges >= total * full && bounds.last().is_none_or(|last| *last < key) {
            bounds.push(key);
            full += 1;
        }
    }
    bounds
}

/// The range that `key` belongs to: those up to and including the first bound are in range 0.
pub(super) fn range_of<K: Ord>(bounds: &[K], key: &K) -> usize {
    bounds.partition_point(|bound| bound < key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_keys_make_even_ranges() {
        let samples = (0..100).map(|key| (key, 1)).collect();
        assert_eq!(bounds(samples, 4), [24, 49, 74]);
    }

    #[test]
    fn few_different_keys_make_few_ranges() {
        assert_eq!(bounds(vec![(7, 1); 50], 4), [7]);
        assert_eq!(bounds(Vec::<(u8, usize)>::new(), 4), []);
    }

    #[test]
    fn a_heavy_key_counts_as_often_as_it_stands_for() {
        assert_eq!(bounds(vec![(1, 1), (2, 98), (3, 1)], 2), [2]);
    }

    proptest! {
        #[test]
        fn a_sample_stays_small_and_its_keys_are_at_even_distances(records in 0..5000usize, most in 1..40usize) {
            let mut sample = Sample::new(most);
            (0..records).for_each(|key| sample.look(&key));
            let stride = sample.stride;
            let keys: Vec<usize> = sample.into_weighted().map(|(key, _)| key).collect();
            prop_assert!(keys.len() <= 2 * most);
            prop_assert!(keys.iter().enumerate().all(|(position, key)| *key == position * stride));
            prop_assert!(records <= stride * keys.len());
        }

        #[test]
        fn bounds_ascend_and_a_greater_key_is_never_in_a_lesser_range(
            samples in proptest::collection::vec((any::<u8>(), 1..5usize), 0..60),
            ranges in 1..9usize,
            (a, b) in any::<(u8, u8)>(),
        ) {
            let bounds = bounds(samples, ranges);
            prop_assert!(bounds.len() < ranges);
            prop_assert!(bounds.is_sorted_by(|a, b| a < b));
            prop_assert!(a > b || range_of(&bounds, &a) <= range_of(&bounds, &b));
        }
    }
}
