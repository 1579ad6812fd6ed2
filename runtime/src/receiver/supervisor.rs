//! The actor over one receiver: it runs and restarts the receiver, cuts its blocks and takes them to the block manager and the
//! tracker.
//!
//! The receiver itself runs on another arbiter, so that one that blocks its thread delays no batch. Blocks that it stored
//! stay here when it dies.

use super::handle::Errors;
use super::life::{Life, live};
use super::policy::{GivenUp, Restarts, SupervisorPolicy};
use super::rate::tell_dropped;
use super::repeats::Repeats;
use super::status::{ReceiverSnapshot, ReceiverStatus};
use super::{Intake, LookedAt, QueuedBlock, Receiver, ReceiverHandle};
use crate::block::{
    AddBlock, Block, BlockInfo, BlockKey, BlockLogged, BlockManager, BlockTracker, ErasedCodec, PutBlock,
    RecoverBlocks, RecoveredBlock, StorageLevel, StoreError,
};
use crate::clock::SharedClock;
use crate::durable::BlockLog;
use crate::error::in_full;
use crate::event::{Event, Publisher};
use crate::failpoint::fail_point;
use crate::faults::{Fault, Faults, Sentinel};
use crate::ids::{BlockId, ContextId, StreamId};
use crate::mailbox::Post;
use crate::site::Site;
use crate::time::{DurationExt, next_tick};
use crate::topology::SUPERVISOR_MAILBOX;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use actix_rt::ArbiterHandle;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long the supervisor waits before it offers a block again that found no room.
const RETRY_STORE: Duration = Duration::from_millis(50);

/// Errors of one receiver that wait to be told; more are logged only.
const ERROR_QUEUE: usize = 16;

/// What a supervisor is made of.
pub struct SupervisorParts<T> {
    /// The context.
    pub context: ContextId,
    /// The stream.
    pub stream: StreamId,
    /// Shown to users.
    pub name: String,
    /// The user's line that made the stream.
    pub site: Site,
    /// Where the receiver puts its records.
    pub intake: Arc<Intake<T>>,
    /// How blocks are kept.
    pub level: StorageLevel,
    /// Blocks are cut at multiples of this; `None` when the batch tick alone cuts.
    pub block_interval: Option<Duration>,
    /// How often, and after which pause, the receiver is made anew.
    pub policy: SupervisorPolicy,
    /// How long storing for good may take.
    pub store_timeout: Duration,
    /// Where the receiver runs.
    pub arbiter: ArbiterHandle,
    /// Time.
    pub clock: SharedClock,
    /// Where blocks go.
    pub blocks: Post<BlockManager>,
    /// Where their records are kept as well, if they are to survive.
    pub log: Option<BlockLog>,
    /// Where blocks are reported.
    pub tracker: Post<BlockTracker>,
    /// Who is told.
    pub publisher: Publisher,
    /// Where a fault that ends the context goes.
    pub faults: Faults,
}

/// See the module.
pub struct ReceiverSupervisor<T> {
    parts: SupervisorParts<T>,
    stopping: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    launch: Option<Launch<T>>,
    status: Arc<ReceiverStatus>,
    repeats: Repeats,
    /// Ends the wait of the last cut when it is dropped.
    last_cut: Option<oneshot::Sender<()>>,
}

/// Starts the receiver's loop on its arbiter.
type Launch<T> = Box<dyn FnOnce(ReceiverHandle<T>, mpsc::Sender<Life>, watch::Sender<bool>) + Send>;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> ReceiverSupervisor<T> {
    /// A supervisor over receivers made by `factory`, which is called for every (re)start.
    pub fn new<R, F>(parts: SupervisorParts<T>, factory: F) -> ReceiverSupervisor<T>
    where
        R: Receiver<Record = T>,
        F: Fn() -> R + Send + 'static,
    {
        let (stopping, _) = watch::channel(false);
        let (_, ended) = watch::channel(true);
        let (arbiter, policy) = (parts.arbiter.clone(), parts.policy);
        let launch: Launch<T> = Box::new(move |handle, life, ended| {
            arbiter.spawn_fn(move || {
                actix_rt::spawn(live(factory, handle, life, ended, Restarts::new(policy)));
            });
        });
        let intake: Arc<dyn LookedAt> = parts.intake.clone();
        let status = ReceiverStatus::new(parts.stream, parts.name.clone(), parts.site, parts.intake.counter())
            .with_intake(Arc::downgrade(&intake));
        ReceiverSupervisor {
            parts,
            last_cut: None,
            stopping,
            ended,
            launch: Some(launch),
            status: Arc::new(status),
            repeats: Repeats::default(),
        }
    }

    pub(super) fn intake(&self) -> &Intake<T> {
        &self.parts.intake
    }

    /// What is known of the receiver, for whoever looks.
    pub fn status(&self) -> Arc<ReceiverStatus> {
        self.status.clone()
    }

    fn publish(&self, event: Event) {
        self.parts.publisher.publish(event);
    }

    fn heard(&mut self, life: Life, ctx: &mut Context<Self>) {
        let (stream, name) = (self.parts.stream, self.parts.name.clone());
        match life {
            Life::Started => {
                self.status.started();
                self.publish(Event::ReceiverStarted { stream, name });
            }
            Life::Ended { error, wished, again } => {
                if let Some(message) = wished {
                    log::info!("the receiver {name} of {stream} stops: {message}");
                }
                if let Some(message) = &error {
                    self.trouble(message.clone(), again);
                }
                // After its error: whoever sees that it is down sees why.
                match again {
                    Some(_) => self.status.rests(),
                    None => self.status.ended(),
                }
                self.publish(Event::ReceiverStopped { stream, name, error });
            }
            Life::GivenUp(given_up) => self.give_up(given_up, ctx),
        }
    }

    /// Ends the context, once what the receiver has left is stored.
    fn give_up(&mut self, given_up: GivenUp, ctx: &mut Context<Self>) {
        let GivenUp { restarts, within, first, last } = given_up;
        let (intake, faults) = (self.parts.intake.clone(), self.parts.faults.clone());
        let (name, stream, site) = (self.parts.name.clone(), self.parts.stream, self.parts.site);
        let patience = self.parts.clock.sleep(self.parts.store_timeout);
        let told = async move {
            intake.close();
            let until = intake.cut();
            tokio::select! {
                _ = intake.wait_stored(until) => {}
                () = patience => {}
            }
            faults.report(Fault::Receiver { name, stream, site, restarts, within, first, last });
        };
        ctx.spawn(told.into_actor(self));
    }

    /// Logs, remembers and tells what a receiver reported or ended with.
    fn trouble(&mut self, message: String, again: Option<Duration>) {
        let (stream, name) = (self.parts.stream, self.parts.name.clone());
        let level = self.repeats.level(&message, self.parts.clock.monotonic());
        let then = again.map_or_else(String::new, |pause| format!("; starting again in {}", pause.pretty()));
        log::log!(level, "the receiver {name} of {stream}: {message}{then}");
        self.status.failed(self.parts.clock.now(), &message);
        self.publish(Event::ReceiverError { stream, name, message });
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Actor for ReceiverSupervisor<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(SUPERVISOR_MAILBOX);
        let (life_in, mut life) = mpsc::channel(ERROR_QUEUE);
        let (errors_in, mut errors) = mpsc::channel::<String>(ERROR_QUEUE);
        let (ended_in, ended) = watch::channel(false);
        self.ended = ended;
        let stopping = self.stopping.subscribe();
        let handle = ReceiverHandle::new(
            self.parts.stream,
            self.parts.intake.clone(),
            stopping,
            Errors { told: errors_in, untold: self.status.untold_errors() },
            self.parts.clock.clone(),
            self.parts.store_timeout,
        );
        if let Some(launch) = self.launch.take() {
            launch(handle, life_in, ended_in);
        }
        ctx.add_stream(async_stream(move |cx| life.poll_recv(cx).map(|life| life.map(Heard::Life))));
        ctx.add_stream(async_stream(move |cx| errors.poll_recv(cx).map(|text| text.map(Heard::Error))));
        ctx.spawn(pump(&self.parts).into_actor(self));
        if let Some(interval) = self.parts.block_interval {
            ctx.spawn(cut_on_time(self.parts.intake.clone(), self.parts.clock.clone(), interval).into_actor(self));
        }
    }
}

/// What comes from the receiver's loop.
enum Heard {
    Life(Life),
    Error(String),
}

fn async_stream<F>(poll: F) -> impl futures::Stream<Item = Heard>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Heard>>,
{
    futures::stream::poll_fn(poll)
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> actix::StreamHandler<Heard> for ReceiverSupervisor<T> {
    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        match heard {
            Heard::Life(life) => self.heard(life, ctx),
            Heard::Error(message) => self.trouble(message, None),
        }
    }

    /// A receiver's loop that ended does not end its supervisor: its blocks still have to be stored.
    fn finished(&mut self, _: &mut Self::Context) {}
}

/// Cuts the open block at every multiple of the block interval.
async fn cut_on_time<T>(intake: Arc<Intake<T>>, clock: SharedClock, interval: Duration) {
    loop {
        clock.sleep_until(next_tick(clock.now(), interval)).await;
        intake.cut_if_room();
    }
}

/// Takes cut blocks to the block manager and the tracker, one after another, so that they arrive in order.
fn pump<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    parts: &SupervisorParts<T>,
) -> impl Future<Output = ()> + use<T> {
    let (intake, clock) = (parts.intake.clone(), parts.clock.clone());
    let (blocks, tracker, faults) = (parts.blocks.clone(), parts.tracker.clone(), parts.faults.clone());
    let log = parts.log.clone();
    let (context, stream, level) = (parts.context, parts.stream, parts.level);
    let sentinel = Sentinel::new("receiver supervisor", faults.clone());
    async move {
        let _sentinel = sentinel;
        loop {
            let QueuedBlock { sequence, block, mut credit, room, spill, door, position } = intake.next_block().await;
            let id = BlockId { stream, sequence };
            let info = BlockInfo { id, records: block.records as u64, bytes: block.bytes as u64 };
            let stored = Block {
                records: block.records,
                bytes: block.bytes,
                data: Arc::new(block.chunks),
                codec: ErasedCodec::of::<T>(),
                level: if spill { StorageLevel::DiskOnly } else { level },
            };
            fail_point("receiver.before_put");
            let key = BlockKey::Input(context, id);
            // A position without the records before it would have their source never send them again.
            let durable = position.clone().filter(|_| log.is_some());
            let kept = match stored.records {
                // Only the position has to be stored.
                0 => Ok(()),
                _ => keep(&blocks, log.as_ref(), &clock, key, id, stored).await,
            };
            let outcome = match kept {
                Ok(()) => {
                    fail_point("receiver.after_put");
                    if spill {
                        // It is in no memory any more.
                        drop(credit.take());
                    }
                    match tracker.send(AddBlock { info, credit, room, door, position: durable }).await {
                        Ok(Ok(())) => Ok(()),
                        Ok(Err(error)) => Err(in_full(&error)),
                        Err(_) => Err("the block tracker is gone".to_owned()),
                    }
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => {
                    fail_point("receiver.after_add");
                    if let Some(position) = position {
                        intake.reach(position);
                    }
                    intake.stored(sequence);
                }
                Err(cause) => {
                    faults.report(Fault::Block { block: id, cause });
                    intake.fail();
                    return;
                }
            }
        }
    }
}

/// Stores a block and, where there is a log, has it kept there: both at the same time.
async fn keep(
    blocks: &Post<BlockManager>,
    log: Option<&BlockLog>,
    clock: &SharedClock,
    key: BlockKey,
    id: BlockId,
    block: Block,
) -> Result<(), String> {
    let Some(log) = log else { return put(blocks, clock, key, block).await.map_err(|error| error.to_string()) };
    let Block { data, codec, level, records, .. } = block.clone();
    let (stored, logged) = futures::join!(put(blocks, clock, key, block), log.log(id, data, codec));
    // One that memory can never hold is not lost: it is read from the log.
    let only_logged = matches!(&stored, Err(NotPut::Refused(StoreError::TooLarge { .. })));
    if !only_logged {
        stored.map_err(|error| error.to_string())?;
    }
    logged?;
    let Some(logged) = log.logged(id) else { return Ok(()) };
    let told = if only_logged {
        let block = RecoveredBlock { logged, codec, level, records };
        blocks.send(RecoverBlocks { blocks: vec![(key, block)] }).await
    } else {
        blocks.send(BlockLogged { key, logged }).await
    };
    told.map_err(|_| NotPut::Gone.to_string())
}

/// Why the block manager does not have a block.
#[derive(Debug, thiserror::Error)]
enum NotPut {
    #[error("{}", in_full(.0))]
    Refused(StoreError),
    #[error("the block manager is gone")]
    Gone,
}

/// Stores a block, waiting while older ones hold the memory: their batches will free it.
async fn put(blocks: &Post<BlockManager>, clock: &SharedClock, key: BlockKey, block: Block) -> Result<(), NotPut> {
    let mut told = false;
    loop {
        match blocks.send(PutBlock { key, block: block.clone() }).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error @ StoreError::Full { .. })) => {
                if !told {
                    log::warn!("{error}; the receiver waits until batches free memory");
                    told = true;
                }
                clock.sleep(RETRY_STORE).await;
            }
            Ok(Err(error)) => return Err(NotPut::Refused(error)),
            Err(_) => return Err(NotPut::Gone),
        }
    }
}

/// Cuts the open block and answers when everything stored so far is in the ledger: sent at every batch tick.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CutBlock;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Handler<CutBlock> for ReceiverSupervisor<T> {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: CutBlock, _: &mut Self::Context) -> Self::Result {
        let intake = self.parts.intake.clone();
        let until = intake.cut();
        // While blocks find no room every tick cuts anew: only the last cut is waited for, so that waits do not pile up.
        let (last, superseded) = oneshot::channel::<()>();
        self.last_cut = Some(last);
        let (tracker, stream) = (self.parts.tracker.clone(), self.parts.stream);
        let stored = async move {
            tokio::select! {
                _ = intake.wait_stored(until) => tell_dropped(&intake, &tracker, stream).await,
                _ = superseded => {}
            }
        };
        Box::pin(stored.into_actor(self))
    }
}

/// Stops the receiver and answers when everything it stored is in the ledger.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopReceiver {
    /// Whether to wait until `run` has returned by itself; otherwise its future is dropped.
    pub wait: bool,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Handler<StopReceiver> for ReceiverSupervisor<T> {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, msg: StopReceiver, _: &mut Self::Context) -> Self::Result {
        let _ = self.stopping.send(true);
        let (intake, mut ended) = (self.parts.intake.clone(), self.ended.clone());
        let (tracker, stream) = (self.parts.tracker.clone(), self.parts.stream);
        intake.close_to_waiting();
        let stop = async move {
            if msg.wait {
                let _ = ended.wait_for(|ended| *ended).await;
            }
            intake.close();
            if msg.wait {
                let until = intake.cut();
                intake.wait_stored(until).await;
                tell_dropped(&intake, &tracker, stream).await;
            }
        };
        Box::pin(stop.into_actor(self).map(|(), supervisor: &mut Self, ctx: &mut Context<Self>| {
            supervisor.status.ended();
            ctx.stop();
        }))
    }
}

/// Asks for a [`ReceiverSnapshot`].
#[derive(Message)]
#[rtype(result = "ReceiverSnapshot")]
pub struct SnapshotReceiver;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Handler<SnapshotReceiver> for ReceiverSupervisor<T> {
    type Result = actix::MessageResult<SnapshotReceiver>;

    fn handle(&mut self, _: SnapshotReceiver, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.status.snapshot())
    }
}
