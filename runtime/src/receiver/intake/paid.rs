//! What a store has taken of the rate and of a batch's quota, until its records are in.

use super::{Intake, State};
use crate::receiver::limiter::Reserved;
use crate::receiver::quota::Taken;
use std::time::Duration;

/// Gives back what was taken when it is dropped, unless the records came in: a store may be given up while it waits for memory, and
/// its stream would be held back for nothing otherwise.
pub(super) struct Paid<'a, T> {
    intake: &'a Intake<T>,
    reserved: Option<Reserved>,
    taken: Option<Taken>,
}

impl<'a, T> Paid<'a, T> {
    /// Nothing was taken yet, or has to be.
    pub(super) fn nothing(intake: &'a Intake<T>) -> Paid<'a, T> {
        Paid { intake, reserved: None, taken: None }
    }

    /// Takes `records` of the rate at time `now`, which has to be known if there is a rate; says how long to wait.
    pub(super) fn reserve(&mut self, state: &mut State<T>, records: usize, now: Option<Duration>) -> Duration {
        let Some(now) = now else { return Duration::ZERO };
        let reserved = state.limiter.reserve(records, now);
        self.reserved = Some(reserved);
        reserved.wait
    }

    /// Takes `records` of the batch's quota.
    pub(super) fn take(&mut self, state: &mut State<T>, records: usize) {
        self.taken = Some(state.quota.take(records));
    }

    /// The records are in.
    pub(super) fn keep(mut self) {
        (self.reserved, self.taken) = (None, None);
    }
}

impl<T> Drop for Paid<'_, T> {
    fn drop(&mut self) {
        let (reserved, taken) = (self.reserved.take(), self.taken.take());
        if reserved.is_none() && taken.is_none() {
            return;
        }
        {
            let mut state = self.intake.lock();
            reserved.into_iter().for_each(|reserved| state.limiter.give_back(reserved));
            taken.into_iter().for_each(|taken| state.quota.give_back(taken));
        }
        self.intake.room.notify_waiters();
    }
}
