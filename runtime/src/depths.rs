//! How much waits where in a running system: what whoever looks is told. Nothing is counted for it on the way of a record; queues are
//! looked at when they are asked for, and messages count themselves (see [`mailbox`](crate::mailbox)).

use crate::event::Publisher;
use crate::flow::{FlowBook, LedgerDepth};
use crate::ids::StreamId;
use crate::mailbox::Depth;
use crate::receiver::{IntakeDepth, ReceiverStatus};
use crate::topology::EVENT_BUS_MAILBOX;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What of a stream is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamDepth {
    /// Before the ledger.
    pub intake: IntakeDepth,
    /// In the ledger.
    pub ledger: LedgerDepth,
}

/// The mailbox of the actors of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxDepth {
    /// Which actors.
    pub actor: &'static str,
    /// Messages that wait in it, or for a place in it.
    pub messages: usize,
    /// Messages that have a place in it, over all actors of the kind.
    pub capacity: usize,
}

/// What waits in a context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextDepths {
    /// By receiver stream. One whose block is just being handed over may be seen in both places for a moment.
    pub streams: BTreeMap<StreamId, StreamDepth>,
    /// The mailboxes of the context's actors. Those that are sent one message at a time are not among them.
    pub mailboxes: Vec<MailboxDepth>,
}

/// What waits in an engine, whose contexts share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineDepths {
    /// Tasks that could run and for which no worker has room.
    pub waiting_tasks: usize,
    /// Tasks that workers have: they are computed, or fetch their inputs, or hand over what they have computed.
    pub assigned_tasks: usize,
    /// The mailboxes of the engine's actors.
    pub mailboxes: Vec<MailboxDepth>,
}

/// The count of records on their way, shared by the tracker, which alone writes it, and whoever looks.
#[derive(Debug, Clone, Default)]
pub struct SharedFlow(Arc<Mutex<FlowBook>>);

impl SharedFlow {
    /// Shares a book.
    pub fn new(book: FlowBook) -> SharedFlow {
        SharedFlow(Arc::new(Mutex::new(book)))
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, FlowBook> {
        // Critical sections add and copy numbers.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the depths of a context are looked up. It keeps none of its actors alive.
#[derive(Clone)]
pub(crate) struct Sounding {
    pub(crate) receivers: Vec<Arc<ReceiverStatus>>,
    pub(crate) flow: SharedFlow,
    pub(crate) publisher: Publisher,
    /// Actor, capacity of its mailbox, and what waits in it.
    pub(crate) mailboxes: Vec<(&'static str, usize, Depth)>,
}

impl Sounding {
    pub(crate) fn depths(&self) -> ContextDepths {
        // Before the ledger: what is handed over meanwhile is seen twice rather than nowhere.
        let intakes: Vec<_> = self.receivers.iter().map(|receiver| (receiver.stream(), receiver.depth())).collect();
        let ledger = self.flow.book().depths();
        let mut streams: BTreeMap<StreamId, StreamDepth> = BTreeMap::new();
        for (stream, intake) in intakes {
            streams.entry(stream).or_default().intake = intake;
        }
        for (stream, depth) in ledger {
            streams.entry(stream).or_default().ledger = depth;
        }
        let bus = MailboxDepth { actor: "EventBus", messages: self.publisher.waiting(), capacity: EVENT_BUS_MAILBOX };
        let others = self.mailboxes.iter();
        let others =
            others.map(|(actor, capacity, depth)| MailboxDepth { actor, messages: depth.get(), capacity: *capacity });
        ContextDepths { streams, mailboxes: others.chain([bus]).collect() }
    }
}

/// Counts the tasks of all jobs of an engine.
#[derive(Debug, Default)]
pub(crate) struct TaskCounts {
    waiting: AtomicUsize,
    assigned: AtomicUsize,
}

impl TaskCounts {
    /// Tasks that wait for a worker, and tasks that have one.
    pub(crate) fn get(&self) -> (usize, usize) {
        (self.waiting.load(Ordering::Relaxed), self.assigned.load(Ordering::Relaxed))
    }
}

/// The part that one job has in these counts. Ends with it.
#[derive(Debug)]
pub(crate) struct JobTasks {
    counts: Arc<TaskCounts>,
    waiting: usize,
    assigned: usize,
}

impl JobTasks {
    pub(crate) fn new(counts: Arc<TaskCounts>) -> JobTasks {
        JobTasks { counts, waiting: 0, assigned: 0 }
    }

    /// So many tasks of the job wait, and workers have so many.
    pub(crate) fn set(&mut self, waiting: usize, assigned: usize) {
        change(&self.counts.waiting, &mut self.waiting, waiting);
        change(&self.counts.assigned, &mut self.assigned, assigned);
    }
}

impl Drop for JobTasks {
    fn drop(&mut self) {
        self.set(0, 0);
    }
}

fn change(count: &AtomicUsize, part: &mut usize, new: usize) {
    if *part != new {
        // The sum of all parts is never negative; a difference may be, and wraps around to the same.
        count.fetch_add(new.wrapping_sub(*part), Ordering::Relaxed);
        *part = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_of_jobs_add_up_and_go_with_their_job() {
        let counts = Arc::new(TaskCounts::default());
        let (mut one, mut other) = (JobTasks::new(counts.clone()), JobTasks::new(counts.clone()));
        one.set(5, 2);
        other.set(1, 2);
        assert_eq!(counts.get(), (6, 4));
        one.set(0, 1);
        assert_eq!(counts.get(), (1, 3));
        drop(one);
        assert_eq!(counts.get(), (1, 2));
        drop(other);
        assert_eq!(counts.get(), (0, 0));
    }
}
