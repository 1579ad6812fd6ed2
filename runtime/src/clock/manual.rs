//! A clock for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use super::Clock;
use crate::time::Time;

/// A clock that stands still until it is turned by hand. A clone is the same clock.
///
/// ```
/// use futures::FutureExt;
/// use waterwheel_runtime::clock::{Clock, ManualClock};
/// use waterwheel_runtime::time::{Time, seconds};
///
/// let clock = ManualClock::new(Time::from_millis(1000));
/// let mut sleep = clock.sleep(seconds(2));
/// assert_eq!(clock.next_deadline(), Some(Time::from_millis(3000)));
///
/// clock.advance(seconds(1));
/// assert!((&mut sleep).now_or_never().is_none());
/// clock.advance(seconds(1));
/// assert!((&mut sleep).now_or_never().is_some());
/// ```
#[derive(Clone)]
pub struct ManualClock {
    start: Time,
    turned: Arc<Mutex<Turned>>,
}

/// Deadlines are kept as time since the start, for sleeps that do not end on a whole millisecond.
#[derive(Default)]
struct Turned {
    elapsed: Duration,
    /// By deadline, then by order of the calls. The waker is missing until the sleep is first polled.
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
    next_id: u64,
}

/// A clock was asked to go back, which no clock does; it was left as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot turn the clock back from {now} to {asked}")]
pub struct TurnedBack {
    /// What the clock says.
    pub now: Time,
    /// What it was asked to say.
    pub asked: Time,
}

impl ManualClock {
    /// A clock that says `start`.
    pub fn new(start: Time) -> ManualClock {
        ManualClock { start, turned: Arc::default() }
    }

    /// Moves the time forward by `d` and wakes every sleeper whose time has come.
    pub fn advance(&self, d: Duration) {
        let mut turned = self.turned();
        let elapsed = turned.elapsed.saturating_add(d);
        let due = turned.forward_to(elapsed);
        drop(turned);
        // Woken without the lock: a waker may run its task, and the task may ask for the time.
        due.into_values().flatten().for_each(Waker::wake);
    }

    /// Moves the time forward to `t` and wakes every sleeper whose time has come.
    ///
    /// # Errors
    ///
    /// [`TurnedBack`] if `t` is earlier than the clock's time.
    pub fn set(&self, t: Time) -> Result<(), TurnedBack> {
        let mut turned = self.turned();
        let now = self.start + turned.elapsed;
        if t < now {
            return Err(TurnedBack { now, asked: t });
        }
        // The clock may stand within the millisecond `t`, and must not lose that part.
        let elapsed = t.since(self.start).max(turned.elapsed);
        let due = turned.forward_to(elapsed);
        drop(turned);
        due.into_values().flatten().for_each(Waker::wake);
        Ok(())
    }

    /// How many sleeps were asked for, have not been dropped, and have not reached their time.
    pub fn waiting(&self) -> usize {
        self.turned().sleepers.len()
    }

    /// The earliest time at which one of the waiting sleepers will wake, rounded up to the millisecond.
    pub fn next_deadline(&self) -> Option<Time> {
        let deadline = self.turned().sleepers.keys().next().map(|(deadline, _)| *deadline)?;
        Some(self.start + deadline.saturating_add(Duration::from_nanos(999_999)))
    }

    /// A panic elsewhere cannot leave the state half-changed, so a poisoned lock is taken as it is.
    fn turned(&self) -> MutexGuard<'_, Turned> {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_to(&self, turned: &mut Turned, deadline: Duration) -> BoxFuture<'static, ()> {
        let key = (deadline, turned.next_id);
        turned.next_id = turned.next_id.wrapping_add(1);
        if deadline > turned.elapsed {
            turned.sleepers.insert(key, None);
        }
        Box::pin(Sleeper { clock: self.clone(), key })
    }
}

impl Turned {
    /// Moves the time and takes out the sleepers that are due.
    fn forward_to(&mut self, elapsed: Duration) -> BTreeMap<(Duration, u64), Option<Waker>> {
        self.elapsed = elapsed;
        let later = self.sleepers.split_off(&(elapsed, u64::MAX));
        mem::replace(&mut self.sleepers, later)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        self.start + self.turned().elapsed
    }

    fn monotonic(&self) -> Duration {
        self.turned().elapsed
    }

    fn sleep_until(&self, t: Time) -> BoxFuture<'static, ()> {
        self.sleep_to(&mut self.turned(), t.since(self.start))
    }

    fn sleep(&self, d: Duration) -> BoxFuture<'static, ()> {
        let mut turned = self.turned();
        let deadline = turned.elapsed.saturating_add(d);
        self.sleep_to(&mut turned, deadline)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turned = self.turned();
        f.debug_struct("ManualClock")
            .field("now", &(self.start + turned.elapsed))
            .field("waiting", &turned.sleepers.len())
            .finish()
    }
}

/// One sleep on a [`ManualClock`]. Registered when it is made, so that a test sees it without polling anything.
struct Sleeper {
    clock: ManualClock,
    key: (Duration, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut turned = self.clock.turned();
        // Registered exactly as long as the deadline has not been reached.
        let Some(waker) = turned.sleepers.get_mut(&self.key) else { return Poll::Ready(()) };
        match waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.clock.turned().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use futures::{FutureExt, future};

    use super::*;
    use crate::clock::SharedClock;
    use crate::time::{milliseconds, seconds};

    fn t(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn manual_time_moves_only_by_hand() {
        let clock = ManualClock::new(t(500));
        assert_eq!((clock.now(), clock.monotonic()), (t(500), Duration::ZERO));
        clock.advance(seconds(1));
        assert_eq!(clock.set(t(2000)), Ok(()));
        assert_eq!((clock.now(), clock.monotonic()), (t(2000), milliseconds(1500)));
    }

    #[test]
    fn manual_time_refuses_to_go_back() {
        let clock = ManualClock::new(t(500));
        let refused = clock.set(t(499)).unwrap_err();
        assert_eq!(refused, TurnedBack { now: t(500), asked: t(499) });
        assert_eq!(refused.to_string(), "cannot turn the clock back from 500 ms to 499 ms");
        assert_eq!(clock.now(), t(500));
    }

    #[test]
    fn setting_the_present_millisecond_keeps_the_part_below_it() {
        let clock = ManualClock::new(t(0));
        clock.advance(Duration::from_micros(1_500));
        assert_eq!(clock.set(t(1)), Ok(()));
        assert_eq!(clock.monotonic(), Duration::from_micros(1_500));
    }

    #[test]
    fn sleepers_wake_when_their_time_comes_and_not_before() {
        let clock = ManualClock::new(t(0));
        let mut early = clock.sleep_until(t(100));
        let mut late = clock.clone().sleep(milliseconds(200));
        assert_eq!((clock.waiting(), clock.next_deadline()), (2, Some(t(100))));

        clock.advance(milliseconds(99));
        assert!((&mut early).now_or_never().is_none());
        clock.advance(milliseconds(1));
        assert!((&mut early).now_or_never().is_some() && (&mut late).now_or_never().is_none());
        assert_eq!((clock.waiting(), clock.next_deadline()), (1, Some(t(200))));
    }

    #[test]
    fn sleep_into_the_past_ends_at_once() {
        let clock = ManualClock::new(t(1000));
        assert!(clock.sleep_until(t(1000)).now_or_never().is_some());
        assert!(clock.sleep_until(t(-1)).now_or_never().is_some());
        assert!(clock.sleep(Duration::ZERO).now_or_never().is_some());
        assert_eq!((clock.waiting(), clock.next_deadline()), (0, None));
    }

    #[test]
    fn dropped_sleep_no_longer_waits() {
        let clock = ManualClock::new(t(0));
        let (kept, dropped) = (clock.sleep(seconds(2)), clock.sleep(seconds(1)));
        drop(dropped);
        assert_eq!((clock.waiting(), clock.next_deadline()), (1, Some(t(2000))));
        drop(kept);
        assert_eq!(clock.waiting(), 0);
    }

    #[test]
    fn deadline_within_a_millisecond_is_rounded_up() {
        let clock = ManualClock::new(t(0));
        let mut sleep = clock.sleep(Duration::from_micros(1_001));
        assert_eq!(clock.next_deadline(), Some(t(2)));
        clock.advance(milliseconds(1));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_micros(1));
        assert!((&mut sleep).now_or_never().is_some());
    }

    #[tokio::test]
    async fn turning_the_clock_wakes_tasks_on_their_threads() {
        let clock = ManualClock::new(t(0));
        let shared: SharedClock = Arc::new(clock.clone());
        let sleeps = [shared.sleep(seconds(1)), shared.sleep_until(t(1000)), shared.sleep(seconds(2))];
        let turning = thread::spawn(move || {
            clock.advance(seconds(1));
            clock.advance(seconds(1));
        });
        future::join_all(sleeps).await;
        assert_eq!(shared.now(), t(2000));
        turning.join().unwrap();
    }

    #[test]
    fn poisoned_lock_does_not_stop_the_clock() {
        let clock = ManualClock::new(t(0));
        let poisoning = clock.clone();
        let panicked = thread::spawn(move || {
            let _held = poisoning.turned();
            panic!("while the lock is held");
        });
        assert!(panicked.join().is_err());
        clock.advance(seconds(1));
        assert_eq!(clock.now(), t(1000));
    }
}
