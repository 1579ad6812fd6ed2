//! `StateSpec`: what `map_with_state` does with the records of a key, and how its state is kept.

use super::state::State;
use crate::outcome::BoxError;
use crate::rdd::{Partitioner, Rdd};
use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::time::Time;

/// The function of the user. A call through a pointer costs nothing next to the look-up of a key.
pub(super) type MapState<K, V, S, R> =
    Arc<dyn Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<R>, BoxError> + Send + Sync>;

/// What [`map_with_state`](crate::DStream::map_with_state) does: a function of key, value and state, and how the states are kept.
///
/// The function is called once for every record, with `Some` value; and once, with `None`, for a key that
/// [times out](StateSpec::timeout). It may read, update and remove the [`State`] of the key. A panic in it fails the task, which
/// leaves all states as they were and is tried again.
///
/// ```
/// # use waterwheel_operators::{prelude::*, testkit::run};
/// let sums = run([vec![("a", 1), ("a", 2)], vec![("b", 5), ("a", 3)]], |pairs| {
///     let pairs = pairs.map(|(key, n)| (key.to_owned(), n));
///     let spec = StateSpec::function(|key: &String, n: Option<i32>, sum: &mut State<i32>| {
///         let new = sum.get_option().unwrap_or(&0) + n.unwrap_or(0);
///         sum.update(new);
///         (key.clone(), new)
///     });
///     pairs.map_with_state(spec.num_partitions(1)).stream()
/// })?;
/// let pair = |key: &str, n| (key.to_owned(), n);
/// assert_eq!(sums, [[pair("a", 1), pair("a", 3)], [pair("b", 5), pair("a", 6)]]);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "it says what to do; `map_with_state` does it"]
pub struct StateSpec<K, V, S, R> {
    pub(super) function: MapState<K, V, S, R>,
    pub(super) initial: Option<Rdd<(K, S)>>,
    pub(super) partitioner: Option<Partitioner<K>>,
    pub(super) timeout: Option<Duration>,
}

impl<K, V, S, R> fmt::Debug for StateSpec<K, V, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateSpec")
            .field("state", &type_name::<S>())
            .field("initial", &self.initial)
            .field("partitioner", &self.partitioner)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl<K, V, S, R> StateSpec<K, V, S, R> {
    /// With a function that makes one record of each call.
    pub fn function(
        f: impl Fn(&K, Option<V>, &mut State<'_, S>) -> R + Send + Sync + 'static,
    ) -> StateSpec<K, V, S, R> {
        StateSpec::of(move |_, key, value, state| Ok(Some(f(key, value, state))))
    }

    /// With a function that also gets the batch time, and may make no record.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let firsts = run([vec![("a", ())], vec![("a", ()), ("b", ())]], |visits| {
    ///     let visits = visits.map(|(name, visit)| (name.to_owned(), visit));
    ///     let spec = StateSpec::function_with_time(|batch, name: &String, _: Option<()>, first: &mut State<Time>| {
    ///         let new = !first.exists();
    ///         if new {
    ///             first.update(batch);
    ///         }
    ///         new.then(|| format!("{name} at {batch}"))
    ///     });
    ///     visits.map_with_state(spec).stream()
    /// })?;
    /// assert_eq!(firsts, [["a at 1000 ms"], ["b at 2000 ms"]]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn function_with_time(
        f: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Option<R> + Send + Sync + 'static,
    ) -> StateSpec<K, V, S, R> {
        StateSpec::of(move |batch, key, value, state| Ok(f(batch, key, value, state)))
    }

    /// [`function`](StateSpec::function) with a function that can fail: an error fails the task, as a panic does.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let spent = run([vec![(1, "12"), (1, "30")]], |pairs| {
    ///     let pairs = pairs.map(|(account, text)| (account, text.to_owned()));
    ///     let spec = StateSpec::try_function(|_: &i32, text: Option<String>, sum: &mut State<u32>| {
    ///         let n: u32 = text.unwrap_or_default().parse()?;
    ///         sum.update(sum.get_option().unwrap_or(&0) + n);
    ///         Ok::<u32, std::num::ParseIntError>(n)
    ///     });
    ///     pairs.map_with_state(spec).state_snapshots()
    /// })?;
    /// assert_eq!(spent, [[(1, 42)]]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn try_function<E: Into<BoxError>>(
        f: impl Fn(&K, Option<V>, &mut State<'_, S>) -> Result<R, E> + Send + Sync + 'static,
    ) -> StateSpec<K, V, S, R> {
        StateSpec::of(move |_, key, value, state| f(key, value, state).map(Some).map_err(Into::into))
    }

    /// [`function_with_time`](StateSpec::function_with_time) with a function that can fail: an error fails the task, as a panic
    /// does.
    pub fn try_function_with_time<E: Into<BoxError>>(
        f: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<R>, E> + Send + Sync + 'static,
    ) -> StateSpec<K, V, S, R> {
        StateSpec::of(move |batch, key, value, state| f(batch, key, value, state).map_err(Into::into))
    }

    fn of(
        function: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> StateSpec<K, V, S, R> {
        StateSpec { function: Arc::new(function), initial: None, partitioner: None, timeout: None }
    }

    /// Begins with these states, unless the program goes on with states that it has stored. Of several for one key the first
    /// one counts. For time-outs they are as old as the first batch (the
    /// first that is not given up).
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::{TestInput, TestRun}};
    /// let words = TestInput::new();
    /// let (mut test, counts) = TestRun::new().start(|ssc| {
    ///     let spec = StateSpec::function(|_: &String, n: Option<i32>, sum: &mut State<i32>| {
    ///         sum.update(sum.get_option().unwrap_or(&0) + n.unwrap_or(0));
    ///     });
    ///     let before = ssc.parallelize([("to".to_owned(), 5), ("be".to_owned(), 7)], 1);
    ///     let spec = spec.initial_state(before).num_partitions(1);
    ///     words.stream(ssc).map(|word: &str| (word.to_owned(), 1)).map_with_state(spec).state_snapshots().probe()
    /// })?;
    /// words.push(["to"]);
    /// test.advance(1)?;
    /// let mut first = counts.datasets().remove(0);
    /// first.sort();
    /// assert_eq!(first, [("be".to_owned(), 7), ("to".to_owned(), 6)]);
    /// test.stop()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn initial_state(mut self, states: Rdd<(K, S)>) -> StateSpec<K, V, S, R> {
        self.initial = Some(states);
        self
    }

    /// Spreads the keys over this many partitions; otherwise over as many as `default_parallelism` says.
    pub fn num_partitions(self, partitions: usize) -> StateSpec<K, V, S, R> {
        self.partitioner(Partitioner::hash(partitions))
    }

    /// Places the keys with `partitioner`.
    pub fn partitioner(mut self, partitioner: Partitioner<K>) -> StateSpec<K, V, S, R> {
        self.partitioner = Some(partitioner);
        self
    }

    /// Gives up the state of a key that has had no data for longer than `idle`: in the first batch whose time is more than
    /// `idle` after the batch of its last data, when the records of that batch are done. The function is called once more for
    /// such a key, with no value and with [`is_timing_out`](State::is_timing_out), and the state is gone afterwards.
    ///
    /// Every record of the key counts as data, also if the function does nothing with it. Time-outs come in an order that
    /// depends on the keys alone. Without a timeout states stay until they are removed.
    pub fn timeout(mut self, idle: Duration) -> StateSpec<K, V, S, R> {
        self.timeout = Some(idle);
        self
    }
}
