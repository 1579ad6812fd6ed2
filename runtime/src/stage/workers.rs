//! The stage workers of an engine, by index; one that died is put back in its place.

use super::worker::StageWorker;
use crate::ids::WorkerId;
use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;
use std::sync::{Arc, PoisonError, RwLock};

/// Makes a worker for an index: the same function at the start and after a loss.
type Factory = dyn Fn(WorkerId) -> StageWorker + Send + Sync;

/// All workers of an engine. Clones share the list.
#[derive(Clone)]
pub struct Workers {
    arbiters: Arc<Vec<ArbiterHandle>>,
    addresses: Arc<RwLock<Vec<Addr<StageWorker>>>>,
    factory: Arc<Factory>,
}

impl Workers {
    /// Starts one worker on each arbiter.
    pub fn start(
        arbiters: Vec<ArbiterHandle>,
        factory: impl Fn(WorkerId) -> StageWorker + Send + Sync + 'static,
    ) -> Workers {
        let factory: Arc<Factory> = Arc::new(factory);
        let addresses = arbiters.iter().enumerate().map(|(n, arbiter)| spawn(arbiter, WorkerId(n), &factory)).collect();
        Workers { arbiters: Arc::new(arbiters), addresses: Arc::new(RwLock::new(addresses)), factory }
    }

    /// Number of workers; at least 1.
    pub fn len(&self) -> usize {
        self.arbiters.len().max(1)
    }

    /// Never: an engine has at least one worker.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The address of `worker`. If the actor has died, a new one is started in its place: its shuffles are gone (and will
    /// be delivered again), nothing else is.
    pub fn address(&self, worker: WorkerId) -> Option<Addr<StageWorker>> {
        let held = self.addresses.read().unwrap_or_else(PoisonError::into_inner).get(worker.0).cloned()?;
        if held.connected() {
            return Some(held);
        }
        let mut addresses = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        let slot = addresses.get_mut(worker.0)?;
        if !slot.connected() {
            log::warn!("{worker} died outside any task; a new one takes its place");
            *slot = spawn(self.arbiters.get(worker.0)?, worker, &self.factory);
        }
        Some(slot.clone())
    }

    /// All addresses.
    pub fn all(&self) -> Vec<Addr<StageWorker>> {
        (0..self.len()).filter_map(|n| self.address(WorkerId(n))).collect()
    }
}

fn spawn(arbiter: &ArbiterHandle, worker: WorkerId, factory: &Arc<Factory>) -> Addr<StageWorker> {
    let factory = factory.clone();
    StageWorker::start_in_arbiter(arbiter, move |_| factory(worker))
}
