//! `input_stream`: a source that is asked for its dataset batch by batch.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::{Batch, InputStream, StartStop};
use crate::record::Data;
use std::sync::{Arc, Mutex, PoisonError};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

impl StreamingContext {
    /// A stream over `source`, which is asked once per batch.
    #[track_caller]
    pub fn input_stream<T: Data>(&self, source: impl InputStream<T>) -> DStream<'_, T> {
        self.input_stream_at(Site::here("input_stream"), source)
    }

    /// [`input_stream`](StreamingContext::input_stream) with the site of the method that the user called.
    pub fn input_stream_at<T: Data>(&self, site: Site, source: impl InputStream<T>) -> DStream<'_, T> {
        let repeatable = source.is_repeatable();
        let source = Arc::new(Mutex::new(source));
        let (theirs, stream) = (source.clone(), self.with_graph(|graph| graph.next_stream()));
        self.with_graph(|graph| graph.add_input(Box::new(Input { site, source, types: std::marker::PhantomData })));
        let compute = move |batch: &mut Batch<'_>| {
            // A panic in an earlier batch was told; the source decides whether it can go on.
            let mut source = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            let dataset = source.compute(batch.inputs)?;
            let records = dataset.as_ref().and_then(|dataset| dataset.known_count());
            batch.read.note(stream, records, || source.describe());
            Ok(dataset)
        };
        let id = self.with_graph(|graph| {
            let id = graph.add_source(site, None, self.interval(), Box::new(compute));
            graph.count_as(id, stream);
            if repeatable {
                graph.repeatable(id);
            }
            id
        });
        DStream::new(self, id)
    }
}

struct Input<T, S> {
    site: Site,
    source: Arc<Mutex<S>>,
    types: std::marker::PhantomData<fn() -> T>,
}

impl<T: 'static, S: InputStream<T>> StartStop for Input<T, S> {
    fn site(&self) -> Site {
        self.site
    }

    fn start(&self, zero: Time, _: Option<&[u8]>) -> Result<(), JobError> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).start(zero);
        Ok(())
    }

    fn stop(&self) {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}
