//! The actor around the block store: the only place that holds block data, and the only one that spills it.

use super::{Block, BlockKey, BlockStore, Fetched, PutOutcome, RecoveredBlock, StoreError, StoreStats};
use crate::durable::LoggedBlock;
use crate::ids::{ContextId, RddId};
use crate::mailbox::counts_its_mailbox;
use crate::topology::BLOCK_MANAGER_MAILBOX;
use actix::{Actor, Context, Handler, Message};
use std::collections::{BTreeSet, HashSet};

/// Owns the blocks and persisted partitions of an engine. Lives on an arbiter of its own, since it reads and writes files.
pub struct BlockManager {
    store: BlockStore,
}

impl BlockManager {
    /// A manager over `store`.
    pub fn new(store: BlockStore) -> BlockManager {
        BlockManager { store }
    }
}

impl Actor for BlockManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(BLOCK_MANAGER_MAILBOX);
    }
}

counts_its_mailbox!(BlockManager);

/// Stores a block or a persisted partition at its level.
#[derive(Message)]
#[rtype(result = "Result<PutOutcome, StoreError>")]
pub struct PutBlock {
    /// Under which key.
    pub key: BlockKey,
    /// The data and how it is kept.
    pub block: Block,
}

impl Handler<PutBlock> for BlockManager {
    type Result = Result<PutOutcome, StoreError>;

    fn handle(&mut self, msg: PutBlock, _: &mut Self::Context) -> Self::Result {
        self.store.put(msg.key, msg.block)
    }
}

/// Says that a block can be read from the log as well.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BlockLogged {
    /// Which.
    pub key: BlockKey,
    /// Where.
    pub logged: LoggedBlock,
}

impl Handler<BlockLogged> for BlockManager {
    type Result = ();

    fn handle(&mut self, msg: BlockLogged, _: &mut Self::Context) {
        self.store.logged(&msg.key, msg.logged);
    }
}

/// Takes over blocks of an earlier run, which are read from the log when they are asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RecoverBlocks {
    /// The blocks.
    pub blocks: Vec<(BlockKey, RecoveredBlock)>,
}

impl Handler<RecoverBlocks> for BlockManager {
    type Result = ();

    fn handle(&mut self, msg: RecoverBlocks, _: &mut Self::Context) {
        for (key, block) in msg.blocks {
            self.store.recover(key, block);
        }
    }
}

/// Fetches a block; `None` when it is not (or no longer) here.
#[derive(Message)]
#[rtype(result = "Result<Option<Fetched>, StoreError>")]
pub struct GetBlock {
    /// Which.
    pub key: BlockKey,
}

impl Handler<GetBlock> for BlockManager {
    type Result = Result<Option<Fetched>, StoreError>;

    fn handle(&mut self, msg: GetBlock, _: &mut Self::Context) -> Self::Result {
        self.store.get(&msg.key)
    }
}

/// Drops blocks; those that are not here are passed over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RemoveBlocks {
    /// Which.
    pub keys: Vec<BlockKey>,
}

impl Handler<RemoveBlocks> for BlockManager {
    type Result = ();

    fn handle(&mut self, msg: RemoveBlocks, _: &mut Self::Context) {
        for key in &msg.keys {
            self.store.remove(key);
        }
    }
}

/// Drops every partition of these persisted datasets.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RemoveRdds {
    /// Which.
    pub rdds: BTreeSet<RddId>,
}

impl Handler<RemoveRdds> for BlockManager {
    type Result = ();

    fn handle(&mut self, msg: RemoveRdds, _: &mut Self::Context) {
        for rdd in msg.rdds {
            let held: Vec<usize> = self.store.held_partitions(rdd).collect();
            for partition in held {
                self.store.remove(&BlockKey::Rdd { rdd, partition });
            }
        }
    }
}

/// Which partitions of these persisted datasets are here.
#[derive(Message)]
#[rtype(result = "HashSet<(RddId, usize)>")]
pub struct HeldPartitions {
    /// The datasets asked for.
    pub rdds: BTreeSet<RddId>,
}

impl Handler<HeldPartitions> for BlockManager {
    type Result = actix::MessageResult<HeldPartitions>;

    fn handle(&mut self, msg: HeldPartitions, _: &mut Self::Context) -> Self::Result {
        let held = |rdd| self.store.held_partitions(rdd).map(move |partition| (rdd, partition));
        actix::MessageResult(msg.rdds.into_iter().flat_map(held).collect())
    }
}

/// Drops every received block of a context.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RemoveContext {
    /// Which.
    pub context: ContextId,
}

impl Handler<RemoveContext> for BlockManager {
    type Result = ();

    fn handle(&mut self, msg: RemoveContext, _: &mut Self::Context) {
        for key in self.store.blocks_of(msg.context) {
            self.store.remove(&key);
        }
    }
}

/// What the manager holds.
#[derive(Message)]
#[rtype(result = "StoreStats")]
pub struct BlockStats;

impl Handler<BlockStats> for BlockManager {
    type Result = actix::MessageResult<BlockStats>;

    fn handle(&mut self, _: BlockStats, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.store.stats())
    }
}
