//! The rows of SPARK_SEMANTICS section 6.

use crate::common::{Counts, Outcome, Spec, add, numbers, pairs, run, sorted, start};
use std::collections::BTreeSet;
use waterwheel_operators::StateMisuse;
use waterwheel_operators::prelude::*;

const INPUT: &str = "[] | a | a,b | a,b,c | a,b | a | []";
const SNAPSHOTS: &str = "[] | a:1 | a:2,b:1 | a:3,b:2,c:1 | a:4,b:3,c:1 | a:5,b:3,c:1 | a:5,b:3,c:1";

#[test]
fn basic_operations_with_simple_api() -> Outcome {
    let (mapped, snapshots) = run(INPUT, |_| Spec::function(|_, n, sum| add(n, sum)))?;
    assert_eq!(mapped, sorted(numbers("[] | 1 | 2,1 | 3,2,1 | 4,3 | 5 | []")));
    assert_eq!(snapshots, pairs(SNAPSHOTS));
    Ok(())
}

#[test]
fn basic_operations_with_advanced_api() -> Outcome {
    let spec = Spec::function_with_time(|_, key, n, sum| {
        add(n, sum);
        Some(key.repeat(2))
    });
    let (mapped, snapshots) = run(INPUT, |_| spec)?;
    assert_eq!(mapped, crate::common::keys("[] | aa | aa,bb | aa,bb,cc | aa,bb | aa | []"));
    assert_eq!(snapshots, pairs(SNAPSHOTS));
    Ok(())
}

#[test]
fn the_advanced_api_gets_the_time_of_the_batch() -> Outcome {
    let spec = Spec::<i32, (i64, String)>::function_with_time(|batch, key, _, _| Some((batch.millis(), key.clone())));
    let (mapped, _) = run("a | [] | b", |_| spec)?;
    assert_eq!(mapped, [vec![(1000, "a".to_owned())], vec![], vec![(3000, "b".to_owned())]]);
    Ok(())
}

#[test]
fn states_as_mapped_data() -> Outcome {
    let (mapped, snapshots) = run(INPUT, |_| Spec::function(|key: &String, n, sum| (key.clone(), add(n, sum))))?;
    assert_eq!(mapped, pairs("[] | a:1 | a:2,b:1 | a:3,b:2,c:1 | a:4,b:3 | a:5 | []"));
    assert_eq!(snapshots, pairs(SNAPSHOTS));
    Ok(())
}

#[test]
fn initial_states_with_nothing_returned() -> Outcome {
    let spec = |ssc: &StreamingContext| {
        let spec = Spec::<i32, String>::function_with_time(|_, _, n, sum| {
            add(n, sum);
            None
        });
        spec.initial_state(ssc.parallelize(pairs("a:5,b:10,c:-20,d:0").concat(), 3))
    };
    let (mapped, snapshots) = run(INPUT, spec)?;
    assert_eq!(mapped, vec![Vec::<String>::new(); 7]);
    let expected = "a:5,b:10,c:-20,d:0 | a:6,b:10,c:-20,d:0 | a:7,b:11,c:-20,d:0 | a:8,b:12,c:-19,d:0 \
        | a:9,b:13,c:-19,d:0 | a:10,b:13,c:-19,d:0 | a:10,b:13,c:-19,d:0";
    assert_eq!(snapshots, pairs(expected));
    Ok(())
}

#[test]
fn state_removing() -> Outcome {
    let spec = Spec::function_with_time(|_, key: &String, n, state| {
        if state.exists() {
            state.remove();
            return Some(key.clone());
        }
        state.update(n.unwrap_or(0));
        None
    });
    let (mapped, snapshots) = run("[] | a | a,b | a,b,c | a,b,c | a,b | a | []", |_| spec)?;
    assert_eq!(mapped, crate::common::keys("[] | [] | a | b | a,c | b | a | []"));
    assert_eq!(snapshots, pairs("[] | a:1 | b:1 | a:1,c:1 | b:1 | a:1 | [] | []"));
    Ok(())
}

#[test]
fn state_timing_out() -> Outcome {
    let mut input = crate::common::keys("a,b,c | a,b | a | [] | [] | a");
    input.extend(vec![vec!["a".to_owned()]; 20]);
    let spec = Spec::function_with_time(|_, key: &String, n, state| {
        if state.is_timing_out() {
            assert_eq!((n, state.exists()), (None, true));
            return Some(key.clone());
        }
        state.update(n.unwrap_or(0));
        None
    });
    let (mut test, mapped, snapshots) = start(input, |_| spec.timeout(seconds(3)));
    test.advance(26)?;
    test.stop()?;

    let timed_out: Vec<String> = mapped.datasets().concat();
    assert_eq!(timed_out, ["c", "b"], "each exactly once, in order of time");
    let known = |counts: &Counts| counts.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
    let snapshots = snapshots.datasets();
    assert_eq!(known(&snapshots[0]), BTreeSet::from(["a", "b", "c"].map(str::to_owned)));
    assert_eq!(snapshots[25], [("a".to_owned(), 1)]);
    Ok(())
}

/// "state - get, exists, update, remove", as seen from inside the function; the rest of it is with `State`.
#[test]
fn the_flags_of_a_state_are_those_of_one_call() -> Outcome {
    type Flags = (bool, bool, bool, bool);
    let spec = Spec::<i32, (Flags, Flags)>::function(|_, _, state| {
        let flags =
            |state: &State<'_, i32>| (state.exists(), state.is_updated(), state.is_removed(), state.is_timing_out());
        let before = flags(state);
        if state.get() == Err(StateMisuse::Missing) {
            state.update(1)
        } else {
            state.remove()
        }
        (before, flags(state))
    });
    let (mapped, _) = run("a,a,a | a", |_| spec)?;
    let (none, known) = ((false, false, false, false), (true, false, false, false));
    let (updated, removed) = ((true, true, false, false), (false, false, true, false));
    let expected = [vec![(none, updated), (known, removed), (none, updated)], vec![(known, removed)]];
    assert_eq!(mapped, sorted(expected.to_vec()));
    Ok(())
}

/// MapWithStateRDDSuite, "states generated by MapWithStateRDD".
#[test]
fn records_of_one_key_are_applied_one_after_the_other() -> Outcome {
    let initial = |ssc: &StreamingContext| ssc.parallelize(pairs("k1:0,k2:0").concat(), 2);
    let spec = |ssc: &StreamingContext| Spec::function(|_, n, sum| add(n, sum)).initial_state(initial(ssc));
    let (mapped, snapshots) = run("k2,k3,k2 | []", spec)?;
    assert_eq!(mapped, [vec![1, 1, 2], vec![]], "nothing is called for a key without data");
    assert_eq!(snapshots, pairs("k1:0,k2:2,k3:1 | k1:0,k2:2,k3:1"));
    Ok(())
}
