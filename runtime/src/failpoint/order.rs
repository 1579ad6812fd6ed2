//! What is to happen at a fail point, in the form in which a child process is told.

use super::FAIL_POINTS;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The environment variable with the orders of a process: any number, separated by `;`. Read when the first point is passed.
pub const ORDERS_VARIABLE: &str = "WATERWHEEL_FAILPOINTS";

/// What happens at a fail point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The process kills itself with SIGKILL: nothing more of it runs, nothing is flushed.
    Kill,
    /// The process aborts, as it does when memory runs out.
    Abort,
    /// The thread panics there.
    Panic,
}

/// What is to happen when a point is passed for the n-th time, written `point=action@n`. The first time is 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// One of [`FAIL_POINTS`].
    pub point: String,
    /// What happens.
    pub action: Action,
    /// At which passing, counted from 1 over the life of the process.
    pub occurrence: u64,
}

/// An order that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the order {text:?} for a fail point is wrong: {reason}; write it as in `tracker.before_log=kill@3`")]
pub struct OrderError {
    text: String,
    reason: &'static str,
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 3] = [Action::Kill, Action::Abort, Action::Panic];
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Kill => "kill",
            Action::Abort => "abort",
            Action::Panic => "panic",
        })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}@{}", self.point, self.action, self.occurrence)
    }
}

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Order, OrderError> {
        let wrong = |reason| OrderError { text: text.to_owned(), reason };
        let (point, what) = text.trim().split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let (action, occurrence) = what.split_once('@').ok_or_else(|| wrong("there is no `@`"))?;
        if !FAIL_POINTS.iter().any(|known| known.name == point) {
            return Err(wrong("there is no such point"));
        }
        let action = Action::ALL.into_iter().find(|known| known.to_string() == action);
        let action = action.ok_or_else(|| wrong("the action is none of kill, abort and panic"))?;
        let occurrence = occurrence.parse().ok().filter(|occurrence| *occurrence > 0);
        let occurrence = occurrence.ok_or_else(|| wrong("the occurrence is not a number from 1"))?;
        Ok(Order { point: point.to_owned(), action, occurrence })
    }
}

/// Reads orders separated by `;`.
///
/// # Errors
/// [`OrderError`] for the first that means nothing.
pub fn parse_orders(text: &str) -> Result<Vec<Order>, OrderError> {
    text.split(';').filter(|order| !order.trim().is_empty()).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        for point in FAIL_POINTS {
            for action in Action::ALL {
                let order = Order { point: point.name.to_owned(), action, occurrence: 7 };
                assert_eq!(order.to_string().parse(), Ok(order.clone()));
                assert_eq!(parse_orders(&format!("{order}; {order};")), Ok(vec![order.clone(), order]));
            }
        }
        assert_eq!(parse_orders(""), Ok(Vec::new()));
    }

    #[test]
    fn an_order_that_means_nothing_is_refused_with_its_text_and_the_reason() {
        for (text, reason) in [
            ("tracker.before_log", "no `=`"),
            ("tracker.before_log=kill", "no `@`"),
            ("tracker.lunch=kill@1", "no such point"),
            ("tracker.before_log=maim@1", "none of kill"),
            ("tracker.before_log=kill@0", "not a number from 1"),
            ("tracker.before_log=kill@-1", "not a number from 1"),
        ] {
            let error = parse_orders(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(text), "{error}");
        }
    }
}
