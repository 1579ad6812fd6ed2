//! The life of one job, as a plain state machine: which task may run where, and what each outcome means.
//!
//! The coordinator actor asks [`JobProgress::launch`] for work whenever a worker has room and reports every outcome to
//! [`JobProgress::completed`]; nothing here sends a message or looks at a clock.

use super::lineage::Lineage;
use super::plan::{Plan, PlannedStage, PlannedTask, TaskInput, plan};
use super::ready::ReadyTasks;
use super::shuffle::ShuffleKernel;
use super::task::{OperatorCost, TaskContext, add_costs};
use crate::error::TaskError;
use crate::event::StageInfo;
use crate::ids::{RddId, ShuffleId, WorkerId};
use std::any::Any;
use std::collections::{HashMap, HashSet};
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
    tasks: Vec<(PlannedTask, State)>,
    /// Tasks that are not done.
    unfinished: usize,
    /// Stages that are not done and must be, before any task of this one starts.
    needs: usize,
    /// Stages that need this one.
    needed_by: Vec<usize>,
}

/// The state of one job. Each step costs the same however many tasks there are.
pub struct JobProgress {
    target: Arc<dyn Lineage>,
    partitions: Vec<usize>,
    function: Arc<PartitionFn>,
    max_failures: u32,
    generation: u32,
    stages: Vec<Stage>,
    ready: ReadyTasks,
    values: Vec<Option<Box<dyn Any + Send>>>,
    /// Values that are not here.
    missing: usize,
    /// Where the value of each task of the last stage goes.
    places: Vec<usize>,
    /// By the shuffle whose map side it is (none: the job's own partitions) and the partition.
    failures: HashMap<(Option<ShuffleId>, usize), u32>,
    replans: u32,
    max_replans: u32,
    costs: Vec<OperatorCost>,
    /// The stages of all plans so far, for people.
    run: Vec<StageInfo>,
    /// Where those of the present plan begin.
    first_of_plan: usize,
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
        let values: Vec<_> = request.partitions.iter().map(|_| None).collect();
        let mut progress = JobProgress {
            target: request.target,
            partitions: request.partitions,
            function: request.function,
            max_failures: request.max_failures.max(1),
            generation: 0,
            stages: Vec::new(),
            ready: ReadyTasks::new(workers, slots),
            missing: values.len(),
            values,
            places: Vec::new(),
            failures: HashMap::new(),
            replans: 0,
            max_replans: 0,
            costs: Vec::new(),
            run: Vec::new(),
            first_of_plan: 0,
        };
        progress.adopt(held);
        progress
    }

    /// Plans what is still missing anew. Outcomes of the old plan are ignored from now on.
    pub fn replan(&mut self, held: &HashSet<(RddId, usize)>) {
        self.generation += 1;
        self.ready.clear();
        self.adopt(held);
    }

    /// What the operators of all successful tasks have cost.
    pub fn costs(&self) -> &[OperatorCost] {
        &self.costs
    }

    /// Tasks that could run and for which no worker has room.
    pub fn waiting_tasks(&self) -> usize {
        self.ready.len()
    }

    /// The stages that were run, those of earlier plans included.
    pub fn stages_run(&self) -> &[StageInfo] {
        &self.run
    }

    /// Tasks that may start now. Each is counted as running from here on.
    pub fn launch(&mut self) -> Vec<Launch> {
        let mut launches = Vec::new();
        while let Some((worker, (position, index))) = self.ready.next() {
            let Some(stage) = self.stages.get_mut(position) else { continue };
            let work = match &stage.shuffle {
                Some(kernel) => TaskWork::Map(kernel.clone()),
                None => TaskWork::Result(self.function.clone()),
            };
            let Some((task, state)) = stage.tasks.get_mut(index) else { continue };
            *state = State::Running(worker);
            let key = TaskKey { generation: self.generation, stage: position, task: index };
            launches.push(Launch { worker, key, work, task: task.clone() });
        }
        launches
    }

    /// Takes in the outcome of a task.
    pub fn completed(&mut self, key: TaskKey, outcome: Result<(TaskOutput, Vec<OperatorCost>), TaskError>) -> Next {
        if key.generation != self.generation {
            return Next::Continue;
        }
        let Some(stage) = self.stages.get_mut(key.stage) else { return Next::Continue };
        let Some((task, state)) = stage.tasks.get_mut(key.task) else { return Next::Continue };
        let State::Running(worker) = *state else { return Next::Continue };
        self.ready.ended(worker);
        if let Some(told) = self.run.get_mut(self.first_of_plan + key.stage) {
            let count = if outcome.is_ok() { &mut told.done } else { &mut told.failed };
            *count += 1;
        }
        match outcome {
            Ok((output, costs)) => {
                *state = State::Done;
                stage.unfinished -= 1;
                let done = stage.unfinished == 0;
                add_costs(&mut self.costs, &costs);
                if let TaskOutput::Value(value) = output {
                    self.store(key.task, value);
                }
                if done {
                    self.stage_done(key.stage);
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
                let shuffle = stage.shuffle.as_ref().map(|kernel| kernel.progress().id());
                let attempts = self.failures.entry((shuffle, task.partition)).or_default();
                *attempts += 1;
                if *attempts >= self.max_failures {
                    return Next::Failed { attempts: *attempts, cause };
                }
                let home = home(task, self.ready.workers());
                self.ready.push_again((key.stage, key.task), home);
                Next::Continue
            }
        }
    }

    fn adopt(&mut self, held: &HashSet<(RddId, usize)>) {
        let missing = self.partitions.iter().zip(&self.values).enumerate().filter(|(_, (_, value))| value.is_none());
        let (places, wanted): (Vec<usize>, Vec<usize>) = missing.map(|(place, (p, _))| (place, *p)).unzip();
        self.places = places;
        let Plan { stages } = plan(&self.target, &wanted, held);
        // Each task of each stage may lose its input as often as it may fail: a merge that fails uses up its buckets.
        let tasks: usize = stages.iter().map(|stage| stage.tasks.len()).sum();
        let losses = self.max_failures.saturating_mul(u32::try_from(tasks).unwrap_or(u32::MAX).saturating_add(1));
        self.max_replans = self.max_replans.max(losses);
        let makers: HashMap<ShuffleId, usize> = (0..)
            .zip(&stages)
            .filter_map(|(position, stage)| Some((stage.shuffle.as_ref()?.progress().id(), position)))
            .collect();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); stages.len()];
        self.stages.clear();
        self.first_of_plan = self.run.len();
        self.run.extend(stages.iter().map(PlannedStage::told));
        for (position, stage) in stages.into_iter().enumerate() {
            // A shuffle that no stage makes is whole already.
            let mut needs = 0;
            for maker in stage.needs.iter().filter_map(|need| makers.get(need)) {
                if let Some(needed_by) = needed_by.get_mut(*maker) {
                    needed_by.push(position);
                    needs += 1;
                }
            }
            let unfinished = stage.tasks.len();
            let tasks = stage.tasks.into_iter().map(|task| (task, State::Waiting)).collect();
            self.stages.push(Stage { shuffle: stage.shuffle, tasks, unfinished, needs, needed_by: Vec::new() });
        }
        for (stage, by) in self.stages.iter_mut().zip(needed_by) {
            stage.needed_by = by;
        }
        for position in 0..self.stages.len() {
            self.offer(position);
        }
    }

    /// Makes the tasks of a stage ready, if it needs no other any more.
    fn offer(&mut self, position: usize) {
        let Some(stage) = self.stages.get(position).filter(|stage| stage.needs == 0) else { return };
        for (index, (task, _)) in stage.tasks.iter().enumerate() {
            self.ready.push((position, index), home(task, self.ready.workers()));
        }
    }

    fn stage_done(&mut self, position: usize) {
        let needed_by = self.stages.get_mut(position).map(|stage| std::mem::take(&mut stage.needed_by));
        for dependent in needed_by.unwrap_or_default() {
            if let Some(stage) = self.stages.get_mut(dependent) {
                stage.needs -= 1;
            }
            self.offer(dependent);
        }
    }

    /// Stores the value of a task of the last stage.
    fn store(&mut self, task: usize, value: Box<dyn Any + Send>) {
        let place = self.places.get(task).copied();
        if let Some(slot) = place.and_then(|place| self.values.get_mut(place))
            && slot.replace(value).is_none()
        {
            self.missing -= 1;
        }
    }

    /// Whether every value is here: a job over no partitions is finished before it starts.
    pub fn finished(&mut self) -> Next {
        if self.missing == 0 {
            Next::Finished(std::mem::take(&mut self.values).into_iter().flatten().collect())
        } else {
            Next::Continue
        }
    }

    fn forget_deliveries(&self, shuffle: ShuffleId) {
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
}

/// The owner of the task's first shuffled input.
fn home(task: &PlannedTask, workers: usize) -> Option<WorkerId> {
    task.inputs.iter().find_map(|input| match input {
        TaskInput::Shuffle(_, target) => Some(WorkerId(target % workers)),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
