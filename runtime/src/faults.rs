//! The faults of a context: the first one wins and is told (law 8).

use crate::error::JobError;
use crate::ids::{BlockId, StreamId};
use crate::site::Site;
use crate::time::DurationExt;
use crate::time::Time;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;

/// What ended a context.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A batch failed and the failure policy says stop.
    #[error(transparent)]
    Batch(#[from] JobError),
    /// A received block could not be stored.
    #[error("{block} could not be stored: {cause}")]
    Block {
        /// The block.
        block: BlockId,
        /// The cause.
        cause: String,
    },
    /// A receiver ended so often that its policy gives up. What it has stored is kept.
    #[error(
        "the receiver {name} of {stream} ({site}) is given up: it ended {}; the first time: {first}; the last time: {last}; mend the cause, or give its stream another SupervisorPolicy",
        how_often(*restarts, *within)
    )]
    Receiver {
        /// Its name.
        name: String,
        /// Its stream.
        stream: StreamId,
        /// The user's line that made the stream.
        site: Site,
        /// How often it was made anew.
        restarts: u32,
        /// The time in which restarts count.
        within: Duration,
        /// What the first of the runs that count ended with.
        first: String,
        /// What the last one ended with.
        last: String,
    },
    /// The ledger or its log failed.
    #[error("batch {batch}: {cause}")]
    Ledger {
        /// The batch that was being recorded.
        batch: Time,
        /// The cause.
        cause: String,
    },
    /// What a batch has prepared could not be committed.
    #[error(
        "{cause} (attempt {attempts} of {attempts}); the batch is done, and with a checkpoint directory what it prepared is committed at the next start"
    )]
    NotCommitted {
        /// How often it was tried.
        attempts: u32,
        /// The last attempt's fault.
        #[source]
        cause: JobError,
    },
    /// What an output prepared before it failed could not be given up.
    #[error(
        "{cause} (attempt {attempts} of {attempts}); the batch stays undone, and what it prepared is given up at the next start"
    )]
    NotGivenUp {
        /// How often it was tried.
        attempts: u32,
        /// The last attempt's fault.
        #[source]
        cause: JobError,
    },
    /// What was done could not be made durable at the end.
    #[error("the last batches could not be made durable: {cause}")]
    Checkpoint {
        /// The cause.
        cause: String,
    },
    /// A part of the runtime is gone.
    #[error("the {actor} is gone; this is a fault of the runtime, please report it")]
    ActorGone {
        /// Which.
        actor: &'static str,
    },
    /// The graceful stop did not finish in time.
    #[error("the graceful stop did not finish within {timeout:?}: {waiting}")]
    StopTimedOut {
        /// The deadline.
        timeout: Duration,
        /// What was still going on.
        waiting: String,
    },
}

/// A number of ends, one more than there were restarts, and the time in which they came.
fn how_often(restarts: u32, within: Duration) -> String {
    let times = match restarts.saturating_add(1) {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    if restarts == 0 || within == Duration::MAX { times } else { format!("{times} within {}", within.pretty()) }
}

/// Where faults are reported. Clones share the first fault.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    first: OnceLock<Fault>,
    told: Notify,
}

impl Faults {
    /// Reports a fault. It is logged here, once; only the first is kept.
    pub fn report(&self, fault: Fault) {
        log::error!("{fault}");
        let _ = self.0.first.set(fault);
        self.0.told.notify_one();
    }

    /// The first fault, if there was one.
    pub fn first(&self) -> Option<Fault> {
        self.0.first.get().cloned()
    }

    /// Completes when there is a fault. One waiter at a time.
    pub async fn wait(&self) {
        while self.0.first.get().is_none() {
            self.0.told.notified().await;
        }
    }
}

/// Reports that an actor is gone when a panic takes it: nobody may be waiting for an answer of it just then.
#[derive(Debug)]
pub struct Sentinel {
    actor: &'static str,
    faults: Faults,
}

impl Sentinel {
    /// To be owned by `actor`, or by the future that does its work.
    pub fn new(actor: &'static str, faults: Faults) -> Sentinel {
        Sentinel { actor, faults }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.faults.report(Fault::ActorGone { actor: self.actor });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-3
    #[test]
    fn the_first_fault_is_kept() {
        let faults = Faults::default();
        assert!(faults.first().is_none());
        for actor in ["keeper", "tracker"] {
            faults.report(Fault::ActorGone { actor });
        }
        assert!(matches!(faults.first(), Some(Fault::ActorGone { actor: "keeper" })));
    }

    /// F-20
    #[test]
    fn a_receiver_that_is_given_up_is_told_with_its_line_how_often_it_ended_and_what_with() {
        let fault = |restarts, within| Fault::Receiver {
            name: "clicks".to_owned(),
            stream: StreamId(2),
            site: Site::here("receiver_stream"),
            restarts,
            within,
            first: "refused".to_owned(),
            last: "closed".to_owned(),
        };
        let text = fault(10, Duration::from_secs(60)).to_string();
        let begin = format!("the receiver clicks of {} (receiver_stream at {}:", StreamId(2), file!());
        assert!(text.starts_with(&begin), "{text}");
        assert!(
            text.contains("it ended 11 times within 1 min; the first time: refused; the last time: closed"),
            "{text}"
        );
        assert!(fault(3, Duration::MAX).to_string().contains("it ended 4 times; the first"));
        assert!(fault(0, Duration::from_secs(1)).to_string().contains("it ended once; the first"));
    }

    #[test]
    fn a_sentinel_reports_a_panic_and_nothing_else() {
        let faults = Faults::default();
        drop(Sentinel::new("tracker", faults.clone()));
        assert!(faults.first().is_none());
        let theirs = faults.clone();
        let died = std::thread::spawn(move || {
            let _sentinel = Sentinel::new("tracker", theirs);
            panic!("boom");
        });
        assert!(died.join().is_err());
        assert!(matches!(faults.first(), Some(Fault::ActorGone { actor: "tracker" })));
    }
}
