//! Functions that fail: they are named with their line, and states stay as they were.

use crate::common::{Outcome, Spec, add, keys, pairs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, Scripted, TestProgram, TestRun};

type Started = (TestProgram, Probe<i32>, Probe<(String, i32)>);

/// A program with `spec` over the keys of `input`, in one partition.
#[track_caller]
fn start(policy: FailurePolicy, input: &str, spec: Spec<i32, i32>) -> Started {
    let input = keys(input);
    let run = TestRun::new().configure(|config| config.with_failure_policy(policy));
    let (test, (mapped, snapshots)) = run
        .start(|ssc| {
            let words = ssc.input_stream(Scripted::new(input)).map(|word| (word, 1));
            let mapped = words.map_with_state(spec.num_partitions(1));
            (mapped.probe(), mapped.state_snapshots().probe())
        })
        .unwrap();
    (test, mapped, snapshots)
}

/// The line of `map_with_state` above.
fn line() -> u32 {
    let before = include_str!("failing.rs").lines().take_while(|line| !line.contains("map_with_state(spec."));
    before.count() as u32 + 1
}

/// Runs a batch with key `a` and returns how `spec` ended the program.
fn fault(spec: Spec<i32, i32>) -> Result<String, Error> {
    let (mut test, ..) = start(FailurePolicy::Stop, "a", spec);
    assert!(test.advance(1).is_err());
    let error = test.into_failure()?.to_string();
    assert!(error.contains(&format!("map_with_state at {}:{}:", file!(), line())), "{error}");
    assert!(error.contains("partition 0 of batch 1000 ms"), "{error}");
    Ok(error)
}

#[test]
fn a_state_that_is_used_wrongly_fails_the_task_whatever_the_function_returns() -> Outcome {
    let error = fault(Spec::function(|_, _, state| {
        state.remove();
        state.update(1);
        7
    }))?;
    assert!(error.contains("`update` after `remove`"), "{error}");

    let (mut test, ..) = start(FailurePolicy::Stop, "a | [] | []", Spec::function(add_or_update).timeout(seconds(1)));
    assert!(test.advance(3).is_err());
    let error = test.into_failure()?.to_string();
    assert!(error.contains("`update` while the state times out") && error.contains("batch 3000 ms"), "{error}");
    Ok(())
}

/// Updates also when it must not.
fn add_or_update(_: &String, n: Option<i32>, sum: &mut State<'_, i32>) -> i32 {
    add(n, sum)
}

#[test]
fn an_error_of_the_function_fails_the_task() -> Outcome {
    let error = fault(Spec::try_function(|_, _, state| state.get().copied()))?;
    assert!(error.contains("`get` for a key that has no state"), "{error}");
    let error = fault(Spec::try_function_with_time(|_, _, _, _| Err("no such account")))?;
    assert!(error.contains("no such account"), "{error}");
    let error = fault(Spec::function(|_, _, state| *state.get().unwrap()))?;
    assert!(error.contains("panicked") && error.contains("Missing"), "{error}");
    Ok(())
}

/// A function that panics at `b`, the first `times` times.
fn failing(times: u32) -> (Spec<i32, i32>, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let spec = Spec::function(move |key: &String, n, sum: &mut State<'_, i32>| {
        assert!(key != "b" || counted.fetch_add(1, Ordering::Relaxed) >= times, "not yet");
        if sum.is_timing_out() { -1 } else { add(n, sum) }
    });
    (spec, calls)
}

/// S-2
#[test]
fn a_task_that_is_tried_again_finds_the_states_as_they_were() -> Outcome {
    let (spec, calls) = failing(3);
    let (mut test, mapped, snapshots) = start(FailurePolicy::Stop, "a | a,c,b,a | a", spec);
    test.advance(3)?;
    test.stop()?;
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    assert_eq!(mapped.datasets(), [vec![1], vec![2, 1, 1, 3], vec![4]]);
    assert_eq!(crate::common::sorted(snapshots.datasets()), pairs("a:1 | a:3,b:1,c:1 | a:4,b:1,c:1"));
    Ok(())
}

/// S-2
#[test]
fn a_batch_that_is_given_up_leaves_the_states_as_they_were() -> Outcome {
    let spec = Spec::function_with_time(|batch, key: &String, n, sum: &mut State<'_, i32>| {
        assert!(key != "b" || batch != Time::from_millis(2000), "not in this batch");
        Some(if sum.is_timing_out() { -1 } else { add(n, sum) })
    });
    let (mut test, mapped, snapshots) =
        start(FailurePolicy::Skip, "a | a,c,b,a | a,b | [] | []", spec.timeout(seconds(1)));
    test.advance(5)?;
    test.stop()?;
    assert_eq!(mapped.datasets(), [vec![1], vec![2, 1], vec![], vec![-1, -1]]);
    assert_eq!(crate::common::sorted(snapshots.datasets()), pairs("a:1 | a:2,b:1 | a:2,b:1 | []"));
    Ok(())
}

/// A batch that is skipped because of an output is done all the same: what it did to the states stays.
#[test]
fn a_batch_whose_output_fails_keeps_what_it_did_to_the_states() -> Outcome {
    let run = TestRun::new().configure(|config| config.with_failure_policy(FailurePolicy::Skip));
    let (mut test, snapshots) = run.start(|ssc| {
        let words = ssc.input_stream(Scripted::new(keys("a | a,b,c | [] | b | [] | []"))).map(|word| (word, 1));
        let spec = Spec::function(|_, n, sum: &mut State<'_, i32>| if sum.is_timing_out() { -1 } else { add(n, sum) });
        let mapped = words.map_with_state(spec.num_partitions(2).timeout(seconds(1)));
        mapped.foreach_rdd(|dataset| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            if dataset.collect()? == [1] { Ok(()) } else { Err("no".into()) }
        });
        mapped.state_snapshots().probe()
    })?;
    test.advance(6)?;
    test.stop()?;
    let expected = pairs("a:1 | a:2,b:1,c:1 | a:2,b:1,c:1 | b:2 | b:2 | []");
    assert_eq!(crate::common::sorted(snapshots.datasets()), expected);
    Ok(())
}

/// What an output reads again is not made again.
/// S-3
#[test]
fn outputs_read_the_records_without_calling_the_function_again() -> Outcome {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let (mut test, (one, two)) = TestRun::new().start(|ssc| {
        let words = ssc.input_stream(Scripted::new(keys("a,b,a | c"))).map(|word| (word, 1));
        let mapped = words.map_with_state(Spec::function(move |_, n, sum: &mut State<'_, i32>| {
            counted.fetch_add(1, Ordering::Relaxed);
            add(n, sum)
        }));
        mapped.foreach_rdd(|dataset| dataset.count().and(dataset.count()).map(drop));
        (mapped.probe(), mapped.map(|n| n * 10).probe())
    })?;
    test.advance(2)?;
    test.stop()?;
    let sorted = crate::common::sorted;
    assert_eq!(sorted(one.datasets()), [vec![1, 1, 2], vec![1]]);
    assert_eq!(sorted(two.datasets()), [vec![10, 10, 20], vec![10]]);
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    Ok(())
}
