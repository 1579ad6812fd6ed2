//! The lives of a receiver: run, end, pause, and again, as its policy says. Lives on the receiver's arbiter.

use super::policy::{EndedRun, GivenUp, Restarts, Verdict};
use super::run::Wish;
use super::{Receiver, ReceiverHandle};
use crate::error::panic_message;
use futures::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long a receiver that asked for its own end may take to return; then its future is dropped.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What the loop tells its supervisor.
pub(super) enum Life {
    Started,
    Ended {
        /// What it ended with, if that was an error.
        error: Option<String>,
        /// Why it asked for its own end, if it did and that is no error.
        wished: Option<String>,
        /// When it is started again, if it is.
        again: Option<Duration>,
    },
    GivenUp(GivenUp),
}

/// Runs receivers one after another until the stream is stopped or their policy gives up.
pub(super) async fn live<R: Receiver>(
    factory: impl Fn() -> R,
    base: ReceiverHandle<R::Record>,
    life: mpsc::Sender<Life>,
    ended: watch::Sender<bool>,
    restarts: Restarts,
) {
    let mut restarts = restarts;
    // `None` when the supervisor is gone: nobody has to be told then.
    while !base.is_stopped() && one_life(&factory, &base, &life, &mut restarts).await == Some(true) {}
    // Nobody may be listening any more; then nobody waits either.
    let _ = ended.send(true);
}

/// One run and the pause after it. Whether there is another; `None` when the supervisor is gone.
async fn one_life<R: Receiver>(
    factory: &impl Fn() -> R,
    base: &ReceiverHandle<R::Record>,
    life: &mpsc::Sender<Life>,
    restarts: &mut Restarts,
) -> Option<bool> {
    let clock = base.clock().clone();
    let (began, before) = (clock.monotonic(), base.records());
    life.send(Life::Started).await.ok()?;
    let handle = base.of_new_run();
    let _over = EndsRun(&handle);
    let error = run(factory, &handle, life).await?;
    handle.end_run();

    let (error, wished, after) = match (handle.wish(), error) {
        (None, error) => (error, None, None),
        (Some(Wish::Restart { message, after }), None) => (Some(message), None, after),
        (Some(Wish::Restart { message, after }), Some(error)) => (Some(format!("{message}; {error}")), None, after),
        (Some(Wish::Stop { message }), error) => (error, Some(message), None),
    };
    let cause = error.as_deref().or(wished.as_deref());
    let run = EndedRun { began, ended: clock.monotonic(), stored: base.records() > before, error: cause };
    if base.is_stopped() {
        life.send(Life::Ended { error, wished, again: None }).await.ok()?;
        return Some(false);
    }
    match restarts.ended(run) {
        Verdict::GiveUp(given_up) => {
            life.send(Life::Ended { error, wished, again: None }).await.ok()?;
            life.send(Life::GivenUp(given_up)).await.ok()?;
            Some(false)
        }
        Verdict::RestartAfter(pause) => {
            let pause = after.unwrap_or(pause);
            // Taken before anybody is told, so that the pause begins with the end.
            let over = clock.sleep(pause);
            life.send(Life::Ended { error, wished, again: Some(pause) }).await.ok()?;
            tokio::select! {
                () = over => {}
                () = base.stopped() => {}
            }
            Some(true)
        }
    }
}

/// Ends a run when it is dropped, however that comes.
struct EndsRun<'a, T>(&'a ReceiverHandle<T>);

impl<T> Drop for EndsRun<'_, T> {
    fn drop(&mut self) {
        self.0.end_run();
    }
}

/// Makes a receiver and runs it: what it ended with. `None` when the supervisor is gone.
async fn run<R: Receiver>(
    factory: &impl Fn() -> R,
    handle: &ReceiverHandle<R::Record>,
    life: &mpsc::Sender<Life>,
) -> Option<Option<String>> {
    let run = async {
        let mut receiver = factory();
        // The error's text is the user's code, too.
        receiver.run(handle.clone()).await.map_err(|error| error.to_string())
    };
    let mut run = Box::pin(AssertUnwindSafe(run).catch_unwind());
    let overdue = async {
        handle.asked().await;
        handle.clock().sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = &mut run => Some(match ended {
            Ok(outcome) => outcome.err(),
            Err(payload) => Some(format!("panicked: {}", panic_message(&*payload))),
        }),
        () = overdue => {
            log::warn!(
                "the receiver of {} asked for its own end and did not return within {GRACE:?}; it is dropped",
                handle.stream()
            );
            Some(None)
        }
        // A receiver that does not listen for the stop must not outlive its supervisor.
        () = life.closed() => None,
    };
    // Dropping it is the user's code, too.
    match catch_unwind(AssertUnwindSafe(|| drop(run))) {
        Ok(()) => ended,
        Err(payload) => {
            let message = format!("panicked while it was dropped: {}", panic_message(&*payload));
            if ended.is_none() {
                // Nobody is left to be told.
                log::error!("the receiver of {} {message}", handle.stream());
            }
            ended.map(|_| Some(message))
        }
    }
}
