//! The life of every batch, as a plain state machine.
//!
//! **Life of a batch.** *Allocated* (its blocks are known), *generating* (its datasets are being built), *running* (its
//! outputs), *ended* (every output has succeeded, or has failed and the policy says skip), then committed and gone from here.
//!
//! **Guarantees.** Batches are generated one at a time, in order of time. The outputs of a batch start in order of definition.
//! An output starts only when the same output of every earlier batch has ended (T-1). At most `concurrency` pieces of work run
//! at a time, so with 1 everything happens one after another. Batches are committed in order of time. An output that succeeded
//! is not run again.
//!
//! Where failures are skipped, versions of state can be given up. Then nobody may be reading them: the work that makes a
//! version starts when the outputs of its batch have ended, and no later batch begins before it has.

use crate::config::FailurePolicy;
use crate::ids::OutputId;
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A piece of work that may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Build the datasets of a batch.
    Generate(Time),
    /// Run an output of a batch.
    Output(Time, OutputId),
}

/// What an outcome means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look for work and for batches to commit.
    Continue,
    /// Offer the work again after this long, through [`Lifecycle::retry`].
    RetryAfter(Duration),
    /// The failure policy ends the context; there will be no more work.
    Halt,
    /// The work failed while the context was ending already (it may have been cancelled): its batch stays undone.
    Undone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Running,
    /// Failed, and waiting to be tried again.
    Waiting,
    Ended,
}

#[derive(Debug)]
struct Piece {
    state: State,
    attempts: u32,
    /// Whether it makes a version of state.
    makes_version: bool,
}

impl Piece {
    fn new() -> Piece {
        Piece { state: State::Pending, attempts: 0, makes_version: false }
    }
}

#[derive(Debug)]
struct Batch {
    generate: Piece,
    outputs: BTreeMap<OutputId, Piece>,
    committing: bool,
}

impl Batch {
    fn ended(&self) -> bool {
        self.generate.state == State::Ended && self.outputs.values().all(|output| output.state == State::Ended)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Lifecycle {
    policy: FailurePolicy,
    concurrency: usize,
    running: usize,
    halted: bool,
    batches: BTreeMap<Time, Batch>,
}

impl Lifecycle {
    /// No batches yet; at most `concurrency` (at least 1) pieces of work at a time.
    pub fn new(policy: FailurePolicy, concurrency: usize) -> Lifecycle {
        Lifecycle { policy, concurrency: concurrency.max(1), running: 0, halted: false, batches: BTreeMap::new() }
    }

    /// Whether nothing more is started.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// A batch has its blocks.
    pub fn allocated(&mut self, batch: Time) {
        let new = Batch { generate: Piece::new(), outputs: BTreeMap::new(), committing: false };
        self.batches.entry(batch).or_insert(new);
    }

    /// Batches that are allocated and not committed.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether every batch is committed.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The next piece of work, which counts as running from here on; `None` when nothing may start now.
    pub fn next_work(&mut self) -> Option<Work> {
        if self.halted || self.running >= self.concurrency {
            return None;
        }
        let work = self.find_work()?;
        self.running += 1;
        if let Some(piece) = self.piece(work) {
            piece.state = State::Running;
        }
        Some(work)
    }

    fn find_work(&self) -> Option<Work> {
        let mut busy: Vec<OutputId> = Vec::new();
        for (time, batch) in &self.batches {
            match batch.generate.state {
                State::Pending => return Some(Work::Generate(*time)),
                State::Running | State::Waiting => return None,
                State::Ended => {}
            }
            let careful = self.policy == FailurePolicy::Skip;
            let reading = batch.outputs.values().any(|piece| !piece.makes_version && piece.state != State::Ended);
            for (output, piece) in &batch.outputs {
                match piece.state {
                    State::Pending if careful && piece.makes_version && reading => {}
                    State::Pending if !busy.contains(output) => return Some(Work::Output(*time, *output)),
                    // Whatever comes later waits for the retry.
                    State::Waiting => return None,
                    State::Pending | State::Running => busy.push(*output),
                    State::Ended => {}
                }
            }
            if careful && batch.outputs.values().any(|piece| piece.makes_version && piece.state != State::Ended) {
                return None;
            }
        }
        None
    }

    /// The datasets of a batch are built, or could not be.
    pub fn generated(&mut self, batch: Time, outcome: Result<Vec<OutputId>, ()>) -> Step {
        if let (Ok(outputs), Some(batch)) = (&outcome, self.batches.get_mut(&batch)) {
            batch.outputs = outputs.iter().map(|output| (*output, Piece::new())).collect();
        }
        self.ended(Work::Generate(batch), outcome.is_ok())
    }

    /// `output` of a batch that has just been generated makes a version of state.
    pub fn makes_version(&mut self, batch: Time, output: OutputId) {
        if let Some(piece) = self.piece(Work::Output(batch, output)) {
            piece.makes_version = true;
        }
    }

    /// An output of a batch has ended.
    pub fn finished(&mut self, batch: Time, output: OutputId, succeeded: bool) -> Step {
        self.ended(Work::Output(batch, output), succeeded)
    }

    fn ended(&mut self, work: Work, succeeded: bool) -> Step {
        self.running = self.running.saturating_sub(1);
        let (policy, halted) = (self.policy, self.halted);
        let Some(piece) = self.piece(work) else { return Step::Continue };
        piece.attempts += 1;
        match policy {
            _ if succeeded => piece.state = State::Ended,
            _ if halted => {
                piece.state = State::Waiting;
                return Step::Undone;
            }
            FailurePolicy::Skip => piece.state = State::Ended,
            FailurePolicy::Retry { attempts, delay } if piece.attempts <= attempts => {
                piece.state = State::Waiting;
                return Step::RetryAfter(delay);
            }
            FailurePolicy::Retry { .. } | FailurePolicy::Stop => {
                piece.state = State::Waiting;
                self.halted = true;
                return Step::Halt;
            }
        }
        Step::Continue
    }

    /// Work that failed may be tried again now.
    pub fn retry(&mut self, work: Work) {
        if let Some(piece) = self.piece(work)
            && piece.state == State::Waiting
        {
            piece.state = State::Pending;
        }
    }

    /// The batch to commit now: the oldest, if it has ended and is not being committed already. One commit at a time, since
    /// nothing says that the answers to two would come in their order.
    pub fn next_commit(&mut self) -> Option<Time> {
        let mut oldest = self.batches.first_entry()?;
        let batch = oldest.get_mut();
        if batch.committing || !batch.ended() {
            return None;
        }
        batch.committing = true;
        Some(*oldest.key())
    }

    /// A batch is committed.
    pub fn committed(&mut self, batch: Time) {
        self.batches.remove(&batch);
    }

    /// Starts no more work. What fails from here on is neither tried again nor skipped.
    pub fn halt(&mut self) {
        self.halted = true;
    }

    fn piece(&mut self, work: Work) -> Option<&mut Piece> {
        match work {
            Work::Generate(time) => self.batches.get_mut(&time).map(|batch| &mut batch.generate),
            Work::Output(time, output) => self.batches.get_mut(&time)?.outputs.get_mut(&output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: OutputId = OutputId(0);
    const B: OutputId = OutputId(1);

    fn t(n: i64) -> Time {
        Time::from_millis(n * 1000)
    }

    fn lifecycle(policy: FailurePolicy, concurrency: usize, batches: i64) -> Lifecycle {
        let mut lifecycle = Lifecycle::new(policy, concurrency);
        (1..=batches).for_each(|n| lifecycle.allocated(t(n)));
        lifecycle
    }

    #[test]
    fn with_one_job_at_a_time_everything_happens_in_order() {
        let mut batches = lifecycle(FailurePolicy::Stop, 1, 2);
        for n in 1..=2 {
            assert_eq!(batches.next_work(), Some(Work::Generate(t(n))));
            assert_eq!(batches.next_work(), None);
            batches.generated(t(n), Ok(vec![A, B]));
            for output in [A, B] {
                assert_eq!(batches.next_work(), Some(Work::Output(t(n), output)));
                assert_eq!(batches.next_work(), None);
                assert_eq!(batches.next_commit(), None);
                assert_eq!(batches.finished(t(n), output, true), Step::Continue);
            }
            assert_eq!(batches.next_commit(), Some(t(n)));
            assert_eq!(batches.next_commit(), None);
            batches.committed(t(n));
        }
        assert!(batches.is_empty());
    }

    /// T-1
    #[test]
    fn with_more_jobs_an_output_still_waits_for_itself_in_the_batch_before() {
        let mut batches = lifecycle(FailurePolicy::Stop, 3, 2);
        assert_eq!(batches.next_work(), Some(Work::Generate(t(1))));
        assert_eq!(batches.next_work(), None, "batches are generated one at a time");
        batches.generated(t(1), Ok(vec![A]));
        assert_eq!(batches.next_work(), Some(Work::Output(t(1), A)));
        assert_eq!(batches.next_work(), Some(Work::Generate(t(2))));
        batches.generated(t(2), Ok(vec![A, B]));
        assert_eq!(batches.next_work(), Some(Work::Output(t(2), B)));
        assert_eq!(batches.next_work(), None);
        batches.finished(t(2), B, true);
        batches.finished(t(1), A, true);
        assert_eq!(batches.next_work(), Some(Work::Output(t(2), A)));
    }

    /// T-5
    #[test]
    fn batches_are_committed_in_order_of_time() {
        let mut batches = lifecycle(FailurePolicy::Stop, 3, 2);
        batches.next_work();
        batches.generated(t(1), Ok(vec![A]));
        batches.next_work();
        batches.next_work();
        batches.generated(t(2), Ok(vec![]));
        assert_eq!(batches.next_commit(), None, "batch 2 has ended, batch 1 has not");
        batches.finished(t(1), A, true);
        assert_eq!(batches.next_commit(), Some(t(1)));
        assert_eq!(batches.next_commit(), None, "one commit at a time");
        batches.committed(t(1));
        assert_eq!(batches.next_commit(), Some(t(2)));
    }

    /// F-4
    #[test]
    fn stop_starts_nothing_after_a_failure_and_the_batch_is_never_committed() {
        let mut batches = lifecycle(FailurePolicy::Stop, 1, 2);
        batches.next_work();
        batches.generated(t(1), Ok(vec![A, B]));
        batches.next_work();
        assert_eq!(batches.finished(t(1), A, false), Step::Halt);
        assert_eq!((batches.next_work(), batches.next_commit()), (None, None));
    }

    /// Spark's rows "multiple failed jobs" and "failed func with reseting failure": others go on.
    #[test]
    fn skip_runs_the_other_outputs_and_the_next_batches() {
        let mut batches = lifecycle(FailurePolicy::Skip, 1, 3);
        batches.next_work();
        batches.generated(t(1), Ok(vec![A, B]));
        batches.next_work();
        assert_eq!(batches.finished(t(1), A, false), Step::Continue);
        assert_eq!(batches.next_work(), Some(Work::Output(t(1), B)));
        batches.finished(t(1), B, true);
        assert_eq!(batches.next_work(), Some(Work::Generate(t(2))));
        assert_eq!(batches.generated(t(2), Err(())), Step::Continue);
        assert_eq!(batches.next_work(), Some(Work::Generate(t(3))));
    }

    #[test]
    fn a_version_that_may_be_given_up_is_made_when_nobody_reads_it() {
        let mut batches = lifecycle(FailurePolicy::Skip, 3, 2);
        batches.next_work();
        batches.generated(t(1), Ok(vec![A, B]));
        batches.makes_version(t(1), B);
        assert_eq!(batches.next_work(), Some(Work::Output(t(1), A)));
        assert_eq!(batches.next_work(), None);
        batches.finished(t(1), A, false);
        assert_eq!(batches.next_work(), Some(Work::Output(t(1), B)));
        assert_eq!(batches.next_work(), None);
        batches.finished(t(1), B, false);
        assert_eq!(batches.next_work(), Some(Work::Generate(t(2))));
    }

    #[test]
    fn what_fails_after_the_halt_is_neither_skipped_nor_tried_again_nor_committed() {
        let retry = FailurePolicy::Retry { attempts: 3, delay: Duration::ZERO };
        for policy in [FailurePolicy::Stop, FailurePolicy::Skip, retry] {
            let mut batches = lifecycle(policy, 1, 1);
            batches.next_work();
            batches.generated(t(1), Ok(vec![A]));
            batches.next_work();
            batches.halt();
            assert_eq!(batches.finished(t(1), A, false), Step::Undone, "{policy:?}");
            assert_eq!((batches.next_work(), batches.next_commit()), (None, None), "{policy:?}");
        }
    }

    #[test]
    fn retry_runs_only_the_failed_output_again_holds_later_batches_and_halts_when_used_up() {
        let delay = Duration::from_secs(1);
        let mut batches = lifecycle(FailurePolicy::Retry { attempts: 1, delay }, 1, 2);
        batches.next_work();
        batches.generated(t(1), Ok(vec![A, B]));
        batches.next_work();
        batches.finished(t(1), A, true);
        batches.next_work();
        assert_eq!(batches.finished(t(1), B, false), Step::RetryAfter(delay));
        assert_eq!(batches.next_work(), None);
        batches.retry(Work::Output(t(1), B));
        assert_eq!(batches.next_work(), Some(Work::Output(t(1), B)));
        assert_eq!(batches.finished(t(1), B, false), Step::Halt);
    }
}
