//! A few deaths of the program under test, at chosen places; `make chaos` has many, at random ones.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::time::Duration;
use waterwheel_chaos::death::Death;
use waterwheel_chaos::source::Source;
use waterwheel_chaos::subject::pipeline::Home;
use waterwheel_chaos::trial::{RATE, Trial, scratch};

/// Point, kind and occurrence, by directory: each run of a directory goes on where the last one died.
const CASES: &[&[&str]] = &[
    &[
        "keeper.after_write=kill@1",
        "receiver.after_put=kill@2",
        "receiver.after_add=kill@3",
        "keeper.before_write=kill@9",
        "scheduler.after_allocate=kill@2",
        "scheduler.before_commit=panic@3",
        "tracker.after_log=abort@7",
    ],
    &[
        "scheduler.after_ranges=kill@2",
        "two_step.after_prepare=kill@4",
        "two_step.before_abort=kill@1",
        "files.after_place=kill@3",
        "two_step.before_commit=kill@2",
    ],
    // Around the write that holds a block's event and the position of its source.
    &["log.after_block=kill@4", "log.before_append=kill@5", "log.after_append=kill@4", "receiver.after_add=kill@5"],
];

#[test]
fn nothing_is_lost_or_counted_twice_by_a_program_that_dies_at_a_fail_point() {
    for deaths in CASES {
        let deaths: Vec<Death> = deaths.iter().map(|order| Death::At(order.parse().unwrap())).collect();
        check(deaths);
    }
}

#[test]
fn nothing_is_lost_or_counted_twice_by_a_program_that_is_killed_at_any_time() {
    check([250, 40, 600].map(|millis| Death::After(Duration::from_millis(millis))).to_vec());
}

fn check(deaths: Vec<Death>) {
    let home = scratch().unwrap();
    let trial = Trial {
        program: env!("CARGO_BIN_EXE_chaos_subject").into(),
        home: Home::new(home.path()),
        source: Source::Reliable,
        seed: 0,
        skipping: Trial::has_to_skip(&deaths),
        deaths,
        rate: RATE,
    };
    let report = trial.run().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.findings.is_clean() && report.findings.records > 0, "{:?}: {}", report.died, report.findings);
}
