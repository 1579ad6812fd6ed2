//! `RunningContext`: a started program.

use crate::error::Error;
use crate::extensions::Extensions;
use crate::plan::Plan;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use waterwheel_runtime::batch::Waited;
use waterwheel_runtime::durable::Recovery;
use waterwheel_runtime::engine::Engine;
use waterwheel_runtime::event::StreamingListener;
use waterwheel_runtime::flow::FlowCounts;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::inside::on_engine_thread;
use waterwheel_runtime::receiver::ReceiverSnapshot;
use waterwheel_runtime::running::{ContextState, Remote, Running, Stop, StopFromInside};
use waterwheel_runtime::scope::EngineSnapshot;
use waterwheel_runtime::time::Time;

/// A started program of streams. Dropping it stops the program at once; `stop(Stop::Graceful)` finishes what was received.
pub struct RunningContext {
    // Dropped in this order: the context ends before the engine it runs on.
    running: Running,
    engine: Engine,
    plan: Plan,
    pub(crate) extensions: Extensions,
}

impl fmt::Debug for RunningContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningContext({:?}, {} batches)", self.state(), self.batches_completed())
    }
}

impl AsRef<RunningContext> for RunningContext {
    fn as_ref(&self) -> &RunningContext {
        self
    }
}

impl RunningContext {
    pub(crate) fn new(running: Running, engine: Engine, plan: Plan, extensions: Extensions) -> RunningContext {
        RunningContext { running, engine, plan, extensions }
    }

    /// What the program is: its operators with their names, slides and storage levels.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether batches come, or all has ended.
    pub fn state(&self) -> ContextState {
        self.running.state()
    }

    /// Waits until the program ends: by `stop`, by a signal, or by a fault.
    ///
    /// # Errors
    /// The first fault, if one ended the program; being called by an output or listener of a program.
    pub fn await_termination(&self) -> Result<(), Error> {
        self.await_for(None).map(drop)
    }

    /// Waits until the program ends or `timeout` (of real time) is over: `true` when it has ended.
    ///
    /// # Errors
    /// The first fault, if one ended the program.
    pub fn await_termination_or_timeout(&self, timeout: Duration) -> Result<bool, Error> {
        self.await_for(Some(timeout))
    }

    fn await_for(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        if timeout.is_none() && on_engine_thread() {
            return Err(StopFromInside.into());
        }
        match self.running.wait(timeout) {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(fault)) => Err(fault.into()),
        }
    }

    /// Stops the program and waits until it has ended. Stopping again is allowed and changes nothing.
    ///
    /// # Errors
    /// The first fault, if one ended the program or the graceful stop took too long; being called by an output of a program.
    pub fn stop(&self, how: Stop) -> Result<(), Error> {
        match self.running.stop(how)? {
            None => Ok(()),
            Some(fault) => Err(fault.into()),
        }
    }

    /// Asks the program to stop and returns at once; for outputs and listeners.
    pub fn request_stop(&self, how: Stop) {
        self.running.request_stop(how);
    }

    /// The zero time: batches are at zero + n x interval, n = 1, 2, ...
    pub fn zero_time(&self) -> Time {
        self.running.zero_time()
    }

    /// How an earlier run was taken up from the checkpoint directory; `None` when this one began anew.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.running.recovery()
    }

    /// How many batches are complete.
    pub fn batches_completed(&self) -> u64 {
        self.running.progress().count()
    }

    /// The time of the last complete batch.
    pub fn last_batch(&self) -> Option<Time> {
        self.running.progress().last()
    }

    /// Waits until `batches` batches are complete, the program has ended or `timeout` (of real time) is over; `true` when they
    /// are complete.
    pub fn wait_for_batches(&self, batches: u64, timeout: Duration) -> bool {
        self.running.progress().wait_for(batches, timeout) == Waited::Reached
    }

    /// What is known of each receiver, in the order of their streams: what it does, how often it was started, its records and its
    /// last error. Kept also while it is down, and when the program has ended.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        self.running.receivers()
    }

    /// Where the records of each receiver stream are, or were when the program ended; of streams that have received something.
    /// Empty when an output or listener of an engine asks: [`BatchInfo::flow`](waterwheel_runtime::event::BatchInfo::flow) tells
    /// listeners.
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    ///
    /// let ssc = StreamingContext::new(Config::local("doc"), seconds(1))?;
    /// // ... receiver streams ...
    /// # waterwheel_operators::testkit::TestInput::<u32>::new().stream(&ssc).print();
    /// let running = ssc.start()?;
    /// assert!(running.flow().values().all(FlowCounts::is_balanced));
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flow(&self) -> BTreeMap<StreamId, FlowCounts> {
        if on_engine_thread() {
            return BTreeMap::new();
        }
        self.running.flow(self.engine.core())
    }

    /// Adds a listener, which is told of everything from now on.
    pub fn add_streaming_listener(&self, listener: impl StreamingListener) {
        self.running.add_listener(Box::new(listener));
    }

    /// For asking and stopping the program from elsewhere, without keeping it alive.
    pub fn remote(&self) -> Remote {
        self.running.remote()
    }

    /// Events that listeners were not told because they were too slow.
    pub fn dropped_events(&self) -> u64 {
        self.running.dropped_events()
    }

    /// Waits until what the batches done so far leave behind has been given back, then tells what the engine holds. Other
    /// batches go on meanwhile. `None` when the engine has been stopped, inside a task, and when an output or listener asks: the
    /// giving back may be waiting for it.
    pub fn settled_snapshot(&self) -> Option<EngineSnapshot> {
        self.settled_snapshot_within(None)
    }

    /// [`settled_snapshot`](RunningContext::settled_snapshot) that gives up, with `None`, after so much real time: tasks and
    /// outputs that do not return hold it up.
    pub(crate) fn settled_snapshot_within(&self, patience: Option<Duration>) -> Option<EngineSnapshot> {
        if on_engine_thread() {
            return None;
        }
        self.running.settled_snapshot(self.engine.core(), patience)
    }

    /// The engine that the program runs on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
