//! `union`: the records of several streams in one.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::record::Data;
use std::time::Duration;
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
    let slide = streams.first().map_or(context.interval(), DStream::slide_duration);
    if let Some(problem) = problem(context, slide, streams) {
        context.misuse(site, problem);
    }
    let parents: Vec<_> = streams.iter().map(DStream::node_id).collect();
    let uses = parents.iter().map(|parent| parent.now()).collect();
    let compute = move |batch: &mut Batch<'_>| {
        let mut datasets = Vec::with_capacity(parents.len());
        for parent in &parents {
            datasets.push(batch.required(site, *parent)?);
        }
        let rest = datasets.split_off(datasets.len().min(1));
        Ok(datasets.pop().map(|first| first.union_all(rest)))
    };
    context.add_node(site, slide, uses, Box::new(compute))
}

/// Why the streams cannot be one.
fn problem<T: Data>(context: &StreamingContext, slide: Duration, streams: &[DStream<'_, T>]) -> Option<String> {
    if streams.is_empty() {
        return Some("there is no stream to unite; give at least one".to_owned());
    }
    if streams.iter().any(|stream| !std::ptr::eq(stream.context(), context)) {
        return Some("the streams belong to different contexts; make all of them from one".to_owned());
    }
    let other = streams.iter().map(DStream::slide_duration).find(|other| *other != slide)?;
    Some(format!("the streams have different slide durations, {slide:?} and {other:?}; give all of them the same"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterwheel_runtime::config::Config;
    use waterwheel_runtime::time::seconds;

    #[test]
    fn streams_of_different_slides_are_a_misuse() {
        let ssc = StreamingContext::new(Config::local("test"), seconds(1)).unwrap();
        let stream = |slide| ssc.add_node::<u8>(Site::here("test"), seconds(slide), Vec::new(), Box::new(|_| Ok(None)));
        let line = line!() + 1;
        stream(2).union(&stream(4)).foreach_rdd(|_| {});
        let error = ssc.start().unwrap_err().to_string();
        assert!(error.contains("different slide durations, 2s and 4s"), "{error}");
        assert!(error.contains(&format!("union at {}:{line}:", file!())), "{error}");
    }

    #[test]
    fn a_union_has_the_slide_of_its_streams() {
        let ssc = StreamingContext::new(Config::local("test"), seconds(1)).unwrap();
        let stream = ssc.add_node::<u8>(Site::here("test"), seconds(2), Vec::new(), Box::new(|_| Ok(None)));
        assert_eq!(stream.union(&stream).slide_duration(), seconds(2));
    }
}
