//! `window`: the records of the last so much time.

use super::Windowing;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::{Parallelize, Rdd};
use crate::record::Record;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::scope::JobScope;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// The records of the last `length`, every `slide`: one dataset that strings the batches of the window together, in order
    /// of time. Both have to be multiples of this stream's slide duration (take [`slide_duration`](DStream::slide_duration) to
    /// slide with every batch); `start` reports it otherwise.
    ///
    /// The first windows are shorter than `length`. A batch in which this stream has no dataset is not part of its windows.
    /// This stream's datasets are kept in memory as long as windows read them, unless they lie there anyway; see
    /// [`persist`](DStream::persist) for other levels.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let last_two = run([vec![0], vec![1], vec![2], vec![3]], |numbers| numbers.window(seconds(2), seconds(1)))?;
    /// assert_eq!(last_two, [vec![0], vec![0, 1], vec![1, 2], vec![2, 3]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn window(&self, length: Duration, slide: Duration) -> DStream<'c, T> {
        let site = Site::here("window");
        self.window_at(site, Windowing::of(self, site, length, slide))
    }

    pub(super) fn window_at(&self, site: Site, window: Windowing) -> DStream<'c, T> {
        let (context, parent) = (self.context(), self.node_id());
        let compute = move |batch: &mut Batch<'_>| {
            let mut datasets = Vec::new();
            for time in window.times(batch.zero(), batch.time()) {
                datasets.extend(batch.dataset_at(parent, time)?);
            }
            Ok(Some(strung(&batch.inputs.scope, datasets)))
        };
        let uses = vec![parent.window(window.length)];
        let windowed = context.add_node(site, window.slide, uses, Box::new(compute));
        context.with_graph(|graph| {
            graph.keep_for_reuse(parent);
            graph.stands_for(windowed.node_id(), parent);
        });
        windowed
    }
}

/// The datasets one after another; an empty one when there are none.
fn strung<T: Record>(scope: &Arc<JobScope>, mut datasets: Vec<Rdd<T>>) -> Rdd<T> {
    let rest = datasets.split_off(datasets.len().min(1));
    match datasets.pop() {
        Some(first) if rest.is_empty() => first,
        Some(first) => first.union_all(rest),
        None => scope.empty_rdd(),
    }
}
