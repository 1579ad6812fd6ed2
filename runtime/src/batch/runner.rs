//! The actor that runs user code of the driver side: starting sources, building a batch's datasets and running its outputs.
//!
//! It has an arbiter of its own, because that code blocks its thread while it waits for actions.

use super::program::{BatchInputs, BatchProgram, Forgotten, Generated, OutputJob, Past};
use super::two_step::{SecondStep, recover_all};
use crate::error::{JobError, panic_message};
use crate::failpoint::fail_point;
use crate::inside::{ThreadCount, as_output, mark_engine_thread};
use crate::site::Site;
use crate::time::Time;
use crate::topology::JOB_RUNNER_MAILBOX;
use actix::{Actor, Context, Handler, Message, MessageResult};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs one piece of a batch at a time.
pub struct JobRunner {
    site: Site,
    threads: ThreadCount,
}

impl JobRunner {
    /// A runner for the context that was started at `site`, on a thread that counts among `threads`.
    pub(crate) fn new(site: Site, threads: ThreadCount) -> JobRunner {
        JobRunner { site, threads }
    }

    /// Operators catch their users' panics and name them; this fence is for everything else.
    fn guard<R>(&self, batch: Option<Time>, body: impl FnOnce() -> Result<R, JobError>) -> Result<R, JobError> {
        catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
            Err(JobError::Panicked { site: self.site, batch, message: panic_message(&*payload) })
        })
    }
}

impl Actor for JobRunner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(JOB_RUNNER_MAILBOX);
        mark_engine_thread(self.threads.clone());
    }
}

/// Builds the datasets of a batch. The program comes back with the answer.
#[derive(Message)]
#[rtype(result = "(Box<dyn BatchProgram>, Result<Generated, JobError>)")]
pub struct Generate {
    /// The context's program.
    pub program: Box<dyn BatchProgram>,
    /// The batch.
    pub inputs: BatchInputs,
}

impl Handler<Generate> for JobRunner {
    type Result = MessageResult<Generate>;

    fn handle(&mut self, msg: Generate, _: &mut Self::Context) -> Self::Result {
        let Generate { mut program, inputs } = msg;
        let generated = self.guard(Some(inputs.batch), || {
            fail_point("runner.before_generate");
            let generated = program.generate(&inputs);
            fail_point("runner.after_generate");
            generated
        });
        MessageResult((program, generated))
    }
}

/// Drops datasets that nothing needs any more: here, since that runs destructors of the user's records.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropForgotten {
    /// What is dropped.
    pub forgotten: Forgotten,
}

impl Handler<DropForgotten> for JobRunner {
    type Result = ();

    fn handle(&mut self, msg: DropForgotten, _: &mut Self::Context) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(msg.forgotten))) {
            log::error!("dropping the records of a forgotten batch panicked: {}", panic_message(&*payload));
        }
    }
}

/// Runs an output of a batch.
#[derive(Message)]
#[rtype(result = "Result<(), JobError>")]
pub struct RunOutput {
    /// The batch.
    pub batch: Time,
    /// The output.
    pub job: OutputJob,
}

impl Handler<RunOutput> for JobRunner {
    type Result = Result<(), JobError>;

    fn handle(&mut self, msg: RunOutput, _: &mut Self::Context) -> Self::Result {
        as_output(msg.job.output, || {
            self.guard(Some(msg.batch), || {
                fail_point("runner.before_output");
                let outcome = (msg.job.run)();
                fail_point("runner.after_output");
                outcome
            })
        })
    }
}

/// Commits or gives up what a batch has prepared.
#[derive(Message)]
#[rtype(result = "Result<(), JobError>")]
pub struct RunSecondStep {
    /// Of which output and batch.
    pub step: SecondStep,
}

impl Handler<RunSecondStep> for JobRunner {
    type Result = Result<(), JobError>;

    fn handle(&mut self, msg: RunSecondStep, _: &mut Self::Context) -> Self::Result {
        self.guard(Some(msg.step.batch), || msg.step.run())
    }
}

/// Starts a program, behind what an earlier run has done, and has its outputs finish what was under way when that ended. The
/// program comes back with the answer.
#[derive(Message)]
#[rtype(result = "(Box<dyn BatchProgram>, Result<(), JobError>)")]
pub struct StartProgram {
    /// The context's program.
    pub program: Box<dyn BatchProgram>,
    /// What an earlier run has done, when there was one.
    pub past: Option<Past>,
    /// The zero time.
    pub zero: Time,
}

impl Handler<StartProgram> for JobRunner {
    type Result = MessageResult<StartProgram>;

    fn handle(&mut self, msg: StartProgram, _: &mut Self::Context) -> Self::Result {
        let StartProgram { mut program, past, zero } = msg;
        let started = self.guard(None, || {
            let committed = past.as_ref().and_then(|past| past.committed);
            if let Some(past) = past {
                program.recover(past);
            }
            program.start(zero)?;
            fail_point("two_step.before_recover");
            recover_all(&program.two_step_outputs(), committed)?;
            fail_point("two_step.after_recover");
            Ok(())
        });
        MessageResult((program, started))
    }
}
