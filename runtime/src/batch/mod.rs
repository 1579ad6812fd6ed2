//! Batches: when they come, what is done with each, and when they are done.
//!
//! The way of one batch: the [`BatchTicker`] ticks; the [`BatchScheduler`] has every receiver cut its block and the tracker
//! allocate what is there; a [`JobRunner`] builds the datasets and runs the outputs, in the order that [`Lifecycle`] gives;
//! when all have ended the batch is recorded as done and what it held is given back.

mod lifecycle;
mod program;
mod progress;
mod resume;
mod retention;
mod runner;
mod scheduler;
mod ticker;
mod ticks;
mod two_step;

pub use lifecycle::{Lifecycle, Step, Work};
pub use program::{
    BatchInputs, BatchProgram, Forgotten, Generated, MemoryChange, MemoryChanges, OutputJob, Past, PastInputs,
    ProgramState, Ranges, SourceMemory,
};
pub use progress::{Progress, Waited};
pub use resume::{Resume, first_tick};
pub use retention::{Cutoffs, NodeNeeds, Retention, Use};
pub use runner::{DropForgotten, Generate, JobRunner, RunOutput, RunSecondStep, StartProgram};
pub(crate) use scheduler::log_start;
pub use scheduler::{
    BatchScheduler, Cadence, ConcludeHeld, Drain, Halt, LoggedRanges, RatedReceiver, Rating, RunningWork,
    SchedulerParts, Settle, Tick,
};
pub use ticker::{BatchTicker, StopTicker};
pub use ticks::Ticks;
pub use two_step::{SecondStep, TwoStepOutput, Verdict};
