//! The mapped stream and the snapshots as streams: their names, windows over them, and what they say in the plan.

use crate::common::{Counts, Outcome, Spec, add, keys, pairs, sorted};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun};

fn words<'c>(ssc: &'c StreamingContext, input: &str) -> DStream<'c, (String, i32)> {
    ssc.input_stream(Scripted::new(keys(input))).map(|word| (word, 1))
}

fn counting() -> Spec<i32, (String, i32)> {
    Spec::function(|key: &String, n, sum| (key.clone(), add(n, sum)))
}

#[test]
fn windows_read_the_records_of_earlier_batches() -> Outcome {
    let (mut test, (mapped, snapshots)) = TestRun::new().start(|ssc| {
        let mapped = words(ssc, "a | a,b | [] | b | []").map_with_state(counting());
        let window = mapped.window(seconds(2), seconds(1)).probe();
        (window, mapped.state_snapshots().window(seconds(2), seconds(2)).probe())
    })?;
    test.advance(5)?;
    test.stop()?;
    assert_eq!(sorted(mapped.datasets()), pairs("a:1 | a:1,a:2,b:1 | a:2,b:1 | b:2 | b:2"));
    assert_eq!(sorted(snapshots.datasets()), pairs("a:1,a:2,b:1 | a:2,a:2,b:1,b:2"));
    Ok(())
}

/// The states are those of every batch, though nobody looks at them in most.
#[test]
fn states_go_on_while_nobody_reads_them() -> Outcome {
    let (mut test, (first, last)) = TestRun::new().start(|ssc| {
        let mapped = words(ssc, "a | a,b,c,d,e | a | b").map_with_state(counting().num_partitions(3));
        mapped.foreach_rdd(|dataset| dataset.take(1).map(drop));
        (mapped.state_snapshots().window(seconds(1), seconds(4)).probe(), mapped.filter(|_| false).probe())
    })?;
    test.advance(4)?;
    test.stop()?;
    assert_eq!(sorted(first.datasets()), pairs("a:3,b:2,c:1,d:1,e:1"));
    assert_eq!(last.datasets(), vec![Counts::new(); 4]);
    Ok(())
}

#[test]
fn the_operator_has_the_name_that_it_is_given() -> Outcome {
    let ssc = StreamingContext::new(Config::local("names").with_handle_signals(false), seconds(1))?;
    let named = words(&ssc, "a").map_with_state(counting()).named("visits");
    named.state_snapshots().print();
    words(&ssc, "a").map_with_state(counting()).print();
    let names: Vec<String> = ssc.plan().operators.into_iter().map(|operator| operator.name).collect();
    assert!(names.contains(&"visits".to_owned()) && names.contains(&"map_with_state-2".to_owned()), "{names:?}");
    Ok(())
}

/// Datasets that are placed by the partitioner of the states are not shuffled once more.
#[test]
fn states_are_placed_by_their_partitioner() -> Outcome {
    let partitioner = Partitioner::custom(3, |key: &String| key.len());
    let theirs = partitioner.clone();
    let (mut test, slices) = TestRun::new().start(|ssc| {
        let mapped = words(ssc, "a,aa,b,aaa | bb").map_with_state(counting().partitioner(theirs));
        mapped.state_snapshots().glom().probe()
    })?;
    test.advance(2)?;
    test.stop()?;
    let slices = slices.datasets().into_iter().map(sorted);
    assert_eq!(slices.collect::<Vec<_>>(), ["aaa:1 | a:1,b:1 | aa:1", "aaa:1 | a:1,b:1 | aa:1,bb:1"].map(pairs));
    Ok(())
}
