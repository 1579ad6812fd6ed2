//! Windows against recomputation from scratch, on random programs and inputs.

use proptest::prelude::*;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;

/// A batch, or none.
type Batch = Option<Vec<(u8, String)>>;

fn scripts() -> impl Strategy<Value = Vec<Batch>> {
    let record = (0..6u8, "[a-z]{1,2}");
    let batch = prop_oneof![
        1 => Just(None),
        2 => Just(Some(Vec::new())),
        5 => proptest::collection::vec(record, 1..12).prop_map(Some),
    ];
    proptest::collection::vec(batch, 1..28)
}

/// Length and slide, in batches.
fn windows() -> impl Strategy<Value = (usize, usize)> {
    (1..18usize, 1..7usize)
}

/// The records of every window of (`length`, `slide`) over `batches`, in order of time: partial at the start, and present even
/// when no batch of it has a dataset.
fn expected<T: Clone>(batches: &[Option<Vec<T>>], (length, slide): (usize, usize)) -> Vec<Option<Vec<T>>> {
    let window = |end: usize| {
        let begin = end.saturating_sub(length);
        let records = batches.iter().take(end).skip(begin).flatten().flatten().cloned().collect();
        end.is_multiple_of(slide).then_some(records)
    };
    (1..=batches.len()).map(window).collect()
}

fn run<T: Data>(
    batches: &[Batch],
    cores: usize,
    program: impl for<'c> FnOnce(DStream<'c, (u8, String)>) -> DStream<'c, T>,
) -> Vec<Vec<T>> {
    TestRun::new().cores(cores).partitions(3).run(batches.to_vec(), program).unwrap()
}

fn batches_of(n: usize) -> Duration {
    seconds(n as u64)
}

/// Values by key, in the order in which keys appear.
fn grouped(records: &[(u8, String)]) -> Vec<(u8, Vec<String>)> {
    let mut groups: Vec<(u8, Vec<String>)> = Vec::new();
    for (key, value) in records {
        match groups.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((*key, vec![value.clone()])),
        }
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn oracle_a_window_is_the_batches_in_it(batches in scripts(), (length, slide) in windows()) {
        let found = run(&batches, 2, |records| records.window(batches_of(length), batches_of(slide)));
        prop_assert_eq!(found, expected(&batches, (length, slide)).into_iter().flatten().collect::<Vec<_>>());
    }

    /// Joining texts is associative and not commutative: a wrong order of merging would show, and so would a batch too many.
    #[test]
    fn oracle_a_reduced_window_is_reduced_in_order_of_time(
        batches in scripts(), (length, slide) in windows(), cores in 1..4usize, partitions in 1..4usize,
    ) {
        let found = run(&batches, cores, |records| {
            records.reduce_by_key_and_window_with(|a, b| a + &b, batches_of(length), batches_of(slide), 1)
        });
        let joined = |window: Vec<(u8, String)>| grouped(&window).into_iter().map(|(key, texts)| (key, texts.concat())).collect();
        let expected: Vec<Vec<(u8, String)>> = expected(&batches, (length, slide)).into_iter().flatten().map(joined).collect();
        prop_assert_eq!(&found, &expected, "record for record");

        let spread = run(&batches, cores, |records| {
            records.reduce_by_key_and_window_with(|a, b| a + &b, batches_of(length), batches_of(slide), partitions)
        });
        let sorted = |windows: &[Vec<(u8, String)>]| windows.iter().cloned().map(|mut window| { window.sort(); window }).collect::<Vec<_>>();
        prop_assert_eq!(sorted(&spread), sorted(&expected));
    }

    #[test]
    fn oracle_a_grouped_window_has_its_values_in_order_of_time(batches in scripts(), (length, slide) in windows()) {
        let found = run(&batches, 2, |records| records.group_by_key_and_window_with(batches_of(length), batches_of(slide), 1));
        let expected: Vec<_> = expected(&batches, (length, slide)).into_iter().flatten().map(|window| grouped(&window)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn oracle_reduce_by_window_is_the_reduction_of_the_records(batches in scripts(), (length, slide) in windows()) {
        let found = run(&batches, 2, |records| {
            records.map(|(_, text)| text).reduce_by_window(|a, b| a + &b, batches_of(length), batches_of(slide))
        });
        let joined = |window: Vec<(u8, String)>| -> Vec<String> {
            let texts: Vec<String> = window.into_iter().map(|(_, text)| text).collect();
            if texts.is_empty() { Vec::new() } else { vec![texts.concat()] }
        };
        prop_assert_eq!(found, expected(&batches, (length, slide)).into_iter().flatten().map(joined).collect::<Vec<_>>());
    }

    #[test]
    fn oracle_a_window_of_windows_is_the_windows_in_it(
        batches in scripts(), inner in (1..6usize, 1..4usize), outer in (1..4usize, 1..3usize),
    ) {
        let (length, slide) = inner;
        let found = run(&batches, 2, |records| {
            let inner = records.window(batches_of(length), batches_of(slide));
            inner.window(batches_of(slide * outer.0), batches_of(slide * outer.1))
        });
        let windows: Vec<_> = expected(&batches, inner).into_iter().flatten().map(Some).collect();
        prop_assert_eq!(found, expected(&windows, outer).into_iter().flatten().collect::<Vec<_>>());
    }

    #[test]
    fn oracle_a_reduced_window_over_a_window(
        batches in scripts(), inner in (1..6usize, 1..4usize), outer in (1..9usize, 1..3usize),
    ) {
        let (length, slide) = inner;
        let found = run(&batches, 2, |records| {
            let inner = records.window(batches_of(length), batches_of(slide));
            inner.reduce_by_key_and_window_with(|a, b| a + &b, batches_of(slide * outer.0), batches_of(slide * outer.1), 1)
        });
        let windows: Vec<_> = expected(&batches, inner).into_iter().flatten().map(Some).collect();
        let joined = |window: Vec<(u8, String)>| grouped(&window).into_iter().map(|(key, texts)| (key, texts.concat())).collect();
        let expected: Vec<Vec<(u8, String)>> = expected(&windows, outer).into_iter().flatten().map(joined).collect();
        prop_assert_eq!(found, expected);
    }

    /// Every pair of values that a key has in both windows, this side's first.
    #[test]
    fn oracle_windowed_joins_join_what_is_in_both_windows(
        batches in scripts(), (left, slide) in windows(), right in 1..9usize,
    ) {
        let found = run(&batches, 2, |records| {
            let short = records.filter(|(_, text)| text.len() == 1).window(batches_of(left), batches_of(slide));
            let long = records.filter(|(_, text)| text.len() == 2).window(batches_of(right), batches_of(slide));
            short.join_with(&long, 1)
        });
        let of_length = |length| batches.iter().map(|batch| {
            batch.as_ref().map(|records| records.iter().filter(|(_, text)| text.len() == length).cloned().collect())
        }).collect::<Vec<Batch>>();
        let (short, long) = (expected(&of_length(1), (left, slide)), expected(&of_length(2), (right, slide)));
        let joined = |(short, long): (Batch, Batch)| {
            let (short, long) = (short?, long?);
            let rows = short.iter().flat_map(|(key, a)| {
                long.iter().filter(move |(other, _)| other == key).map(move |(_, b)| (*key, (a.clone(), b.clone())))
            });
            Some(rows.collect::<Vec<_>>())
        };
        let expected: Vec<_> = short.into_iter().zip(long).filter_map(joined).collect();
        prop_assert_eq!(found, expected);
    }
}
