//! `receiver_stream`: a stream fed by a receiver.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::Blocks;
use crate::record::Record;
use actix::Actor;
use actix_rt::ArbiterHandle;
use std::sync::Arc;
use waterwheel_runtime::block::{ErasedCodec, StorageLevel};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::{Intake, IntakeLimits, Receiver, ReceiverSupervisor, SupervisorParts, SupervisorPolicy};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::topology::{ContextParts, ReceiverAddresses, ReceiverSpec};

impl StreamingContext {
    /// A stream of what a receiver stores. `factory` makes the receiver, at the start and again after it ended or panicked.
    ///
    /// `level` says how its blocks are kept until their batch is done.
    #[track_caller]
    pub fn receiver_stream<R>(
        &self,
        name: impl Into<String>,
        level: StorageLevel,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        self.receiver_stream_at(Site::here("receiver_stream"), name, level, factory)
    }

    /// [`receiver_stream`](StreamingContext::receiver_stream) with the site of the method that the user called.
    pub fn receiver_stream_at<R>(
        &self,
        site: Site,
        name: impl Into<String>,
        level: StorageLevel,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        self.receiver_stream_on(false, site, name.into(), level, factory)
    }

    /// A stream of a receiver that runs on a thread of its own, which its code may block, made anew as `policy` says. For authors
    /// of sources.
    pub fn receiver_stream_on_own_thread<R>(
        &self,
        site: Site,
        name: impl Into<String>,
        level: StorageLevel,
        policy: SupervisorPolicy,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        let _ = policy;
        self.receiver_stream_on(true, site, name.into(), level, factory)
    }

    fn receiver_stream_on<R>(
        &self,
        own_thread: bool,
        site: Site,
        name: String,
        level: StorageLevel,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        let stream = self.with_graph(|graph| graph.next_stream());
        self.add_receiver(Box::new(Spec { stream, name, level, factory, own_thread }));
        let compute = move |batch: &mut Batch<'_>| {
            let blocks = batch.inputs.blocks.get(&stream).map(Vec::as_slice).unwrap_or_default();
            let blocks = blocks.iter().map(|block| block.id).collect();
            Ok(Some(Blocks::dataset(&batch.inputs.scope, batch.inputs.context, blocks)))
        };
        let id = self.with_graph(|graph| {
            let id = graph.add_source(site, Some(stream), self.interval(), Box::new(compute));
            graph.logs_records(id);
            id
        });
        DStream::new(self, id)
    }
}

struct Spec<F> {
    stream: StreamId,
    name: String,
    level: StorageLevel,
    factory: F,
    own_thread: bool,
}

impl<R, F> ReceiverSpec for Spec<F>
where
    R: Receiver,
    R::Record: Record,
    F: Fn() -> R + Send + 'static,
{
    fn stream(&self) -> StreamId {
        self.stream
    }

    fn codec(&self) -> ErasedCodec {
        ErasedCodec::of::<R::Record>()
    }

    fn level(&self) -> StorageLevel {
        self.level
    }

    fn own_thread(&self) -> bool {
        self.own_thread
    }

    fn start(self: Box<Self>, context: &ContextParts, own: Option<ArbiterHandle>) -> ReceiverAddresses {
        let Spec { stream, name, level, factory, .. } = *self;
        let (config, clock) = (&context.config, context.core.clock.clone());
        let bytes = |size: waterwheel_runtime::config::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let limits = IntakeLimits {
            block_max_bytes: bytes(config.block_max_bytes),
            queue_blocks: config.block_queue_size,
            max_pending_bytes: bytes(config.receiver.max_pending),
            max_rate: config.receiver.rate_limit().map(u64::from),
        };
        let block_interval = config.block_interval_for(context.interval);
        let parts = SupervisorParts {
            context: context.context,
            stream,
            name: name.clone(),
            intake: Arc::new(Intake::new(
                limits,
                clock.clone(),
                context.next_blocks.get(&stream).copied().unwrap_or(0),
            )),
            level,
            // Every batch tick cuts a block as well, so a block interval as long as the batch needs no timer.
            block_interval: (block_interval < context.interval).then_some(block_interval),
            restart_delay: config.receiver.restart_delay,
            arbiter: own.unwrap_or_else(|| context.core.receiver_arbiter()),
            clock,
            blocks: context.core.blocks.clone(),
            log: context.block_log.clone(),
            tracker: context.tracker.clone(),
            publisher: context.publisher.clone(),
            faults: context.faults.clone(),
        };
        let supervisor = ReceiverSupervisor::new(parts, factory).start();
        ReceiverAddresses { stream, name, cut: supervisor.clone().recipient(), stop: supervisor.recipient() }
    }
}
