//! `save_as_text_files`: what is on disk after a batch.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// Runs the batches of `script` through `save_as_text_files`.
fn save(script: Vec<Vec<(&'static str, u64)>>, prefix: &Path, suffix: &str) -> Result<(), Error> {
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone()))?;
    let batches = script.len() as u64;
    ssc.input_stream(Scripted::new(script)).save_as_text_files(prefix, suffix);
    let running = ssc.start()?;
    clock.advance(Duration::from_secs(batches));
    if !running.wait_for_batches(batches, Duration::from_secs(20)) {
        running.await_termination_or_timeout(Duration::ZERO)?;
    }
    running.stop(Stop::Graceful)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_batch_is_a_directory_with_a_part_per_partition_and_a_mark_of_success() {
    let home = tempfile::tempdir().unwrap();
    save(vec![vec![("to", 2), ("be", 1), ("or", 1)], vec![]], &home.path().join("counts"), "txt").unwrap();
    assert_eq!(names(home.path()), ["counts-1000.txt", "counts-2000.txt"]);
    let first = home.path().join("counts-1000.txt");
    assert_eq!(names(&first), ["_SUCCESS", "part-00000", "part-00001"]);
    assert_eq!(fs::read_to_string(first.join("part-00000")).unwrap(), "(to,2)\n");
    assert_eq!(fs::read_to_string(first.join("part-00001")).unwrap(), "(be,1)\n(or,1)\n");
    let second = home.path().join("counts-2000.txt");
    assert_eq!(fs::read_to_string(second.join("part-00000")).unwrap(), "", "an empty batch has empty parts");
}

#[test]
fn a_name_without_a_suffix_ends_with_the_time_and_missing_directories_are_made() {
    let home = tempfile::tempdir().unwrap();
    save(vec![vec![("a", 1)]], &home.path().join("deep/down/counts"), "").unwrap();
    assert_eq!(names(&home.path().join("deep/down")), ["counts-1000"]);
}

#[test]
fn a_batch_that_is_run_again_replaces_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let prefix = home.path().join("counts");
    save(vec![vec![("old", 1), ("older", 1)]], &prefix, "").unwrap();
    fs::File::create(home.path().join("counts-1000/part-00007")).unwrap();
    save(vec![vec![("new", 1)]], &prefix, "").unwrap();
    let batch = home.path().join("counts-1000");
    assert_eq!(names(&batch), ["_SUCCESS", "part-00000", "part-00001"]);
    assert_eq!(fs::read_to_string(batch.join("part-00001")).unwrap(), "(new,1)\n");
    assert_eq!(names(home.path()), ["counts-1000"], "nothing unfinished is left beside it");
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_the_user_s_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a-file");
    fs::File::create(&file).unwrap();
    let error = save(vec![vec![("a", 1)]], &file.join("counts"), "").unwrap_err().to_string();
    assert!(error.contains(&format!("{}", file.display())), "{error}");
    assert!(error.contains(&format!("save_as_text_files at {}:", file!())) && error.contains("1000 ms"), "{error}");
}
