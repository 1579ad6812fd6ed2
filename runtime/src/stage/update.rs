//! What a task changes outside itself: gathered while it runs, applied once when it has succeeded.
//!
//! A closure of the user has no task at hand (that of `map` gets a record and nothing else), so updates are gathered by thread: a
//! task runs on one from beginning to end.

use super::task::mark_inside;
use crate::error::{Place, TaskError, panic_message};
use crate::site::Site;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What one task has gathered for one place outside.
pub trait Update: Any + Send {
    /// Who is named when applying it panics.
    fn site(&self) -> Site;

    /// Takes effect. Called at most once, on the thread of the task, when that has succeeded.
    fn apply(self: Box<Self>);
}

/// The updates of a task, by what the caller tells their places apart with.
#[derive(Default)]
pub struct Updates(Vec<(usize, Box<dyn Update>)>);

impl Updates {
    /// Applies all of them.
    ///
    /// # Errors
    /// The panic of one, as a fault of the task at `place`. Those before it have taken effect then.
    pub fn apply(self, place: Place) -> Result<(), TaskError> {
        self.0.into_iter().try_for_each(|(_, update)| {
            let site = update.site();
            mark_inside(|| catch_unwind(AssertUnwindSafe(|| update.apply()))).map_err(|payload| TaskError::Panicked {
                site,
                place,
                message: panic_message(&*payload),
            })
        })
    }

    pub(super) fn append(&mut self, mut more: Updates) {
        self.0.append(&mut more.0);
    }
}

thread_local! {
    /// Of the task that runs on this thread; `None` while none does.
    static GATHERED: RefCell<Option<Updates>> = const { RefCell::new(None) };
}

/// Whether the calling thread runs a task, so that [`gather`] keeps what it is given.
pub fn gathering() -> bool {
    GATHERED.with_borrow(Option::is_some)
}

/// Changes the update that the calling task has for `key`; `make` gives the first one. Does nothing outside of tasks.
pub fn gather<U: Update>(key: usize, make: impl FnOnce() -> U, change: impl FnOnce(&mut U)) {
    let held = GATHERED.with_borrow_mut(|gathered| {
        let updates = &mut gathered.as_mut()?.0;
        let position = updates.iter().position(|(known, update)| {
            let update: &dyn Any = &**update;
            *known == key && update.is::<U>()
        });
        Some(position.map(|position| updates.swap_remove(position).1))
    });
    let Some(held) = held else { return };
    let mut update = held.unwrap_or_else(|| Box::new(make()));
    // Taken out meanwhile: the change is user code, which may gather something itself.
    let typed: &mut dyn Any = &mut *update;
    typed.downcast_mut::<U>().map(change);
    GATHERED.with_borrow_mut(|gathered| {
        if let Some(updates) = gathered {
            updates.0.push((key, update));
        }
    });
}

/// Runs `body` as a task of this thread and returns what it gathered, too.
pub(crate) fn gathered<R>(body: impl FnOnce() -> R) -> (R, Updates) {
    let outer = GATHERED.replace(Some(Updates::default()));
    let result = body();
    (result, GATHERED.replace(outer).unwrap_or_default())
}

/// Gives the calling task what another thread has gathered for it. Does nothing outside of tasks.
pub(crate) fn gather_all(more: Updates) {
    GATHERED.with_borrow_mut(|gathered| {
        if let Some(updates) = gathered {
            updates.append(more);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::stage::{CancelToken, TaskContext};
    use crate::time::Time;
    use std::sync::{Arc, Mutex};

    /// Adds up what one task gathers, then writes it down.
    struct Sum {
        sum: u32,
        to: Arc<Mutex<Vec<u32>>>,
    }

    impl Update for Sum {
        fn site(&self) -> Site {
            Site::here("sum")
        }

        fn apply(self: Box<Self>) {
            assert_ne!(self.sum, 13, "unlucky");
            self.to.lock().unwrap().push(self.sum);
        }
    }

    fn fixture() -> (TaskContext, Arc<Mutex<Vec<u32>>>) {
        (TaskContext::new(3, None, Arc::new(ManualClock::new(Time::ZERO)), CancelToken::default()), Arc::default())
    }

    fn add(key: usize, n: u32, to: &Arc<Mutex<Vec<u32>>>) {
        gather(key, || Sum { sum: 0, to: to.clone() }, |sum| sum.sum += n);
    }

    #[test]
    fn what_a_task_gathers_takes_effect_once_and_only_when_it_is_applied() {
        let (task, applied) = fixture();
        let site = Site::here("map");
        task.guard(site, |_| {
            (1..=3).for_each(|n| add(0, n, &applied));
            add(1, 10, &applied);
            Ok(())
        })
        .unwrap();
        assert!(applied.lock().unwrap().is_empty());
        task.apply_updates().unwrap();
        task.apply_updates().unwrap();
        let mut sums = applied.lock().unwrap().clone();
        sums.sort_unstable();
        assert_eq!(sums, [6, 10]);
    }

    #[test]
    fn what_a_failed_attempt_gathered_is_forgotten() {
        let (task, applied) = fixture();
        let site = Site::here("map");
        let _ = task.guard(site, |task| -> Result<(), TaskError> {
            add(0, 1, &applied);
            Err(task.failed(site, "no"))
        });
        let _ = task.guard(site, |_| -> Result<(), TaskError> {
            add(0, 2, &applied);
            panic!("no")
        });
        task.guard(site, |_| {
            add(0, 4, &applied);
            Ok(())
        })
        .unwrap();
        task.apply_updates().unwrap();
        assert_eq!(*applied.lock().unwrap(), [4]);
    }

    #[test]
    fn nothing_is_gathered_outside_of_tasks() {
        assert!(!gathering());
        let (task, applied) = fixture();
        add(0, 1, &applied);
        task.guard(Site::here("map"), |_| {
            assert!(gathering());
            Ok(())
        })
        .unwrap();
        assert!(!gathering());
        task.apply_updates().unwrap();
        assert!(applied.lock().unwrap().is_empty());
    }

    #[test]
    fn a_change_may_gather_something_itself() {
        let (task, applied) = fixture();
        task.guard(Site::here("map"), |_| {
            gather(
                0,
                || Sum { sum: 1, to: applied.clone() },
                |sum| {
                    add(1, 5, &applied);
                    sum.sum += 1;
                },
            );
            Ok(())
        })
        .unwrap();
        task.apply_updates().unwrap();
        assert_eq!(*applied.lock().unwrap(), [5, 2]);
    }

    #[test]
    fn a_panic_while_applying_is_a_fault_of_the_task_that_names_the_update() {
        let (task, applied) = fixture();
        task.guard(Site::here("map"), |_| {
            add(0, 13, &applied);
            Ok(())
        })
        .unwrap();
        let error = task.apply_updates().unwrap_err().to_string();
        assert!(error.starts_with("sum at ") && error.contains("panicked in partition 3: "), "{error}");
        assert!(error.contains("unlucky"), "{error}");
        assert!(!crate::stage::inside_task());
    }
}
