//! Cuts the lineage of a dataset into stages. Pure: lineage in, plan out.
//!
//! A *stage* is a set of tasks that need nothing from each other. Every shuffle whose buckets are not all delivered yet
//! makes one map stage; the job's own partitions are the last stage. A persisted partition that the block manager still
//! holds ends the walk: nothing before it is computed.

use super::lineage::{Lineage, Requirement};
use super::shuffle::ShuffleKernel;
use super::task::InputId;
use crate::event::StageInfo;
use crate::ids::{BlockId, ContextId, RddId, ShuffleId};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// One thing a task needs to be fetched before it runs.
#[derive(Clone)]
pub enum TaskInput {
    /// A block of received records.
    Block(ContextId, BlockId),
    /// A merged target partition.
    Shuffle(Arc<dyn ShuffleKernel>, usize),
    /// A persisted partition.
    Cached(RddId, usize),
}

impl TaskInput {
    /// The name under which the task finds it.
    pub fn id(&self) -> InputId {
        match self {
            TaskInput::Block(context, block) => InputId::Block(*context, *block),
            TaskInput::Shuffle(kernel, target) => InputId::Shuffle(kernel.progress().id(), *target),
            TaskInput::Cached(rdd, partition) => InputId::Cached(*rdd, *partition),
        }
    }
}

/// One task: a partition and what must be fetched for it.
#[derive(Clone)]
pub struct PlannedTask {
    /// The partition of the stage's dataset.
    pub partition: usize,
    /// Inputs, each once, in the order the walk met them.
    pub inputs: Vec<TaskInput>,
}

/// One stage.
pub struct PlannedStage {
    /// The shuffle whose map side the stage computes; `None` for the job's own partitions.
    pub shuffle: Option<Arc<dyn ShuffleKernel>>,
    /// Shuffles that must be whole before any task of this stage may start.
    pub needs: BTreeSet<ShuffleId>,
    /// The tasks.
    pub tasks: Vec<PlannedTask>,
}

impl PlannedStage {
    /// What is told of it before any task has run.
    pub(super) fn told(&self) -> StageInfo {
        let tasks = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        StageInfo { shuffle: self.shuffle.as_ref().map(|shuffle| shuffle.site()), tasks, done: 0, failed: 0 }
    }
}

/// Stages in an order in which each comes after those it needs; the job's own partitions last.
pub struct Plan {
    /// The stages.
    pub stages: Vec<PlannedStage>,
}

/// Plans the computation of `partitions` of `target`, given which persisted partitions are held.
pub fn plan(target: &Arc<dyn Lineage>, partitions: &[usize], held: &HashSet<(RddId, usize)>) -> Plan {
    let mut planner = Planner { held, stages: Vec::new(), seen: BTreeMap::new() };
    let last = planner.stage(None, target, partitions);
    planner.stages.push(last);
    Plan { stages: planner.stages }
}

/// One target partition of a shuffle.
pub type Target = (Arc<dyn ShuffleKernel>, usize);

/// The shuffled inputs of each of `partitions` of `target`, when that is all there is to compute them from and no bucket was
/// delivered to any of them: then nothing has to be fetched. `None` as soon as one partition is found to need more.
pub fn empty_inputs(target: &Arc<dyn Lineage>, partitions: &[usize]) -> Option<Vec<Vec<Target>>> {
    partitions.iter().map(|partition| empty_inputs_of(target, *partition)).collect()
}

fn empty_inputs_of(target: &Arc<dyn Lineage>, partition: usize) -> Option<Vec<Target>> {
    let mut inputs: Vec<Target> = Vec::new();
    let mut visited = HashSet::new();
    let mut open = vec![(target.clone(), partition)];
    while let Some((rdd, partition)) = open.pop() {
        if !visited.insert((rdd.id(), partition)) {
            continue;
        }
        if rdd.storage_level().is_some() || rdd.is_work(partition) {
            return None;
        }
        for requirement in rdd.requirements(partition) {
            match requirement {
                Requirement::Parent(parent, p) => open.push((parent, p)),
                Requirement::Shuffle(kernel, target) if kernel.progress().expected(target) == Some(0) => {
                    inputs.push((kernel, target));
                }
                Requirement::Shuffle(..) | Requirement::Block(..) => return None,
            }
        }
    }
    (!inputs.is_empty()).then_some(inputs)
}

/// Every persisted dataset that the computation of `target` may meet. A shuffle whose map side has been delivered is not
/// looked behind: a window over many of them costs no more than what it reads.
pub fn persisted(target: &Arc<dyn Lineage>) -> BTreeSet<RddId> {
    let mut found = BTreeSet::new();
    let mut visited = HashSet::new();
    let mut crossed = HashSet::new();
    let mut open: Vec<(Arc<dyn Lineage>, usize)> = (0..target.partitions()).map(|p| (target.clone(), p)).collect();
    while let Some((rdd, partition)) = open.pop() {
        if !visited.insert((rdd.id(), partition)) {
            continue;
        }
        if rdd.storage_level().is_some() {
            found.insert(rdd.id());
        }
        for requirement in rdd.requirements(partition) {
            match requirement {
                Requirement::Parent(parent, p) => open.push((parent, p)),
                // Every target leads to the same parent: a walk per target would square the partitions.
                Requirement::Shuffle(kernel, _) if !crossed.insert(kernel.progress().id()) => {}
                Requirement::Shuffle(kernel, _) if kernel.progress().missing().is_empty() => {}
                Requirement::Shuffle(kernel, _) => {
                    let parent = kernel.parent();
                    open.extend((0..parent.partitions()).map(|p| (parent.clone(), p)));
                }
                Requirement::Block(..) => {}
            }
        }
    }
    found
}

struct Planner<'a> {
    held: &'a HashSet<(RddId, usize)>,
    stages: Vec<PlannedStage>,
    /// Shuffles already planned (or found whole).
    seen: BTreeMap<ShuffleId, ()>,
}

impl Planner<'_> {
    fn stage(
        &mut self,
        shuffle: Option<Arc<dyn ShuffleKernel>>,
        rdd: &Arc<dyn Lineage>,
        partitions: &[usize],
    ) -> PlannedStage {
        let mut needs = BTreeSet::new();
        let tasks = partitions
            .iter()
            .map(|&partition| {
                let inputs = self.inputs(rdd, partition);
                for input in &inputs {
                    if let TaskInput::Shuffle(kernel, _) = input {
                        needs.insert(kernel.progress().id());
                        self.require(kernel);
                    }
                }
                PlannedTask { partition, inputs }
            })
            .collect();
        PlannedStage { shuffle, needs, tasks }
    }

    /// Plans the map side of a shuffle, unless that has been done or its buckets are there.
    fn require(&mut self, kernel: &Arc<dyn ShuffleKernel>) {
        if self.seen.insert(kernel.progress().id(), ()).is_some() {
            return;
        }
        let missing = kernel.progress().missing();
        if !missing.is_empty() {
            let stage = self.stage(Some(kernel.clone()), &kernel.parent(), &missing);
            self.stages.push(stage);
        }
    }

    fn inputs(&self, rdd: &Arc<dyn Lineage>, partition: usize) -> Vec<TaskInput> {
        let mut inputs: Vec<TaskInput> = Vec::new();
        let mut known = HashSet::new();
        let mut visited = HashSet::new();
        let mut open = vec![(rdd.clone(), partition)];
        while let Some((rdd, partition)) = open.pop() {
            if !visited.insert((rdd.id(), partition)) {
                continue;
            }
            if self.held.contains(&(rdd.id(), partition)) {
                let input = TaskInput::Cached(rdd.id(), partition);
                if known.insert(input.id()) {
                    inputs.push(input);
                }
                continue;
            }
            // Pushed in reverse, so that the walk meets parents in the order they are listed.
            for requirement in rdd.requirements(partition).into_iter().rev() {
                let input = match requirement {
                    Requirement::Parent(parent, p) => {
                        open.push((parent, p));
                        continue;
                    }
                    Requirement::Shuffle(kernel, target) => TaskInput::Shuffle(kernel, target),
                    Requirement::Block(context, block) => TaskInput::Block(context, block),
                };
                if known.insert(input.id()) {
                    inputs.push(input);
                }
            }
        }
        inputs
    }
}
