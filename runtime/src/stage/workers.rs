//! The stage workers of an engine, by index; one that died is put back in its place.

use super::worker::StageWorker;
use crate::depths::TaskCounts;
use crate::ids::WorkerId;
use crate::mailbox::Post;
use actix::Actor;
use actix_rt::ArbiterHandle;
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// Makes a worker for an index: the same function at the start and after a loss.
type Factory = dyn Fn(WorkerId) -> StageWorker + Send + Sync;

/// All workers of an engine. Clones share the list.
#[derive(Clone)]
pub struct Workers(Arc<Shared>);

/// [`Workers`], for those who belong to a worker themselves: together they would otherwise never be freed.
#[derive(Clone)]
pub struct WeakWorkers(Weak<Shared>);

struct Shared {
    arbiters: Vec<ArbiterHandle>,
    addresses: RwLock<Vec<Post<StageWorker>>>,
    factory: Box<Factory>,
    tasks: Arc<TaskCounts>,
}

impl Workers {
    /// Starts one worker on each arbiter.
    pub fn start(
        arbiters: Vec<ArbiterHandle>,
        factory: impl Fn(WorkerId) -> StageWorker + Send + Sync + 'static,
    ) -> Workers {
        let addresses = arbiters.iter().enumerate().map(|(n, arbiter)| spawn(arbiter, factory(WorkerId(n)))).collect();
        let (addresses, tasks) = (RwLock::new(addresses), Arc::default());
        Workers(Arc::new(Shared { arbiters, addresses, factory: Box::new(factory), tasks }))
    }

    /// Number of workers; at least 1.
    pub fn len(&self) -> usize {
        self.0.arbiters.len().max(1)
    }

    /// Never: an engine has at least one worker.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The address of `worker`. If the actor has died, a new one is started in its place: its shuffles are gone (and will
    /// be delivered again), nothing else is.
    pub fn address(&self, worker: WorkerId) -> Option<Post<StageWorker>> {
        let Shared { arbiters, addresses, factory, .. } = &*self.0;
        let held = addresses.read().unwrap_or_else(PoisonError::into_inner).get(worker.0).cloned()?;
        if held.connected() {
            return Some(held);
        }
        let mut addresses = addresses.write().unwrap_or_else(PoisonError::into_inner);
        let slot = addresses.get_mut(worker.0)?;
        if !slot.connected() {
            log::warn!("{worker} died outside any task; a new one takes its place");
            *slot = spawn(arbiters.get(worker.0)?, factory(worker));
        }
        Some(slot.clone())
    }

    /// The tasks of all jobs on these workers.
    pub(crate) fn tasks(&self) -> &Arc<TaskCounts> {
        &self.0.tasks
    }

    /// Messages that wait in the mailboxes of all workers.
    pub fn waiting(&self) -> usize {
        let addresses = self.0.addresses.read().unwrap_or_else(PoisonError::into_inner);
        addresses.iter().map(|address| address.depth().get()).sum()
    }

    /// These workers, as far as somebody else keeps them.
    pub fn downgrade(&self) -> WeakWorkers {
        WeakWorkers(Arc::downgrade(&self.0))
    }

    /// All addresses.
    pub fn all(&self) -> Vec<Post<StageWorker>> {
        (0..self.len()).filter_map(|n| self.address(WorkerId(n))).collect()
    }
}

impl WeakWorkers {
    /// The workers, unless their engine is gone.
    pub fn upgrade(&self) -> Option<Workers> {
        self.0.upgrade().map(Workers)
    }
}

fn spawn(arbiter: &ArbiterHandle, worker: StageWorker) -> Post<StageWorker> {
    Post::new(StageWorker::start_in_arbiter(arbiter, move |_| worker))
}
