//! How a dataset is computed: lineage in, stages of tasks on workers, values out.
//!
//! The way of one job: [`plan`] cuts the lineage at shuffles; a [`StageCoordinator`] hands the tasks of each stage to the
//! [`StageWorker`]s; map tasks turn a partition into buckets, which the [`Exchange`] carries to the owners of their targets;
//! result tasks return the job's values. The decisions are pure ([`plan`], [`JobProgress`], [`ShuffleTable`]); the actors
//! only carry them out.

mod coordinator;
mod exchange;
mod job;
mod lineage;
mod plan;
mod ready;
mod shuffle;
mod task;
mod update;
mod worker;
mod workers;

pub use coordinator::{Answer, Job, JobOutput, JobReport, StageCoordinator};
pub use exchange::{Exchange, MailboxExchange};
pub use job::{JobProgress, JobRequest, Launch, Next, PartitionFn, TaskKey, TaskOutput, TaskWork};
pub use lineage::{Lineage, Requirement};
pub use plan::{Plan, PlannedStage, PlannedTask, Target, TaskInput, empty_inputs, persisted, plan};
pub use shuffle::{Bucket, ShuffleKernel, ShuffleProgress, ShuffleTable};
pub(crate) use task::forbid_actions_here;
pub use task::{CachedPartition, CancelToken, InputId, OperatorCost, TaskContext, add_costs, inside_task};
pub use update::{Update, Updates, gather, gathering};
pub(crate) use update::{gather_all, gathered};
pub use worker::{Deliver, FetchTarget, HeldShuffles, ReleaseShuffles, RunTask, StageWorker};
pub use workers::{WeakWorkers, Workers};
