//! The actor that is the only writer of a storage.
//!
//! It lives on an arbiter of its own, since it waits for the disk there. Whatever waits when a write begins is written together:
//! one wait for the disk serves all who asked meanwhile. When nobody can say whether a write is there it writes nothing more: a
//! second try could tear apart what belongs together. Recovery finds out.

use super::block_log::logged;
use super::journal::size_of;
use super::{Change, Durability, Storage, StorageError};
use crate::block::{Erased, ErasedCodec};
use crate::codec::CodecError;
use crate::failpoint::fail_point;
use crate::ids::BlockId;
use crate::mailbox::counts_its_mailbox;
use crate::topology::KEEPER_MAILBOX;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::oneshot;

/// What waits is written without waiting for more when it has so many bytes.
const GROUP_BYTES: usize = 32 << 20;

/// The most bytes that a block may have: what is larger could not be read back.
const LARGEST_BLOCK: usize = 2 << 30;

/// See the module.
pub struct Keeper {
    storage: Arc<dyn Storage>,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    poisoned: Option<StorageError>,
}

struct Waiting {
    changes: Vec<Change>,
    durability: Durability,
    answer: oneshot::Sender<Result<(), AppendError>>,
}

/// Changes that were not made, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct AppendError {
    /// Why.
    pub cause: StorageError,
    /// The changes, when it is certain that they were not made.
    pub changes: Vec<Change>,
}

impl Keeper {
    /// The keeper of `storage`.
    pub fn new(storage: Arc<dyn Storage>) -> Keeper {
        Keeper { storage, waiting: Vec::new(), waiting_bytes: 0, poisoned: None }
    }

    /// Writes what waits, all of it together.
    fn write_waiting(&mut self) {
        self.waiting_bytes = 0;
        let mut group = std::mem::take(&mut self.waiting);
        let together = match &mut group[..] {
            [] => return,
            [alone] => self.write(&alone.changes, alone.durability),
            all => {
                let lengths: Vec<usize> = all.iter().map(|waiting| waiting.changes.len()).collect();
                let synced = all.iter().any(|waiting| waiting.durability == Durability::Synced);
                let durability = if synced { Durability::Synced } else { Durability::Ordered };
                let mut changes: Vec<Change> =
                    all.iter_mut().flat_map(|waiting| std::mem::take(&mut waiting.changes)).collect();
                let written = self.write(&changes, durability);
                for (waiting, length) in all.iter_mut().zip(lengths).rev() {
                    waiting.changes = changes.split_off(changes.len().saturating_sub(length));
                }
                written
            }
        };
        // One that cannot be written does not take the others with it.
        let one_by_one = group.len() > 1 && matches!(together, Err(StorageError::NotWritten { .. }));
        for Waiting { changes, durability, answer } in group {
            let outcome = if one_by_one { self.write(&changes, durability) } else { together.clone() };
            let certain = matches!(outcome, Err(StorageError::NotWritten { .. }));
            let changes = if certain { changes } else { Vec::new() };
            // Whoever asked may be gone.
            let _ = answer.send(outcome.map_err(|cause| AppendError { cause, changes }));
        }
    }

    fn write(&mut self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        if let Some(cause) = &self.poisoned {
            return Err(cause.clone());
        }
        fail_point("keeper.before_write");
        let written = self.storage.write(changes, durability);
        fail_point("keeper.after_write");
        match &written {
            Ok(()) | Err(StorageError::NotWritten { .. }) => {}
            Err(cause) => {
                log::error!(
                    "{cause}; nothing more is written to the checkpoint storage, a restart will tell what is there"
                );
                self.poisoned = Some(cause.clone());
            }
        }
        written
    }
}

impl Actor for Keeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(KEEPER_MAILBOX);
    }
}

counts_its_mailbox!(Keeper);

/// Makes changes, all of them or none, after those that were sent before. Answered when they are as durable as was asked for.
#[derive(Message)]
#[rtype(result = "Result<(), AppendError>")]
pub struct Append {
    /// The changes, in their order.
    pub changes: Vec<Change>,
    /// What they survive when this is answered.
    pub durability: Durability,
}

impl Handler<Append> for Keeper {
    type Result = ResponseFuture<Result<(), AppendError>>;

    fn handle(&mut self, msg: Append, ctx: &mut Self::Context) -> Self::Result {
        self.append(msg.changes, msg.durability, ctx)
    }
}

/// Keeps the records of a received block. They are encoded here: the keeper's thread decides about no batch. Answered when they
/// survive the process; the record of the ledger that says that they are there makes them survive the machine.
#[derive(Message)]
#[rtype(result = "Result<(), LogBlockError>")]
pub struct LogBlock {
    /// Its stored name.
    pub block: BlockId,
    /// The records.
    pub data: Erased,
    /// The way to bytes.
    pub codec: ErasedCodec,
}

/// The records of a block that are not kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogBlockError {
    /// They cannot be encoded.
    #[error(transparent)]
    Encode(#[from] CodecError),
    /// They are more than can be kept as one.
    #[error(
        "the block has {bytes} bytes when it is encoded; the most that can be kept is {limit}: cut smaller blocks (`block_max_bytes`)"
    )]
    TooLarge {
        /// Their size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// They were not written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Handler<LogBlock> for Keeper {
    type Result = ResponseFuture<Result<(), LogBlockError>>;

    fn handle(&mut self, msg: LogBlock, ctx: &mut Self::Context) -> Self::Result {
        let LogBlock { block, data, codec } = msg;
        let encoded = codec.encode(&data);
        drop(data);
        let bytes = match encoded {
            Ok(bytes) if bytes.len() > LARGEST_BLOCK => {
                let error = LogBlockError::TooLarge { bytes: bytes.len(), limit: LARGEST_BLOCK };
                return Box::pin(std::future::ready(Err(error)));
            }
            Ok(bytes) => bytes,
            Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
        };
        let written = self.append(logged(block, bytes).into(), Durability::Ordered, ctx);
        Box::pin(async move { Ok(written.await?) })
    }
}

impl Keeper {
    fn append(
        &mut self,
        changes: Vec<Change>,
        durability: Durability,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<Result<(), AppendError>> {
        let (answer, wait) = oneshot::channel();
        if self.waiting.is_empty() {
            // Runs when the mailbox is empty.
            ctx.spawn(async {}.into_actor(self).map(|(), keeper, _| keeper.write_waiting()));
        }
        self.waiting_bytes += changes.iter().map(size_of).sum::<usize>();
        self.waiting.push(Waiting { changes, durability, answer });
        if self.waiting_bytes >= GROUP_BYTES {
            self.write_waiting();
        }
        let gone = || StorageError::Unknown { reason: "the keeper ended before it answered".to_owned() };
        Box::pin(async move { wait.await.unwrap_or_else(|_| Err(AppendError { cause: gone(), changes: Vec::new() })) })
    }
}
