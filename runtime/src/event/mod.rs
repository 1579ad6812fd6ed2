//! What happens in a context, told to listeners.
//!
//! Events are told after the fact and never waited for: a slow or panicking listener costs events, not batches.

mod bus;
mod input;
mod told;

pub use bus::{AddListener, EndBus, EventBus, Publish, Publisher};
pub use input::InputMetadata;
pub use told::{JobInfo, StageInfo, StateInfo};

use crate::flow::FlowCounts;
use crate::ids::{OutputId, StreamId};
use crate::site::Site;
use crate::stage::OperatorCost;
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A batch, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchInfo {
    /// The batch time.
    pub batch: Time,
    /// Records per input stream.
    pub records: BTreeMap<StreamId, u64>,
    /// What it reads of each input stream that says so, such as the names of files; those of sources that are asked batch by batch
    /// are known once its datasets are made.
    pub metadata: BTreeMap<StreamId, InputMetadata>,
    /// When its tick was handled.
    pub submitted: Time,
    /// How long it waited before its first work started; `None` before that.
    pub scheduling_delay: Option<Duration>,
    /// How long generating and running its outputs took; `None` before the last one ended.
    pub processing_delay: Option<Duration>,
    /// How each output operation ended, by id; empty until then.
    pub outputs: BTreeMap<OutputId, OutputInfo>,
    /// What each operator cost, over all tasks of the batch.
    pub costs: Vec<OperatorCost>,
    /// The jobs that it ran, in the order in which they ended; no more than a thousand.
    pub jobs: Vec<JobInfo>,
    /// How many jobs it ran beyond those.
    pub omitted_jobs: u64,
    /// The fault that made the batch fail before it had outputs.
    pub failure: Option<String>,
    /// Records per second that each receiver stream may store from now on, of those that have a limit; empty until the batch is
    /// complete.
    pub rates: BTreeMap<StreamId, f64>,
    /// Where the records of each receiver stream were that had come in up to the batch's last block, now that the batch is done; empty
    /// until then. None of them is pending: `received = committed + spilled + shed`.
    pub flow: BTreeMap<StreamId, FlowCounts>,
}

impl BatchInfo {
    /// Records over all input streams.
    pub fn num_records(&self) -> u64 {
        self.records.values().sum()
    }

    /// From the tick to the end of the last output.
    pub fn total_delay(&self) -> Option<Duration> {
        Some(self.scheduling_delay? + self.processing_delay?)
    }

    /// Whether every output succeeded.
    pub fn succeeded(&self) -> bool {
        self.failure.is_none() && self.outputs.values().all(|output| output.failure.is_none())
    }
}

/// An output operation of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputInfo {
    /// The operation and the user's line.
    pub site: Site,
    /// When it began.
    pub started: Time,
    /// How long it ran.
    pub duration: Duration,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The context runs.
    StreamingStarted {
        /// When.
        time: Time,
    },
    /// A receiver was started, for the first time or again.
    ReceiverStarted {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: String,
    },
    /// A receiver reported an error or ended with one.
    ReceiverError {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: String,
        /// The error's text.
        message: String,
    },
    /// A receiver ended; it is started again unless the context stops, or its policy gives up.
    ReceiverStopped {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: String,
        /// What it ended with.
        error: Option<String>,
    },
    /// A batch has its blocks and waits for its turn.
    BatchSubmitted(BatchInfo),
    /// The first work of a batch begins.
    BatchStarted(BatchInfo),
    /// An output operation begins.
    OutputStarted {
        /// The batch.
        batch: Time,
        /// The operation.
        output: OutputId,
        /// Its name and the user's line.
        site: Site,
        /// When it began: what its [`OutputInfo`] will say.
        started: Time,
    },
    /// An output operation has ended.
    OutputCompleted {
        /// The batch.
        batch: Time,
        /// The operation.
        output: OutputId,
        /// How it ended.
        info: OutputInfo,
    },
    /// The record that a batch is done is written in the checkpoint directory, with what it changed.
    StateCommitted {
        /// The batch.
        batch: Time,
        /// How long the writing took.
        took: Duration,
        /// Whether it is durable; `false` when it goes with the next commit (`checkpoint.interval`).
        durable: bool,
        /// The stateful operators.
        states: Vec<StateInfo>,
    },
    /// All outputs of a batch have ended, well or not.
    BatchCompleted(BatchInfo),
}

/// Told of events, in order, on a thread that all listeners of an engine share. One that is slower than the events come makes
/// its context's bus fall behind; events for which there is no room then are dropped and counted
/// (`RunningContext::dropped_events`). Closures over `&Event` are listeners.
///
/// One that panics is told no more, which is logged with its [`name`](StreamingListener::name); the others are. When its context has
/// ended a listener is told what waits and is dropped.
pub trait StreamingListener: Send + 'static {
    /// Called with every event.
    fn on_event(&mut self, event: &Event);

    /// What it is called in the log. Default: the name of its type, which for a closure says in which function it was written.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

impl<F: FnMut(&Event) + Send + 'static> StreamingListener for F {
    fn on_event(&mut self, event: &Event) {
        self(event);
    }
}
