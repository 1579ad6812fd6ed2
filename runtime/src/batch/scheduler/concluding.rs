//! What the scheduler does for outputs that are committed in two steps: gives up, before a batch is recorded as done, what its
//! failed outputs have prepared; has committed, when the record is durable, what the others have.
//!
//! In this order a crash at any instant is one of two cases. Before the record: the batch is run again, whatever was given up.
//! After it: what is still prepared belongs to outputs that succeeded, and is committed at the next start.

use super::BatchScheduler;
use crate::batch::runner::{JobRunner, RunSecondStep};
use crate::batch::two_step::{SecondStep, Verdict};
use crate::block::When;
use crate::clock::SharedClock;
use crate::error::JobError;
use crate::faults::Fault;
use crate::ids::OutputId;
use crate::time::Time;
use actix::{ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a second step is tried.
const ATTEMPTS: u32 = 4;

/// How long the engine's clock runs between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

impl BatchScheduler {
    /// What the outputs that failed in `batch` may have prepared, to be given up before the batch is recorded as done.
    pub(super) fn to_give_up(&self, batch: Time) -> Vec<SecondStep> {
        self.second_steps(batch, Verdict::Abort)
    }

    /// `batch` is recorded as done: what it has prepared is committed, together with what was held back before it, as soon as
    /// the record is durable. Goes on with `then`.
    pub(super) fn conclude(
        &mut self,
        batch: Time,
        when: When,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let steps = self.second_steps(batch, Verdict::Commit);
        self.held.hold(steps);
        match when {
            When::Now => self.conclude_held(ctx, then),
            When::WithNextCommit => then(self, ctx),
        }
    }

    /// Every batch that is recorded as done is durable now: commits what was held back, in order of batches, and goes on with
    /// `then`.
    pub(super) fn conclude_held(
        &mut self,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let steps = self.held.take();
        self.take_steps(steps, ctx, then);
    }

    /// Takes the steps one after the other, then goes on with `then`. One that cannot be taken ends the context.
    pub(super) fn take_steps(
        &mut self,
        steps: Vec<SecondStep>,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        if steps.is_empty() {
            return then(self, ctx);
        }
        // One that has nothing else to do, if there is one.
        let runner = self.free_runners.last().copied().unwrap_or(0);
        let Some(address) = self.parts.runners.get(runner).cloned() else {
            return self.parts.faults.report(Fault::ActorGone { actor: "job runner" });
        };
        self.concluding = steps.first().map(|step| (step.work(), step.told()));
        let clock = self.parts.clock.clone();
        let taken = async move {
            for step in steps {
                take(&address, &clock, step).await?;
            }
            Ok(())
        };
        ctx.spawn(taken.into_actor(self).map(move |taken: Result<(), (Time, Fault)>, scheduler, ctx| {
            scheduler.concluding = None;
            match taken {
                Ok(()) => then(scheduler, ctx),
                Err((batch, fault)) => {
                    scheduler.fail(batch, &fault);
                    scheduler.parts.faults.report(fault);
                }
            }
        }));
    }

    /// What the outputs of `batch` that are committed in two steps have to do by their outcome. An output that was not run, since
    /// its stream has no dataset in the batch, has prepared nothing.
    fn second_steps(&self, batch: Time, verdict: Verdict) -> Vec<SecondStep> {
        let outputs = self.parts.two_step.iter();
        let Some(live) = self.live.get(&batch).filter(|_| outputs.len() > 0) else { return Vec::new() };
        let wanted = |outcome: Option<bool>| match verdict {
            Verdict::Commit => outcome == Some(true),
            Verdict::Abort => outcome == Some(false),
        };
        let succeeded = |output: OutputId| live.info.outputs.get(&output).map(|info| info.failure.is_none());
        outputs
            .filter(|output| wanted(succeeded(output.output())))
            .map(|output| SecondStep { output: output.clone(), batch, verdict })
            .collect()
    }

    /// Tells listeners that a batch ended with a fault.
    fn fail(&mut self, batch: Time, fault: &Fault) {
        if let Some(live) = self.live.get_mut(&batch) {
            live.info.failure = Some(fault.to_string());
        }
        self.complete(batch);
    }
}

/// Every batch that is recorded as done is durable now, also those that were held back: answered when what they have prepared is
/// committed, or cannot be.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConcludeHeld;

impl Handler<ConcludeHeld> for BatchScheduler {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: ConcludeHeld, ctx: &mut Self::Context) -> Self::Result {
        let (concluded, wait) = oneshot::channel();
        self.conclude_held(ctx, move |_, _| _ = concluded.send(()));
        Box::pin(async move { drop(wait.await) }.into_actor(self))
    }
}

/// Takes a step, again after a pause if that fails, as often as that is allowed.
async fn take(runner: &Addr<JobRunner>, clock: &SharedClock, step: SecondStep) -> Result<(), (Time, Fault)> {
    let (batch, mut attempt) = (step.batch, 1);
    loop {
        match runner.send(RunSecondStep { step: step.clone() }).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if attempt < ATTEMPTS => {
                log::warn!("{error} (attempt {attempt} of {ATTEMPTS}); tried again in {PAUSE:?}");
                clock.sleep(PAUSE).await;
                attempt += 1;
            }
            Ok(Err(cause)) => return Err((batch, fault(&step, cause))),
            Err(_) => return Err((batch, Fault::ActorGone { actor: "job runner" })),
        }
    }
}

fn fault(step: &SecondStep, cause: JobError) -> Fault {
    match step.verdict {
        Verdict::Commit => Fault::NotCommitted { attempts: ATTEMPTS, cause },
        Verdict::Abort => Fault::NotGivenUp { attempts: ATTEMPTS, cause },
    }
}
