//! What is wrong before anything runs: told all at once, each with the user's line.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers};
use std::time::Duration;
use waterwheel_operators::prelude::*;

#[test]
fn a_program_without_an_output_does_not_start() {
    let (ssc, _clock) = context(config());
    numbers(&ssc).map(|n| n + 1);
    let line = line!() + 1;
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("no output operation") && error.contains(&format!("{}:{line}:", file!())), "{error}");
}

#[test]
fn an_interval_is_a_positive_number_of_milliseconds() {
    for interval in [Duration::ZERO, Duration::from_micros(999), Duration::from_micros(1500)] {
        let line = line!() + 1;
        let error = StreamingContext::new(config(), interval).unwrap_err().to_string();
        assert!(error.contains(&format!("{interval:?}")) && error.contains("millisecond"), "{error}");
        assert!(error.contains(&format!("{}:{line}:", file!())), "{error}");
    }
    assert!(StreamingContext::new(config(), Duration::from_millis(1)).is_ok());
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let broken = config().with_cores(0).with_app_name("").with_concurrent_jobs(0);
    let error = StreamingContext::new(broken, seconds(1)).unwrap_err();
    let Error::Config(error) = error else { panic!("{error}") };
    let keys: Vec<_> = error.problems().iter().filter_map(|problem| problem.key()).collect();
    assert_eq!(keys.len(), 3, "{error}");
    assert!(["app_name", "cores", "concurrent_jobs"].iter().all(|key| keys.contains(key)), "{error}");
}
/// F-7
#[test]
fn all_misuses_are_told_at_once_each_with_its_line() {
    let (ssc, _clock) = context(config());
    let (other, _) = context(config());
    let first = line!() + 1;
    ssc.union::<i64>(&[]);
    let second = line!() + 1;
    numbers(&ssc).union(&numbers(&other));
    let third = line!() + 1;
    let error = ssc.start().unwrap_err();
    let Error::Misuse(misuse) = &error else { panic!("{error}") };
    let lines: Vec<_> = misuse.misuses.iter().map(|misuse| misuse.site.location.line()).collect();
    assert_eq!(lines, [first, second, third], "{error}");
    assert!(error.to_string().starts_with("3 problems:"), "{error}");
}

#[test]
fn a_chain_that_no_stack_would_hold_is_told_instead_of_overflowing_it() {
    let (ssc, _) = context(config());
    let long = (0..5000).fold(numbers(&ssc), |stream, _| stream.map(|n| n + 1));
    long.foreach_rdd(|_| {});
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("5001 operators") && error.contains("no more than 256"), "{error}");
}

#[test]
fn the_longest_chain_that_is_allowed_is_computed() {
    let (ssc, clock) = context(config());
    let seen = Seen::default();
    let theirs = seen.clone();
    let long = (0..255).fold(numbers(&ssc), |stream, _| stream.map(|n| n + 1));
    long.foreach_rdd(move |numbers| numbers.collect().map(|numbers| theirs.note(numbers)));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(1, PATIENCE));
    assert_eq!(seen.all(), [[256]]);
}
