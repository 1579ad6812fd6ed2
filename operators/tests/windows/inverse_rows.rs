//! Rows of SPARK_SEMANTICS sections 2, 17, 18 and 19 on windows with an inverse function, and what is right where Spark is not.

use super::rows::{BIG_INPUT, Counts, Outcome, SECOND, pairs, sorted};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun, run};

/// The sums of each key over windows of `length` every `slide`; with a filter, those that are not 0.
fn sums(input: &str, length: u64, slide: u64, filtered: bool) -> Result<Vec<Counts>, Error> {
    let sums = run(pairs(input), |pairs| {
        let (length, slide) = (seconds(length), seconds(slide));
        if filtered {
            let not_zero = InverseWindow::new().filter(|_, sum| *sum != 0);
            pairs.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, length, slide, not_zero)
        } else {
            pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, length, slide)
        }
    })?;
    Ok(sorted(sums))
}

#[test]
fn basic_reduction() -> Outcome {
    assert_eq!(sums("a:1,a:3", 2, 1, false)?, pairs("a:4"));
    Ok(())
}

#[test]
fn key_already_in_window_and_new_value_added() -> Outcome {
    assert_eq!(sums("a:1 | a:1", 2, 1, false)?, pairs("a:1 | a:2"));
    Ok(())
}

#[test]
fn new_key_added() -> Outcome {
    assert_eq!(sums("a:1 | a:1,b:1", 2, 1, false)?, pairs("a:1 | a:2,b:1"));
    Ok(())
}

#[test]
fn key_removed_from_window_stays_with_its_neutral_value() -> Outcome {
    assert_eq!(sums("a:1 | a:1 | [] | []", 2, 1, false)?, pairs("a:1 | a:2 | a:1 | a:0"));
    Ok(())
}

#[test]
fn larger_slide_time() -> Outcome {
    let input = "a:1 | a:2 | a:3 | a:4 | a:5 | a:6 | [] | []";
    assert_eq!(sums(input, 4, 2, false)?, pairs("a:3 | a:10 | a:18 | a:11"));
    assert_eq!(sums(input, 3, 2, false)?, pairs("a:3 | a:9 | a:15 | a:6"), "no multiple of each other");
    Ok(())
}

#[test]
fn big_test_zeros_stay() -> Outcome {
    let first = "a:1 | a:2,b:1 | a:2,b:2,c:1 | a:2,b:2,c:1 | a:2,b:1,c:0 | a:1,b:0,c:0";
    let second = "a:1,b:0,c:0 | a:2,b:1,c:0 | a:2,b:2,c:1 | a:2,b:2,c:1 | a:2,b:1,c:0 | a:1,b:0,c:0";
    assert_eq!(sums(BIG_INPUT, 2, 1, false)?, pairs(&format!("{first} | {second}")));
    Ok(())
}

#[test]
fn big_test_with_a_filter_is_the_naive_window() -> Outcome {
    let once = "a:1 | a:2,b:1 | a:2,b:2,c:1 | a:2,b:2,c:1 | a:2,b:1 | a:1";
    assert_eq!(sums(BIG_INPUT, 2, 1, true)?, pairs(&format!("{once} | {once}")));
    Ok(())
}

/// Trap 1: Spark has 7, 49, 385, 3073.
#[test]
fn slide_longer_than_the_window_takes_nothing_over() -> Outcome {
    let powers: Vec<String> = (0..12).map(|n| format!("a:{}", 1 << n)).collect();
    assert_eq!(sums(&powers.join("|"), 2, 3, false)?, pairs("a:6 | a:48 | a:384 | a:3072"));
    assert_eq!(sums(&powers.join("|"), 3, 3, false)?, pairs("a:7 | a:56 | a:448 | a:3584"), "nor one as long");
    Ok(())
}

/// Trap 2: the filter drops `a` at 2 s and 3 s, while its records are in the window. In Spark the job fails when they leave.
#[test]
fn a_key_that_is_filtered_out_while_it_is_in_the_window_loses_nothing() -> Outcome {
    let sums = run(pairs("a:1 | a:5 | b:1 | a:1 | [] | []"), |pairs| {
        let small = InverseWindow::new().filter(|_, sum| *sum < 5);
        pairs.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, seconds(2), SECOND, small)
    })?;
    assert_eq!(sorted(sums), pairs("a:1 | [] | b:1 | a:1,b:1 | a:1,b:0 | a:0,b:0"));
    Ok(())
}

/// What is forgotten begins anew, here with what its function makes of one value: no trace of what it was is left.
#[test]
fn a_key_that_comes_back_after_it_was_dropped_begins_anew() -> Outcome {
    let sums = run(pairs("a:1 | [] | [] | a:7"), |pairs| {
        let forget = InverseWindow::new().filter(|_, sum| *sum != 100).partitioner(3);
        // No inverse at all: a window that is empty has 100, whatever was in it.
        pairs.reduce_by_key_and_window_inverse_with(|a, b| a + b, |_, _| 100, SECOND, SECOND, forget)
    })?;
    assert_eq!(sums, pairs("a:1 | [] | [] | a:7"));
    Ok(())
}

/// Java: testReduceByKeyAndWindowWithInverse.
#[test]
fn california_and_new_york() -> Outcome {
    let input =
        "california:1,california:3,new york:2,new york:3 | california:5,california:5,new york:3,new york:1 | []";
    let expected = "california:4,new york:5 | california:14,new york:9 | california:10,new york:4";
    assert_eq!(sums(input, 2, 1, false)?, pairs(expected));
    Ok(())
}

#[test]
fn a_batch_without_a_dataset_brings_nothing_and_what_it_follows_leaves() -> Outcome {
    let input = [Some(vec![('a', 1)]), None, None, Some(vec![('a', 4)])];
    let sums =
        run(input, |pairs| pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), SECOND))?;
    assert_eq!(sums, [[('a', 1)], [('a', 1)], [('a', 0)], [('a', 4)]]);
    Ok(())
}

#[test]
fn reduce_by_window_has_a_record_from_the_first_data_on() -> Outcome {
    let input = [vec![], vec![1, 2], vec![3], vec![], vec![], vec![4]];
    let sums = run(input, |numbers| numbers.reduce_by_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), SECOND))?;
    assert_eq!(sums, [vec![], vec![3], vec![6], vec![3], vec![0], vec![4]]);
    Ok(())
}

/// Trap 3: nothing before the first data, 0 afterwards.
#[test]
fn count_by_window() -> Outcome {
    let counts = run([vec![1], vec![1], vec![1, 2], vec![0], vec![], vec![]], |numbers| {
        numbers.count_by_window(seconds(2), SECOND)
    })?;
    assert_eq!(counts, [[1], [2], [3], [3], [1], [0]]);
    let late = run([vec![], vec![], vec![7], vec![], vec![]], |numbers| numbers.count_by_window(seconds(2), SECOND))?;
    assert_eq!(late, [vec![], vec![], vec![1], vec![1], vec![0]]);
    Ok(())
}

/// Batch n has the numbers below n.
fn growing(batches: i32) -> Vec<Vec<i32>> {
    (1..=batches).map(|size| (0..size).collect()).collect()
}

/// Python: test_count_by_window, test_count_by_window_large.
#[test]
fn count_by_window_of_growing_batches() -> Outcome {
    let half = milliseconds(500);
    let counts = |input: Vec<Vec<i32>>, batches, length| {
        let test = TestRun::new().interval(half).batches(batches);
        test.run(input, |numbers| numbers.count_by_window(half * length, half)).map(|counts| counts.concat())
    };
    assert_eq!(counts(growing(5), 7, 3)?, [1, 3, 6, 9, 12, 9, 5]);
    assert_eq!(counts(growing(6), 10, 5)?, [1, 3, 6, 10, 15, 20, 18, 15, 11, 6]);
    Ok(())
}

#[test]
fn count_by_value_and_window_drops_what_has_left() -> Outcome {
    let words = |text: &str| -> Vec<Vec<String>> {
        text.split('|').map(|batch| batch.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let counts = |input: &str| -> Result<Vec<Vec<(String, u64)>>, Error> {
        let mut counts = run(words(input), |words| words.count_by_value_and_window(seconds(2), SECOND))?;
        counts.iter_mut().for_each(|window| window.sort());
        Ok(counts)
    };
    let expected = |text: &str| -> Vec<Vec<(String, u64)>> {
        let count = |(word, count): (String, i32)| (word, u64::try_from(count).unwrap());
        sorted(pairs(text)).into_iter().map(|window| window.into_iter().map(count).collect()).collect()
    };
    assert_eq!(counts("a | b b | a b")?, expected("a:1 | a:1,b:2 | a:1,b:3"));
    // Java: testCountByValueAndWindow.
    let java = "hello:1,world:1 | hello:2,world:1,moon:1 | hello:2,moon:1";
    assert_eq!(counts("hello world | hello moon | hello")?, expected(java));
    Ok(())
}

/// Python: test_count_by_value_and_window.
#[test]
fn count_by_value_and_window_of_growing_batches() -> Outcome {
    let half = milliseconds(500);
    let test = TestRun::new().interval(half).batches(10);
    let counts = test.run(growing(6), |numbers| numbers.count_by_value_and_window_with(half * 5, half, 2))?;
    let expected = "0:1 | 0:2,1:1 | 0:3,1:2,2:1 | 0:4,1:3,2:2,3:1 | 0:5,1:4,2:3,3:2,4:1 | 0:5,1:5,2:4,3:3,4:2,5:1 | \
        0:4,1:4,2:4,3:3,4:2,5:1 | 0:3,1:3,2:3,3:3,4:2,5:1 | 0:2,1:2,2:2,3:2,4:2,5:1 | 0:1,1:1,2:1,3:1,4:1,5:1";
    let text = |window: Vec<(i32, u64)>| -> Counts {
        window.into_iter().map(|(number, count)| (number.to_string(), i32::try_from(count).unwrap())).collect()
    };
    assert_eq!(sorted(counts.into_iter().map(text).collect()), pairs(expected));
    Ok(())
}

/// The state belongs to the name, wherever in the operator it is.
#[test]
fn the_parts_of_a_window_are_called_after_it() {
    let ssc = StreamingContext::new(Config::local("test"), SECOND).unwrap();
    let numbers = ssc.input_stream(Scripted::new([vec![1]])).named("numbers");
    numbers.count_by_window(seconds(2), SECOND).named("total");
    numbers.count_by_value_and_window(seconds(3), seconds(2)).named("each");
    let names: Vec<String> = ssc.plan().operators.into_iter().map(|operator| operator.name).collect();
    let total = ["total/keyed", "total/batches", "total/reduced", "total"];
    let each = ["each/ones", "each/batches", "each/window", "each"];
    assert_eq!(names[1..], [total, each].concat());
}
