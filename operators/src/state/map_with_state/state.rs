//! `State`: the state of one key, as the function of `map_with_state` sees it.

use std::fmt;
use thiserror::Error;

/// A use of a [`State`] that makes no sense.
///
/// The fault of the task that it causes names the line of `map_with_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateMisuse {
    /// There is nothing to get.
    #[error("`get` for a key that has no state; ask `exists` first, or use `get_option`")]
    Missing,
    /// The state was changed once more after it had been removed.
    #[error("`{method}` after `remove` in the same call; a state that is to stay is updated and not removed")]
    Removed {
        /// What was called.
        method: &'static str,
    },
    /// The state goes when the call returns, whatever is done to it.
    #[error("`{method}` while the state times out, when it can only be read; ask `is_timing_out` first")]
    TimingOut {
        /// What was called.
        method: &'static str,
    },
}

/// The state of one key during one call of the function of [`map_with_state`](crate::DStream::map_with_state): it can be read,
/// updated and removed.
///
/// [`update`](State::update) and [`remove`](State::remove) take effect when the function returns. Where they are not allowed
/// they do nothing, and the task fails with the [`StateMisuse`], whatever the function returns.
///
/// ```
/// # use waterwheel_operators::{prelude::*, testkit::run};
/// let logins = vec![vec![("ada", "in"), ("bob", "in")], vec![("ada", "out"), ("bob", "in")]];
/// let changes = run(logins, |events| {
///     let events = events.map(|(name, event)| (name.to_owned(), event.to_owned()));
///     let spec = StateSpec::function(|name: &String, event: Option<String>, online: &mut State<u32>| {
///         if event.as_deref() == Some("out") {
///             online.remove();
///             return format!("{name} is gone");
///         }
///         online.update(online.get_option().map_or(1, |times| times + 1));
///         format!("{name} is here")
///     });
///     events.map_with_state(spec.num_partitions(1)).stream()
/// })?;
/// assert_eq!(changes, [["ada is here", "bob is here"], ["ada is gone", "bob is here"]]);
/// # Ok::<(), Error>(())
/// ```
pub struct State<'a, S> {
    known: Option<&'a S>,
    change: Change<S>,
    timing_out: bool,
    misuse: Option<StateMisuse>,
}

/// What a call does to the state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<S> {
    /// Nothing.
    Kept,
    /// It has this value from now on.
    Updated(S),
    /// There is none any more.
    Removed,
}

impl<'a, S> State<'a, S> {
    /// The state of a key with data, which has `known` so far.
    pub(super) fn of(known: Option<&'a S>) -> State<'a, S> {
        State { known, change: Change::Kept, timing_out: false, misuse: None }
    }

    /// A state that times out.
    pub(super) fn timing_out(known: &'a S) -> State<'a, S> {
        State { known: Some(known), change: Change::Kept, timing_out: true, misuse: None }
    }

    /// What the call did.
    pub(super) fn into_change(self) -> Result<Change<S>, StateMisuse> {
        self.misuse.map_or(Ok(self.change), Err)
    }

    /// Whether the key has a state.
    pub fn exists(&self) -> bool {
        self.get_option().is_some()
    }

    /// The state, where there has to be one.
    ///
    /// # Errors
    /// [`StateMisuse::Missing`] when there is none.
    pub fn get(&self) -> Result<&S, StateMisuse> {
        self.get_option().ok_or(StateMisuse::Missing)
    }

    /// The state, if there is one.
    pub fn get_option(&self) -> Option<&S> {
        match &self.change {
            Change::Kept => self.known,
            Change::Updated(value) => Some(value),
            Change::Removed => None,
        }
    }

    /// Gives the key the state `value`. Not allowed after [`remove`](State::remove), nor while the state times out.
    pub fn update(&mut self, value: S) {
        if self.may("update") {
            self.change = Change::Updated(value);
        }
    }

    /// Takes the state of the key away; nothing to do if there is none. Not allowed twice, nor while the state times out.
    pub fn remove(&mut self) {
        if self.may("remove") {
            self.change = Change::Removed;
        }
    }

    /// Whether this is the last call for the key, because it has had no data for longer than the
    /// [`timeout`](crate::StateSpec::timeout): there is a state, which goes when the function returns, and no value.
    pub fn is_timing_out(&self) -> bool {
        self.timing_out
    }

    /// Whether [`update`](State::update) was called in this call of the function.
    pub fn is_updated(&self) -> bool {
        matches!(self.change, Change::Updated(_))
    }

    /// Whether [`remove`](State::remove) was called in this call of the function.
    pub fn is_removed(&self) -> bool {
        matches!(self.change, Change::Removed)
    }

    /// Whether the state may be changed; the first time that it may not is the one that is told.
    fn may(&mut self, method: &'static str) -> bool {
        let misuse = match self.change {
            _ if self.timing_out => StateMisuse::TimingOut { method },
            Change::Removed => StateMisuse::Removed { method },
            Change::Kept | Change::Updated(_) => return true,
        };
        self.misuse.get_or_insert(misuse);
        false
    }
}

impl<S: fmt::Debug> fmt::Debug for State<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("value", &self.get_option()).field("timing_out", &self.timing_out).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exists, is_updated, is_removed, is_timing_out.
    fn flags<S>(state: &State<'_, S>) -> [bool; 4] {
        [state.exists(), state.is_updated(), state.is_removed(), state.is_timing_out()]
    }

    #[test]
    fn a_key_without_state_has_nothing_to_get() {
        let state = State::<i32>::of(None);
        assert_eq!((state.get(), state.get_option()), (Err(StateMisuse::Missing), None));
        assert_eq!(flags(&state), [false; 4]);
        assert_eq!(state.into_change(), Ok(Change::Kept));
    }

    #[test]
    fn an_update_is_seen_at_once() {
        let mut state = State::of(Some(&1));
        assert_eq!((state.get(), flags(&state)), (Ok(&1), [true, false, false, false]));
        state.update(2);
        state.update(3);
        assert_eq!((state.get(), state.get_option()), (Ok(&3), Some(&3)));
        assert_eq!(flags(&state), [true, true, false, false]);
        assert_eq!(state.into_change(), Ok(Change::Updated(3)));
    }

    #[test]
    fn what_is_removed_is_gone_and_stays_so() {
        let mut state = State::of(Some(&1));
        state.update(2);
        state.remove();
        assert_eq!((state.get(), state.get_option()), (Err(StateMisuse::Missing), None));
        assert_eq!(flags(&state), [false, false, true, false]);
        state.update(3);
        state.remove();
        assert_eq!(flags(&state), [false, false, true, false], "neither has an effect");
        assert_eq!(state.into_change(), Err(StateMisuse::Removed { method: "update" }), "the first is told");
    }

    #[test]
    fn a_state_that_is_not_there_may_be_removed_once() {
        let mut state = State::<i32>::of(None);
        state.remove();
        assert_eq!(state.into_change(), Ok(Change::Removed));

        let mut state = State::<i32>::of(None);
        state.remove();
        state.remove();
        assert_eq!(state.into_change(), Err(StateMisuse::Removed { method: "remove" }));
    }

    #[test]
    fn a_state_that_times_out_can_only_be_read() {
        type Call = fn(&mut State<'_, i32>);
        let calls: [(Call, &str); 2] = [(|state| state.update(2), "update"), (|state| state.remove(), "remove")];
        for (call, method) in calls {
            let mut state = State::timing_out(&1);
            call(&mut state);
            assert_eq!((state.get(), flags(&state)), (Ok(&1), [true, false, false, true]));
            assert_eq!(state.into_change(), Err(StateMisuse::TimingOut { method }));
        }
    }
}
