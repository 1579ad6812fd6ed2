//! What waits, and where.

use crate::store::{Progress, Status};
use serde::Serialize;
use waterwheel_runtime::depths::{ContextDepths, EngineDepths, MailboxDepth};
use waterwheel_runtime::flow::Amount;

/// Blocks, and what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct AmountInfo {
    pub(crate) blocks: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl From<Amount> for AmountInfo {
    fn from(Amount { blocks, records, bytes }: Amount) -> AmountInfo {
        AmountInfo { blocks, records, bytes }
    }
}

/// What waits beside the records of streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueuesInfo {
    pub(crate) num_waiting_batches: usize,
    pub(crate) num_running_batches: usize,
    /// Tasks that could run and for which no worker has room. Over all programs of the engine, as the next.
    pub(crate) num_waiting_tasks: usize,
    /// Tasks that workers have.
    pub(crate) num_assigned_tasks: usize,
    pub(crate) mailboxes: Vec<MailboxInfo>,
}

/// The mailbox of the actors of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MailboxInfo {
    pub(crate) actor: &'static str,
    /// Messages that wait in it, or for a place in it.
    pub(crate) messages: usize,
    /// Messages that have a place in it.
    pub(crate) capacity: usize,
}

impl QueuesInfo {
    pub(crate) fn new(progress: &Progress, context: &ContextDepths, engine: &EngineDepths) -> QueuesInfo {
        let mailboxes = context.mailboxes.iter().chain(&engine.mailboxes);
        let mailbox = |MailboxDepth { actor, messages, capacity }: &MailboxDepth| MailboxInfo {
            actor,
            messages: *messages,
            capacity: *capacity,
        };
        QueuesInfo {
            num_waiting_batches: progress.count(Status::Queued),
            num_running_batches: progress.count(Status::Processing),
            num_waiting_tasks: engine.waiting_tasks,
            num_assigned_tasks: engine.assigned_tasks,
            mailboxes: mailboxes.map(mailbox).collect(),
        }
    }
}
