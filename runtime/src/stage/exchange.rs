//! The seam between stages: how buckets reach the owner of their target partition.
//!
//! Operators and kernels cannot tell what stands behind it. In one process it is messages between stage workers; across
//! processes a dataflow engine carries the encoded buckets.

use super::shuffle::{Bucket, ShuffleKernel};
use super::task::CancelToken;
use super::worker::{Deliver, FetchTarget, StageWorker};
use super::workers::{WeakWorkers, Workers};
use crate::block::Erased;
use crate::error::TaskError;
use crate::ids::{ShuffleId, WorkerId};
use crate::mailbox::Post;
use crate::time::Time;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::{Arc, OnceLock};

/// Moves buckets and merged partitions between the workers of a job.
pub trait Exchange: Send + Sync {
    /// The worker that merges and keeps `target`.
    fn owner(&self, target: usize) -> WorkerId;

    /// Delivers buckets to `worker`; done when they are in its table.
    fn deliver(
        &self,
        worker: WorkerId,
        shuffle: ShuffleId,
        buckets: Vec<Bucket>,
    ) -> BoxFuture<'static, Result<(), TaskError>>;

    /// Fetches a merged target partition from its owner, which merges it now if that has not happened yet: for the `batch` and
    /// under the `cancel` token of the task that asks.
    fn fetch(
        &self,
        kernel: Arc<dyn ShuffleKernel>,
        target: usize,
        batch: Option<Time>,
        cancel: CancelToken,
    ) -> BoxFuture<'static, Result<Erased, TaskError>>;
}

/// The exchange of one process: bounded mailboxes, data moved and never encoded.
#[derive(Default)]
pub struct MailboxExchange {
    workers: OnceLock<Connected>,
}

struct Connected {
    count: usize,
    workers: WeakWorkers,
}

impl MailboxExchange {
    /// Names the workers; they and the exchange know each other, so this comes after both were made.
    pub fn connect(&self, workers: &Workers) {
        // A second call would be a mistake of the topology; the first wins.
        let _ = self.workers.set(Connected { count: workers.len(), workers: workers.downgrade() });
    }

    fn address(&self, worker: WorkerId) -> Result<Post<StageWorker>, TaskError> {
        let all = self.workers.get().and_then(|connected| connected.workers.upgrade());
        all.and_then(|all| all.address(worker)).ok_or(TaskError::WorkerLost { worker })
    }
}

impl Exchange for MailboxExchange {
    fn owner(&self, target: usize) -> WorkerId {
        WorkerId(target % self.workers.get().map_or(1, |connected| connected.count))
    }

    fn deliver(
        &self,
        worker: WorkerId,
        shuffle: ShuffleId,
        buckets: Vec<Bucket>,
    ) -> BoxFuture<'static, Result<(), TaskError>> {
        let address = self.address(worker);
        async move { address?.send(Deliver { shuffle, buckets }).await.map_err(|_| TaskError::WorkerLost { worker }) }
            .boxed()
    }

    fn fetch(
        &self,
        kernel: Arc<dyn ShuffleKernel>,
        target: usize,
        batch: Option<Time>,
        cancel: CancelToken,
    ) -> BoxFuture<'static, Result<Erased, TaskError>> {
        let worker = self.owner(target);
        let address = self.address(worker);
        let fetch = FetchTarget { kernel, target, batch, cancel };
        async move { address?.send(fetch).await.map_err(|_| TaskError::WorkerLost { worker })? }.boxed()
    }
}
