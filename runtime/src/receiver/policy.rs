//! How often, and after which pause, a receiver is made anew. Pure: told the times, it answers.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// For as many restarts as a policy can count, the causes are remembered up to this length.
const CAUSE_BYTES: usize = 512;

/// A pause has long reached any sensible longest one after so many doublings.
const DOUBLINGS: u32 = 31;

/// The longest pause of receivers, as a multiple of the first.
const LONGEST_OF_RECEIVERS: u32 = 4;

/// How often, and after which pause, a receiver (or the actor of an actor stream) that ended is made anew.
///
/// The pause before the first restart is [`delay`](SupervisorPolicy::delay). Each further one without success is twice as long as
/// the one before, up to [`max_delay`](SupervisorPolicy::max_delay), and is shortened at random by up to half, though never below
/// `delay`: clients that lost their server together do not come back together for ever. Once a receiver has run well (it has stored
/// something since its start, or ran for [`settled_after`](SupervisorPolicy::settled_after)) the pauses begin anew.
///
/// With a limit, [`max_restarts`](SupervisorPolicy::max_restarts), the next end within the window gives up: the context ends with a
/// fault that names the stream and the first of the errors. Restarts count however well the receiver ran in between, as long as
/// they lie within the window.
///
/// ```
/// use std::time::Duration;
/// use waterwheel_runtime::receiver::SupervisorPolicy;
///
/// let policy = SupervisorPolicy::for_receivers(Duration::from_secs(2))
///     .max_restarts(5, Duration::from_secs(60))
///     .max_delay(Duration::from_secs(30));
/// assert_eq!(policy.limit(), Some((5, Duration::from_secs(60))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupervisorPolicy {
    limit: Option<(u32, Duration)>,
    delay: Duration,
    max_delay: Duration,
    settled_after: Duration,
    seed: Option<u64>,
}

impl SupervisorPolicy {
    /// The policy of receivers with `receiver.restart_delay` as the first pause: made anew for ever, with pauses that grow to four
    /// times the first. With Spark's 2 seconds nobody waits longer than 8 for a server that came back.
    pub fn for_receivers(restart_delay: Duration) -> SupervisorPolicy {
        SupervisorPolicy {
            limit: None,
            delay: restart_delay,
            max_delay: restart_delay.saturating_mul(LONGEST_OF_RECEIVERS),
            settled_after: Duration::from_secs(60),
            seed: None,
        }
    }

    /// The policy of actor streams: 10 restarts in a minute, the first after 100 ms, with pauses that grow to 5 s; the 11th end within
    /// a minute gives up.
    ///
    /// Spark's gives up after 10 restarts in 15 *milliseconds*, and so hardly ever: an actor that fails at its first message is
    /// restarted for ever, without a pause. Here one that cannot work is told of within half a minute, and one that fails now and
    /// then, up to 10 times a minute, goes on for ever.
    pub fn for_actors() -> SupervisorPolicy {
        SupervisorPolicy {
            limit: Some((10, Duration::from_secs(60))),
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            settled_after: Duration::from_secs(60),
            seed: None,
        }
    }

    /// Gives up when a receiver ends after it was made anew `restarts` times in the last `within`. `0` never makes it anew; a `within`
    /// of [`Duration::MAX`] counts all restarts.
    #[must_use]
    pub fn max_restarts(self, restarts: u32, within: Duration) -> SupervisorPolicy {
        SupervisorPolicy { limit: Some((restarts, within)), ..self }
    }

    /// Never gives up.
    #[must_use]
    pub fn without_limit(self) -> SupervisorPolicy {
        SupervisorPolicy { limit: None, ..self }
    }

    /// The pause before the first restart, and the shortest of all. The longest becomes at least this.
    #[must_use]
    pub fn delay(self, delay: Duration) -> SupervisorPolicy {
        SupervisorPolicy { delay, max_delay: self.max_delay.max(delay), ..self }
    }

    /// The longest pause, at least `delay`: as long as that, and all pauses are the same.
    #[must_use]
    pub fn max_delay(self, max_delay: Duration) -> SupervisorPolicy {
        SupervisorPolicy { max_delay: max_delay.max(self.delay), ..self }
    }

    /// A receiver that ran for so long has run well, even if it stored nothing. Default: one minute.
    #[must_use]
    pub fn settled_after(self, settled_after: Duration) -> SupervisorPolicy {
        SupervisorPolicy { settled_after, ..self }
    }

    /// Draws the lengths of pauses from `seed`: the same ones in every run. Without it every process draws its own.
    #[must_use]
    pub fn seed(self, seed: u64) -> SupervisorPolicy {
        SupervisorPolicy { seed: Some(seed), ..self }
    }

    /// After how many restarts within which time it gives up; `None` is never.
    pub fn limit(&self) -> Option<(u32, Duration)> {
        self.limit
    }
}

/// One run of a receiver that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedRun<'a> {
    /// When it began, on the monotonic clock.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
    /// Whether anything was stored meanwhile.
    pub stored: bool,
    /// What it ended with, if that was an error.
    pub error: Option<&'a str>,
}

/// What becomes of a receiver that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is made anew after this pause.
    RestartAfter(Duration),
    /// It is not made anew: its policy gives up.
    GiveUp(GivenUp),
}

/// Why a policy gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// How often it was made anew within that time.
    pub restarts: u32,
    /// The time in which restarts count.
    pub within: Duration,
    /// What the first of the runs that count ended with.
    pub first: String,
    /// What the last one ended with.
    pub last: String,
}

/// Applies a [`SupervisorPolicy`] to one receiver.
///
/// ```
/// use std::time::Duration;
/// use waterwheel_runtime::receiver::{EndedRun, Restarts, SupervisorPolicy, Verdict};
///
/// let second = Duration::from_secs;
/// let policy = SupervisorPolicy::for_receivers(second(2)).max_restarts(1, second(60));
/// let mut restarts = Restarts::new(policy);
/// let refused = EndedRun { began: second(0), ended: second(0), stored: false, error: Some("refused") };
/// assert_eq!(restarts.ended(refused), Verdict::RestartAfter(second(2)));
/// let lost = EndedRun { began: second(2), ended: second(9), stored: true, error: Some("lost") };
/// let Verdict::GiveUp(given_up) = restarts.ended(lost) else { panic!("one restart was allowed") };
/// assert_eq!((given_up.restarts, &*given_up.first, &*given_up.last), (1, "refused", "lost"));
/// ```
#[derive(Debug)]
pub struct Restarts {
    policy: SupervisorPolicy,
    /// Ends in a row without success before the one that comes.
    in_a_row: u32,
    /// When it was made anew within the window, and after what; empty without a limit.
    recent: VecDeque<(Duration, Arc<str>)>,
    random: StdRng,
}

impl Restarts {
    /// None yet.
    pub fn new(policy: SupervisorPolicy) -> Restarts {
        let seed = policy.seed.unwrap_or_else(|| RandomState::new().hash_one(0_u8));
        Restarts { policy, in_a_row: 0, recent: VecDeque::new(), random: StdRng::seed_from_u64(seed) }
    }

    /// What comes after `run`.
    pub fn ended(&mut self, run: EndedRun<'_>) -> Verdict {
        if let Err(given_up) = self.count(run) {
            return Verdict::GiveUp(given_up);
        }
        if run.stored || run.ended.saturating_sub(run.began) >= self.policy.settled_after {
            self.in_a_row = 0;
        }
        let SupervisorPolicy { delay, max_delay, .. } = self.policy;
        let full = delay.saturating_mul(1 << self.in_a_row.min(DOUBLINGS)).min(max_delay);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let least = (full / 2).max(delay).min(full);
        Verdict::RestartAfter(self.random.random_range(least..=full))
    }

    /// Counts one more restart; the reason to give up when there may be no more.
    fn count(&mut self, run: EndedRun<'_>) -> Result<(), GivenUp> {
        let Some((most, within)) = self.policy.limit else { return Ok(()) };
        while self.recent.front().is_some_and(|(at, _)| run.ended.saturating_sub(*at) > within) {
            self.recent.pop_front();
        }
        let restarts = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let last: Arc<str> = shortened(run.error.unwrap_or("it ended by itself")).into();
        if restarts >= most {
            let first = self.recent.front().map_or(&last, |(_, cause)| cause);
            return Err(GivenUp { restarts, within, first: first.to_string(), last: last.to_string() });
        }
        self.recent.push_back((run.ended, last));
        Ok(())
    }
}

/// The beginning of a text that may be of any length.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().map(|(at, _)| at).find(|at| *at >= CAUSE_BYTES) {
        Some(end) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A run that failed at once, at `ended` seconds.
    fn failed(ended: u64) -> EndedRun<'static> {
        let at = Duration::from_secs(ended);
        EndedRun { began: at, ended: at, stored: false, error: Some("refused") }
    }

    fn pauses(policy: SupervisorPolicy, runs: impl IntoIterator<Item = EndedRun<'static>>) -> Vec<Duration> {
        let mut restarts = Restarts::new(policy);
        let verdicts = runs.into_iter().map(|run| restarts.ended(run));
        let pause = |verdict| match verdict {
            Verdict::RestartAfter(pause) => pause,
            Verdict::GiveUp(given_up) => panic!("{given_up:?}"),
        };
        verdicts.map(pause).collect()
    }

    /// I-3
    #[test]
    fn pauses_of_a_receiver_grow_from_the_restart_delay_to_four_times_that() {
        let policy = SupervisorPolicy::for_receivers(2 * SECOND).seed(7);
        let pauses = pauses(policy, (0..100).map(failed));
        assert_eq!(pauses[0], 2 * SECOND);
        assert!((2 * SECOND..=4 * SECOND).contains(&pauses[1]), "{pauses:?}");
        assert!(pauses[2..].iter().all(|pause| (4 * SECOND..=8 * SECOND).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn pauses_begin_anew_after_a_run_that_stored_something_or_lasted() {
        let policy = SupervisorPolicy::for_receivers(2 * SECOND).settled_after(10 * SECOND);
        for good in [EndedRun { stored: true, ..failed(30) }, EndedRun { began: 20 * SECOND, ..failed(30) }] {
            let pauses = pauses(policy, [failed(0), failed(9), failed(19), good, failed(40)]);
            assert!(pauses[2] >= 4 * SECOND && pauses[3] == 2 * SECOND && pauses[4] >= 2 * SECOND, "{pauses:?}");
        }
        let short = EndedRun { began: 21 * SECOND, ..failed(30) };
        assert!(pauses(policy, [failed(0), failed(9), failed(19), short])[3] >= 4 * SECOND);
    }

    #[test]
    fn a_policy_whose_pauses_may_not_grow_always_pauses_the_same() {
        let fixed = SupervisorPolicy::for_receivers(SECOND).max_delay(SECOND);
        assert_eq!(pauses(fixed, (0..50).map(failed)), vec![SECOND; 50]);
        let at_once = SupervisorPolicy::for_receivers(Duration::ZERO);
        assert_eq!(pauses(at_once, (0..50).map(failed)), vec![Duration::ZERO; 50]);
    }

    #[test]
    fn the_lengths_are_decided_by_the_seed() {
        let of_seed = |seed| pauses(SupervisorPolicy::for_receivers(SECOND).seed(seed), (0..20).map(failed));
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
    }

    /// F-20
    #[test]
    fn a_policy_with_a_limit_gives_up_and_tells_the_first_error_within_the_window() {
        let policy = SupervisorPolicy::for_receivers(SECOND).max_restarts(2, 60 * SECOND);
        let mut restarts = Restarts::new(policy);
        let error = |ended: u64, error| EndedRun { error: Some(error), ..failed(ended) };
        assert!(matches!(restarts.ended(error(0, "long ago")), Verdict::RestartAfter(_)));
        for (at, cause) in [(61, "the first"), (62, "another")] {
            assert!(matches!(restarts.ended(error(at, cause)), Verdict::RestartAfter(_)), "{cause}");
        }
        let given_up = GivenUp { restarts: 2, within: 60 * SECOND, first: "the first".into(), last: "the last".into() };
        assert_eq!(restarts.ended(error(121, "the last")), Verdict::GiveUp(given_up));
        // The window has moved on.
        assert!(matches!(restarts.ended(error(122, "later")), Verdict::RestartAfter(_)));
    }

    #[test]
    fn a_policy_without_restarts_gives_up_at_the_first_end() {
        let mut restarts = Restarts::new(SupervisorPolicy::for_actors().max_restarts(0, SECOND));
        let Verdict::GiveUp(given_up) = restarts.ended(EndedRun { error: None, ..failed(3) }) else {
            panic!("it goes on")
        };
        assert_eq!(
            (given_up.restarts, &*given_up.first, &*given_up.last),
            (0, "it ended by itself", "it ended by itself")
        );
    }

    /// Spark's actors are restarted 10 times in 15 ms; these 10 times in a minute.
    #[test]
    fn an_actor_that_always_fails_is_given_up_after_ten_restarts() {
        let mut restarts = Restarts::new(SupervisorPolicy::for_actors());
        let (mut now, mut count) = (Duration::ZERO, 0);
        while let Verdict::RestartAfter(pause) =
            restarts.ended(EndedRun { began: now, ended: now, stored: false, error: Some("no") })
        {
            (now, count) = (now + pause, count + 1);
        }
        assert_eq!(count, 10);
        assert!(now < 40 * SECOND, "{now:?}");
    }

    #[test]
    fn a_long_error_is_shortened_between_two_characters() {
        let long = "ß".repeat(10_000);
        let short = shortened(&long);
        assert!(short.len() <= CAUSE_BYTES + 4 && short.ends_with("ß..."), "{}", short.len());
        assert_eq!(shortened("short"), "short");
    }

    proptest! {
        /// However it goes: no pause is outside its bounds, and there are never more restarts in a window than allowed.
        #[test]
        fn the_limits_of_a_policy_hold(
            (delay, max_delay, within) in (0..5_000_u64, 0..60_000_u64, 1..100_000_u64),
            most in 0..6_u32,
            seed: u64,
            ends in proptest::collection::vec((0..20_000_u64, any::<bool>()), 1..60),
        ) {
            let milli = Duration::from_millis;
            let policy = SupervisorPolicy::for_receivers(milli(delay))
                .max_delay(milli(max_delay))
                .max_restarts(most, milli(within))
                .seed(seed);
            let (mut restarts, mut now, mut granted) = (Restarts::new(policy), Duration::ZERO, Vec::new());
            for (lasted, stored) in ends {
                let began = now;
                now += milli(lasted);
                if let Verdict::RestartAfter(pause) = restarts.ended(EndedRun { began, ended: now, stored, error: None }) {
                    prop_assert!(pause >= milli(delay) && pause <= milli(max_delay.max(delay)), "{:?}", pause);
                    granted.push(now);
                    let recent = granted.iter().filter(|at| now - **at <= milli(within)).count();
                    prop_assert!(recent <= most as usize);
                    now += pause;
                }
            }
        }
    }
}
