//! What the tests of operators share: batches in, batches out.

use super::Rdd;
use crate::prelude::*;

/// Applies `operation` to every batch, as a dataset of two partitions, and collects what it gives. The data of Spark's
/// own tests of the same operators has this form.
pub(crate) fn per_batch<T: Data, U: Data>(batches: Vec<Vec<T>>, operation: impl Fn(Rdd<T>) -> Rdd<U>) -> Vec<Vec<U>> {
    let engine = Engine::local(2).unwrap();
    batches.into_iter().map(|batch| operation(engine.parallelize(batch, 2)).collect().unwrap()).collect()
}

/// [`per_batch`] for operators whose order is their own affair: each batch is sorted.
pub(crate) fn per_batch_sorted<T: Data, U: Data + Ord>(
    batches: Vec<Vec<T>>,
    operation: impl Fn(Rdd<T>) -> Rdd<U>,
) -> Vec<Vec<U>> {
    let mut results = per_batch(batches, operation);
    results.iter_mut().for_each(|batch| batch.sort());
    results
}

/// The words of three batches, each with a one: `a, a, b`, twice the empty word, and nothing.
pub(crate) fn words() -> Vec<Vec<(String, i32)>> {
    let ones = |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), 1)).collect();
    vec![ones(&["a", "a", "b"]), ones(&["", ""]), ones(&[])]
}

/// Pairs whose keys are text.
pub(crate) fn pairs<V>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Vec<(String, V)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
