//! Which keys have gone without data for so long that they time out: an index by time, instead of a look at every key.
//!
//! A key waits in the bucket of the batch that last brought it data when it was put there. New data do not move it, so they cost
//! nothing here. When the bucket comes due, the key is looked up: it has timed out, or is gone, or waits again in the bucket of
//! its last data.
//!
//! The index holds the hashes of keys. It belongs to one version of the state, and is made anew out of its entries whenever the
//! next version is made of another one: after a roll back, a batch that was taken back, and a restart.

use crate::time::Time;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// The keys of a partition by the time of their last data.
///
/// ```
/// use waterwheel_runtime::state::Expiry;
/// use waterwheel_runtime::time::{Time, seconds};
///
/// let t = |second: i64| Time::from_millis(second * 1000);
/// let mut expiry = Expiry::new(seconds(3));
/// expiry.follow(None, t(1), || []);
/// expiry.insert(7, t(1));
/// assert_eq!(expiry.due(t(4), |_| [t(1)]), [], "not before more than three seconds have passed");
/// assert_eq!(expiry.due(t(5), |_| [t(1)]), [7]);
/// ```
#[derive(Debug)]
pub struct Expiry {
    idle: Duration,
    /// What it is the index of; `None` while it is that of nothing.
    version: Option<Time>,
    /// Every hash that waits, in one bucket: none later than the last data of any key with that hash.
    buckets: BTreeMap<Time, Vec<u64>>,
    /// Those in the buckets.
    waiting: HashSet<u64, FixedState>,
}

impl Expiry {
    /// An index of keys that time out when a batch is more than `idle` later than their last data.
    pub fn new(idle: Duration) -> Expiry {
        Expiry { idle, version: None, buckets: BTreeMap::new(), waiting: HashSet::default() }
    }

    /// Whether a key that last had data at `last` has timed out at `batch`.
    pub fn is_over(&self, last: Time, batch: Time) -> bool {
        last + self.idle < batch
    }

    /// Goes on to version `to`, which is going to be made of version `from`. If the index is not that of `from`, it is made anew
    /// out of `entries`: the hash and the time of the last data of every key in `from`.
    pub fn follow<I>(&mut self, from: Option<Time>, to: Time, entries: impl FnOnce() -> I)
    where
        I: IntoIterator<Item = (u64, Time)>,
    {
        if from.is_none() || self.version != from {
            self.buckets.clear();
            self.waiting.clear();
            // Of two keys with one hash the earlier one decides on the bucket.
            let mut entries: Vec<(u64, Time)> = entries().into_iter().collect();
            entries.sort_unstable();
            for (hash, last) in entries {
                self.insert(hash, last);
            }
        }
        self.version = Some(to);
    }

    /// Has a key wait that had no state before and has had data at `last`, which no key had later.
    pub fn insert(&mut self, hash: u64, last: Time) {
        // What waits already was not waited for in vain: it is looked up when it is due, whichever key it is then.
        if self.waiting.insert(hash) {
            self.buckets.entry(last).or_default().push(hash);
        }
    }

    /// The hashes of the keys that time out at `batch`, in order; they wait no more. `look` gives the time of the last data of
    /// every key with a hash.
    pub fn due<I>(&mut self, batch: Time, mut look: impl FnMut(u64) -> I) -> Vec<u64>
    where
        I: IntoIterator<Item = Time>,
    {
        let mut due = Vec::new();
        while let Some(oldest) = self.buckets.first_entry() {
            if *oldest.key() + self.idle >= batch {
                break;
            }
            for hash in oldest.remove() {
                let (mut over, mut alive) = (false, None::<Time>);
                for last in look(hash) {
                    if self.is_over(last, batch) {
                        over = true;
                    } else {
                        alive = Some(alive.map_or(last, |earlier| earlier.min(last)));
                    }
                }
                if over {
                    due.push(hash);
                }
                match alive {
                    Some(last) => self.buckets.entry(last).or_default().push(hash),
                    None => {
                        self.waiting.remove(&hash);
                    }
                }
            }
        }
        due.sort_unstable();
        due
    }

    /// How many hashes wait: never more than there are keys, and keys that went within the time a key may idle.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;
    use proptest::prelude::*;

    fn t(second: i64) -> Time {
        Time::from_millis(second * 1000)
    }

    #[test]
    fn a_key_with_data_in_every_batch_waits_once() {
        let mut expiry = Expiry::new(seconds(2));
        for batch in 1..100 {
            let from = (batch > 1).then(|| t(batch - 1));
            expiry.follow(from, t(batch), || [(1, t(batch - 1))].into_iter().take(usize::from(batch > 1)));
            if batch == 1 {
                expiry.insert(1, t(1));
            }
            assert!(expiry.due(t(batch), |_| [t(batch)]).is_empty());
            assert_eq!((expiry.waiting(), expiry.buckets.len()), (1, 1));
        }
    }

    #[test]
    fn a_key_that_goes_and_comes_in_every_batch_waits_once() {
        let mut expiry = Expiry::new(seconds(50));
        for batch in 1..100 {
            expiry.follow((batch > 1).then(|| t(batch - 1)), t(batch), || []);
            expiry.insert(1, t(batch));
            assert!(expiry.due(t(batch), |_| [t(batch)]).is_empty());
            assert_eq!((expiry.waiting(), expiry.buckets.len()), (1, 1));
        }
    }

    #[test]
    fn a_key_that_is_gone_waits_no_longer_than_it_may_idle() {
        let mut expiry = Expiry::new(seconds(3));
        expiry.follow(None, t(1), || []);
        expiry.insert(1, t(1));
        assert!(expiry.due(t(4), |_| []).is_empty());
        assert_eq!(expiry.waiting(), 1);
        assert!(expiry.due(t(5), |_| []).is_empty());
        assert_eq!(expiry.waiting(), 0);
    }

    #[test]
    fn of_two_keys_with_one_hash_each_times_out_in_its_batch() {
        let mut expiry = Expiry::new(seconds(3));
        expiry.follow(None, t(4), || [(9, t(3)), (9, t(1))]);
        assert_eq!(expiry.due(t(5), |_| vec![t(3), t(1)]), [9]);
        assert!(expiry.due(t(6), |_| vec![t(3)]).is_empty());
        assert_eq!(expiry.due(t(7), |_| vec![t(3)]), [9]);
    }

    #[test]
    fn a_key_that_may_idle_for_ever_never_times_out() {
        let mut expiry = Expiry::new(Duration::MAX);
        expiry.follow(None, t(1), || [(1, t(1))]);
        assert!(expiry.due(Time::from_millis(i64::MAX), |_| [t(1)]).is_empty());
    }

    /// What happens to the keys in one attempt at a batch.
    #[derive(Debug, Clone)]
    struct Attempt {
        touched: Vec<u64>,
        removed: Vec<u64>,
        fate: Fate,
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fate {
        Done,
        /// Fails before time-outs are looked for, and is tried again.
        FailsEarly,
        /// Fails after that, and is tried again.
        FailsLate,
        /// Is done, and taken back by the next one.
        TakenBack,
        /// Is done, and the process starts again.
        Restarts,
    }

    fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
        let fate = prop_oneof![
            6 => Just(Fate::Done),
            1 => Just(Fate::FailsEarly),
            1 => Just(Fate::FailsLate),
            1 => Just(Fate::TakenBack),
            1 => Just(Fate::Restarts),
        ];
        let keys = || proptest::collection::vec(0..12u64, 0..4);
        let attempt = (keys(), keys(), fate).prop_map(|(touched, removed, fate)| Attempt { touched, removed, fate });
        proptest::collection::vec(attempt, 1..60)
    }

    /// Few hashes, so that some keys share one.
    fn hash(key: u64) -> u64 {
        key / 2
    }

    proptest! {
        /// S-4
        #[test]
        fn oracle_time_outs_are_those_of_a_scan(attempts in attempts(), idle in 0..6u64) {
            let mut expiry = Expiry::new(seconds(idle));
            // The time of the last data of each key, and the version before, with its entries.
            let (mut last, mut version, mut batch) = (BTreeMap::new(), None, 1);
            for Attempt { touched, removed, fate } in attempts {
                let before: BTreeMap<u64, Time> = last.clone();
                expiry.follow(version, t(batch), || before.iter().map(|(key, last)| (hash(*key), *last)).collect::<Vec<_>>());
                for key in touched {
                    if last.insert(key, t(batch)).is_none() {
                        expiry.insert(hash(key), t(batch));
                    }
                }
                for key in removed {
                    last.remove(&key);
                }
                if fate == Fate::FailsEarly {
                    last = before;
                    continue;
                }
                let times = |wanted: u64| {
                    let alike = last.iter().filter(move |(key, _)| hash(**key) == wanted);
                    alike.map(|(_, last)| *last).collect::<Vec<_>>()
                };
                let due = expiry.due(t(batch), times);
                let over = last.iter().filter(|(_, last)| **last + seconds(idle) < t(batch));
                let mut expected: Vec<u64> = over.map(|(key, _)| hash(*key)).collect();
                expected.dedup();
                prop_assert_eq!(&due, &expected);
                last.retain(|_, last| *last + seconds(idle) >= t(batch));
                prop_assert_eq!(expiry.buckets.values().map(Vec::len).sum::<usize>(), expiry.waiting());
                match fate {
                    Fate::FailsLate => last = before,
                    // The next batch is made of the version before this one.
                    Fate::TakenBack => (last, batch) = (before, batch + 1),
                    Fate::Done => (version, batch) = (Some(t(batch)), batch + 1),
                    Fate::Restarts => {
                        (version, batch) = (Some(t(batch)), batch + 1);
                        expiry = Expiry::new(seconds(idle));
                    }
                    Fate::FailsEarly => {}
                }
            }
        }
    }
}
