//! An engine: the threads that datasets are computed on. One per process is enough; any number of contexts share it.

use crate::block::{BlockManager, BlockStore, StoreError, StoreOptions};
use crate::clock::{SharedClock, SystemClock};
use crate::ids::WorkerId;
use crate::inside::{ThreadCount, mark_engine_thread, on_engine_thread};
use crate::mailbox::Post;
use crate::scope::{EngineCore, EngineSnapshot, JobLimits, JobScope};
use crate::stage::{CancelToken, MailboxExchange, StageWorker, Workers, forbid_actions_here};
use actix::Actor;
use actix_rt::{Arbiter, ArbiterHandle, System};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a stopping engine waits for a thread that is still in user code.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What an engine is made with.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Stage workers, one per core; at least 1.
    pub cores: usize,
    /// Threads that receivers share; at least 1.
    pub receiver_threads: usize,
    /// Budget of the block manager, in bytes.
    pub memory: usize,
    /// Where blocks are spilled to.
    pub spill_dir: PathBuf,
    /// How often a task may fail, for jobs outside any batch.
    pub task_max_failures: u32,
    /// Time.
    pub clock: SharedClock,
}

impl Default for EngineOptions {
    /// All cores, one thread for receivers, 1 GiB, the system's temporary directory, 4 attempts, the system's clock.
    fn default() -> EngineOptions {
        EngineOptions {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            receiver_threads: 1,
            memory: 1 << 30,
            spill_dir: std::env::temp_dir(),
            task_max_failures: 4,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The block store could not be made.
    #[error("the block store could not be made: {0}")]
    Store(#[from] StoreError),
    /// The system refused a thread.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The engine's threads ended while starting.
    #[error("the engine's threads ended while starting (the process may be out of threads or memory)")]
    Died,
}

/// Owns the threads. Clones share them; they end when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    threads: Arc<Threads>,
}

struct Threads {
    core: Arc<EngineCore>,
    cores: usize,
    scope: Arc<JobScope>,
    count: ThreadCount,
    running: Mutex<Option<RunningThreads>>,
}

struct RunningThreads {
    stop: oneshot::Sender<()>,
    ended: Receiver<()>,
    system: JoinHandle<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("cores", &self.threads.cores).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the threads of an engine.
    ///
    /// # Errors
    /// When the spill directory cannot be used or the system refuses a thread.
    pub fn start(options: EngineOptions) -> Result<Engine, EngineError> {
        let cores = options.cores.max(1);
        let limits = JobLimits { max_failures: options.task_max_failures, parallelism: cores };
        let store = BlockStore::new(StoreOptions { memory: options.memory, dir: options.spill_dir.clone() })?;
        let (ready_in, ready) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let (ended_in, ended) = channel();
        let count = ThreadCount::default();
        let theirs = count.clone();
        let system = std::thread::Builder::new().name("waterwheel".to_owned()).spawn(move || {
            System::new().block_on(run_engine(options, cores, store, theirs, ready_in, stopped));
            drop(ended_in);
        })?;
        let core = Arc::new(ready.recv().map_err(|_| EngineError::Died)?);
        let scope = Arc::new(JobScope::new(core.clone(), None, CancelToken::default(), limits));
        let running = Mutex::new(Some(RunningThreads { stop, ended, system }));
        Ok(Engine { threads: Arc::new(Threads { core, cores, scope, count, running }) })
    }

    /// An engine with `cores` stage workers and defaults for the rest.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn local(cores: usize) -> Result<Engine, EngineError> {
        Engine::start(EngineOptions { cores, ..EngineOptions::default() })
    }

    /// Number of stage workers.
    pub fn cores(&self) -> usize {
        self.threads.cores
    }

    /// The engine's actors.
    pub fn core(&self) -> &Arc<EngineCore> {
        &self.threads.core
    }

    /// The scope of datasets that belong to no batch.
    pub fn scope(&self) -> &Arc<JobScope> {
        &self.threads.scope
    }

    /// Counts the threads of the engine and of the contexts on it; 0 once they have all ended.
    pub fn thread_count(&self) -> ThreadCount {
        self.threads.count.clone()
    }

    /// What the engine holds.
    pub fn snapshot(&self) -> Option<EngineSnapshot> {
        self.threads.core.snapshot()
    }
}

/// The main task of an engine: starts its actors bottom up, waits to be stopped, and ends its threads.
async fn run_engine(
    options: EngineOptions,
    cores: usize,
    store: BlockStore,
    count: ThreadCount,
    ready: std::sync::mpsc::SyncSender<EngineCore>,
    stopped: oneshot::Receiver<()>,
) {
    mark_engine_thread(count.clone());
    // Sources are started here; an action of theirs would wait for a coordinator on this very thread.
    forbid_actions_here();
    let mut arbiters = Vec::new();
    let mut arbiter = || {
        let new = Arbiter::new();
        let handle = new.handle();
        let count = count.clone();
        handle.spawn_fn(move || mark_engine_thread(count));
        arbiters.push(new);
        handle
    };
    let blocks = Post::new(BlockManager::start_in_arbiter(&arbiter(), move |_| BlockManager::new(store)));
    let exchange = Arc::new(MailboxExchange::default());
    let (theirs, held, clock) = (exchange.clone(), blocks.clone(), options.clock.clone());
    let homes: Vec<ArbiterHandle> = (0..cores).map(|_| arbiter()).collect();
    let workers =
        Workers::start(homes, move |id: WorkerId| StageWorker::new(id, theirs.clone(), held.clone(), clock.clone()));
    exchange.connect(&workers);
    let events = arbiter();
    let receivers = (0..options.receiver_threads.max(1)).map(|_| arbiter()).collect();
    let core = EngineCore::new(workers, blocks, Arbiter::current(), events, receivers, options.clock);
    if ready.send(core).is_ok() {
        // An error means that the engine was dropped without a word; that is a stop as well.
        let _ = stopped.await;
    }
    for arbiter in &arbiters {
        arbiter.stop();
    }
    for arbiter in arbiters {
        if arbiter.join().is_err() {
            log::error!("a thread of the engine ended with a panic");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(RunningThreads { stop, ended, system }) = running else { return };
        let _ = stop.send(());
        if on_engine_thread() {
            // The last handle went with a closure, on one of the threads that would be waited for; they end by themselves.
            return;
        }
        // The sender is dropped, never used: an answer is its end.
        match ended.recv_timeout(STOP_PATIENCE) {
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                log::warn!(
                    "a task is still in user code {STOP_PATIENCE:?} after its engine was stopped; its thread is left behind"
                );
            }
            _ => drop(system.join()),
        }
    }
}

/// Told when the thing it was given to is dropped; how threads that cannot be waited for with a deadline say that they ended.
pub(crate) fn end_signal() -> (Sender<()>, Receiver<()>) {
    channel()
}
