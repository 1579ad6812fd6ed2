//! `receiver_stream`: a stream fed by a receiver.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::input::ReceiverOptions;
use crate::rdd::Blocks;
use crate::record::Record;
use actix::Actor;
use actix_rt::ArbiterHandle;
use std::sync::Arc;
use waterwheel_runtime::batch::RatedReceiver;
use waterwheel_runtime::block::{ErasedCodec, StorageLevel};
use waterwheel_runtime::flow::Overload;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::{
    Intake, IntakeLimits, Receiver, ReceiverSupervisor, SupervisorParts, SupervisorPolicy,
};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::topology::{ContextParts, ReceiverAddresses, ReceiverSpec};

impl StreamingContext {
    /// A stream of what a receiver stores. `factory` makes the receiver, at the start and again after it ended or panicked: for
    /// ever, first after `receiver.restart_delay`, then with growing pauses until it has stored something.
    ///
    /// `options` is the level at which its blocks are kept until their batch is done, or [`ReceiverOptions`], which say more: with a
    /// policy of one's own, how often and after which pause the receiver is made anew. When that gives up, the program ends with a
    /// fault that names the stream, the line of this call and the first error; what the receiver has stored is kept.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};
    ///
    /// struct Broken;
    ///
    /// impl Receiver for Broken {
    ///     type Record = u32;
    ///     async fn run(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
    ///         handle.store(1).await?;
    ///         Err("the device is gone".into())
    ///     }
    /// }
    ///
    /// let ssc = StreamingContext::new(Config::local("doc"), milliseconds(50))?;
    /// let policy = SupervisorPolicy::for_receivers(milliseconds(1)).max_restarts(2, seconds(60));
    /// ssc.receiver_stream("device", ReceiverOptions::new().policy(policy), || Broken).print();
    /// let running = ssc.start()?;
    /// let error = running.await_termination().unwrap_err().to_string();
    /// assert!(error.contains("it ended 3 times") && error.contains("the device is gone"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn receiver_stream<R>(
        &self,
        name: impl Into<String>,
        options: impl Into<ReceiverOptions>,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        self.receiver_stream_at(Site::here("receiver_stream"), name, options, factory)
    }

    /// [`receiver_stream`](StreamingContext::receiver_stream) with the site of the method that the user called.
    pub fn receiver_stream_at<R>(
        &self,
        site: Site,
        name: impl Into<String>,
        options: impl Into<ReceiverOptions>,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        self.add_receiver_stream(site, name.into(), options.into(), false, factory)
    }

    /// As [`receiver_stream_at`](StreamingContext::receiver_stream_at), for a receiver on a thread of its own, which its
    /// code may block. For authors of sources.
    pub fn receiver_stream_on_own_thread_at<R>(
        &self,
        site: Site,
        name: impl Into<String>,
        options: impl Into<ReceiverOptions>,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        self.add_receiver_stream(site, name.into(), options.into(), true, factory)
    }

    fn add_receiver_stream<R>(
        &self,
        site: Site,
        name: String,
        options: ReceiverOptions,
        own_thread: bool,
        factory: impl Fn() -> R + Send + 'static,
    ) -> DStream<'_, R::Record>
    where
        R: Receiver,
        R::Record: Record,
    {
        let stream = self.with_graph(|graph| graph.next_stream());
        let ReceiverOptions { level, policy, overload } = options;
        let default = || SupervisorPolicy::for_receivers(self.config().receiver.restart_delay);
        let policy = policy.unwrap_or_else(default);
        self.add_receiver(Box::new(Spec { stream, name, site, level, overload, policy, own_thread, factory }));
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
    site: Site,
    level: StorageLevel,
    overload: Overload,
    policy: SupervisorPolicy,
    own_thread: bool,
    factory: F,
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

    fn overload(&self) -> Overload {
        self.overload
    }

    fn own_thread(&self) -> bool {
        self.own_thread
    }

    fn start(self: Box<Self>, context: &ContextParts, own: Option<ArbiterHandle>) -> ReceiverAddresses {
        let Spec { stream, name, site, level, overload, policy, factory, .. } = *self;
        let (config, clock) = (&context.config, context.core.clock.clone());
        let block_interval = config.block_interval_for(context.interval);
        let bytes = |size: waterwheel_runtime::config::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let limits = IntakeLimits {
            block_max_bytes: bytes(config.block_max_bytes),
            queue_blocks: config.block_queue_size,
            max_pending_bytes: bytes(config.receiver.max_pending),
            max_rate: config.receiver.rate_limit().map(u64::from),
            overload,
            max_spill_bytes: bytes(config.receiver.max_spill),
            interval: context.interval,
            blocks_per_batch: context.interval.div_duration_f64(block_interval).ceil() as u32,
            first_rate: context.first_rates.get(&stream).copied(),
        };
        let intake = Intake::new(limits, clock.clone(), context.next_blocks.get(&stream).copied().unwrap_or(0));
        if let Some(position) = context.positions.get(&stream) {
            intake.reach(position.as_slice().into());
        }
        let held = intake.hold_for(context.received.get(&stream).map(Vec::as_slice).unwrap_or_default());
        let parts = SupervisorParts {
            context: context.context,
            stream,
            name: name.clone(),
            site,
            intake: Arc::new(intake),
            level,
            // Every batch tick cuts a block as well, so a block interval as long as the batch needs no timer.
            block_interval: (block_interval < context.interval).then_some(block_interval),
            policy,
            store_timeout: config.receiver.store_timeout,
            arbiter: own.unwrap_or_else(|| context.core.receiver_arbiter()),
            clock,
            blocks: context.core.blocks.clone(),
            log: context.block_log.clone(),
            tracker: context.tracker.clone(),
            publisher: context.publisher.clone(),
            faults: context.faults.clone(),
        };
        let supervisor = ReceiverSupervisor::new(parts, factory);
        let status = supervisor.status();
        let supervisor = supervisor.start();
        let (rate, next) = (supervisor.clone().recipient(), supervisor.clone().recipient());
        let (cut, rated) = (supervisor.clone().recipient(), RatedReceiver { stream, rate, next });
        ReceiverAddresses { stream, name, cut, rated, stop: supervisor.recipient(), status, held }
    }
}
