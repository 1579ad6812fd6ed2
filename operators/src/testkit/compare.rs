//! Comparison of records whose order says nothing, such as those behind a shuffle.

use super::script::Script;
use std::fmt::{Debug, Write as _};

/// Differences that are listed; there may be more.
const LISTED: usize = 10;

/// Asserts that `actual` has the records of `expected`, each as often, in whatever order. The panic lists what is missing and
/// what is too much.
///
/// ```
/// use waterwheel_operators::testkit::assert_same_records;
///
/// assert_same_records(vec![("to", 2), ("be", 1)], [("be", 1), ("to", 2)]);
/// ```
#[track_caller]
#[expect(clippy::panic, reason = "it is an assertion")]
pub fn assert_same_records<T: Ord + Debug>(actual: impl IntoIterator<Item = T>, expected: impl IntoIterator<Item = T>) {
    let difference = difference(actual.into_iter().collect(), expected.into_iter().collect());
    if let Some(difference) = difference {
        panic!("the records differ:{difference}");
    }
}

/// [`assert_same_records`] batch by batch. Batches are lists of records, or options of them where one may have no dataset.
///
/// ```
/// use waterwheel_operators::testkit::{assert_same_batches, run};
///
/// let counts = run([vec!['b', 'a', 'b'], vec![]], |letters| letters.count_by_value())?;
/// assert_same_batches(counts, [vec![('a', 1), ('b', 2)], vec![]]);
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
#[track_caller]
#[expect(clippy::panic, reason = "it is an assertion")]
pub fn assert_same_batches<A, E>(actual: A, expected: E)
where
    A: Script,
    E: Script<Record = A::Record>,
    A::Record: Ord + Debug,
{
    if let Some(difference) = batches_difference(actual.into_batches(), expected.into_batches()) {
        panic!("the batches differ:{difference}");
    }
}

fn batches_difference<T: Ord + Debug>(actual: Vec<Option<Vec<T>>>, expected: Vec<Option<Vec<T>>>) -> Option<String> {
    let mut text = String::new();
    if actual.len() != expected.len() {
        let _ = write!(text, "\n  {} batches instead of {}", actual.len(), expected.len());
    }
    for (number, (actual, expected)) in (1..).zip(actual.into_iter().zip(expected)) {
        let difference = match (actual, expected) {
            (Some(actual), Some(expected)) => difference(actual, expected),
            (None, None) => None,
            (None, Some(_)) => Some("\n  no dataset".to_owned()),
            (Some(actual), None) => Some(format!("\n  a dataset of {} records, none was expected", actual.len())),
        };
        if let Some(difference) = difference {
            let _ = write!(text, "\nbatch {number}:{difference}");
        }
    }
    (!text.is_empty()).then_some(text)
}

/// What `actual` has too little and too much of; `None` when that is nothing.
fn difference<T: Ord + Debug>(mut actual: Vec<T>, mut expected: Vec<T>) -> Option<String> {
    actual.sort();
    expected.sort();
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    let (mut actual, mut expected) = (actual.into_iter().peekable(), expected.into_iter().peekable());
    loop {
        match (actual.peek(), expected.peek()) {
            (Some(one), Some(other)) if one == other => drop((actual.next(), expected.next())),
            (Some(one), Some(other)) if one > other => missing.extend(expected.next()),
            (Some(_), _) => unexpected.extend(actual.next()),
            (None, Some(_)) => missing.extend(expected.next()),
            (None, None) => break,
        }
    }
    let mut text = String::new();
    for (kind, records) in [("missing", missing), ("unexpected", unexpected)] {
        for record in records.iter().take(LISTED) {
            let _ = write!(text, "\n  {kind}: {record:?}");
        }
        if records.len() > LISTED {
            let _ = write!(text, "\n  {kind}: {} more", records.len() - LISTED);
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_how_often_a_record_comes_does() {
        assert_eq!(difference(vec![2, 1, 2], vec![1, 2, 2]), None);
        assert_eq!(difference(vec![2, 1, 2], vec![1, 2]).as_deref(), Some("\n  unexpected: 2"));
        assert_eq!(difference(vec![1], vec![2, 1, 1, 0]).unwrap(), "\n  missing: 0\n  missing: 1\n  missing: 2");
        assert_eq!(difference(vec!["b"], vec!["a"]).unwrap(), "\n  missing: \"a\"\n  unexpected: \"b\"");
    }

    #[test]
    fn only_the_first_differences_are_listed() {
        let text = difference((0..100).collect(), vec![5]).unwrap();
        assert_eq!(text.lines().count(), 1 + LISTED + 1);
        assert!(text.ends_with("unexpected: 89 more"), "{text}");
    }

    #[test]
    fn batches_are_compared_one_by_one_and_no_dataset_is_no_empty_one() {
        let (actual, expected) = ([Some(vec![2, 1]), None], [Some(vec![1, 2]), None]);
        assert_eq!(batches_difference(actual.to_vec(), expected.to_vec()), None);
        let (actual, expected) =
            ([Some(vec![1]), None, Some(vec![1]), Some(vec![])], [Some(vec![]), Some(vec![]), None]);
        let text = batches_difference(actual.to_vec(), expected.to_vec()).unwrap();
        let lines = ["  4 batches instead of 3", "batch 1:", "  unexpected: 1", "batch 2:", "  no dataset", "batch 3:"];
        assert_eq!(text.lines().skip(1).take(6).collect::<Vec<_>>(), lines);
        assert!(text.ends_with("a dataset of 1 records, none was expected"), "{text}");
    }

    #[test]
    #[should_panic(expected = "missing: 3")]
    fn the_assertion_panics() {
        assert_same_records([1, 2], [1, 2, 3]);
    }
}
