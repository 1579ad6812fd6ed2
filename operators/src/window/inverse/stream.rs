//! The streams that a window with an inverse function is made of.

use super::dataset::WindowAt;
use super::{Held, Inverse};
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use crate::window::Windowing;
use crate::window::sliding::Sliding;
use crate::window::tree::{merge, units};
use crate::window::unit::Unit;
use std::sync::Arc;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::state::{KeepByProducts, StateSchema, StateStore, StateStoreOptions, TypeSchema};
use waterwheel_runtime::time::DurationExt;

impl<K: Key, V: Record> Inverse<K, V> {
    /// The windows of `stream`.
    pub(in crate::window) fn windows<'c>(
        self,
        site: Site,
        stream: &DStream<'c, (K, V)>,
        window: Windowing,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, V)> {
        let context = stream.context();
        let sliding = Sliding::of(window);
        // Decided here: state is kept in these partitions.
        let partitioner = partitioner.unwrap_or_else(|| Partitioner::hash(context.config().parallelism()));
        let (f, inverse) = (self.f.clone(), Arc::new(self));
        let theirs = f.clone();
        let batches = stream.reduce_by_key_at(site, move |a, b| theirs(a, b), Some(partitioner.clone()));
        let entering = if sliding.unit > window.step {
            let unit = Windowing { length: sliding.covered, slide: sliding.unit, step: window.step };
            units(&batches, site, unit, merge(site, f, Some(partitioner.clone())))
        } else {
            batches
        };
        let schema = StateSchema {
            // A window of another length or slide has other units.
            kind: format!("{}, {} every {}", site.operator, window.length.pretty(), sliding.unit.pretty()),
            key: TypeSchema::of::<K>(),
            value: TypeSchema::of::<V>(),
        };
        let (place, id) = (partitioner.clone(), partitioner.id());
        let store = Arc::new(StateStore::<K, Held<V>, Unit<K, V>>::new(StateStoreOptions {
            schema,
            partitions: partitioner.partitions(),
            place: Arc::new(move |key, scratch| place.partition(key, scratch)),
            slide: sliding.unit,
            by_products: KeepByProducts::For(sliding.length()),
        }));
        let theirs = entering.node_id();
        let compute = move |batch: &mut Batch<'_>| {
            let entering = batch.dataset(theirs)?;
            let scope = &batch.inputs.scope;
            let window = WindowAt {
                id: scope.core().next_rdd(),
                site,
                time: batch.time(),
                sliding,
                store: store.clone(),
                inverse: inverse.clone(),
                entering: entering.map(|entering| entering.node().clone()),
                partitioner: id.clone(),
            };
            Ok(Some(Rdd::new(Arc::new(window), scope.clone())))
        };
        let state = context.add_node(site, sliding.unit, vec![theirs.now()], Box::new(compute));
        context.with_graph(|graph| graph.part(batches.node_id(), "batches"));
        let made = state.node_id();
        let make = move |batch: &mut Batch<'_>| {
            let Some(dataset) = batch.dataset(made)? else { return Ok(None) };
            Ok(Some(Arc::new(move || dataset.count().map(drop)) as crate::graph::RunJob))
        };
        context.with_graph(|graph| graph.add_output(site, vec![made.now()], Box::new(make)));
        if window.slide == sliding.unit {
            return state;
        }
        // Of the windows at the ends of units, those that were asked for.
        let every = state.node_id();
        let compute = move |batch: &mut Batch<'_>| batch.dataset(every);
        let windows = context.add_node(site, window.slide, vec![every.now()], Box::new(compute));
        context.with_graph(|graph| graph.part(every, "window"));
        windows
    }
}
