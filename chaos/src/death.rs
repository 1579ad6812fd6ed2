//! The ways to die, drawn from a seed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::time::Duration;
use waterwheel::runtime::failpoint::{Action, FAIL_POINTS, Order};

/// How one run of the program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// At a fail point.
    At(Order),
    /// By `kill -9` from outside, so long after its start.
    After(Duration),
    /// By SIGTERM so long after its first batch, while it is fed: it has to finish what it has, and to end well.
    Asked(Duration),
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::At(order) => write!(f, "{order}"),
            Death::After(time) => write!(f, "{}ms", time.as_millis()),
            Death::Asked(time) => write!(f, "stop@{}ms", time.as_millis()),
        }
    }
}

/// Of so many deaths one is at a random time; the others are at fail points.
const ONE_AT_A_TIME: u32 = 4;
/// Of so many of those one is a stop that the program was asked for.
const ONE_IS_ASKED: u32 = 6;
/// Of so many deaths at fail points one is a panic, one an abort; the others are kills.
const ONE_OF_A_KIND: u32 = 8;
/// The latest passing of a point at which a process dies: soon enough after the start that every run has its death.
const LATEST: u64 = 12;
/// The longest life of a process that dies by the clock, in milliseconds; the shortest is none at all.
const LONGEST: u64 = 1200;

impl Death {
    /// Whether nothing of the process runs after it: `kill -9`.
    pub fn is_kill(&self) -> bool {
        matches!(self, Death::After(_) | Death::At(Order { action: Action::Kill, .. }))
    }
}

/// The first deaths that `seed` stands for, `kills` of them by `kill -9`; panics, aborts and stops come on top. All fail points have
/// their turn before one has a second.
pub fn deaths(seed: u64, kills: usize) -> Vec<Death> {
    deaths_among(seed, kills, |_| true)
}

/// [`deaths`] at some of the points only: of a program that comes to no others.
pub fn deaths_among(seed: u64, kills: usize, passed: impl Fn(&str) -> bool) -> Vec<Death> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut points = Vec::new();
    let mut death = || {
        if random.random_ratio(1, ONE_AT_A_TIME) {
            let time = Duration::from_millis(random.random_range(0..LONGEST));
            return if random.random_ratio(1, ONE_IS_ASKED) { Death::Asked(time) } else { Death::After(time) };
        }
        if points.is_empty() {
            points = FAIL_POINTS.iter().map(|point| point.name.to_owned()).filter(|name| passed(name)).collect();
            points.shuffle(&mut random);
        }
        let kind = random.random_range(0..ONE_OF_A_KIND);
        // Early passings are the interesting ones: they belong to the recovery.
        let latest = random.random_range(1..=LATEST);
        let point: String = points.pop().unwrap_or_default();
        let at_start = point.starts_with("start.") || point.ends_with("_recover");
        let occurrence = if at_start { 1 } else { random.random_range(1..=latest) };
        let action = match kind {
            // A panic before the start is one of the program's own thread: there is no context yet that could tell it.
            0 if !point.starts_with("start.") => Action::Panic,
            1 => Action::Abort,
            _ => Action::Kill,
        };
        Death::At(Order { point, action, occurrence })
    };
    let mut drawn = Vec::new();
    let mut left = kills;
    while left > 0 {
        let next = death();
        left -= usize::from(next.is_kill());
        drawn.push(next);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_draws_the_same_deaths_and_another_draws_others() {
        assert_eq!(deaths(7, 50), deaths(7, 50));
        assert!(deaths(7, 50).starts_with(&deaths(7, 20)));
        assert_eq!(deaths(7, 50).iter().filter(|death| death.is_kill()).count(), 50);
        assert_ne!(deaths(7, 50), deaths(8, 50));
    }

    #[test]
    fn of_some_points_only_those_are_drawn() {
        let drawn = deaths_among(1, 100, |name| name.starts_with("keeper."));
        let at = drawn.iter().filter_map(|death| match death {
            Death::At(order) => Some(order.point.as_str()),
            Death::After(_) | Death::Asked(_) => None,
        });
        assert_eq!(BTreeSet::from_iter(at), BTreeSet::from(["keeper.after_write", "keeper.before_write"]));
    }

    #[test]
    fn every_fail_point_has_its_turn() {
        let drawn: BTreeSet<String> = deaths(1, 2 * FAIL_POINTS.len())
            .into_iter()
            .filter_map(|death| match death {
                Death::At(order) => Some(order.to_string().parse::<Order>().unwrap().point),
                Death::After(_) | Death::Asked(_) => None,
            })
            .collect();
        assert_eq!(drawn.len(), FAIL_POINTS.len());
    }
}
