//! What the tests of `map_with_state` share.

use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, Scripted, TestProgram, TestRun};

pub(crate) type Outcome = Result<(), Error>;
pub(crate) type Spec<S, R> = StateSpec<String, i32, S, R>;
/// The mapped records of each batch, and the snapshots after it.
pub(crate) type Seen<R, P> = (Vec<Vec<R>>, Vec<Vec<P>>);
pub(crate) type Counts = Vec<(String, i32)>;

/// `a,b | a | []`: the keys of each batch.
pub(crate) fn keys(text: &str) -> Vec<Vec<String>> {
    let batch = |batch: &str| match batch.trim() {
        "[]" => Vec::new(),
        batch => batch.split(',').map(|key| key.trim().to_owned()).collect(),
    };
    text.split('|').map(batch).collect()
}

/// `a:1,b:3 | a:1 | []`: the pairs of each batch.
pub(crate) fn pairs(text: &str) -> Vec<Counts> {
    let pair = |text: String| {
        let (key, value) = text.split_once(':').unwrap();
        (key.to_owned(), value.parse().unwrap())
    };
    keys(text).into_iter().map(|batch| batch.into_iter().map(pair).collect()).collect()
}

/// `2,1 | []`: the numbers of each batch.
pub(crate) fn numbers(text: &str) -> Vec<Vec<i32>> {
    keys(text).into_iter().map(|batch| batch.iter().map(|number| number.parse().unwrap()).collect()).collect()
}

pub(crate) fn sorted<T: Ord>(mut batches: Vec<Vec<T>>) -> Vec<Vec<T>> {
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

/// A program with `spec` over the keys of `input`, each with a 1, and what is seen of it.
pub(crate) fn start<S, R>(
    input: Vec<Vec<String>>,
    spec: impl FnOnce(&StreamingContext) -> Spec<S, R>,
) -> (TestProgram, Probe<R>, Probe<(String, S)>)
where
    S: Record,
    R: Record,
{
    let program = |ssc: &StreamingContext| {
        let words = ssc.input_stream(Scripted::new(input)).map(|word| (word, 1));
        let mapped = words.map_with_state(spec(ssc));
        (mapped.probe(), mapped.state_snapshots().probe())
    };
    let (test, (mapped, snapshots)) = TestRun::new().start(program).unwrap();
    (test, mapped, snapshots)
}

/// What `spec` maps the keys of `input` to, each with a 1, and all states after each batch; both sorted.
pub(crate) fn run<S, R>(
    input: &str,
    spec: impl FnOnce(&StreamingContext) -> Spec<S, R>,
) -> Result<Seen<R, (String, S)>, Error>
where
    S: Record + Ord,
    R: Record + Ord,
{
    let input = keys(input);
    let batches = input.len() as u64;
    let (mut test, mapped, snapshots) = start(input, spec);
    test.advance(batches)?;
    test.stop()?;
    Ok((sorted(mapped.datasets()), sorted(snapshots.datasets())))
}

/// Adds `n` to the state and returns the sum.
pub(crate) fn add(n: Option<i32>, sum: &mut State<'_, i32>) -> i32 {
    let new = sum.get_option().unwrap_or(&0) + n.unwrap_or(0);
    sum.update(new);
    new
}
