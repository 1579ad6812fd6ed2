//! The rows of SPARK_SEMANTICS section 7 that are about time.

use crate::common::{Outcome, Spec, keys, run, start};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestInput, TestRun};

/// What is done with a record: the function of `script` looks it up by the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    Nothing,
    Update,
    Remove,
}

/// Runs a batch per element, each with a record of key `k` (`None` is a batch without records); returns the batches, from 1 on, in
/// which the key timed out, and those after which it had a state.
fn script(timeout: Option<u64>, batches: &[Option<Do>]) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let input = batches.iter().map(|record| record.iter().map(|_| "k".to_owned()).collect()).collect();
    let todo = batches.to_vec();
    let spec = Spec::<i32, bool>::function_with_time(move |batch, _, value, state| {
        match todo[(batch.millis() / 1000 - 1) as usize] {
            _ if state.is_timing_out() => assert_eq!(value, None),
            Some(Do::Update) => state.update(1),
            Some(Do::Remove) => state.remove(),
            Some(Do::Nothing) | None => {}
        }
        Some(state.is_timing_out())
    });
    let spec = match timeout {
        Some(idle) => spec.timeout(seconds(idle)),
        None => spec,
    };
    let (mut test, mapped, snapshots) = start(input, |_| spec);
    test.advance(batches.len() as u64)?;
    test.stop()?;
    let mapped = mapped.datasets();
    let numbers = |which: &dyn Fn(usize) -> bool| (0..batches.len()).filter(|n| which(*n)).map(|n| n + 1).collect();
    let snapshots = snapshots.datasets();
    Ok((numbers(&|n| mapped[n].contains(&true)), numbers(&|n| !snapshots[n].is_empty())))
}

const UPDATE: Option<Do> = Some(Do::Update);
const REMOVE: Option<Do> = Some(Do::Remove);
const NOTHING: Option<Do> = Some(Do::Nothing);

/// Batch 1 + 3 s is not before batch 4: the key goes in the next one.
/// S-4
#[test]
fn a_time_out_is_strict_and_comes_once() -> Outcome {
    let batches = [UPDATE, None, None, None, None, None, None];
    assert_eq!(script(Some(3), &batches)?, (vec![5], vec![1, 2, 3, 4]));
    assert_eq!(script(Some(1), &batches)?, (vec![3], vec![1, 2]));
    assert_eq!(script(Some(0), &batches)?, (vec![2], vec![1]));
    Ok(())
}

#[test]
fn without_a_timeout_a_state_stays() -> Outcome {
    assert_eq!(script(None, &[UPDATE, None, None, NOTHING, None])?, (vec![], vec![1, 2, 3, 4, 5]));
    Ok(())
}

#[test]
fn data_put_a_time_out_off_whatever_the_function_does() -> Outcome {
    assert_eq!(script(Some(2), &[UPDATE, None, NOTHING, None, None, None])?, (vec![6], vec![1, 2, 3, 4, 5]));
    assert_eq!(script(Some(2), &[UPDATE, None, UPDATE, None, None, None])?, (vec![6], vec![1, 2, 3, 4, 5]));
    Ok(())
}

/// S-4
#[test]
fn a_key_with_data_does_not_time_out_in_that_batch() -> Outcome {
    assert_eq!(script(Some(2), &[UPDATE, None, None, NOTHING, None])?, (vec![], vec![1, 2, 3, 4, 5]));
    assert_eq!(
        script(Some(2), &[UPDATE, None, None, REMOVE, None])?,
        (vec![], vec![1, 2, 3]),
        "also when it is removed"
    );
    Ok(())
}

#[test]
fn data_of_a_key_without_state_are_nothing_to_time_out() -> Outcome {
    assert_eq!(script(Some(1), &[NOTHING, None, None, REMOVE, None, None])?, (vec![], vec![]));
    Ok(())
}

#[test]
fn a_key_that_comes_back_is_as_old_as_its_new_data() -> Outcome {
    assert_eq!(script(Some(2), &[UPDATE, REMOVE, UPDATE, None, None, None])?, (vec![6], vec![1, 3, 4, 5]));
    assert_eq!(script(Some(1), &[UPDATE, None, None, UPDATE, None, None])?, (vec![3, 6], vec![1, 2, 4, 5]));
    Ok(())
}

#[test]
fn initial_states_are_as_old_as_the_first_batch() -> Outcome {
    let spec = |ssc: &StreamingContext| {
        let spec = Spec::function(|key: &String, n, _| (key.clone(), n));
        spec.timeout(seconds(1)).initial_state(ssc.parallelize([("a".to_owned(), 1), ("b".to_owned(), 2)], 2))
    };
    let (mapped, snapshots) = run("[] | a | [] | []", spec)?;
    let (a, b) = ("a".to_owned(), "b".to_owned());
    assert_eq!(mapped, [vec![], vec![(a.clone(), Some(1))], vec![(b, None)], vec![(a, None)]]);
    assert_eq!(snapshots.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 0]);
    Ok(())
}

#[test]
fn a_batch_without_a_dataset_still_looks_for_time_outs() -> Outcome {
    let words = TestInput::new();
    let (mut test, (mapped, snapshots)) = TestRun::new().start(|ssc| {
        let spec = StateSpec::function(|_: &String, n: Option<i32>, state: &mut State<'_, i32>| {
            if !state.is_timing_out() {
                state.update(1);
            }
            n
        });
        let mapped = words.stream(ssc).map(|word: &str| (word.to_owned(), 7)).map_with_state(spec.timeout(seconds(1)));
        (mapped.probe(), mapped.state_snapshots().probe())
    })?;
    words.push(["a"]);
    (0..3).for_each(|_| words.push_none());
    test.advance(4)?;
    assert_eq!(mapped.batches(), [Some(vec![Some(7)]), Some(vec![]), Some(vec![None]), Some(vec![])]);
    assert_eq!(snapshots.datasets().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0, 0]);
    test.stop()
}

/// The order of time-outs depends on the keys, not on when they came.
#[test]
fn time_outs_come_after_the_data_in_an_order_of_their_own() -> Outcome {
    let timed_out = |first: &str| {
        let spec = Spec::function(|key: &String, n, state| {
            if !state.is_timing_out() {
                state.update(0);
            }
            (n, key.clone())
        });
        let (mut test, mapped, _) = start(keys(first), |_| spec.num_partitions(1).timeout(seconds(1)));
        test.advance(3)?;
        test.stop()?;
        Ok::<_, Error>(mapped.datasets().remove(2))
    };
    let one = timed_out("a,b,c,d,e,f | [] | x,y")?;
    assert_eq!(one, timed_out("f,e,b,d,a,c | [] | x,y")?);
    assert_eq!(one[..2], [(Some(1), "x".to_owned()), (Some(1), "y".to_owned())]);
    assert_eq!(one.len(), 8);
    Ok(())
}
