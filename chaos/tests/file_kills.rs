//! A few deaths of a program that reads directories of files, while files are renamed in, grow and are rotated.

use std::time::Duration;
use waterwheel_chaos::death::Death;
use waterwheel_chaos::files::subject::Home;
use waterwheel_chaos::files::trial::Trial;
use waterwheel_chaos::trial::scratch;

/// Around what is durable of a batch's files: before and after its range, its record, and whatever the keeper writes.
const POINTS: [&str; 9] = [
    "scheduler.before_ranges=kill@1",
    "scheduler.after_ranges=kill@2",
    "keeper.before_write=kill@3",
    "scheduler.before_ranges=kill@4",
    "keeper.after_write=kill@5",
    "scheduler.before_commit=kill@2",
    "files.after_place=kill@3",
    "scheduler.after_ranges=abort@1",
    "tracker.after_log=kill@6",
];

/// K-1
#[test]
fn each_line_is_in_one_batch_of_a_program_that_dies_at_a_fail_point_or_at_any_time() {
    let at_points = POINTS.map(|order| Death::At(order.parse().unwrap()));
    let at_times = [0, 300, 40, 700, 150].map(|millis| Death::After(Duration::from_millis(millis)));
    let home = scratch().unwrap();
    let trial = Trial {
        program: env!("CARGO_BIN_EXE_chaos_files_subject").into(),
        home: Home::new(home.path()),
        deaths: at_points.into_iter().chain(at_times).collect(),
        seed: 7,
    };
    let report = trial.run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.as_ordered, POINTS.len(), "every point is passed");
    assert!(report.written.lines > 0 && report.wrong.is_empty(), "{report:#?}");
}
