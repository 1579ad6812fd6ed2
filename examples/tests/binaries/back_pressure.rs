//! `back_pressure`.

use crate::program::{BACK_PRESSURE, Program, command};

/// The numbers of a line: batch, records, waited, took, next rate, committed, spilled, shed.
fn row(line: &str) -> Option<Vec<f64>> {
    let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    (numbers.len() == 8).then_some(numbers)
}

/// The rows of a run in batches of 100 ms.
fn rows(arguments: &str) -> Vec<Vec<f64>> {
    let end = Program::start(BACK_PRESSURE, &format!("--interval 100ms {arguments}")).end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    assert!(end.out.iter().any(|line| line.contains("--overload spill")), "it says what else to try: {:?}", end.out);
    end.out.iter().filter_map(|line| row(line)).collect()
}

#[test]
fn the_first_batch_is_small_and_the_source_is_held_to_what_the_sink_can_take() {
    let rows = rows("--batches 15 --cores 2");
    assert!(rows.len() >= 15, "{rows:?}");
    let with_records = || rows.iter().filter(|row| row[1] > 0.0);
    assert!(with_records().next().is_some_and(|row| row[1] <= 200.0), "{rows:?}");
    // Two cores write 200,000 a second at most, and batches may hold what they can write.
    assert!(rows.iter().all(|row| row[4] < 400_000.0), "{rows:?}");
    assert!(rows.iter().all(|row| row[6] == 0.0 && row[7] == 0.0), "{rows:?}");
    let all: f64 = rows.iter().map(|row| row[1]).sum();
    assert_eq!(rows.last().map(|row| row[5]), Some(all));
}

#[test]
fn what_is_too_much_is_dropped_or_lies_in_files_as_it_is_told() {
    let shed = rows("--batches 5 --cores 1 --overload shed");
    assert!(shed.last().is_some_and(|row| row[7] > 0.0), "{shed:?}");
    let spilled = rows("--batches 5 --cores 1 --overload spill");
    assert!(spilled.iter().any(|row| row[6] > 0.0), "{spilled:?}");
    assert_eq!(spilled.last().map(|row| row[6]), Some(0.0), "the graceful stop takes the rest: {spilled:?}");
}

#[test]
fn without_an_estimator_there_is_no_rate_to_show() {
    let mut unrated = command(BACK_PRESSURE, "--interval 100ms --batches 3");
    unrated.env("WATERWHEEL_BACKPRESSURE__ESTIMATOR", "none");
    let end = Program::spawn(unrated).end();
    assert_eq!(end.code, Some(0));
    assert!(end.out.iter().filter(|line| line.contains(" any ")).count() >= 3, "{:?}", end.out);
}
