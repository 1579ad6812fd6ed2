//! The streams that a window with an inverse function is made of.

use super::{Held, Inverse};
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::{Input, Partitioner, Rdd};
use crate::record::{Key, Record};
use crate::state::{Apply, Gather, Steps, versions};
use crate::window::Windowing;
use crate::window::sliding::Sliding;
use crate::window::tree::{merge, units};
use crate::window::unit::Unit;
use std::sync::Arc;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::Lineage;
use waterwheel_runtime::state::{Changing, KeepByProducts};
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
        // The state of a window of another length or slide is made of other units.
        let (length, unit) = (window.length.pretty(), sliding.unit.pretty());
        let kind = format!("{} of {length}, in units of {unit}", site.operator);
        let kept = KeepByProducts::For(sliding.length());
        let steps = Steps::of_kind(context, site, kind, sliding.unit, partitioner, kept);
        let partitioner = steps.partitioner().clone();
        let (functions, f) = (Arc::new(self), Some(partitioner.clone()));
        let theirs = functions.f.clone();
        let batches = stream.reduce_by_key_at(site, move |a, b| theirs(a, b), f.clone());
        // Before the next one is added: that takes the number of this.
        context.with_graph(|graph| graph.part(batches.node_id(), "batches"));
        let entering = if sliding.unit > window.step {
            let unit = Windowing { length: sliding.covered, slide: sliding.unit, step: window.step };
            units(&batches, site, unit, merge(site, functions.f.clone(), f))
        } else {
            batches
        };
        let (theirs, entering) = (steps.clone(), entering.node_id());
        let compute = move |batch: &mut Batch<'_>| {
            if theirs.is_gone(batch.time()) {
                return Ok(None);
            }
            let entering = batch.dataset(entering)?;
            let inputs = entering.iter().map(|entering| entering.node().clone() as Arc<dyn Lineage>).collect();
            let gather = gather(site, sliding, entering, functions.clone());
            let step = theirs.step(batch, inputs, gather);
            let held = versions(step, partitioner.id(), &batch.inputs.scope);
            Ok(Some(shown(site, &held, functions.clone())))
        };
        let every = context.add_node(site, sliding.unit, vec![entering.now()], Box::new(compute));
        steps.keep_up(context, every.node_id());
        if window.slide == sliding.unit {
            return every;
        }
        context.with_graph(|graph| graph.part(every.node_id(), "window"));
        // Of the windows at the ends of units, those that were asked for.
        let units = every.node_id();
        let compute = move |batch: &mut Batch<'_>| batch.dataset(units);
        context.add_node(site, window.slide, vec![units.now()], Box::new(compute))
    }
}

/// Gathers what enters a partition.
fn gather<K: Key, V: Record>(
    site: Site,
    sliding: Sliding,
    entering: Option<Rdd<(K, V)>>,
    functions: Arc<Inverse<K, V>>,
) -> Gather<K, Held<V>, Unit<K, V>> {
    Box::new(move |partition, task| {
        let mut records = Vec::new();
        if let Some(entering) = &entering {
            records = Input::new(&**entering.node(), partition).to_vec(task)?;
        }
        let count = records.len();
        let unit = task.run(site, 0, || Unit::of(records))?.map_err(|error| task.failed(site, error))?;
        let functions = functions.clone();
        let apply: Apply<K, Held<V>, Unit<K, V>> =
            Box::new(move |window: &mut Changing<'_, K, Held<V>, Unit<K, V>>, task| {
                let slid = task.run(site, count, || functions.slide(sliding, window, unit))?;
                slid.map_err(|error| task.failed(site, error))
            });
        Ok(apply)
    })
}

/// What the filter shows.
fn shown<K: Key, V: Record>(site: Site, held: &Rdd<(K, Held<V>)>, functions: Arc<Inverse<K, V>>) -> Rdd<(K, V)> {
    held.narrow(true, move |input, task, out| {
        input.each(task, |chunk| {
            let mut shown: Vec<(K, V)> = task.run(site, 0, || {
                let shown = chunk.drain(..).filter(|(key, held)| functions.shows(key, &held.value));
                shown.map(|(key, held)| (key, held.value)).collect()
            })?;
            if shown.is_empty() { Ok(()) } else { out.push(&mut shown) }
        })
    })
}
