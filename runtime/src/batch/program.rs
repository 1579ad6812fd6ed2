//! What a context does with each batch, as the runtime sees it: the operators crate builds it, the scheduler drives it.

use super::retention::{Cutoffs, Retention};
use super::two_step::TwoStepOutput;
use crate::block::BlockInfo;
use crate::error::JobError;
use crate::event::InputMetadata;
use crate::ids::{ContextId, OutputId, StreamId};
use crate::scope::JobScope;
use crate::site::Site;
use crate::state::StateOperator;
use crate::time::Time;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a batch is made from.
pub struct BatchInputs {
    /// The context.
    pub context: ContextId,
    /// The batch time.
    pub batch: Time,
    /// The blocks allocated to the batch, per stream, in order of arrival.
    pub blocks: BTreeMap<StreamId, Vec<BlockInfo>>,
    /// What each replayable source reads in the batch, encoded, by the source's name: known when the batch has been generated
    /// before, by this process or by one before it.
    pub ranges: Ranges,
    /// Where the batch's datasets run.
    pub scope: Arc<JobScope>,
}

/// What replayable sources read in a batch, encoded, by the source's name.
pub type Ranges = BTreeMap<Arc<str>, Vec<u8>>;

/// What a replayable source remembers of all it has read, in rows of its own, key to value.
pub type SourceMemory = BTreeMap<Vec<u8>, Vec<u8>>;

/// One change of what a replayable source remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryChange {
    /// It remembers `value` under `key` from now on.
    Put {
        /// Under which key.
        key: Vec<u8>,
        /// What.
        value: Vec<u8>,
    },
    /// It remembers nothing under `key` any more.
    Forget {
        /// Which.
        key: Vec<u8>,
    },
}

/// What changes with a batch in what replayable sources remember, by the source's name.
pub type MemoryChanges = BTreeMap<Arc<str>, Vec<MemoryChange>>;

/// What batches of an earlier run were made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastInputs {
    /// The blocks, per stream.
    pub blocks: BTreeMap<StreamId, Vec<BlockInfo>>,
    /// The ranges, per source.
    pub ranges: Ranges,
}

/// What a program has to know of the run that it continues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The last batch that is committed.
    pub committed: Option<Time>,
    /// The inputs of committed batches, as far as anything may still read them.
    pub inputs: BTreeMap<Time, PastInputs>,
    /// The last range of every replayable source: it goes on behind it.
    pub last_ranges: Ranges,
    /// What every replayable source remembers, as of that range.
    pub memory: BTreeMap<Arc<str>, SourceMemory>,
}

/// One output operation of one batch, ready to run.
#[derive(Clone)]
pub struct OutputJob {
    /// Which operation.
    pub output: OutputId,
    /// Its name and the user's line.
    pub site: Site,
    /// The operator whose version it makes, when it is no output of the user's: a position in what
    /// [`BatchProgram::state`] told. Listeners are not told of it, and when it fails and is skipped the version is taken back.
    pub makes: Option<usize>,
    /// Runs it; may be run again when it failed.
    pub run: Arc<dyn Fn() -> Result<(), JobError> + Send + Sync>,
}

/// What a program made of a batch.
#[derive(Default)]
pub struct Generated {
    /// The outputs, in order of definition, then the jobs that make versions of state. An output whose stream has no dataset in
    /// this batch is left out.
    pub jobs: Vec<OutputJob>,
    /// Records of input streams that no receiver feeds.
    pub records: BTreeMap<StreamId, u64>,
    /// What is read of those that say so.
    pub metadata: BTreeMap<StreamId, InputMetadata>,
}

/// Datasets that are to be dropped.
pub type Forgotten = Vec<Box<dyn Any + Send>>;

/// A context's graph of streams, at work.
pub trait BatchProgram: Send {
    /// Continues an earlier run. Called once, before `start`, when there was one.
    fn recover(&mut self, past: Past);

    /// Fixes the zero time: batches are at zero + n x interval, n = 1, 2, ...
    ///
    /// # Errors
    /// The fault of a source that could not start.
    fn start(&mut self, zero: Time) -> Result<(), JobError>;

    /// What is needed for how long. Asked once, after `start`.
    fn retention(&self) -> Retention;

    /// Builds the datasets of a batch. Called once per batch, in order of time.
    ///
    /// # Errors
    /// The fault of a user's function that runs here (`transform`), or a graph that cannot make this batch.
    fn generate(&mut self, inputs: &BatchInputs) -> Result<Generated, JobError>;

    /// What replayable sources decided to read in the batch that was just generated (or could not be), to be logged before it is
    /// read. Those whose range was known are left out.
    fn take_ranges(&mut self) -> Ranges;

    /// How what replayable sources remember has changed with those ranges: written together with them. Asked after `start`, too:
    /// that is written before the first batch.
    fn take_memory(&mut self) -> MemoryChanges {
        MemoryChanges::new()
    }

    /// Gives up the datasets that are needed no more. Quick: whoever asked drops them where that may take its time, since
    /// dropping a dataset drops records of the user's.
    fn forget(&mut self, cutoffs: &Cutoffs) -> Forgotten;

    /// The state of its operators, apart from the program, which is away while a batch is generated. Asked once, after `start`.
    fn state(&self) -> Vec<ProgramState>;

    /// The replayable sources, by name, and their positions in the graph. Asked once, after `start`.
    fn replayable_sources(&self) -> Vec<(Arc<str>, usize)>;
    /// Its outputs that are committed in two steps, in order of definition. Asked once, after `start`.
    fn two_step_outputs(&self) -> Vec<Arc<dyn TwoStepOutput>> {
        Vec::new()
    }

    /// No batch comes any more.
    fn stop(&mut self);
}

/// A stateful operator of a program.
#[derive(Clone)]
pub struct ProgramState {
    /// Its name: that of its table.
    pub name: Arc<str>,
    /// Its position in the graph: that of its cutoff.
    pub node: usize,
    /// The operator.
    pub operator: Arc<dyn StateOperator>,
}
