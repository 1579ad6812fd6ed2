//! The oracle of the joins: each is compared with a naive model, in order, partition by partition.

use crate::prelude::*;
use proptest::prelude::*;

/// What a model looks at: the records of one partition, in order.
pub(super) struct Sides {
    pub(super) this: Vec<(String, u32)>,
    pub(super) that: Vec<(String, i64)>,
}

impl Sides {
    /// This side's records with their matches, or with none.
    pub(super) fn rows_of_this(&self) -> Vec<(String, (u32, Option<i64>))> {
        let rows = self.this.iter().flat_map(|(key, value)| {
            let matches: Vec<i64> =
                self.that.iter().filter(|(other, _)| other == key).map(|(_, other)| *other).collect();
            let matches = if matches.is_empty() { vec![None] } else { matches.into_iter().map(Some).collect() };
            matches.into_iter().map(|other| (key.clone(), (*value, other)))
        });
        rows.collect()
    }

    /// The other side's values that match nothing, by key in order of first appearance.
    pub(super) fn only_that(&self) -> Vec<(String, i64)> {
        let mut keys: Vec<&String> = Vec::new();
        for (key, _) in &self.that {
            if !keys.contains(&key) && self.this.iter().all(|(known, _)| known != key) {
                keys.push(key);
            }
        }
        let of = |key| self.that.iter().filter(move |(other, _)| other == key).cloned();
        keys.into_iter().flat_map(of).collect()
    }
}

/// Keys of which some are in one side only and some come often.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "c", "aa", "bb", "cc", "ddd"]).prop_map(str::to_owned)
}

/// Runs `body` on engines of 1, 2 and 4 workers.
fn on_engines(body: impl Fn(&Engine)) {
    for cores in [1, 2, 4] {
        let engine = Engine::local(cores).unwrap();
        body(&engine);
        assert_eq!(engine.snapshot().unwrap().shuffles, 0);
    }
}

/// Failures are not written to a file: the seed is printed.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) }
}

/// The records of `all` that belong to `partition`.
fn part<V: Clone>(all: &[(String, V)], partitioner: &Partitioner<String>, partition: usize) -> Vec<(String, V)> {
    let here = |key: &String| partitioner.partition(key, &mut Vec::new()).unwrap() == partition;
    all.iter().filter(|(key, _)| here(key)).cloned().collect()
}

/// Compares `join` with `model` for 1 to 5 partitions on each side, of which each may be in place already, and with and without
/// a partitioner in the call.
pub(super) fn check<R: Data + PartialEq + std::fmt::Debug>(
    join: impl Fn(&Rdd<(String, u32)>, &Rdd<(String, i64)>, Option<usize>) -> Rdd<(String, R)>,
    model: impl Fn(&Sides) -> Vec<(String, R)>,
) {
    let this = prop::collection::vec((key(), any::<u32>()), 0..40);
    let that = prop::collection::vec((key(), any::<i64>()), 0..40);
    let (from, place) = (|| 1..=5usize, || prop::option::of(1..=5usize));
    let strategy = (this, that, from(), from(), place(), place(), place());
    on_engines(|engine| {
        proptest!(config(), |((this, that, from, other, in_place, other_in_place, asked) in &strategy)| {
            let (left, right) = (engine.parallelize(this, from), engine.parallelize(that, other));
            let left = in_place.map(|to| left.partition_by(to)).unwrap_or(left);
            let right = other_in_place.map(|to| right.partition_by(to)).unwrap_or(right);
            let (this, that) = (left.collect().unwrap(), right.collect().unwrap());
            let partitions = asked.or(in_place.max(other_in_place)).unwrap_or(engine.cores());
            let partitioner = Partitioner::hash(partitions);
            let expected: Vec<Vec<(String, R)>> = (0..partitions)
                .map(|p| model(&Sides { this: part(&this, &partitioner, p), that: part(&that, &partitioner, p) }))
                .collect();
            let joined = join(&left, &right, asked);
            prop_assert_eq!(joined.glom().collect().unwrap(), expected);
            prop_assert_eq!(joined.node().partitioner(), Some(partitioner.id()));
        });
    });
}

/// [`check`] for operators on whole records.
pub(super) fn check_records(
    operator: impl Fn(&Rdd<String>, &Rdd<String>, usize) -> Rdd<String>,
    model: impl Fn(&[String], &[String]) -> Vec<String>,
) {
    let records = || prop::collection::vec(key(), 0..40);
    let strategy = (records(), records(), 1..=5usize, 1..=5usize, 1..=5usize);
    on_engines(|engine| {
        proptest!(config(), |((this, that, from, other, to) in &strategy)| {
            let partitioner = Partitioner::hash(to);
            let here = |records: &[String], p| {
                let there = |record: &&String| partitioner.partition(*record, &mut Vec::new()).unwrap() == p;
                records.iter().filter(there).cloned().collect::<Vec<_>>()
            };
            let expected: Vec<Vec<String>> = (0..to).map(|p| model(&here(&this, p), &here(&that, p))).collect();
            let found = operator(&engine.parallelize(this, from), &engine.parallelize(that, other), to);
            prop_assert_eq!(found.glom().collect().unwrap(), expected);
        });
    });
}
