//! `union`: the records of several streams in one.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::record::Data;
use crate::several::{all_required, common_slide};
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Strings the batches of two streams together: this one's partitions first, then `that` one's.
    ///
    /// Both streams have to be of one context and have the same slide duration; `start` reports it otherwise. A batch in which
    /// one of them has no dataset fails: it would silently lack half of its records.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let both = run([vec![1, 2], vec![3]], |numbers| numbers.union(&numbers.map(|n| n * 10)))?;
    /// assert_eq!(both, [vec![1, 2, 10, 20], vec![3, 30]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn union(&self, that: &DStream<'c, T>) -> DStream<'c, T> {
        union_at(self.context(), Site::here("union"), &[*self, *that])
    }
}

impl StreamingContext {
    /// Strings the batches of any number of streams, at least one, together in their order; see [`DStream::union`].
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let all = run([vec![1, 2]], |numbers| {
    ///     numbers.context().union(&[numbers, numbers.map(|n| n + 4), numbers.map(|n| n + 8)])
    /// })?;
    /// assert_eq!(all, [[1, 2, 5, 6, 9, 10]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn union<'c, T: Data>(&'c self, streams: &[DStream<'c, T>]) -> DStream<'c, T> {
        union_at(self, Site::here("union"), streams)
    }
}

fn union_at<'c, T: Data>(context: &'c StreamingContext, site: Site, streams: &[DStream<'c, T>]) -> DStream<'c, T> {
    let slide = common_slide(context, site, streams);
    let (uses, datasets) = all_required(site, streams);
    let compute = move |batch: &mut Batch<'_>| {
        let mut datasets = datasets(batch)?;
        let rest = datasets.split_off(datasets.len().min(1));
        Ok(datasets.pop().map(|first| first.union_all(rest)))
    };
    context.add_node(site, slide, uses, Box::new(compute))
}
