//! The life of one job, as a plain state machine: which task may run where, and what each outcome means.
//!
//! The coordinator actor asks [`JobProgress::launch`] for work whenever a worker has room and reports every outcome to
//! [`JobProgress::completed`]; nothing here sends a message or looks at a clock.

use super::lineage::Lineage;
use super::plan::{Plan, PlannedTask, TaskInput, plan};
use super::shuffle::ShuffleKernel;
use super::task::{OperatorCost, TaskContext, add_costs};
use crate::error::TaskError;
use crate::ids::{RddId, WorkerId};
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

/// What the job does with each of its partitions; runs inside the task.
pub type PartitionFn = dyn Fn(usize, &TaskContext) -> Result<Box<dyn Any + Send>, TaskError> + Send + Sync;

/// Names a task of a job: the stage's position in the plan and the task's position in the stage, in one plan generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Which plan of the job; a re-planned job ignores outcomes of older plans.
    pub generation: u32,
    /// Position of the stage.
    pub stage: usize,
    /// Position of the task in the stage.
    pub task: usize,
}

/// A task to be run, and where.
pub struct Launch {
    /// The worker that has its data, or the least busy one.
    pub worker: WorkerId,
    /// The task's name.
    pub key: TaskKey,
    /// What to run.
    pub work: TaskWork,
    /// Partition and inputs.
    pub task: PlannedTask,
}

/// What a task does with its partition.
#[derive(Clone)]
pub enum TaskWork {
    /// The map side of a shuffle.
    Map(Arc<dyn ShuffleKernel>),
    /// The job's own function.
    Result(Arc<PartitionFn>),
}

/// What a successful task brought back.
pub enum TaskOutput {
    /// All buckets are with their owners.
    Delivered,
    /// The value of the job's function.
    Value(Box<dyn Any + Send>),
}

/// What the coordinator does next.
pub enum Next {
    /// Launch what [`JobProgress::launch`] offers.
    Continue,
    /// All values are here, in the order the partitions were asked for.
    Finished(Vec<Box<dyn Any + Send>>),
    /// The job has failed.
    Failed {
        /// How often the task was tried.
        attempts: u32,
        /// Its last fault.
        cause: TaskError,
    },
    /// Stored partitions or buckets are gone: ask which are held and [`replan`](JobProgress::replan).
    Replan,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running(WorkerId),
    Done,
}

struct Stage {
    shuffle: Option<Arc<dyn ShuffleKernel>>,
    needs: Vec<usize>,
    tasks: Vec<(PlannedTask, State)>,
}

impl Stage {
    fn done(&self) -> bool {
        self.tasks.iter().all(|(_, state)| *state == State::Done)
    }
}

/// The state of one job.
pub struct JobProgress {
    target: Arc<dyn Lineage>,
    partitions: Vec<usize>,
    function: Arc<PartitionFn>,
    max_failures: u32,
    slots: usize,
    generation: u32,
    stages: Vec<Stage>,
    values: Vec<Option<Box<dyn Any + Send>>>,
    failures: Vec<((Option<crate::ids::ShuffleId>, usize), u32)>,
    replans: u32,
    max_replans: u32,
    running: Vec<usize>,
    costs: Vec<OperatorCost>,
}

/// What a job is asked to do.
pub struct JobRequest {
    /// The dataset.
    pub target: Arc<dyn Lineage>,
    /// Its partitions, in the order the values are wanted.
    pub partitions: Vec<usize>,
    /// What is done with each.
    pub function: Arc<PartitionFn>,
    /// How often a task may fail before the job does.
    pub max_failures: u32,
}

impl JobProgress {
    /// Starts a job on `workers` workers, each of which may have `slots` tasks of the job at a time.
    pub fn new(request: JobRequest, held: &HashSet<(RddId, usize)>, workers: usize, slots: usize) -> JobProgress {
        let values = request.partitions.iter().map(|_| None).collect();
        let mut progress = JobProgress {
            target: request.target,
            partitions: request.partitions,
            function: request.function,
            max_failures: request.max_failures.max(1),
            slots,
            generation: 0,
            stages: Vec::new(),
            values,
            failures: Vec::new(),
            replans: 0,
            max_replans: 0,
            running: vec![0; workers.max(1)],
            costs: Vec::new(),
        };
        progress.adopt(held);
        progress
    }

    /// Plans what is still missing anew. Outcomes of the old plan are ignored from now on.
    pub fn replan(&mut self, held: &HashSet<(RddId, usize)>) {
        self.generation += 1;
        self.running.fill(0);
        self.adopt(held);
    }

    /// What the operators of all successful tasks have cost.
    pub fn costs(&self) -> &[OperatorCost] {
        &self.costs
    }

    /// Tasks that may start now. Each is counted as running from here on.
    pub fn launch(&mut self) -> Vec<Launch> {
        let mut launches = Vec::new();
        let done: Vec<bool> = self.stages.iter().map(Stage::done).collect();
        for (position, stage) in self.stages.iter_mut().enumerate() {
            if stage.needs.iter().any(|need| !done.get(*need).copied().unwrap_or(true)) {
                continue;
            }
            let work = match &stage.shuffle {
                Some(kernel) => TaskWork::Map(kernel.clone()),
                None => TaskWork::Result(self.function.clone()),
            };
            for (index, (task, state)) in stage.tasks.iter_mut().enumerate() {
                if *state != State::Waiting {
                    continue;
                }
                let Some(worker) = place(task, &self.running, self.slots) else { continue };
                *state = State::Running(worker);
                if let Some(running) = self.running.get_mut(worker.0) {
                    *running += 1;
                }
                let key = TaskKey { generation: self.generation, stage: position, task: index };
                launches.push(Launch { worker, key, work: work.clone(), task: task.clone() });
            }
        }
        launches
    }

    /// Takes in the outcome of a task.
    pub fn completed(&mut self, key: TaskKey, outcome: Result<(TaskOutput, Vec<OperatorCost>), TaskError>) -> Next {
        if key.generation != self.generation {
            return Next::Continue;
        }
        let Some(stage) = self.stages.get_mut(key.stage) else { return Next::Continue };
        let shuffle = stage.shuffle.as_ref().map(|kernel| kernel.progress().id());
        let Some((task, state)) = stage.tasks.get_mut(key.task) else { return Next::Continue };
        let State::Running(worker) = *state else { return Next::Continue };
        if let Some(running) = self.running.get_mut(worker.0) {
            *running = running.saturating_sub(1);
        }
        match outcome {
            Ok((output, costs)) => {
                *state = State::Done;
                let partition = task.partition;
                add_costs(&mut self.costs, &costs);
                if let TaskOutput::Value(value) = output {
                    self.store(partition, value);
                }
                self.finished()
            }
            Err(TaskError::Cancelled) => Next::Failed { attempts: 1, cause: TaskError::Cancelled },
            Err(cause @ TaskError::BlockMissing { .. }) => Next::Failed { attempts: 1, cause },
            Err(
                cause @ (TaskError::ShuffleLost { .. } | TaskError::CacheMissing { .. } | TaskError::WorkerLost { .. }),
            ) => {
                *state = State::Waiting;
                self.replans += 1;
                if self.replans > self.max_replans {
                    return Next::Failed { attempts: self.replans, cause };
                }
                if let TaskError::ShuffleLost { shuffle, .. } = cause {
                    self.forget_deliveries(shuffle);
                }
                Next::Replan
            }
            Err(cause) => {
                *state = State::Waiting;
                let attempts = self.count_failure((shuffle, task_partition(&self.stages, key)));
                if attempts >= self.max_failures { Next::Failed { attempts, cause } } else { Next::Continue }
            }
        }
    }

    fn adopt(&mut self, held: &HashSet<(RddId, usize)>) {
        let wanted: Vec<usize> =
            self.partitions.iter().zip(&self.values).filter(|(_, value)| value.is_none()).map(|(p, _)| *p).collect();
        let Plan { stages } = plan(&self.target, &wanted, held);
        // Each task of each stage may lose its input as often as it may fail: a merge that fails uses up its buckets.
        let tasks: usize = stages.iter().map(|stage| stage.tasks.len()).sum();
        let losses = self.max_failures.saturating_mul(u32::try_from(tasks).unwrap_or(u32::MAX).saturating_add(1));
        self.max_replans = self.max_replans.max(losses);
        let makers: Vec<_> = stages.iter().map(|s| s.shuffle.as_ref().map(|kernel| kernel.progress().id())).collect();
        self.stages = stages
            .into_iter()
            .map(|stage| Stage {
                shuffle: stage.shuffle,
                needs: makers
                    .iter()
                    .enumerate()
                    .filter(|(_, made)| made.is_some_and(|id| stage.needs.contains(&id)))
                    .map(|(position, _)| position)
                    .collect(),
                tasks: stage.tasks.into_iter().map(|task| (task, State::Waiting)).collect(),
            })
            .collect();
    }

    /// Stores a value for the first place that still waits for `partition`.
    fn store(&mut self, partition: usize, value: Box<dyn Any + Send>) {
        let place = self.partitions.iter().zip(&self.values).position(|(p, held)| *p == partition && held.is_none());
        if let Some(slot) = place.and_then(|place| self.values.get_mut(place)) {
            *slot = Some(value);
        }
    }

    /// Whether every value is here: a job over no partitions is finished before it starts.
    pub fn finished(&mut self) -> Next {
        if self.values.iter().all(Option::is_some) {
            Next::Finished(std::mem::take(&mut self.values).into_iter().flatten().collect())
        } else {
            Next::Continue
        }
    }

    fn forget_deliveries(&self, shuffle: crate::ids::ShuffleId) {
        let inputs = self.stages.iter().flat_map(|stage| &stage.tasks).flat_map(|(task, _)| &task.inputs);
        for input in inputs {
            if let TaskInput::Shuffle(kernel, _) = input
                && kernel.progress().id() == shuffle
            {
                kernel.progress().lost();
                return;
            }
        }
    }

    fn count_failure(&mut self, task: (Option<crate::ids::ShuffleId>, usize)) -> u32 {
        if let Some((_, count)) = self.failures.iter_mut().find(|(known, _)| *known == task) {
            *count += 1;
            return *count;
        }
        self.failures.push((task, 1));
        1
    }
}

fn task_partition(stages: &[Stage], key: TaskKey) -> usize {
    stages.get(key.stage).and_then(|stage| stage.tasks.get(key.task)).map_or(0, |(task, _)| task.partition)
}

/// The owner of the task's first shuffled input, or the least busy worker; `None` when that one has no room.
fn place(task: &PlannedTask, running: &[usize], slots: usize) -> Option<WorkerId> {
    let home = task.inputs.iter().find_map(|input| match input {
        TaskInput::Shuffle(_, target) => Some(WorkerId(target % running.len())),
        _ => None,
    });
    let worker = home.or_else(|| {
        let least = running.iter().enumerate().min_by_key(|(_, count)| **count);
        least.map(|(index, _)| WorkerId(index))
    })?;
    (running.get(worker.0).copied().unwrap_or(slots) < slots).then_some(worker)
}
