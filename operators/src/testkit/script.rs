//! Scripted input: what each batch holds, known beforehand.

use crate::graph::InputStream;
use crate::rdd::{Parallelize, Rdd};
use crate::record::Data;
use std::vec::IntoIter;
use waterwheel_runtime::batch::BatchInputs;
use waterwheel_runtime::error::JobError;

/// Into how many partitions a batch is sliced unless the test says otherwise.
pub(super) const DEFAULT_PARTITIONS: usize = 2;

/// One batch of a script: records, or an `Option` of them where a batch may have no dataset.
pub trait ScriptedBatch {
    /// What it holds.
    type Record: Data;

    /// The records; `None` when the input has no dataset in this batch.
    fn into_records(self) -> Option<Vec<Self::Record>>;
}

impl<T: Data> ScriptedBatch for Vec<T> {
    type Record = T;

    fn into_records(self) -> Option<Vec<T>> {
        Some(self)
    }
}

impl<T: Data> ScriptedBatch for Option<Vec<T>> {
    type Record = T;

    fn into_records(self) -> Option<Vec<T>> {
        self
    }
}

/// The batches of an input, in order: any collection of [`ScriptedBatch`]es.
pub trait Script {
    /// What the batches hold.
    type Record: Data;

    /// The batches.
    fn into_batches(self) -> Vec<Option<Vec<Self::Record>>>;
}

impl<I: IntoIterator<Item: ScriptedBatch>> Script for I {
    type Record = <I::Item as ScriptedBatch>::Record;

    fn into_batches(self) -> Vec<Option<Vec<Self::Record>>> {
        self.into_iter().map(ScriptedBatch::into_records).collect()
    }
}

/// An input that has a scripted dataset in each batch, and empty ones when the script is over.
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_operators::testkit::Scripted;
///
/// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
/// let numbers = ssc.input_stream(Scripted::new([vec![1, 2, 3, 4], vec![5]]));
/// numbers.print();
/// # Ok::<(), Error>(())
/// ```
pub struct Scripted<T> {
    batches: IntoIter<Option<Vec<T>>>,
    partitions: usize,
}

impl<T: Data> Scripted<T> {
    /// The batches of `script`, each sliced evenly into two partitions.
    pub fn new(script: impl Script<Record = T>) -> Scripted<T> {
        Scripted { batches: script.into_batches().into_iter(), partitions: DEFAULT_PARTITIONS }
    }

    /// Slices batches into `partitions` instead.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> Scripted<T> {
        self.partitions = partitions;
        self
    }

    /// Batches that are still to come.
    pub fn remaining(&self) -> usize {
        self.batches.len()
    }
}

impl<T: Data> InputStream<T> for Scripted<T> {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        let batch = self.batches.next().unwrap_or_else(|| Some(Vec::new()));
        Ok(batch.map(|records| inputs.scope.parallelize(records, self.partitions)))
    }
}
