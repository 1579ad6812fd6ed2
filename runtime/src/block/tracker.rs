//! The actor around the ledger: logs an event, then applies it, then answers.
//!
//! Every handler that changes the ledger holds the actor until it has answered (`AtomicResponse`), so events are logged in the
//! order in which they are decided.

use super::{
    Allocation, BlockInfo, BlockKey, EventError, Horizon, Ledger, LedgerEvent, LedgerLog, LedgerLogError, LogRecord,
    When, log_then_apply,
};
use crate::depths::SharedFlow;
use crate::durable::Change;
use crate::flow::{DoorCounts, FlowBook, FlowCounts};
use crate::ids::{BlockId, ContextId, StreamId};
use crate::mailbox::counts_its_mailbox;
use crate::receiver::{Credit, HeldByBlock, PositionBytes};
use crate::time::Time;
use crate::topology::TRACKER_MAILBOX;
use actix::{Actor, ActorFutureExt, AtomicResponse, Context, Handler, Message, MessageResult, WrapFuture};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

/// Knows which batch every received block belongs to.
pub struct BlockTracker {
    context: ContextId,
    /// Away while an event is being logged; the actor handles nothing else then.
    book: Option<Book>,
    /// The receivers' allowance held by blocks that are not processed yet.
    credits: HashMap<BlockId, [Option<Credit>; 2]>,
    /// Where the records of each stream are.
    flow: SharedFlow,
}

struct Book {
    ledger: Ledger,
    log: Box<dyn LedgerLog>,
}

/// Why the tracker did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// The event was refused or not logged.
    #[error("{event}: {cause}")]
    Event {
        /// What was to become fact.
        event: &'static str,
        /// Why it did not.
        #[source]
        cause: EventError,
    },
    /// An earlier event left the log in an unknown state, or was cut off.
    #[error("the block tracker takes no more events: an earlier one was cut off")]
    Broken,
}

impl BlockTracker {
    /// A tracker for `context` over `ledger`, which is empty or was recovered from `log`.
    pub fn new(context: ContextId, ledger: Ledger, log: Box<dyn LedgerLog>) -> BlockTracker {
        let flow = SharedFlow::new(FlowBook::of(&ledger));
        BlockTracker { context, book: Some(Book { ledger, log }), credits: HashMap::new(), flow }
    }

    /// Where the records of each stream are, for whoever looks.
    pub fn flow(&self) -> SharedFlow {
        self.flow.clone()
    }

    /// Plans a record from the ledger, logs and applies it, then lets `after` conclude.
    fn record<R: 'static>(
        &mut self,
        what: &'static str,
        plan: impl FnOnce(&Ledger) -> Option<LogRecord>,
        after: impl FnOnce(&mut Self) -> R + 'static,
    ) -> AtomicResponse<Self, Result<R, TrackerError>> {
        let Some(mut book) = self.book.take() else {
            return AtomicResponse::new(Box::pin(async { Err(TrackerError::Broken) }.into_actor(self)));
        };
        let record = plan(&book.ledger);
        let logged: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move {
            let outcome = match record {
                Some(record) => log_then_apply(&mut book.ledger, &mut *book.log, record).await,
                None => Ok(()),
            };
            (book, outcome)
        });
        AtomicResponse::new(Box::pin(logged.into_actor(self).map(move |(book, outcome), tracker, _| {
            // Whether the record is in the log is not known: whatever came next might contradict it.
            if !matches!(outcome, Err(EventError::NotLogged(LedgerLogError::Unknown { .. }))) {
                tracker.book = Some(book);
            }
            outcome.map_err(|cause| TrackerError::Event { event: what, cause })?;
            Ok(after(tracker))
        })))
    }
}

impl Actor for BlockTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(TRACKER_MAILBOX);
    }
}

counts_its_mailbox!(BlockTracker);

/// A block is stored: it belongs to the next batch.
#[derive(Message)]
#[rtype(result = "Result<(), TrackerError>")]
pub struct AddBlock {
    /// The block.
    pub info: BlockInfo,
    /// The receiver's allowance of memory that it holds until its batch is done.
    pub credit: Option<Credit>,
    /// The same of files.
    pub room: Option<Credit>,
    /// What had come to the stream's door when it was cut.
    pub door: DoorCounts,
    /// Up to where its source has come with it; durable with the block. Without records it is stored alone.
    pub position: Option<PositionBytes>,
}

impl Handler<AddBlock> for BlockTracker {
    type Result = AtomicResponse<Self, Result<(), TrackerError>>;

    fn handle(&mut self, msg: AddBlock, _: &mut Self::Context) -> Self::Result {
        let AddBlock { info, credit, room, door, position } = msg;
        let event = (info.records > 0).then_some(LedgerEvent::BlockAdded { block: info });
        let reached = position.map(|position| (info.id.stream, position));
        let (events, reached) = (Vec::from_iter(event), Vec::from_iter(reached));
        // An empty record would have the log write what it holds back.
        let anything = !(events.is_empty() && reached.is_empty());
        self.record(
            "adding a block",
            |_| anything.then(|| LogRecord { events, reached, ..LogRecord::default() }),
            move |tracker| {
                tracker.flow.book().added(&info, door);
                if info.records > 0 && (credit.is_some() || room.is_some()) {
                    tracker.credits.insert(info.id, [credit, room]);
                }
            },
        )
    }
}

/// What blocks of an earlier run hold of their receiver's allowances until their batches are done. Told before the first tick.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HoldCredits {
    /// Of each block.
    pub held: Vec<HeldByBlock>,
}

impl Handler<HoldCredits> for BlockTracker {
    type Result = ();

    fn handle(&mut self, msg: HoldCredits, _: &mut Self::Context) {
        self.credits.extend(msg.held);
    }
}

/// What has come to the door of a stream, told where no block tells it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AtDoor {
    /// The stream.
    pub stream: StreamId,
    /// What has come.
    pub door: DoorCounts,
}

impl Handler<AtDoor> for BlockTracker {
    type Result = ();

    fn handle(&mut self, msg: AtDoor, _: &mut Self::Context) {
        self.flow.book().at_door(msg.stream, msg.door);
    }
}

/// Gives unallocated blocks to a batch, unless it is not newer than the last one. Answers with the batch's blocks, and where the
/// records of each stream are then.
#[derive(Message)]
#[rtype(result = "Result<(Allocation, BTreeMap<StreamId, FlowCounts>), TrackerError>")]
pub struct AllocateBatch {
    /// The batch.
    pub batch: Time,
    /// The streams of which it does not take all blocks, with the records that it takes.
    pub limits: BTreeMap<StreamId, u64>,
}

impl Handler<AllocateBatch> for BlockTracker {
    type Result = AtomicResponse<Self, Result<(Allocation, BTreeMap<StreamId, FlowCounts>), TrackerError>>;

    fn handle(&mut self, msg: AllocateBatch, _: &mut Self::Context) -> Self::Result {
        let AllocateBatch { batch, limits } = msg;
        let is_new = self.book.as_ref().is_some_and(|book| book.ledger.last_allocated() < Some(batch));
        self.record(
            "allocating a batch",
            |ledger| ledger.plan_allocation_within(batch, &limits).map(LogRecord::of),
            move |tracker| {
                let allocated = tracker.book.as_ref().and_then(|book| book.ledger.allocated(batch)).cloned();
                let allocated = allocated.unwrap_or_else(|| Allocation { batch, blocks: Default::default() });
                let mut flow = tracker.flow.book();
                if is_new {
                    flow.allocated(&allocated);
                }
                (allocated, flow.counts())
            },
        )
    }
}

/// A batch is done: its records are processed, what it did to the state is to stay, and what lies past the horizon is needed no
/// more. All of that becomes fact together. The receivers get their allowance back. Answers with the blocks to be dropped, and
/// where the records of each stream are then.
#[derive(Message)]
#[rtype(result = "Result<(Vec<BlockKey>, BTreeMap<StreamId, FlowCounts>), TrackerError>")]
pub struct CommitBatch {
    /// The batch.
    pub batch: Time,
    /// Up to where nothing is needed any more, as far as its batches are done.
    pub horizon: Horizon,
    /// What else becomes durable with it.
    pub changes: Vec<Change>,
    /// When.
    pub when: When,
}

impl Handler<CommitBatch> for BlockTracker {
    type Result = AtomicResponse<Self, Result<(Vec<BlockKey>, BTreeMap<StreamId, FlowCounts>), TrackerError>>;

    fn handle(&mut self, msg: CommitBatch, _: &mut Self::Context) -> Self::Result {
        let CommitBatch { batch, horizon, changes, when } = msg;
        let ledger = self.book.as_ref().map(|book| &book.ledger);
        let (events, freed) = ledger.map(|ledger| ledger.plan_commit(batch, &horizon)).unwrap_or_default();
        let processed = ledger.and_then(|ledger| ledger.allocated(batch)).cloned();
        let keys = freed.iter().map(|block| BlockKey::Input(self.context, *block)).collect();
        let record = LogRecord { events, changes, freed, when, ..LogRecord::default() };
        self.record(
            "committing a batch",
            |_| Some(record),
            move |tracker| {
                if let Some(allocation) = &processed {
                    allocation.all_blocks().for_each(|block| drop(tracker.credits.remove(&block.id)));
                    tracker.flow.book().committed(allocation);
                }
                (keys, tracker.flow.book().counts())
            },
        )
    }
}

/// Makes changes durable that are no events: what replayable sources read in a batch. Without any, makes durable what was held
/// back for the next commit.
#[derive(Message)]
#[rtype(result = "Result<(), TrackerError>")]
pub struct LogChanges {
    /// The changes.
    pub changes: Vec<Change>,
}

impl Handler<LogChanges> for BlockTracker {
    type Result = AtomicResponse<Self, Result<(), TrackerError>>;

    fn handle(&mut self, msg: LogChanges, _: &mut Self::Context) -> Self::Result {
        let record = LogRecord { changes: msg.changes, ..LogRecord::default() };
        self.record("logging what a batch reads", |_| Some(record), |_| ())
    }
}

/// Asks where the records of each stream are.
#[derive(Message)]
#[rtype(result = "BTreeMap<StreamId, FlowCounts>")]
pub struct SnapshotFlow;

impl Handler<SnapshotFlow> for BlockTracker {
    type Result = MessageResult<SnapshotFlow>;

    fn handle(&mut self, _: SnapshotFlow, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.flow.book().counts())
    }
}

/// Whether blocks wait for a batch.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct HasUnallocated;

impl Handler<HasUnallocated> for BlockTracker {
    type Result = bool;

    fn handle(&mut self, _: HasUnallocated, _: &mut Self::Context) -> bool {
        self.book.as_ref().is_some_and(|book| book.ledger.has_unallocated())
    }
}
