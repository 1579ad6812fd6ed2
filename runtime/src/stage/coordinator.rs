//! One actor per job: hands the tasks of its stages to the workers and answers when the last value is here.

use super::job::{JobProgress, JobRequest, Launch, Next, TaskKey, TaskOutput};
use super::lineage::Lineage;
use super::plan::persisted;
use super::task::{CancelToken, OperatorCost};
use super::worker::RunTask;
use super::workers::Workers;
use crate::block::{BlockManager, HeldPartitions};
use crate::depths::JobTasks;
use crate::error::{JobError, TaskError};
use crate::event::StageInfo;
use crate::ids::RddId;
use crate::mailbox::Post;
use crate::site::Site;
use crate::time::Time;
use crate::topology::{COORDINATOR_MAILBOX, TASKS_PER_WORKER};
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// What a job brought back.
pub struct JobOutput {
    /// One value per partition asked for, in that order.
    pub values: Vec<Box<dyn Any + Send>>,
    /// What each operator cost, over all tasks.
    pub costs: Vec<OperatorCost>,
}

/// How a job ended, and what it ran.
pub struct JobReport {
    /// What it brought back.
    pub outcome: Result<JobOutput, JobError>,
    /// Its stages.
    pub stages: Vec<StageInfo>,
}

/// Where the caller of an action waits for its answer.
pub type Answer = SyncSender<JobReport>;

/// Everything a job is.
pub struct Job {
    /// What is computed.
    pub request: JobRequest,
    /// The action that asked for it.
    pub site: Site,
    /// The batch it runs for.
    pub batch: Option<Time>,
    /// Ends the job between two chunks.
    pub cancel: CancelToken,
    /// Where the answer goes; dropped unanswered only when the engine stops.
    pub answer: Answer,
}

/// Runs one job, then ends.
pub struct StageCoordinator {
    workers: Workers,
    blocks: Post<BlockManager>,
    request: Option<JobRequest>,
    progress: Option<JobProgress>,
    target: Arc<dyn Lineage>,
    site: Site,
    batch: Option<Time>,
    /// Of this job alone: cancelled when it fails, so that its other tasks end soon.
    cancel: CancelToken,
    answer: Answer,
    /// Tasks that have not answered.
    outstanding: usize,
    /// Those and the ones that wait, for whoever looks.
    told: JobTasks,
    then: Option<Then>,
}

/// What happens once no task of the job runs any more: a task of a job that has been answered, or planned anew, could still do
/// what it does to the outside world.
enum Then {
    Replan,
    Fail(JobError),
    Cancel,
}

impl StageCoordinator {
    /// A coordinator for `job`.
    pub fn new(job: Job, workers: Workers, blocks: Post<BlockManager>) -> StageCoordinator {
        StageCoordinator {
            told: JobTasks::new(workers.tasks().clone()),
            workers,
            blocks,
            target: job.request.target.clone(),
            request: Some(job.request),
            progress: None,
            site: job.site,
            batch: job.batch,
            cancel: job.cancel.child(),
            answer: job.answer,
            outstanding: 0,
            then: None,
        }
    }

    /// Plans with what the block manager holds now, then launches.
    fn plan(&mut self, ctx: &mut Context<Self>) {
        let persisted = persisted(&self.target);
        if persisted.is_empty() {
            return self.planned(HashSet::new(), ctx);
        }
        let asked = self.blocks.send(HeldPartitions { rdds: persisted });
        let planned = asked.into_actor(self).map(|held, actor, ctx| match held {
            Ok(held) => actor.planned(held, ctx),
            Err(_) => actor.finish(Err(JobError::EngineStopped { site: actor.site }), ctx),
        });
        ctx.spawn(planned);
    }

    fn planned(&mut self, held: HashSet<(RddId, usize)>, ctx: &mut Context<Self>) {
        match (&mut self.progress, self.request.take()) {
            (Some(progress), _) => progress.replan(&held),
            (None, Some(request)) => {
                self.progress = Some(JobProgress::new(request, &held, self.workers.len(), TASKS_PER_WORKER));
            }
            (None, None) => {}
        }
        let next = self.progress.as_mut().map_or(Next::Continue, JobProgress::finished);
        self.follow(next, ctx);
    }

    fn follow(&mut self, next: Next, ctx: &mut Context<Self>) {
        match next {
            Next::Continue => {}
            Next::Replan => self.then = self.then.take().or(Some(Then::Replan)),
            Next::Finished(values) => {
                let costs = self.progress.as_ref().map(|progress| progress.costs().to_vec()).unwrap_or_default();
                return self.finish(Ok(JobOutput { values, costs }), ctx);
            }
            Next::Failed { cause: TaskError::Cancelled, .. } if !matches!(self.then, Some(Then::Fail(_))) => {
                self.then = Some(Then::Cancel);
            }
            Next::Failed { attempts, cause } => {
                self.cancel.cancel();
                let failed = JobError::TaskFailed { attempts, cause };
                self.then = Some(match self.then.take() {
                    Some(Then::Fail(first)) => Then::Fail(first),
                    Some(Then::Cancel) => Then::Cancel,
                    _ => Then::Fail(failed),
                });
            }
        }
        match self.then.take() {
            None => self.launch(ctx),
            Some(then) if self.outstanding > 0 => self.then = Some(then),
            Some(Then::Replan) => self.plan(ctx),
            Some(Then::Fail(error)) => self.finish(Err(error), ctx),
            Some(Then::Cancel) => self.finish(Err(JobError::Cancelled { site: self.site }), ctx),
        }
    }

    fn launch(&mut self, ctx: &mut Context<Self>) {
        let launches = self.progress.as_mut().map(JobProgress::launch).unwrap_or_default();
        for launch in launches {
            self.send(launch, ctx);
        }
        let waiting = self.progress.as_ref().map_or(0, JobProgress::waiting_tasks);
        self.told.set(waiting, self.outstanding);
    }

    fn send(&mut self, launch: Launch, ctx: &mut Context<Self>) {
        let Launch { worker, key, work, task } = launch;
        let lost = TaskError::WorkerLost { worker };
        let Some(address) = self.workers.address(worker) else {
            return self.completed(key, Err(lost), ctx);
        };
        let run = RunTask { work, task, site: self.site, batch: self.batch, cancel: self.cancel.clone() };
        self.outstanding += 1;
        let answer = address.send(run).into_actor(self);
        ctx.spawn(answer.map(move |outcome, actor, ctx| {
            actor.outstanding -= 1;
            actor.completed(key, outcome.unwrap_or(Err(lost)), ctx);
        }));
    }

    fn completed(
        &mut self,
        key: TaskKey,
        outcome: Result<(TaskOutput, Vec<OperatorCost>), TaskError>,
        ctx: &mut Context<Self>,
    ) {
        if let Err(error) = &outcome {
            log::debug!("a task of {} failed: {error}", self.site);
        }
        let next = self.progress.as_mut().map_or(Next::Continue, |progress| progress.completed(key, outcome));
        self.follow(next, ctx);
    }

    fn finish(&mut self, outcome: Result<JobOutput, JobError>, ctx: &mut Context<Self>) {
        let stages = self.progress.as_ref().map(|progress| progress.stages_run().to_vec()).unwrap_or_default();
        // The caller may have given up; then nobody wants the answer.
        let _ = self.answer.try_send(JobReport { outcome, stages });
        ctx.stop();
    }
}

impl Actor for StageCoordinator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(COORDINATOR_MAILBOX);
        self.plan(ctx);
    }
}
