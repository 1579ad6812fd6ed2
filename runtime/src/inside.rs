//! Which threads belong to an engine, how many of them there are, and a way out of them.
//!
//! User code runs on all of them: tasks, outputs, listeners, sources. If it waited there for its context or engine to end, it
//! would wait for itself. And each of them drives an event loop, on which no other can be driven.

use crate::ids::OutputId;
use crate::stage::{Updates, forbid_actions_here, gather_all, gathered, gathering, inside_task};
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::runtime::Handle;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// The output operation that this thread runs.
    static OUTPUT: Cell<Option<OutputId>> = const { Cell::new(None) };
    /// Apart from the mark, which can be read even while the thread ends.
    static COUNTED: RefCell<Option<Counted>> = const { RefCell::new(None) };
}

/// How many threads of an engine, and of the contexts on it, have not ended. It outlives the engine and keeps nothing alive.
#[derive(Debug, Clone, Default)]
pub struct ThreadCount(Arc<AtomicUsize>);

impl ThreadCount {
    /// The number of threads at present.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// That of the engine which the calling thread belongs to; a new one on any other thread.
    pub(crate) fn of_this_thread() -> ThreadCount {
        COUNTED.with_borrow(|counted| counted.as_ref().map(|counted| counted.0.clone())).unwrap_or_default()
    }
}

/// One thread, counted until it ends.
struct Counted(ThreadCount);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}

/// The calling thread belongs to the engine of `count` from here on, to its end.
pub(crate) fn mark_engine_thread(count: ThreadCount) {
    INSIDE.set(true);
    count.0.fetch_add(1, Ordering::Release);
    COUNTED.set(Some(Counted(count)));
}

/// Whether the calling thread belongs to an engine (or to a context that runs on one).
pub fn on_engine_thread() -> bool {
    INSIDE.get()
}

/// Runs `body` as the work of an output operation: its jobs are told as those of the output.
pub(crate) fn as_output<R>(output: OutputId, body: impl FnOnce() -> R) -> R {
    OUTPUT.set(Some(output));
    let result = body();
    OUTPUT.set(None);
    result
}

/// The output operation that the calling thread runs, if it runs one.
pub(crate) fn running_output() -> Option<OutputId> {
    OUTPUT.get()
}

/// Runs `body`, which may drive an event loop of its own, and waits for it; a panic in it goes on here.
///
/// Blocking clients of databases and the like often have such a loop inside, and panic on a thread that drives another. So
/// `body` runs on a thread that drives none: the calling one if it is of that kind, or else a new one, which counts as the
/// calling one in everything that is refused inside tasks and engines, and gathers the updates of the calling task.
///
/// # Errors
/// When the system refuses a thread; `body` was not run then.
pub fn outside_event_loop<R: Send>(body: impl FnOnce() -> R + Send) -> io::Result<R> {
    if Handle::try_current().is_err() {
        return Ok(body());
    }
    let (engine, task, gathers) = (on_engine_thread(), inside_task(), gathering());
    thread::scope(|scope| {
        let outside = thread::Builder::new().name("waterwheel-user".to_owned()).spawn_scoped(scope, move || {
            INSIDE.set(engine);
            if task {
                forbid_actions_here();
            }
            if gathers { gathered(body) } else { (body(), Updates::default()) }
        })?;
        let (result, updates) = outside.join().unwrap_or_else(|payload| resume_unwind(payload));
        gather_all(updates);
        Ok(result)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::error::TaskError;
    use crate::site::Site;
    use crate::stage::{CancelToken, TaskContext, Update, gather};
    use crate::time::Time;

    #[test]
    fn a_thread_is_counted_once_and_until_it_ends() {
        let count = ThreadCount::default();
        let theirs = count.clone();
        let seen = std::thread::spawn(move || {
            mark_engine_thread(theirs.clone());
            mark_engine_thread(ThreadCount::of_this_thread());
            (on_engine_thread(), theirs.now())
        });
        assert_eq!((seen.join().unwrap(), count.now()), ((true, 1), 0));
        assert_eq!((on_engine_thread(), ThreadCount::of_this_thread().now()), (false, 0));
    }

    /// What a blocking client does inside.
    fn drive_a_loop() -> u32 {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { 7 })
    }

    #[actix::test]
    async fn an_event_loop_can_be_driven_outside_and_not_inside() {
        assert!(std::panic::catch_unwind(drive_a_loop).is_err());
        assert_eq!(outside_event_loop(drive_a_loop).unwrap(), 7);
    }

    #[test]
    fn a_thread_without_a_loop_does_it_itself() {
        let here = thread::current().id();
        assert_eq!(outside_event_loop(|| thread::current().id()).unwrap(), here);
    }

    #[actix::test]
    async fn what_is_forbidden_inside_stays_forbidden_outside() {
        assert_eq!(outside_event_loop(|| (on_engine_thread(), inside_task())).unwrap(), (false, false));
        mark_engine_thread(ThreadCount::default());
        let task = TaskContext::new(0, None, Arc::new(ManualClock::new(Time::ZERO)), CancelToken::default());
        let seen =
            task.guard(Site::here("test"), |_| Ok(outside_event_loop(|| (on_engine_thread(), inside_task())).unwrap()));
        assert_eq!(seen.unwrap(), (true, true));
    }

    #[actix::test]
    async fn what_is_gathered_outside_is_of_the_task_inside_and_forgotten_when_that_fails() {
        struct Note(Arc<AtomicUsize>);
        impl Update for Note {
            fn site(&self) -> Site {
                Site::here("note")
            }
            fn apply(self: Box<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (applied, site) = (Arc::new(AtomicUsize::new(0)), Site::here("test"));
        let note = || gather(0, || Note(applied.clone()), |_| ());
        let task = TaskContext::new(0, None, Arc::new(ManualClock::new(Time::ZERO)), CancelToken::default());
        let failed = task.guard(site, |task| -> Result<(), TaskError> {
            outside_event_loop(note).unwrap();
            Err(task.failed(site, "no"))
        });
        assert!(failed.is_err());
        let panicked = task.guard(site, |_| -> Result<(), TaskError> {
            let unlucky = || {
                note();
                panic!("no")
            };
            outside_event_loop(unlucky).unwrap()
        });
        assert!(panicked.is_err());
        task.apply_updates().unwrap();
        assert_eq!(applied.load(Ordering::Relaxed), 0);
        task.guard(site, |_| {
            outside_event_loop(note).unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(applied.load(Ordering::Relaxed), 0, "not before the task has succeeded");
        task.apply_updates().unwrap();
        assert_eq!(applied.load(Ordering::Relaxed), 1);
    }

    #[actix::test]
    async fn a_panic_outside_goes_on_inside() {
        let caught = std::panic::catch_unwind(|| outside_event_loop(|| panic!("no such row")));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"no such row"));
    }
}
