//! The dataset of a window with an inverse function: the view of the version of its time, which it makes if nobody has.

use super::{Held, Inverse};
use crate::rdd::{Flow, Input, PartitionerId, RddNode, Sink, Stop};
use crate::record::{Key, Record};
use crate::window::sliding::Sliding;
use crate::window::unit::Unit;
use std::sync::Arc;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};
use waterwheel_runtime::state::{Changing, StateStore};
use waterwheel_runtime::time::Time;

pub(super) struct WindowAt<K, V> {
    pub(super) id: RddId,
    pub(super) site: Site,
    pub(super) time: Time,
    pub(super) sliding: Sliding,
    pub(super) store: Arc<StateStore<K, Held<V>, Unit<K, V>>>,
    pub(super) inverse: Arc<Inverse<K, V>>,
    /// What enters, placed as the state is.
    pub(super) entering: Option<Arc<dyn RddNode<(K, V)>>>,
    pub(super) partitioner: PartitionerId,
}

impl<K: Key, V: Record> Lineage for WindowAt<K, V> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.store.partitions()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        if self.store.reached(partition, self.time) {
            return Vec::new();
        }
        self.entering.iter().map(|entering| Requirement::Parent(entering.clone(), partition)).collect()
    }
}

impl<K: Key, V: Record> WindowAt<K, V> {
    fn make(&self, partition: usize, task: &TaskContext) -> Result<(), Stop> {
        let entering = match &self.entering {
            Some(entering) => Input::new(&**entering, partition).to_vec(task)?,
            None => Vec::new(),
        };
        let failed = |error: &dyn std::fmt::Display| task.failed(self.site, error);
        let made = task.run(self.site, entering.len(), || {
            let unit = Unit::of(entering).map_err(|error| failed(&error))?;
            let work = |window: &mut Changing<'_, K, Held<V>, Unit<K, V>>| {
                self.inverse.slide(self.sliding, window, unit).map_err(|error| failed(&error))
            };
            self.store.advance(partition, self.time, work, |error| failed(&error))
        })?;
        Ok(made?)
    }
}

impl<K: Key, V: Record> RddNode<(K, V)> for WindowAt<K, V> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<(K, V)>) -> Flow {
        if !self.store.reached(partition, self.time) {
            self.make(partition, task)?;
        }
        for segment in 0..StateStore::<K, Held<V>, Unit<K, V>>::SEGMENTS {
            let entries = self.store.view(partition, self.time, segment);
            let entries = entries.map_err(|error| task.failed(self.site, error))?;
            let mut shown = task.run(self.site, entries.len(), || {
                let shown = entries.into_iter().filter(|(key, held)| self.inverse.shows(key, &held.value));
                shown.map(|(key, held)| (key, held.value)).collect::<Vec<_>>()
            })?;
            if !shown.is_empty() {
                out.push(&mut shown)?;
            }
        }
        Ok(())
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        Some(self.partitioner.clone())
    }

    fn is_held(&self) -> bool {
        true
    }
}

