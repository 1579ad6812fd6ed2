//! What the operators on several streams share: what their parents need to have in common, and the parents' datasets of a batch.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::Rdd;
use crate::record::Data;
use std::time::Duration;
use waterwheel_runtime::batch::Use;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// A stream whose records do not matter.
pub(crate) struct Parent<'c> {
    context: &'c StreamingContext,
    slide: Duration,
}

impl<'c, T> From<&DStream<'c, T>> for Parent<'c> {
    fn from(stream: &DStream<'c, T>) -> Parent<'c> {
        Parent { context: stream.context(), slide: stream.slide_duration() }
    }
}

/// The slide duration that all of `parents` have. Notes a misuse of `context` if there are none, or if they are not all of this
/// context and of one slide duration.
pub(crate) fn common_slide<'c>(
    context: &StreamingContext,
    site: Site,
    parents: impl IntoIterator<Item = impl Into<Parent<'c>>>,
) -> Duration {
    let parents: Vec<Parent<'c>> = parents.into_iter().map(Into::into).collect();
    let slide = parents.first().map_or(context.interval(), |parent| parent.slide);
    if let Some(problem) = problem(context, slide, &parents) {
        context.misuse(site, problem);
    }
    slide
}

/// Why the parents do not go together.
fn problem(context: &StreamingContext, slide: Duration, parents: &[Parent<'_>]) -> Option<String> {
    if parents.is_empty() {
        return Some("there is no stream to work on; give at least one".to_owned());
    }
    if parents.iter().any(|parent| !std::ptr::eq(parent.context, context)) {
        return Some("the streams belong to different contexts; make all of them from one".to_owned());
    }
    let other = parents.iter().map(|parent| parent.slide).find(|other| *other != slide)?;
    Some(format!("the streams have different slide durations, {slide:?} and {other:?}; give all of them the same"))
}

impl<'c, T: Data> DStream<'c, T> {
    /// The stream whose dataset of a batch is made of those of this stream and of `other`. A batch in which one of them has none
    /// fails.
    pub(crate) fn combine<U: Data, R: Data>(
        &self,
        site: Site,
        other: &DStream<'c, U>,
        operator: impl Fn(&Batch<'_>, Rdd<T>, Rdd<U>) -> Result<Rdd<R>, JobError> + Send + 'static,
    ) -> DStream<'c, R> {
        let slide = common_slide(self.context(), site, [Parent::from(self), Parent::from(other)]);
        let (this, that) = (self.node_id(), other.node_id());
        let compute = move |batch: &mut Batch<'_>| {
            let (this, that) = (batch.required(site, this)?, batch.required(site, that)?);
            operator(batch, this, that).map(Some)
        };
        self.context().add_node(site, slide, vec![this.now(), that.now()], Box::new(compute))
    }
}

/// What reading all `streams` is for the graph, and their datasets in one batch, in their order. A batch in which one of them
/// has none fails.
pub(crate) fn all_required<T: Data>(site: Site, streams: &[DStream<'_, T>]) -> (Vec<Use>, AllRequired<T>) {
    let nodes: Vec<_> = streams.iter().map(DStream::node_id).collect();
    let uses = nodes.iter().map(|node| node.now()).collect();
    (uses, Box::new(move |batch| nodes.iter().map(|node| batch.required(site, *node)).collect()))
}

/// The datasets of several streams in one batch.
type AllRequired<T> = Box<dyn Fn(&mut Batch<'_>) -> Result<Vec<Rdd<T>>, JobError> + Send>;

#[cfg(test)]
mod tests {
    use super::*;
    use waterwheel_runtime::config::Config;
    use waterwheel_runtime::time::seconds;

    fn context() -> StreamingContext {
        StreamingContext::new(Config::local("test"), seconds(1)).unwrap()
    }

    fn stream<T: Data>(ssc: &StreamingContext, slide: u64) -> DStream<'_, T> {
        ssc.add_node(Site::here("test"), seconds(slide), Vec::new(), Box::new(|_| Ok(None)))
    }

    /// What `start` says of a program whose only mistake is in `line`.
    #[track_caller]
    fn assert_refused(ssc: StreamingContext, operator: &str, line: u32, problem: &str) {
        let error = ssc.start().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{operator} at {}:{line}:", file!())), "{error}");
        assert!(error.contains(problem), "{error}");
    }

    #[test]
    fn streams_of_different_slides_are_a_misuse() {
        let problem = "different slide durations, 2s and 4s";
        let ssc = context();
        let line = line!() + 1;
        stream::<u8>(&ssc, 2).union(&stream(&ssc, 4)).foreach_rdd(|_| {});
        assert_refused(ssc, "union", line, problem);

        let ssc = context();
        let line = line!() + 1;
        stream::<(u8, u8)>(&ssc, 2).join(&stream::<(u8, u8)>(&ssc, 4)).foreach_rdd(|_| {});
        assert_refused(ssc, "join", line, problem);

        let ssc = context();
        let line = line!() + 1;
        stream::<u8>(&ssc, 2).transform_with(&stream::<u8>(&ssc, 4), |a, _, _| a).foreach_rdd(|_| {});
        assert_refused(ssc, "transform_with", line, problem);

        let ssc = context();
        let line = line!() + 1;
        let both = ssc.transform(&[stream::<u8>(&ssc, 2), stream(&ssc, 4)], |all, _| all[0].clone());
        both.foreach_rdd(|_| {});
        assert_refused(ssc, "transform", line, problem);
    }

    #[test]
    fn streams_of_different_contexts_are_a_misuse() {
        let (ssc, other) = (context(), context());
        let line = line!() + 1;
        stream::<(u8, u8)>(&ssc, 1).cogroup(&stream::<(u8, u8)>(&other, 1)).foreach_rdd(|_| {});
        assert_refused(ssc, "cogroup", line, "different contexts");
    }

    #[test]
    fn no_stream_at_all_is_a_misuse() {
        let ssc = context();
        let line = line!() + 1;
        ssc.union::<u8>(&[]).foreach_rdd(|_| {});
        assert_refused(ssc, "union", line, "no stream");

        let ssc = context();
        let line = line!() + 1;
        ssc.transform::<u8, _>(&[], |mut all, _| all.remove(0)).foreach_rdd(|_| {});
        assert_refused(ssc, "transform", line, "no stream");
    }

    #[test]
    fn the_result_has_the_slide_of_its_streams() {
        let ssc = context();
        let (numbers, pairs) = (stream::<u8>(&ssc, 2), stream::<(u8, u8)>(&ssc, 2));
        assert_eq!(numbers.union(&numbers).slide_duration(), seconds(2));
        assert_eq!(pairs.join(&pairs).slide_duration(), seconds(2));
        assert_eq!(numbers.transform_with(&pairs, |a, _, _| a).slide_duration(), seconds(2));
    }
}
