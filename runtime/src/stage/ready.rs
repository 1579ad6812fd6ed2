//! The tasks of a job that may start, and which worker gets which. Pure, and each step costs the same however many wait.

use crate::ids::WorkerId;
use std::collections::VecDeque;

/// A task: the position of its stage in the plan and its own in the stage.
pub(super) type TaskId = (usize, usize);

/// Tasks that wait for a worker. A task whose input lies with a worker waits for that one; any other goes to the least busy.
pub(super) struct ReadyTasks {
    slots: usize,
    /// Tasks that each worker has.
    running: Vec<usize>,
    at_home: Vec<VecDeque<TaskId>>,
    anywhere: VecDeque<TaskId>,
}

impl ReadyTasks {
    /// Nothing is ready; each of `workers` (at least 1) workers may have `slots` tasks at a time.
    pub(super) fn new(workers: usize, slots: usize) -> ReadyTasks {
        let workers = workers.max(1);
        ReadyTasks {
            slots,
            running: vec![0; workers],
            at_home: vec![VecDeque::new(); workers],
            anywhere: VecDeque::new(),
        }
    }

    /// Number of workers.
    pub(super) fn workers(&self) -> usize {
        self.running.len()
    }

    /// Tasks that wait.
    pub(super) fn len(&self) -> usize {
        self.anywhere.len() + self.at_home.iter().map(VecDeque::len).sum::<usize>()
    }

    /// Adds a task behind all others.
    pub(super) fn push(&mut self, task: TaskId, home: Option<WorkerId>) {
        self.queue(home).push_back(task);
    }

    /// Adds a task that failed: it goes before all others, so that a job that cannot succeed ends soon.
    pub(super) fn push_again(&mut self, task: TaskId, home: Option<WorkerId>) {
        self.queue(home).push_front(task);
    }

    /// The next task to start and its worker, which has it from here on; `None` when nothing waits that has room.
    pub(super) fn next(&mut self) -> Option<(WorkerId, TaskId)> {
        let (worker, task) = self.next_at_home().or_else(|| self.next_anywhere())?;
        if let Some(running) = self.running.get_mut(worker) {
            *running += 1;
        }
        Some((WorkerId(worker), task))
    }

    /// A task of `worker` has ended.
    pub(super) fn ended(&mut self, worker: WorkerId) {
        if let Some(running) = self.running.get_mut(worker.0) {
            *running = running.saturating_sub(1);
        }
    }

    /// Nothing waits and nothing runs.
    pub(super) fn clear(&mut self) {
        *self = ReadyTasks::new(self.workers(), self.slots);
    }

    fn next_at_home(&mut self) -> Option<(usize, TaskId)> {
        let mut workers = self.at_home.iter_mut().zip(&self.running).enumerate();
        let room = |running: usize| running < self.slots;
        workers.find_map(
            |(worker, (queue, running))| {
                if room(*running) { Some((worker, queue.pop_front()?)) } else { None }
            },
        )
    }

    fn next_anywhere(&mut self) -> Option<(usize, TaskId)> {
        let (worker, running) = self.running.iter().enumerate().min_by_key(|(_, running)| **running)?;
        if *running < self.slots { Some((worker, self.anywhere.pop_front()?)) } else { None }
    }

    fn queue(&mut self, home: Option<WorkerId>) -> &mut VecDeque<TaskId> {
        match home.and_then(|home| self.at_home.get_mut(home.0)) {
            Some(queue) => queue,
            None => &mut self.anywhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that may start now, as (worker, position of the task).
    fn started(ready: &mut ReadyTasks) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| ready.next()).map(|(worker, (_, task))| (worker.0, task)).collect()
    }

    #[test]
    fn tasks_without_a_home_are_spread_and_each_worker_has_as_many_as_it_may() {
        let mut ready = ReadyTasks::new(2, 2);
        (0..6).for_each(|task| ready.push((0, task), None));
        assert_eq!(ready.len(), 6);
        assert_eq!(started(&mut ready), [(0, 0), (1, 1), (0, 2), (1, 3)]);
        assert_eq!(ready.len(), 2);
        ready.ended(WorkerId(1));
        assert_eq!(started(&mut ready), [(1, 4)]);
    }

    #[test]
    fn a_task_with_a_home_waits_for_it_while_others_go_on() {
        let mut ready = ReadyTasks::new(2, 1);
        (0..2).for_each(|task| ready.push((0, task), Some(WorkerId(1))));
        ready.push((0, 2), None);
        assert_eq!(started(&mut ready), [(1, 0), (0, 2)]);
        assert_eq!(ready.len(), 1);
        ready.ended(WorkerId(0));
        assert_eq!(started(&mut ready), []);
        ready.ended(WorkerId(1));
        assert_eq!(started(&mut ready), [(1, 1)]);
    }

    #[test]
    fn a_task_that_failed_comes_before_those_that_wait() {
        let mut ready = ReadyTasks::new(1, 1);
        (0..3).for_each(|task| ready.push((0, task), None));
        assert_eq!(started(&mut ready), [(0, 0)]);
        ready.ended(WorkerId(0));
        ready.push_again((0, 0), None);
        assert_eq!(started(&mut ready), [(0, 0)]);
    }

    #[test]
    fn cleared_workers_have_room_again() {
        let mut ready = ReadyTasks::new(1, 1);
        (0..2).for_each(|task| ready.push((0, task), None));
        started(&mut ready);
        ready.clear();
        assert_eq!(started(&mut ready), []);
        ready.push((1, 7), None);
        assert_eq!(started(&mut ready), [(0, 7)]);
    }
}
