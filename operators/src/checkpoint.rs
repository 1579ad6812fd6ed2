//! Checkpoints: where what must survive the process is kept, and going on from there.

use crate::context::StreamingContext;
use crate::error::Error;
use crate::graph::Graph;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::batch::{BatchProgram, Cadence, ProgramState, Ranges};
use waterwheel_runtime::config::Config;
use waterwheel_runtime::durable::{
    AmbiguousState, ChangedInput, ChangedType, Durability, DurableSpec, Journal, Left, LostBlocks, Meta, OpenError,
    OpenRequest, Opened, PlanChanges, Recovered, RecoveryError, Storage, StorageError, Table, check_inputs,
    check_unnamed, open, plan_changes, resume,
};
use waterwheel_runtime::failpoint::fail_point;
use waterwheel_runtime::state::{StateError, StoredState};
use waterwheel_runtime::time::{DurationExt, Time, next_tick};

/// Where a program keeps what must survive.
pub(crate) enum Checkpoint {
    /// In a directory, in RocksDB.
    Directory(PathBuf),
    /// In a storage of the user's.
    Storage(Arc<dyn Storage>),
}

impl StreamingContext {
    /// Keeps state, received blocks and the progress of batches in `dir`, so that they survive the process. Stateful operators
    /// need it.
    ///
    /// When the program starts and the directory is empty, or not there, it begins anew. Otherwise it goes on where the last run ended:
    /// state as of the last committed batch; batches that were not committed are run again over exactly their blocks; then comes
    /// what was received and in no batch yet; then new data. The program itself is always the one of the code: operators are
    /// matched with what is stored by their names (see [`DStream::named`](crate::DStream::named)), and `start` tells what is
    /// new, gone or different.
    ///
    /// The directory belongs to one program at a time. `checkpoint.*` in the configuration says how often batches become durable
    /// and what becomes of those missed while down.
    pub fn checkpoint(&self, dir: impl Into<PathBuf>) {
        self.set_checkpoint(Checkpoint::Directory(dir.into()));
    }

    /// As [`checkpoint`](StreamingContext::checkpoint), into a storage: one in memory for tests, or one that fails on purpose.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waterwheel_operators::{prelude::*, testkit::Scripted};
    /// use waterwheel_runtime::durable::MemoryStorage;
    ///
    /// let ssc = StreamingContext::new(Config::local("Doc").with_handle_signals(false), seconds(1))?;
    /// ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    /// let words = ssc.input_stream(Scripted::new([vec![("drop".to_owned(), 1)]]));
    /// words.update_state_by_key(|ones, sum| Some(sum.unwrap_or(0) + ones.iter().sum::<i32>())).print();
    /// ssc.start()?.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn checkpoint_to(&self, storage: Arc<dyn Storage>) {
        self.set_checkpoint(Checkpoint::Storage(storage));
    }

    /// A context over a checkpoint directory, with the program that `build` makes: recovers what is there, or begins anew. Spark's
    /// way of writing it; `build` is always called, since the program comes from the code.
    ///
    /// # Errors
    /// As [`new`](StreamingContext::new), or that of `build`. What is wrong with the directory is told by
    /// [`start`](StreamingContext::start).
    #[track_caller]
    pub fn get_or_create(
        dir: impl Into<PathBuf>,
        config: Config,
        interval: Duration,
        build: impl FnOnce(&StreamingContext) -> Result<(), Error>,
    ) -> Result<StreamingContext, Error> {
        let ssc = StreamingContext::new(config, interval)?;
        ssc.checkpoint(dir);
        build(&ssc)?;
        Ok(ssc)
    }
}

/// What is wrong with a checkpoint, or with a program that is to go on from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in the storage cannot be gone on from.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The storage cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state of an operator is of another type than the program's.
    #[error(transparent)]
    ChangedType(#[from] Box<ChangedType>),
    /// What a stream left is of another type than the program's.
    #[error(transparent)]
    ChangedInput(#[from] Box<ChangedInput>),
    /// The state of an operator cannot be loaded.
    #[error("the state of {operator:?} cannot be loaded")]
    State {
        /// The operator's name.
        operator: String,
        /// Why.
        #[source]
        cause: StateError,
    },
    /// Received records are gone.
    #[error("{0}; set `checkpoint.accept_loss` to go on without them")]
    Lost(LostBlocks),
    /// The program has no stream any more for records that were received and not processed.
    #[error(
        "the stream {stream:?} is not in the program any more, and {records} records of it were received and not processed: stop the old program gracefully first, or set `checkpoint.accept_loss` to give them up"
    )]
    Abandoned {
        /// The stream's name.
        stream: String,
        /// Its records.
        records: u64,
    },
    /// The program has no source any more for what a batch that was not done was to read.
    #[error(
        "the source {source_name:?} is not in the program any more, and {batches} batches that were not done were to read of it: stop the old program gracefully first, or set `checkpoint.accept_loss` to do without"
    )]
    AbandonedSource {
        /// The source's name.
        source_name: String,
        /// How many batches.
        batches: usize,
    },
    /// Which operator a state belongs to cannot be told.
    #[error(transparent)]
    Ambiguous(#[from] AmbiguousState),
    /// The batches of the checkpoint are on another grid.
    #[error(
        "the checkpoint was made with batches of {}, and the program has batches of {}: use the same interval, or a new directory",
        theirs.pretty(), ours.pretty()
    )]
    OtherInterval {
        /// The interval of the checkpoint.
        theirs: Duration,
        /// The interval of the program.
        ours: Duration,
    },
}

/// A program that wants to begin.
pub(crate) struct Beginning<'a> {
    pub(crate) config: &'a Config,
    pub(crate) interval: Duration,
    pub(crate) now: Time,
    pub(crate) graph: &'a Graph,
}

impl Checkpoint {
    /// Opens the storage, compares the program with what is there, and loads its state.
    pub(crate) fn begin(self, program: &Beginning<'_>) -> Result<DurableSpec, CheckpointError> {
        let Beginning { config, interval, now, graph } = *program;
        let streams = graph.receiver_streams();
        let application = &config.app_name;
        let Opened { storage, journal, recovered } = match self {
            Checkpoint::Directory(directory) => {
                open(OpenRequest { directory: &directory, application, streams: &streams, now })?
            }
            Checkpoint::Storage(storage) => resume(storage, application, &streams)?,
        };
        for (name, site) in graph.forgetful_sources() {
            log::warn!(
                "{name:?} ({site}) cannot read again what it has read: a batch that is run again after a crash asks it anew, and what it gave before a restart is in no window; a receiver or a `replayable_stream` has no such gap"
            );
        }
        let states = graph.state_operators();
        if let Some(recovered) = &recovered {
            program.check(recovered)?;
            load(&*storage, &states, recovered)?;
        } else {
            log::info!("{application}: nothing is stored yet, the program begins anew");
        }
        let zero = recovered.as_ref().map_or_else(|| next_tick(now, interval) - interval, |left| left.meta.zero);
        fail_point("start.before_meta");
        program.meta(zero, &journal, recovered.as_ref()).store(&*storage)?;
        fail_point("start.after_meta");
        let cadence = Cadence { zero, every: config.checkpoint.interval.unwrap_or(interval) };
        let block_log = config.receiver.block_log;
        let durability = if config.checkpoint.sync { Durability::Synced } else { Durability::Ordered };
        let (catch_up, left) = (config.checkpoint.catch_up, recovered.map(left));
        Ok(DurableSpec { storage, journal, zero, cadence, durability, catch_up, block_log, left })
    }
}

impl Beginning<'_> {
    /// Whether the program can go on from what was recovered; tells what is different.
    fn check(&self, recovered: &Recovered) -> Result<(), CheckpointError> {
        let (theirs, ours) = (recovered.meta.interval, self.interval);
        if theirs != ours {
            return Err(CheckpointError::OtherInterval { theirs, ours });
        }
        let changes = plan_changes(&recovered.meta.writers(recovered.last_committed), &self.graph.operator_records());
        tell(&self.config.app_name, &changes);
        changes.check()?;
        check_unnamed(&recovered.meta.writers(recovered.last_committed), &self.graph.operator_records())?;
        for (key, before, after) in recovered.meta.changed_settings(&self.config.in_text()) {
            let shown = |value: &str| if value.is_empty() { "not set".to_owned() } else { value.to_owned() };
            log::info!("the setting `{key}` was {} and is {} now", shown(before), shown(after));
        }
        let streams = self.graph.receiver_streams();
        let has_blocks = |name: &str| {
            let stream = streams.iter().find(|(other, _)| other == name).map(|(_, stream)| *stream);
            stream.is_some_and(|stream| recovered.ledger.all_blocks().any(|info| info.id.stream == stream))
        };
        let has_left = |name: &str| recovered.offsets.contains_key(name) || has_blocks(name);
        check_inputs(&recovered.meta.inputs, &self.graph.logged_types(), has_left)?;
        self.check_sources(recovered)?;
        self.check_blocks(recovered)
    }

    /// Whether all that was decided to be read has a source.
    fn check_sources(&self, recovered: &Recovered) -> Result<(), CheckpointError> {
        let ours: Vec<Arc<str>> = self.graph.replayable_sources().into_iter().map(|(name, _)| name).collect();
        for (name, ranges) in recovered.offsets.iter().filter(|(name, _)| !ours.iter().any(|our| **our == **name)) {
            let undone = ranges.keys().filter(|batch| recovered.last_committed.is_none_or(|done| **batch > done));
            let error = CheckpointError::AbandonedSource { source_name: name.clone(), batches: undone.count() };
            match error {
                CheckpointError::AbandonedSource { batches: 0, .. } => log::warn!(
                    "the program has no source {name:?} any more; how far it has read stays in the checkpoint, and one of that name goes on there"
                ),
                _ if self.config.checkpoint.accept_loss => log::warn!("{error}"),
                _ => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether all records that were received are there, and have a stream.
    fn check_blocks(&self, recovered: &Recovered) -> Result<(), CheckpointError> {
        let accepted = self.config.checkpoint.accept_loss;
        if let Err(lost) = recovered.check_blocks() {
            match accepted || !recovered.had_block_log() {
                true => log::warn!("{lost}"),
                false => return Err(CheckpointError::Lost(lost)),
            }
        }
        for stream in recovered.abandoned.iter().filter(|stream| stream.records > 0) {
            let error = CheckpointError::Abandoned { stream: stream.name.clone(), records: stream.records };
            match accepted {
                true => log::warn!("{error}"),
                false => return Err(error),
            }
        }
        Ok(())
    }

    /// What is written down about the program.
    fn meta(&self, zero: Time, journal: &Journal, recovered: Option<&Recovered>) -> Meta {
        let operators = self.graph.operator_records();
        let mut inputs = recovered.map(|earlier| earlier.meta.inputs.clone()).unwrap_or_default();
        inputs.extend(self.graph.logged_types());
        let set_aside = recovered.map(|earlier| earlier.meta.aside(&operators, earlier.last_committed));
        Meta {
            set_aside: set_aside.unwrap_or_default(),
            application: self.config.app_name.clone(),
            zero,
            interval: self.interval,
            streams: journal.streams().stored().clone(),
            operators,
            inputs,
            settings: self.config.in_text(),
        }
    }
}

fn tell(application: &str, changes: &PlanChanges) {
    if changes.is_unchanged() {
        return log::info!("{application}: the program is the one that wrote the checkpoint");
    }
    log::warn!("{application}: the program differs from the one that wrote the checkpoint\n{changes}");
    for operator in changes.dropped_state() {
        log::warn!(
            "the program has no operator {operator:?} any more; its state stays in the checkpoint, and is given up when one of that name comes"
        );
    }
}

/// Loads the state of all operators that have some.
fn load(storage: &dyn Storage, states: &[ProgramState], recovered: &Recovered) -> Result<(), CheckpointError> {
    let Some(committed) = recovered.last_committed else { return Ok(()) };
    let stored = storage.state_tables()?;
    let writers = recovered.meta.writers(Some(committed));
    let had = |name: &str| writers.iter().any(|known| known.name == name && known.state.is_some());
    for ProgramState { name, operator, .. } in states.iter().filter(|state| stored.contains(&state.name)) {
        if !had(name) {
            log::warn!(
                "the checkpoint holds state of an earlier operator {name:?}, which the last run did not have: it is given up"
            );
            storage.drop_state(name)?;
            continue;
        }
        let stored = StoredState { storage, table: Table::State(name.clone()), committed };
        operator.load(&stored).map_err(|cause| CheckpointError::State { operator: name.to_string(), cause })?;
        log::debug!("{name}: state of {} keys as of batch {committed}", operator.stats().keys);
    }
    Ok(())
}

/// What the context goes on from.
fn left(recovered: Recovered) -> Left {
    let mut ranges = BTreeMap::<Time, Ranges>::new();
    for (source, batches) in recovered.offsets {
        let source: Arc<str> = source.into();
        for (batch, range) in batches {
            ranges.entry(batch).or_default().insert(source.clone(), range);
        }
    }
    let Recovered { ledger, last_committed, next_blocks, positions, .. } = recovered;
    Left { ledger, committed: last_committed, ranges, next_blocks, positions }
}
