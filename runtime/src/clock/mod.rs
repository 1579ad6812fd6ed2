//! Where all time comes from.
//!
//! Nothing in Waterwheel asks the operating system for the time or waits on a timer of its own: it holds a
//! [`SharedClock`]. An application runs on a [`SystemClock`]; a test runs on a [`ManualClock`] and turns it by hand, so
//! no test ever sleeps.
//!
//! Every clock guarantees that
//!
//! * [`now`](Clock::now) and [`monotonic`](Clock::monotonic) never go back;
//! * a sleep never ends early: once [`sleep_until(t)`](Clock::sleep_until) is over, `now() >= t`;
//! * a sleep is measured from the call that made it, not from the first time it is polled, and may be dropped at any
//!   time.

mod manual;
mod system;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

pub use self::manual::{ManualClock, TurnedBack};
pub use self::system::SystemClock;
use crate::time::Time;

/// A clock that any number of actors and threads hold together.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time of day, to the millisecond; what batches are named by.
    fn now(&self) -> Time;

    /// The time since this clock was made, to the nanosecond; what delays and rates are measured by.
    fn monotonic(&self) -> Duration;

    /// Waits until [`now`](Clock::now) has reached `t`; ends at once if it has already.
    fn sleep_until(&self, t: Time) -> BoxFuture<'static, ()>;

    /// Waits until `d` has passed since this call.
    fn sleep(&self, d: Duration) -> BoxFuture<'static, ()>;
}
