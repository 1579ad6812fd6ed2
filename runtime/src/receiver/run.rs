//! One run of a receiver, from being made to its end: what it wishes for itself, and whether it is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// What a receiver asked for itself. The first wish of a run is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// To be made anew, after this pause or that of its policy.
    Restart { message: String, after: Option<Duration> },
    /// To end. The supervisor makes it anew while its stream runs.
    Stop { message: String },
}

/// See the module. Shared by the handles that the run was given and the loop that runs it.
#[derive(Debug)]
pub(super) struct Run {
    wish: watch::Sender<Option<Wish>>,
    over: watch::Sender<bool>,
    /// The same, for those who ask with every record.
    is_over: AtomicBool,
}

impl Default for Run {
    fn default() -> Self {
        Run { wish: watch::channel(None).0, over: watch::channel(false).0, is_over: AtomicBool::new(false) }
    }
}

impl Run {
    /// Asks for `wish`, unless something was asked for before or the run is over.
    pub(super) fn ask(&self, wish: Wish) {
        if self.is_over() {
            return;
        }
        self.wish.send_if_modified(|asked| {
            let first = asked.is_none();
            if first {
                *asked = Some(wish);
            }
            first
        });
    }

    /// What was asked for.
    pub(super) fn wish(&self) -> Option<Wish> {
        self.wish.borrow().clone()
    }

    /// Whether anything was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.wish.borrow().is_some()
    }

    /// Completes when something is asked for.
    pub(super) async fn asked(&self) {
        let mut wish = self.wish.subscribe();
        // The sender is this run's own, so it is there.
        let _ = wish.wait_for(Option::is_some).await;
    }

    /// Whether the run is over: what is left of it, on other threads or in tasks, stores nothing any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Completes when the run is over.
    pub(super) async fn done(&self) {
        let mut over = self.over.subscribe();
        let _ = over.wait_for(|over| *over).await;
    }

    /// Ends it. Called with the intake's lock held, so that nothing of it comes in afterwards.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.over.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_first_wish_counts_and_none_after_the_end() {
        let run = Run::default();
        assert_eq!((run.wish(), run.asked().now_or_never()), (None, None));
        run.ask(Wish::Stop { message: "enough".to_owned() });
        run.ask(Wish::Restart { message: "again".to_owned(), after: None });
        assert_eq!(run.wish(), Some(Wish::Stop { message: "enough".to_owned() }));
        assert_eq!((run.asked().now_or_never(), run.done().now_or_never()), (Some(()), None));
        run.end();
        assert_eq!(run.done().now_or_never(), Some(()));

        let over = Run::default();
        over.end();
        over.ask(Wish::Stop { message: "enough".to_owned() });
        assert!(!over.is_asked());
    }
}
