//! `queue_stream`.

use crate::program::{Program, QUEUE_STREAM};

#[test]
fn every_digit_is_counted_a_hundred_times_in_each_batch() {
    let end = Program::start(QUEUE_STREAM, "--interval 200ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    let expected: Vec<_> = (0..10).map(|digit| (digit.to_string(), 100)).collect();
    for page in pages.iter().take(5) {
        let mut counts: Vec<_> = page.counts().collect();
        counts.sort();
        assert_eq!((counts, page.more), (expected.clone(), false));
    }
    assert!((5..=6).contains(&pages.len()), "the batch that was under way is finished: {pages:?}");
}

#[test]
fn number_of_batches_and_of_cores_is_what_it_was_told() {
    let end = Program::start(QUEUE_STREAM, "--interval 100ms --batches 1 --cores 1").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert_eq!(pages[0].records.len(), 10, "{pages:?}");
    assert!(pages[1..].iter().all(|page| page.records.is_empty()), "{pages:?}");
}
