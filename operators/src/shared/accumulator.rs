//! `Accumulator<A>`: a value that tasks add to.

use super::Accumulate;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Update, gather, gathering};

/// A value that tasks add to and the driver side reads. A cheap handle: clones are the same accumulator.
///
/// What a task adds counts once, when the task succeeds: attempts that fail count for nothing. It is a matter of the *task*
/// though: an operator that is computed again counts again, as for a second job on a dataset that is not persisted, or for a
/// partition that was lost. Inside an action ([`foreach`](crate::rdd::Rdd::foreach)) of a batch that does not fail every record
/// counts exactly once.
///
/// Made by [`SharedVariables::accumulator`](super::SharedVariables::accumulator) or by itself:
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_operators::testkit::run;
///
/// let parsed = Accumulator::new("numbers", 0u64);
/// let counting = parsed.clone();
/// run([vec!["1", "x"], vec!["3"]], move |words| {
///     words.flat_map(move |word| word.parse::<i32>().inspect(|_| counting.add(1)).ok())
/// })?;
/// assert_eq!((parsed.name(), parsed.value()), ("numbers", 2));
/// # Ok::<(), Error>(())
/// ```
pub struct Accumulator<A> {
    shared: Arc<Shared<A>>,
}

struct Shared<A> {
    name: String,
    site: Site,
    value: Mutex<A>,
}

impl<A> Shared<A> {
    fn lock(&self) -> MutexGuard<'_, A> {
        // A merge of the user that panicked has failed its task, which told so.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Clone for Accumulator<A> {
    fn clone(&self) -> Self {
        Accumulator { shared: self.shared.clone() }
    }
}

impl<A: fmt::Debug> fmt::Debug for Accumulator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.shared.name, *self.shared.lock())
    }
}

impl<A: Accumulate> Accumulator<A> {
    /// An accumulator that begins with `start`; the name is for people.
    #[track_caller]
    pub fn new(name: impl Into<String>, start: A) -> Accumulator<A> {
        Accumulator::at(Site::here("accumulator"), name.into(), start)
    }

    pub(super) fn at(site: Site, name: String, start: A) -> Accumulator<A> {
        Accumulator { shared: Arc::new(Shared { name, site, value: Mutex::new(start) }) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Adds `update`: in a task when that succeeds, elsewhere now.
    pub fn add(&self, update: A::Update) {
        if gathering() {
            let share = || Share { gathered: A::default(), to: self.shared.clone() };
            gather(Arc::as_ptr(&self.shared).addr(), share, |share: &mut Share<A>| share.gathered.add(update));
        } else {
            self.shared.lock().add(update);
        }
    }

    /// What was added by all tasks that have succeeded so far. For the driver side: what a task reads here depends on which
    /// other tasks were faster.
    pub fn value(&self) -> A {
        self.shared.lock().clone()
    }

    /// Begins again with `value`, and returns what there was.
    pub fn reset(&self, value: A) -> A {
        std::mem::replace(&mut *self.shared.lock(), value)
    }
}

/// What one task has added.
struct Share<A> {
    gathered: A,
    to: Arc<Shared<A>>,
}

impl<A: Accumulate> Update for Share<A> {
    fn site(&self) -> Site {
        self.to.site
    }

    fn apply(self: Box<Self>) {
        self.to.lock().merge(self.gathered);
    }
}
