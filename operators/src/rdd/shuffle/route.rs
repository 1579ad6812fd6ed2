//! Which bucket a record goes to, and how buckets become a partition again.

use crate::rdd::{Input, Partitioner, Stop};
use crate::record::{Data, Key};
use waterwheel_runtime::codec::CodecError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// Sorts records into the buckets of their keys.
pub(super) fn split<K: Key, C>(
    records: Vec<(K, C)>,
    partitioner: &Partitioner<K>,
) -> Result<Vec<Vec<(K, C)>>, CodecError> {
    let targets = partitioner.partitions();
    if targets == 1 {
        return Ok(vec![records]);
    }
    // A little more than an even share, so that most buckets never grow.
    let share = records.len() / targets + records.len() / (8 * targets);
    let mut buckets: Vec<Vec<(K, C)>> = (0..targets).map(|_| Vec::with_capacity(share)).collect();
    route(records, partitioner, &mut buckets, &mut Vec::new())?;
    Ok(buckets)
}

/// The map side of shuffles that do not combine: the records of a partition in the buckets of their keys.
pub(super) fn split_input<K: Key, V: Data>(
    site: Site,
    partitioner: &Partitioner<K>,
    input: &Input<'_, (K, V)>,
    task: &TaskContext,
) -> Result<Vec<Vec<(K, V)>>, Stop> {
    if partitioner.partitions() == 1 {
        return Ok(vec![input.to_vec(task)?]);
    }
    let mut buckets: Vec<Vec<(K, V)>> = (0..partitioner.partitions()).map(|_| Vec::new()).collect();
    let mut scratch = Vec::new();
    input.each(task, |chunk| {
        let routed = task.run(site, chunk.len(), || route(chunk.drain(..), partitioner, &mut buckets, &mut scratch))?;
        routed.map_err(|error| Stop::Fault(task.failed(site, error)))
    })?;
    Ok(buckets)
}

/// The records of all buckets, ordered by (map partition, position).
pub(super) fn strung<T>(buckets: Vec<Vec<T>>) -> Vec<T> {
    let total: usize = buckets.iter().map(Vec::len).sum();
    let mut buckets = buckets.into_iter();
    let mut records = buckets.next().unwrap_or_default();
    records.reserve_exact(total - records.len());
    records.extend(buckets.flatten());
    records
}

/// The partitioner's function is the user's: call this inside `TaskContext::run`.
fn route<K: Key, V>(
    records: impl IntoIterator<Item = (K, V)>,
    partitioner: &Partitioner<K>,
    buckets: &mut [Vec<(K, V)>],
    scratch: &mut Vec<u8>,
) -> Result<(), CodecError> {
    for record in records {
        let target = partitioner.partition(&record.0, scratch)?;
        if let Some(bucket) = buckets.get_mut(target) {
            bucket.push(record);
        }
    }
    Ok(())
}
