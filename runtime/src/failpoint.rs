//! Named places at which a test can have the process fail or die.
//!
//! A fail point stands before and after each durable step and each hand-over between actors; [`FAIL_POINTS`] lists them all. Without
//! the feature `failpoints` passing one is nothing at all. With it every passing is counted, and
//!
//! * the environment of a child process says where it is to die: [`ORDERS_VARIABLE`] holds [`Order`]s such as
//!   `tracker.before_log=kill@3`, read when the first point is passed;
//! * the file named by [`HITS_VARIABLE`] holds at any moment how often each point was passed, also after a `kill -9`;
//! * the crate `fail` can be told what happens at a point within the process, for tests in the same process.
//!
//! ```
//! use waterwheel_runtime::failpoint::{Action, Order};
//!
//! let order: Order = "tracker.before_log=kill@3".parse()?;
//! assert_eq!((order.point.as_str(), order.action, order.occurrence), ("tracker.before_log", Action::Kill, 3));
//! assert!("tracker.before_lunch=kill@3".parse::<Order>().is_err(), "there is no such point");
//! # Ok::<(), waterwheel_runtime::failpoint::OrderError>(())
//! ```

#[cfg(feature = "failpoints")]
mod armed;
mod hits;
mod order;
mod table;

#[cfg(feature = "failpoints")]
pub use armed::hits;
pub use hits::{HITS_VARIABLE, read_hits};
pub use order::{Action, ORDERS_VARIABLE, Order, OrderError, parse_orders};
pub use table::{FAIL_POINTS, FailPoint, fail_point_table};

/// Passes the place called `name`.
#[inline]
pub fn fail_point(name: &'static str) {
    #[cfg(feature = "failpoints")]
    {
        armed::pass(name);
        fail::fail_point!(name);
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}
